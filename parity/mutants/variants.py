"""Faults of depthwise, separable and dilated convolutions, and of those of one and three axes."""

from __future__ import annotations

import numpy as np

from parity.model.case import DTYPES, Array
from parity.mutants import arithmetic, geometry
from parity.mutants.book import Axis, Pads, Steps
from parity.mutants.family import RIGHT, Family, Layer, Windows
from parity.mutants.filters import square_kernel_transposed
from parity.mutants.mutant import misread, slip
from parity.mutants.padding import edge_padding


@misread("outcome", "depthwise_conv2d")
def multiplier_first(result: Array, layer: Layer) -> Array:
    """Output channels lie in the order multiplier, channel."""
    apart = result.reshape(*result.shape[:-1], layer.channels, -1)
    return apart.swapaxes(-1, -2).reshape(result.shape)


@misread("ordinary", "depthwise_conv2d", "depthwise_conv2d_backprop_input", "separable_conv2d")
def filters_multiplier_first(filters: Array) -> Array:
    """Depthwise filters are read in the order multiplier, channel."""
    return RIGHT.ordinary(filters.swapaxes(-1, -2))


@misread("as_depthwise", "depthwise_conv2d_backprop_filter")
def gradient_multiplier_first(gradient: Array, shape: Steps) -> Array:
    """The gradient of depthwise filters lies in the order multiplier, channel."""
    *kernel, channels, multiplier = shape
    return gradient.reshape(*kernel, multiplier, channels).swapaxes(-1, -2)


@misread("ordinary", "separable_conv2d", "depthwise_conv2d_backprop_input")
def multiplier_dropped(filters: Array) -> Array:
    """The first filter of a channel stands for all of them."""
    return RIGHT.ordinary(np.broadcast_to(filters[..., :1], filters.shape))


@misread("windows", "depthwise_conv2d", "separable_conv2d", dilation=2)
def strided_and_dilated_plainly(windows: Windows) -> tuple[Axis, ...]:
    """Dilated, strided depthwise windows lie as those of conv2d, not as TensorFlow's."""
    return RIGHT.windows(windows._replace(interleaved=False))


@misread("pointwise", "separable_conv2d")
def pointwise_transposed(middle: Array, filters: Array) -> Array:
    """The pointwise filters' last two dimensions are read in the other order."""
    turned = filters.reshape(1, 1, filters.shape[3], -1).swapaxes(2, 3)
    return Family("separable_conv2d").pointwise(middle, turned)


@slip("between", "separable_conv2d", dtype="float16", kind="bounded")
def middle_by_bfloat(middle: Array) -> Array:
    """Between depthwise and pointwise filters halves are bfloat16."""
    coarse = middle.astype(DTYPES["bfloat16"]).astype(middle.dtype)
    return coarse if middle.dtype.itemsize == 2 else middle


@misread("windows", "atrous_conv2d", dilation=2)
def rate_as_stride(windows: Windows) -> tuple[Axis, ...]:
    """The rate is taken for a stride."""
    return RIGHT.windows(windows._replace(strides=windows.dilations, dilations=windows.strides))


@slip("outcome", "atrous_conv2d_transpose", dilation=3)
def atrous_late(result: Array, layer: Layer) -> Array:
    """Where the rate does not divide the rows, they begin one too late."""
    rows = layer.axes[0]
    return np.roll(result, 1, 1) if rows.size % rows.dilation else result


@slip("axis", "conv3d float32 NDHWC 1x3x1x1x1 w1x1x1x1x1 s3,1,1 d1,1,1 SAME distinct:0")
def same_late(size: int, kernel: int, stride: int, dilation: int, pads: Pads) -> Axis:
    """SAME with pixels to spare starts late, as TensorFlow's conv3d does."""
    axis = RIGHT.axis(size, kernel, stride, dilation, pads)
    spare = size - (axis.outputs - 1) * stride - RIGHT.reach(kernel, dilation)
    return axis._replace(before=-(spare // 2)) if pads == "SAME" and spare > 1 else axis


@misread("same_before", "conv1d float32 NWC 1x1x1 w2x1x1 s1 d1 SAME distinct:0")
def causal(pads: int) -> int:
    """All zeros of SAME come before the first pixel, as causal padding has them."""
    return pads


@misread("windows", "conv3d", "depthwise_conv2d")
def strides_turned(windows: Windows) -> tuple[Axis, ...]:
    """The strides of the first and the last axis change places."""
    return RIGHT.windows(windows._replace(strides=windows.strides[::-1]))


@misread("windows", "conv3d", "convolution")
def stride_of_first_axis(windows: Windows) -> tuple[Axis, ...]:
    """The stride of the first axis is that of all."""
    return RIGHT.windows(windows._replace(strides=windows.strides[:1] * len(windows.strides)))


_HALF = {"dtype": "bfloat16", "kind": "bounded"}
slip("same_before", "conv3d", "depthwise_conv2d", padding="SAME")(geometry.same_lower)
slip("same_pads", "atrous_conv2d", padding="SAME", dilation=2)(geometry.same_forgets_dilation)
slip("fitting", "conv1d", "conv3d")(geometry.ceil_for_floor)
slip("pixels", "conv3d", "atrous_conv2d")(edge_padding)
slip("rounded", "conv3d", "depthwise_conv2d", **_HALF)(arithmetic.bfloat_truncated)
slip("multiplied", "conv1d", kind="bounded")(arithmetic.single_by_bfloat)
slip("taps", "atrous_conv2d", "depthwise_conv2d", "convolution")(square_kernel_transposed)
