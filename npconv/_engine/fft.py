"""FFT: large kernels on one channel each, by blocks that overlap, for ``precision="fast"``.

A block of outputs reads as many pixels as a transform is long; what wraps around is left out
(overlap-save). Transforms are in float64, whatever the dtype: NumPy's of float32 take as long, and
before NumPy 2 there are none.

An output is off by at most ``ERROR * |x| * |w|``, the 2-norm of what the block reads of an image's
channel and the 1-norm of the filter; then it is rounded to the dtype. Transforms of N numbers are
off by at most e = 16 u log2(N) times their 2-norm, u = 2**-53: a butterfly of radix p costs at most
sqrt(p) gamma(p + 3) < 16 u log2(p) for p = 2, 3, 4, 5 (compare Higham, Accuracy and Stability of
Numerical Algorithms, theorem 24.2). By Cauchy and Schwarz both of them and their product put at
most (2 e + 4 u) |x| |w|_2 into an output, by Young the way back e |x| |w|_1; |w|_2 <= |w|_1, and
what is left of 4 e is more than all products of these.

What is not finite, or by overflow on the way, leaves NaN or infinity in its block: the tile's
result does not stand then.
"""

from __future__ import annotations

from functools import lru_cache
from math import log2, prod
from typing import Any

import numpy as np

from npconv._blocks import reach
from npconv._engine.kept import Kept, made
from npconv._engine.plan import TILE_BYTES, TOTAL_BYTES, Plan, Tile, Work, largest, pieces
from npconv._engine.scratch import Array, Scratch
from npconv._engine.toeplitz import scatter, widened
from npconv._geometry import Axis, Geometry
from npconv._patches import fill

NAME = "FFT"
_FLOAT64 = np.dtype(np.float64)
_MOST = 432  # numbers along an axis
_SHARED = 4 << 20  # bytes of transformed filters, where a call keeps them for all tiles
ERROR = 4 * 16 * 2 * log2(_MOST) * 2.0**-53
# In multiply-adds of BLAS that take as long:
_TRANSFORMED = 500  # to transform a number
_TAP, _DEPTHWISE = 5, 20  # one of direct sums, which BLAS makes of few channels, or none of it
_CALL = 20_000_000  # to do all that does not grow

_LENGTHS: list[int] = sorted(
    n for n in (2**a * 3**b * 5**c for a in range(10) for b in range(4) for c in range(3))
    if n <= _MOST
)  # fmt: skip


def admits(geometry: Geometry) -> bool:
    """Say whether it can compute a convolution: of two axes, where each filter reads a channel."""
    axes = geometry.axes
    plain = geometry.filter_channels == 1 and len(axes) == 2
    return plain and all(axis[2:4] == (1, 1) and axis.kernel <= _most(geometry) for axis in axes)


def pays(geometry: Geometry, batch: int) -> bool:
    """Say whether it is to be taken: where it takes half the time of the others, or less."""
    if not admits(geometry):
        return False
    sums = batch * prod(geometry.outputs) * geometry.terms * geometry.out_channels
    return 2 * _effort(geometry, batch) < sums * (_DEPTHWISE if geometry.groups > 1 else _TAP)


def _effort(geometry: Geometry, batch: int) -> int:
    """Return how many multiply-adds of BLAS take as long."""
    wide = _widened(geometry)
    both = geometry.in_channels + geometry.out_channels
    transforms = batch * prod(wide.outputs) * both + geometry.out_channels
    return _CALL + transforms * prod(wide.kernel) * _TRANSFORMED


@lru_cache(maxsize=256)
def _widened(geometry: Geometry) -> Geometry:
    """Return the convolution whose patches are what the blocks read, of all channels at once."""
    most, channels = _most(geometry), geometry.in_channels
    wide = widened(geometry, tuple(_outputs(axis, most) for axis in geometry.axes))
    return wide._replace(filter_channels=channels, out_channels=channels)


def _most(geometry: Geometry) -> int:
    """Return the most numbers along an axis: a tile takes 40 bytes for each of a block's."""
    filters = geometry.out_channels // geometry.in_channels
    room = TOTAL_BYTES // (2 * 40 * filters)  # for two threads
    return max((n for n in _LENGTHS if n * n <= room), default=0)


