"""The slow, obviously right convolutions: naive loops that share no code with the engine.

One loop says which pixel meets which taps for which outputs; an output, a gradient by the images
and one by the filters are three sums over it. Each function is that of the same name in ``npconv``,
with its arguments but `out`, and its results and errors. Sums are in the order of the loop, in
float32 for float16 and bfloat16, modulo 2**32 for int32, otherwise in the dtype itself.

>>> import numpy as np
>>> from npconv import reference
>>> row, taps = np.array([1.0, 2]).reshape(1, 2, 1), np.array([1.0, 10, 100]).reshape(3, 1, 1)
>>> reference.conv1d_transpose(row, taps, [1, 5, 1], strides=2, padding="VALID").ravel()
array([  1.,  10., 102.,  20., 200.])
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from inspect import signature
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from npconv import _backprop, _depthwise, _forward, _transpose
from npconv._arguments import check, read_alike, read_array
from npconv._attributes import (
    Array,
    Format,
    Pads,
    Shape,
    Steps,
    read_attributes,
)
from npconv._backward import check_gradient
from npconv._operation import CONV2D, OPERATIONS, POINTWISE, SEPARABLE_CONV2D, Operation

__all__ = [
    "atrous_conv2d",
    "atrous_conv2d_transpose",
    "conv1d",
    "conv1d_transpose",
    "conv2d",
    "conv2d_backprop_filter",
    "conv2d_backprop_input",
    "conv2d_transpose",
    "conv3d",
    "conv3d_backprop_filter",
    "conv3d_backprop_input",
    "conv3d_transpose",
    "convolution",
    "depthwise_conv2d",
    "depthwise_conv2d_backprop_filter",
    "depthwise_conv2d_backprop_input",
    "separable_conv2d",
]

F = TypeVar("F", bound=Callable[..., Array])
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
    operation: Operation, attributes: Any, images: Array, filters: Array, outputs: Array
) -> Array:
    """Fill what the operation gives of these three from the two others, and return it."""
    strides, padding, layout, dilations = read_attributes(operation, *attributes)
    arrays, rank = {"input": images, "filters": filters, "output": outputs}, len(layout)
    gives, result = operation.gives, arrays[operation.gives]
    if not all(array.size for array in arrays.values()):
        return result
    if not layout.endswith("C"):
        for name in ("input", "output"):
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
        if gives == "output":
            y[places] += value * w[taps]
        elif gives == "filters":
            w[taps] += value * y[places]
        elif pixel:  # the gradient of the padding is nobody's
            x[pixel] = sum(y[places] * w[taps], value)
    totals = {"input": x, "filters": w, "output": y}[gives]
    arrays[gives][...] = totals.reshape(arrays[gives].shape)
    return result


def _output(operation: Operation, input: Any, filters: Any, *attributes: Any) -> Array:
    images, kernels = _arrays(operation, **{operation.input: input, operation.filters: filters})
    operation = operation.of(kernels.shape)
    arrays = images.shape, images.dtype, kernels.shape, kernels.dtype
    dtype, _, shape, _ = check(operation, *arrays, *attributes)
    return _sum(operation, attributes, images, kernels, np.zeros(shape, dtype))


def _gradient(
    operation: Operation, sizes: Any, known: Any, gradient: Any, *attributes: Any
) -> Array:
    """Compute the gradient by the input from `known` filters, or that by the filters from it."""
    own, outputs = _arrays(operation, **{operation.source: known, operation.gradient: gradient})
    forms = [(one.shape, one.dtype) for one in (own, outputs)]
    dtype, _, shape, _ = check_gradient(operation, sizes, *forms, *attributes)
    result = np.zeros(shape, dtype)
    images, kernels = (result, own) if operation.gives == "input" else (own, result)
    return _sum(operation, attributes, images, kernels, outputs)


def _arrays(operation: Operation, **given: Any) -> list[Array]:
    return read_alike(**given) if operation.alike else [*map(read_array, given, given.values())]


def _as(public: F) -> F:
    """Return the naive loops of a public function, called as that but for `out`."""
    operation = OPERATIONS[public.__name__]
    whole = signature(public)
    own = whole.replace(parameters=[one for one in whole.parameters.values() if one.name != "out"])

    def function(*values: Any, **named: Any) -> Array:
        bound = own.bind(*values, **named)
        bound.apply_defaults()
        given, attributes = bound.arguments, operation.attributes(bound.arguments)
        first, second = given[operation.input], given[operation.filters]
        if operation.gives == "output":
            return _output(operation, first, second, *attributes)
        sizes, known = (first, second) if operation.gives == "input" else (second, first)
        return _gradient(operation, sizes, known, given[operation.gradient], *attributes)

    function.__name__ = function.__qualname__ = operation.name
    function.__doc__ = f"Compute ``npconv.{operation.name}`` by its definition."
    function.__signature__ = own  # type: ignore[attr-defined]
    return function  # type: ignore[return-value]


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


def separable_conv2d(
    input: ArrayLike, depthwise_filter: ArrayLike, pointwise_filter: ArrayLike, strides: Steps,
    padding: Pads, data_format: Format | None = None, dilations: Steps = None, name: object = None,
) -> Array:  # fmt: skip
    """Compute ``npconv.separable_conv2d`` by its definition; what is between is rounded."""
    images, taps, points = read_alike(
        input=input, depthwise_filter=depthwise_filter, pointwise_filter=pointwise_filter
    )
    attributes = strides, padding, data_format, dilations
    apart = _output(SEPARABLE_CONV2D, images, taps, *attributes)
    _depthwise.check_pointwise(points.shape)
    return _output(POINTWISE, apart, points, 1, "VALID", data_format, 1)


conv1d = _as(_forward.conv1d)
conv3d = _as(_forward.conv3d)
convolution = _as(_forward.convolution)
atrous_conv2d = _as(_forward.atrous_conv2d)
depthwise_conv2d = _as(_depthwise.depthwise_conv2d)
conv1d_transpose = _as(_transpose.conv1d_transpose)
conv2d_transpose = _as(_transpose.conv2d_transpose)
conv3d_transpose = _as(_transpose.conv3d_transpose)
atrous_conv2d_transpose = _as(_transpose.atrous_conv2d_transpose)
conv2d_backprop_input = _as(_backprop.conv2d_backprop_input)
conv2d_backprop_filter = _as(_backprop.conv2d_backprop_filter)
depthwise_conv2d_backprop_input = _as(_backprop.depthwise_conv2d_backprop_input)
depthwise_conv2d_backprop_filter = _as(_backprop.depthwise_conv2d_backprop_filter)
conv3d_backprop_input = _as(_backprop.conv3d_backprop_input)
conv3d_backprop_filter = _as(_backprop.conv3d_backprop_filter)
