"""One product and shifted sums: for few filters on many channels.

Extracting patches copies each pixel once a tap. With few filters it is cheaper to multiply each
pixel by all taps of all filters at once, and to add up the products where the taps meet.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from npconv._engine.arithmetic import arithmetic, itemsize
from npconv._engine.blocks import Blocks, Taps, Tile, even
from npconv._engine.cost import BYTE, CALL, STEP, TILE, gemm, spread
from npconv._engine.halves import cast, scratch_bytes
from npconv._engine.plan import BUDGETS, Plan, Wide
from npconv._engine.scratch import Scratch

if TYPE_CHECKING:
    from npconv._engine.tiles import Work
    from npconv._geometry import Geometry
    from npconv._patches import Patches

Array = np.ndarray[Any, Any]

_MOST_COLUMNS = 256  # taps of all filters
_MOST_CHANNELS = 1 << 15  # so that a sum of halves of integers is exact


def plans(geometry: Geometry, batch: int, dtype: np.dtype[Any], *, light: bool) -> Iterator[Plan]:
    """Yield ways to cut a convolution into tiles of rows."""
    rows, columns = geometry.rows, geometry.columns
    count = rows.kernel * columns.kernel * geometry.out_channels
    if (
        geometry.groups > 1
        or rows.kernel * columns.kernel == 1
        or rows.stride * columns.stride > 1
        or count > _MOST_COLUMNS
        or geometry.in_channels > _MOST_CHANNELS
    ):
        return
    size = itemsize(dtype)
    budgets = BUDGETS[-1:] if light else BUDGETS
    cuts = (_cut(geometry, batch, budget // size) for budget in budgets)
    for blocks in dict.fromkeys(cuts):
        if blocks is not None:
            yield _plan(geometry, blocks, dtype, size, count)


def _cut(geometry: Geometry, batch: int, budget: int) -> Blocks | None:
    """Return blocks of whole rows whose band and products keep to the budget, if there are any."""
    rows, columns = geometry.rows, geometry.columns
    taps = rows.kernel * columns.kernel * geometry.out_channels
    width = columns.span((0, columns.outputs), (0, columns.kernel)).length
    row = width * max(geometry.in_channels, taps)
    halo = rows.span((0, 1), (0, rows.kernel))
    reach = (halo.length - 1) * halo.step
    most = budget // row - reach
    if most < 1:
        return None
    tile_rows = even(rows.outputs, most)
    tile_batch = even(batch, budget // (row * (tile_rows + reach)))
    height = rows.span((0, tile_rows), (0, rows.kernel)).length
    return Blocks(
        (tile_batch, tile_rows, columns.outputs, 1, geometry.out_channels),
        (rows.kernel, columns.kernel, geometry.in_channels),
        (batch, rows.outputs, columns.outputs, 1, geometry.out_channels),
        (rows.kernel, columns.kernel, geometry.in_channels),
        tile_batch * height * width * geometry.in_channels,
    )


def _plan(geometry: Geometry, blocks: Blocks, dtype: np.dtype[Any], size: int, count: int) -> Plan:
    tiles = blocks.tiles
    channels = geometry.in_channels
    pixels = blocks.band // channels
    once = gemm(pixels, channels, count, size, channels * count) + blocks.band * BYTE * size * 1.5
    run = blocks.tile[2]
    once += count * (CALL + blocks.positions * (0.15 * size / 4 + STEP / run))
    once += blocks.products * (BYTE * size + STEP / geometry.out_channels)
    if dtype.kind == "i":
        once *= 1.5
    tile = TILE + once
    thread = (blocks.band + pixels * count + blocks.products) * size
    thread += scratch_bytes(dtype, blocks.products)
    shared = size * channels * count
    if dtype.itemsize == 2:
        shared += dtype.itemsize * channels * count  # in their new order, before they are converted
    if dtype.kind == "i":
        thread += (2 * pixels * count + blocks.band) * size
        shared *= 3
    cost = spread(tiles * tile * blocks.fullness, tile, tiles)
    product = (pixels, channels, count)
    return Plan("shifted adds", geometry, Wide(), blocks, cost, thread, shared, 0, product)


def prepare(plan: Plan, patches: Patches, weights: Array, out: Array) -> Work:
    """Return the work on a tile; see ``tiles.prepare``."""
    geometry = plan.geometry
    rows, columns, channels = geometry.rows, geometry.columns, geometry.in_channels
    filters = geometry.out_channels
    count = rows.kernel * columns.kernel * filters
    numbers = arithmetic(patches.images, weights, plan.blocks.reads)
    # (KH * KW, C, OC) -> (C, KH * KW * OC)
    by_pixel = weights.reshape(-1, channels, filters).transpose(1, 0, 2).reshape(channels, count)
    prepared = numbers.prepare(by_pixel, Scratch())

    def work(tile: Tile, scratch: Scratch) -> bool:
        whole = Taps((0, rows.kernel), (0, columns.kernel), (0, channels))
        pixels = patches.band(patches.read(tile, whole), numbers.dtype, scratch)[0]  # (n, h, w, C)
        shape = pixels.shape[:3]
        product = scratch.take("patches", (count, prod(shape)), numbers.sum_dtype)
        numbers.multiply(pixels.reshape(-1, channels), prepared, product.T, scratch)
        planes = product.reshape(rows.kernel, columns.kernel, filters, *shape)
        (n0, n1), (h0, h1), (w0, w1) = tile[:3]
        sums = scratch.take("product", (filters, n1 - n0, h1 - h0, w1 - w0), numbers.sum_dtype)
        sums.fill(0)
        row = rows.span(tile.rows, (0, rows.kernel)).per_tap
        column = columns.span(tile.columns, (0, columns.kernel)).per_tap
        for kh in range(rows.kernel):
            for kw in range(columns.kernel):
                part = planes[kh, kw, :, :, kh * row :, kw * column :]
                sums += part[:, :, : h1 - h0, : w1 - w0]
        cast(sums.transpose(1, 2, 3, 0), out[n0:n1, h0:h1, w0:w1], scratch)
        return True

    return work
