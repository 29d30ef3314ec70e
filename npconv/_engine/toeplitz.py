"""block-Toeplitz: for few channels, a patch that serves a block of neighbouring outputs.

Extracting patches and multiplying few columns are what costs with few channels. A patch that is
larger by some strides holds what a block of outputs reads, and the filters of each of them stand
in a band of zeros: im2col of another convolution, of larger strides and more filters.

The zeros are exact for finite images. An infinity or NaN leaves a NaN, by which a tile says that
its result does not stand.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from npconv._engine import im2col
from npconv._engine.casting import cast
from npconv._engine.kept import Kept, made
from npconv._engine.numbers import numbers
from npconv._engine.plan import Plan, Tile, Work
from npconv._engine.scratch import Array, Scratch
from npconv._geometry import Axis, Geometry, Range

NAME = "block-Toeplitz"
_COLUMNS = 32  # of a product: with fewer, BLAS does not fill its vectors
_WORTH = 50_000  # elements of the patches matrix: with fewer, the filters take longer
_MOST_CHANNELS = 8  # of a group: with more, copying patches is not what takes the time
_MOST_WEIGHTS = 1 << 20  # elements of the filters with their zeros


def admits(geometry: Geometry) -> bool:
    """Say whether it can compute a convolution."""
    block = _block(geometry)
    wide = widened(geometry, block)
    return prod(block) > 1 and wide.terms * wide.out_channels <= _MOST_WEIGHTS


def pays(geometry: Geometry, batch: int) -> bool:
    """Say whether it is to be taken, where the rules before do not hold."""
    return batch * prod(geometry.outputs) * geometry.terms >= _WORTH and admits(geometry)


def plan(geometry: Geometry, batch: int, dtype: np.dtype[Any]) -> Plan:
    """Cut a convolution into tiles."""
    block = _block(geometry)
    wide = widened(geometry, block)
    shared = wide.terms * wide.out_channels * dtype.itemsize
    return im2col.plan(wide, batch, dtype, name=NAME, block=block, shared=shared)


def _block(geometry: Geometry) -> tuple[int, ...]:
    """Return how many outputs along each axis a patch serves: as many as make wide products.

    The side is doubled along which the patch grows least.
    """
    block = [1] * len(geometry.axes)
    filters = geometry.out_channels // geometry.groups
    many = geometry.filter_channels > _MOST_CHANNELS or prod(geometry.kernel) == 1
    while not many and filters * prod(block) < _COLUMNS:
        growth = {
            axis.stride * side / (axis.kernel + (side - 1) * axis.stride): i
            for i, (axis, side) in enumerate(zip(geometry.axes, block, strict=True))
            if 2 * side <= axis.outputs and (axis.dilation == 1 or axis.kernel == 1)
        }
        if not growth:
            break
        block[growth[min(growth)]] *= 2
    return tuple(block)


def widened(geometry: Geometry, block: tuple[int, ...]) -> Geometry:
    """Return the convolution whose patches serve a block of outputs.

    >>> axis = Axis.resolve(8, 3, 1, 1, "SAME")
    >>> widened(Geometry((axis,), 1, 1, 2), (4,)).axes
    (Axis(size=8, kernel=6, stride=4, dilation=1, before=1, after=1, outputs=2),)
    """
    axes = tuple(map(_widened, geometry.axes, block))
    return geometry._replace(axes=axes, out_channels=geometry.out_channels * prod(block))


def _widened(axis: Axis, outputs: int) -> Axis:
    if outputs == 1:
        return axis
    kernel, stride = axis.kernel + (outputs - 1) * axis.stride, axis.stride * outputs
    blocks = -(-axis.outputs // outputs)
    after = max(0, (blocks - 1) * stride + kernel - axis.size - axis.before)
    return Axis(axis.size, kernel, stride, 1, axis.before, after, blocks)


def spread(flat: Array, geometry: Geometry, block: tuple[int, ...]) -> Array:
    """Return the flattened filters of the widened convolution, (KH' * KW' * C / groups, OC').

    The out_channels of a group run over the outputs of a block and, fastest, over its own.
    """
    groups, channels, kernel = geometry.groups, geometry.filter_channels, geometry.kernel
    wide, count = widened(geometry, block).kernel, len(block)
    filters = geometry.out_channels // groups
    result = np.zeros((*wide, channels, groups, *block, filters), flat.dtype)
    taps, outputs = result.strides[:count], result.strides[count + 2 : -1]
    # The filters' places, all at once: the step to the next output moves its filter by a stride.
    steps = (a + b * axis.stride for a, b, axis in zip(outputs, taps, geometry.axes, strict=True))
    shape = (*kernel, channels, groups, *block, filters)
    strides = (*taps, *result.strides[count : count + 2], *steps, result.strides[-1])
    ones = (1,) * count
    as_strided(result, shape, strides)[...] = flat.reshape(
        *kernel, channels, groups, *ones, filters
    )
    return result.reshape(prod(wide) * channels, -1)


def prepare(
    plan: Plan, images: Array, weights: Array, out: Array, geometry: Geometry, kept: Kept | None
) -> Work:
    """Return the work on a tile; see ``im2col.prepare``."""
    arithmetic = numbers(images, weights, geometry, kept)
    whole = plan.pieces > 1 or kept is not None
    how = arithmetic, geometry.groups, whole
    operands = made(kept, _operands, weights, geometry, plan.block, *how)
    doubtful = arithmetic.sums.kind == "f"  # an infinity times an added zero leaves a NaN

    def write(sums: Array, tile: Tile, scratch: Scratch) -> bool:
        if doubtful and np.isnan(sums.min()):
            return False
        _scatter(sums, tile, plan, out, scratch)
        return True

    return im2col.work_on(plan, images, operands, arithmetic, write, None)


def _operands(flat: Array, geometry: Geometry, block: Any, *how: Any) -> im2col.Operands:
    return im2col.operands(spread(flat, geometry, block), *how)


def _scatter(sums: Array, tile: Tile, plan: Plan, out: Array, scratch: Scratch) -> None:
    """Write the sums of a tile of the widened convolution to the output."""
    block, count = plan.block, len(plan.block)
    sides = [hi - lo for lo, hi in tile.outputs]
    groups = sums.shape[0] if sums.ndim == 3 else 1
    # (g, n, *blocks, *block, o) -> (n, blocks, outputs of a block, for each axis, g, o)
    source = sums.reshape(groups, *sides, *block, -1)
    order = [axis for i in range(count) for axis in (2 + i, 2 + count + i)]
    source = source.transpose(1, *order, 0, source.ndim - 1)
    channels = slice(*(channel // prod(block) for channel in tile.channels))
    scatter(source, tile.outputs, block, out[..., channels], scratch)


def scatter(
    source: Array, blocks: tuple[Range, ...], block: tuple[int, ...], out: Array, scratch: Scratch
) -> None:
    """Write blocks of outputs, (n, blocks, outputs of a block, for each axis, *channels)."""
    (n0, n1), *places = blocks
    for pieces in product(*map(_pieces, places, block, out.shape[1:-1])):
        of: list[slice] = [slice(None)]
        to, shape = [slice(n0, n1)], [n1 - n0]
        for (lo, hi, size), (first, _), side in zip(pieces, places, block, strict=True):
            of += (slice(lo - first, hi - first), slice(size))
            to.append(slice(lo * side, lo * side + (hi - lo) * size))
            shape += (hi - lo, size)
        target = out[tuple(to)].reshape(*shape, *source.shape[1 + 2 * len(block) :])
        cast(source[tuple(of)], target, scratch)


def _pieces(place: Range, side: int, outputs: int) -> Iterator[tuple[int, int, int]]:
    """Yield the whole blocks and the one that is cut off, as ranges and sizes.

    >>> list(_pieces((0, 3), 4, 11)), list(_pieces((1, 2), 4, 8))
    ([(0, 2, 4), (2, 3, 3)], [(1, 2, 4)])
    """
    lo, hi = place
    whole = max(lo, min(hi, outputs // side))
    if lo < whole:
        yield lo, whole, side
    if whole < hi:
        yield whole, hi, outputs - whole * side
