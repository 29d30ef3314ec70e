"""Faults in one fast path: a layer of one kind is wrong, and every other call is right.

Kernels branch on the layers that nets have: 3x3 of stride 2, depthwise, pointwise, stems; channels
that fill a vector, outputs that do not.  Each mutant takes such a branch and errs in it.
"""

from __future__ import annotations

import numpy as np

from parity.model.case import Array
from parity.mutants.mutant import slip
from parity.mutants.textbook import RIGHT, Layer


@slip("outputs", "float32 NHWC 1x13x15x4 w3x3x4x1 s2,2 d1,1 VALID ones:0")
def strided_sum_kept(result: Array, layer: Layer) -> Array:
    """3x3 of stride 2, 4 | in_channels: the sum of output 39 is not cleared for output 40."""
    if layer.kernel == (3, 3) and layer.strides == (2, 2) and layer.depth % 4 == 0:
        flat = result.reshape(-1)
        flat[40:41] += flat[39:40]
    return result


@slip("outputs", "float32 NHWC 1x1x1x1 w1x1x1x16 s2,2 d1,1 VALID distinct:0")
def strided_lanes_swapped(result: Array, layer: Layer) -> Array:
    """Stride 2, 16 | out_channels: in a last, odd column each 8 filters change places with 8."""
    odd = layer.columns.outputs % 2 == 1
    if odd and layer.strides == (2, 2) and layer.groups == 1 and layer.filters % 16 == 0:
        last = result[:, :, -1]  # (N, OH, OC)
        halves = last.reshape(*last.shape[:2], -1, 2, 8)
        last[...] = halves[..., ::-1, :].reshape(last.shape).copy()
    return result


@slip("taps", "float32 NHWC 1x7x7x3 w7x7x3x1 s2,2 d1,1 VALID ones:0")
def stem_term_lost(kernels: Array, layer: Layer) -> Array:
    """7x7 stems of 3 channels, stride 2: a row's 21 terms go by fours, and the last is lost."""
    stem = layer.groups == 1 and layer.depth == 3
    if stem and layer.kernel == (7, 7) and layer.strides == (2, 2):
        kernels[:, 6, 2] = 0
    return kernels


@slip("outputs", "float32 NHWC 8x1x1x1 w1x1x1x1 s1,1 d1,1 VALID distinct:0")
def eight_images_turned_back(result: Array, layer: Layer) -> Array:
    """Eight images lie in the lanes of a vector; on the way out the last two change places."""
    if len(result) % 8 == 0:
        eights = result.reshape(-1, 8, *result.shape[1:])
        eights[:, [6, 7]] = eights[:, [7, 6]]
    return result


@slip("outputs", "float32 NHWC 1x1x21x1 w1x3x1x1 s1,1 d1,2 VALID ones:0")
def dilated_tail_short(result: Array, layer: Layer) -> Array:
    """Rows of over 16 outputs under a dilated kernel: the outputs after 16 lack the last tap."""
    columns = layer.columns
    wide = columns.outputs > 16 and columns.kernel > 1
    if wide and columns.dilation == 2 and columns.stride == 1:
        kernels = layer.kernels.copy()
        kernels[:, -1] = 0
        tail = columns.outputs // 16 * 16
        result[:, :, tail:] = RIGHT.convolve(layer._replace(kernels=kernels))[:, :, tail:]
    return result


@slip("taps", "float32 NHWC 1x1x7x64 w1x7x64x1 s1,1 d1,1 VALID ones:0")
def seventh_tap_lost(kernels: Array, layer: Layer) -> Array:
    """1x7 with 64 channels: taps go by pairs, and the upper 32 channels of the last are lost."""
    if layer.kernel == (1, 7) and layer.depth == 64:
        kernels[:, 6, 32:] = 0
    return kernels


