"""Faults of the filters' and the channels' order."""

from __future__ import annotations

import numpy as np

from parity.model.case import Array
from parity.mutants.mutant import misread, slip
from parity.mutants.textbook import RIGHT, Layer

SQUARE = "float32 NHWC 1x3x3x1 w3x3x1x1 s1,1 d1,1 VALID distinct:0"
POINTWISE = "float32 NHWC 1x1x1x2 w1x1x1x2 s1,1 d1,1 VALID distinct:0"


@misread("taps", "float32 NHWC 1x1x1x2 w1x1x2x2 s1,1 d1,1 VALID distinct:0")
def hwio_as_hwoi(kernels: Array, layer: Layer) -> Array:
    """The filters' last two dimensions are read in the other order."""
    height, width, depth, filters = kernels.shape
    return kernels.reshape(height, width, filters, depth).swapaxes(2, 3)


@misread("taps", "float32 NHWC 1x1x2x1 w1x2x1x2 s1,1 d1,1 VALID distinct:0")
def hwio_as_oihw(kernels: Array, layer: Layer) -> Array:
    """The filters' memory is read in the order OIHW, PyTorch's."""
    height, width, depth, filters = kernels.shape
    return kernels.reshape(filters, depth, height, width).transpose(2, 3, 1, 0)


@misread("taps", SQUARE)
def kernel_flipped(kernels: Array, layer: Layer) -> Array:
    """The kernel is flipped in both directions: a true convolution."""
    return kernels[::-1, ::-1]


@misread("taps", SQUARE)
def rows_flipped(kernels: Array, layer: Layer) -> Array:
    """The rows of the kernel are turned round."""
    return kernels[::-1]


@misread("taps", SQUARE)
def columns_flipped(kernels: Array, layer: Layer) -> Array:
    """The columns of the kernel are turned round."""
    return kernels[:, ::-1]


@misread("taps", SQUARE)
def square_kernel_transposed(kernels: Array, layer: Layer) -> Array:
    """Rows and columns of a square kernel change places."""
    return kernels.swapaxes(0, 1) if kernels.shape[0] == kernels.shape[1] else kernels


@misread("grouped", "float32 NHWC 1x2x2x2 w2x2x2x1 s1,1 d1,1 VALID distinct:0")
def channel_major_patches(patches: Array, groups: int) -> Array:
    """Patches lie in the order C, KH, KW, the filters in that of KH, KW, C."""
    *windows, height, width, channels = patches.shape
    split = patches.reshape(-1, height * width, groups, channels // groups)
    turned = split.transpose(2, 0, 3, 1)  # (groups, M, C / groups, KH*KW)
    return turned.reshape(groups, int(np.prod(windows)), -1)


@misread("taps", "float32 NHWC 1x1x1x2 w1x1x1x4 s1,1 d1,1 VALID distinct:0")
def filters_interleaved(kernels: Array, layer: Layer) -> Array:
    """Of g groups, each takes every g-th filter."""
    split = kernels.reshape(*kernels.shape[:3], -1, layer.groups)
    return split.swapaxes(-1, -2).reshape(kernels.shape)


@misread("grouped", "float32 NHWC 1x1x1x4 w1x1x2x2 s1,1 d1,1 VALID distinct:0")
def channels_interleaved(patches: Array, groups: int) -> Array:
    """Of g groups, each reads every g-th channel."""
    split = patches.reshape(*patches.shape[:5], -1, groups)
    return RIGHT.grouped(split.swapaxes(-1, -2).reshape(patches.shape), groups)


@misread("grouped", POINTWISE)
def first_group_for_all(patches: Array, groups: int) -> Array:
    """Every group reads the channels of the first."""
    split = RIGHT.grouped(patches, groups)
    return np.broadcast_to(split[:1], split.shape)


@slip("grouped", "float32 NHWC 1x1x1x3 w1x1x1x3 s1,1 d1,1 VALID distinct:0")
def second_half_of_groups(patches: Array, groups: int) -> Array:
    """The groups after the middle read the channels of those before it."""
    return RIGHT.grouped(patches, groups)[np.arange(groups) % -(-groups // 2)]


@misread("flattened", POINTWISE)
def filters_of_first_group(kernels: Array, groups: int) -> Array:
    """Every group multiplies by the filters of the first."""
    split = RIGHT.flattened(kernels, groups)
    return np.broadcast_to(split[:1], split.shape)


@slip("taps", "float32 NHWC 1x2x2x1 w2x2x1x1 s1,1 d1,1 VALID distinct:0")
def last_tap_lost(kernels: Array, layer: Layer) -> Array:
    """The last tap of the last channel is not multiplied."""
    kernels[-1, -1, -1] = 0
    return kernels
