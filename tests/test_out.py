"""`out=`: where the result may be written, and where not."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
from builders import DTYPES, LAYOUTS, assert_same, integers

import npconv

LAYERS = {
    "3x3": ((2, 7, 6, 4), (3, 3, 4, 6)),
    "pointwise": ((2, 7, 6, 4), (1, 1, 4, 6)),
    "one-channel": ((2, 7, 6, 1), (3, 3, 1, 6)),
    "groups": ((2, 7, 6, 4), (3, 3, 2, 6)),
    "many-tiles": ((1, 60, 70, 8), (3, 3, 8, 24)),
}


def arguments(layer="3x3", dtype="float32"):
    input_shape, filters_shape = LAYERS[layer]
    x, w = integers(input_shape, dtype), integers(filters_shape, dtype, seed=1)
    return {"input": x, "filters": w, "strides": 1, "padding": "SAME"}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("layout", sorted(LAYOUTS.keys() - {"read-only", "__array__", "masked"}))
@pytest.mark.parametrize("data_format", ["NHWC", "NCHW"])
def test_any_layout(layer, dtype, layout, data_format):
    call = arguments(layer, dtype)
    if data_format == "NCHW":
        call |= {"input": np.moveaxis(call["input"], 3, 1), "data_format": "NCHW"}
    expected = npconv.conv2d(**call)
    out = LAYOUTS[layout](np.full(expected.shape, 9, expected.dtype))
    assert npconv.conv2d(**call, out=out) is out
    assert_same(np.asarray(out).astype(expected.dtype), expected)


def test_nothing_around_a_strided_out_is_touched():
    call = arguments()
    expected = npconv.conv2d(**call)
    base = np.full([2 * n for n in expected.shape], 9, np.float32)
    out = base[::2, 1::2, ::-2, ::2]
    assert npconv.conv2d(**call, out=out) is out
    np.testing.assert_array_equal(out, expected)
    mask = np.zeros(base.shape, bool)
    mask[::2, 1::2, ::-2, ::2] = True
    assert (base[~mask] == 9).all()


def test_memmap(tmp_path):
    call = arguments()
    expected = npconv.conv2d(**call)
    out = np.memmap(tmp_path / "out", np.float32, "w+", shape=expected.shape)
    assert npconv.conv2d(**call, out=out) is out
    out.flush()
    assert (tmp_path / "out").read_bytes() == expected.tobytes()


def test_leading_dimensions():
    x, w = integers((2, 3, 5, 6, 2), "float32"), integers((3, 3, 2, 4), "float32", seed=1)
    expected = npconv.conv2d(x, w, 1, "SAME")
    base = np.zeros((3, 2, 5, 6, 8), np.float32)
    out = base.transpose(1, 0, 2, 3, 4)[..., ::2]  # its lead cannot be flattened in place
    assert npconv.conv2d(x, w, 1, "SAME", out=out) is out
    np.testing.assert_array_equal(out, expected)
    assert not base[..., 1::2].any()


def test_interleaved_views_of_one_base():
    """They share an array, but no byte."""
    base = np.zeros((2, 7, 6, 10), np.float32)
    base[..., ::2][..., :4] = integers((2, 7, 6, 4), "float32")
    x, w = base[..., 0:8:2], integers((3, 3, 4, 5), "float32", seed=1)
    expected = npconv.conv2d(x.copy(), w, 1, "SAME")
    out = base[..., 1::2]
    assert npconv.conv2d(x, w, 1, "SAME", out=out) is out
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize(
    ("out", "error", "shown"),
    [
        (np.zeros((2, 7, 6, 5), np.float32), ValueError, "(2, 7, 6, 5)"),
        (np.zeros((7, 6, 6), np.float32), ValueError, "(7, 6, 6)"),
        (np.zeros((1, 7, 6, 6), np.float32), ValueError, "(1, 7, 6, 6)"),
        (np.zeros((2, 7, 6, 6)), TypeError, "float64"),
        (np.zeros((2, 7, 6, 6), np.int32), TypeError, "int32"),
        (np.zeros((2, 7, 6, 6), np.float32).tolist(), TypeError, "list"),
        ((np.zeros((2, 7, 6, 6), np.float32),), TypeError, "tuple"),
        ("out", TypeError, "str"),
        (np.broadcast_to(np.float32(0), (2, 7, 6, 6)), ValueError, "read"),
    ],
    ids=["shape", "rank", "batch", "float64", "int32", "list", "tuple", "str", "read-only"],
)
def test_rejected(out, error, shown):
    with pytest.raises(error, match=r"\bout\b") as caught:
        npconv.conv2d(**arguments(), out=out)
    assert shown in str(caught.value)


def test_internal_overlap_is_rejected():
    row = np.zeros((1, 7, 6, 6), np.float32)
    zero = np.lib.stride_tricks.as_strided(row, (2, 7, 6, 6), (0, *row.strides[1:]))
    slide = np.lib.stride_tricks.as_strided(row, (2, 7, 6, 6), (4, 24, 4, 24), writeable=True)
    for out in (zero, slide):
        with pytest.raises(ValueError, match=r"\bout\b"):
            npconv.conv2d(**arguments(), out=out)
    assert not row.any()


def test_strides_of_an_axis_of_one_do_not_matter():
    x, w = integers((1, 5, 5, 2), "float32"), integers((3, 3, 2, 4), "float32", seed=1)
    row = np.zeros((5, 5, 4), np.float32)
    out = np.lib.stride_tricks.as_strided(row, (1, 5, 5, 4), (0, *row.strides))
    assert npconv.conv2d(x, w, 1, "SAME", out=out) is out
    np.testing.assert_array_equal(row[None], npconv.conv2d(x, w, 1, "SAME"))


@pytest.mark.parametrize("which", ["input", "filters"])
def test_overlap_with_an_argument_is_rejected(which):
    big = integers((2000,), "float32")
    call = {
        "input": integers((1, 6, 6, 3), "float32"),
        "filters": integers((3, 3, 3, 3), "float32", seed=1),
        "strides": 1,
        "padding": "SAME",
    }
    shape = call[which].shape
    size = call[which].size
    call[which] = big[:size].reshape(shape)
    before = big.copy()
    for start in (0, 1, size - 1):
        out = big[start : start + 108].reshape(1, 6, 6, 3)
        with pytest.raises(ValueError, match=r"\bout\b"):
            npconv.conv2d(**call, out=out)
    with pytest.raises(ValueError, match=r"\bout\b"):  # backwards
        npconv.conv2d(**call, out=big[107::-1].reshape(1, 6, 6, 3))
    np.testing.assert_array_equal(big, before)
    out = big[size : size + 108].reshape(1, 6, 6, 3)  # next to it
    assert npconv.conv2d(**call, out=out) is out


def test_overlap_with_filters_before_their_cast():
    """Filters are copied where they are cast, yet the caller's array must not be overwritten."""
    w = np.zeros((3, 3, 3, 4))
    out = w.view(np.float32).reshape(-1)[: 1 * 6 * 6 * 4].reshape(1, 6, 6, 4)
    with pytest.raises(ValueError, match=r"\bout\b"):
        npconv.conv2d(np.ones((1, 6, 6, 3), np.float32), w, 1, "SAME", out=out)


def test_overlap_that_is_too_hard_to_rule_out_is_rejected():
    out = np.full((2, 7, 6, 6), 9, np.float32)
    with (
        mock.patch.object(np, "shares_memory", side_effect=np.exceptions.TooHardError),
        pytest.raises(ValueError, match=r"\bout\b"),
    ):
        npconv.conv2d(**arguments(), out=out)
    assert (out == 9).all()


def test_empty_out():
    x, w = np.ones((0, 5, 5, 3), np.float32), np.ones((3, 3, 3, 2), np.float32)
    for out in (np.empty((0, 5, 5, 2), np.float32), np.empty((4, 5, 5, 2), np.float32)[4:]):
        assert npconv.conv2d(x, w, 1, "SAME", out=out) is out
    with pytest.raises(ValueError, match=r"\bout\b"):
        npconv.conv2d(x, w, 1, "SAME", out=np.empty((0, 5, 5, 3), np.float32))


def test_out_is_untouched_where_the_call_is_rejected():
    out = np.full((2, 7, 6, 6), 9, np.float32)
    with pytest.raises(ValueError, match="padding"):
        npconv.conv2d(**(arguments() | {"padding": "same"}), out=out)
    assert (out == 9).all()