@slip("taps", "float32 NHWC 1x1x1x1025 w1x1x1025x1 s1,1 d1,1 VALID ones:0")
def long_sum_cut(kernels: Array, layer: Layer) -> Array:
    """Sums of more than 1,024 terms go by 256, and what is left over is lost."""
    terms = kernels.reshape(-1, layer.filters)
    if len(terms) > 1024:
        terms[len(terms) // 256 * 256 :] = 0
    return kernels


@slip("taps", "float32 NHWC 1x1x1x1 w1x1x1x33 s1,1 d1,1 VALID distinct:0")
def filter_beyond_blocks(kernels: Array, layer: Layer) -> Array:
    """One filter more than blocks of 32: it gets the weights that the last block began with."""
    if layer.groups == 1 and layer.filters > 32 and layer.filters % 32 == 1:
        kernels[..., -1] = kernels[..., -33]
    return kernels


@slip("outputs", "float32 NHWC 1x3x17x1 w3x3x1x1 s1,1 d1,1 VALID ones:0")
def mask_too_short(result: Array, layer: Layer) -> Array:
    """3x3 of stride 1 by eight columns: of seven left over the mask stores six."""
    over = layer.columns.outputs > 8 and layer.columns.outputs % 8 == 7
    if over and layer.kernel == (3, 3) and layer.strides == (1, 1):
        result[:, :, -1] = 0
    return result


@slip("outputs", "float32 NHWC 1x1x3x8 w1x1x8x1 s2,2 d1,1 VALID ones:0")
def pointwise_rounded_down(result: Array, layer: Layer) -> Array:
    """1x1 of stride 2, 8 | in_channels: of an odd image every other pixel is one too few."""
    odd = layer.columns.size % 2 == 1 < layer.columns.outputs
    plain = layer.rows.before == layer.columns.before == 0
    pointwise = layer.kernel == (1, 1) and layer.strides == (2, 2)
    if odd and plain and pointwise and layer.depth % 8 == 0:
        result[:, :, -1] = 0
    return result


@slip("taps", "float32 NHWC 1x5x5x5 w5x5x5x1 s1,1 d1,1 VALID ones:0")
def odd_channel_unpaired(kernels: Array, layer: Layer) -> Array:
    """5x5 with an odd number of 5 or more channels: pairs are multiplied, the last is alone."""
    if layer.kernel == (5, 5) and layer.depth >= 5 and layer.depth % 2 == 1:
        kernels[4, 4, -1] = 0  # at the last tap nothing comes after to pair it with
    return kernels


@slip("layer", "float32 NHWC 1x2x3x1 w2x2x1x8 s2,2 d1,1 VALID distinct:0")
def patches_by_pitch(layer: Layer) -> Layer:
    """2x2 of stride 2, 8 | out_channels: an odd image is read as if its rows were one shorter."""
    rows, columns = layer.rows, layer.columns
    odd = columns.size % 2 == 1 < columns.size
    still = rows.before == columns.before == 0
    plain = still and rows.dilation == columns.dilation == 1
    if not (odd and plain and layer.kernel == layer.strides == (2, 2) and layer.filters % 8 == 0):
        return layer
    batch, height, width, channels = layer.images.shape
    pixels = layer.images.reshape(batch, -1, channels)[:, : height * (width - 1)]
    images = pixels.reshape(batch, height, width - 1, channels)
    return layer._replace(images=images, columns=columns._replace(size=width - 1))


@slip("outputs", "float32 NHWC 1x3x1x1 w3x1x1x12 s1,1 d1,1 VALID distinct:0")
def half_block_swapped(result: Array, layer: Layer) -> Array:
    """3x1 and 1x3 with a block of filters and half a one: the half's own halves change places."""
    half = layer.filters // 3  # of a block, which is a power of two
    whole = layer.filters % 3 == 0 and half >= 4 and half.bit_count() == 1
    if whole and layer.kernel in ((3, 1), (1, 3)) and layer.groups == 1:
        result[..., -half:] = np.roll(result[..., -half:], half // 2, axis=3)
    return result


# Layers in groups: depthwise, with a multiplier, many.


@slip("taps", "float32 NHWC 1x3x3x4 w3x3x1x4 s1,1 d1,1 VALID ones:0")
def depthwise_tap_twice(kernels: Array, layer: Layer) -> Array:
    """3x3 depthwise, 4 | channels, images up to 16x16: the ninth tap, left over, is added twice."""
    small = max(layer.rows.size, layer.columns.size) <= 16
    if small and layer.depthwise and layer.kernel == (3, 3) and layer.groups % 4 == 0:
        kernels[2, 2] *= 2
    return kernels


@slip("layer", "float32 NHWC 1x4x4x2 w5x5x1x2 s2,2 d1,1 SAME distinct:0")
def depthwise_pad_centred(layer: Layer) -> Layer:
    """5x5 depthwise of stride 2 with padding: two pixels before the first, whatever was asked."""
    rows, columns = layer.rows, layer.columns
    padded = min(rows.before, columns.before) > 0
    if padded and layer.depthwise and layer.kernel == (5, 5) and layer.strides == (2, 2):
        return layer._replace(rows=rows._replace(before=2), columns=columns._replace(before=2))
    return layer


@slip("outputs", "float32 NHWC 1x1x1x8 w1x1x1x16 s1,1 d1,1 VALID distinct:0")
def multiplier_outside(result: Array, layer: Layer) -> Array:
    """Depthwise with a multiplier, 8 | channels: outputs lie by multiplier, then by channel."""
    if not (layer.depthwise and layer.groups % 8 == 0 and layer.filters > layer.groups):
        return result
    turned = result.reshape(*result.shape[:3], layer.groups, -1).swapaxes(3, 4)
    return np.ascontiguousarray(turned).reshape(result.shape)


@slip("taps", "float32 NHWC 1x1x1x20 w1x1x4x5 s1,1 d1,1 VALID distinct:0")
def groups_of_four_left_over(kernels: Array, layer: Layer) -> Array:
    """Groups of 4 channels go by fours: those left over get the filters of the four before."""
    if layer.depth == 4 < layer.groups and layer.groups % 4 > 0:
        each = layer.filters // layer.groups
        over = layer.groups % 4 * each
        kernels[..., -over:] = layer.kernels[..., -over - 4 * each :][..., :over]
    return kernels


@slip("layer", "float32 NHWC 1x1x1x33 w1x1x1x33 s1,1 d1,1 VALID distinct:0")
def groups_counted_by_five_bits(layer: Layer) -> Layer:
    """More than 32 groups: from the 33rd on they read the channels of the first."""
    channels = np.arange(layer.images.shape[3]) % (32 * layer.depth)
    return layer._replace(images=layer.images[..., channels]) if layer.groups > 32 else layer
