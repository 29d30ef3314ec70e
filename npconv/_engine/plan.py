"""What the planner chooses among: an algorithm, its blocks, and what they are thought to cost."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from npconv._engine.arithmetic import itemsize
from npconv._engine.blocks import Blocks, cut, even
from npconv._engine.cost import (
    BYTE,
    CALL,
    FAR_BYTE,
    RUN,
    TILE,
    conversion,
    extraction,
    gemm,
    spread,
)
from npconv._engine.halves import scratch_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from npconv._geometry import Geometry

TOTAL_BYTES = 15 << 20  # of a call, without the filters that it converts

# Bytes of a band, of a tile of patches, and of its products, each at the most: a tile should stay
# in the second-level cache, but packing the filters, once a tile, costs more where it is small.
BUDGETS = (1 << 18, 1 << 19, 1 << 20, 1 << 21)
_CUTS = tuple((pieces, parts) for pieces in (1, 2, 4, 8, 16) for parts in (1, 2, 4))
_CONVERTED = 1 << 21  # bytes of converted filters, at the most where it can be
_LEAST_AT_ONCE = 128  # terms of the sums that they are for, at the least where it can be


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
        return self.scratch_bytes(1) <= TOTAL_BYTES

    @cached_property
    def most_threads(self) -> int:
        """Over how many threads the tiles, and the memory, allow the work to be spread."""
        memory = (TOTAL_BYTES - self.call_bytes) // max(1, self.thread_bytes)
        return max(1, min(self.blocks.tiles, memory))

    def scratch_bytes(self, threads: int) -> int:
        """Return the bytes that a call takes beyond its arguments and its result."""
        own = min(threads, self.most_threads) * self.thread_bytes
        return self.call_bytes + self.filter_bytes + own


def filter_itemsize(dtype: np.dtype[Any]) -> int:
    """Return the most bytes of an element of the filters as they are multiplied."""
    return itemsize(dtype) * (2 if dtype.kind == "i" else 1)  # where sums may wrap, in two halves


def terms_at_once(blocks: Blocks, itemsize: int) -> int:
    """Return for how many terms of a sum the filters are converted, to so many bytes an element.

    Their rows follow each other in memory, which the filters of fewer out_channels would not.
    """
    return even(prod(blocks.taps), _CONVERTED // (itemsize * blocks.tile[3] * blocks.tile[4]))


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
    whole = wide.rows * wide.columns > 1  # the outputs of a block stay together
    most = None
    if conversion(dtype) and not whole:
        # Many filters would leave room for few terms at once. With short patches a tile may cover
        # all positions, so that it converts its own filters.
        most = _CONVERTED // (_LEAST_AT_ONCE * filter_itemsize(dtype))
    different = dict.fromkeys(
        cut(geometry, batch, budget // size, pieces=pieces, parts=parts, most=most, patch=patch)
        for patch in dict.fromkeys((None, most))
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
    before, shared, filters = 0.0, 0, 0
    if wide.adds_zeros:
        before, shared = 28 * CALL + 0.2 * weights, dtype.itemsize * weights
    held, pieces = filter_itemsize(dtype), 1
    convert = conversion(dtype)
    if convert:
        if blocks.filters_once:
            pieces = -(-k // terms_at_once(blocks, held))
            once += convert * part + 2 * CALL * pieces
            once += (pieces - 1) * blocks.products * 2 * BYTE * size
            row = groups * out_channels
            thread += min(held * part, max(held * row, _CONVERTED))
        else:
            before += convert * weights
            filters = held * weights
    if sums * pieces > 1:  # a partial product
        thread += blocks.products * size
    if blocks.gathers_filters:
        thread += part * (dtype.itemsize if blocks.filters_once else held)
    if dtype.kind == "i":
        thread += (2 * blocks.products + blocks.patches) * size  # where sums may wrap
    tile = TILE + sums * once
    work = tiles * (TILE + sums * once * blocks.fullness)
    cost = spread(work, tile, tiles, before=before)
    product = (m, k, out_channels)
    return Plan(algorithm, geometry, wide, blocks, cost, thread, shared, filters, product)
