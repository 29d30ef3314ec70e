"""Faults of transposes and of gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from parity.model.case import Array
from parity.mutants.arithmetic import double_by_single, int32_by_single, nan_swallowed, rounded_twice
from parity.mutants.book import Axis, Pads, Steps
from parity.mutants.family import RIGHT, Call, Layer, Windows
from parity.mutants.geometry import same_lower
from parity.mutants.mutant import misread, slip
from parity.mutants.padding import edge_padding, leftover


@misread("pixels", "conv2d_transpose float32 NHWC 1x1x2x1 w1x2x1x1 s1,3 d1,1 VALID distinct:0", "conv1d_transpose float32 NWC 1x2x1 w2x1x1 s3 d1 VALID distinct:0", "conv3d_backprop_input float32 NDHWC 1x1x1x2x1 w1x1x2x1x1 s1,1,3 d1,1,1 VALID distinct:0")
def phase_mirrored(axis: Axis) -> Array:
    """The phases of the stride, from which a gradient is put together, come in the other order."""
    pixels = RIGHT.pixels(axis)
    return pixels // axis.stride * axis.stride + -pixels % axis.stride


@misread("pixels", "conv2d_backprop_input float32 NHWC 1x1x1x1 w1x1x1x1 s1,2 d1,1 0,0,1,0 distinct:0", "conv3d_transpose float32 NDHWC 1x1x1x1x1 w1x1x1x1x1 s1,1,2 d1,1,1 0,0,0,0,1,0 distinct:0", "depthwise_conv2d_backprop_input float32 NHWC 1x1x1x1 w1x1x1x1 s1,2 d1,1 0,0,1,0 distinct:0")
def phase_of_first_zero(axis: Axis) -> Array:
    """The phases of the stride are counted from the first pixel though zeros lie before it."""
    return RIGHT.pixels(axis) + axis.before % axis.stride


@slip("pixels", "conv2d_transpose float32 NHWC 1x1x1x1 w3x1x1x1 s1,1 d1,1 SAME distinct:0", "conv3d_backprop_input float32 NDHWC 1x1x1x1x1 w1x1x3x1x1 s1,1,1 d1,1,1 SAME distinct:0", "depthwise_conv2d_backprop_filter float32 NHWC 1x1x1x1 w3x1x1x1 s1,1 d1,1 SAME distinct:0")
def cropped_by_one_less(axis: Axis) -> Array:
    """Of the zeros before the first pixel one less is cut off."""
    return RIGHT.pixels(axis) + (axis.before > 0)


@misread("pixels", "conv1d_transpose float32 NWC 1x1x1 w3x1x1 s1 d1 SAME distinct:0", "conv2d_backprop_input float32 NHWC 1x1x1x1 w3x1x1x1 s1,1 d1,1 SAME distinct:0", "atrous_conv2d_transpose float32 NHWC 1x1x1x1 w1x3x1x1 s1,1 d1,1 SAME distinct:0")
def not_cropped(axis: Axis) -> Array:
    """The zeros before the first pixel are not cut off."""
    return RIGHT.pixels(axis._replace(before=0))


@misread("taps", "conv1d_transpose float32 NWC 1x1x1 w2x1x1 s1 d1 SAME distinct:0", "conv3d_transpose float32 NDHWC 1x1x1x1x1 w1x1x4x1x1 s1,1,1 d1,1,1 SAME distinct:0", "conv3d_backprop_input float32 NDHWC 1x1x1x1x1 w1x1x4x1x1 s1,1,1 d1,1,1 SAME distinct:0")
def taps_not_reversed(filters: Array, layer: Layer) -> Array:
    """A transpose is computed as a correlation with taps that are not reversed."""
    return np.flip(filters, tuple(range(filters.ndim - 2)))


@misread("outcome", "conv2d_backprop_filter float32 NHWC 1x1x1x1 w4x1x1x1 s1,1 d1,1 SAME distinct:0", "depthwise_conv2d_backprop_filter float32 NHWC 1x1x1x1 w4x1x1x1 s1,1 d1,1 SAME distinct:0")
def taps_reversed(result: Array, layer: Layer) -> Array:
    """The gradient of the filters has its taps reversed."""
    return np.flip(result, tuple(range(result.ndim - 2)))


@misread("outcome", "conv2d_backprop_filter float32 NHWC 1x1x1x2 w1x1x2x2 s1,1 d1,1 VALID distinct:0", "conv3d_backprop_filter float32 NDHWC 1x2x1x1x2 w2x1x1x2x2 s1,1,1 d1,1,1 VALID distinct:0")
def gradient_hwoi(result: Array, layer: Layer) -> Array:
    """The gradient of the filters has its last two dimensions in the other order."""
    return result.swapaxes(-2, -1).reshape(result.shape)


@slip("outcome", "conv2d_transpose float32 NHWC 1x1x2x1 w1x1x1x1 s1,2 d1,1 VALID distinct:0", "depthwise_conv2d_backprop_input float32 NHWC 1x1x1x1 w1x1x1x1 s1,2 d1,1 0,0,1,0 distinct:0")
def unreached_left(result: Array, layer: Layer) -> Array:
    """Pixels that no tap reaches are never written."""
    for place, axis in enumerate(layer.axes, 1):
        unseen = ~np.isin(np.arange(axis.size), RIGHT.pixels(axis))
        result[(slice(None),) * place + (unseen,)] = leftover((1,), result.dtype)
    return result


@misread("added", "conv2d_transpose float32 NHWC 1x1x2x1 w1x2x1x1 s1,1 d1,1 SAME distinct:0", "conv1d_transpose float32 NWC 1x3x1 w3x1x1 s2 d1 SAME distinct:0", "depthwise_conv2d_backprop_input float32 NHWC 1x1x2x1 w1x2x1x1 s1,1 d1,1 SAME distinct:0")
def overlaps_lost(total: Array, places: tuple[Any, ...], windows: Array) -> None:
    """Where windows overlap only one of them is added: total[places] += windows."""
    total[places] += windows


@slip("windows", "conv2d_transpose float32 NHWC 1x1x2x1 w1x1x1x1 s1,2 d1,1 VALID distinct:0", "conv1d_transpose float32 NWC 1x2x1 w1x1x1 s2 d1 VALID distinct:0")
def smallest_of_sizes(windows: Windows) -> tuple[Axis, ...]:
    """Of the sizes that a stride leaves open the smallest is taken, whatever is asked for."""
    return _resized(windows, lambda size, stride: range(size))


@slip("windows", "conv3d_transpose float32 NDHWC 1x1x1x1x1 w1x1x1x1x1 s1,1,2 d1,1,1 VALID distinct:0", "depthwise_conv2d_backprop_input float32 NHWC 1x1x1x1 w1x1x1x1 s1,3 d1,1 0,0,0,3 distinct:0")
def largest_of_sizes(windows: Windows) -> tuple[Axis, ...]:
    """Of the sizes that a stride leaves open the largest is taken, whatever is asked for."""
    return _resized(windows, lambda size, stride: range(size + stride, size, -1))


def _resized(windows: Windows, sizes: Any) -> tuple[Axis, ...]:
    found = RIGHT.windows(windows)
    return tuple(
        next(
            (other for size in sizes(axis.size, axis.stride) if
             (other := RIGHT.axis(size, *axis[1:4], pads)).outputs == axis.outputs),
            axis,
        )
        for axis, pads in zip(found, windows.pads, strict=True)
    )


@misread("weights", "conv2d_transpose float32 NHWC 1x3x1x2 w3x2x1x2 s1,1 d2,1 0,2,0,1 distinct:0", "conv3d_backprop_input float32 NDHWC 1x1x3x1x2 w1x3x2x1x2 s1,1,1 d1,2,1 0,0,0,2,0,1 distinct:0")
def gradient_by_first_group(filters: Array, layer: Layer) -> Array:
    """Every group is multiplied by the filters of the first."""
    weights = RIGHT.weights(filters, layer)
    return np.broadcast_to(weights[:1], weights.shape)


@misread("patches", "conv2d_backprop_filter float32 NHWC 1x1x1x2 w1x2x1x2 s2,1 d1,1 2,0,0,1 distinct:0", "conv3d_backprop_filter float32 NDHWC 1x1x3x1x2 w1x3x2x1x2 s1,1,1 d1,2,1 0,0,0,2,0,1 distinct:0")
def first_group_seen_by_all(images: Array, layer: Layer) -> Array:
    """The gradients of all filters are taken from the channels of the first group."""
    first = images[..., : layer.depth]
    return RIGHT.patches(np.concatenate([first] * layer.groups, -1), layer)


@misread("grouped", "conv2d_backprop_input float32 NHWC 1x1x1x2 w1x1x1x4 s1,1 d1,1 VALID distinct:0", "conv2d_backprop_filter float32 NHWC 1x1x1x4 w1x2x2x2 s2,1 d1,1 2,0,0,1 distinct:0", "conv1d_transpose float32 NWC 1x1x2 w1x1x4 s1 d1 VALID distinct:0")
def gradient_interleaved(images: Array, layer: Layer) -> Array:
    """Of g groups each has every g-th channel and filter."""
    return np.moveaxis(images.reshape(*images.shape[:-1], -1, layer.groups), -1, 0)


@misread("pixels", "depthwise_conv2d_backprop_input float32 NHWC 1x2x1x1 w2x1x1x1 s1,2 d3,1 0,2,4,0 distinct:0", "depthwise_conv2d_backprop_filter float32 NHWC 1x2x1x1 w2x1x1x1 s1,2 d3,1 0,2,4,0 distinct:0", "conv2d_transpose float32 NHWC 1x2x3x1 w2x2x1x1 s1,1 d1,2 VALID distinct:0")
def dilation_forgotten(axis: Axis) -> Array:
    """A gradient ignores the dilation, as TensorFlow's of depthwise convolutions do."""
    return RIGHT.pixels(axis._replace(dilation=1))


