"""The convolutions that make up one of which every r-th pixel, or output, is one by itself.

For the gradient by the input these are the phases of the stride: every stride-th pixel meets the
same taps, in a convolution of stride 1.

TensorFlow's ``depthwise_conv2d`` with dilations takes the padded image apart into the phases of the
dilation, convolves each, and interleaves the results. At stride 1 that is the dilated convolution.
At larger strides it is not: they count in each phase, so that the result covers as much as the
image does.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from itertools import product
from math import gcd
from typing import Any, NamedTuple

from npconv._geometry import Axis, Geometry

_Along = tuple[Axis, slice, slice, slice]


class Part(NamedTuple):
    """A convolution of what lies at ``source`` by some taps, whose result is put at ``target``."""

    geometry: Geometry
    source: tuple[Any, ...]
    taps: tuple[slice, ...]
    target: tuple[Any, ...]


def _parts(geometry: Geometry, by_axis: Iterable[list[_Along]]) -> list[Part]:
    """Combine the parts along each axis."""
    every = slice(None)
    along = (zip(*one, strict=True) for one in product(*by_axis))
    return [
        Part(geometry._replace(axes=axes), (every, *source), taps, (every, *target))
        for axes, source, taps, target in along
    ]


def apart(geometry: Geometry) -> bool:
    """Say whether strides count in the phases of a dilation: where an axis each has them."""
    axes = geometry.axes
    return any(axis.stride > 1 for axis in axes) and any(axis.dilation > 1 for axis in axes)


def in_phases(axis: Axis, padding: str | tuple[int, int]) -> Axis:
    """Work out the pads and the number of outputs where the strides of an axis count in phases.

    >>> in_phases(Axis.resolve(9, 2, 2, 2, "VALID"), "VALID").outputs
    3
    """
    size, kernel, stride, dilation, *_ = axis
    if padding == "SAME":  # as at stride 1
        padding = Axis.resolve(size, kernel, 1, dilation, "SAME")[4:6]
    before, after = (0, 0) if isinstance(padding, str) else padding
    rest = -(size + before + after) % dilation  # zeros that make the phases equally long
    phase = (size + before + after + rest) // dilation
    outputs = Axis.resolve(phase, kernel, stride, 1, "VALID").outputs * dilation - rest
    return axis._replace(before=before, after=after, outputs=outputs)


@lru_cache(maxsize=256)
def by_dilation(geometry: Geometry) -> list[Part]:
    """Return the phases of the dilations, of which TensorFlow's result is made; none at stride 1.

    >>> axis = in_phases(Axis.resolve(9, 2, 2, 2, "VALID"), "VALID")
    >>> parts = by_dilation(Geometry((axis,), 1, 1, 1))
    >>> [(part.source[1], part.geometry.axes[0].size) for part in parts]
    [(slice(0, None, 2), 5), (slice(1, None, 2), 4)]
    """
    return _parts(geometry, map(_along_dilation, geometry.axes)) if apart(geometry) else []


def _along_dilation(axis: Axis) -> list[_Along]:
    found, step = [], axis.dilation
    for number in range(min(step, axis.outputs)):
        skipped, first = divmod(number - axis.before, step)
        size, count = len(range(first, axis.size, step)), len(range(number, axis.outputs, step))
        one = Axis(size, axis.kernel, axis.stride, 1, -skipped, 0, count)
        found.append((one, slice(first, None, step), slice(None), slice(number, None, step)))
    return found


@lru_cache(maxsize=256)
def by_stride(geometry: Geometry) -> list[Part]:
    """Return the phases of the strides, of which the gradient by the input is made.

    Each convolves the gradient by the output with taps in reverse; no part is what no tap meets.

    >>> axis = Axis.resolve(8, 3, 2, 1, "SAME")
    >>> [part.taps for part in by_stride(Geometry((axis,), 1, 1, 1))]
    [(slice(0, 3, 2),), (slice(1, 3, 2),)]
    """
    channels = geometry.out_channels
    back = Geometry((), channels, channels // geometry.groups, geometry.in_channels)
    return _parts(back, map(_along_stride, geometry.axes))


def _along_stride(axis: Axis) -> list[_Along]:
    found, stride = [], axis.stride
    step = stride // gcd(stride, axis.dilation)
    spacing = axis.dilation * step // stride
    for tap in range(min(step, axis.kernel)):
        first = (axis.dilation * tap - axis.before) % stride
        count, taps = len(range(first, axis.size, stride)), len(range(tap, axis.kernel, step))
        last = (first + axis.before - axis.dilation * tap) // stride  # output of the first pixel
        lo, hi = last - spacing * (taps - 1), last + count
        start, stop = max(lo, 0), min(hi, axis.outputs)
        if count and start < stop:
            one = Axis(stop - start, taps, 1, spacing, start - lo, hi - stop, count)
            pixels = slice(first, axis.size, stride)
            found.append((one, slice(start, stop), slice(tap, axis.kernel, step), pixels))
    return found
