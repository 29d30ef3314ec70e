"""Accumulation, rounding, wrapping and casting, dtype by dtype."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from builders import DTYPES, FLOATS, assert_same, definition, integers, swapped

import npconv

HALVES = ["float16", "bfloat16"]
INT32 = np.iinfo(np.int32)


def dot(values, weights, dtype):
    """Sum the products of one pixel's channels."""
    x = np.array(values).astype(DTYPES[dtype]).reshape(1, 1, 1, -1)
    w = np.array(weights).astype(DTYPES[dtype]).reshape(1, 1, -1, 1)
    return npconv.conv2d(x, w, 1, "VALID")[0, 0, 0, 0]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([6e4, 6e4, -6e4, -6e4], 0),  # 12e4 is no float16
        ([65504, 15], 65504),
        ([65504, 16], np.inf),  # the tie goes to the even neighbour, which is 2**16
        ([-65504, -16], -np.inf),
        ([2048, 1], 2048),  # ties to even
        ([2048, 3], 2052),
        ([2048] + [0.5] * 4, 2050),  # each half would be lost alone
        ([1, 2.0**-11], 1),
        ([1, 2.0**-11, 2.0**-20], 1 + 2.0**-10),  # once, at the end: above the tie
        ([6e-8], 6e-8),  # subnormal
    ],
)
def test_float16_is_summed_in_float32_and_rounded_once(values, expected):
    result = dot(values, np.ones(len(values)), "float16")
    assert result == np.float16(expected)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([256, 1], 256),
        ([256, 3], 260),
        ([256] + [0.5] * 4, 258),
        ([3e38, 3e37, -3e38], 3e37),
    ],
)
def test_bfloat16_is_summed_in_float32_and_rounded_once(values, expected):
    values = np.array(values).astype(DTYPES["bfloat16"])
    exact = values.astype(np.float32).sum()
    result = dot(values, np.ones(len(values)), "bfloat16")
    assert result == exact.astype(DTYPES["bfloat16"])
    assert abs(float(result) / expected - 1) < 2**-7


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize(
    ("input_shape", "filters_shape", "strides", "padding"),
    [
        ((1, 20, 20, 16), (3, 3, 16, 24), 1, "SAME"),
        ((2, 33, 31, 8), (5, 3, 4, 6), 2, "VALID"),
        ((1, 40, 40, 3), (1, 1, 3, 7), 1, "SAME"),
        ((1, 12, 12, 300), (3, 3, 300, 5), 1, "VALID"),
        ((1, 30, 30, 12), (3, 3, 1, 12), 1, "SAME"),
    ],
)
def test_halves_are_the_float32_convolution_rounded(
    dtype, input_shape, filters_shape, strides, padding
):
    # Multiples of 1/16 whose sums float32 holds, in whatever order, and halves do not.
    rng = np.random.default_rng(5)
    x = (rng.integers(-63, 64, input_shape) / 16).astype(DTYPES[dtype])
    w = (rng.integers(-63, 64, filters_shape) / 16).astype(DTYPES[dtype])
    single = npconv.conv2d(x.astype(np.float32), w.astype(np.float32), strides, padding)
    assert_same(npconv.conv2d(x, w, strides, padding), single.astype(DTYPES[dtype]))


@pytest.mark.parametrize(
    ("values", "weights", "expected"),
    [
        ([2**30] * 3, [1] * 3, -1073741824),
        ([INT32.max], [INT32.max], 1),
        ([INT32.min], [-1], INT32.min),
        ([INT32.min], [INT32.min], 0),
        ([INT32.max] * 2, [INT32.min] * 2, 0),
        ([INT32.min, INT32.max], [1, 1], -1),
        ([65536, 3], [65536, 1], 3),
        ([-65537], [65535], 1),
    ],
)
def test_int32_wraps(values, weights, expected):
    assert dot(values, weights, "int32") == expected


