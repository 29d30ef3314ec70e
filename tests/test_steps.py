"""The three steps on their own, and what `explain` says of them."""

from __future__ import annotations

import re

import numpy as np
import pytest
from builders import DTYPES, LAYOUTS, assert_same, definition, integers, pads_of

import npconv

ONES = [1, 1, 1, 1]


def patches_by_loops(images, kernel, strides, rates, padding):
    n, height, width, channels = images.shape
    top, bottom, oh = pads_of(height, kernel[0], strides[0], rates[0], padding)
    left, right, ow = pads_of(width, kernel[1], strides[1], rates[1], padding)
    padded = np.pad(images, [(0, 0), (top, bottom), (left, right), (0, 0)])
    out = np.zeros((n, oh, ow, *kernel, channels), images.dtype)
    for i, j, di, dj in np.ndindex(oh, ow, *kernel):
        row, column = i * strides[0] + di * rates[0], j * strides[1] + dj * rates[1]
        out[:, i, j, di, dj] = padded[:, row, column]
    return out.reshape(n, oh, ow, -1)


def test_flatten_filters():
    """Row (kh * KW + kw) * in_channels + c, as TensorFlow's documentation flattens."""
    w = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    flat = npconv.flatten_filters(w)
    assert flat.shape == (24, 5)
    assert np.shares_memory(flat, w)
    for kh, kw, c in np.ndindex(2, 3, 4):
        assert flat[(kh * 3 + kw) * 4 + c].tolist() == w[kh, kw, c].tolist()
    assert npconv.flatten_filters(np.zeros((0, 3, 4, 5))).shape == (0, 5)
    assert npconv.flatten_filters(np.zeros((3, 3, 4, 0))).shape == (36, 0)
    assert npconv.flatten_filters(np.zeros((3, 3, 0, 0))).shape == (0, 0)
    assert npconv.flatten_filters(w.tolist()).tolist() == flat.tolist()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_flatten_filters_of_any_layout(layout):
    w = integers((2, 3, 4, 5), "float32")
    flat = npconv.flatten_filters(LAYOUTS[layout](w))
    np.testing.assert_array_equal(np.asarray(flat), w.reshape(24, 5))


@pytest.mark.parametrize("shape", [(), (3, 3), (3, 3, 2), (1, 3, 3, 2, 2)], ids=str)
def test_flatten_filters_takes_four_dimensions(shape):
    with pytest.raises(ValueError, match="filters"):
        npconv.flatten_filters(np.zeros(shape))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_extract_patches(dtype, padding):
    for shape, kernel, strides, rates in [
        ((2, 7, 8, 3), (3, 2), (1, 1), (1, 1)),
        ((1, 9, 6, 2), (2, 3), (3, 2), (1, 1)),
        ((1, 11, 12, 1), (3, 3), (2, 1), (2, 3)),
        ((3, 4, 5, 6), (1, 1), (1, 1), (1, 1)),
        ((1, 4, 5, 2), (4, 5), (1, 1), (1, 1)),
        ((1, 5, 5, 2), (1, 2), (4, 4), (1, 1)),
        ((2, 60, 70, 9), (5, 5), (1, 1), (1, 1)),
    ]:
        images = integers(shape, dtype)
        result = npconv.extract_patches(
            images, [1, *kernel, 1], [1, *strides, 1], (1, *rates, 1), padding
        )
        assert_same(result, patches_by_loops(images, kernel, strides, rates, padding))
        assert result.flags.c_contiguous
        assert not np.shares_memory(result, images)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_extract_patches_of_any_layout(layout):
    images = integers((2, 6, 7, 3), "float32")
    expected = patches_by_loops(images, (3, 3), (1, 2), (1, 1), "SAME")
    result = npconv.extract_patches(
        LAYOUTS[layout](images), [1, 3, 3, 1], [1, 1, 2, 1], ONES, "SAME"
    )
    assert_same(result, expected)


@pytest.mark.parametrize(
    ("shape", "kernel", "padding", "expected"),
    [
        ((0, 5, 7, 3), (3, 2), "VALID", (0, 3, 6, 18)),
        ((1, 3, 7, 3), (4, 2), "VALID", (1, 0, 6, 24)),
        ((1, 0, 7, 3), (1, 2), "SAME", (1, 0, 7, 6)),
        ((1, 5, 7, 0), (1, 2), "SAME", (1, 5, 7, 0)),
    ],
)
def test_extract_patches_of_nothing(shape, kernel, padding, expected):
    result = npconv.extract_patches(
        np.zeros(shape, np.float32), [1, *kernel, 1], ONES, ONES, padding
    )
    assert result.shape == expected


