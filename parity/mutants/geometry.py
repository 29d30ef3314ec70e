"""Faults of sizes, padding, strides and dilations."""

from __future__ import annotations

from typing import Any

from parity.model.call import Call
from parity.mutants.book import Axis, Pads, Steps
from parity.mutants.mutant import misread, slip
from parity.mutants.textbook import RIGHT, Layer


@misread("same_outputs", "float32 NHWC 1x5x4x1 w1x1x1x1 s2,1 d1,1 SAME distinct:0")
def floor_for_ceil(size: int, stride: int) -> int:
    """SAME gives floor(size / stride) outputs."""
    return size // stride


@misread("fitting", "float32 NHWC 1x4x4x1 w3x3x1x1 s2,1 d1,1 VALID distinct:0")
def ceil_for_floor(size: int, reach: int, stride: int) -> int:
    """Without SAME, a window that hangs over the edge counts as an output."""
    return max(0, -(-(size - reach) // stride) + 1)


@misread("same_before", "float32 NHWC 1x3x3x1 w2x2x1x1 s1,1 d1,1 SAME distinct:0")
def same_lower(pads: int) -> int:
    """The odd zero of SAME comes before the first pixel."""
    return pads - pads // 2


@misread("axis", "float32 NHWC 1x3x3x1 w2x2x1x1 s1,1 d1,1 SAME distinct:0")
def same_symmetric(size: int, kernel: int, stride: int, dilation: int, pads: Pads) -> Axis:
    """SAME puts half of its zeros, rounded down, on either side."""
    half = RIGHT.same_pads(size, kernel, stride, dilation) // 2
    around = (half, half) if isinstance(pads, str) else pads
    return RIGHT.axis(size, kernel, stride, dilation, around)


@misread("axis", "float32 NHWC 1x3x3x1 w2x2x1x1 s1,1 d1,1 SAME distinct:0")
def same_half_kernel(size: int, kernel: int, stride: int, dilation: int, pads: Pads) -> Axis:
    """SAME puts as many zeros as half of the kernel's reach on either side, as PyTorch's k // 2."""
    half = RIGHT.reach(kernel, dilation) // 2
    around = (half, half) if isinstance(pads, str) else pads
    return RIGHT.axis(size, kernel, stride, dilation, around)


@misread("same_pads", "float32 NHWC 1x4x4x1 w3x3x1x1 s2,1 d1,1 SAME distinct:0")
def same_forgets_stride(size: int, kernel: int, stride: int, dilation: int) -> int:
    """SAME adds (kernel - 1) * dilation zeros, whatever the stride."""
    return RIGHT.same_pads(size, kernel, 1, dilation)


@misread("same_pads", "float32 NHWC 1x5x5x1 w3x1x1x1 s1,1 d2,1 SAME distinct:0")
def same_forgets_dilation(size: int, kernel: int, stride: int, dilation: int) -> int:
    """SAME pads as if the kernel were not dilated."""
    return RIGHT.same_pads(size, kernel, stride, 1)


@misread("same_pads", "float32 NHWC 1x5x5x1 w3x3x1x1 s2,2 d1,1 SAME distinct:0")
def same_forgets_size(size: int, kernel: int, stride: int, dilation: int) -> int:
    """SAME pads by kernel - stride, which holds only where the stride divides the size."""
    return max(0, RIGHT.reach(kernel, dilation) - stride)


@misread("reach", "float32 NHWC 1x5x5x1 w2x2x1x1 s1,1 d2,1 VALID distinct:0")
def reach_too_long(kernel: int, dilation: int) -> int:
    """A dilated kernel is taken to reach over kernel * dilation pixels."""
    return kernel * dilation


@misread("dilations", "float32 NHWC 1x5x5x1 w2x2x1x1 s1,1 d2,1 VALID distinct:0")
def dilation_as_holes(value: Any, layout: str) -> Steps:
    """A dilation above 1 is one too large: it counts the pixels between two taps."""
    rows, columns = RIGHT.dilations(value, layout)
    return rows + (rows > 1), columns + (columns > 1)


@misread("layer", "float32 NHWC 1x5x5x1 w2x2x1x1 s1,1 d1,2 VALID distinct:0")
def dilation_of_rows_only(layer: Layer) -> Layer:
    """The columns are read without dilation."""
    return layer._replace(columns=layer.columns._replace(dilation=1))


@misread("dilations", "float32 NHWC 1x5x5x1 w2x2x1x1 s1,1 d2,1 VALID distinct:0")
def dilations_ignored(value: Any, layout: str) -> Steps:
    """Dilations are taken for 1."""
    return 1, 1


@misread("dilations", "float32 NHWC 1x5x5x1 w2x2x1x1 s1,1 d2,1 SAME distinct:0")
def dilations_swapped(value: Any, layout: str) -> Steps:
    """The dilations of rows and columns change places."""
    return RIGHT.dilations(value, layout)[::-1]


@misread("strides", "float32 NHWC 1x5x5x1 w1x1x1x1 s2,1 d1,1 SAME distinct:0")
def strides_swapped(value: Any, layout: str) -> Steps:
    """The strides of rows and columns change places."""
    return RIGHT.strides(value, layout)[::-1]


@misread("strides", "float32 NHWC 1x5x5x1 w1x1x1x1 s2,2 d1,1 SAME distinct:0")
def strides_ignored(value: Any, layout: str) -> Steps:
    """Strides are taken for 1."""
    return 1, 1


@misread("strides", "float32 NHWC 1x5x5x1 w1x1x1x1 s2,1 d1,1 SAME distinct:0")
def stride_of_rows_ignored(value: Any, layout: str) -> Steps:
    """The stride of the rows is taken for 1."""
    return 1, RIGHT.strides(value, layout)[1]


@misread("strides", "float32 NHWC 1x5x5x1 w1x1x1x1 s1,2 d1,1 SAME distinct:0")
def stride_of_columns_ignored(value: Any, layout: str) -> Steps:
    """The stride of the columns is taken for 1."""
    return RIGHT.strides(value, layout)[0], 1


@misread("strides", "float32 NHWC 1x5x5x1 w1x1x1x1 s2,1 d1,1 SAME distinct:0")
def stride_of_rows_for_both(value: Any, layout: str) -> Steps:
    """The stride of the rows is also that of the columns."""
    return (stride := RIGHT.strides(value, layout)[0]), stride


@misread("pads", "float32 NHWC 1x3x3x1 w2x2x1x1 s1,1 d1,1 1,1,0,0 distinct:0")
def pads_swapped(value: Any, layout: str) -> tuple[Pads, ...]:
    """The explicit pads of rows and columns change places."""
    return RIGHT.pads(value, layout)[::-1]


@misread("pads", "float32 NHWC 1x3x3x1 w2x2x1x1 s1,1 d1,1 1,0,0,0 distinct:0")
def bottom_for_top(value: Any, layout: str) -> tuple[Pads, ...]:
    """The explicit pads at the top and at the bottom change places."""
    rows, columns = RIGHT.pads(value, layout)
    return (rows if isinstance(rows, str) else rows[::-1]), columns


@misread("pads", "float32 NHWC 1x3x3x1 w2x2x1x1 s1,1 d1,1 0,0,1,0 distinct:0")
def right_for_left(value: Any, layout: str) -> tuple[Pads, ...]:
    """The explicit pads at the left and at the right change places."""
    rows, columns = RIGHT.pads(value, layout)
    return rows, (columns if isinstance(columns, str) else columns[::-1])


@misread("axis", "float32 NHWC 1x3x3x1 w2x2x1x1 s1,1 d1,1 2,0,0,0 distinct:0")
def pads_symmetrised(size: int, kernel: int, stride: int, dilation: int, pads: Pads) -> Axis:
    """Unequal explicit pads of an axis are evened out."""
    if not isinstance(pads, str):
        pads = sum(pads) // 2, sum(pads) - sum(pads) // 2
    return RIGHT.axis(size, kernel, stride, dilation, pads)


@misread("axis", "float32 NHWC 1x3x3x1 w2x2x1x1 s1,1 d1,1 2,0,0,0 distinct:0")
def pads_within_kernel(size: int, kernel: int, stride: int, dilation: int, pads: Pads) -> Axis:
    """Explicit pads are cut so that no window lies wholly in them."""
    if not isinstance(pads, str):
        most = RIGHT.reach(kernel, dilation) - 1
        pads = min(pads[0], most), min(pads[1], most)
    return RIGHT.axis(size, kernel, stride, dilation, pads)


@misread("pads", "float32 NCHW 1x1x3x3 w2x2x1x1 s1,1 d1,1 1,1,0,0 distinct:0")
def nchw_pads_as_nhwc(value: Any, layout: str) -> tuple[Pads, ...]:
    """The explicit pads of an NCHW call are read in the order of NHWC."""
    return RIGHT.pads(value, "NHWC")


_FOUR_STRIDES = {
    "input": ((1, 1, 5, 5), "float32"),
    "filters": ((1, 1, 1, 1), "float32"),
    "strides": [1, 1, 2, 1],
    "padding": "SAME",
    "data_format": "NCHW",
}


@slip("steps", Call(_FOUR_STRIDES))
def nchw_steps_as_nhwc(value: Any, layout: str) -> Steps:
    """Four strides or dilations of an NCHW call are read in the order of NHWC."""
    return RIGHT.steps(value, "NHWC")
