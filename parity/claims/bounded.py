"""On floats each side lies within the proven bound of the exact value.

The two then differ by at most the sum of their bounds (`parity.oracles.bounds` derives them).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from hypothesis import currently_in_test_context, target

from parity.claims.check import scope_of, sides
from parity.claims.claim import Claim, Told
from parity.examples.strategies import of_kinds
from parity.model import data
from parity.model.case import DTYPES, Case, Conv2d
from parity.oracles import bounds
from parity.oracles.bounds import Allowed
from parity.oracles.compare import assert_within_bound

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
    least = np.full((1, 1, 1, 1), info.smallest_subnormal).astype(DTYPES[case.dtype])
    single = replace(case, strides=(1, 1), dilations=(1, 1), padding="VALID")
    return not single.call_on(conv2d, least, np.ones_like(least)).any()


def held(
    case: Case, conv2d: Conv2d, compare: Callable[..., float]
) -> tuple[Allowed, dict[str, float]]:
    """Hold each side against what its handling of subnormals allows.

    Returns what the subject's allows, and the largest |error| / bound of each.
    """
    x, w = case.arrays()
    permitted, ratios = bounds.allowances(case, x, w), {}
    for name, function in sides(conv2d):
        flush = name == "TensorFlow" or flushes(case, conv2d)
        got = case.call_on(function, x, w)
        ratios[name] = compare(case=case, got=got, allowed=permitted[flush], name=name)
    return permitted[flush], ratios


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
