"""Four questions that people ask about convolutions in NumPy, with their numbers."""

from __future__ import annotations

import numpy as np
import scipy.signal
from skimage.util import view_as_windows

import npconv

rng = np.random.default_rng(0)


def test_ten_filters_at_stride_two_over_a_colour_image():
    """How do I convolve a 32x32x3 array with ten 2x2x3 filters at stride 2? To 16x16x10."""
    image = rng.integers(0, 256, (32, 32, 3)).astype(np.float64)
    filters = rng.integers(-3, 4, (2, 2, 3, 10)).astype(np.float64)

    result = npconv.conv2d(image[np.newaxis], filters, strides=2, padding="VALID")[0]

    expected = np.zeros((16, 16, 10))
    for i in range(16):
        for j in range(16):
            for k in range(10):
                window = image[2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
                expected[i, j, k] = (window * filters[..., k]).sum()
    assert result.shape == (16, 16, 10)
    np.testing.assert_array_equal(result, expected)


def test_a_stack_of_images_with_one_kernel():
    """How do I convolve a stack (height, width, count) with one 2-D kernel, without a loop?

    The images go into the batch. scipy's `convolve` flips the kernel, conv2d does not.
    """
    stack = rng.integers(-9, 10, (100, 100, 50)).astype(np.float64)
    kernel = rng.integers(-9, 10, (11, 11)).astype(np.float64)

    batch = np.moveaxis(stack, 2, 0)[..., np.newaxis]  # (50, 100, 100, 1)
    flipped = kernel[::-1, ::-1, np.newaxis, np.newaxis]  # (11, 11, 1, 1)
    result = npconv.conv2d(batch, flipped, strides=1, padding="VALID")[..., 0]

    expected = scipy.signal.convolve(stack, kernel[..., np.newaxis], "valid", method="direct")
    assert expected.shape == (90, 90, 50)
    np.testing.assert_array_equal(np.moveaxis(result, 0, 2), expected)
    by_fft = scipy.signal.convolve(stack, kernel[..., np.newaxis], "valid")
    np.testing.assert_allclose(np.moveaxis(result, 0, 2), by_fft, rtol=0, atol=1e-7)


def test_im2col_with_many_filters_on_one_image():
    """How do I apply N filters to one image by im2col? One row a patch, one column a filter."""
    image = rng.integers(-9, 10, (40, 50)).astype(np.float64)
    filters = rng.integers(-9, 10, (8, 5, 5)).astype(np.float64)

    patches = view_as_windows(image, (5, 5)).reshape(36 * 46, 25)
    expected = (patches @ filters.reshape(8, 25).T).reshape(36, 46, 8)

    weights = np.moveaxis(filters, 0, 2)[:, :, np.newaxis]  # (5, 5, 1, 8)
    images = image[np.newaxis, ..., np.newaxis]
    result = npconv.conv2d(images, weights, strides=1, padding="VALID")[0]
    np.testing.assert_array_equal(result, expected)
    rows = npconv.extract_patches(images, [1, 5, 5, 1], [1] * 4, [1] * 4, "VALID")
    np.testing.assert_array_equal(rows.reshape(36 * 46, 25), patches)
    np.testing.assert_array_equal(npconv.flatten_filters(weights), filters.reshape(8, 25).T)


def my_conv2d(inputs, filters):
    """The loop that is asked about: stride 1, square filters, no padding."""
    count, height, width, _ = inputs.shape
    size, _, _, outputs = filters.shape
    result = np.zeros((count, height - size + 1, width - size + 1, outputs))
    for n in range(count):
        for i in range(height - size + 1):
            for j in range(width - size + 1):
                for k in range(outputs):
                    window = inputs[n, i : i + size, j : j + size, :]
                    result[n, i, j, k] = np.sum(window * filters[:, :, :, k])
    return result


def test_the_slow_loop():
    """How do I make `my_conv2d` as fast as tf.nn.conv2d? It is conv2d with 'VALID'."""
    inputs = rng.integers(-9, 10, (2, 14, 15, 4)).astype(np.float64)
    filters = rng.integers(-9, 10, (3, 3, 4, 6)).astype(np.float64)
    result = npconv.conv2d(inputs, filters, strides=1, padding="VALID")
    assert result.shape == (2, 12, 13, 6)
    np.testing.assert_array_equal(result, my_conv2d(inputs, filters))
