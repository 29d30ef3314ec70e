"""One spatial axis of a convolution: what slides over it, the pads around it, and what it meets."""

from __future__ import annotations

import math
from typing import NamedTuple


class Axis(NamedTuple):
    """Rows or columns: the image, what slides over it, and the pads around it.

    ``interleaved`` is TensorFlow's way to stride and dilate at once in depthwise convolutions: each
    of ``dilation`` interleaved images is convolved at the stride by itself, the results are
    interleaved again.  Output o then begins at pixel ``o % d + d * s * (o // d)``.
    """

    size: int
    kernel: int = 1
    stride: int = 1
    dilation: int = 1
    before: int = 0
    after: int = 0
    interleaved: bool = False

    @property
    def reach(self) -> int:
        """Pixels from the first to the last tap."""
        return (self.kernel - 1) * self.dilation + 1

    @property
    def outputs(self) -> int:
        """Windows that fit; rounded towards zero, as TensorFlow does, where none does."""
        padded = self.size + self.before + self.after
        if self.interleaved:
            extra = -padded % self.dilation
            each = (padded + extra) // self.dilation  # pixels of one of the images
            return self.dilation * math.trunc(
                (each - self.kernel + self.stride) / self.stride
            ) - extra  # fmt: skip
        return math.trunc((padded - self.reach + self.stride) / self.stride)

    def padded_as_same(self) -> Axis:
        """Return the axis with the pads of SAME, the odd one at the end."""
        if self.interleaved:
            total = self.reach - 1  # whatever the stride
        else:
            outputs = -(-self.size // self.stride)
            total = max(0, (outputs - 1) * self.stride + self.reach - self.size)
        return self._replace(before=total // 2, after=total - total // 2)

    def first(self, output: int) -> int:
        """Return where the window of an output begins, counted from the first zero before."""
        if self.interleaved:
            which, image = divmod(output, self.dilation)
            return image + self.dilation * self.stride * which
        return output * self.stride

    @property
    def meetings(self) -> int:
        """Taps, at the most, under which one pixel comes to lie."""
        return -(-self.kernel // (self.stride // math.gcd(self.stride, self.dilation)))
