"""Every comparison raises for an error just above what it allows, and not just below."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from parity.model.case import DTYPES, Array, Case
from parity.oracles import bounds
from parity.oracles.bounds import Allowed
from parity.oracles.compare import assert_exact, assert_rounded, assert_special, assert_within_bound

NAMES = ("got", "expected")
FLOATS = ("float16", "bfloat16", "float32", "float64")


def case_of(dtype: str, kind: str = "bounded", seed: int = 0) -> Case:
    return Case((1, 4, 5, 3), (3, 2, 3, 2), padding="SAME", dtype=dtype, kind=kind, seed=seed)


def rounded(case: Case) -> tuple[Allowed, Array]:
    """Return what is allowed, and the exact values rounded to the dtype."""
    allowed = bounds.allow(case, *case.arrays(), flush=False)
    return allowed, allowed.value.astype(DTYPES[case.dtype])


def step(array: Array, index: tuple[int, ...], count: int) -> None:
    """Move one element `count` representable numbers away from zero."""
    array.view(f"i{array.dtype.itemsize}")[index] += count


@pytest.mark.parametrize("dtype", DTYPES)
def test_exact_finds_one_bit(dtype: str) -> None:
    case = case_of(dtype)
    expected = np.full((1, 4, 5, 2), 3, DTYPES[dtype])
    got = expected.copy()
    assert_exact(case=case, got=got, expected=expected, names=NAMES)
    step(got, (0, 3, 1, 1), 1)
    with pytest.raises(AssertionError, match=r"1 of 40 outputs differ.*\(0, 3, 1, 1\)"):
        assert_exact(case=case, got=got, expected=expected, names=NAMES)


@pytest.mark.parametrize("dtype", FLOATS)
def test_exact_tells_zeros_apart_and_nans_not(dtype: str) -> None:
    case = case_of(dtype)
    expected = np.zeros(3, DTYPES[dtype])
    expected[1] = np.nan
    got = expected.copy()
    step(got, (1,), 1)
    assert np.isnan(got[1])
    assert_exact(case=case, got=got, expected=expected, names=NAMES)
    got[0] = -0.0
    with pytest.raises(AssertionError, match="bit-identical"):
        assert_exact(case=case, got=got, expected=expected, names=NAMES)
    got[0] = np.nan
    with pytest.raises(AssertionError, match="bit-identical"):
        assert_exact(case=case, got=got, expected=expected, names=NAMES)


def test_shape_dtype_and_class_are_compared_even_where_empty() -> None:
    case = case_of("float32")
    expected = np.zeros((0, 3), np.float32)
    for got in (
        np.zeros((3, 0), np.float32),
        np.zeros((0, 3, 1), np.float32),
        np.zeros((0, 3), np.float64),
        np.ma.zeros((0, 3), np.float32),
        np.zeros((0, 3), ">f4"),
    ):
        with pytest.raises(AssertionError, match="got gave"):
            assert_exact(case=case, got=got, expected=expected, names=NAMES)
    allowed, right = rounded(case)
    for wrong in (right[:, :3], right.astype(np.float64), right[0]):
        with pytest.raises(AssertionError, match="got gave"):
            assert_special(case=case, got=wrong, allowed=allowed, name="got")


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("seed", range(6))
def test_bound_is_held_to_the_last_representable_number(dtype: str, seed: int) -> None:
    case = case_of(dtype, seed=seed)
    allowed, got = rounded(case)
    at = np.unravel_index(np.argmax(np.abs(allowed.value)), got.shape)
    index = tuple(int(i) for i in at)
    assert allowed.finite[index]
    assert_within_bound(case=case, got=got, allowed=allowed, name="got")
    limit = np.abs(allowed.value[index]) + allowed.bound[index]
    while True:
        following = got.copy()
        step(following, index, 1)
        if np.abs(following[index].astype(limit.dtype)) > limit:
            break
        got = following
    assert 0.5 < assert_within_bound(case=case, got=got, allowed=allowed, name="got") <= 1
    with pytest.raises(AssertionError, match="outside the bound: 1 of 40") as raised:
        assert_within_bound(case=case, got=following, allowed=allowed, name="got")
    message = str(raised.value)
    assert case.token() in message
    assert str(index) in message


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_bound_refuses_what_is_not_finite(wrong: float) -> None:
    case = case_of("float32")
    allowed, got = rounded(case)
    got[0, 0, 0, 0] = wrong
    with pytest.raises(AssertionError, match="outside the bound"):
        assert_within_bound(case=case, got=got, allowed=allowed, name="got")


def test_bound_refuses_a_case_without_one() -> None:
    x, w = np.full((1, 1, 1, 1), np.inf, "f4"), np.ones((1, 1, 1, 1), "f4")
    case = Case(x.shape, (1, 1, 1, 1))
    allowed = bounds.allow(case, x, w, flush=False)
    assert_special(case=case, got=x, allowed=allowed, name="got")
    with pytest.raises(AssertionError, match="no bound holds"):
        assert_within_bound(case=case, got=x, allowed=allowed, name="got")


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    ("product", "right", "reason"),
    [((np.nan, 1), np.nan, "must be nan"), ((np.inf, 0), np.nan, "must be nan"),
     ((np.inf, 2), np.inf, "must be inf"), ((np.inf, -2), -np.inf, "must be -inf"),
     ((-0.0, 1), 0.0, r"must be \+0.0")],
)  # fmt: skip
def test_special_demands_the_value(
    dtype: str, product: tuple[float, float], right: float, reason: str
) -> None:
    case = Case((1, 1, 1, 1), (1, 1, 1, 1), dtype=dtype)
    x, w = (np.full((1, 1, 1, 1), factor, DTYPES[dtype]) for factor in product)
    allowed = bounds.allow(case, x, w, flush=False)
    for value in (np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0):
        got = np.full((1, 1, 1, 1), value, DTYPES[dtype])
        same = np.isnan(value) if np.isnan(right) else str(value) == str(right)
        if same:
            assert_special(case=case, got=got, allowed=allowed, name="got")
        else:
            with pytest.raises(AssertionError, match=reason):
                assert_special(case=case, got=got, allowed=allowed, name="got")


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_halves_are_rounded_from_a_sum_of_some_order(dtype: str) -> None:
    case = Case((1, 1, 4, 2), (1, 1, 2, 1), dtype=dtype)
    half = DTYPES[dtype].type
    # Halfway between 1 and the next half, in float32: one unit of float32 decides.
    tie = 1 + float(bounds.limits(DTYPES[dtype]).eps) / 2
    unit = float(np.finfo(np.float32).eps)
    single = np.full((1, 1, 4, 1), tie, np.float32)
    single[0, 0, 1] = tie + unit
    value = single.astype(np.float64)
    value[0, 0, 2:] = 4.0  # elsewhere
    none = np.zeros(value.shape, bool)
    sums = Allowed(
        value, np.full(value.shape, 2 * unit), value, ~none, none, none, none, none, none, none
    )
    below, above = half(1), np.nextafter(half(1), half(2))

    def check(got: list[Any], sums: Allowed = sums) -> None:
        halves = np.array(got, half).reshape(single.shape)
        assert_rounded(
            case=case, got=halves, single=single, allowed=lambda: {False: sums}, name="side"
        )

    right = [below, above, below, below]
    check(right)
    check([above, below, below, below])  # another order
    beyond = np.nextafter(above, half(2))
    for place, wrong in ((0, beyond), (1, beyond), (2, above), (3, half(np.nan))):
        planted = list(right)
        planted[place] = wrong
        with pytest.raises(AssertionError, match="1 of 4 outputs differ"):
            check(planted)
        # Where sums may overflow in some order, nothing is said here.
        anything = replace(sums, finite=none, open=~none)
        check(planted, anything)


def test_halves_are_not_excused_without_need() -> None:
    case = Case((1, 1, 1, 1), (1, 1, 1, 1), dtype="float16")

    def never() -> dict[bool, Allowed]:
        raise LookupError("the bound is worked out only where it is needed")

    one = np.ones((1, 1, 1, 1), np.float32)
    assert_rounded(case=case, got=one.astype("f2"), single=one, allowed=never, name="side")
    with pytest.raises(LookupError):
        assert_rounded(case=case, got=2 * one.astype("f2"), single=one, allowed=never, name="side")
    with pytest.raises(AssertionError, match="float32"):
        assert_rounded(case=case, got=one, single=one, allowed=never, name="side")
