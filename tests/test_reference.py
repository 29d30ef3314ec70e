"""The oracle itself: by hand, and against the documented formula."""

from __future__ import annotations

import contextlib
import functools
import inspect
import itertools

import numpy as np
import pytest
from builders import DTYPES, assert_same, definition, integers
from family import FORWARD, GRADIENTS

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
NAN, INF = np.nan, np.inf


def filled(shape, values):
    return np.reshape(np.array(values, np.float32), shape)


def along(axis, values, dimensions=4):
    """Values along one axis of an array whose other axes have one entry."""
    return filled([-1 if one == axis else 1 for one in range(dimensions)], values)


ONE_TO_NINE = along(2, range(1, 10))
TAPS = along(1, [1, 10, 100])
# y = 1, 2 at steps of two: 1 goes to 1, 10, 100, and 2 two pixels further.
STEPS = along(2, [1, 2])
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
    "atrous_transpose": (
        "atrous_conv2d_transpose", (STEPS, along(1, [1, 10]), (1, 1, 4, 1), 2, "VALID"),
        [1, 2, 10, 20]),
    "atrous_transpose, SAME": (
        "atrous_conv2d_transpose", (STEPS, TAPS, (1, 1, 2, 1), 1, "SAME"), [10 + 2, 100 + 20]),
    "transpose": (
        "conv2d_transpose", (STEPS, TAPS, (1, 1, 5, 1), 2, "VALID"), [1, 10, 102, 20, 200]),
    "transpose, to a pixel that no tap reaches": (
        "conv2d_transpose", (STEPS, TAPS, [1, 6], (1, 2), "VALID"), [1, 10, 102, 20, 200, 0]),
    "transpose, SAME, to four": (
        "conv2d_transpose", (STEPS, TAPS, (1, 1, 4, 1), 2), [1, 10, 102, 20]),
    "transpose, SAME, to three": (
        "conv2d_transpose", (STEPS, TAPS, (1, 1, 3, 1), 2), [10, 102, 20]),
    "transpose, explicit": (
        "conv2d_transpose", (STEPS, TAPS, (1, 1, 3, 1), 2, [[0, 0], [0, 0], [1, 1], [0, 0]]),
        [10, 102, 20]),
    # filters (1, 1, out, in): a row of them for each output
    "transpose, channels": (
        "conv2d_transpose",
        (along(3, [1, 2]), filled((1, 1, 3, 2), [[1, 10], [100, 1000], [5, 7]]), (1, 1, 1, 3), 1),
        [21, 2100, 19]),
    # of a convolution of four channels in two groups to two outputs
    "transpose, groups": (
        "conv2d_transpose", (along(3, [1, 2]), PAIRS, (1, 1, 1, 4), 1), [1, 100, 20, 2000]),
    "transpose, dilated": (
        "conv2d_transpose",
        (STEPS, along(1, [1, 10]), (1, 1, 4, 1), 1, "VALID", "NHWC", 2), [1, 2, 10, 20]),
    "backprop_input": (
        "conv2d_backprop_input", ((1, 1, 5, 1), TAPS, STEPS, 2, "VALID"), [1, 10, 102, 20, 200]),
    # x = 1, 2, 3 and y = 1, 10: the first tap met 1, 2 and the second 2, 3
    "backprop_filter": (
        "conv2d_backprop_filter",
        (along(2, [1, 2, 3]), (1, 2, 1, 1), along(2, [1, 10]), 1, "VALID"), [21, 32]),
    "backprop_filter, SAME at stride 2": (
        "conv2d_backprop_filter",
        (along(2, [1, 2, 3]), (1, 3, 1, 1), along(2, [1, 10]), 2, "SAME"), [20, 31, 2]),
    "backprop_filter, groups": (
        "conv2d_backprop_filter",
        (along(3, [1, 2, 3, 4]), (1, 1, 2, 2), along(3, [1, 10]), 1, "VALID"), [1, 30, 2, 40]),
    "depthwise_backprop_input": (
        "depthwise_conv2d_backprop_input",
        ((1, 1, 1, 2), PAIRS, along(3, [1, 2, 3, 4]), 1, "SAME"), [21, 4300]),
    "depthwise_backprop_filter": (
        "depthwise_conv2d_backprop_filter",
        (along(3, [1, 10]), (1, 1, 2, 2), along(3, [1, 2, 3, 4]), 1, "SAME"), [1, 2, 30, 40]),
    "depthwise_backprop_filter, dilated": (
        "depthwise_conv2d_backprop_filter",
        (along(2, [1, 2, 3]), (1, 2, 1, 1), along(2, [5]), 1, "VALID", "NHWC", [1, 1, 2, 1]),
        [5, 15]),
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
    "conv1d_transpose": (
        "conv1d_transpose",
        (along(1, [1, 2], 3), along(0, [1, 10, 100], 3), (1, 5, 1), 2, "VALID"),
        [1, 10, 102, 20, 200]),
    "conv3d_transpose": (
        "conv3d_transpose",
        (along(1, [1, 2], 5), along(0, [1, 10, 100], 5), (1, 5, 1, 1, 1), (2, 1, 1), "VALID"),
        [1, 10, 102, 20, 200]),
    "conv3d_backprop_input": (
        "conv3d_backprop_input",
        ((1, 1, 1, 5, 1), along(2, [1, 10, 100], 5), along(3, [1, 2], 5), (1, 1, 2), "VALID"),
        [1, 10, 102, 20, 200]),
    "conv3d_backprop_filter": (
        "conv3d_backprop_filter",
        (along(2, [1, 2, 3], 5), (1, 2, 1, 1, 1), along(2, [1, 10], 5), 1, "VALID"), [21, 32]),
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
@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_halves_are_rounded_once(module, name):
    """4,096 ones are 4096, where sums in the half type end at 2048 and 256."""
    ones = functools.partial(np.ones, dtype=DTYPES[name])
    image, point = (1, 64, 64, 1), (1, 1, 1, 1)
    for result in (
        module.depthwise_conv2d(ones(image), ones((64, 64, 1, 1)), 1, "VALID"),
        module.conv2d_transpose(ones((1, 1, 1, 4096)), ones((1, 1, 1, 4096)), point, 1),
        module.conv2d_backprop_input(
            point, ones((1, 1, 1, 4096)), ones((1, 1, 1, 4096)), 1, "SAME"
        ),
        module.conv2d_backprop_filter(ones(image), point, ones(image), 1, "SAME"),
        module.depthwise_conv2d_backprop_filter(ones(image), point, ones(image), 1, "SAME"),
    ):
        assert result.dtype == DTYPES[name]
        assert result.ravel().tolist() == [4096]