@pytest.mark.parametrize(
    ("arguments", "error", "name"),
    [
        ({"images": np.zeros((5, 7, 3), np.float32)}, ValueError, "images"),
        ({"images": np.zeros((1, 1, 5, 7, 3), np.float32)}, ValueError, "images"),
        ({"images": np.zeros((1, 5, 7, 3), np.int8)}, TypeError, "images"),
        ({"images": np.zeros((1, 5, 7, 3), complex)}, TypeError, "images"),
        ({"sizes": [2, 2]}, ValueError, "sizes"),
        ({"sizes": 2}, TypeError, "sizes"),
        ({"sizes": [2, 2, 2, 1]}, ValueError, "sizes"),
        ({"sizes": [1, 2, 2, 2]}, ValueError, "sizes"),
        ({"sizes": [1, 0, 2, 1]}, ValueError, "sizes"),
        ({"sizes": [1, -1, 2, 1]}, ValueError, "sizes"),
        ({"sizes": [1, 2.0, 2, 1]}, TypeError, "sizes"),
        ({"sizes": [1, 9, 2, 1], "padding": "VALID"}, ValueError, "sizes"),
        ({"strides": [2, 1, 1, 1]}, ValueError, "strides"),
        ({"strides": [1, 0, 1, 1]}, ValueError, "strides"),
        ({"strides": [1, 1, 1]}, ValueError, "strides"),
        ({"strides": 1}, TypeError, "strides"),
        ({"rates": [1, 1, 1, 2]}, ValueError, "rates"),
        ({"rates": [1, 0, 1, 1]}, ValueError, "rates"),
        ({"rates": "1111"}, TypeError, "rates"),
        ({"padding": "same"}, ValueError, "padding"),
        ({"padding": "EXPLICIT"}, ValueError, "padding"),
        ({"padding": [[0, 0]] * 4}, TypeError, "padding"),
        ({"padding": None}, TypeError, "padding"),
    ],
    ids=str,
)
def test_extract_patches_rejects(arguments, error, name):
    call = {"images": np.zeros((1, 5, 7, 3), np.float32), "sizes": [1, 2, 2, 1],
            "strides": ONES, "rates": ONES, "padding": "SAME", **arguments}  # fmt: skip
    with pytest.raises(error, match=rf"\b{name}\b"):
        npconv.extract_patches(**call)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_conv2d_is_patches_times_flattened_filters(dtype, padding):
    x, w = integers((2, 9, 8, 3), dtype), integers((3, 2, 3, 5), dtype, seed=1)
    patches = npconv.extract_patches(x, [1, 3, 2, 1], [1, 2, 1, 1], [1, 1, 2, 1], padding)
    product = patches @ npconv.flatten_filters(w)
    result = npconv.conv2d(x, w, [2, 1], padding, dilations=[1, 2])
    np.testing.assert_array_equal(result, product)
    np.testing.assert_array_equal(result, definition(x, w, (2, 1), padding, (1, 2)))


def test_explain_in_numbers():
    said = npconv.explain((8, 224, 224, 3), (7, 7, 3, 64), 2, "SAME")
    assert said.output_shape == (8, 112, 112, 64)
    assert tuple(said.pads) == (2, 3, 2, 3)
    assert said.patches_shape == (8 * 112 * 112, 7 * 7 * 3)
    assert said.multiply_adds == 8 * 112 * 112 * 64 * 7 * 7 * 3
    assert 0 < said.scratch_bytes <= 16 * 2**20
    assert isinstance(said.algorithm, str)
    text = str(said)
    for part in ("112", "100352", "147", "top 2", "bottom 3", said.algorithm, said.torch_call):
        assert part in text or part in text.replace(",", "")


def test_explain_takes_arrays_and_says_what_conv2d_does():
    for dtype, data_format in [("float32", "NHWC"), ("bfloat16", "NHWC"), ("int32", "NCHW")]:
        shape = (2, 3, 9, 8, 4) if data_format == "NHWC" else (2, 3, 4, 9, 8)
        x, w = integers(shape, dtype), integers((3, 2, 2, 6), dtype, seed=1)
        arguments = ([2, 1], "SAME", data_format, [1, 3])
        said = npconv.explain(x, w, *arguments)
        assert said.output_shape == npconv.conv2d(x, w, *arguments).shape
        assert said == npconv.explain(x.shape, w.shape, *arguments, dtype=x.dtype)
        assert said.multiply_adds == 6 * 5 * 8 * 6 * 3 * 2 * 2


