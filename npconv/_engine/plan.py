"""What the planner chooses among: an algorithm, its blocks, and what they are thought to cost.

The costs are a model of one core in nanoseconds, fitted to measurements on x86-64 with AVX-512;
only their relations matter. `python -m parity speed --all-algorithms` shows how far the choice
that follows from them is from the best.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from npconv._engine.arithmetic import itemsize
from npconv._engine.blocks import Blocks, cut, even
from npconv._engine.halves import scratch_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from npconv._geometry import Axis, Geometry

# Nanoseconds on one core.
FLOP = 1 / 115  # of a float32 product whose operands are packed
PACK = 0.35  # an element of the patches, packed by BLAS
PACK_FILTERS = 0.2  # likewise of the filters;
PACK_FAR_FILTERS = 0.5  # where they take more than this, they come from memory:
_CACHE = 1 << 20  # bytes
STORE = 0.1  # an element of the product
_UNPACKED = 1_000_000  # multiply-adds: up to here OpenBLAS packs nothing with AVX-512
SMALL_CALL = 300.0  # one such product of a stack, and each of its multiply-adds:
SMALL_FLOP = 1 / 46
RUN = 3.0  # a run of neighbours copied as one element, and beyond that each of its bytes:
BYTE = 1 / 40
STEP = 7.0  # a run of neighbours in any other function
FAR_BYTE = 1 / 20  # where the patches do not stay in the second-level cache:
_NEAR = 1 << 20  # bytes
CONVERT = 0.2  # an element of the filters, from bfloat16 or int32 to a dtype of BLAS;
CONVERT_HALF = 0.45  # from float16
CALL = 1000.0  # a call of a NumPy function that does almost nothing
TILE = 15 * CALL  # a tile that is extracted and multiplied
HANDOVER = 170_000.0  # until a helping thread is at work, and waited for
WAKE = 20_000.0  # for each further one
COLLISION = 100_000.0  # of threads that want the interpreter between two tiles

# Not the threads that are set: with the same tiles, any number of them gives the same bits.
CORES = os.cpu_count() or 1

TOTAL_BYTES = 15 << 20  # of a call, without the filters that it converts

# Bytes of a band, of a tile of patches, and of its products, each at the most: a tile should stay
# in the second-level cache, but packing the filters, once a tile, costs more where it is small.
BUDGETS = (1 << 18, 1 << 19, 1 << 20, 1 << 21)
_CUTS = tuple((pieces, parts) for pieces in (1, 2, 4, 8, 16) for parts in (1, 2, 4))
_CONVERTED = 1 << 21  # bytes of converted filters, at the most where it can be
_LEAST_AT_ONCE = 128


class Wide(NamedTuple):
    """How much more one row of the patches serves than one output of one group.

    ``groups`` are multiplied as one, by filters with zeros where a group has no business;
    ``rows`` x ``columns`` neighbouring outputs are, by filters that stand in a band of zeros.
    """

    groups: int = 1
    rows: int = 1
    columns: int = 1

    @property
    def adds_zeros(self) -> bool:
        """Whether any value is multiplied by a zero that the filters do not have."""
        return self != (1, 1, 1)


@dataclass(frozen=True, eq=False)
class Plan:
    """How a convolution is computed.

    Attributes
    ----------
    algorithm : str
    geometry : Geometry
        Of the convolution that is cut: where `wide`, one of larger strides and filters.
    wide : Wide
    blocks : Blocks
    cost : float
        By which plans are compared, in nanoseconds.
    thread_bytes : int
        Scratch of each thread.
    call_bytes : int
        Scratch that the threads share.
    filter_bytes : int
        Of all filters as they are multiplied, where they are converted before the tiles.
    product : tuple of int
        (m, k, n) of the largest matrix product.
    """

    algorithm: str
    geometry: Geometry
    wide: Wide
    blocks: Blocks
    cost: float
    thread_bytes: int
    call_bytes: int
    filter_bytes: int
    product: tuple[int, int, int]

    @cached_property
    def light(self) -> bool:
        """Whether products are so small that BLAS uses but one thread anyway, in a single tile.

        OpenBLAS does up to 2**18 multiply-adds, with vectors up to 9216; others are like it.
        """
        m, k, n = self.product
        most = 1 << 18 if m > 1 and n > 1 else 9216
        return m * k * n <= most and self.blocks.tiles == 1

    @property
    def fits(self) -> bool:
        """Whether one thread keeps to the memory that all of them together should."""
        return self.call_bytes + self.thread_bytes <= TOTAL_BYTES

    @cached_property
    def most_threads(self) -> int:
        """Over how many threads the tiles, and the memory, allow the work to be spread."""
        memory = (TOTAL_BYTES - self.call_bytes) // max(1, self.thread_bytes)
        return max(1, min(self.blocks.tiles, memory))

    def scratch_bytes(self, threads: int) -> int:
        """Return the bytes that a call takes beyond its arguments and its result."""
        own = min(threads, self.most_threads) * self.thread_bytes
        return self.call_bytes + self.filter_bytes + own


def spread(work: float, tile: float, tiles: int, *, before: float = 0.0) -> float:
    """Return what tiles cost on one core and on all of this machine's, most of it on all.

    Parameters
    ----------
    work : float
        Of all tiles, on one core.
    tile : float
        Of the largest one.
    tiles : int
    before : float
        What is done before the tiles, on one core.
    """
    each = -(-tiles // CORES)
    on_all = before + max(work / CORES, each * tile)
    if tiles > 1 < CORES:
        on_all += HANDOVER + (min(tiles, CORES) - 2) * WAKE + (each - 1) * COLLISION
    return (before + work + 2 * CORES * on_all) / 3


def gemm(m: int, k: int, n: int, itemsize: int, filters: int) -> float:
    """Return the cost of multiplying an (m, k) by a (k, n) matrix.

    `filters` is the number of elements of all filters, of which these are a part.
    """
    wide, products = itemsize / 4, m * k * n
    pack = PACK_FILTERS if filters * itemsize <= _CACHE else PACK_FAR_FILTERS
    if products <= _UNPACKED:
        return SMALL_CALL + wide * (SMALL_FLOP * m * k * max(n, 6) + pack * k * n)
    packing = PACK * m * k + pack * k * n + STORE * m * n
    return CALL + wide * (2 * FLOP * m * k * max(n, 4) + packing)


def conversion(dtype: np.dtype[Any]) -> float:
    """Return the cost of converting an element of the filters to a dtype of BLAS."""
    if dtype.itemsize == 2:
        return CONVERT_HALF if dtype.kind == "f" else CONVERT
    return CONVERT if dtype.kind == "i" else 0.0


def filters_at_once(blocks: Blocks, itemsize: int) -> int:
    """Return how many filters of each group are converted at once, to so many bytes an element."""
    return even(blocks.tile[4], _CONVERTED // (itemsize * blocks.tile[3] * prod(blocks.taps)))


def extraction(geometry: Geometry, blocks: Blocks, itemsize: int) -> float:
    """Return the cost of a tile's patches; nothing where they are the image itself."""
    if is_image(geometry):
        return 0.0
    length = blocks.taps[2]
    padded = geometry.rows.before or geometry.columns.before or geometry.columns.after
    if geometry.columns.dilation == 1 and (length == geometry.in_channels or padded):
        length *= blocks.taps[1]  # pixels that are neighbours in memory, in the image or the band
    byte = BYTE if blocks.patches * itemsize <= _NEAR else FAR_BYTE
    cost = blocks.patches * (RUN / length + byte * itemsize)
    if padded:
        run = blocks.taps[2] if geometry.groups > 1 else blocks.taps[2] * 8
        cost += blocks.band * (BYTE * itemsize + RUN / run)
    return cost