@MODULES
def test_separable_rounds_between(module):
    """2048 + 1 is 2048 in float16, so what is left of it without -2048 is 0."""
    image = np.array([2048, -2048, 1, 0], np.float16).reshape(1, 1, 2, 2)
    taps, ones = np.ones((1, 2, 2, 1), np.float16), np.ones((1, 1, 2, 1), np.float16)
    assert module.separable_conv2d(image, taps, ones, 1, "VALID").ravel().tolist() == [0]
    whole = np.ones((1, 2, 2, 1), np.float16)
    assert module.conv2d(image, whole, 1, "VALID").ravel().tolist() == [1]


@MODULES
def test_int32_wraps(module):
    big = np.full((1, 1, 1, 1), 2**30, np.int32)
    four = np.full((1, 1, 1, 1), 5, np.int32)
    for result in (
        module.depthwise_conv2d(big, four, 1, "SAME"),
        module.conv2d_transpose(big, four, big.shape, 1),
        module.conv2d_backprop_filter(big, big.shape, four, 1, "SAME"),
    ):
        assert (result.dtype, result.item()) == (np.int32, 2**30)


@MODULES
def test_what_meets_the_padding(module):
    """Zeros are multiplied in outputs and filter gradients; an input gradient has none."""
    three, two = along(2, [1, 2, 3]), along(1, [1, INF])
    np.testing.assert_equal(module.conv1d(three[0], two[0], 1, "SAME").ravel(), [INF, INF, NAN])
    np.testing.assert_equal(module.depthwise_conv2d(three, two, 1, "SAME").ravel(), [INF, INF, NAN])
    y = along(2, [1, 2, INF])
    taps = module.conv2d_backprop_filter(three, two.shape, y, 1, "SAME")
    np.testing.assert_equal(taps.ravel(), [INF, NAN])
    dx = module.conv2d_backprop_input(three.shape, two, three, 1, "SAME")
    np.testing.assert_equal(dx.ravel(), [1, INF, INF])
    dx = module.conv2d_transpose(along(2, [1, 2]), along(1, [INF, 1]), (1, 1, 4, 1), 2)
    np.testing.assert_equal(dx.ravel(), [INF, 1, INF, 2])
    dx = module.conv2d_transpose(along(2, [1, 2]), along(1, [3, INF, NAN]), (1, 1, 3, 1), 2)
    np.testing.assert_equal(dx.ravel(), [INF, NAN, INF])


