"""The oracle of the sweep: TensorFlow without oneDNN, asked as cheaply as it may be."""

from __future__ import annotations

from typing import Any

from parity.model.case import Array
from parity.oracles.eigen import tensorflow
from parity.sweep.grid import Step
from parity.sweep.worker import Answer


def eigen(x: Array, w: Array) -> Answer:
    """Return what convolves `x` (N, H, W, C) with the filters `w`, given a step.

    The arrays become tensors once, and the operation behind ``tf.nn.conv2d`` is called directly,
    which leaves out the part that reads its many spellings.
    """
    tf = tensorflow()
    tensors: dict[str, Any] = {"input": tf.constant(x), "filter": tf.constant(w)}

    def answer(step: Step) -> Array:
        padding: dict[str, Any] = {"padding": step.padding}
        if not isinstance(step.padding, str):
            padding = {"padding": "EXPLICIT", "explicit_paddings": [0, 0, *step.padding, 0, 0]}
        found: Array = tf.raw_ops.Conv2D(
            **tensors, **padding, strides=[1, *step.strides, 1], dilations=[1, *step.dilations, 1]
        ).numpy()
        return found

    return answer
