"""The Conv operator of ONNX in its reference implementation in NumPy, as tf.nn.conv2d.

    python -m parity fuzz --subject parity.outsiders.onnx_reference:conv2d
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from onnx.helper import make_node
from onnx.reference import ReferenceEvaluator

from parity.outsiders import channels_first
from parity.outsiders.channels_first import Array, Call


def conv2d(
    input: Any,
    filters: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NHWC",
    dilations: Any = None,
    name: Any = None,
) -> Array:
    """Leave the pads of SAME to the operator, as its attribute ``auto_pad="SAME_UPPER"``."""
    call = channels_first.read(input, filters, strides, padding, data_format, dilations)
    return _run(call, auto_pad="SAME_UPPER") if padding == "SAME" else _run(call)


def conv2d_with_pads(
    input: Any,
    filters: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NHWC",
    dilations: Any = None,
    name: Any = None,
) -> Array:
    """Hand over the pads of SAME as numbers, so that ``auto_pad`` is not used."""
    return _run(channels_first.read(input, filters, strides, padding, data_format, dilations))


def _run(call: Call, auto_pad: str | None = None) -> Array:
    top, bottom, left, right = call.pads
    evaluator = _evaluator(
        call.strides,
        call.dilations,
        call.groups,
        None if auto_pad else (top, left, bottom, right),
        auto_pad,
    )
    with np.errstate(all="ignore"):
        [result] = evaluator.run(None, {"X": call.images, "W": call.filters})
    return call.restored(result)


@lru_cache(maxsize=4096)
def _evaluator(
    strides: tuple[int, int],
    dilations: tuple[int, int],
    groups: int,
    pads: tuple[int, int, int, int] | None,
    auto_pad: str | None,
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
    return ReferenceEvaluator(node)