@misread("pixels", "conv2d_backprop_filter float32 NHWC 1x1x1x1 w1x3x1x1 s1,2 d1,1 SAME distinct:0", "conv3d_backprop_filter float32 NDHWC 1x1x1x1x1 w1x3x1x1x1 s1,2,1 d1,1,1 SAME distinct:0")
def steps_not_exchanged(axis: Axis) -> Array:
    """To slide the gradient over the images, strides and dilations do not change places."""
    return RIGHT.pixels(axis._replace(stride=axis.dilation, dilation=axis.stride))


@slip("pixels", "conv2d_backprop_filter float32 NHWC 1x1x2x1 w1x1x1x1 s1,2 d1,1 VALID distinct:0", "conv3d_backprop_filter float32 NDHWC 1x2x1x1x1 w1x1x1x1x1 s2,1,1 d1,1,1 VALID distinct:0")
def cut_at_the_start(axis: Axis) -> Array:
    """Where the image goes on behind the last window, taps are cut from the wrong end."""
    last = RIGHT.reach(axis.kernel, axis.dilation) + (axis.outputs - 1) * axis.stride
    spare = max(0, axis.size + axis.before - last)
    return RIGHT.pixels(axis) + spare // axis.dilation * axis.dilation


@slip("upstream", "conv2d_backprop_filter float32 NHWC 2x1x1x1 w1x1x1x1 s1,1 d1,1 VALID distinct:0", "depthwise_conv2d_backprop_filter float32 NHWC 2x1x1x1 w1x1x1x1 s1,1 d1,1 VALID distinct:0")
def first_image_only(upstream: Array, layer: Layer) -> Array:
    """The gradient of the filters is that of the first image."""
    upstream[1:] = 0
    return upstream


