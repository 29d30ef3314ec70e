"""Faults in one fast path: a layer of one kind is wrong, and every other call is right.

Kernels branch on the layers that nets have: 3x3 of stride 2, depthwise, pointwise, stems; channels
that fill a vector, outputs that do not.  Each mutant takes such a branch and errs in it.
"""

# ruff: noqa: D102 -- each method is a step that Textbook or FastPath describes

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from parity.model.case import Array
from parity.mutants.textbook import Axis, Pair, Textbook


class Layer(NamedTuple):
    """What `Textbook.convolve` is given: (N, H, W, C), (KH, KW, C / groups, OC), two axes."""

    images: Array
    kernels: Array
    rows: Axis
    columns: Axis

    @property
    def kernel(self) -> Pair:
        """Kernel rows, kernel columns."""
        return self.rows.kernel, self.columns.kernel

    @property
    def strides(self) -> Pair:
        """Strides of rows and columns."""
        return self.rows.stride, self.columns.stride

    @property
    def groups(self) -> int:
        """Groups of channels."""
        return int(self.images.shape[3]) // self.depth

    @property
    def depth(self) -> int:
        """Input channels of a group."""
        return int(self.kernels.shape[2])

    @property
    def filters(self) -> int:
        """Output channels of all groups."""
        return int(self.kernels.shape[3])

    @property
    def depthwise(self) -> bool:
        """Whether each of several channels is a group."""
        return self.depth == 1 < self.groups


class FastPath(Textbook):
    """A conv2d that takes another road for some layers."""

    def convolve(self, images: Array, kernels: Array, rows: Axis, columns: Axis) -> Array:
        layer = Layer(images, kernels, rows, columns)
        return self.fast(layer) if self.takes(layer) else self.plain(layer)

    def plain(self, layer: Layer) -> Array:
        """Return the right result."""
        return super().convolve(*layer)

    def takes(self, layer: Layer) -> bool:
        """Say whether the fast path takes a layer."""
        raise NotImplementedError

    def fast(self, layer: Layer) -> Array:
        """Return what the fast path makes of it."""
        raise NotImplementedError


class StridedSumKept(FastPath):
    """3x3 of stride 2, 4 | in_channels: the sum of output 39 is not cleared for output 40."""

    example = "float32 NHWC 1x13x15x4 w3x3x4x1 s2,2 d1,1 VALID ones:0"

    def takes(self, layer: Layer) -> bool:
        return layer.kernel == (3, 3) and layer.strides == (2, 2) and layer.depth % 4 == 0

    def fast(self, layer: Layer) -> Array:
        result = self.plain(layer)
        flat = result.reshape(-1)
        flat[40:41] += flat[39:40]
        return result


class StridedLanesSwapped(FastPath):
    """Stride 2, 16 | out_channels: in a last, odd column each 8 filters change places with 8."""

    example = "float32 NHWC 1x1x1x1 w1x1x1x16 s2,2 d1,1 VALID distinct:0"

    def takes(self, layer: Layer) -> bool:
        odd = layer.columns.outputs % 2 == 1
        return odd and layer.strides == (2, 2) and layer.groups == 1 and layer.filters % 16 == 0

    def fast(self, layer: Layer) -> Array:
        result = self.plain(layer)
        last = result[:, :, -1]  # (N, OH, OC)
        halves = last.reshape(*last.shape[:2], -1, 2, 8)
        last[...] = halves[..., ::-1, :].reshape(last.shape).copy()
        return result


class StemTermLost(FastPath):
    """7x7 stems of 3 channels, stride 2: a row's 21 terms go by fours, and the last is lost."""

    example = "float32 NHWC 1x7x7x3 w7x7x3x1 s2,2 d1,1 VALID ones:0"

    def takes(self, layer: Layer) -> bool:
        stem = layer.groups == 1 and layer.depth == 3
        return stem and layer.kernel == (7, 7) and layer.strides == (2, 2)

    def fast(self, layer: Layer) -> Array:
        kernels = layer.kernels.copy()
        kernels[:, 6, 2] = 0
        return self.plain(layer._replace(kernels=kernels))


class EightImagesTurnedBack(FastPath):
    """Eight images lie in the lanes of a vector; on the way out the last two change places."""

    example = "float32 NHWC 8x1x1x1 w1x1x1x1 s1,1 d1,1 VALID distinct:0"

    def takes(self, layer: Layer) -> bool:
        return len(layer.images) % 8 == 0

    def fast(self, layer: Layer) -> Array:
        result = self.plain(layer)
        eights = result.reshape(-1, 8, *result.shape[1:])
        eights[:, [6, 7]] = eights[:, [7, 6]]
        return result


class DilatedTailShort(FastPath):
    """Rows of over 16 outputs under a dilated kernel: the outputs after 16 lack the last tap."""

    example = "float32 NHWC 1x1x21x1 w1x3x1x1 s1,1 d1,2 VALID ones:0"

    def takes(self, layer: Layer) -> bool:
        wide = layer.columns.outputs > 16 and layer.columns.kernel > 1
        return wide and layer.columns.dilation == 2 and layer.columns.stride == 1

    def fast(self, layer: Layer) -> Array:
        result = self.plain(layer)
        kernels = layer.kernels.copy()
        kernels[:, -1] = 0
        tail = layer.columns.outputs // 16 * 16
        result[:, :, tail:] = self.plain(layer._replace(kernels=kernels))[:, :, tail:]
        return result


