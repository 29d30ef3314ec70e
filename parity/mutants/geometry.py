"""Faults of sizes, padding, strides and dilations."""

# ruff: noqa: D102 -- each method is a step that Textbook describes

from __future__ import annotations

from typing import Any

from parity.model.call import Call
from parity.model.case import Array
from parity.mutants.textbook import Axis, Pads, Pair, Textbook


class FloorForCeil(Textbook):
    """SAME gives floor(size / stride) outputs."""

    example = "float32 NHWC 1x5x4x1 w1x1x1x1 s2,1 d1,1 SAME distinct:0"

    def same_outputs(self, size: int, stride: int) -> int:
        return size // stride


class CeilForFloor(Textbook):
    """Without SAME, a window that hangs over the edge counts as an output."""

    example = "float32 NHWC 1x4x4x1 w3x3x1x1 s2,1 d1,1 VALID distinct:0"

    def fitting(self, size: int, reach: int, stride: int) -> int:
        return max(0, -(-(size - reach) // stride) + 1)


class SameLower(Textbook):
    """The odd zero of SAME comes before the first pixel."""

    example = "float32 NHWC 1x3x3x1 w2x2x1x1 s1,1 d1,1 SAME distinct:0"

    def same_before(self, pads: int) -> int:
        return pads - pads // 2


class SameForgetsDilation(Textbook):
    """SAME pads as if the kernel were not dilated."""

    example = "float32 NHWC 1x5x5x1 w3x1x1x1 s1,1 d2,1 SAME distinct:0"

    def same_pads(self, size: int, kernel: int, stride: int, dilation: int) -> int:
        return super().same_pads(size, kernel, stride, 1)


class SameForgetsSize(Textbook):
    """SAME pads by kernel - stride, which holds only where the stride divides the size."""

    example = "float32 NHWC 1x5x5x1 w3x3x1x1 s2,2 d1,1 SAME distinct:0"

    def same_pads(self, size: int, kernel: int, stride: int, dilation: int) -> int:
        return max(0, self.reach(kernel, dilation) - stride)


class ReachTooLong(Textbook):
    """A dilated kernel is taken to reach over kernel * dilation pixels."""

    example = "float32 NHWC 1x5x5x1 w2x2x1x1 s1,1 d2,1 VALID distinct:0"

    def reach(self, kernel: int, dilation: int) -> int:
        return kernel * dilation


class DilationAsHoles(Textbook):
    """A dilation above 1 is one too large: it counts the pixels between two taps."""

    example = "float32 NHWC 1x5x5x1 w2x2x1x1 s1,1 d2,1 VALID distinct:0"

    def dilations(self, value: Any, layout: str) -> Pair:
        rows, columns = super().dilations(value, layout)
        return rows + (rows > 1), columns + (columns > 1)


class DilationOfRowsOnly(Textbook):
    """The columns are read without dilation."""

    example = "float32 NHWC 1x5x5x1 w2x2x1x1 s1,1 d1,2 VALID distinct:0"

    def convolve(self, images: Array, kernels: Array, rows: Axis, columns: Axis) -> Array:
        return super().convolve(images, kernels, rows, columns._replace(dilation=1))


class StridesSwapped(Textbook):
    """The strides of rows and columns change places."""

    example = "float32 NHWC 1x5x5x1 w1x1x1x1 s2,1 d1,1 SAME distinct:0"

    def strides(self, value: Any, layout: str) -> Pair:
        return super().strides(value, layout)[::-1]


class DilationsSwapped(Textbook):
    """The dilations of rows and columns change places."""

    example = "float32 NHWC 1x5x5x1 w2x2x1x1 s1,1 d2,1 SAME distinct:0"

    def dilations(self, value: Any, layout: str) -> Pair:
        return super().dilations(value, layout)[::-1]


class PadsSwapped(Textbook):
    """The explicit pads of rows and columns change places."""

    example = "float32 NHWC 1x3x3x1 w2x2x1x1 s1,1 d1,1 1,1,0,0 distinct:0"

    def pads(self, value: Any, layout: str) -> tuple[Pads, Pads]:
        return super().pads(value, layout)[::-1]


class BottomForTop(Textbook):
    """The explicit pads at the top and at the bottom change places."""

    example = "float32 NHWC 1x3x3x1 w2x2x1x1 s1,1 d1,1 1,0,0,0 distinct:0"

    def pads(self, value: Any, layout: str) -> tuple[Pads, Pads]:
        rows, columns = super().pads(value, layout)
        return (rows if isinstance(rows, str) else rows[::-1]), columns


class RightForLeft(Textbook):
    """The explicit pads at the left and at the right change places."""

    example = "float32 NHWC 1x3x3x1 w2x2x1x1 s1,1 d1,1 0,0,1,0 distinct:0"

    def pads(self, value: Any, layout: str) -> tuple[Pads, Pads]:
        rows, columns = super().pads(value, layout)
        return rows, (columns if isinstance(columns, str) else columns[::-1])


class PadsSymmetrised(Textbook):
    """Unequal explicit pads of an axis are evened out."""

    example = "float32 NHWC 1x3x3x1 w2x2x1x1 s1,1 d1,1 2,0,0,0 distinct:0"

    def axis(self, size: int, kernel: int, stride: int, dilation: int, pads: Pads) -> Axis:
        if not isinstance(pads, str):
            pads = sum(pads) // 2, sum(pads) - sum(pads) // 2
        return super().axis(size, kernel, stride, dilation, pads)


class PadsWithinKernel(Textbook):
    """Explicit pads are cut so that no window lies wholly in them."""

    example = "float32 NHWC 1x3x3x1 w2x2x1x1 s1,1 d1,1 2,0,0,0 distinct:0"

    def axis(self, size: int, kernel: int, stride: int, dilation: int, pads: Pads) -> Axis:
        if not isinstance(pads, str):
            most = self.reach(kernel, dilation) - 1
            pads = min(pads[0], most), min(pads[1], most)
        return super().axis(size, kernel, stride, dilation, pads)


class NchwPadsAsNhwc(Textbook):
    """The explicit pads of an NCHW call are read in the order of NHWC."""

    example = "float32 NCHW 1x1x3x3 w2x2x1x1 s1,1 d1,1 1,1,0,0 distinct:0"

    def pads(self, value: Any, layout: str) -> tuple[Pads, Pads]:
        return super().pads(value, "NHWC")


class NchwStepsAsNhwc(Textbook):
    """Four strides or dilations of an NCHW call are read in the order of NHWC."""

    example = Call(
        {
            "input": ((1, 1, 5, 5), "float32"),
            "filters": ((1, 1, 1, 1), "float32"),
            "strides": [1, 1, 2, 1],
            "padding": "SAME",
            "data_format": "NCHW",
        },
        (),
    )

    def steps(self, value: Any, layout: str) -> Pair:
        return super().steps(value, "NHWC")