@MODULES
def test_gradients_of_nothing_are_zeros(module):
    """An output without rows: TensorFlow dies of its filter gradient."""
    x, w, y = np.ones((1, 3, 4, 1)), np.ones((4, 1, 1, 1)), np.ones((1, 0, 2, 1))
    assert not module.conv2d_backprop_filter(x, w.shape, y, 2, "VALID").any()
    assert not module.conv2d_transpose(y, w, x.shape, 2, "VALID").any()
    assert not module.conv2d_backprop_filter(x[:0], w.shape, y[:0], 2, "VALID").any()


@MODULES
def test_channels_first(module):
    x = np.arange(1.0, 13).reshape(1, 2, 2, 3)  # NCHW
    for name, arguments, layouts in [
        ("depthwise_conv2d", (x, np.arange(8.0).reshape(1, 2, 2, 2), 1, "SAME"), "NCHW"),
        ("conv1d", (x[0], np.arange(8.0).reshape(2, 2, 2), 1, "SAME"), "NCW"),
        ("conv3d", (x[:, :, None], np.arange(8.0).reshape(1, 1, 2, 2, 2), 1, "SAME"), "NCDHW"),
    ]:
        images, *others = arguments
        first = getattr(module, name)(images, *others, layouts)
        last = getattr(module, name)(np.moveaxis(images, 1, -1), *others)
        assert_same(first, np.moveaxis(last, -1, 1))
    y = np.arange(4.0).reshape(1, 1, 2, 2)
    w = np.arange(4.0).reshape(1, 2, 2, 1)
    first = module.conv2d_backprop_input((1, 2, 2, 3), w, y, 1, "VALID", data_format="NCHW")
    last = module.conv2d_backprop_input((1, 2, 3, 2), w, np.moveaxis(y, 1, -1), 1, "VALID")
    assert_same(first, np.moveaxis(last, -1, 1))
    first = module.conv2d_backprop_filter(x, w.shape, y, 1, "VALID", data_format="NCHW")
    last = np.moveaxis(x, 1, -1), w.shape, np.moveaxis(y, 1, -1), 1, "VALID"
    assert_same(first, module.conv2d_backprop_filter(*last))


@pytest.mark.parametrize("name", npconv.reference.__all__)
def test_it_is_called_as_the_public_function(name):
    public, own = (
        inspect.signature(getattr(module, name)).parameters.values()
        for module in (npconv, npconv.reference)
    )
    assert [(one.name, one.kind, one.default) for one in own] == [
        (one.name, one.kind, one.default) for one in public if one.name not in ("out", "precision")
    ]
    assert f"``npconv.{name}``" in inspect.getdoc(getattr(npconv.reference, name))


def test_it_has_all():
    assert {*npconv.reference.__all__} == {*FORWARD, *GRADIENTS}
    wanted = {name for name in npconv.__all__ if "conv" in name and name != "Convolution"}
    assert {*npconv.reference.__all__} == wanted
