"""Faults of depthwise, separable and dilated convolutions, and of those of one and three axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from parity.model.case import DTYPES, Array
from parity.mutants.arithmetic import bfloat_truncated, single_by_bfloat
from parity.mutants.book import Axis, Pads, Steps
from parity.mutants.family import RIGHT, Family, Layer, Windows
from parity.mutants.filters import square_kernel_transposed
from parity.mutants.geometry import (
    ceil_for_floor,
    same_forgets_dilation,
    same_lower,
    strides_swapped,
)
from parity.mutants.mutant import misread, slip
from parity.mutants.padding import edge_padding


@misread("outcome", "depthwise_conv2d float32 NHWC 1x1x1x2 w1x1x2x2 s1,1 d1,1 VALID distinct:0")
def multiplier_first(result: Array, layer: Layer) -> Array:
    """Output channels lie in the order multiplier, channel."""
    apart = result.reshape(*result.shape[:-1], layer.channels, -1)
    return apart.swapaxes(-1, -2).reshape(result.shape)


@misread("ordinary", "depthwise_conv2d float32 NHWC 1x1x1x2 w1x1x2x2 s1,1 d1,1 VALID distinct:0", "depthwise_conv2d_backprop_input float32 NHWC 1x1x1x2 w1x1x2x2 s1,1 d1,1 VALID distinct:0", "separable_conv2d float32 NHWC 1x1x1x2 w1x1x2x2 p4x2 s1,1 d1,1 VALID distinct:0")
def filters_multiplier_first(filters: Array) -> Array:
    """Depthwise filters are read in the order multiplier, channel."""
    return RIGHT.ordinary(filters.swapaxes(-1, -2))


@misread("as_depthwise", "depthwise_conv2d_backprop_filter float32 NHWC 1x1x1x2 w1x1x2x2 s1,1 d1,1 VALID distinct:0")
def gradient_multiplier_first(gradient: Array, shape: Steps) -> Array:
    """The gradient of depthwise filters lies in the order multiplier, channel."""
    *kernel, channels, multiplier = shape
    return gradient.reshape(*kernel, multiplier, channels).swapaxes(-1, -2)


@misread("ordinary", "separable_conv2d float32 NHWC 1x1x1x1 w1x1x1x2 p2x2 s1,1 d1,1 VALID distinct:0", "depthwise_conv2d_backprop_input float32 NHWC 1x1x1x1 w1x1x1x2 s1,1 d1,1 VALID distinct:0")
def multiplier_lost(filters: Array) -> Array:
    """The first filter of a channel stands for all of them."""
    return RIGHT.ordinary(np.broadcast_to(filters[..., :1], filters.shape))


@misread("windows", "depthwise_conv2d float32 NHWC 1x1x1x1 w1x1x1x1 s3,1 d3,1 4,2,0,0 distinct:0", "separable_conv2d float32 NHWC 1x1x1x1 w1x1x1x1 p1x1 s3,1 d3,1 4,2,0,0 distinct:0")
def strided_and_dilated_plainly(windows: Windows) -> tuple[Axis, ...]:
    """Dilated, strided depthwise windows lie as those of conv2d, not as TensorFlow's."""
    return RIGHT.windows(windows._replace(interleaved=False))


@misread("pointwise", "separable_conv2d float32 NHWC 1x1x1x1 w1x1x1x2 p2x2 s1,1 d1,1 VALID distinct:0")
def pointwise_transposed(middle: Array, filters: Array) -> Array:
    """The pointwise filters' last two dimensions are read in the other order."""
    turned = filters.reshape(*filters.shape[:2], filters.shape[3], -1).swapaxes(2, 3)
    return Family("separable_conv2d").pointwise(middle, turned)


@slip("between", "separable_conv2d float16 NHWC 1x1x1x1 w1x1x1x1 p1x1 s1,1 d1,1 VALID bounded:0")
def middle_by_bfloat(middle: Array) -> Array:
    """Between depthwise and pointwise filters halves are bfloat16."""
    return middle.astype(DTYPES["bfloat16"]).astype(middle.dtype)


@misread("windows", "atrous_conv2d float32 NHWC 1x1x2x1 w1x1x1x1 s1,1 d1,2 VALID distinct:0")
def rate_as_stride(windows: Windows) -> tuple[Axis, ...]:
    """The rate is taken for a stride."""
    return RIGHT.windows(windows._replace(strides=windows.dilations, dilations=windows.strides))


@slip("outcome", "atrous_conv2d_transpose float32 NHWC 1x2x1x1 w1x1x1x1 s1,1 d3,1 VALID distinct:0")
def atrous_late(result: Array, layer: Layer) -> Array:
    """Where the rate does not divide the rows, they begin one too late."""
    rows = layer.axes[0]
    return np.roll(result, 1, 1) if rows.size % rows.dilation else result


