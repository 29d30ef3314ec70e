"""Faults of the filters' and the channels' order."""

# ruff: noqa: D102 -- each method is a step that Textbook describes

from __future__ import annotations

import numpy as np

from parity.model.case import Array
from parity.mutants.textbook import Textbook


class HwioAsHwoi(Textbook):
    """The filters' last two dimensions are read in the other order."""

    example = "float32 NHWC 1x1x1x2 w1x1x2x2 s1,1 d1,1 VALID distinct:0"

    def flattened(self, kernels: Array, groups: int) -> Array:
        height, width, depth, filters = kernels.shape
        turned = kernels.reshape(height, width, filters, depth).swapaxes(2, 3)
        return super().flattened(turned, groups)


class KernelFlipped(Textbook):
    """The kernel is turned round: a true convolution."""

    example = "float32 NHWC 1x3x3x1 w3x3x1x1 s1,1 d1,1 VALID distinct:0"

    def flattened(self, kernels: Array, groups: int) -> Array:
        return super().flattened(kernels[::-1, ::-1], groups)


class ColumnsFlipped(Textbook):
    """The columns of the kernel are turned round."""

    example = "float32 NHWC 1x3x3x1 w3x3x1x1 s1,1 d1,1 VALID distinct:0"

    def flattened(self, kernels: Array, groups: int) -> Array:
        return super().flattened(kernels[:, ::-1], groups)


class SquareKernelTransposed(Textbook):
    """Rows and columns of a square kernel change places."""

    example = "float32 NHWC 1x3x3x1 w3x3x1x1 s1,1 d1,1 VALID distinct:0"

    def flattened(self, kernels: Array, groups: int) -> Array:
        square = kernels.shape[0] == kernels.shape[1]
        return super().flattened(kernels.swapaxes(0, 1) if square else kernels, groups)


class ChannelMajorPatches(Textbook):
    """Patches lie in the order C, KH, KW, the filters in that of KH, KW, C."""

    example = "float32 NHWC 1x2x2x2 w2x2x2x1 s1,1 d1,1 VALID distinct:0"

    def grouped(self, patches: Array, groups: int) -> Array:
        *windows, height, width, channels = patches.shape
        split = patches.reshape(-1, height * width, groups, channels // groups)
        turned = split.transpose(2, 0, 3, 1)  # (groups, M, C / groups, KH*KW)
        return turned.reshape(groups, int(np.prod(windows)), -1)


class FiltersInterleaved(Textbook):
    """Of g groups, each takes every g-th filter."""

    example = "float32 NHWC 1x1x1x2 w1x1x1x4 s1,1 d1,1 VALID distinct:0"

    def flattened(self, kernels: Array, groups: int) -> Array:
        split = kernels.reshape(*kernels.shape[:3], -1, groups)
        return super().flattened(split.swapaxes(-1, -2).reshape(kernels.shape), groups)


class ChannelsInterleaved(Textbook):
    """Of g groups, each reads every g-th channel."""

    example = "float32 NHWC 1x1x1x4 w1x1x2x2 s1,1 d1,1 VALID distinct:0"

    def grouped(self, patches: Array, groups: int) -> Array:
        split = patches.reshape(*patches.shape[:5], -1, groups)
        return super().grouped(split.swapaxes(-1, -2).reshape(patches.shape), groups)


class FirstGroupForAll(Textbook):
    """Every group reads the channels of the first."""

    example = "float32 NHWC 1x1x1x2 w1x1x1x2 s1,1 d1,1 VALID distinct:0"

    def grouped(self, patches: Array, groups: int) -> Array:
        split = super().grouped(patches, groups)
        return np.broadcast_to(split[:1], split.shape)


class SecondHalfOfGroups(Textbook):
    """The groups after the middle read the channels of those before it."""

    example = "float32 NHWC 1x1x1x3 w1x1x1x3 s1,1 d1,1 VALID distinct:0"

    def grouped(self, patches: Array, groups: int) -> Array:
        return super().grouped(patches, groups)[np.arange(groups) % -(-groups // 2)]


class FiltersOfFirstGroup(Textbook):
    """Every group multiplies by the filters of the first."""

    example = "float32 NHWC 1x1x1x2 w1x1x1x2 s1,1 d1,1 VALID distinct:0"

    def flattened(self, kernels: Array, groups: int) -> Array:
        split = super().flattened(kernels, groups)
        return np.broadcast_to(split[:1], split.shape)


class LastTapLost(Textbook):
    """The last tap of the last channel is not multiplied."""

    example = "float32 NHWC 1x2x2x1 w2x2x1x1 s1,1 d1,1 VALID distinct:0"

    def flattened(self, kernels: Array, groups: int) -> Array:
        less = kernels.copy()
        less[-1, -1, -1] = 0
        return super().flattened(less, groups)
