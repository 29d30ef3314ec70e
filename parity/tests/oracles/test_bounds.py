"""The gauge itself: brute force, every order of summation, overflow and underflow."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from parity.claims import bounded
from parity.examples.strategies import cases
from parity.model import geometry
from parity.model.case import DTYPES, Array, Case
from parity.model.subject import Scope
from parity.oracles import bounds

Sums = dict[tuple[int, ...], Fraction]
NOT_EMPTY = Scope(without=frozenset({"empties"}))


def sums(case: Case, x: Array, w: Array) -> tuple[Sums, Sums]:
    """Return exact sums of products and of their magnitudes, by the definition, NHWC rank 4."""
    _, height, width, channels = x.shape
    depth, filters = w.shape[2:]
    (rows, columns), (top, _, left, _) = geometry.output_geometry(case)
    value: Sums = {}
    gross: Sums = {}
    for n, i, j, o in itertools.product(
        range(x.shape[0]), range(rows), range(columns), range(filters)
    ):
        group = o // (filters // (channels // depth))
        total = size = Fraction(0)
        for di, dj, c in itertools.product(range(w.shape[0]), range(w.shape[1]), range(depth)):
            row = i * case.strides[0] + di * case.dilations[0] - top
            column = j * case.strides[1] + dj * case.dilations[1] - left
            if 0 <= row < height and 0 <= column < width:
                one = Fraction(float(x[n, row, column, group * depth + c]))
                product = one * Fraction(float(w[di, dj, c, o]))
                total += product
                size += abs(product)
        value[n, i, j, o], gross[n, i, j, o] = total, size
    return value, gross


@given(cases(("float32", "float64", "bfloat16"), ("bounded",), NOT_EMPTY))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_exact_value_and_gross_against_fractions(case: Case) -> None:
    x, w = case.arrays()
    if case.data_format == "NCHW":
        x = np.moveaxis(x, -3, -1)
    if math.prod(geometry.output_shape(case)) * case.terms > 3000:
        x = x[..., :9, :9, :]  # the corner of a large case is enough
    folded = x.reshape(-1, *x.shape[-3:])[:1]
    small = Case(folded.shape, case.filters_shape, case.strides, case.padding, "NHWC",
                 case.dilations, case.dtype, case.kind, case.seed)  # fmt: skip
    if min(geometry.output_geometry(small)[0]) < 1:
        return
    found = bounds.allow(small, folded, w, flush=False)
    unit = float(np.finfo(found.value.dtype).eps) / 2
    value, gross = sums(small, folded, w)
    for index, true in value.items():
        slack = Fraction(bounds.gamma(max(1, case.terms), unit)) * gross[index]
        assert abs(_fraction(found.value[index]) - true) <= slack
        assert abs(_fraction(found.gross[index]) - gross[index]) <= slack


def _fraction(number: Any) -> Fraction:
    return Fraction(*number.as_integer_ratio())


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_every_order_of_summation_lies_within_the_bound(dtype: str) -> None:
    working = np.float64 if dtype == "float64" else np.float32
    rng = np.random.default_rng(1)
    worst = 0.0
    for seed in range(30):
        case = Case((1, 3, 3, 20), (3, 3, 20, 1), dtype=dtype, kind="bounded", seed=seed)
        x, w = case.arrays()
        allowed = bounds.allow(case, x, w, flush=False)
        products = (x.astype(working) * w[..., 0].astype(working)).ravel()
        for _ in range(4):
            rng.shuffle(products)
            one_by_one = np.cumsum(products, dtype=working)[-1]
            for total in (one_by_one, products.sum(dtype=working), np.sort(products).sum()):
                got = working(total).astype(DTYPES[dtype])
                error = abs(got.astype(allowed.value.dtype) - allowed.value.item())
                assert error <= allowed.bound.item()
                worst = max(worst, float(error / allowed.bound.item()))
    assert worst > 0.001, "the bound is so loose that this shows nothing"


def test_one_rounding_reaches_the_bound() -> None:
    # (1 + eps)**2 lies eps**2 above a float32 and is rounded by that much; 1 + 3u is a tie.
    x = np.full((1, 1, 1, 1), 1 + 2.0**-12, np.float32)
    allowed = bounds.allow(Case(x.shape, (1, 1, 1, 1)), x, x, flush=False)
    error = abs(float((x * x).item()) - float(allowed.value.item()))
    assert 0.9 < error / float(allowed.bound.item()) <= 1


def test_flushing_loses_at_most_n_times_tiny() -> None:
    """The combinatorial half of the derivation, in every order of four terms."""
    tiny = 1.0
    rng = np.random.default_rng(2)
    for _ in range(400):
        terms = rng.uniform(-2, 2, 4)
        for order in itertools.permutations(terms):
            total = 0.0
            for term in order:
                product = term if abs(term) >= tiny else 0.0
                total += product
                total = total if abs(total) >= tiny else 0.0
            assert abs(total - terms.sum()) <= 4 * tiny


def test_subnormal_inputs_are_flushed_with_their_sign() -> None:
    for dtype in bounds.FLUSHED:
        info = bounds.limits(DTYPES[dtype])
        tiny, least = info.smallest_normal, info.smallest_subnormal
        array = np.array([tiny, -tiny, least, -least, np.nan, np.inf, 0, 1], DTYPES[dtype])
        flushed = bounds.flushed(array)
        assert flushed.dtype == array.dtype
        assert np.array_equal(flushed[4:], array[4:], equal_nan=True)
        assert np.array_equal(flushed[:4], np.array([tiny, -tiny, 0, 0], array.dtype))
        assert np.signbit(flushed[:4].astype(float)).tolist() == [False, True, False, True]


def allow_row(values: list[float], dtype: str = "float32", ones: float = 1.0) -> bounds.Allowed:
    x = np.array(values, DTYPES[dtype]).reshape(1, 1, -1, 1)
    w = np.full((1, len(values), 1, 1), ones, DTYPES[dtype])
    return bounds.allow(Case(x.shape, (1, len(values), 1, 1), dtype=dtype), x, w, flush=False)


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
def test_overflow_is_certain_only_without_cancelling(dtype: str) -> None:
    info = bounds.limits(DTYPES[dtype])
    largest = float(info.max)
    assert allow_row([largest, largest], dtype).positive.all()
    assert allow_row([-largest, -largest], dtype).negative.all()
    assert allow_row([largest / 4, largest / 4], dtype).finite.all()
    assert allow_row([largest, -largest, np.nan], dtype).nan.all()
    assert allow_row([np.inf, 1.0], dtype).positive.all()
    assert allow_row([np.inf, -np.inf], dtype).nan.all()
    if dtype == "float16":  # float32 holds the sum
        assert allow_row([largest, largest, -largest], dtype).finite.all()
    else:
        assert allow_row([largest, largest, -largest], dtype).open.all()
        assert allow_row([largest, largest, -np.inf], dtype).open.all()


def test_a_small_term_of_the_other_sign_is_a_cancellation() -> None:
    # In float64 the second product vanishes beside the first; in float32 it overflows too.
    x = np.array([-(2.0**100), 2.0**70], np.float32).reshape(1, 1, 2, 1)
    w = np.full((1, 2, 1, 1), 2.0**90, np.float32)
    assert bounds.allow(Case(x.shape, (1, 2, 1, 1)), x, w, flush=False).open.all()


def test_float16_rounds_to_infinity_from_65520() -> None:
    assert allow_row([65504.0, 15.0], "float16").finite.all()
    assert allow_row([65504.0, 16.0], "float16").open.all()  # within the sum's own error
    assert allow_row([65504.0, 17.0], "float16").positive.all()


def test_gamma_needs_few_terms() -> None:
    assert bounds.gamma(4, 0.125) == 1.0
    with pytest.raises(ValueError, match="n \\* u < 1"):
        bounds.gamma(8, 0.125)


@pytest.mark.parametrize(
    ("shape", "strides", "padding", "rows", "pads"),
    [((4, 7), (2, 3), "SAME", (2, 3), (0, 1, 1, 1)), ((4, 4), (1, 1), "VALID", (2, 2), (0,) * 4),
     ((1, 2), (2, 1), "VALID", (0, 0), (0,) * 4),
     ((4, 4), (1, 1), (2, 0, 0, 1), (4, 3), (2, 0, 0, 1)),
     ((5, 1), (5, 9), "SAME", (1, 1), (0, 0, 1, 1))],
)  # fmt: skip
def test_geometry(shape: Any, strides: Any, padding: Any, rows: Any, pads: Any) -> None:
    case = Case((1, *shape, 1), (3, 3, 1, 1), strides, padding)
    assert geometry.output_geometry(case) == (rows, pads)
    of_it = geometry.Geometry.of(case)
    explicit = of_it.case("explicit", "NCHW")
    assert geometry.Geometry.of(explicit) == of_it


def test_integers_wrap_and_round_once() -> None:
    big = np.full((1, 1, 1, 1), 2**30, np.int32)
    assert bounds.integers(Case(big.shape, (1, 1, 1, 1), dtype="int32"), big, big * 0 + 6) == -(
        2**31
    )
    odd = np.full((1, 1, 1, 1), 2049 - 1, np.float16)
    one = np.ones((1, 1, 1, 1), np.float16)
    assert bounds.integers(Case(odd.shape, (1, 1, 1, 1), dtype="float16"), odd, one) == 2048


def test_what_overflows_is_not_for_the_claim_about_bounds() -> None:
    token = "float16 NCHW 2x2x9x18 w4x4x1x2 s1,3 d2,3 VALID lattice:2135829724"
    assert not bounded.admits(Case.parse(token))
    assert bounded.admits(Case.parse(token.replace("float16", "float32")))


def test_infinities_and_nans_are_those_of_each_product() -> None:
    """Drawn at random and brought together tap by tap, they follow NumPy's own arithmetic."""
    for seed in range(60):
        case = Case((1, 4, 4, 2), (2, 2, 2, 2), padding="SAME", kind="special", seed=seed)
        x, w = (array.astype(np.float64) for array in case.arrays())
        allowed = bounds.allow(case, *case.arrays(), flush=False)
        padded = np.pad(x, [(0, 0), (0, 1), (0, 1), (0, 0)])
        for _, i, j, o in np.ndindex(1, 4, 4, 2):
            with np.errstate(all="ignore"):
                products = padded[0, i : i + 2, j : j + 2] * w[..., o]
                total = products.sum()
            at = 0, i, j, o
            assert allowed.nan[at] == np.isnan(total)
            assert allowed.zero[at] == (products == 0).all()
            if np.isinf(total) and not allowed.open[at]:
                assert (allowed.positive if total > 0 else allowed.negative)[at]