@misread("axis", "conv3d float32 NDHWC 1x3x1x1x1 w1x1x1x1x1 s3,1,1 d1,1,1 SAME distinct:0", "convolution float32 NHWC 1x1x6x1 w1x1x1x1 s1,3 d1,1 SAME distinct:0")
def same_late(size: int, kernel: int, stride: int, dilation: int, pads: Pads) -> Axis:
    """SAME with pixels to spare starts late, as TensorFlow's conv3d does."""
    axis = RIGHT.axis(size, kernel, stride, dilation, pads)
    spare = size - (axis.outputs - 1) * stride - RIGHT.reach(kernel, dilation)
    return axis._replace(before=-(spare // 2)) if pads == "SAME" and spare > 1 else axis


@misread("same_before", "conv1d float32 NWC 1x1x1 w2x1x1 s1 d1 SAME distinct:0", "convolution float32 NHWC 1x1x1x1 w1x2x1x1 s1,1 d1,1 SAME distinct:0")
def causal(pads: int) -> int:
    """All zeros of SAME come before the first pixel, as causal padding has them."""
    return pads


@misread("windows", "conv3d float32 NDHWC 1x1x1x1x1 w1x1x1x1x1 s1,1,2 d1,1,1 0,0,0,0,0,1 distinct:0", "conv3d_backprop_filter float32 NDHWC 1x3x1x1x1 w2x1x1x1x1 s1,1,2 d1,1,1 VALID distinct:0")
def depth_for_width(windows: Windows) -> tuple[Axis, ...]:
    """The strides of depth and width change places."""
    return RIGHT.windows(windows._replace(strides=windows.strides[::-1]))


@misread("taps", "conv3d float32 NDHWC 1x2x1x1x1 w2x1x2x1x1 s2,1,1 d1,1,1 SAME distinct:0", "conv3d_transpose float32 NDHWC 1x2x1x1x1 w2x1x2x1x1 s2,1,1 d1,1,1 SAME distinct:0")
def cube_turned(filters: Array, layer: Layer) -> Array:
    """Depth and width of filters that are as deep as wide change places."""
    return filters.swapaxes(0, 2) if filters.shape[0] == filters.shape[2] else filters


@misread("windows", "conv3d float32 NDHWC 1x1x1x1x1 w1x1x1x1x1 s1,1,2 d1,1,1 0,0,0,0,0,1 distinct:0", "convolution float32 NHWC 1x1x2x1 w1x1x1x1 s2,1 d1,1 VALID distinct:0")
def stride_of_first_axis(windows: Windows) -> tuple[Axis, ...]:
    """The stride of the first axis is that of all."""
    return RIGHT.windows(windows._replace(strides=windows.strides[:1] * len(windows.strides)))


@misread("windows", "conv3d float32 NDHWC 1x1x2x3x1 w1x2x2x1x1 s1,1,1 d1,1,2 VALID distinct:0", "atrous_conv2d float32 NHWC 1x1x1x1 w1x4x1x1 s1,1 d2,1 SAME distinct:0")
def dilation_of_first_axis(windows: Windows) -> tuple[Axis, ...]:
    """The dilation of the first axis is that of all."""
    dilations = windows.dilations[:1] * len(windows.dilations)
    return RIGHT.windows(windows._replace(dilations=dilations))


@slip("patches", "conv3d float32 NDHWC 1x2x1x1x1 w2x1x1x1x1 s1,1,1 d1,1,1 VALID distinct:0")
def last_plane_unread(images: Array, layer: Layer) -> Array:
    """The last plane of an image of several is read as zeros."""
    images[:, 1:][:, -1:] = 0
    return RIGHT.patches(images, layer)


slip("same_before", "conv3d float32 NDHWC 1x1x1x1x1 w2x1x1x1x1 s1,1,1 d1,1,1 SAME distinct:0")(same_lower)
slip("same_pads", "atrous_conv2d float32 NHWC 1x1x1x1 w2x1x1x1 s1,1 d2,1 SAME distinct:0", "depthwise_conv2d float32 NHWC 1x1x1x1 w1x2x1x1 s1,1 d1,2 SAME distinct:0")(same_forgets_dilation)
slip("fitting", "conv1d float32 NWC 1x1x1 w1x1x1 s3 d1 1,3 distinct:0", "conv3d float32 NDHWC 1x1x1x1x1 w1x1x1x1x1 s1,1,3 d1,1,1 0,0,0,0,1,3 distinct:0")(ceil_for_floor)
slip("pixels", "conv3d float32 NDHWC 1x1x1x1x1 w1x1x1x1x1 s1,1,2 d1,1,1 0,0,0,0,0,2 distinct:0")(edge_padding)
slip("rounded", "conv3d bfloat16 NDHWC 1x1x1x1x1 w1x1x1x1x1 s1,1,1 d1,1,1 VALID bounded:0", "depthwise_conv2d bfloat16 NHWC 1x1x1x1 w1x1x1x1 s1,1 d1,1 VALID bounded:0")(bfloat_truncated)
slip("multiplied", "conv1d float32 NWC 1x1x1 w1x1x1 s1 d1 VALID bounded:0")(single_by_bfloat)
slip("taps", "atrous_conv2d float32 NHWC 1x1x2x1 w3x3x1x1 s1,1 d1,1 SAME distinct:0", "depthwise_conv2d float32 NHWC 1x1x1x1 w3x3x1x1 s1,1 d1,1 0,2,1,1 distinct:0", "convolution float32 NHWC 1x1x2x1 w3x3x1x1 s1,1 d1,1 SAME distinct:0")(square_kernel_transposed)
slip("strides", "depthwise_conv2d float32 NHWC 1x1x1x1 w3x1x1x1 s1,2 d1,1 0,2,0,1 distinct:0")(strides_swapped)