@pytest.mark.parametrize(
    ("arguments", "parts", "absent"),
    [
        (
            ((1, 8, 9, 4), (2, 4, 4, 6), 1, "SAME"),
            [r"F\.pad\(.*\(1, 2, 0, 1\)", r"permute\(3, 2, 0, 1\)"],
            ["padding=", "groups=", "dilation="],
        ),
        (
            ((1, 8, 9, 4), (3, 5, 4, 6), 1, "SAME"),
            [r"padding=\(1, 2\)"],
            [r"F\.pad"],
        ),
        (
            ((1, 8, 9, 4), (3, 3, 2, 6), [2, 3], "VALID", "NHWC", [1, 2]),
            [r"stride=\(2, 3\)", r"dilation=\(1, 2\)", "groups=2"],
            [r"F\.pad", "padding="],
        ),
        (
            ((1, 4, 8, 9), (3, 3, 4, 6), 1, [[0, 0], [0, 0], [1, 2], [3, 4]], "NCHW"),
            [r"F\.pad\(.*\(3, 4, 1, 2\)"],
            [r"permute\(0, 3, 1, 2\)", "padding="],
        ),
    ],
)
def test_the_torch_call(arguments, parts, absent):
    """F.pad counts from the last axis: left, right, top, bottom."""
    call = npconv.explain(*arguments).torch_call
    assert "conv2d" in call
    for part in parts:
        assert re.search(part, call), call
    for part in absent:
        assert not re.search(part, call), call


def test_explain_of_nothing():
    for shape, filters, padding, output in [
        ((0, 5, 5, 3), (3, 3, 3, 2), "SAME", (0, 5, 5, 2)),
        ((1, 3, 5, 3), (4, 3, 3, 2), "VALID", (1, 0, 3, 2)),
        ((1, 5, 5, 0), (3, 3, 3, 2), "SAME", (1, 5, 5, 2)),
        ((1, 5, 5, 3), (3, 3, 3, 0), "SAME", (1, 5, 5, 0)),
    ]:
        said = npconv.explain(shape, filters, 1, padding)
        assert said.output_shape == output
        assert said.multiply_adds == 0
        assert str(said)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (((5, 5, 3), (3, 3, 3, 2), 1, "SAME"), "input"),
        (((1, 5, 5, 3), (3, 3, 3), 1, "SAME"), "filters"),
        (((1, 5, 5, 3), (3, 3, 2, 2), 1, "SAME"), "filters"),
        (((1, 5, 5, 3), (3, 3, 3, 2), 0, "SAME"), "strides"),
        (((1, 5, 5, 3), (3, 3, 3, 2), 1, "same"), "padding"),
        (((1, 5, 5, 3), (3, 3, 3, 2), 1, "SAME", "nhwc"), "data_format"),
        (((1, 5, 5, 3), (3, 3, 3, 2), 1, "SAME", "NHWC", 0), "dilations"),
        (((1, -5, 5, 3), (3, 3, 3, 2), 1, "SAME"), "input"),
    ],
    ids=str,
)
def test_explain_rejects_what_conv2d_rejects(arguments, name):
    with pytest.raises(ValueError, match=rf"\b{name}\b"):
        npconv.explain(*arguments)


def test_explain_rejects_other_dtypes():
    with pytest.raises(TypeError):
        npconv.explain((1, 5, 5, 3), (3, 3, 3, 2), 1, "SAME", dtype="int8")
    with pytest.raises(TypeError):
        npconv.explain(np.zeros((1, 5, 5, 3), complex), (3, 3, 3, 2), 1, "SAME")


@pytest.mark.parametrize(
    ("arguments", "error", "name"),
    [
        ({"input": (-1, 5, 5, 3)}, ValueError, "input"),
        ({"filters": (3, 3, -3, 2)}, ValueError, "filters"),
        ({"dtype": "int64"}, TypeError, "dtype"),
        ({"dtype": "foo"}, TypeError, "dtype"),
        ({"input": np.zeros((1, 5, 5, 3), np.int64)}, TypeError, "input"),
        ({"filters": np.zeros((3, 3, 3, 2), complex)}, TypeError, "filters"),
        ({"padding": [[0, 0], [2**31 - 2, 0], [2**31 - 2, 0], [0, 0]]}, ValueError, "padding"),
    ],
)  # fmt: skip
def test_explain_raises_where_conv2d_would(arguments, error, name):
    call = {"input": (1, 5, 5, 3), "filters": (3, 3, 3, 2), "strides": 1, "padding": "SAME"}
    with pytest.raises(error, match=rf"\b{name}\b"):
        npconv.explain(**{**call, **arguments})


def test_explain_takes_numpy_integers_in_a_shape():
    assert npconv.explain((np.int64(1), 5, 5, 3), (3, 3, 3, 2), 1, "SAME").multiply_adds == 1350
