"""The integers of a convolution: padding, output sizes, and which pixels a tile reads.

Nothing here knows an array. The formulas are those of TensorFlow's documentation
(https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2), with the output size of
VALID and explicit padding rounded towards zero, as TensorFlow's C++ division does it.
"""

from __future__ import annotations

from math import gcd
from typing import NamedTuple


class Span(NamedTuple):
    """The pixels of one axis that a range of outputs and a range of taps read.

    Pixel ``j`` of the span is pixel ``first + j * step`` of the input; those outside ``lo:hi`` lie
    in the padding. Output ``o`` of the range meets tap ``k`` at ``o * per_output + k * per_tap``.
    """

    first: int
    step: int
    length: int
    lo: int
    hi: int
    per_output: int
    per_tap: int

    @property
    def padded(self) -> bool:
        """Whether the span reaches into the padding."""
        return self.lo > 0 or self.hi < self.length


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

        Parameters
        ----------
        size, kernel, stride, dilation : int
            Pixels of the input, taps of the filter, and the steps between outputs and taps.
        padding : {'SAME', 'VALID'} or tuple of int
            The mode, or the pixels of zeros before and after.

        Returns
        -------
        Axis

        Examples
        --------
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

    def span(self, outputs: tuple[int, int], taps: tuple[int, int]) -> Span:
        """Say which pixels outputs ``[o0, o1)`` and taps ``[k0, k1)`` read.

        Pixels that no output meets are left out where that can be said by one step: with one tap
        every ``stride``-th pixel, with one output every ``dilation``-th, else every
        ``gcd(stride, dilation)``-th.

        >>> axis = Axis.resolve(size=5, kernel=3, stride=1, dilation=2, padding="SAME")
        >>> axis.span((0, 5), (0, 3))
        Span(first=-2, step=1, length=9, lo=2, hi=7, per_output=1, per_tap=2)
        >>> axis.span((0, 1), (0, 3))
        Span(first=-2, step=2, length=3, lo=1, hi=3, per_output=1, per_tap=1)
        """
        (o0, o1), (k0, k1) = outputs, taps
        if k1 - k0 == 1:
            step = self.stride
        elif o1 - o0 == 1:
            step = self.dilation
        else:
            step = gcd(self.stride, self.dilation)
        first = o0 * self.stride + k0 * self.dilation - self.before
        last = (o1 - 1) * self.stride + (k1 - 1) * self.dilation - self.before
        length = (last - first) // step + 1
        lo = min(length, max(0, -(first // step)))
        hi = max(lo, min(length, (self.size - 1 - first) // step + 1))
        return Span(
            first,
            step,
            length,
            lo,
            hi,
            self.stride // step if o1 - o0 > 1 else 1,
            self.dilation // step if k1 - k0 > 1 else 1,
        )


class Geometry(NamedTuple):
    """The integers of one convolution, without its batch.

    ``filter_channels`` is what one filter reads of the input's ``in_channels``; there are
    ``groups = in_channels // filter_channels`` groups of them.
    """

    rows: Axis
    columns: Axis
    in_channels: int
    filter_channels: int
    out_channels: int

    @property
    def groups(self) -> int:
        """Number of groups; 0 where the input has no channels."""
        return self.in_channels // self.filter_channels


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
