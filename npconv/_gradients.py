"""Gradients of a convolution, by the engine that computes convolutions.

The gradient by the images is, at every stride-th pixel, a convolution of its own, or the products
of all outputs with all taps, added up where they meet. The gradient by the filters is the patches
matrix, transposed, times the gradient by the outputs.
"""

from __future__ import annotations

from math import prod

import numpy as np

from npconv._engine.multiply import right_multiply
from npconv._engine.scratch import Array
from npconv._geometry import Axis, Geometry
from npconv._phases import Part, by_stride

_FEW = 8  # channels: the engine has its own ways
_RUN = 20  # elements that NumPy adds while it begins another run of channels
_PRODUCTS = 8 << 20  # bytes of products that wait to be added up, if one tap of an image needs less


def input_gradient(gradient: Array, filters: Array, geometry: Geometry, out: Array) -> None:
    """Write the gradient by the images, (N, *sizes, C), to `out`.

    `gradient` is the one by the outputs, (N, *outputs, OC), `filters` are (*kernel, C / groups,
    groups, OC / groups), all of any strides. Padding takes no part: no tap is multiplied by it.
    """
    geometry = folded(geometry)
    sizes = (axis.size for axis in geometry.axes)
    result = out.reshape(len(out), *sizes, geometry.in_channels)
    filters = filters.reshape(
        *geometry.kernel, geometry.filter_channels, geometry.groups, filters.shape[-1]
    )
    _write(gradient, filters, geometry, result)
    if not np.may_share_memory(result, out):  # columns of channels first cannot be folded in place
        out[...] = result.reshape(out.shape)


def _write(gradient: Array, filters: Array, geometry: Geometry, out: Array) -> None:
    """Write the gradient by the way that moves less in memory."""
    parts = by_stride(geometry)
    if sums_are_less(geometry, len(out), parts):
        _add_up(gradient, filters, geometry, out)
        return
    if sum(prod(part.geometry.outputs) for part in parts) != prod(out.shape[1:-1]):
        out[...] = 0
    for part in parts:
        _convolve(gradient, filters, part, out)
    axes = (axis for part in parts for axis in part.geometry.axes)
    padded = any(axis.before or axis.after for axis in axes)
    if padded and not _finite(min(filters, out, key=np.size)):
        _add_up(gradient, filters, geometry, out)


def folded(geometry: Geometry) -> Geometry:
    """Take columns that belong to one output alone for channels: a phase instead of many.

    >>> axis = Axis.resolve(8, 2, 2, 1, "VALID")
    >>> folded(Geometry((axis, axis), 3, 3, 5)).axes[1].size
    4
    """
    *axes, (size, kernel, stride, dilation, before, _, outputs) = geometry.axes
    alone = kernel == stride > dilation == 1 and not before and size == outputs * stride
    if not alone or geometry.groups > 1:
        return geometry
    axes.append(Axis(outputs, 1, 1, 1, 0, 0, outputs))
    channels = stride * geometry.in_channels
    return Geometry(tuple(axes), channels, channels, geometry.out_channels)


def sums_are_less(geometry: Geometry, batch: int, parts: list[Part]) -> bool:
    """Say whether adding up products moves less in memory than convolving phases.

    That is, for each tap of an output, its products by all channels, or the filters that are
    transposed and the channels of patches.
    """
    inputs, outputs = geometry.in_channels, geometry.out_channels
    moved = inputs * outputs / (batch * prod(geometry.outputs))
    if inputs > _FEW and any(prod(part.geometry.kernel) > 1 for part in parts):
        moved += outputs
    return geometry.groups == 1 and _RUN + 2 * inputs < moved


def _finite(array: Array) -> bool:
    return bool(np.isfinite(array.min()) and np.isfinite(array.max()))


def _convolve(gradient: Array, filters: Array, part: Part, out: Array) -> None:
    """Write the pixels of a part."""
    own = filters[part.taps][(slice(None, None, -1),) * len(part.taps)]
    # (taps, C / groups, groups, OC / groups) -> (taps, OC / groups, groups, C / groups)
    weights = own.swapaxes(-3, -1).reshape(-1, out.shape[-1])
    right_multiply(gradient[part.source], weights, part.geometry, out[part.target])


def _add_up(gradient: Array, filters: Array, geometry: Geometry, out: Array) -> None:
    """Multiply outputs by all taps, and add the products to the pixels that these meet."""
    groups, inputs, channels = geometry.groups, geometry.filter_channels, geometry.out_channels
    sums = np.dtype(np.float32) if out.dtype.itemsize == 2 else out.dtype
    taps = list(np.ndindex(*geometry.kernel))
    # (taps, C / groups, groups, OC / groups) -> (OC / groups, groups, taps, C / groups)
    weights = filters.reshape(len(taps), inputs, groups, -1).transpose(3, 2, 0, 1)
    every = slice(None)
    whole = [(0, count) for count in geometry.outputs]
    points = tuple(Axis(count, 1, 1, 1, 0, 0, count) for count in geometry.outputs)
    row = prod(geometry.outputs) * geometry.in_channels * sums.itemsize
    images = max(1, _PRODUCTS // (row * len(taps)))
    some = max(1, _PRODUCTS // row)
    for n in range(0, len(out), images):
        y, target = gradient[n : n + images], out[n : n + images]
        total = target if target.dtype == sums else np.empty(target.shape, sums)
        total[...] = 0
        split = total.reshape(*total.shape[:-1], groups, inputs)
        for k in range(0, len(taps), some):
            own = weights[:, :, k : k + some]
            shape = (*y.shape[:-1], *own.shape[1:])
            products = np.empty(shape, sums)
            flat = own.reshape(len(own), -1)
            pointwise = Geometry(points, channels, channels // groups, flat.shape[1])
            right_multiply(y, flat, pointwise, products.reshape(*y.shape[:-1], -1))
            for number, tap in enumerate(taps[k : k + some]):
                of, at = zip(*map(Axis.meeting, geometry.axes, whole, tap), strict=True)
                if all(one.start < one.stop for one in of):
                    split[(every, *at)] += products[(every, *of, every, number)]
        if total is not target:
            np.copyto(target, total, casting="unsafe")
