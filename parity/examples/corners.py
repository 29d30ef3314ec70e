"""The corner classes of cases: what a run must have met before its verdict counts."""

from __future__ import annotations

import math
from collections.abc import Iterator

from parity.model.axis import Axis
from parity.model.case import Case
from parity.model.geometry import Geometry
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
_OF_ALL = {"SAME", "VALID", "explicit pads", "stride > kernel", "dilation", "kernel > input",
           "empty output", "empty input", "batch > 1"}  # fmt: skip
"""What every operation is asked for; some of the others exclude one another there."""
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
    it = Geometry.of(case)
    axes, rows, columns = it.axes, it.rows.outputs, it.columns.outputs
    yield case.dtype
    yield case.data_format
    for layout in {case.input_layout, case.filters_layout}:
        if (layout, case.dtype) != ("swapped", "bfloat16"):  # whose bytes have but one order
            yield f"layout {layout}"
    yield case.padding if isinstance(case.padding, str) else "explicit pads"
    dilated = [one for one in axes if one.dilation > 1 and one.kernel > 1]
    uneven = any(one.before != one.after for one in axes)
    empty = 0 in (*it.outputs, it.filters, *it.lead)
    for name, there in (
        # The pads of SAME differ by one where their sum is odd.
        ("odd SAME pad" if case.padding == "SAME" else "unequal pads", uneven),
        ("window in padding", any(it.pads) and any(map(_unseen, axes))),
        ("stride > kernel", any(one.stride > one.kernel for one in axes)),
        ("unequal strides", len({axis.stride for axis in axes}) > 1),
        ("unequal kernel", len({axis.kernel for axis in axes}) > 1),
        ("dilation", dilated),
        ("dilation and stride", any(one.stride > 1 for one in dilated)),
        ("groups", it.groups > 1),
        ("depthwise", it.groups > 1 and it.depth == 1),
        ("kernel = input", any(one.size == one.reach > 1 for one in axes)),
        ("kernel > input", any(0 < one.size < one.reach for one in axes)),
        ("empty output", empty),
        ("outputs of nothing", not empty and 0 in case.input_shape),
        ("empty input", 0 in case.input_shape),
        ("rank >= 5", len(it.lead) > 1),
        ("batch > 1", len(it.lead) == 1 and it.lead[0] > 1),
        ("one channel", it.channels == 1),
        ("one filter", it.filters == 1),
        ("1x1 kernel", {axis.kernel for axis in axes} == {1}),
        ("many terms", case.terms > 64),
    ):
        if there:
            yield name
    for name, size, block in (
        ("rows", rows, 16),
        ("columns", columns, 16),
        ("channels", it.depth, 16),
        ("filters", it.filters, 16),
        ("outputs", rows * columns, 1024),
    ):
        if size > block and size % block:
            yield f"tail of {name}"


def within(case: Case, scope: Scope) -> bool:
    """Say whether `case` lies within what a subject claims to support."""
    it = Geometry.of(case)
    needed = {
        "SAME": case.padding == "SAME",
        "strides": max(case.strides) > 1,
        "unequal strides": len({*case.strides}) > 1,
        "batches": math.prod(it.lead) != 1,
        "explicit": not isinstance(case.padding, str),
        "dilations": max(case.dilations) > 1,  # also where it changes nothing
        "groups": it.groups > 1,
        "empties": 0 in (*case.input_shape, *case.filters_shape, *it.outputs),
        "rank5": len(it.lead) > 1,
    }
    return (
        case.operation == scope.operation
        and case.dtype in scope.dtypes
        and case.data_format in scope.formats
        and {case.input_layout, case.filters_layout} <= set(scope.layouts)
        and all(scope.has(feature) for feature, there in needed.items() if there)
    )


def minima(scope: Scope, *, layouts: bool = False) -> dict[str, float]:
    """Return the least share of a claim's examples for each class that `scope` admits.

    `layouts`: whether the claim draws memory layouts.
    """
    least = {
        name: share for name, (share, features) in _MINIMA.items() if all(map(scope.has, features))
    }
    if scope.operation != "conv2d":
        least = {name: least[name] / 3 for name in _OF_ALL & least.keys()}
    least |= {"NHWC": 0.2, "NCHW": 0.1} if len(scope.formats) > 1 else {scope.formats[0]: 1.0}
    if layouts:
        least |= {f"layout {name}": 0.5 / len(scope.layouts) for name in scope.layouts}
        if set(scope.dtypes) == {"bfloat16"}:
            least.pop("layout swapped", None)
    return least


def _unseen(axis: Axis) -> bool:
    """Say whether no tap of some window falls on a pixel, if there are any."""
    for output in range(axis.outputs if axis.size else 0):
        first = output * axis.stride - axis.before
        inside = max(0, -(first // axis.dilation))  # the first tap not before the image
        if inside >= axis.kernel or first + inside * axis.dilation >= axis.size:
            return True
    return False
