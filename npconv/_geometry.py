"""The integers of a convolution: padding, output sizes, and which pixels a tile reads.

Nothing here knows an array. The formulas are those of TensorFlow's documentation
(https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2), with the output size of
VALID and explicit padding rounded towards zero, as TensorFlow's C++ division does it.
"""

from __future__ import annotations

from math import prod
from typing import NamedTuple

Range = tuple[int, int]
Ranges = tuple[Range, ...]


class Span(NamedTuple):
    """The pixels of one axis that a range of outputs and a range of taps reach over.

    They are ``first:first + length``, of which ``lo:hi``, counted from there, lie in the input and
    the others in the padding.
    """

    first: int
    length: int
    lo: int
    hi: int


class Axis(NamedTuple):
    """One spatial axis of a convolution.

    >>> Axis.resolve(size=32, kernel=3, stride=2, dilation=1, padding="SAME")
    Axis(size=32, kernel=3, stride=2, dilation=1, before=0, after=1, outputs=16)
    >>> Axis.resolve(size=32, kernel=3, stride=2, dilation=1, padding=(1, 1)).outputs
    16
    """

    size: int
    kernel: int
    stride: int
    dilation: int
    before: int
    after: int
    outputs: int

    @classmethod
    def resolve(
        cls, size: int, kernel: int, stride: int, dilation: int, padding: str | tuple[int, int]
    ) -> Axis:
        """Work out the pads and the number of outputs, which is negative where none can be.

        A kernel larger than the input gives no output, until two whole strides are missing:

        >>> [Axis.resolve(1, kernel, 3, 1, "VALID").outputs for kernel in (1, 2, 6, 7)]
        [1, 0, 0, -1]
        """
        extent = (kernel - 1) * dilation + 1
        if padding == "SAME":
            outputs = -(-size // stride)
            total = max(0, (outputs - 1) * stride + extent - size)
            return cls(size, kernel, stride, dilation, total // 2, total - total // 2, outputs)
        before, after = (0, 0) if isinstance(padding, str) else padding
        room = size + before + after - extent + stride
        outputs = room // stride if room >= 0 else -(-room // stride)
        return cls(size, kernel, stride, dilation, before, after, outputs)

    @staticmethod
    def sizes(
        outputs: int, kernel: int, stride: int, dilation: int, padding: str | tuple[int, int]
    ) -> Range:
        """Return the least and the largest size of an input that gives so many outputs.

        >>> Axis.sizes(3, 3, 2, 1, "SAME"), Axis.sizes(3, 3, 2, 1, (1, 0))
        ((5, 6), (6, 7))
        """
        if padding == "SAME":
            return max(0, (outputs - 1) * stride + 1), outputs * stride
        extent = (kernel - 1) * dilation + 1
        pads = 0 if isinstance(padding, str) else sum(padding)
        least = extent + (outputs - (1 if outputs else 2)) * stride + (not outputs)
        return max(0, least - pads), extent + outputs * stride - 1 - pads

    def span(self, outputs: Range, taps: Range) -> Span:
        """Say which pixels outputs ``[o0, o1)`` and taps ``[k0, k1)`` reach over.

        >>> axis = Axis.resolve(size=5, kernel=3, stride=1, dilation=2, padding="SAME")
        >>> axis.span((0, 5), (0, 3))
        Span(first=-2, length=9, lo=2, hi=7)
        """
        (o0, o1), (k0, k1) = outputs, taps
        first = o0 * self.stride + k0 * self.dilation - self.before
        length = (o1 - 1 - o0) * self.stride + (k1 - 1 - k0) * self.dilation + 1
        lo = min(length, max(0, -first))
        return Span(first, length, lo, max(lo, min(length, self.size - first)))

    def meeting(self, outputs: Range, tap: int) -> tuple[slice, slice]:
        """Say which of the outputs meet a pixel of the input under a tap, and which pixels.

        >>> axis = Axis.resolve(size=5, kernel=3, stride=1, dilation=2, padding="SAME")
        >>> [axis.meeting((1, 5), tap)[0] for tap in range(3)]
        [slice(1, 4, None), slice(0, 4, None), slice(0, 2, None)]
        """
        missing = self.before - tap * self.dilation
        lo = max(outputs[0], -(-missing // self.stride))
        hi = max(lo, min(outputs[1], (self.size - 1 + missing) // self.stride + 1))
        first, last = lo * self.stride - missing, (hi - 1) * self.stride - missing
        return slice(lo - outputs[0], hi - outputs[0]), slice(first, last + 1, self.stride)


class Geometry(NamedTuple):
    """The integers of one convolution, over any number of spatial axes, without its batch.

    ``filter_channels`` is what one filter reads of the input's ``in_channels``; there are
    ``groups = in_channels // filter_channels`` groups of them.
    """

    axes: tuple[Axis, ...]
    in_channels: int
    filter_channels: int
    out_channels: int

    @property
    def groups(self) -> int:
        """Number of groups; 0 where the input has no channels."""
        return self.in_channels // self.filter_channels

    @property
    def outputs(self) -> tuple[int, ...]:
        """Size of the output along each axis."""
        return tuple(axis.outputs for axis in self.axes)

    @property
    def kernel(self) -> tuple[int, ...]:
        """Taps along each axis."""
        return tuple(axis.kernel for axis in self.axes)

    def pixels(self, *outputs: int) -> int:
        """Return over how many pixels a box of so many outputs reaches."""
        pairs = zip(self.axes, outputs, strict=True)
        return prod(axis.span((0, count), (0, axis.kernel)).length for axis, count in pairs)

    @property
    def terms(self) -> int:
        """Products that are added up for one output."""
        return prod(self.kernel) * self.filter_channels


def merged(shape: tuple[int, ...], strides: tuple[int, ...]) -> int | None:
    """Return the stride of axes taken as one; None where no single stride walks them.

    >>> merged((2, 3), (12, 4))
    4
    >>> merged((2, 3), (16, 4)) is None
    True
    """
    stride, length = 0, 1
    for size, step in zip(reversed(shape), reversed(strides), strict=True):
        if size == 1:
            continue
        if length == 1:
            stride = step
        elif step != stride * length:
            return None
        length *= size
    return stride
