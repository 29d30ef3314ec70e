"""Cases as a folder of ONNX's backend tests: simple/test_NAME, a model and its data.

Conv and ConvTranspose have channels first, filters (OC, C / groups, ...) and (C, OC / groups, ...),
and a test one tolerance: the largest bound.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from parity.model.case import Array
from parity.model.geometry import Geometry
from parity.vectors.forms import Made
from parity.vectors.manifest import Tensor, Vector

_KINDS = {"float16": "FLOAT16", "bfloat16": "BFLOAT16", "float32": "FLOAT", "float64": "DOUBLE"}
_IR, _OPSET, _OF_BFLOAT16 = 10, 11, 22
_FILES = {"X": "input_0", "W": "input_1", "Y": "output_0"}


def inexpressible(made: Made) -> str:
    """Say why ONNX has no test of a case; "" if it has one."""
    case, it, arrays = made.case, Geometry.of(made.case), made.arrays.values()
    for there, reason in (
        (case.of.gives == "filters", "no operator of ONNX gives the gradient of filters"),
        (case.pointwise, "a separable convolution is two operators of ONNX"),
        (case.dtype not in _KINDS, f"no operator of ONNX convolves {case.dtype}"),
        (len(it.lead) > 1, "ONNX has one batch dimension"),
        (any(axis.interleaved for axis in it.axes), "no operator strides and dilates in this way"),
        (any(one.size == 0 for one in arrays), "an empty array"),
        (
            not all(np.isfinite(one.astype(np.float64)).all() for one in arrays),
            "inf or NaN, of which one tolerance says nothing",
        ),
    ):
        if there:
            return reason
    return ""


def write(folder: Path, cases: list[Made]) -> list[Vector]:
    """Write a test for each case; return what a manifest says of them."""
    from onnx import TensorProto, helper, numpy_helper

    vectors = []
    for made in cases:
        operator, attributes, arrays = translated(made)
        test = folder / "simple" / f"test_{made.name}"  # of this kind ONNX loads any folder
        (test / "test_data_set_0").mkdir(parents=True)
        kind = getattr(TensorProto, _KINDS[made.case.dtype])
        x, w, y = (
            helper.make_tensor_value_info(one, kind, array.shape) for one, array in arrays.items()
        )
        node = helper.make_node(operator, ["X", "W"], ["Y"], **attributes)
        opset = _OF_BFLOAT16 if made.case.dtype == "bfloat16" else _OPSET
        model = helper.make_model(
            helper.make_graph([node], made.name, [x, w], [y]),
            ir_version=_IR,
            opset_imports=[helper.make_opsetid("", opset)],
        )
        (test / "model.onnx").write_bytes(model.SerializeToString())
        tolerance = {"rtol": 0.0, "atol": float(made.arrays["bound"].max())}
        (test / "data.json").write_text(json.dumps(tolerance))
        tensors = []
        for one, array in arrays.items():
            file = test / "test_data_set_0" / f"{_FILES[one]}.pb"
            file.write_bytes(numpy_helper.from_array(array, one).SerializeToString())
            tensors.append(Tensor.of(array, one, file.relative_to(folder).as_posix()))
        vectors.append(made.vector(tensors))
    return vectors


def translated(made: Made) -> tuple[str, dict[str, Any], dict[str, Array]]:
    """Return a case's operator, its attributes, and X, W, Y."""
    case, it = made.case, Geometry.of(made.case)
    x, w, y = (made.arrays[name] for name in (*case.of.arrays, "output"))
    if case.data_format == "NHWC":
        x, y = (np.moveaxis(one, -1, 1) for one in (x, y))
    if case.of.depthwise:  # (..., C, M) to (..., 1, C * M)
        w = w.reshape(*w.shape[:-2], 1, -1)
    w = np.moveaxis(w, (-1, -2), (0, 1))  # (OC, C / groups, ...); of a transpose (C, OC / groups)
    arrays = {name: np.ascontiguousarray(one) for name, one in zip("XWY", (x, w, y), strict=True)}
    attributes: dict[str, Any] = {
        "strides": list(case.strides),
        "dilations": list(case.dilations),
        "group": it.groups,
        "kernel_shape": [axis.kernel for axis in it.axes],
    }
    before, after = [axis.before for axis in it.axes], [axis.after for axis in it.axes]
    # Pixels beyond the last window; below 0 where SAME needs fewer pixels than there are.
    left = [a.size + a.before + a.after - (a.outputs - 1) * a.stride - a.reach for a in it.axes]
    if case.of.gives == "input":
        after = [one - more for one, more in zip(after, left, strict=True)]
        attributes["output_padding"] = [max(0, -one) for one in after]
        attributes["pads"] = [*before, *(max(0, one) for one in after)]
        return "ConvTranspose", attributes, arrays
    # Runtimes have views of their own on SAME with dilations, or with pixels left over.
    if case.padding == "SAME" and max(*case.dilations, *(one + 1 for one in left)) == 1:
        attributes["auto_pad"] = "SAME_UPPER"
    else:
        attributes["pads"] = [*before, *after]
    return "Conv", attributes, arrays
