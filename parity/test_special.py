"""Claim: inf, nan, signed zeros, overflow and subnormals come out as IEEE arithmetic says.

Padding is zeros that are multiplied, so inf and nan in the filters reach the outputs beside it.
TensorFlow computes with subnormals flushed to zero, npconv without (divergence ``subnormals``):
each is held against the exact value of what it sees.
"""

from __future__ import annotations

from typing import Any

import pytest

from parity import bounds, tensorflow_oracle
from parity.case import Case
from parity.compare import assert_special
from parity.strategies import cases
from parity.tally import prove


def check(case: Case, conv2d: Any) -> tuple[int, int]:
    """Compare each side with what it must give; count what was not left open."""
    x, w = case.arrays()
    for name, function, flush in (
        ("TensorFlow", tensorflow_oracle.conv2d, True),
        ("npconv", conv2d, False),
    ):
        allowed = bounds.allow(case, x, w, flush=flush)
        got = case.call_on(function, x, w)
        assert_special(case=case, got=got, allowed=allowed, names=(name, "the exact value"))
    strange = allowed.nan | allowed.positive | allowed.negative
    return int((~allowed.open).sum()), int(strange.sum())


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_special_values_come_out_as_specified(dtype: str, conv2d: Any) -> None:
    strategy = cases(dtypes=[dtype], kinds=["special"])
    prove("special", dtype, strategy, lambda case: check(case, conv2d), examples=1400, telling=10)
