"""On floats each side lies within the proven bound of the exact value.

The two then differ by at most the sum of their bounds (`parity.oracles.bounds` derives them).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from hypothesis import currently_in_test_context, target

from parity.claims.check import scope_of, sides, sums_in_halves
from parity.claims.claim import Claim, Told
from parity.engine import note
from parity.examples.strategies import of_kinds
from parity.model import data
from parity.model.case import DTYPES, Case, Conv2d
from parity.oracles import bounds
from parity.oracles.bounds import Allowed
from parity.oracles.compare import assert_within_bound
from parity.oracles.winograd import takes

FLOATS = ("float32", "float64", "float16", "bfloat16")


def admits(case: Case) -> bool:
    """Say whether `case` holds finite floats that do not overflow."""
    if case.dtype not in FLOATS or case.kind not in ("bounded", "normal", *data.EXACT):
        return False
    if case.kind == "bounded":
        return True  # as it was drawn
    allowed = bounds.allowances(case, *case.arrays()).values()
    return all(bool((one.finite | one.zero).all()) for one in allowed)


def flushes(case: Case, conv2d: Conv2d) -> bool:
    """Say whether the subject may be taken to flush subnormals of the dtype of `case`.

    One that claims subnormals may not; any other is asked.
    """
    if scope_of(conv2d).has("subnormals"):
        return False
    info = bounds.limits(DTYPES[case.dtype])
    ones = (1,) * case.of.axes
    single = replace(
        case,
        input_shape=(1, *ones, 1),
        filters_shape=(*ones, 1, 1),
        strides=ones,
        dilations=ones,
        padding="VALID",
        pointwise=case.pointwise and (1, 1),
    )
    given = [np.ones((1,) * (case.of.axes + 2), DTYPES[case.dtype]) for _ in case.of.arrays]
    given[0] *= info.smallest_subnormal
    return not single.call_on(conv2d, *given).any()


def held(
    case: Case, conv2d: Conv2d, compare: Callable[..., float]
) -> tuple[Allowed, dict[str, float]]:
    """Hold each side against what its handling of subnormals allows.

    Returns what the subject's allows, and the largest |error| / bound of each.
    """
    arrays, ratios = case.arrays(), {}
    permitted = bounds.allowances(case, *arrays)
    for name, function in sides(case, conv2d, *arrays):
        flush, error = name == note.ORACLE or flushes(case, conv2d), scope_of(conv2d).bound
        allowed = permitted[flush]
        if name == note.SUBJECT and takes(error, case):
            allowed = bounds.allow(case, *arrays, flush=flush, error=error)
        if sums_in_halves(case, name):
            allowed = bounds.allow(case, *arrays, flush=True, narrow=True)
        ratios[name] = compare(case=case, got=function(*arrays), allowed=allowed, name=name)
    return allowed, ratios


def tight(allowed: Allowed) -> int:
    """Count the outputs whose bound is so small that a wrong product or tap would break it."""
    return int(np.count_nonzero(allowed.finite & (allowed.bound < 0.1 * allowed.gross)))


def check(case: Case, conv2d: Conv2d) -> Told:
    """Hold both sides to their bounds; seek the largest error."""
    allowed, ratios = held(case, conv2d, assert_within_bound)
    if currently_in_test_context():
        for name, ratio in ratios.items():
            target(ratio, label=f"{name}: error / bound")
    return Told(allowed.value.size, tight(allowed), ratios)


CLAIM = Claim(
    name="bounded",
    statement="Floats: both sides within the proven bound of the exact value.",
    dtypes=FLOATS,
    strategy=of_kinds("bounded"),
    check=check,
    admits=admits,
    examples=1500,
    telling=10,
)
