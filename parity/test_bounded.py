"""Claim: on floats npconv and TensorFlow each lie within the proven bound of the exact value.

The two then differ by at most the sum of their bounds.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import currently_in_test_context, target

from parity import bounds, tensorflow_oracle
from parity.case import Case
from parity.compare import assert_within_bound
from parity.strategies import cases
from parity.tally import prove

FLOATS = ("float32", "float64", "float16", "bfloat16")


def check(case: Case, conv2d: Any) -> tuple[int, int]:
    """Compare each side with what its handling of subnormals allows; seek the largest error."""
    x, w = case.arrays()
    for name, function, flush in (
        ("TensorFlow", tensorflow_oracle.conv2d, True),
        ("npconv", conv2d, False),
    ):
        allowed = bounds.allow(case, x, w, flush=flush)
        got = case.call_on(function, x, w)
        ratio = assert_within_bound(
            case=case, got=got, allowed=allowed, names=(name, "the exact value")
        )
        if currently_in_test_context():
            target(ratio, label=f"{name}: error / bound")
    # Telling: the bound is so small that a wrong product or a wrong tap would break it.
    tight = allowed.finite & (allowed.bound < 0.1 * allowed.gross)
    return allowed.value.size, int(tight.sum())


@pytest.mark.parametrize("dtype", FLOATS)
def test_floats_agree_within_the_bound(dtype: str, conv2d: Any) -> None:
    strategy = cases(dtypes=[dtype], kinds=["bounded"])
    prove("bounded", dtype, strategy, lambda case: check(case, conv2d), examples=1500, telling=10)