def is_image(geometry: Geometry) -> bool:
    """Say whether the image is the matrix of patches: 1x1 kernels, or ones that cover it."""

    def fits(axis: Axis) -> bool:
        return (axis.kernel == 1 and axis.stride == 1) or axis.outputs == 1

    rows, columns = geometry.rows, geometry.columns
    return (
        geometry.groups == 1
        and fits(rows)
        and fits(columns)
        and columns.kernel in (1, columns.size)
        and not (rows.before or rows.after or columns.before or columns.after)
    )


def cuts(
    algorithm: str,
    geometry: Geometry,
    wide: Wide,
    batch: int,
    dtype: np.dtype[Any],
    *,
    light: bool,
) -> Iterator[Plan]:
    """Yield plans of smaller and larger tiles; just of the largest where `light`."""
    size = itemsize(dtype)
    # Long patches leave room for few converted filters, and copying narrow columns is a crawl.
    patch = _CONVERTED // (_LEAST_AT_ONCE * size) if conversion(dtype) else None
    whole = wide.rows * wide.columns > 1  # the outputs of a block stay together
    different = dict.fromkeys(
        cut(geometry, batch, budget // size, pieces=pieces, parts=parts, patch=patch)
        for budget in (BUDGETS[-1:] if light else BUDGETS)
        for pieces, parts in (_CUTS[:1] if light else _CUTS)
        if parts == 1 or not whole
    )
    for blocks in different:
        yield tile_plan(algorithm, geometry, wide, blocks, dtype, size)


def tile_plan(
    algorithm: str,
    geometry: Geometry,
    wide: Wide,
    blocks: Blocks,
    dtype: np.dtype[Any],
    size: int,
) -> Plan:
    """Return a plan of patches and products, with its cost.

    Parameters
    ----------
    algorithm : str
    geometry, wide, blocks
        As in ``Plan``.
    dtype : dtype
        Of the input.
    size : int
        Bytes of an element of the patches.
    """
    *_, groups, out_channels = blocks.tile
    tiles, sums = blocks.tiles, blocks.sums
    m, k = blocks.positions, prod(blocks.taps)
    copied = groups > 1 or wide.adds_zeros or dtype.itemsize != size or dtype.kind == "i"
    weights = prod(blocks.whole_taps) * geometry.out_channels
    once = extraction(geometry, blocks, size) + groups * gemm(m, k, out_channels, size, weights)
    part = groups * k * out_channels  # of the filters, that a tile multiplies by at once
    if blocks.gathers_filters:
        once += part * (FAR_BYTE * size + RUN / out_channels)
    if dtype.kind == "i":
        once *= 1.2
    if copied:
        run = out_channels // (wide.rows * wide.columns)
        once += blocks.products * (RUN / max(1, run) + 2 * BYTE * size)
    if wide.adds_zeros:
        once += 2 * CALL + blocks.products * 0.1
    thread = (blocks.band + blocks.patches + blocks.products) * size
    thread += scratch_bytes(dtype, blocks.products)
    if sums > 1:  # a partial product
        thread += blocks.products * size
    before, shared, filters = 0.0, 0, 0
    if wide.adds_zeros:
        before, shared = 28 * CALL + 0.2 * weights, dtype.itemsize * weights
    held, gathered = size, size * part
    convert = conversion(dtype)
    if convert:
        held = 2 * size if dtype.kind == "i" else size  # where sums may wrap, in two halves
        gathered = held * part
        if blocks.filters_once:
            at_once = filters_at_once(blocks, held)
            once += convert * part + 2 * CALL * -(-out_channels // at_once)
            row = groups * k
            thread += min(held * part, max(held * row, _CONVERTED))
            gathered = min(dtype.itemsize * part, max(dtype.itemsize * row, _CONVERTED))
        else:
            before += convert * weights
            filters = held * weights
    if blocks.gathers_filters:
        thread += gathered
    if dtype.kind == "i":
        thread += (2 * blocks.products + blocks.patches) * size  # where sums may wrap
    tile = TILE + sums * once
    work = tiles * (TILE + sums * once * blocks.fullness)
    cost = spread(work, tile, tiles, before=before)
    product = (m, k, out_channels)
    return Plan(algorithm, geometry, wide, blocks, cost, thread, shared, filters, product)