@misread("outcome", "conv2d_backprop_filter float32 NHWC 2x1x1x1 w1x1x1x1 s1,1 d1,1 VALID distinct:0", "conv3d_backprop_filter float32 NDHWC 2x1x1x1x1 w1x1x1x1x1 s1,1,1 d1,1,1 VALID distinct:0")
def averaged_over_batch(result: Array, layer: Layer) -> Array:
    """The gradient of the filters is divided by the number of images."""
    return (result / result.dtype.type(layer.batch)).astype(result.dtype)


@slip("upstream", "conv2d_transpose float32 NHWC 1x3x1x1 w1x1x1x1 s2,1 d1,1 VALID distinct:0", "conv3d_backprop_filter float32 NDHWC 1x2x1x1x1 w1x1x1x1x1 s1,1,1 d1,1,1 VALID distinct:0")
def last_output_unread(upstream: Array, layer: Layer) -> Array:
    """The gradient of the last row is not read where there is more than one."""
    upstream[:, 1:][:, -1:] = 0
    return upstream


@slip("upstream", "conv2d_backprop_filter float32 NHWC 2x1x1x1 w1x1x1x1 s1,1 d1,1 VALID distinct:0")
def images_met_backwards(upstream: Array, layer: Layer) -> Array:
    """Images meet the gradients of the batch in the other order."""
    return upstream[::-1]


