"""The steps that both textbooks take: reading attributes, sizes, products and rounding."""

from __future__ import annotations

from collections.abc import Callable
from operator import index
from typing import Any, NamedTuple

import numpy as np

from parity.model.case import Array
from parity.model.error import COMPONENTWISE

Steps = tuple[int, ...]
Pads = str | tuple[int, int]


class Axis(NamedTuple):
    """Rows or columns: pixels, taps, their steps, zeros before the first pixel, outputs.

    ``interleaved``: each of as many images as the dilation says is convolved by itself.
    """

    size: int
    kernel: int
    stride: int
    dilation: int
    before: int
    outputs: int
    interleaved: bool = False


class Book:
    """An operation done right but for the steps that are given; conv2d unless it says another.

    ``count`` is that of its axes, ``error`` what it is held to.
    """

    operation, count = "conv2d", 2
    error = COMPONENTWISE

    def __init__(self, **wrong: Callable[..., Any]) -> None:
        self.wrong = wrong
        vars(self).update(wrong)

    def __call__(self, *arguments: Any, **named: Any) -> Array:
        """Compute what npconv's function of the name does, raising what that raises."""
        raise NotImplementedError

    def predicted(self, **arguments: Any) -> Array:
        """Compute a call that is valid, without npconv."""
        raise NotImplementedError

    # What was asked.

    def read(self, array: Any) -> Array:
        """Return the values of an argument in native byte order."""
        values = np.asarray(array)
        return values.astype(values.dtype.newbyteorder("="), copy=False)

    def strides(self, value: Any, layout: str) -> Steps:
        """Return the stride of each axis."""
        return self.steps(value, layout)

    def dilations(self, value: Any, layout: str) -> Steps:
        """Return the dilation of each axis."""
        return self.steps(value, layout)

    def steps(self, value: Any, layout: str) -> Steps:
        """Read None, an integer, or one, one for each axis, or two more of them."""
        if value is None:
            return (1,) * self.count
        single = hasattr(value, "__index__") and not isinstance(value, np.ndarray)
        steps = [index(step) for step in ([value] if single else value)]
        if len(steps) == self.count + 2:
            steps = self.spatial(steps, layout)
        return tuple(steps) * (self.count if len(steps) == 1 else 1)

    def pads(self, value: Any, layout: str) -> tuple[Pads, ...]:
        """Return "SAME" or (before, after) for each axis."""
        if isinstance(value, (str, bytes)):
            pads: Pads = "SAME" if value in ("SAME", b"SAME") else (0, 0)
            return (pads,) * self.count
        return tuple((index(one), index(other)) for one, other in self.spatial(value, layout))

    def spatial(self, values: Any, layout: str) -> Any:
        """Return what stands for the axes among one for each dimension."""
        return values[2:] if layout == "NCHW" else values[1:-1]

    # Sizes.

    def axis(self, size: int, kernel: int, stride: int, dilation: int, pads: Pads) -> Axis:
        """Return one axis, its padding and outputs worked out."""
        if isinstance(pads, str):
            before = self.same_before(self.same_pads(size, kernel, stride, dilation))
            outputs = self.same_outputs(size, stride)
        else:
            before, after = pads
            outputs = self.fitting(before + size + after, self.reach(kernel, dilation), stride)
        return Axis(size, kernel, stride, dilation, before, outputs)

    def reach(self, kernel: int, dilation: int) -> int:
        """Return how many pixels lie under a kernel, the skipped ones included."""
        return (kernel - 1) * dilation + 1

    def fitting(self, size: int, reach: int, stride: int) -> int:
        """Return the outputs of a padded axis; npconv has refused those far below none."""
        return max(0, (size - reach + stride) // stride)

    def same_outputs(self, size: int, stride: int) -> int:
        """Return the outputs of an axis under SAME."""
        return -(-size // stride)

    def same_pads(self, size: int, kernel: int, stride: int, dilation: int) -> int:
        """Return how many zeros SAME adds to an axis."""
        last = (self.same_outputs(size, stride) - 1) * stride
        return max(0, last + self.reach(kernel, dilation) - size)

    def same_before(self, pads: int) -> int:
        """Return how many of them come before the first pixel."""
        return pads // 2

    def pixels(self, axis: Axis) -> Array:
        """Return the pixel under each tap of each output, (outputs, kernel)."""
        first = np.arange(axis.outputs)
        if axis.interleaved:
            first = first // axis.dilation * axis.dilation * axis.stride + first % axis.dilation
        else:
            first = first * axis.stride
        return first[:, None] - axis.before + np.arange(axis.kernel) * axis.dilation

    # Sums.

    def accumulator(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        """Return the dtype of the sums: float32 for halves."""
        return np.dtype(np.float32) if dtype.itemsize == 2 else dtype

    def multiplied(self, one: Array, other: Array) -> Array:
        """Return (groups, M, K) times (groups, K, F); int32 wraps."""
        product: Array = one @ other
        product += 0  # a sum starts at +0.0
        return product

    def rounded(self, sums: Array, dtype: np.dtype[Any]) -> Array:
        """Return the sums in the dtype of the result."""
        return sums.astype(dtype)


def outside(pixels: Array, size: int) -> Array:
    """Say which pixels are padding."""
    return (pixels < 0) | (pixels >= size)
