"""The slow, obviously right convolution: naive loops that share no code with the engine."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from npconv._arguments import check, read_array
from npconv._attributes import Array, Format, Pads, Steps, read_attributes
from npconv._operation import CONV2D

__all__ = ["conv2d"]


@np.errstate(all="ignore")
def conv2d(
    input: ArrayLike, filters: ArrayLike, strides: Steps, padding: Pads,
    data_format: Format | None = "NHWC", dilations: Steps = None, name: object = None,
) -> Array:  # fmt: skip
    """Compute a 2-D convolution by its definition, one product at a time.

    Parameters
    ----------
    input, filters, strides, padding, data_format, dilations, name
        See ``npconv.conv2d``.

    Returns
    -------
    ndarray
        See ``npconv.conv2d``, which has the formula. Summed in the order of (KH, KW, C), in
        float32 for float16 and bfloat16, modulo 2**32 for int32, otherwise in the dtype itself.

    Raises
    ------
    TypeError, ValueError, MemoryError
        See ``npconv.conv2d``.

    Examples
    --------
    >>> import numpy as np
    >>> from npconv import reference
    >>> image = np.arange(9).astype(np.int32).reshape(1, 3, 3, 1)
    >>> box = np.ones((2, 2, 1, 1), np.int32)
    >>> reference.conv2d(image, box, strides=1, padding="VALID")[0, :, :, 0]
    array([[ 8, 12],
           [20, 24]], dtype=int32)
    """
    images, kernels = read_array("input", input), read_array("filters", filters)
    arrays = images.shape, images.dtype, kernels.shape, kernels.dtype
    attributes = strides, padding, data_format, dilations
    dtype, _, result_shape, layout = check(CONV2D, *arrays, *attributes)
    steps, pads, _, spacing = read_attributes(CONV2D, *attributes)
    result = np.zeros(result_shape, dtype)
    if result.size == 0 or images.size == 0:
        return result

    if layout == "NCHW":
        images = np.moveaxis(images, -3, -1)
    lead = images.shape[:-3]
    images = images.reshape(-1, *images.shape[-3:])
    sums = np.dtype(np.float32) if dtype.itemsize == 2 else dtype
    images, kernels = images.astype(sums), kernels.astype(dtype).astype(sums)

    batch, height, width, in_channels = images.shape
    kernel_height, kernel_width, filter_channels, out_channels = kernels.shape
    top, out_height = _border(height, kernel_height, steps[0], spacing[0], pads, 0)
    left, out_width = _border(width, kernel_width, steps[1], spacing[1], pads, 1)
    group_outputs = out_channels // (in_channels // filter_channels)

    totals = np.zeros((batch, out_height, out_width, out_channels), sums)
    for n, i, j in np.ndindex(batch, out_height, out_width):
        for di, dj, c in np.ndindex(kernel_height, kernel_width, in_channels):
            row = steps[0] * i + spacing[0] * di - top
            column = steps[1] * j + spacing[1] * dj - left
            inside = 0 <= row < height and 0 <= column < width
            pixel = images[n, row, column, c] if inside else sums.type(0)
            group = c // filter_channels
            outputs = slice(group * group_outputs, (group + 1) * group_outputs)
            taps = kernels[di, dj, c % filter_channels, outputs]
            totals[n, i, j, outputs] += pixel * taps
    totals = totals.reshape(*lead, *totals.shape[1:]).astype(dtype)
    return np.ascontiguousarray(np.moveaxis(totals, -1, -3)) if layout == "NCHW" else totals


def _border(
    size: int, kernel: int, stride: int, dilation: int, pads: Any, axis: int
) -> tuple[int, int]:
    """Return the pixels of padding before the image and the number of outputs."""
    extent = 1 + (kernel - 1) * dilation
    if pads == "SAME":
        outputs = (size + stride - 1) // stride
        missing = (outputs - 1) * stride + extent - size
        return max(missing, 0) // 2, outputs
    before, after = (0, 0) if pads == "VALID" else pads[axis]
    last = size + before + after - extent  # where the last window can begin
    return before, last // stride + 1
