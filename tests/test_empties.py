"""Sizes of zero: the right empty shape, or all zeros."""

from __future__ import annotations

import numpy as np
import pytest
from builders import DTYPES, assert_same

import npconv


@pytest.fixture(params=["reference", "conv2d"])
def conv2d(request):
    return npconv.reference.conv2d if request.param == "reference" else npconv.conv2d


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("input_shape", "filters_shape", "padding", "expected"),
    [
        ((0, 5, 5, 3), (3, 3, 3, 2), "SAME", (0, 5, 5, 2)),
        ((0, 5, 5, 3), (3, 3, 3, 2), "VALID", (0, 3, 3, 2)),
        ((1, 1, 3, 2), (2, 1, 2, 4), "VALID", (1, 0, 3, 4)),
        ((2, 5, 5, 3), (3, 3, 3, 0), "SAME", (2, 5, 5, 0)),
        ((2, 0, 5, 3), (3, 3, 3, 2), "SAME", (2, 0, 5, 2)),
        ((2, 5, 0, 3), (1, 1, 3, 2), "VALID", (2, 5, 0, 2)),
        ((2, 0, 5, 5, 3), (3, 3, 3, 4), "VALID", (2, 0, 3, 3, 4)),
    ],
)
def test_empty_result(conv2d, dtype, input_shape, filters_shape, padding, expected):
    x = np.ones(input_shape, DTYPES[dtype])
    w = np.ones(filters_shape, DTYPES[dtype])
    assert_same(conv2d(x, w, 1, padding), np.empty(expected, DTYPES[dtype]))
    first = np.moveaxis(x, -1, -3)
    shape = (*expected[:-3], expected[-1], *expected[-3:-1])
    assert_same(conv2d(first, w, 1, padding, "NCHW"), np.empty(shape, DTYPES[dtype]))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("input_shape", "filters_shape", "padding", "expected"),
    [
        ((1, 0, 5, 3), (3, 3, 3, 2), [[0, 0], [2, 2], [0, 0], [0, 0]], (1, 2, 3, 2)),
        ((2, 2, 0, 5, 3), (3, 3, 3, 2), [[0, 0], [2, 2], [0, 0], [0, 0]], (2, 2, 2, 3, 2)),
        ((2, 4, 5, 0), (3, 3, 2, 3), "SAME", (2, 4, 5, 3)),
        ((2, 4, 5, 0), (3, 3, 2, 3), "VALID", (2, 2, 3, 3)),
        ((1, 0, 5, 4), (1, 1, 2, 5), [[0, 0], [1, 0], [0, 0], [0, 0]], (1, 1, 5, 5)),
    ],
)
def test_empty_input_gives_zeros(conv2d, dtype, input_shape, filters_shape, padding, expected):
    """Even where the filters are inf or NaN: nothing is multiplied."""
    x = np.empty(input_shape, DTYPES[dtype])
    values = [1] if dtype == "int32" else [1, np.inf, np.nan]
    for value in values:
        w = np.full(filters_shape, value, DTYPES[dtype])
        assert_same(conv2d(x, w, 1, padding), np.zeros(expected, DTYPES[dtype]))
        if conv2d is not npconv.reference.conv2d:
            out = np.full(expected, 7, DTYPES[dtype])
            assert conv2d(x, w, 1, padding, out=out) is out
            assert not out.any()


def test_too_large_for_memory():
    """NumPy's MemoryError; nothing is computed first."""
    x, w = np.ones((1, 2, 2, 1), np.float32), np.ones((2, 2, 1, 1), np.float32)
    pads = [[0, 0], [2**29, 0], [2**30, 0], [0, 0]]
    for function in (npconv.conv2d, npconv.reference.conv2d):
        with pytest.raises(MemoryError):
            function(x, w, 1, pads)


def test_what_is_never_read_costs_nothing():
    """Sizes at which no padded image fits into memory."""
    x, w = np.full((1, 2, 2, 1), 3, np.float32), np.full((2, 2, 1, 1), 5, np.float32)
    pads = [[0, 0], [2**30, 2**30], [2**30, 0], [0, 0]]
    result = npconv.conv2d(x, w, 2**30, pads)
    assert_same(result, np.array([[0, 0], [0, 60], [0, 0]], np.float32).reshape(1, 3, 2, 1))
    same = npconv.conv2d(x, w, 1, "SAME", dilations=2**31 - 1)
    # extent 2**31, so 2**30 - 1 zeros before the one row: no tap meets it
    assert_same(same, np.zeros((1, 2, 2, 1), np.float32))
    centre = np.arange(9, dtype=np.float32).reshape(3, 3, 1, 1)
    assert_same(npconv.conv2d(x, centre, 1, "SAME", dilations=2**31 - 1), x * 4)
