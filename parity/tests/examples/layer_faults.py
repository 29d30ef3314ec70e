"""Conditions of fast paths: a kernel that is wrong only there is a fault that ``layers`` finds.

They are examples of a class, in the manner of what oneDNN, XNNPACK and mobile kernels branch on.
`parity.claims.layers` does not know them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import npconv
from parity.model import geometry
from parity.model.call import read
from parity.model.case import Array, Case


class Sizes(NamedTuple):
    """What a kernel knows of a call."""

    kernel: tuple[int, int]
    strides: tuple[int, int]
    dilation: int
    batch: int
    height: int
    width: int
    channels: int
    groups: int
    filters: int
    rows: int
    columns: int
    padding: str
    data_format: str

    @property
    def depth(self) -> int:
        """Channels of a group."""
        return self.channels // self.groups

    @property
    def outputs(self) -> int:
        """Positions of the output in one image."""
        return self.rows * self.columns

    @property
    def terms(self) -> int:
        """Products of a sum."""
        return self.kernel[0] * self.kernel[1] * self.depth

    @property
    def depthwise(self) -> bool:
        """Whether each group is one channel."""
        return self.groups == self.channels > 1

    @classmethod
    def of(cls, case: Case) -> Sizes:
        """Return the sizes of `case`."""
        image = case.input_shape[1:]
        if case.data_format == "NCHW":
            image = (*image[1:], image[0])
        height, width, channels = image
        kernel_rows, kernel_columns, depth, filters = case.filters_shape
        rows, columns = geometry.output_geometry(case)[0]
        return cls(
            kernel=(kernel_rows, kernel_columns),
            strides=case.strides,
            dilation=case.dilations[0],
            batch=case.input_shape[0],
            height=height,
            width=width,
            channels=channels,
            groups=channels // depth,
            filters=filters,
            rows=rows,
            columns=columns,
            padding=case.padding if isinstance(case.padding, str) else "explicit",
            data_format=case.data_format,
        )


Condition = Callable[[Sizes], bool]
_3X3, _5X5, _7X7, _TWO = (3, 3), (5, 5), (7, 7), (2, 2)

FAULTS: dict[str, Condition] = {
    "3x3 stride 2, 4 | in, at output 40": lambda s: (
        s.kernel == _3X3 and s.strides == _TWO and s.channels % 4 == 0 and s.outputs > 40
    ),
    "depthwise 3x3, 4 | channels, image to 16x16": lambda s: (
        s.depthwise and s.kernel == _3X3 and s.channels % 4 == 0 and max(s.height, s.width) <= 16
    ),
    "3x3 stride 2, 16 | filters": lambda s: (
        s.kernel == _3X3 and s.strides == _TWO and s.filters % 16 == 0
    ),
    "depthwise 5x5 stride 2": lambda s: s.depthwise and s.kernel == _5X5 and s.strides == _TWO,
    "4 groups": lambda s: s.groups == 4 and s.depth > 1,
    "3x3 in groups of 4 channels": lambda s: s.groups > 1 and s.depth == 4 and s.kernel == _3X3,
    "7x7 stride 2, 3 channels": lambda s: (
        s.kernel == _7X7 and s.strides == _TWO and s.channels == 3 and s.groups == 1
    ),
    "batch 8, 1x1": lambda s: s.batch == 8 and s.kernel == (1, 1),
    "batch 8, 3x3, 8 | filters": lambda s: s.batch == 8 and s.kernel == _3X3 and s.filters % 8 == 0,
    "dilated 3x3, 16 columns or more": lambda s: (
        s.dilation == 2 and s.kernel == _3X3 and s.columns >= 16
    ),
    "dilated, more than 64 filters": lambda s: (
        s.dilation == 2 and s.filters > 64 and s.kernel != (1, 1)
    ),
    "1x7, 64 channels": lambda s: s.kernel == (1, 7) and s.channels == 64,
    "7x1, 32 | channels": lambda s: s.kernel == (7, 1) and s.channels % 32 == 0,
    "7x1 stride 2": lambda s: s.kernel == (7, 1) and s.strides == _TWO,
    "sums of more than 1024": lambda s: s.terms > 1024,
    "sums of more than 2304, 3x3": lambda s: s.terms > 2304 and s.kernel == _3X3,
    "sums of more than 4096": lambda s: s.terms > 4096,
    "1x1, rest of 32 filters": lambda s: (
        s.kernel == (1, 1) and s.filters > 32 and s.filters % 32 > 0
    ),
    "rest of 128 outputs, 8 | filters, 3x3": lambda s: (
        s.outputs > 128 and s.outputs % 128 > 0 and s.filters % 8 == 0 and s.kernel == _3X3
    ),
    "1x1 stride 2, 16 | channels": lambda s: (
        s.kernel == (1, 1) and s.strides == _TWO and s.channels % 16 == 0
    ),
    "2x2 stride 2, 8 | filters": lambda s: (
        s.kernel == _TWO and s.strides == _TWO and s.filters % 8 == 0
    ),
    "5x5 SAME, one channel": lambda s: s.kernel == _5X5 and s.padding == "SAME" and s.channels == 1,
    "7x7 stride 4": lambda s: s.kernel == _7X7 and s.strides == (4, 4),
    "depthwise, 2 filters a channel, 8 | channels": lambda s: (
        s.depthwise and s.filters == 2 * s.channels and s.channels % 8 == 0
    ),
    "depthwise 3x3, one column short of 8": lambda s: (
        s.depthwise and s.kernel == _3X3 and s.columns % 8 == 7
    ),
    "3x3, one channel more than 16": lambda s: (
        s.kernel == _3X3 and s.channels > 16 and s.channels % 16 == 1
    ),
    "one filter, 64 channels or more": lambda s: s.filters == 1 and s.channels >= 64,
    "NCHW 3x3, 8 | filters, 8 columns": lambda s: (
        s.data_format == "NCHW" and s.kernel == _3X3 and s.filters % 8 == 0 and s.columns % 8 == 0
    ),
    "3x3 stride 2, 3 channels, 16 | filters": lambda s: (
        s.kernel == _3X3 and s.strides == _TWO and s.channels == 3 and s.filters % 16 == 0
    ),
    "depthwise 3x3 at unequal strides": lambda s: (
        s.depthwise and s.kernel == _3X3 and s.strides[0] != s.strides[1]
    ),
    "1x1 in groups, 8 | channels of a group": lambda s: (
        s.groups > 1 and s.kernel == (1, 1) and s.depth % 8 == 0
    ),
    "32 columns, 32 | channels, 3x3": lambda s: (
        s.columns >= 32 and s.channels % 32 == 0 and s.kernel == _3X3
    ),
}


def wrong_where(condition: Condition) -> Callable[..., Array]:
    """Return npconv's conv2d with one output off by one where `condition` holds."""

    def conv2d(input: Array, filters: Array, **named: Any) -> Array:
        result: Array = npconv.conv2d(input, filters, **named)
        case = read({"input": input, "filters": filters, **named})
        if case is not None and condition(Sizes.of(case)):
            result[(-1,) * result.ndim] += 1
        return result

    return conv2d
