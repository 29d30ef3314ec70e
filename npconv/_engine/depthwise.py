"""Depthwise: a group is one channel, and a product with one column gives BLAS nothing to do.

Channels are multiplied by their filters side by side, by ``einsum``, which sums over the taps in
one pass. The filters stand once more for each column of a tile, so that it runs along whole rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from math import gcd, prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from npconv._engine.arithmetic import itemsize
from npconv._engine.blocks import Blocks, Taps, Tile, even
from npconv._engine.cost import BYTE, CALL, STEP, TILE, spread
from npconv._engine.halves import cast, scratch_bytes
from npconv._engine.plan import Plan, Wide

if TYPE_CHECKING:
    from npconv._engine.scratch import Scratch
    from npconv._engine.tiles import Work
    from npconv._geometry import Geometry
    from npconv._patches import Patches

Array = np.ndarray[Any, Any]

_INT32 = np.dtype(np.int32)
_BUDGETS = (1 << 17, 1 << 18, 1 << 19, 1 << 20)  # bytes of a tile's sums
_BAND = 1 << 21  # bytes of what it reads, at the most if it can be
_RUN = 6144  # elements that einsum should find in a row; more would only repeat the filters more
_REPEATED = 1 << 18  # elements of all filters, side by side, at the most where it can be
_PRODUCT = 0.16  # nanoseconds of a product and its sum, of four bytes


def plans(geometry: Geometry, batch: int, dtype: np.dtype[Any], *, light: bool) -> Iterator[Plan]:
    """Yield ways to cut a depthwise convolution into tiles of rows."""
    if geometry.filter_channels > 1 or geometry.groups < 2:
        return
    size = _dtype(dtype).itemsize
    budgets = _BUDGETS[1:2] if light and geometry.groups < 64 else _BUDGETS
    cuts = (_cut(geometry, batch, budget // size, _BAND // size) for budget in budgets)
    for blocks in dict.fromkeys(cuts):
        yield _plan(geometry, blocks, dtype, size)


def _cut(geometry: Geometry, batch: int, budget: int, most: int) -> Blocks:
    rows, columns = geometry.rows, geometry.columns
    groups = min(geometry.groups, budget)
    tile_columns = even(columns.outputs, budget // groups)
    tile_rows = even(rows.outputs, budget // (groups * tile_columns))
    tile_batch = even(batch, budget // (groups * tile_columns * tile_rows))
    # One row of taps, and then one tap, after the other where the band would still be wide.
    taps = [rows.kernel, columns.kernel]

    def band() -> int:
        height = rows.span((0, tile_rows), (0, taps[0])).length
        width = columns.span((0, tile_columns), (0, taps[1])).length
        return groups * tile_batch * height * width

    while band() > most and tile_rows > 1:
        tile_rows = -(-tile_rows // 2)
    for axis in (0, 1):
        if band() > 2 * most:
            taps[axis] = 1
    return Blocks(
        (tile_batch, tile_rows, tile_columns, groups, geometry.out_channels // geometry.groups),
        (taps[0], taps[1], 1),
        (batch, rows.outputs, columns.outputs, geometry.groups,
         geometry.out_channels // geometry.groups),
        (rows.kernel, columns.kernel, 1),
        band(),
    )  # fmt: skip


def _plan(geometry: Geometry, blocks: Blocks, dtype: np.dtype[Any], size: int) -> Plan:
    tiles = blocks.tiles
    taps, filters = prod(blocks.whole_taps), blocks.whole_tile[4]
    outputs = blocks.positions * blocks.tile[3]
    width = _width(blocks)
    run = blocks.tile[3] * width
    once = taps * outputs * (_PRODUCT * size / 4 + 6 * STEP / run)
    once += 6 * CALL * -(-blocks.tile[2] // width)
    tile = TILE + filters * once + blocks.band * (BYTE * size + STEP / blocks.tile[3])
    if geometry.columns.stride > 1:
        tile += blocks.band * (BYTE * size + STEP / blocks.tile[3]) + 10 * CALL
    if filters > 1 or dtype.itemsize != size:
        tile += filters * outputs * (BYTE * size + STEP)
    repeated = taps * geometry.out_channels * width
    return Plan(
        "depthwise",
        geometry,
        Wide(),
        blocks,
        spread(tiles * tile * blocks.fullness + 0.3 * repeated, tile, tiles),
        (blocks.band + 2 * outputs) * size + scratch_bytes(dtype, outputs),
        repeated * size,
        0,
        (1, 1, 1),  # no product for BLAS
    )


class _Sum(NamedTuple):
    """One ``einsum``: some columns of outputs, and those taps whose pixels are neighbours.

    Attributes
    ----------
    taps, columns : slice
        Of the block's columns of taps, and of the tile's outputs.
    shape : tuple of int
        (n, h, KH, KW, w * g) of the patches in the band; offset and strides count its elements.
    offset : int
    strides : tuple of int
    first : bool
        Whether nothing has been summed for these outputs yet.
    """

    taps: slice
    columns: slice
    shape: tuple[int, int, int, int, int]
    offset: int
    strides: tuple[int, int, int, int, int]
    first: bool


class _Band(NamedTuple):
    """How a block of the image is laid out, and summed up.

    Every ``apart``-th pixel lies beside the next, as those that a tap reads for neighbouring
    outputs: shape (n, rows, apart, columns, g).
    """

    shape: tuple[int, int, int, int, int]
    zeros: tuple[tuple[slice, ...], ...]
    copies: tuple[tuple[tuple[slice, ...], tuple[slice, ...]], ...]
    sums: tuple[_Sum, ...]


@lru_cache(maxsize=1024)
def _band(geometry: Geometry, tile: Tile, block: Taps, width: int) -> _Band:
    """Work out a block's band; `width` outputs of a row are summed at once."""
    rows = geometry.rows.span(tile.rows, block.rows)
    columns = geometry.columns.span(tile.columns, block.columns)
    apart, per_tap = columns.per_output, columns.per_tap
    (n0, n1), (w0, w1), (g0, g1) = tile.batch, tile.columns, tile.groups
    n, h, g = n1 - n0, tile.rows[1] - tile.rows[0], g1 - g0
    shape = (n, rows.length, apart, -(-columns.length // apart), g)
    every, high = slice(None), slice(rows.lo, rows.hi)
    top = rows.first + rows.lo * rows.step
    lines = slice(top, top + (rows.hi - rows.lo - 1) * rows.step + 1, rows.step)
    zeros: list[tuple[slice, ...]] = [
        (every, slice(0, rows.lo)),
        (every, slice(rows.hi, rows.length)),
    ]
    copies = []
    for kind in range(apart):
        begin = max(0, -(-(columns.lo - kind) // apart))
        end = max(begin, -(-(columns.hi - kind) // apart))
        for border in (slice(0, begin), slice(end, shape[3])):
            zeros.append((every, high, slice(kind, kind + 1), border))
        if rows.lo < rows.hi and begin < end:
            left = columns.first + (kind + begin * apart) * columns.step
            step = apart * columns.step
            pixels = slice(left, left + (end - begin - 1) * step + 1, step)
            copies.append(
                (
                    (every, high, slice(kind, kind + 1), slice(begin, end)),
                    (slice(n0, n1), lines, pixels, slice(g0, g1)),
                )
            )
    row = apart * shape[3] * g
    period = apart // gcd(apart, per_tap)
    count = block.columns[1] - block.columns[0]
    sums = []
    for tap in range(min(period, count)):
        start = tap * per_tap
        offset = (start % apart * shape[3] + start // apart) * g
        strides = (
            rows.length * row,
            row * rows.per_output,
            row * rows.per_tap,
            period * per_tap // apart * g,
            1,
        )
        taps = slice(block.columns[0] + tap, block.columns[1], period)
        kernel = (block.rows[1] - block.rows[0], len(range(tap, count, period)))
        for begin in range(0, w1 - w0, width):
            run = min(width, w1 - w0 - begin)
            sums.append(
                _Sum(
                    taps,
                    slice(begin, begin + run),
                    (n, h, *kernel, run * g),
                    offset + begin * g,
                    strides,
                    tap == 0,
                )
            )
    return _Band(
        shape,
        tuple(border for border in zeros if border[-1].start < border[-1].stop),
        tuple(copies),
        tuple(sums),
    )


def prepare(plan: Plan, patches: Patches, weights: Array, out: Array) -> Work:
    """Return the work on a tile; see ``tiles.prepare``."""
    blocks, geometry = plan.blocks, plan.geometry
    images, dtype = patches.images, _dtype(weights.dtype)
    filters, width = blocks.whole_tile[4], _width(blocks)
    kernel = (geometry.rows.kernel, geometry.columns.kernel)
    # (KH * KW, groups * filters) -> (filters, KH, KW, 1, groups), and once more for each column.
    by_filter = weights.reshape(*kernel, 1, geometry.groups, filters).transpose(4, 0, 1, 2, 3)
    repeated = np.empty((filters, *kernel, width, geometry.groups), dtype)
    repeated[...] = by_filter

    def work(tile: Tile, scratch: Scratch) -> bool:
        (n0, n1), (h0, h1), (w0, w1), (g0, g1), _ = tile
        target = out[n0:n1, h0:h1, w0:w1]
        target = target.reshape(*target.shape[:3], geometry.groups, filters)[..., g0:g1, :]
        shape = (n1 - n0, h1 - h0, w1 - w0, g1 - g0)
        for one in range(filters):
            place = target[..., one]
            direct = out.dtype == dtype and place.flags.c_contiguous and place.flags.aligned
            total = place if direct else scratch.take("product", shape, dtype)
            for block in blocks.each_taps():
                band = _band(geometry, tile, block, width)
                pixels = scratch.take("band", band.shape, dtype)
                for border in band.zeros:
                    pixels[border] = 0
                for there, here in band.copies:
                    cast(images[here][:, :, None], pixels[there], scratch)
                _add_up(band, pixels, repeated[one][slice(*block.rows), ..., g0:g1], total,
                        block.rows[0] + block.columns[0] == 0, scratch)  # fmt: skip
            if not direct:
                cast(total, place, scratch)
        return True

    return work


def _add_up(
    band: _Band, pixels: Array, filters: Array, total: Array, fresh: bool, scratch: Scratch
) -> None:
    """Add the products of a block of taps to `total`, (n, h, w, g); or begin it, where `fresh`."""
    n, h, _, g = total.shape
    size = total.itemsize
    for one in band.sums:
        patches = np.ndarray(
            one.shape, pixels.dtype, pixels, one.offset * size, [size * s for s in one.strides]
        )
        run = one.shape[4]
        factor = filters[:, one.taps, : run // g]
        factor = factor.reshape(*factor.shape[:2], run)  # a view where all channels are there
        start = one.columns.start * g * size
        goal = np.ndarray((n, h, run), total.dtype, total, start, (*total.strides[:2], size))
        if fresh and one.first:
            np.einsum("nhijx,ijx->nhx", patches, factor, out=goal)
        else:
            part = scratch.take("part", (n, h, run), total.dtype)
            np.einsum("nhijx,ijx->nhx", patches, factor, out=part)
            np.add(goal, part, out=goal)


def _width(blocks: Blocks) -> int:
    """Return for how many columns of a tile the filters stand side by side."""
    filters = prod(blocks.whole_taps) * prod(blocks.whole_tile[3:])
    return even(blocks.tile[2], min(_RUN // blocks.tile[3], _REPEATED // filters))


def _dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return in which numbers is multiplied: int32 wraps by itself."""
    dtype = dtype.newbyteorder("=")
    if dtype.kind == "i":
        return _INT32
    return np.dtype(f"f{itemsize(dtype)}")