@misread("input_gradient", "conv2d_transpose float32 NHWC 1x1x1x1 w4x1x1x1 s1,2 d1,1 SAME special:1492217892", "depthwise_conv2d_backprop_input float32 NHWC 1x1x1x3 w1x1x3x1 s2,1 d1,1 0,2,0,0 special:1839440696")
def zeros_stuffed(upstream: Array, filters: Array, layer: Layer) -> Array:
    """Zeros are put between outputs and multiplied: an infinite tap makes its channel NaN."""
    result = RIGHT.input_gradient(upstream, filters, layer)
    if result.dtype.kind == "f" and max(axis.stride for axis in layer.axes) > 1:
        strange = ~np.isfinite(RIGHT.weights(filters, layer)).all(2)  # (G, taps * C / G)
        result[..., strange.reshape(layer.groups, -1, layer.depth).any(1).ravel()] = np.nan
    return result


@slip("nothing", "conv2d_backprop_filter float32 NHWC 0x1x1x1 w1x1x1x1 s1,1 d1,1 VALID distinct:0", "depthwise_conv2d_backprop_filter float32 NHWC 0x1x1x1 w1x1x1x1 s1,1 d1,1 VALID distinct:0", "conv3d_transpose float32 NDHWC 1x1x1x1x1 w1x2x2x1x0 s1,1,1 d1,1,1 VALID distinct:0")
def empty_sums_left(shape: Steps, dtype: np.dtype[Any]) -> Array:
    """The sums over no products are never written."""
    return leftover(shape, dtype)


@slip("taken", "conv2d_backprop_filter float32 NHWC 1x1x1x1 w1x1x1x1 s1,1 d1,1 VALID distinct:0", "conv3d_backprop_input float32 NDHWC 1x1x1x1x1 w1x1x1x1x1 s1,1,1 d1,1,1 VALID distinct:0")
def upstream_overwritten(call: Call) -> Call:
    """The gradient that is given serves as scratch: its first channel is left changed."""
    values = call["out_backprop"]
    kept = values.copy()
    if values.flags.writeable:
        values[..., :1] = 0
    return {**call, "out_backprop": kept}


@slip("rounded", "conv2d_backprop_filter float16 NHWC 1x1x1x1 w1x1x1x1 s1,1 d1,1 VALID distinct:0", "conv1d_transpose bfloat16 NWC 1x1x1 w1x1x1 s1 d1 VALID distinct:0")
def halves_left_wide(sums: Array, dtype: np.dtype[Any]) -> Array:
    """Halves come back as the float32 in which they were summed."""
    return sums if dtype.itemsize == 2 else RIGHT.rounded(sums, dtype)


