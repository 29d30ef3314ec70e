"""The claim about exact sums finds what is one number off, and the oracle rounds as IEEE says."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import npconv
from npconv import _exact
from parity.claims import rounded
from parity.claims.bounded import FLOATS
from parity.model.case import DTYPES, Array, Case
from parity.oracles import rational

TOKEN = "{} NHWC 2x5x6x3 w3x3x3x2 s1,1 d1,1 SAME {}:{}"
EVERY = [(dtype, kind) for dtype in FLOATS for kind in ("ties", "cancelling", "bounded")]


def exact(*arguments: Any, **named: Any) -> Array:
    return npconv.conv2d(*arguments, **named, precision="exact")


def found(dtype: str, kind: str, function: Callable[..., Array]) -> int:
    """Return in how many of some cases the claim fails."""
    failed = 0
    for seed in range(20):
        try:
            rounded.compared(Case.parse(TOKEN.format(dtype, kind, seed)), function)
        except AssertionError:
            failed += 1
    return failed


@pytest.mark.parametrize(("dtype", "kind"), EVERY)
def test_a_result_one_number_off_is_found(dtype: str, kind: str) -> None:
    def off(*arguments: Any, **named: Any) -> Array:
        result = exact(*arguments, **named)
        result.view(f"i{result.itemsize}")[0, 0, 0, 0] += 1
        return result

    assert found(dtype, kind, exact) == 0
    assert found(dtype, kind, off) == 20


@pytest.mark.parametrize("kind", ["ties", "cancelling"])
def test_a_certificate_without_its_bound_is_found(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_exact, "gamma", lambda terms: 0.0)
    assert found("float32", kind, exact)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_halves_rounded_twice_are_found(dtype: str) -> None:
    def twice(images: Array, filters: Array, **named: Any) -> Array:
        single = exact(images.astype(np.float32), filters.astype(np.float32), **named)
        return single.astype(images.dtype)

    assert found(dtype, "ties", twice) or found(dtype, "bounded", twice)


@given(st.integers(-(2**70), 2**70), st.integers(-1200, 1000), st.sampled_from(FLOATS))
def test_the_oracle_rounds_as_casts_do(total: int, place: int, dtype: str) -> None:
    own = DTYPES[dtype]
    value = rational.to_nearest(total, place, own)
    exactly = Fraction(total) * Fraction(2) ** place
    with np.errstate(over="ignore"):
        assert own.type(value) == value  # it is one of the dtype's
        if dtype != "bfloat16":
            try:
                double = float(exactly)
            except OverflowError:
                double = np.copysign(np.inf, total)
            whole = np.isfinite(double) and Fraction(double) == exactly  # not rounded before
            if dtype == "float64" or whole:
                assert own.type(double) == value
