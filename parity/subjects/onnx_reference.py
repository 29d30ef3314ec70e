"""The Conv operator of ONNX in its reference implementation in NumPy, as tf.nn.conv2d.

For instance ``python -m parity fuzz --subject parity.subjects.onnx_reference:conv2d``.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from onnx.helper import make_node
from onnx.reference import ReferenceEvaluator

from parity.subjects.channels_first import Array, Convolution, as_tensorflow

Pads = tuple[int, int, int, int]


@as_tensorflow
def conv2d(asked: Convolution) -> Array:
    """Leave the pads of SAME to the operator, as its attribute ``auto_pad="SAME_UPPER"``."""
    auto_pad = "SAME_UPPER" if asked.same else None
    top, bottom, left, right = asked.pads
    pads = None if auto_pad else (top, left, bottom, right)
    evaluator = _evaluator(asked.strides, asked.dilations, asked.groups, pads, auto_pad)
    with np.errstate(all="ignore"):
        [result] = evaluator.run(None, {"X": asked.images, "W": asked.filters})
    output: Array = result
    return output


@lru_cache(maxsize=4096)
def _evaluator(
    strides: tuple[int, int],
    dilations: tuple[int, int],
    groups: int,
    pads: Pads | None,
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
