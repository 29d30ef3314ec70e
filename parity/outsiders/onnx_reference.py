"""The Conv operator of ONNX in its reference implementation in NumPy, as tf.nn.conv2d.

For instance ``python -m parity fuzz --subject parity.outsiders.onnx_reference:conv2d``.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from onnx.helper import make_node
from onnx.reference import ReferenceEvaluator
from onnx.reference.ops.op_conv import Conv

from parity.outsiders.channels_first import Array, Call, as_tensorflow

Pads = tuple[int, int, int, int]


@as_tensorflow
def conv2d(call: Call) -> Array:
    """Leave the pads of SAME to the operator, as its attribute ``auto_pad="SAME_UPPER"``."""
    return _run(call, auto_pad="SAME_UPPER" if call.same else None)


@as_tensorflow
def conv2d_with_pads(call: Call) -> Array:
    """Hand over the pads of SAME as numbers, so that ``auto_pad`` is not used."""
    return _run(call)


@as_tensorflow
def conv2d_by_loops(call: Call) -> Array:
    """Do the same by loops, for which the evaluator has a faster stand-in; up to ONNX 1.22."""
    return _run(call, by_loops=True)


def _run(call: Call, auto_pad: str | None = None, by_loops: bool = False) -> Array:
    top, bottom, left, right = call.pads
    pads = None if auto_pad else (top, left, bottom, right)
    evaluator = _evaluator(call.strides, call.dilations, call.groups, pads, auto_pad, by_loops)
    with np.errstate(all="ignore"):
        [result] = evaluator.run(None, {"X": call.images, "W": call.filters})
    output: Array = result
    return output


@lru_cache(maxsize=4096)
def _evaluator(
    strides: tuple[int, int],
    dilations: tuple[int, int],
    groups: int,
    pads: Pads | None,
    auto_pad: str | None,
    by_loops: bool,
) -> ReferenceEvaluator:
    """Build the operator once for each set of attributes."""
    node = make_node(
        "Conv",
        ["X", "W"],
        ["Y"],
        strides=strides,
        dilations=dilations,
        group=groups,
        pads=pads,  # make_node leaves out what is None
        auto_pad=auto_pad,
    )
    return ReferenceEvaluator(node, new_ops=[Conv] if by_loops else None)
