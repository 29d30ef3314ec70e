"""The phases of a dilation: every r-th pixel, as an image by itself.

TensorFlow's ``depthwise_conv2d`` with dilations takes the padded image apart into these, convolves
each, and interleaves the results. At stride 1 that is the dilated convolution. At larger strides it
is not: they count in each phase, so that the result covers as much as the image does.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from typing import Any

from npconv._geometry import Axis, Geometry

Index = tuple[Any, ...]
Phase = tuple[Geometry, Index, Index]


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
def phases(geometry: Geometry) -> list[Phase]:
    """Return the convolutions that make up one, each with the pixels it reads, outputs it writes.

    >>> axis = in_phases(Axis.resolve(9, 2, 2, 2, "VALID"), "VALID")
    >>> [(pixels[1], one.axes[0].size) for one, pixels, _ in phases(Geometry((axis,), 1, 1, 1))]
    [(slice(0, None, 2), 5), (slice(1, None, 2), 4)]
    """
    if not apart(geometry):
        return []
    found = []
    for numbers in product(*(range(axis.dilation) for axis in geometry.axes)):
        axes, pixels, outputs = [], [slice(None)], [slice(None)]
        for axis, number in zip(geometry.axes, numbers, strict=True):
            skipped, first = divmod(number - axis.before, axis.dilation)
            size = len(range(first, axis.size, axis.dilation))
            count = len(range(number, axis.outputs, axis.dilation))
            axes.append(Axis(size, axis.kernel, axis.stride, 1, -skipped, 0, count))
            pixels.append(slice(first, None, axis.dilation))
            outputs.append(slice(number, None, axis.dilation))
        one = geometry._replace(axes=tuple(axes))
        if all(one.outputs):
            found.append((one, tuple(pixels), tuple(outputs)))
    return found