@pytest.mark.parametrize("most", [4, 2**15, 2**16 + 1, 2**22, 2**27, 2**31 - 1])
@pytest.mark.parametrize("taps", [(1, 1, 1, 1), (3, 3, 5, 4), (5, 5, 2, 6), (2, 3, 700, 3)])
def test_int32_equals_exact_integers_modulo_2_to_the_32(most, taps):
    channels = taps[2] * (2 if taps[3] % 2 == 0 else 1)
    x = integers((1, 9, 8, channels), "int32", seed=most, most=most)
    w = integers(taps, "int32", seed=1, most=most)
    assert_same(npconv.conv2d(x, w, 1, "SAME"), definition(x, w))
    # One output in Python's integers, which cannot overflow.
    group = slice(0, taps[2])
    window = x[0, : taps[0], : taps[1], group].ravel().tolist()
    exact = sum(a * b for a, b in zip(window, w[..., 0].ravel().tolist(), strict=True))
    result = npconv.conv2d(x, w, 1, "VALID")[0, 0, 0, 0]
    assert int(result) == (exact + 2**31) % 2**32 - 2**31


def test_int32_of_the_lowest_value_everywhere():
    """The worst case for any split into halves, over more products than fit one sum."""
    for value, weight in itertools.product([INT32.min, INT32.max, -1], repeat=2):
        x = np.full((1, 1, 2, 70_000), value, np.int32)
        w = np.full((1, 1, 70_000, 2), weight, np.int32)
        expected = (value * weight * 70_000 + 2**31) % 2**32 - 2**31
        assert (npconv.conv2d(x, w, 1, "VALID") == expected).all()


@pytest.mark.parametrize(
    ("dtype", "filters"),
    [
        (dtype, filters)
        for dtype in DTYPES
        for filters in (*DTYPES, "bool", "int8", "uint16", "int64", "uint64")
        if dtype in FLOATS or filters not in FLOATS
    ],
)
def test_filters_are_cast_as_numpy_casts_them(dtype, filters):
    w = np.abs(integers((2, 2, 2, 3), "int32", most=100)).astype(DTYPES.get(filters, filters))
    x = integers((1, 4, 5, 2), dtype, seed=1)
    expected = npconv.conv2d(x, w.astype(DTYPES[dtype]), 1, "SAME")
    assert_same(npconv.conv2d(x, w, 1, "SAME"), expected)
    assert_same(npconv.reference.conv2d(x, w, 1, "SAME"), expected)


def test_filters_that_do_not_fit_are_rounded_overflow_or_wrap():
    one = np.ones((1, 1, 1, 1))
    third = npconv.conv2d(one.astype(np.float32), one / 3, 1, "SAME")
    assert third.item() == np.float32(1 / 3)
    assert npconv.conv2d(one.astype(np.float32), one * 1e300, 1, "SAME").item() == np.inf
    wide = np.full((1, 1, 1, 1), 2**31 + 5, np.int64)
    assert npconv.conv2d(one.astype(np.int32), wide, 1, "SAME").item() == -(2**31) + 5


@pytest.mark.parametrize("dtype", sorted(DTYPES.keys() - {"bfloat16"}))
def test_big_endian(dtype):
    x, w = integers((1, 5, 6, 2), dtype), integers((3, 3, 2, 4), dtype, seed=1)
    expected = npconv.conv2d(x, w, 1, "SAME")
    for pair in ((swapped(x), w), (x, swapped(w)), (swapped(x), swapped(w))):
        assert_same(npconv.conv2d(*pair, 1, "SAME"), expected)


def test_bfloat16_needs_no_import_of_ml_dtypes():
    code = "import sys, npconv; assert 'ml_dtypes' not in sys.modules, 'imported'"
    root = Path(npconv.__file__).parent.parent
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)


def test_big_endian_bfloat16():
    native = np.dtype(ml_dtypes.bfloat16)
    swapped = native.newbyteorder(">")
    x, w = np.full((1, 2, 2, 1), 1.5, native), np.full((1, 1, 1, 1), 2, native)
    result = npconv.conv2d(x.astype(swapped), w.astype(swapped), 1, "SAME")
    assert result.dtype == native
    assert (result == 3).all()
    out = np.zeros(result.shape, swapped)
    assert npconv.conv2d(x, w, 1, "SAME", out=out) is out
    assert (out.astype(np.float32) == 3).all()
