"""The slow, obviously right convolutions: naive loops that share no code with the engine.

One loop says which pixel meets which taps for which outputs; an output, a gradient by the images
and one by the filters are three sums over it. Each function is that of the same name in ``npconv``,
with its arguments but `out`, and its results and errors. Sums are in the order of the loop, in
float32 for float16 and bfloat16, modulo 2**32 for int32, otherwise in the dtype itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from npconv._arguments import check, read_alike, read_array
from npconv._attributes import Array, Format, Layout, Pads, Shape, Steps, read_attributes
from npconv._operation import (
    ATROUS_CONV2D,
    CONV1D,
    CONV2D,
    CONV3D,
    CONVOLUTION,
    DEPTHWISE_CONV2D,
    POINTWISE,
    SEPARABLE_CONV2D,
    Operation,
)

__all__ = [
    "atrous_conv2d",
    "conv1d",
    "conv2d",
    "conv3d",
    "convolution",
    "depthwise_conv2d",
    "separable_conv2d",
]

Reads = list[list[int]]  # for each output along an axis, the pixels that its taps meet


def _reads(size: int, kernel: int, stride: int, dilation: int, pads: Any) -> Reads:
    """Return which pixels meet the taps of each output along an axis; those outside are zeros."""
    extent = 1 + (kernel - 1) * dilation
    if pads == "SAME":
        outputs = (size + stride - 1) // stride
        before = max((outputs - 1) * stride + extent - size, 0) // 2
    else:
        before, after = (0, 0) if pads == "VALID" else pads
        outputs = (size + before + after - extent) // stride + 1  # where the last window can begin
    taps = range(kernel)
    return [[stride * i + dilation * tap - before for tap in taps] for i in range(outputs)]


def _reads_in_phases(size: int, kernel: int, stride: int, dilation: int, pads: Any) -> Reads:
    """Return the same for TensorFlow's depthwise convolution with both strides and dilations.

    Its phase p are the padded pixels p, p + dilation, p + 2 * dilation, ...: each is convolved with
    that stride for the outputs p, p + dilation, ...
    """
    around = max(kernel - 1, 0) * dilation if pads == "SAME" else 0
    before, after = (around // 2, around - around // 2) if isinstance(pads, str) else pads
    rest = -(size + before + after) % dilation  # zeros that make all phases of a length
    length = (size + before + after + rest) // dilation
    outputs = ((length - kernel) // stride + 1) * dilation - rest
    places, taps = [divmod(i, dilation) for i in range(outputs)], range(kernel)
    return [[p + dilation * (stride * a + tap) - before for tap in taps] for a, p in places]


def _meetings(
    images: Shape, filters: Shape, axes: list[Reads], depthwise: bool
) -> Iterator[tuple[Any, Any, Any]]:
    """Yield where a pixel is, taps, and the outputs to which the products of these belong.

    In the order of (N, *outputs, *kernel, C); there is no pixel where taps meet the padding.
    """
    batch, *sizes, channels = images
    *kernel, depth, count = filters
    each = count if depthwise else count // (channels // depth)  # outputs that read a channel
    for n, *position in np.ndindex(batch, *map(len, axes)):
        for *tap, c in np.ndindex(*kernel, channels):
            pixel = [reads[i][k] for reads, i, k in zip(axes, position, tap, strict=True)]
            inside = all(0 <= at < size for at, size in zip(pixel, sizes, strict=True))
            first = each * (c if depthwise else c // depth)
            outputs = slice(first, first + each)
            taps = (c, slice(each)) if depthwise else (c % depth, outputs)
            yield (n, *pixel, c) if inside else None, (*tap, *taps), (n, *position, outputs)


@np.errstate(all="ignore")
def _sum(
    operation: Operation, attributes: Any, wanted: str,
    images: Array, filters: Array, outputs: Array,
) -> Array:  # fmt: skip
    """Fill which is wanted of "images", "filters" and "outputs" from the others, and return it."""
    strides, padding, layout, dilations = read_attributes(operation, *attributes)
    arrays, rank = {"images": images, "filters": filters, "outputs": outputs}, len(layout)
    result = arrays[wanted]
    if not all(array.size for array in arrays.values()):
        return result
    if not layout.endswith("C"):
        for name in ("images", "outputs"):
            arrays[name] = np.moveaxis(arrays[name], 1 - rank, -1)
    sums = np.float32 if result.dtype.itemsize == 2 else result.dtype
    x, w, y = (
        array.reshape(-1, *array.shape[1 - rank :]).astype(result.dtype).astype(sums)
        for array in arrays.values()
    )
    pads = [padding] * len(strides) if isinstance(padding, str) else padding
    apart = operation.phased and max(strides) > 1 and max(dilations) > 1
    each = zip(x.shape[1:-1], w.shape[:-2], strides, dilations, pads, strict=True)
    axes = [(_reads_in_phases if apart else _reads)(*axis) for axis in each]
    for pixel, taps, places in _meetings(x.shape, w.shape, axes, operation.depthwise):
        value = x[pixel] if pixel else x.dtype.type(0)
        if wanted == "outputs":
            y[places] += value * w[taps]
        elif wanted == "filters":
            w[taps] += value * y[places]
        elif pixel:  # the gradient of the padding is nobody's
            x[pixel] = sum(y[places] * w[taps], value)
    totals = {"images": x, "filters": w, "outputs": y}[wanted]
    arrays[wanted][...] = totals.reshape(arrays[wanted].shape)
    return result


def _output(operation: Operation, input: Any, filters: Any, *attributes: Any) -> Array:
    given = {operation.input: input, operation.filters: filters}
    if operation.alike:
        images, kernels = read_alike(**given)
    else:
        images, kernels = (read_array(name, value) for name, value in given.items())
    operation = operation.of(kernels.shape)
    arrays = images.shape, images.dtype, kernels.shape, kernels.dtype
    dtype, _, shape, _ = check(operation, *arrays, *attributes)
    return _sum(operation, attributes, "outputs", images, kernels, np.zeros(shape, dtype))


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
        See ``npconv.conv2d``, which has the formula. Summed in the order of (KH, KW, C).

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
    return _output(CONV2D, input, filters, strides, padding, data_format, dilations)


def conv1d(
    input: ArrayLike, filters: ArrayLike, stride: Steps, padding: Pads,
    data_format: Layout | None = "NWC", dilations: Steps = None, name: object = None,
) -> Array:  # fmt: skip
    """Compute a 1-D convolution; see ``npconv.conv1d``."""
    return _output(CONV1D, input, filters, stride, padding, data_format, dilations)


def conv3d(
    input: ArrayLike, filters: ArrayLike, strides: Steps, padding: Pads,
    data_format: Layout | None = "NDHWC", dilations: Steps = None, name: object = None,
) -> Array:  # fmt: skip
    """Compute a 3-D convolution; see ``npconv.conv3d``."""
    return _output(CONV3D, input, filters, strides, padding, data_format, dilations)


def convolution(
    input: ArrayLike, filters: ArrayLike, strides: Steps = None, padding: Pads = "VALID",
    data_format: Layout | None = None, dilations: Steps = None, name: object = None,
) -> Array:  # fmt: skip
    """Compute a convolution over as many axes as the filters have; see ``npconv.convolution``."""
    return _output(CONVOLUTION, input, filters, strides, padding, data_format, dilations)


def atrous_conv2d(
    value: ArrayLike, filters: ArrayLike, rate: Steps, padding: Pads, name: object = None
) -> Array:
    """Compute a dilated convolution; see ``npconv.atrous_conv2d``."""
    return _output(ATROUS_CONV2D, value, filters, 1, padding, None, rate)


def depthwise_conv2d(
    input: ArrayLike, filter: ArrayLike, strides: Steps, padding: Pads,
    data_format: Layout | None = None, dilations: Steps = None, name: object = None,
) -> Array:  # fmt: skip
    """Convolve each channel by itself; see ``npconv.depthwise_conv2d``."""
    return _output(DEPTHWISE_CONV2D, input, filter, strides, padding, data_format, dilations)


def separable_conv2d(
    input: ArrayLike, depthwise_filter: ArrayLike, pointwise_filter: ArrayLike, strides: Steps,
    padding: Pads, data_format: Layout | None = None, dilations: Steps = None, name: object = None,
) -> Array:  # fmt: skip
    """Convolve each channel, round, then mix them; see ``npconv.separable_conv2d``."""
    images, taps, points = read_alike(
        input=input, depthwise_filter=depthwise_filter, pointwise_filter=pointwise_filter
    )
    apart = _output(SEPARABLE_CONV2D, images, taps, strides, padding, data_format, dilations)
    return _output(POINTWISE, apart, points, 1, "VALID", data_format, 1)
