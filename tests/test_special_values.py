"""Infinities, NaN, signed zeros and subnormals."""

from __future__ import annotations

import numpy as np
import pytest
from builders import DTYPES, EXAMPLES, FLOATS, assert_same, calls
from hypothesis import given
from hypothesis import strategies as st

import npconv

NAN, INF = np.nan, np.inf
ONE = np.ones((1, 1, 1, 1))


@pytest.mark.parametrize("dtype", FLOATS)
@given(data=st.data())
def test_any_call(dtype, data):
    """Sums of infinities, NaNs and small integers do not depend on their order."""
    arguments = data.draw(calls(dtype, special=True))
    assert_same(npconv.conv2d(**arguments), npconv.reference.conv2d(**arguments))
    EXAMPLES[f"special values, {dtype}"] += 1


@pytest.mark.parametrize("dtype", FLOATS)
def test_padding_is_zeros_that_are_multiplied(dtype):
    x = np.ones((1, 4, 4, 1), DTYPES[dtype])
    w = np.ones((3, 3, 1, 1), DTYPES[dtype])
    w[0, 0] = INF
    expected = [[NAN] * 4, *[[NAN, INF, INF, INF]] * 3]
    for conv2d in (npconv.conv2d, npconv.reference.conv2d):
        result = conv2d(x, w, 1, "SAME")[0, :, :, 0].astype(float)
        np.testing.assert_array_equal(result, expected)
        explicit = conv2d(x, w, 1, [[0, 0], [1, 1], [1, 1], [0, 0]])[0, :, :, 0].astype(float)
        np.testing.assert_array_equal(explicit, expected)
        assert np.isinf(conv2d(x, w, 1, "VALID").astype(float)).all()


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", [(1, 40, 50, 1), (1, 40, 50, 16), (3, 30, 30, 40)], ids=str)
@pytest.mark.parametrize("outputs", [1, 2, 16, 64])
def test_every_road_multiplies_the_zeros(dtype, shape, outputs):
    """One tap of NaN, in one filter: only that output channel, at the border and inside."""
    x = np.zeros(shape, DTYPES[dtype])
    w = np.ones((3, 3, shape[3], outputs), DTYPES[dtype])
    w[0, 2, -1, -1] = NAN
    result = npconv.conv2d(x, w, 1, "SAME")
    assert np.isnan(result[..., -1]).all()
    assert not np.isnan(result[..., :-1]).any()
    w[0, 2, -1, -1] = INF  # inf * 0
    assert np.isnan(npconv.conv2d(x, w, 1, "SAME")[..., -1]).all()


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", [(1, 40, 50, 1), (1, 40, 50, 16), (1, 64, 64, 3)], ids=str)
@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("kernel", [1, 3, 7])
def test_a_value_reaches_the_outputs_that_read_it_and_no_other(dtype, shape, padding, kernel):
    """Even through a weight of zero."""
    w = np.zeros((kernel, kernel, shape[3], 2), DTYPES[dtype])
    for value in (NAN, INF, -INF):
        x = np.zeros(shape, DTYPES[dtype])
        x[0, 20, 30, 0] = value
        result = np.isnan(npconv.conv2d(x, w, 1, padding))
        before = kernel // 2 if padding == "SAME" else kernel - 1
        expected = np.zeros(result.shape, bool)
        expected[0, 20 - before : 20 - before + kernel, 30 - before : 30 - before + kernel] = True
        np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("dtype", FLOATS)
def test_other_groups_are_untouched(dtype):
    x = np.ones((1, 9, 9, 6), DTYPES[dtype])
    x[..., 2] = NAN
    for w in (np.ones((3, 3, 2, 6), DTYPES[dtype]), np.ones((3, 3, 1, 6), DTYPES[dtype])):
        poisoned = np.isnan(npconv.conv2d(x, w, 1, "SAME")).any(axis=(0, 1, 2))
        expected = [False, False, True, w.shape[2] == 2, False, False]
        assert poisoned.tolist() == expected


@pytest.mark.parametrize("dtype", FLOATS)
def test_skipped_pixels_never_contribute(dtype):
    x = np.full((1, 9, 9, 2), NAN, DTYPES[dtype])
    x[:, ::3, ::3] = 1
    ones = np.ones((1, 1, 2, 3), DTYPES[dtype])
    assert (npconv.conv2d(x, ones, 3, "VALID") == 2).all()  # a stride beyond the kernel
    taps = np.ones((3, 3, 2, 3), DTYPES[dtype])
    assert (npconv.conv2d(x, taps, 3, "VALID", dilations=3) == 18).all()  # holes of a dilation
    assert (npconv.conv2d(x[:, :7, :7], taps, 1, "VALID", dilations=3) == 18).all()
    pads = [[0, 0], [3, 3], [3, 3], [0, 0]]
    padded = npconv.conv2d(x, taps, 3, pads, dilations=3)[0, ..., 0]
    assert padded.tolist() == [[8, 12, 8], [12, 18, 12], [8, 12, 8]]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("channels", [1, 2, 16])
