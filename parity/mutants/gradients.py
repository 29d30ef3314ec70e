"""Faults of transposes and of gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from parity.model.call import Call
from parity.model.case import Array
from parity.mutants import arithmetic, dimensions, filters, geometry
from parity.mutants.book import Axis, Steps
from parity.mutants.family import RIGHT, Layer, Named, Windows
from parity.mutants.mutant import misread, slip
from parity.mutants.padding import edge_padding, leftover


@misread("pixels", "conv2d_transpose", "conv1d_transpose", "conv3d_backprop_input")
def phase_mirrored(axis: Axis) -> Array:
    """The phases of the stride, from which a gradient is put together, come in the other order."""
    pixels = RIGHT.pixels(axis)
    mirrored: Array = pixels // axis.stride * axis.stride + -pixels % axis.stride
    return mirrored


@misread("pixels", "conv2d_backprop_input", "conv3d_transpose", "depthwise_conv2d_backprop_filter")
def cropped_by_one_less(axis: Axis) -> Array:
    """Of the zeros before the first pixel one less is cut off."""
    return RIGHT.pixels(axis) + (axis.before > 0)


@misread("taps", "conv2d_transpose", "conv3d_transpose", "depthwise_conv2d_backprop_input")
def taps_not_reversed(filters: Array, layer: Layer) -> Array:
    """A transpose is computed as a correlation with taps that are not reversed."""
    return np.flip(filters, tuple(range(filters.ndim - 2)))


@misread("outcome", "conv2d_backprop_filter", "depthwise_conv2d_backprop_filter")
def taps_reversed(result: Array, layer: Layer) -> Array:
    """The gradient of the filters has its taps reversed."""
    return np.flip(result, tuple(range(result.ndim - 2)))


@slip("outcome", "conv2d_transpose", "conv1d_transpose", "depthwise_conv2d_backprop_input")
def unreached_left(result: Array, layer: Layer) -> Array:
    """Pixels that no tap reaches are never written."""
    for place, axis in enumerate(layer.axes, 1):
        unseen = ~np.isin(np.arange(axis.size), RIGHT.pixels(axis))
        result[(slice(None),) * place + (unseen,)] = leftover((1,), result.dtype)
    return result


@misread("added", "conv2d_transpose", "conv3d_transpose", "atrous_conv2d_transpose")
def overlaps_lost(total: Array, places: tuple[Any, ...], windows: Array) -> None:
    """Where windows overlap only one of them is added, as by total[places] += windows."""
    total[places] += windows


@slip("windows", "conv2d_transpose", "conv1d_transpose", "conv3d_backprop_input")
def smallest_of_sizes(windows: Windows) -> tuple[Axis, ...]:
    """Of the sizes that a stride leaves open the smallest is taken, whatever is asked for."""
    return _resized(windows, lambda axis: range(axis.size))


@slip("windows", "conv2d_transpose", "conv3d_transpose", "depthwise_conv2d_backprop_input")
def largest_of_sizes(windows: Windows) -> tuple[Axis, ...]:
    """Of the sizes that a stride leaves open the largest is taken, whatever is asked for."""
    return _resized(windows, lambda axis: range(axis.size + axis.stride, axis.size, -1))


def _resized(windows: Windows, sizes: Callable[[Axis], range]) -> tuple[Axis, ...]:
    """Return each axis with the first of the sizes that has as many outputs, if any has."""
    found = []
    for axis, pads in zip(RIGHT.windows(windows), windows.pads, strict=True):
        others = (RIGHT.axis(size, *axis[1:4], pads) for size in sizes(axis))
        found.append(next((one for one in others if one.outputs == axis.outputs), axis))
    return tuple(found)


@misread("grouped", "conv2d_transpose", "conv2d_backprop_filter", "conv3d_backprop_input", groups=2)
def first_of_groups(images: Array, layer: Layer) -> Array:
    """The first group stands for all of them."""
    groups = RIGHT.grouped(images, layer)
    return np.broadcast_to(groups[:1], groups.shape)


@misread("grouped", "conv2d_backprop_input", "conv3d_backprop_filter", "conv1d_transpose", groups=2)
def groups_interleaved(images: Array, layer: Layer) -> Array:
    """Of g groups each has every g-th channel and every g-th filter."""
    return np.moveaxis(images.reshape(*images.shape[:-1], -1, layer.groups), -1, 0)


@misread(
    "pixels",
    "depthwise_conv2d_backprop_filter",
    "conv3d_transpose",
    "conv2d_backprop_input",
    dilation=2,
)
def dilation_forgotten(axis: Axis) -> Array:
    """A gradient ignores the dilation, as TensorFlow's of depthwise convolutions do."""
    return RIGHT.pixels(axis._replace(dilation=1))


