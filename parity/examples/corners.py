"""The corner classes of cases: what a run must have met before its verdict counts."""

from __future__ import annotations

import math
from collections.abc import Iterator

from parity.model import geometry
from parity.model.case import Case
from parity.model.subject import Scope

# The least share of a claim's examples, and the features without which the class is not asked for.
# A share is about a third of what `parity.examples.strategies.cases` draws within the scope where
# it draws fewest (parity/tests/examples/test_corners.py measures them).
_MINIMA: dict[str, tuple[float, tuple[str, ...]]] = {
    "SAME": (0.1, ("SAME",)),
    "VALID": (0.1, ()),
    "explicit pads": (0.1, ("explicit",)),
    "unequal pads": (0.1, ("explicit",)),
    "odd SAME pad": (0.04, ("SAME",)),
    "window in padding": (0.07, ("explicit",)),
    "stride > kernel": (0.08, ("strides",)),
    "unequal strides": (0.1, ("unequal strides",)),
    "unequal kernel": (0.12, ()),
    "dilation": (0.1, ("dilations",)),
    "dilation and stride": (0.07, ("dilations", "strides")),
    "groups": (0.1, ("groups",)),
    "depthwise": (0.02, ("groups",)),
    "kernel = input": (0.05, ()),
    "kernel > input": (0.07, ("SAME",)),
    "empty output": (0.015, ("empties",)),
    "empty input": (0.015, ("empties",)),
    "outputs of nothing": (0.004, ("empties",)),
    "rank >= 5": (0.1, ("rank5",)),
    "batch > 1": (0.1, ("batches",)),
    "one channel": (0.04, ()),
    "one filter": (0.04, ()),
    "1x1 kernel": (0.03, ()),
    "many terms": (0.06, ()),
}
TAILS = {
    "tail of rows": 0.1,
    "tail of columns": 0.1,
    "tail of channels": 0.1,
    "tail of filters": 0.1,
    "tail of outputs": 0.05,
}
"""The least shares in the claim about large sizes: blocks of 16 (1024 outputs) left unfilled."""


def classes(case: Case) -> Iterator[str]:
    """Name the classes that `case` belongs to, its dtype and layouts among them."""
    height, width, channels = _image(case)
    rows, columns, depth, filters = case.filters_shape
    (out_rows, out_columns), (top, bottom, left, right) = geometry.output_geometry(case)
    reaches = ((rows - 1) * case.dilations[0] + 1, (columns - 1) * case.dilations[1] + 1)
    axes = list(zip((height, width), (rows, columns), reaches, case.strides, strict=True))
    dilated = [
        one > 1 and size > 1 for one, size in zip(case.dilations, (rows, columns), strict=True)
    ]

    yield case.dtype
    yield case.data_format
    for layout in {case.input_layout, case.filters_layout}:
        if (layout, case.dtype) != ("swapped", "bfloat16"):  # whose bytes have but one order
            yield f"layout {layout}"
    yield case.padding if isinstance(case.padding, str) else "explicit pads"
    if case.padding == "SAME":
        if (top + bottom) % 2 or (left + right) % 2:
            yield "odd SAME pad"
    elif top != bottom or left != right:
        yield "unequal pads"
    if (top or bottom or left or right) and (
        _unseen(height, rows, case.strides[0], case.dilations[0], top, out_rows)
        or _unseen(width, columns, case.strides[1], case.dilations[1], left, out_columns)
    ):
        yield "window in padding"
    if any(stride > kernel for _, kernel, _, stride in axes):
        yield "stride > kernel"
    if case.strides[0] != case.strides[1]:
        yield "unequal strides"
    if rows != columns:
        yield "unequal kernel"
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
    if any(0 < size < reach for size, _, reach, _ in axes):
        yield "kernel > input"
    if 0 in (out_rows, out_columns, filters, *case.input_shape[:-3]):
        yield "empty output"
    elif 0 in case.input_shape:
        yield "outputs of nothing"
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
    for name, size, block in (
        ("rows", out_rows, 16),
        ("columns", out_columns, 16),
        ("channels", depth, 16),
        ("filters", filters, 16),
        ("outputs", out_rows * out_columns, 1024),
    ):
        if size > block and size % block:
            yield f"tail of {name}"


def within(case: Case, scope: Scope) -> bool:
    """Say whether `case` lies within what a subject claims to support."""
    depth = case.filters_shape[2]
    needed = {
        "SAME": case.padding == "SAME",
        "strides": max(case.strides) > 1,
        "unequal strides": case.strides[0] != case.strides[1],
        "batches": math.prod(case.input_shape[:-3]) != 1,
        "explicit": not isinstance(case.padding, str),
        "dilations": max(case.dilations) > 1,  # also where it changes nothing
        "groups": depth > 0 and _image(case)[2] > depth,
        "empties": 0 in (*case.input_shape, *case.filters_shape, *geometry.output_shape(case)),
        "rank5": len(case.input_shape) > 4,
    }
    return (
        case.dtype in scope.dtypes
        and case.data_format in scope.formats
        and {case.input_layout, case.filters_layout} <= set(scope.layouts)
        and all(scope.has(feature) for feature, there in needed.items() if there)
    )


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
        name: share for name, (share, features) in _MINIMA.items() if all(map(scope.has, features))
    }
    least |= {"NHWC": 0.2, "NCHW": 0.1} if len(scope.formats) > 1 else {scope.formats[0]: 1.0}
    if layouts:
        least |= {f"layout {name}": 0.5 / len(scope.layouts) for name in scope.layouts}
        if set(scope.dtypes) == {"bfloat16"}:
            least.pop("layout swapped", None)
    return least


def _image(case: Case) -> tuple[int, int, int]:
    """Return the rows, columns and channels of the input."""
    one, two, three = case.input_shape[-3:]
    return (one, two, three) if case.data_format == "NHWC" else (two, three, one)


def _unseen(size: int, kernel: int, stride: int, dilation: int, before: int, outputs: int) -> bool:
    """Say whether no tap of some window falls on one of the `size` pixels, if there are any."""
    for output in range(outputs if size else 0):
        first = output * stride - before
        inside = max(0, -(first // dilation))  # the first tap that does not lie before the image
        if inside >= kernel or first + inside * dilation >= size:
            return True
    return False
