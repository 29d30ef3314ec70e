"""The oracle itself: by hand, and against the documented formula."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from builders import DTYPES, assert_same, definition, integers

import npconv.reference

CONV2D = [npconv.reference.conv2d, npconv.conv2d]


def channels_last(rows):
    return np.array(rows, np.float32)[None, :, :, None]


@pytest.mark.parametrize("conv2d", CONV2D, ids=["reference", "conv2d"])
def test_by_hand(conv2d):
    image = channels_last([[1, 2, 3], [4, 5, 6], [7, 8, 9]])
    kernel = np.array([[1, 10], [100, 1000]], np.float32)[:, :, None, None]
    # It is a cross-correlation: the kernel is not flipped.
    valid = [[5421, 6532], [8754, 9865]]
    same = [[5421, 6532, 603], [8754, 9865, 906], [87, 98, 9]]
    assert conv2d(image, kernel, 1, "VALID")[0, :, :, 0].tolist() == valid
    assert conv2d(image, kernel, 1, "SAME")[0, :, :, 0].tolist() == same
    assert conv2d(image, kernel, 2, "SAME")[0, :, :, 0].tolist() == [[5421, 603], [87, 9]]
    assert conv2d(image, kernel, 1, "VALID", dilations=2)[0, :, :, 0].tolist() == [[9731]]
    pads = [[0, 0], [1, 0], [0, 0], [0, 0]]
    assert conv2d(image, kernel, [1, 2], pads)[0, :, :, 0].tolist() == [[2100], [5421], [8754]]


@pytest.mark.parametrize("conv2d", CONV2D, ids=["reference", "conv2d"])
def test_groups_by_hand(conv2d):
    """Four channels, filters of two: outputs 0, 1 read channels 0, 1; outputs 2, 3 read 2, 3."""
    image = np.array([1, 2, 3, 4], np.float32).reshape(1, 1, 1, 4)
    filters = np.array([[1, 10, 100, 1000], [5, 50, 500, 5000]], np.float32).reshape(1, 1, 2, 4)
    expected = [11, 110, 2300, 23000]
    assert conv2d(image, filters, 1, "SAME").ravel().tolist() == expected
    nchw = conv2d(image.reshape(1, 4, 1, 1), filters, 1, "SAME", "NCHW")
    assert nchw.shape == (1, 4, 1, 1)
    assert nchw.ravel().tolist() == expected


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("padding", ["SAME", "VALID", [(2, 1), (0, 3)]], ids=str)
def test_documented_formula(dtype, padding):
    pads = padding if isinstance(padding, str) else [(0, 0), *padding, (0, 0)]
    for strides, dilations in itertools.product([(1, 1), (2, 3)], repeat=2):
        for channels, filter_channels, outputs in [(2, 2, 3), (4, 2, 2), (3, 1, 6)]:
            x = integers((2, 6, 8, channels), dtype)
            w = integers((3, 2, filter_channels, outputs), dtype, seed=1)
            expected = definition(x, w, strides, padding, dilations)
            result = npconv.reference.conv2d(x, w, strides, pads, dilations=dilations)
            assert_same(result, np.where(expected == 0, np.zeros((), x.dtype), expected))
