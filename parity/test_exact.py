"""Claim: where the arithmetic is exact in every order, npconv and TensorFlow give the same bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from parity import bounds, tensorflow_oracle
from parity.case import DTYPES, Case
from parity.compare import assert_exact
from parity.strategies import cases
from parity.tally import prove


def check(case: Case, conv2d: Any) -> tuple[int, int]:
    """Compare both sides with the integer sums of int64, rounded once."""
    x, w = case.arrays()
    expected = bounds.integers(case, x, w)
    theirs = case.call_on(tensorflow_oracle.conv2d, x, w)
    ours = case.call_on(conv2d, x, w)
    assert_exact(case=case, got=theirs, expected=expected, names=("TensorFlow", "exact"))
    assert_exact(case=case, got=ours, expected=expected, names=("npconv", "exact"))
    return expected.size, int(np.count_nonzero(expected))


@pytest.mark.parametrize("dtype", DTYPES)
def test_integers_agree_bit_for_bit(dtype: str, conv2d: Any) -> None:
    strategy = cases(dtypes=[dtype], kinds=["lattice"])
    prove("exact", dtype, strategy, lambda case: check(case, conv2d), examples=1900, telling=10)


@pytest.mark.parametrize("kind", ["bounded", "special"])
def test_int32_wraps_modulo_two_to_the_32(kind: str, conv2d: Any) -> None:
    strategy = cases(dtypes=["int32"], kinds=[kind])
    prove(
        f"exact {kind}",
        "int32",
        strategy,
        lambda case: check(case, conv2d),
        examples=900,
        telling=10,
    )