@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("outputs", [1, 5])
@pytest.mark.parametrize("size", [1, 20])
def test_a_sum_of_negative_zeros_is_zero(dtype, channels, kernel, outputs, size):
    x = np.full((1, size, size, channels), -0.0).astype(DTYPES[dtype])
    w = np.ones((kernel, kernel, channels, outputs), DTYPES[dtype])
    expected = np.zeros((1, size, size, outputs), DTYPES[dtype])
    for padding in ("SAME", [[0, 0], [kernel // 2] * 2, [kernel // 2] * 2, [0, 0]]):
        assert_same(npconv.conv2d(x, w, 1, padding), expected)
        assert_same(npconv.reference.conv2d(x[:, :2, :2], w, 1, "SAME"), expected[:, :2, :2])


@pytest.mark.parametrize(
    ("dtype", "small", "count"),
    [("float32", 3e-39, 1024), ("float64", 1e-310, 1024), ("bfloat16", 3e-39, 64),
     ("float16", 6e-8, 64)],
)  # fmt: skip
def test_subnormals_are_kept(dtype, small, count):
    small = np.array(small).astype(DTYPES[dtype])
    assert small != 0
    x = np.full((1, 1, 1, count), small)
    assert npconv.conv2d(x[..., :1], ONE.astype(DTYPES[dtype]), 1, "SAME").item() == small
    w = np.ones((1, 1, count, 1), DTYPES[dtype])
    total = npconv.conv2d(x, w, 1, "SAME").item()
    assert float(total) == pytest.approx(float(small) * count, rel=2**-7)
    scaled = npconv.conv2d(x[..., :1], w[:, :, :1] * 1024, 1, "SAME").item()
    assert float(scaled) == float(small) * 1024


def noisy(dtype):
    """Calls whose arithmetic overflows, is invalid, or underflows."""
    big = float({"float16": 6e4, "bfloat16": 3e38, "float32": 3e38, "float64": 1e308}[dtype])
    low = float({"float16": 6e-8, "bfloat16": 1e-38, "float32": 1e-38, "float64": 1e-308}[dtype])
    for values, weights in (([big, big], [2, 2]), ([INF, -INF], [1, 1]), ([INF, 1], [0, 1]),
                            ([low, low], [low, low]), ([NAN, 1], [1, 1])):  # fmt: skip
        x = np.array(values).astype(DTYPES[dtype]).reshape(1, 1, 1, 2)
        yield x, np.array(weights).astype(DTYPES[dtype]).reshape(1, 1, 2, 1)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("conv2d", ["conv2d", "reference"])
def test_nothing_is_warned_of(dtype, conv2d):
    """Warnings are errors in these tests; the caller's np.errstate changes nothing either."""
    function = npconv.conv2d if conv2d == "conv2d" else npconv.reference.conv2d
    with np.errstate(under="ignore"):
        pairs = list(noisy(dtype))
    results = [function(x, w, 1, "SAME") for x, w in pairs]
    with np.errstate(all="raise"):
        again = [function(x, w, 1, "SAME") for x, w in pairs]
        assert np.geterr() == dict.fromkeys(["divide", "over", "under", "invalid"], "raise")
    for result, quiet in zip(again, results, strict=True):
        assert_same(result, quiet)
    values = [float(result.item()) for result in results]
    assert values[0] == INF
    assert np.isnan(values[1:3]).all()
    assert np.isnan(values[4])


def test_casting_filters_warns_of_nothing():
    x = np.ones((1, 1, 1, 1), np.float16)
    with np.errstate(all="raise"):
        for conv2d in (npconv.conv2d, npconv.reference.conv2d):
            assert conv2d(x, np.full((1, 1, 1, 1), 1e300), 1, "SAME").item() == INF
            assert conv2d(x, np.full((1, 1, 1, 1), 1e-300), 1, "SAME").item() == 0


def test_integers_wrap_without_a_warning():
    x = np.full((1, 2, 2, 3), 2**31 - 1, np.int32)
    with np.errstate(all="raise"):
        for conv2d in (npconv.conv2d, npconv.reference.conv2d):
            result = conv2d(x, x[:, :1, :1].reshape(1, 1, 3, 1), 1, "SAME")
            assert (result == 3).all()