@misread("pixels", "conv2d_backprop_filter", "conv3d_backprop_filter")
def steps_not_exchanged(axis: Axis) -> Array:
    """Sliding the gradient over the images, strides and dilations do not change places."""
    return RIGHT.pixels(axis._replace(stride=axis.dilation, dilation=axis.stride))


@slip("pixels", "conv2d_backprop_filter", "depthwise_conv2d_backprop_filter")
def cut_at_the_start(axis: Axis) -> Array:
    """Where the image goes on behind the last window, taps are cut from the wrong end."""
    last = RIGHT.reach(axis.kernel, axis.dilation) + (axis.outputs - 1) * axis.stride
    spare = max(0, axis.size + axis.before - last)
    return RIGHT.pixels(axis) + spare // axis.dilation * axis.dilation


@slip("upstream", "conv2d_backprop_filter", "depthwise_conv2d_backprop_filter", batch=2)
def first_image_only(upstream: Array, layer: Layer) -> Array:
    """The gradient of the filters is that of the first image."""
    upstream[1:] = 0
    return upstream


@misread("outcome", "conv2d_backprop_filter", "conv3d_backprop_filter", batch=2)
def averaged_over_batch(result: Array, layer: Layer) -> Array:
    """The gradient of the filters is divided by the number of images."""
    return np.divide(result, layer.batch).astype(result.dtype)


@slip(
    "input_gradient", "conv2d_transpose", "depthwise_conv2d_backprop_input", kind="special", seed=1
)
def zeros_stuffed(upstream: Array, filters: Array, layer: Layer) -> Array:
    """Zeros are put between outputs and multiplied: an infinite tap makes its channel NaN."""
    result = RIGHT.input_gradient(upstream, filters, layer)
    if result.dtype.kind == "f" and max(axis.stride for axis in layer.axes) > 1:
        strange = ~np.isfinite(RIGHT.weights(filters, layer)).all(2)  # (G, taps * C / G)
        result[..., strange.reshape(layer.groups, -1, layer.depth).any(1).ravel()] = np.nan
    return result


@slip("nothing", "conv2d_backprop_filter", "depthwise_conv2d_backprop_filter", batch=0)
def empty_sums_left(shape: Steps, dtype: np.dtype[Any]) -> Array:
    """The sums over no products are never written."""
    return leftover(shape, dtype)


@slip("taken", "conv2d_backprop_filter", "depthwise_conv2d_backprop_input")
def upstream_overwritten(call: Named) -> Named:
    """The gradient that is given serves as scratch: its first channel is left changed."""
    values = call["out_backprop"]
    kept = values.copy()
    if values.flags.writeable:
        values[..., :1] = 0
    return {**call, "out_backprop": kept}


@slip("rounded", "conv2d_backprop_filter", "conv1d_transpose", dtype="float16")
def halves_left_wide(sums: Array, dtype: np.dtype[Any]) -> Array:
    """Halves come back as the float32 in which they were summed."""
    return sums if dtype.itemsize == 2 else RIGHT.rounded(sums, dtype)


@slip("accumulator", "conv2d_transpose", "conv3d_backprop_input", dtype="float16", kind="bounded")
def halves_met_in_halves(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """What meets on a pixel in float16 is summed in float16."""
    return dtype if dtype == np.float16 else RIGHT.accumulator(dtype)


_MIXED = {
    "input": ((1, 2, 2, 1), "float64"),
    "filters": ((1, 1, 1, 1), "float32"),
    "output_shape": [1, 2, 2, 1],
    "strides": 1,
}


@slip("deciding", Call(_MIXED, operation="conv2d_transpose"))
def input_decides(one: Array, other: Array) -> Array:
    """The input decides on the dtype of the result, not the filters."""
    return one


# What goes wrong in a convolution and in its gradients alike.
_BOTH = "conv2d_transpose", "conv2d_backprop_filter"
slip("same_before", *_BOTH, "conv3d_transpose", padding="SAME")(geometry.same_lower)
slip("pads", *_BOTH)(geometry.bottom_for_top)
slip("pads", "conv2d_backprop_input")(geometry.right_for_left)
slip("pixels", "conv2d_transpose", "depthwise_conv2d_backprop_filter")(edge_padding)
slip("taps", "conv2d_transpose", "conv2d_backprop_input")(filters.hwio_as_hwoi)
slip("channels_last", *_BOTH, data_format="NCHW")(dimensions.nchw_input_reshaped)
slip("as_asked", "conv2d_backprop_input", data_format="NCHW")(dimensions.nchw_result_reshaped)
slip("multiplied", *_BOTH, dtype="int32", kind="bounded")(arithmetic.int32_by_single)
slip("accumulator", *_BOTH, dtype="float64", kind="bounded")(arithmetic.double_by_single)
slip("rounded", "conv2d_transpose", dtype="float16", kind="bounded")(arithmetic.rounded_twice)
slip("rounded", "conv2d_backprop_input", kind="special", seed=1)(arithmetic.nan_swallowed)
