"""The claim about npconv's precision "fast": what it finds, and what it counts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import npconv
from parity.claims import chosen, fast, trust
from parity.claims.check import Subject
from parity.claims.tally import Count
from parity.model.case import Array, Case
from parity.model.subject import Scope
from parity.mutants.winograd import kernel
from parity.oracles import bounds

CASE = Case((1, 9, 7, 40), (3, 3, 40, 3), padding="SAME", kind="normal", seed=1)
TWO = Case((3, 2, 2, 8), (3, 3, 8, 2), padding="SAME", kind="small")


def planted(case: Case, change: Any, road: Any = npconv.conv2d) -> Any:
    """Return what the claim says where a road gives something else than npconv's."""

    def other(*arguments: Any, **named: Any) -> Array:
        result: Array = road(*arguments, **named)
        return np.asarray(change(result))

    return fast.compared(case, npconv.conv2d, {"road": other})


def at_last(share: float) -> Any:
    """Return what moves one output of each filter to `share` of its bound."""

    def moved(result: Array) -> Array:
        allowed = bounds.allow(CASE, *CASE.arrays(), flush=False, error=fast.FOUR)
        result[0, -1, -1] = (allowed.value + share * allowed.bound)[0, -1, -1]
        return result

    return moved


def test_the_standards_bits_are_right_and_are_not_counted() -> None:
    for case in (CASE, TWO, replace(CASE, strides=(2, 2)), replace(CASE, dtype="int32")):
        told = planted(case, lambda result: result)
        assert told.classes == ()
        assert told.telling > 0


def test_an_error_beyond_the_bound_is_found_and_one_within_is_counted() -> None:
    told = planted(CASE, at_last(0.98))
    assert told.classes == ("road takes Winograd's",)
    assert 0.9 < told.ratios["road"] <= 1
    with pytest.raises(AssertionError, match="outside the bound: 2 of 126"):
        planted(CASE, at_last(1.02))
    right = kernel("winograd:F(4,3):0,±1/2,±2")
    assert 0 < planted(CASE, np.copy, right).ratios["road"] < 0.1


def test_what_is_not_finite_is_as_the_standards() -> None:
    def spoiled(result: Array) -> Array:
        result[0, 0, 0] = np.nan
        return result

    with pytest.raises(AssertionError, match="outside the bound"):
        planted(CASE, spoiled)


@pytest.mark.parametrize(
    "case",
    [
        replace(CASE, strides=(2, 2)),
        replace(CASE, dilations=(2, 1)),
        replace(CASE, filters_shape=(1, 1, 40, 3)),
        replace(CASE, dtype="float64"),
        replace(CASE, dtype="int32"),
        TWO,
    ],
    ids=lambda case: case.token(),
)
def test_where_no_algorithm_may_be_taken_one_bit_is_found(case: Case) -> None:
    def next_number(result: Array) -> Array:
        result.view(f"i{result.itemsize}")[(0,) * 4] += 1
        return result

    with pytest.raises(AssertionError, match="bit-identical: 1 of"):
        planted(case, next_number)


def test_an_error_beyond_that_of_an_fft_is_found() -> None:
    case = Case((1, 9, 9, 2), (5, 4, 1, 2), kind="normal", dtype="float64")
    allowed = bounds.allow(case, *case.arrays(), flush=False, error=fast.FFT)
    told = planted(case, lambda result: (allowed.value + 0.9 * allowed.bound).astype("f8"))
    assert told.classes == ("road takes an FFT",)
    with pytest.raises(AssertionError, match="outside the bound"):
        planted(case, lambda result: (allowed.value + 1.1 * allowed.bound).astype("f8"))


def test_two_rows_of_floats_are_held_to_the_narrower_bound() -> None:
    case = replace(TWO, kind="normal")
    four, two = (
        bounds.allow(case, *case.arrays(), flush=False, error=one) for one in (fast.FOUR, fast.TWO)
    )
    assert (two.bound < four.bound).all()
    planted(case, lambda result: (two.value + 0.9 * two.bound).astype(result.dtype))
    with pytest.raises(AssertionError, match="outside the bound"):
        planted(case, lambda result: (two.value + 0.9 * four.bound).astype(result.dtype))


def test_npconv_takes_it_by_both_roads() -> None:
    subject = Subject(npconv.conv2d, Scope())
    for token, roads in (
        ("float32 NHWC 1x56x56x64 w3x3x64x64 s1,1 d1,1 SAME normal:0", {"Convolution", "conv2d"}),
        ("float32 NHWC 16x4x4x64 w3x3x64x128 s1,1 d1,1 SAME normal:0", {"Convolution"}),
        ("float64 NCHW 1x2x48x48 w31x31x1x2 s1,1 d1,1 SAME bounded:0", {"Convolution", "conv2d"}),
    ):
        told = fast.check(Case.parse(token), subject)
        assert {name.split()[0] for name in told.classes} == roads
        assert max(told.ratios.values()) < 1


def test_a_run_that_took_it_too_seldom_is_mistrusted() -> None:
    count = Count("fast", "float32")
    for seed in range(120):
        case = replace(CASE, seed=seed)
        count.add(case, planted(case, np.copy), fast.CLAIM.classes(case))
    doubts = trust.unreached(fast.CLAIM, [count], Scope(dtypes=("float32",)))
    assert any("0 of 120 examples" in one and "Convolution takes" in one for one in doubts)


def test_it_is_about_npconv_alone() -> None:
    assert fast.CLAIM in chosen(Scope())
    assert fast.CLAIM not in chosen(Scope(subject="somebody:conv2d"))
