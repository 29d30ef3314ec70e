"""Faults in the fast path of one kind of layer in groups: depthwise, with a multiplier, many."""

# ruff: noqa: D102 -- each method is a step that Textbook or FastPath describes

from __future__ import annotations

import numpy as np

from parity.model.case import Array
from parity.mutants.fast_paths import FastPath, Layer


class DepthwiseTapTwice(FastPath):
    """3x3 depthwise, 4 | channels, images up to 16x16: the ninth tap, left over, is added twice."""

    example = "float32 NHWC 1x3x3x4 w3x3x1x4 s1,1 d1,1 VALID ones:0"

    def takes(self, layer: Layer) -> bool:
        small = max(layer.rows.size, layer.columns.size) <= 16
        return small and layer.depthwise and layer.kernel == (3, 3) and layer.groups % 4 == 0

    def fast(self, layer: Layer) -> Array:
        kernels = layer.kernels.copy()
        kernels[2, 2] *= 2
        return self.plain(layer._replace(kernels=kernels))


class DepthwisePadCentred(FastPath):
    """5x5 depthwise of stride 2 with padding: two pixels before the first, whatever was asked."""

    example = "float32 NHWC 1x4x4x2 w5x5x1x2 s2,2 d1,1 SAME distinct:0"

    def takes(self, layer: Layer) -> bool:
        padded = min(layer.rows.before, layer.columns.before) > 0
        return padded and layer.depthwise and layer.kernel == (5, 5) and layer.strides == (2, 2)

    def fast(self, layer: Layer) -> Array:
        rows, columns = layer.rows._replace(before=2), layer.columns._replace(before=2)
        return self.plain(layer._replace(rows=rows, columns=columns))


class MultiplierOutside(FastPath):
    """Depthwise with a multiplier, 8 | channels: outputs lie by multiplier, then by channel."""

    example = "float32 NHWC 1x1x1x8 w1x1x1x16 s1,1 d1,1 VALID distinct:0"

    def takes(self, layer: Layer) -> bool:
        return layer.depthwise and layer.groups % 8 == 0 and layer.filters > layer.groups

    def fast(self, layer: Layer) -> Array:
        result = self.plain(layer)
        turned = result.reshape(*result.shape[:3], layer.groups, -1).swapaxes(3, 4)
        return np.ascontiguousarray(turned).reshape(result.shape)


class GroupsOfFourLeftOver(FastPath):
    """Groups of 4 channels go by fours: those left over get the filters of the four before."""

    example = "float32 NHWC 1x1x1x20 w1x1x4x5 s1,1 d1,1 VALID distinct:0"

    def takes(self, layer: Layer) -> bool:
        return layer.depth == 4 < layer.groups and layer.groups % 4 > 0

    def fast(self, layer: Layer) -> Array:
        kernels = layer.kernels.copy()
        each = layer.filters // layer.groups
        over = layer.groups % 4 * each
        kernels[..., -over:] = layer.kernels[..., -over - 4 * each :][..., :over]
        return self.plain(layer._replace(kernels=kernels))


class GroupsCountedByFiveBits(FastPath):
    """More than 32 groups: from the 33rd on they read the channels of the first."""

    example = "float32 NHWC 1x1x1x33 w1x1x1x33 s1,1 d1,1 VALID distinct:0"

    def takes(self, layer: Layer) -> bool:
        return layer.groups > 32

    def fast(self, layer: Layer) -> Array:
        channels = np.arange(layer.images.shape[3]) % (32 * layer.depth)
        return self.plain(layer._replace(images=layer.images[..., channels]))
