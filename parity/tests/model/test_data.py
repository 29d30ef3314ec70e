"""What uniform data prove: they are exact, uniform, and forms survive them no oftener than said."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from parity.model import data
from parity.model.case import DTYPES

LIMITS = {
    "float16": (65504, 2**11),
    "bfloat16": (2**24, 2**8),
    "float32": (2**24, 2**24),
    "float64": (2**53, 2**53),
}
"""The largest sum that is exact, and finite; the largest element that is."""


@pytest.mark.parametrize("dtype", LIMITS)
@pytest.mark.parametrize("terms", [0, 1, 27, 4609])
def test_uniform_data_are_exact_integers_and_as_wide_as_they_can_be(dtype: str, terms: int) -> None:
    rng, of = np.random.default_rng(terms), DTYPES[dtype]
    largest = data.widest(of, terms)
    x, w = (one.astype(np.float64) for one in data.uniform(rng, (9, 50), (700,), of, terms))
    for one in (x, w):
        assert np.array_equal(one, np.rint(one))
        assert 0.95 * largest < np.abs(one).max() <= largest
        assert abs(one.mean()) < 0.2 * largest
    most, element = LIMITS[dtype]
    assert terms * largest**2 <= most
    assert largest == element or max(terms, 1) * (largest + 1) ** 2 > most


def test_int32_has_its_whole_range() -> None:
    x, w = data.uniform(np.random.default_rng(0), (5000,), (5000,), DTYPES["int32"], 9)
    for one in (x, w):
        assert one.min() < -0.99 * 2**31
        assert one.max() > 0.99 * 2**31


@pytest.mark.parametrize("largest", [1, 2, 3])
def test_a_wrong_form_survives_no_oftener_than_the_bound(largest: int) -> None:
    dtype, terms = DTYPES["float32"], 2**24 // largest**2
    bound = data.survival(dtype, terms)
    assert bound == 2 / (2 * largest + 1)
    rng, draws = np.random.default_rng(largest), 20_000
    x, w = data.uniform(rng, (draws, 3), (draws, 2), dtype, terms)
    frequencies = []
    for difference in [*np.eye(6), *rng.integers(-2, 3, (60, 6)), [1, 0, -1, 0, 0, 0]]:
        if np.any(difference):
            form = np.einsum("np,pq,nq->n", x, np.reshape(difference, (3, 2)), w)
            frequencies.append(float(np.mean(form == 0)))
    assert 0.8 * bound < max(frequencies) <= bound  # a single product is the likeliest


def test_of_int32_the_bound_holds_for_divisors_of_zero() -> None:
    bits = 4
    numbers = np.arange(2**bits)
    counts = []
    for difference in product(range(2**bits), repeat=2):
        if difference[0] % 2 or difference[1] % 2:
            one, other = (number * numbers for number in difference)
            factor = (one[:, None] + other).ravel()  # of x, for each pair of weights
            form = factor[:, None] * numbers % 2**bits
            counts.append(np.mean(form == 0))
    assert max(counts) == data._of_ring(bits)
    assert data.survival(DTYPES["int32"], 9) == data._of_ring(32) == 17 / 2**32


def test_of_halves_nothing_is_said_and_float64_says_most() -> None:
    assert data.survival(DTYPES["float16"], 9) == data.survival(DTYPES["bfloat16"], 9) == 1
    assert data.survival(DTYPES["float64"], 27) < 6e-8 < 1e-3 < data.survival(DTYPES["float32"], 27)
