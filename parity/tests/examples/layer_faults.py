"""Conditions of fast paths: a kernel that is wrong only there is a fault that ``layers`` finds.

They are examples of a class, in the manner of what oneDNN, XNNPACK and mobile kernels branch on.
`parity.claims.layers` does not know them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import npconv
from parity.model.call import read
from parity.model.case import Array, Case
from parity.model.geometry import Geometry


class Sizes(NamedTuple):
    """What a kernel knows of a call; `outputs` are the positions in one image."""

    kernel: tuple[int, int]
    strides: tuple[int, int]
    dilation: int
    batch: int
    height: int
    width: int
    channels: int
    groups: int
    depth: int
    filters: int
    terms: int
    columns: int
    outputs: int
    depthwise: bool
    padding: str
    data_format: str

    @classmethod
    def of(cls, case: Case) -> Sizes:
        """Return the sizes of `case`."""
        it = Geometry.of(case)
        return cls(
            kernel=(it.rows.kernel, it.columns.kernel),
            strides=(it.rows.stride, it.columns.stride),
            dilation=case.dilations[0],
            batch=it.lead[0],
            height=it.rows.size,
            width=it.columns.size,
            channels=it.channels,
            groups=it.groups,
            depth=it.depth,
            filters=it.filters,
            terms=case.terms,
            columns=it.columns.outputs,
            outputs=it.rows.outputs * it.columns.outputs,
            depthwise=it.groups == it.channels > 1,
            padding=case.padding if isinstance(case.padding, str) else "explicit",
            data_format=case.data_format,
        )


Condition = Callable[[Sizes], bool]
_1X1, _2X2, _3X3, _5X5, _7X7 = ((size, size) for size in (1, 2, 3, 5, 7))


def where(rest: Condition = lambda _: True, **fixed: Any) -> Condition:
    """Return the condition that sizes are `fixed`, and `rest`."""
    return lambda sizes: (
        all(getattr(sizes, key) == one for key, one in fixed.items()) and rest(sizes)
    )


FAULTS: dict[str, Condition] = {
    "3x3 stride 2, 4 | in, at output 40": where(
        lambda s: s.channels % 4 == 0 and s.outputs > 40, kernel=_3X3, strides=(2, 2)
    ),
    "depthwise 3x3, 4 | channels, image to 16x16": where(
        lambda s: s.channels % 4 == 0 and max(s.height, s.width) <= 16, kernel=_3X3, depthwise=True
    ),
    "3x3 stride 2, 16 | filters": where(lambda s: s.filters % 16 == 0, kernel=_3X3, strides=(2, 2)),
    "depthwise 5x5 stride 2": where(depthwise=True, kernel=_5X5, strides=(2, 2)),
    "4 groups": where(lambda s: s.depth > 1, groups=4),
    "3x3 in groups of 4 channels": where(lambda s: s.groups > 1, depth=4, kernel=_3X3),
    "7x7 stride 2, 3 channels": where(kernel=_7X7, strides=(2, 2), channels=3, groups=1),
    "batch 8, 1x1": where(batch=8, kernel=_1X1),
    "batch 8, 3x3, 8 | filters": where(lambda s: s.filters % 8 == 0, batch=8, kernel=_3X3),
    "dilated 3x3, 16 columns or more": where(lambda s: s.columns >= 16, dilation=2, kernel=_3X3),
    "dilated, more than 64 filters": where(
        lambda s: s.filters > 64 and s.kernel != _1X1, dilation=2
    ),
    "1x7, 64 channels": where(kernel=(1, 7), channels=64),
    "7x1, 32 | channels": where(lambda s: s.channels % 32 == 0, kernel=(7, 1)),
    "7x1 stride 2": where(kernel=(7, 1), strides=(2, 2)),
    "sums of more than 1024": where(lambda s: s.terms > 1024),
    "sums of more than 2304, 3x3": where(lambda s: s.terms > 2304, kernel=_3X3),
    "sums of more than 4096": where(lambda s: s.terms > 4096),
    "1x1, rest of 32 filters": where(lambda s: s.filters > 32 and s.filters % 32 > 0, kernel=_1X1),
    "rest of 128 outputs, 8 | filters, 3x3": where(
        lambda s: s.outputs > 128 and s.outputs % 128 > 0 and s.filters % 8 == 0, kernel=_3X3
    ),
    "1x1 stride 2, 16 | channels": where(
        lambda s: s.channels % 16 == 0, kernel=_1X1, strides=(2, 2)
    ),
    "2x2 stride 2, 8 | filters": where(lambda s: s.filters % 8 == 0, kernel=_2X2, strides=(2, 2)),
    "5x5 SAME, one channel": where(kernel=_5X5, padding="SAME", channels=1),
    "7x7 stride 4": where(kernel=_7X7, strides=(4, 4)),
    "depthwise, 2 filters a channel, 8 | channels": where(
        lambda s: s.filters == 2 * s.channels and s.channels % 8 == 0, depthwise=True
    ),
    "depthwise 3x3, one column short of 8": where(
        lambda s: s.columns % 8 == 7, depthwise=True, kernel=_3X3
    ),
    "3x3, one channel more than 16": where(
        lambda s: s.channels > 16 and s.channels % 16 == 1, kernel=_3X3
    ),
    "one filter, 64 channels or more": where(lambda s: s.channels >= 64, filters=1),
    "NCHW 3x3, 8 | filters, 8 columns": where(
        lambda s: s.filters % 8 == 0 == s.columns % 8, data_format="NCHW", kernel=_3X3
    ),
    "3x3 stride 2, 3 channels, 16 | filters": where(
        lambda s: s.filters % 16 == 0, kernel=_3X3, strides=(2, 2), channels=3
    ),
    "depthwise 3x3 at unequal strides": where(
        lambda s: s.strides[0] != s.strides[1], depthwise=True, kernel=_3X3
    ),
    "1x1 in groups, 8 | channels of a group": where(
        lambda s: s.groups > 1 and s.depth % 8 == 0, kernel=_1X1
    ),
    "32 columns, 32 | channels, 3x3": where(
        lambda s: s.columns >= 32 and s.channels % 32 == 0, kernel=_3X3
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