def _outputs(axis: Axis, most: int) -> int:
    """Return how many outputs of an axis a block has.

    >>> axes = Axis.resolve(100, 31, 1, 1, "VALID"), Axis.resolve(512, 31, 1, 1, "SAME")
    >>> [_outputs(axis, 432) for axis in axes]
    [70, 130]
    """

    def effort(length: int) -> float:
        return -(-axis.outputs // (length - axis.kernel + 1)) * length * log2(length)

    longer = (length for length in _LENGTHS if axis.kernel <= length <= most)
    length: int = min(longer, key=effort)
    return length - axis.kernel + 1


def plan(geometry: Geometry, batch: int, dtype: np.dtype[Any]) -> Plan:
    """Cut a convolution into tiles of blocks, and of channels."""
    wide, channels = _widened(geometry), geometry.in_channels
    lengths, multiplier = wide.kernel, geometry.out_channels // channels
    filters = 16 * lengths[0] * (lengths[1] // 2 + 1) * multiplier  # of a channel
    size = 4 * filters  # of its transforms, each made of another, which older NumPys copy
    shares = min(channels, -(-channels * size // TILE_BYTES))
    effort = _effort(geometry, batch) // (batch * prod(wide.outputs))
    count = pieces(wide, batch, effort, -(-channels // shares) * size)
    shares = max(shares, min(channels, -(-4 // count)))
    images, *sides = largest((batch, *wide.outputs), count)
    share, blocks = -(-channels // shares), images * prod(sides)
    whole = channels * filters
    shared = whole if count > 1 and whole <= _SHARED else 0
    buffers = {
        "band": images * wide.pixels(*sides) * share * _FLOAT64.itemsize,
        "transforms": blocks * share * size,
        "filters": 0 if shared else 2 * share * filters,
    }
    pairs = zip(lengths, geometry.kernel, strict=True)
    block = tuple(length - taps + 1 for length, taps in pairs)
    return Plan(NAME, wide, batch, count, shares, buffers, shared, 1 << 19, block)


def prepare(
    plan: Plan, images: Array, weights: Array, out: Array, geometry: Geometry, kept: Kept | None
) -> Work:
    """Return the work on a tile; see ``im2col.prepare``."""
    lengths, (tall, wide) = plan.geometry.kernel, plan.block
    multiplier = geometry.out_channels // geometry.in_channels
    how = geometry.kernel, lengths
    once = plan.shared > 0 or kept is not None
    every = made(kept, _transformed, weights, *how) if once else None

    def work(tile: Tile, scratch: Scratch) -> bool:
        first, last = (channel * multiplier for channel in tile.channels)
        taps = tuple((0, length) for length in lengths)
        band = reach(plan.geometry, tile.outputs, (0, 1), (*taps, tile.channels))
        pixels = fill(scratch.take("band", band.shape, _FLOAT64), band, images, scratch)[0]
        sides = tuple(hi - lo for lo, hi in tile.outputs)
        values = _windows(pixels, sides, lengths, plan.block)
        values = np.fft.fft(np.fft.rfft(values, axis=-2), axis=-3)
        own = (
            _transformed(weights[:, first:last], *how) if every is None else every[..., first:last]
        )
        if multiplier == 1:
            values *= own
        else:  # (..., C, 1) * (*lengths, C, multiplier) -> (..., OC)
            values = values[..., np.newaxis] * own.reshape(*own.shape[:2], -1, multiplier)
            values = values.reshape(*values.shape[:-2], -1)
        values = np.fft.ifft(values, axis=-3)[..., :tall, :, :]
        sums = np.fft.irfft(values, lengths[1], axis=-2)[..., :wide, :]
        if not np.isfinite(sums).all():
            return False
        # (n, rows, columns, tall, wide, OC) -> (n, rows, tall, columns, wide, OC)
        sums = sums.transpose(0, 1, 3, 2, 4, 5)
        scatter(sums, tile.outputs, plan.block, out[..., first:last], scratch)
        return True

    return work


def _windows(
    pixels: Array, sides: tuple[int, ...], lengths: tuple[int, ...], block: tuple[int, ...]
) -> Array:
    """Return what the blocks read: (n, *pixels, C) -> (n, rows, columns, *lengths, C)."""
    image, row, pixel, item = pixels.strides
    strides = (image, row * block[0], pixel * block[1], row, pixel, item)
    shape = *sides, *lengths, pixels.shape[-1]
    return np.ndarray(shape, pixels.dtype, pixels, 0, strides)


def _transformed(weights: Array, kernel: tuple[int, ...], lengths: tuple[int, ...]) -> Array:
    """Transform filters, (KH * KW, OC) -> (*lengths, OC), to be multiplied by pixels."""
    taps = weights.reshape(*kernel, -1).astype(_FLOAT64)
    result = np.fft.fft(np.fft.rfft(taps, lengths[1], axis=1), lengths[0], axis=0)
    return np.conj(result, out=result)
