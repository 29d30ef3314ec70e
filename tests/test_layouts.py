"""Any memory layout and any kind of array gives the values of a plain one."""

from __future__ import annotations

import numpy as np
import pytest
from builders import DTYPES, LAYOUTS, assert_same, integers, swapped

import npconv

# A plain layer, and those that may take a road of their own: 1x1, one channel, depthwise.
LAYERS = {
    "3x3": ((2, 9, 8, 4), (3, 3, 4, 6), 1, "SAME"),
    "stride": ((1, 10, 9, 3), (2, 3, 3, 5), 2, "VALID"),
    "pointwise": ((2, 5, 6, 8), (1, 1, 8, 4), 1, "VALID"),
    "one-channel": ((1, 12, 13, 1), (5, 5, 1, 1), 1, "VALID"),
    "depthwise": ((1, 7, 8, 4), (3, 3, 1, 4), 1, "SAME"),
    "covers": ((3, 4, 5, 2), (4, 5, 2, 3), 1, "VALID"),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("layer", LAYERS)
def test_layout(layer, layout, dtype):
    input_shape, filters_shape, strides, padding = LAYERS[layer]
    x, w = integers(input_shape, dtype), integers(filters_shape, dtype, seed=1)
    expected = npconv.conv2d(x, w, strides, padding)
    arrange = LAYOUTS[layout]
    for pair in ((arrange(x), w), (x, arrange(w)), (arrange(x), arrange(w))):
        result = npconv.conv2d(*pair, strides, padding)
        assert_same(result, expected)
        assert result.flags.c_contiguous
        assert result.flags.writeable
        assert result.flags.owndata or result.base is not None
        assert not any(np.shares_memory(result, np.asarray(a)) for a in pair)
    first = np.moveaxis(x, 3, 1)
    for images in (first, arrange(np.ascontiguousarray(first))):
        nchw = npconv.conv2d(images, w, strides, padding, "NCHW")
        assert_same(nchw, np.moveaxis(expected, 3, 1))
        assert nchw.flags.c_contiguous


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layer", LAYERS)
def test_broadcast(layer, dtype):
    """Strides of zero along every axis in turn, and along all."""
    input_shape, filters_shape, strides, padding = LAYERS[layer]
    x, w = integers(input_shape, dtype), integers(filters_shape, dtype, seed=1)
    for axes in (0, 1, 2, 3, (0, 1, 2, 3)):
        view = np.broadcast_to(np.take(x, [0], axes) if axes in range(4) else x[:1, :1, :1, :1],
                               x.shape)  # fmt: skip
        taps = np.broadcast_to(np.take(w, [0], axes) if axes in range(4) else w[:1, :1, :1, :1],
                               w.shape)  # fmt: skip
        expected = npconv.conv2d(view.copy(), taps.copy(), strides, padding)
        assert_same(npconv.conv2d(view, taps, strides, padding), expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_memmap(tmp_path, dtype):
    x, w = integers((1, 6, 7, 2), dtype), integers((3, 3, 2, 4), dtype, seed=1)
    mapped = []
    for name, a in (("x", x), ("w", w)):
        (tmp_path / name).write_bytes(a.tobytes())
        mapped.append(np.memmap(tmp_path / name, a.dtype, "r", shape=a.shape))
    assert_same(npconv.conv2d(*mapped, 1, "SAME"), npconv.conv2d(x, w, 1, "SAME"))


@pytest.mark.parametrize("dtype", DTYPES)
def test_same_array_as_input_and_filters(dtype):
    both = integers((3, 3, 2, 2), dtype)
    assert_same(npconv.conv2d(both, both, 1, "SAME"), npconv.conv2d(both, both.copy(), 1, "SAME"))


def test_the_result_is_native_and_plain():
    x, w = np.ones((1, 3, 3, 1), np.float32), np.ones((1, 1, 1, 1), np.float32)
    for images in (swapped(x), np.ma.masked_array(x, mask=True)):
        assert_same(npconv.conv2d(images, w, 1, "SAME"), x)


def test_lists_are_arrays():
    result = npconv.conv2d([[[[1.0], [2.0]]]], [[[[3.0, 4.0]]]], 1, "SAME")
    assert_same(result, [[[[3.0, 4.0], [6.0, 8.0]]]])


def test_leading_dimensions_of_any_strides():
    base = np.arange(3 * 2 * 4 * 5 * 5 * 3, dtype=np.float32).reshape(3, 2, 4, 5, 5, 3)
    w = np.arange(2 * 2 * 3 * 2, dtype=np.float32).reshape(2, 2, 3, 2)
    for x in (base, base[:, ::2], base[..., ::-1, :], base.transpose(1, 0, 2, 3, 4, 5)):
        lead = x.shape[:-3]
        expected = npconv.conv2d(x.reshape(-1, *x.shape[-3:]), w, 1, "SAME")
        assert (npconv.conv2d(x, w, 1, "SAME") == expected.reshape(*lead, 5, 5, 2)).all()