class SeventhTapLost(FastPath):
    """1x7 with 64 channels: taps go by pairs, and the upper 32 channels of the last are lost."""

    example = "float32 NHWC 1x1x7x64 w1x7x64x1 s1,1 d1,1 VALID ones:0"

    def takes(self, layer: Layer) -> bool:
        return layer.kernel == (1, 7) and layer.depth == 64

    def fast(self, layer: Layer) -> Array:
        kernels = layer.kernels.copy()
        kernels[:, 6, 32:] = 0
        return self.plain(layer._replace(kernels=kernels))


class LongSumCut(FastPath):
    """Sums of more than 1,024 terms go by 256, and what is left over is lost."""

    example = "float32 NHWC 1x1x1x1025 w1x1x1025x1 s1,1 d1,1 VALID ones:0"

    def takes(self, layer: Layer) -> bool:
        return int(np.prod(layer.kernels.shape[:3])) > 1024

    def fast(self, layer: Layer) -> Array:
        terms = layer.kernels.reshape(-1, layer.filters).copy()
        terms[len(terms) // 256 * 256 :] = 0
        return self.plain(layer._replace(kernels=terms.reshape(layer.kernels.shape)))


class FilterBeyondBlocks(FastPath):
    """One filter more than blocks of 32: it gets the weights that the last block began with."""

    example = "float32 NHWC 1x1x1x1 w1x1x1x33 s1,1 d1,1 VALID distinct:0"

    def takes(self, layer: Layer) -> bool:
        return layer.groups == 1 and layer.filters > 32 and layer.filters % 32 == 1

    def fast(self, layer: Layer) -> Array:
        kernels = layer.kernels.copy()
        kernels[..., -1] = kernels[..., -33]
        return self.plain(layer._replace(kernels=kernels))


class MaskTooShort(FastPath):
    """3x3 of stride 1 by eight columns: of seven left over the mask stores six."""

    example = "float32 NHWC 1x3x17x1 w3x3x1x1 s1,1 d1,1 VALID ones:0"

    def takes(self, layer: Layer) -> bool:
        over = layer.columns.outputs > 8 and layer.columns.outputs % 8 == 7
        return over and layer.kernel == (3, 3) and layer.strides == (1, 1)

    def fast(self, layer: Layer) -> Array:
        result = self.plain(layer)
        result[:, :, -1] = 0
        return result


class PointwiseRoundedDown(FastPath):
    """1x1 of stride 2, 8 | in_channels: of an odd image every other pixel is one too few."""

    example = "float32 NHWC 1x1x3x8 w1x1x8x1 s2,2 d1,1 VALID ones:0"

    def takes(self, layer: Layer) -> bool:
        odd = layer.columns.size % 2 == 1 < layer.columns.outputs
        plain = layer.rows.before == layer.columns.before == 0
        pointwise = layer.kernel == (1, 1) and layer.strides == (2, 2)
        return odd and plain and pointwise and layer.depth % 8 == 0

    def fast(self, layer: Layer) -> Array:
        result = self.plain(layer)
        result[:, :, -1] = 0
        return result


class OddChannelUnpaired(FastPath):
    """5x5 with an odd number of 5 or more channels: pairs are multiplied, the last is alone."""

    example = "float32 NHWC 1x5x5x5 w5x5x5x1 s1,1 d1,1 VALID ones:0"

    def takes(self, layer: Layer) -> bool:
        return layer.kernel == (5, 5) and layer.depth >= 5 and layer.depth % 2 == 1

    def fast(self, layer: Layer) -> Array:
        kernels = layer.kernels.copy()
        kernels[4, 4, -1] = 0  # at the last tap nothing comes after to pair it with
        return self.plain(layer._replace(kernels=kernels))


class PatchesByPitch(FastPath):
    """2x2 of stride 2, 8 | out_channels: an odd image is read as if its rows were one shorter."""

    example = "float32 NHWC 1x2x3x1 w2x2x1x8 s2,2 d1,1 VALID distinct:0"

    def takes(self, layer: Layer) -> bool:
        odd = layer.columns.size % 2 == 1 < layer.columns.size
        still = layer.rows.before == layer.columns.before == 0
        plain = still and layer.rows.dilation == layer.columns.dilation == 1
        patches = layer.kernel == layer.strides == (2, 2) and layer.filters % 8 == 0
        return odd and plain and patches

    def fast(self, layer: Layer) -> Array:
        batch, height, width, channels = layer.images.shape
        pixels = layer.images.reshape(batch, -1, channels)[:, : height * (width - 1)]
        images = pixels.reshape(batch, height, width - 1, channels)
        columns = layer.columns._replace(size=width - 1)
        return self.plain(layer._replace(images=images, columns=columns))


class HalfBlockSwapped(FastPath):
    """3x1 and 1x3 with a block of filters and half a one: the half's own halves change places."""

    example = "float32 NHWC 1x3x1x1 w3x1x1x12 s1,1 d1,1 VALID distinct:0"

    def takes(self, layer: Layer) -> bool:
        half = layer.filters // 3  # of a block, which is a power of two
        whole = layer.filters % 3 == 0 and half >= 4 and half.bit_count() == 1
        return whole and layer.kernel in ((3, 1), (1, 3)) and layer.groups == 1

    def fast(self, layer: Layer) -> Array:
        result, half = self.plain(layer), layer.filters // 3
        result[..., -half:] = np.roll(result[..., -half:], half // 2, axis=3)
        return result
