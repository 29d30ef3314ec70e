"""The corner classes of cases: what a run must have met before its verdict counts."""

from __future__ import annotations

from collections.abc import Iterator

from parity import bounds
from parity.case import Case
from parity.subject import Scope

# The least share of a claim's examples, and the feature without which the class is not asked for.
# A share is about a third of what the strategies draw (parity/meta/test_corners.py).
_MINIMA: dict[str, tuple[float, str | None]] = {
    "SAME": (0.1, None),
    "VALID": (0.1, None),
    "explicit pads": (0.1, "explicit"),
    "unequal pads": (0.05, "explicit"),
    "odd SAME pad": (0.05, None),
    "stride > kernel": (0.05, None),
    "unequal strides": (0.1, None),
    "window in padding": (0.01, "explicit"),
    "dilation": (0.05, "dilations"),
    "dilation and stride": (0.02, "dilations"),
    "groups": (0.05, "groups"),
    "depthwise": (0.01, "groups"),
    "kernel = input": (0.01, None),
    "kernel > input": (0.02, None),
    "empty output": (0.01, "empties"),
    "empty input": (0.01, "empties"),
    "rank >= 5": (0.08, "rank5"),
    "batch > 1": (0.1, None),
    "one channel": (0.05, None),
    "one filter": (0.05, None),
    "1x1 kernel": (0.02, None),
    "many terms": (0.01, None),
}


def classes(case: Case) -> Iterator[str]:
    """Name the classes that `case` belongs to, its dtype and layouts among them."""
    planes = case.input_shape[-3:]
    height, width, channels = planes if case.data_format == "NHWC" else (*planes[1:], planes[0])
    rows, columns, depth, filters = case.filters_shape
    (out_rows, out_columns), pads = bounds.output_geometry(case)
    reaches = ((rows - 1) * case.dilations[0] + 1, (columns - 1) * case.dilations[1] + 1)
    axes = list(zip((height, width), (rows, columns), reaches, case.strides, strict=True))
    dilated = [
        one > 1 and size > 1 for one, size in zip(case.dilations, (rows, columns), strict=True)
    ]

    yield case.dtype
    yield case.data_format
    yield f"layout {case.input_layout}"
    if case.filters_layout != case.input_layout:
        yield f"layout {case.filters_layout}"
    yield case.padding if isinstance(case.padding, str) else "explicit pads"
    if isinstance(case.padding, tuple):
        if pads[0] != pads[1] or pads[2] != pads[3]:
            yield "unequal pads"
        if pads[0] >= reaches[0] or pads[2] >= reaches[1]:
            yield "window in padding"
    elif (pads[0] + pads[1]) % 2 or (pads[2] + pads[3]) % 2:
        yield "odd SAME pad"
    if any(stride > kernel for _, kernel, _, stride in axes):
        yield "stride > kernel"
    if case.strides[0] != case.strides[1]:
        yield "unequal strides"
    if any(dilated):
        yield "dilation"
        if any(one and stride > 1 for one, stride in zip(dilated, case.strides, strict=True)):
            yield "dilation and stride"
    if depth and channels // depth > 1:
        yield "groups"
        if depth == 1:
            yield "depthwise"
    if any(size == reach > 1 for size, _, reach, _ in axes):
        yield "kernel = input"
    if any(size < reach for size, _, reach, _ in axes):
        yield "kernel > input"
    if out_rows == 0 or out_columns == 0 or filters == 0 or 0 in case.input_shape[:-3]:
        yield "empty output"
    if 0 in case.input_shape:
        yield "empty input"
    if len(case.input_shape) > 4:
        yield "rank >= 5"
    elif case.input_shape[0] > 1:
        yield "batch > 1"
    if channels == 1:
        yield "one channel"
    if filters == 1:
        yield "one filter"
    if rows == columns == 1:
        yield "1x1 kernel"
    if case.terms > 64:
        yield "many terms"
    for axis, size, block in (
        ("rows", out_rows, 16),
        ("columns", out_columns, 16),
        ("channels", channels, 16),
        ("filters", filters, 16),
        ("outputs", out_rows * out_columns, 1024),
    ):
        if size > block and size % block:
            yield f"tail of {axis}"


_FEATURES = {
    "explicit pads": "explicit",
    "dilation": "dilations",
    "groups": "groups",
    "empty output": "empties",
    "empty input": "empties",
    "rank >= 5": "rank5",
}


def within(case: Case, scope: Scope) -> bool:
    """Say whether `case` lies within what a subject claims to support."""
    return (
        case.dtype in scope.dtypes
        and case.data_format in scope.formats
        and {case.input_layout, case.filters_layout} <= set(scope.layouts)
        and all(scope.has(_FEATURES[name]) for name in classes(case) if name in _FEATURES)
    )


TAILS = {
    "tail of rows": 0.1,
    "tail of columns": 0.1,
    "tail of channels": 0.1,
    "tail of filters": 0.1,
    "tail of outputs": 0.05,
}
"""The least shares in the claim about large sizes: blocks of 16 (1024 outputs) left unfilled."""


def minima(scope: Scope, *, layouts: bool = False) -> dict[str, float]:
    """Return the least share of a claim's examples for each class that `scope` admits.

    Parameters
    ----------
    scope
        What the subject claims to support.
    layouts
        Whether the claim draws memory layouts.
    """
    least = {
        name: share
        for name, (share, feature) in _MINIMA.items()
        if feature is None or scope.has(feature)
    }
    least |= dict.fromkeys(scope.formats, 0.15)
    if layouts:
        least |= {f"layout {name}": 0.3 / len(scope.layouts) for name in scope.layouts}
    return least
