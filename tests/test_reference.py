"""The oracle itself: by hand, and against the documented formula."""

from __future__ import annotations

import contextlib
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


MODULES = pytest.mark.parametrize("module", [npconv.reference, npconv], ids=["reference", "npconv"])


def filled(shape, values):
    return np.reshape(np.array(values, np.float32), shape)


def along(axis, values, dimensions=4):
    """Values along one axis of an array whose other axes have one entry."""
    return filled([-1 if one == axis else 1 for one in range(dimensions)], values)


ONE_TO_NINE = along(2, range(1, 10))
PAIRS = filled((1, 1, 2, 2), [1, 10, 100, 1000])

BY_HAND = {
    # x0 w00, x0 w01, x1 w10, x1 w11: the multiplier runs fastest
    "depthwise": (
        "depthwise_conv2d", (along(3, [2, 3]), PAIRS, 1, "SAME"), [2, 20, 300, 3000]),
    "depthwise, two taps and two channels": (
        "depthwise_conv2d",
        (filled((1, 1, 3, 2), [[1, 4], [2, 5], [3, 6]]),
         filled((1, 2, 2, 1), [[1, 100], [10, 1000]]), 1, "VALID"),
        [21, 5400, 32, 6500]),
    "depthwise, dilated": (
        "depthwise_conv2d", (ONE_TO_NINE, along(1, [1, 100]), 1, "VALID", None, [1, 2]),
        [301, 402, 503, 604, 705, 806, 907]),
    "separable": (
        "separable_conv2d",
        (along(3, [2, 3]), along(2, [1, 10]), filled((1, 1, 2, 2), [[1, 0], [1, 5]]), 1, "SAME"),
        [2 + 30, 5 * 30]),
    "separable, grouped": (
        "separable_conv2d", (along(3, [2, 3]), along(2, [1, 10]), along(3, [7, 1]), 1, "SAME"),
        [7 * 2, 30]),
    "atrous": (
        "atrous_conv2d", (ONE_TO_NINE, along(1, [1, 100]), 3, "VALID"),
        [401, 502, 603, 704, 805, 906]),
    "conv1d": ("conv1d", (along(1, [1, 2, 3], 3), along(0, [1, 10], 3), 1, "VALID"), [21, 32]),
    # a cube of 1 .. 8, and taps that say where they are
    "conv3d": (
        "conv3d",
        (np.arange(1.0, 9).reshape(1, 2, 2, 2, 1), (10.0 ** np.arange(8)).reshape(2, 2, 2, 1, 1),
         1, "VALID"), [87654321]),
    "conv3d, two taps in depth": (
        "conv3d", (filled((1, 2, 2, 2, 1), range(1, 9)), along(0, [1, 10], 5), 1, "SAME"),
        [51, 62, 73, 84, 5, 6, 7, 8]),
    # TensorFlow reads the pixel in the middle; its gradient is that of the first
    "conv3d, SAME at a stride beyond the taps": (
        "conv3d", (along(2, range(1, 6), 5), along(0, [1], 5), [1, 1, 5, 1, 1], "SAME"), [1]),
    "convolution of one axis": (
        "convolution", (along(1, [1, 2, 3], 3), along(0, [1, 10], 3)), [21, 32]),
    "convolution of two": (
        "convolution", (ONE_TO_NINE, along(1, [1, 100]), (1, 3), "VALID"), [201, 504, 807]),
    "convolution of three": (
        "convolution",
        (along(3, [1, 2, 3], 5), along(2, [1, 10], 5), None, "VALID", None, [1, 1, 1, 2, 1]), [31]),
}  # fmt: skip


@MODULES
@pytest.mark.parametrize("case", BY_HAND)
def test_the_family_by_hand(module, case):
    name, arguments, expected = BY_HAND[case]
    assert getattr(module, name)(*arguments).ravel().tolist() == expected


@MODULES
def test_a_dilated_and_strided_depthwise_convolution_by_hand(module):
    """TensorFlow's: phases 1 3 5 7 9 and 2 4 6 8, each at stride 2; a dilated one is 1 3 5 7."""
    taps = along(1, [1, 0])
    said = pytest.warns(UserWarning, match="in each phase")
    with said if module is npconv else contextlib.nullcontext():
        result = module.depthwise_conv2d(ONE_TO_NINE, taps, 2, "VALID", dilations=(1, 2))
    assert result.ravel().tolist() == [1, 2, 5]
    one = np.ones((1, 1, 1, 1), np.float32)
    result = module.separable_conv2d(ONE_TO_NINE, taps, one, 2, "VALID", dilations=(1, 2))
    assert result.ravel().tolist() == [1, 2, 5]
    result = module.conv2d(ONE_TO_NINE, taps, 2, "VALID", dilations=(1, 2))
    assert result.ravel().tolist() == [1, 3, 5, 7]


@MODULES
def test_separable_rounds_between(module):
    """2048 + 1 is 2048 in float16, so what is left of it without -2048 is 0."""
    image = np.array([2048, -2048, 1, 0], np.float16).reshape(1, 1, 2, 2)
    taps, ones = np.ones((1, 2, 2, 1), np.float16), np.ones((1, 1, 2, 1), np.float16)
    assert module.separable_conv2d(image, taps, ones, 1, "VALID").ravel().tolist() == [0]
    whole = np.ones((1, 2, 2, 1), np.float16)
    assert module.conv2d(image, whole, 1, "VALID").ravel().tolist() == [1]
