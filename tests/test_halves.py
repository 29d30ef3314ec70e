"""Conversions of float16 in whole-array steps: the same bits as NumPy's, one by one."""

from __future__ import annotations

import numpy as np
import pytest

from npconv._engine.casting import cast, narrow, widen
from npconv._engine.scratch import Scratch

HALVES = np.arange(2**16, dtype=np.uint16).view(np.float16)


def bits(array):
    """Bits, but for those of NaN."""
    whole = array.view(f"u{array.itemsize}")
    return np.where(np.isnan(array), 0, whole)


def narrowed(values):
    out = np.empty(values.shape, np.float16)
    before = values.copy()
    narrow(values, out, Scratch())
    assert values.tobytes() == before.tobytes()
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(bits(out), bits(values.astype(np.float16)))


@pytest.mark.parametrize("which", [HALVES, HALVES[np.isfinite(HALVES)], HALVES[::-3]])
def test_every_half_widens(which):
    out = np.empty(which.shape, np.float32)
    widen(which, out)
    np.testing.assert_array_equal(bits(out), bits(which.astype(np.float32)))


def test_what_lies_between_two_halves_is_rounded_to_even():
    halves = np.sort(HALVES[np.isfinite(HALVES)].astype(np.float64))
    middle = ((halves[1:] + halves[:-1]) / 2).astype(np.float32)
    for values in (middle, np.nextafter(middle, np.float32(9e9)), np.nextafter(middle, -middle)):
        narrowed(values)


@pytest.mark.parametrize("most", [65519, 1, 2.0**-13, 2.0**-24])
def test_values_of_every_size(most):
    rng = np.random.default_rng(0)
    narrowed((rng.uniform(-most, most, 2**16)).astype(np.float32))


def test_samples_of_all_float32():
    for start in range(0, 2**32, 2**26):
        values = np.arange(start, start + 2**26, 9973, dtype=np.uint32).view(np.float32)
        narrowed(np.ascontiguousarray(values))
        finite = values[np.abs(values) < 65520]
        if finite.size:
            narrowed(finite)


@pytest.mark.parametrize("value", [65519.996, 65520, -65520, 1e38, np.inf, -np.inf, np.nan])
def test_one_value_that_is_not_finite(value):
    values = np.ones((3, 4), np.float32)
    values[1, 2] = value
    narrowed(values)


def test_strides_and_byte_orders():
    values = np.linspace(-2, 2, 24, dtype=np.float32).reshape(4, 6)
    for out in (np.zeros((4, 12), np.float16)[:, ::2], np.zeros((4, 6), ">f2")):
        cast(values, out, Scratch())
        np.testing.assert_array_equal(out, values.astype(np.float16))
        back = np.zeros((6, 4), np.float32).T
        cast(out, back, Scratch())
        np.testing.assert_array_equal(back, out.astype(np.float32))
    cast(np.empty((0, 3), np.float32), np.empty((0, 3), np.float16), Scratch())
