"""Cases as a folder of backend tests, as ONNX's own: simple/test_NAME with a model and its data.

ONNX's Conv and ConvTranspose have channels first, filters (OC, C / groups, ...) or (C, OC / groups,
...), and one tolerance for a test, here the largest bound of its outputs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from parity.model.case import Array
from parity.model.geometry import Geometry
from parity.vectors.manifest import Tensor, Tolerance, Vector
from parity.vectors.values import Values

KIND = "simple"  # which its loader reads from any folder; "node" only from its own
_IR, _OPSET, _OF_BFLOAT16 = 10, 11, 22  # the first operator sets that say all that is needed
_NAMES = ("input_0", "input_1", "output_0")


@dataclass(frozen=True)
class Node:
    """An operator's name and attributes, and its arrays: X, W, Y."""

    operator: str
    attributes: dict[str, Any]
    arrays: tuple[Array, Array, Array]


def inexpressible(values: Values) -> str:
    """Say why ONNX has no test of a case; "" if it has one."""
    case, it = values.case, Geometry.of(values.case)
    for there, reason in (
        (case.of.gives == "filters", "no operator of ONNX gives the gradient of filters"),
        (case.pointwise, "a separable convolution is two operators of ONNX"),
        (case.dtype == "int32", "Conv and ConvTranspose take no int32"),
        (len(it.lead) > 1, "more than one batch dimension"),
        (any(a.interleaved for a in it.axes), "no operator strides and dilates as this one does"),
        (any(0 in one.shape for one in values.arrays.values()), "empty arrays"),
        (not _finite(values), "inf, NaN or overflow: one tolerance cannot say what it allows"),
    ):
        if there:
            return reason
    return ""


def _finite(values: Values) -> bool:
    return all(np.isfinite(one.astype(np.float64)).all() for one in values.arrays.values())


def write(folder: Path, named: Mapping[str, tuple[str, Values]]) -> list[Vector]:
    """Write cases that ONNX can express, each with why it is there; return what a manifest says."""
    from onnx import TensorProto, helper, numpy_helper

    vectors = []
    for name, (why, values) in named.items():
        node, bound = translated(values), float(values.arrays["bound"].max())
        of_data = folder / KIND / f"test_{name}" / "test_data_set_0"
        of_data.mkdir(parents=True)
        opset = _OF_BFLOAT16 if values.case.dtype == "bfloat16" else _OPSET
        kind = getattr(TensorProto, _KINDS[values.case.dtype])
        x, w, y = (
            helper.make_tensor_value_info(one, kind, array.shape)
            for one, array in zip("XWY", node.arrays, strict=True)
        )
        operator = helper.make_node(node.operator, ["X", "W"], ["Y"], **node.attributes)
        model = helper.make_model(
            helper.make_graph([operator], name, [x, w], [y]),
            producer_name="parity",
            ir_version=_IR,
            opset_imports=[helper.make_opsetid("", opset)],
        )
        (of_data.parent / "model.onnx").write_bytes(model.SerializeToString())
        (of_data.parent / "data.json").write_text(json.dumps({"rtol": 0.0, "atol": bound}))
        tensors = []
        for file, letter, array in zip(_NAMES, "XWY", node.arrays, strict=True):
            path = of_data / f"{file}.pb"
            path.write_bytes(numpy_helper.from_array(array, letter).SerializeToString())
            tensors.append(Tensor.of(array, letter, path.relative_to(folder).as_posix()))
        vectors.append(
            Vector(
                name,
                why,
                values.case.token(),
                node.operator,
                node.attributes,
                tuple(tensors[:2]),
                tensors[2],
                Tolerance("largest bound", atol=bound),
            )
        )
    return vectors


_KINDS = {"float16": "FLOAT16", "bfloat16": "BFLOAT16", "float32": "FLOAT", "float64": "DOUBLE"}


def translated(values: Values) -> Node:
    """Return a case as ONNX's Conv or, where it gives images, as ConvTranspose."""
    case, it = values.case, Geometry.of(values.case)
    x, w = (values.arrays[name] for name in case.of.arrays)
    y = values.arrays["output"]
    if case.data_format == "NHWC":
        x, y = (np.moveaxis(one, -1, 1) for one in (x, y))
    if case.of.depthwise:  # (..., C, M) to (..., 1, C * M)
        w = w.reshape(*w.shape[:-2], 1, -1)
    w = np.moveaxis(w, (-1, -2), (0, 1))  # (OC, C / groups, ...); of a transpose (C, OC / groups)
    attributes: dict[str, Any] = {
        "kernel_shape": [axis.kernel for axis in it.axes],
        "strides": list(case.strides),
        "dilations": list(case.dilations),
        "group": it.groups,
    }
    before, after = [axis.before for axis in it.axes], [axis.after for axis in it.axes]
    if case.of.gives == "input":
        # Pixels that no window reaches: pads that need not be cut away, or zeros to be added.
        unread = [
            axis.size + axis.before + axis.after - (axis.outputs - 1) * axis.stride - axis.reach
            for axis in it.axes
        ]
        rest = [one - other for one, other in zip(after, unread, strict=True)]
        after = [max(0, one) for one in rest]
        attributes["output_padding"] = [max(0, -one) for one in rest]
    # Of dilated kernels, and of strides that leave pixels over, runtimes have views of their own.
    plain = max(case.dilations) == 1 and all(
        (axis.outputs - 1) * axis.stride + axis.reach >= axis.size for axis in it.axes
    )
    if case.of.gives == "output" and case.padding == "SAME" and plain:
        attributes["auto_pad"] = "SAME_UPPER"
    else:
        attributes["pads"] = before + after
    operator = "ConvTranspose" if case.of.gives == "input" else "Conv"
    x, w, y = (np.ascontiguousarray(one) for one in (x, w, y))
    return Node(operator, attributes, (x, w, y))