@misread("accumulator", "conv2d_backprop_filter float16 NHWC 3x11x9x1 w2x2x1x1 s1,1 d1,1 VALID bounded:997868217", "conv2d_transpose float16 NHWC 1x1x1x1 w3x3x1x1 s1,1 d1,1 0,2,5,3 bounded:0")
def half_sums_of_gradients(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Gradients in float16 are summed in float16."""
    return dtype if dtype == np.float16 else RIGHT.accumulator(dtype)


@misread("pads", "conv2d_transpose float32 NHWC 1x3x1x1 w4x1x1x1 s1,1 d1,1 1,0,0,0 distinct:0", "conv2d_backprop_filter float32 NHWC 1x3x1x1 w4x1x1x1 s1,1 d1,1 1,0,0,0 distinct:0")
def pads_turned(value: Any, layout: str) -> tuple[Pads, ...]:
    """Of each pair in a list of pads the first comes after the last pixel."""
    pads = RIGHT.pads(value, layout)
    return pads if isinstance(value, str) else tuple(pad[::-1] for pad in pads)


@misread("channels_last", "conv2d_transpose float32 NCHW 1x1x1x1 w1x1x1x1 s2,1 d1,1 2,0,0,1 distinct:0", "conv3d_backprop_filter float32 NCDHW 1x1x2x1x2 w1x1x1x1x1 s2,1,1 d1,1,1 VALID distinct:0")
def channels_first_mixed(images: Array, layout: str) -> Array:
    """Channels first are turned by letting them change places with the last axis."""
    right = RIGHT.channels_last(images, layout)
    return images.swapaxes(1, -1).reshape(right.shape) if layout == "NCHW" else right


@misread("channels_last", "conv2d_backprop_filter float32 NCHW 1x1x1x2 w1x1x1x2 s1,1 d1,1 VALID distinct:0", "depthwise_conv2d_backprop_input float32 NCHW 1x1x1x2 w1x1x1x2 s1,1 d1,1 VALID distinct:0")
def channels_first_reshaped(images: Array, layout: str) -> Array:
    """Channels first are reshaped to channels last, not transposed."""
    return images.reshape(RIGHT.channels_last(images, layout).shape)


@misread("as_asked", "conv2d_backprop_input float32 NCHW 1x2x2x1 w1x1x2x1 s1,1 d1,1 VALID distinct:0", "conv1d_transpose float32 NCW 1x2x2 w1x2x1 s1 d1 VALID distinct:0")
def gradient_reshaped(result: Array, layout: str) -> Array:
    """A gradient with channels last is reshaped to channels first, not transposed."""
    return result.reshape(RIGHT.as_asked(result, layout).shape)


@misread("taps", "conv2d_transpose float32 NHWC 1x1x1x2 w1x1x2x2 s1,1 d1,1 VALID distinct:0", "conv3d_transpose float32 NDHWC 1x1x1x1x2 w1x1x1x2x2 s1,1,1 d1,1,1 VALID distinct:0", "conv1d_transpose float32 NWC 1x1x2 w1x2x2 s1 d1 VALID distinct:0")
def transpose_hwio(filters: Array, layer: Layer) -> Array:
    """A transpose's filters are read as (*kernel, in, out), as those of a convolution."""
    *kernel, depth, filters_ = filters.shape
    return filters.reshape(*kernel, filters_, depth).swapaxes(-1, -2)


slip("same_before", "conv2d_transpose float32 NHWC 1x1x1x1 w4x1x1x1 s1,1 d1,1 SAME distinct:0", "conv2d_backprop_filter float32 NHWC 1x1x1x1 w4x1x1x1 s1,1 d1,1 SAME distinct:0", "conv3d_transpose float32 NDHWC 1x1x1x1x1 w1x1x4x1x1 s1,1,1 d1,1,1 SAME distinct:0")(same_lower)
slip("pixels", "conv2d_transpose float32 NHWC 1x1x1x1 w1x2x1x1 s1,1 d1,1 SAME distinct:0", "depthwise_conv2d_backprop_filter float32 NHWC 1x1x1x1 w1x1x1x1 s1,2 d1,1 0,0,0,2 distinct:0")(edge_padding)
slip("multiplied", "conv2d_transpose int32 NHWC 1x1x1x1 w1x1x1x1 s1,1 d1,1 VALID bounded:0", "conv2d_backprop_filter int32 NHWC 1x1x1x1 w1x1x1x1 s1,1 d1,1 VALID bounded:0")(int32_by_single)
slip("accumulator", "conv2d_backprop_filter float64 NHWC 1x1x1x1 w1x1x1x1 s1,1 d1,1 VALID bounded:0", "conv3d_transpose float64 NDHWC 1x1x1x1x1 w1x1x1x1x1 s1,1,1 d1,1,1 VALID bounded:0")(double_by_single)
slip("rounded", "conv2d_transpose float16 NHWC 1x1x1x1 w1x1x1x1 s1,1 d1,1 VALID bounded:0")(rounded_twice)
slip("rounded", "conv3d_backprop_input float32 NDHWC 2x2x1x1x1 w1x1x1x1x1 s1,1,1 d1,1,1 VALID special:1517305008")(nan_swallowed)
