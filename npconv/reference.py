"""The slow, obviously right convolutions: naive loops that share no code with the engine.

One loop says which pixel meets which taps for which outputs; an output, a gradient by the images
and one by the filters are three sums over it. Each function is that of the same name in ``npconv``,
with its arguments but `out`, and its results and errors. Sums are in the order of the loop, in
float32 for float16 and bfloat16, modulo 2**32 for int32, otherwise in the dtype itself.

>>> import numpy as np
>>> from npconv import reference
>>> image, box = np.arange(9, dtype=np.int32).reshape(1, 3, 3, 1), np.ones((2, 2, 1, 1), np.int32)
>>> reference.conv2d(image, box, strides=1, padding="VALID")[0, :, :, 0]
array([[ 8, 12],
       [20, 24]], dtype=int32)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from inspect import signature
from typing import Any, TypeVar

import numpy as np

from npconv import _backprop, _conv2d, _depthwise, _forward, _transpose
from npconv._arguments import read_alike, read_arrays
from npconv._attributes import Array, Shape, read_attributes
from npconv._checking import check_call
from npconv._operation import OPERATIONS, POINTWISE, Operation

__all__ = [*OPERATIONS]

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
def _computed(operation: Operation, given: Mapping[str, Any]) -> Array:
    """Compute what an operation gives of its arguments by their names."""
    known = read_arrays(operation, given)
    first, second = ((one.shape, one.dtype) for one in known)
    dtype, _, shape, layout = check_call(operation, given, first, second)
    gives, rank, result = operation.gives, len(layout), np.zeros(shape, dtype)
    if not all(array.size for array in (result, *known)):
        return result
    others = (name for name in ("input", "filters", "output") if name != gives)
    arrays = {gives: result, **dict(zip(others, known, strict=True))}
    if not layout.endswith("C"):
        for name in ("input", "output"):
            arrays[name] = np.moveaxis(arrays[name], 1 - rank, -1)
    sums = np.float32 if dtype.itemsize == 2 else dtype
    x, w, y = (
        arrays[name].reshape(-1, *arrays[name].shape[1 - rank :]).astype(dtype).astype(sums)
        for name in ("input", "filters", "output")
    )
    operation = operation.of(w.shape)
    strides, padding, _, dilations = read_attributes(operation, *operation.attributes(given))
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


def _separable(operation: Operation, given: Mapping[str, Any]) -> Array:
    """Compute a depthwise convolution, round it, and mix its channels."""
    names = "input", "depthwise_filter", "pointwise_filter"
    images, taps, points = read_alike(**{name: given[name] for name in names})
    between = _computed(operation, {**given, "input": images, "depthwise_filter": taps})
    _depthwise.check_pointwise(points.shape)
    mixing = {POINTWISE.input: between, POINTWISE.filters: points, "padding": "VALID"}
    return _computed(POINTWISE, {**mixing, "data_format": given["data_format"]})


def _as(public: F) -> F:
    """Return the naive loops of a public function, called as that but for `out`."""
    operation = OPERATIONS[public.__name__]
    whole = signature(public)
    own = whole.replace(
        parameters=[
            one for one in whole.parameters.values() if one.name not in ("out", "precision")
        ]
    )
    computed = _separable if operation.name == POINTWISE.name else _computed

    def function(*values: Any, **named: Any) -> Array:
        bound = own.bind(*values, **named)
        bound.apply_defaults()
        return computed(operation, bound.arguments)

    function.__name__ = function.__qualname__ = operation.name
    function.__doc__ = f"Compute ``npconv.{operation.name}`` by its definition."
    function.__signature__ = own  # type: ignore[attr-defined]
    return function  # type: ignore[return-value]


conv1d = _as(_forward.conv1d)
conv2d = _as(_conv2d.conv2d)
conv3d = _as(_forward.conv3d)
convolution = _as(_forward.convolution)
atrous_conv2d = _as(_forward.atrous_conv2d)
depthwise_conv2d = _as(_depthwise.depthwise_conv2d)
separable_conv2d = _as(_depthwise.separable_conv2d)
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
