"""im2col: extract a tile of the patches matrix, multiply it, write it to the output.

Where the image itself is the patches matrix (1x1 kernels, kernels that cover the input) nothing is
extracted.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from npconv._blocks import Block, read
from npconv._engine.casting import cast, cast_bytes
from npconv._engine.kept import Kept, made
from npconv._engine.numbers import Numbers, filter_bytes, itemsize, numbers
from npconv._engine.plan import MOVED, TILE_BYTES, Plan, Tile, Work, largest, pieces, runs
from npconv._engine.scratch import Array, Scratch
from npconv._geometry import Geometry, merged
from npconv._patches import Patches

NAME = "im2col"
_MOST_PATCHES = 4 << 20  # bytes of patches that several shares of the channels are multiplied by
_CONVERTED = 3 << 20  # bytes of filters that a tile converts at once, where it converts its own
_LEAST_TERMS = 128  # of the sums that they are for

Write = Callable[[Array, Tile, Scratch], bool]
"""Writes the products of a tile to the output; says whether they stand."""
Operands = tuple[Array, ...]
Part = tuple[Block, "tuple[Any, ...] | None"]
"""What is read for a part of a tile's sums, and where its filters lie; None for all of them."""


def admits(geometry: Geometry) -> bool:
    """Say whether it can compute a convolution: any."""
    return True


def pays(geometry: Geometry, batch: int) -> bool:
    """Say whether it is to be taken, where no other algorithm is."""
    return True


def plan(
    geometry: Geometry, batch: int, dtype: np.dtype[Any],
    *, name: str = NAME, block: tuple[int, ...] = (), shared: int = 0,
) -> Plan:  # fmt: skip
    """Cut a convolution, which may be the block-Toeplitz one of another, into tiles."""
    size, groups, terms = itemsize(dtype), geometry.groups, geometry.terms
    channels, depth = geometry.out_channels, groups * terms
    positions = batch * prod(geometry.outputs)
    copied = depth if prod(geometry.kernel) > 1 else 0
    effort = terms * channels + MOVED * copied
    count = pieces(geometry, batch, effort, max(depth, channels) * size)
    shares = 1
    if groups > 1 and positions * groups < channels * count:  # few positions of many groups
        shares = min(groups, count)
        count = -(-count // shares)
    elif count > 1 and groups == 1 and not block:  # the outputs of a block stay together
        # BLAS packs the patches once a share, and the filters, which takes longer, once a piece.
        count, shares = min(
            (
                (-(-count // share), share)
                for share in (1 << i for i in range(count.bit_length()))
                if share == 1 or positions * share * depth * size <= count * _MOST_PATCHES
            ),
            key=lambda cut: positions * cut[1] + 2 * channels * cut[0],
        )
    sides = largest((batch, *geometry.outputs), count)
    rows, tile_groups = prod(sides), -(-groups // shares) if groups > 1 else 1
    filters = channels // groups * tile_groups if groups > 1 else -(-channels // shares)

    converted = filter_bytes(dtype)
    own = converted > 0 and count == 1  # a filter is used in but one tile, which converts it
    sums = -(-tile_groups * terms * size // (TILE_BYTES + 1))
    if own:
        sums = max(sums, min(-(-terms * filters * converted // _CONVERTED), terms // _LEAST_TERMS))
    terms_at_once = prod(largest((*geometry.kernel, geometry.filter_channels), sums))
    patches, products = rows * tile_groups * terms_at_once * size, rows * filters * size
    pixels = sides[0] * geometry.pixels(*sides[1:])
    band = pixels * tile_groups * geometry.filter_channels * size
    buffers = {
        "patches": patches,
        "band": min(band, patches) if copied else 0,
        "product": products,
        "part": products if sums > 1 else 0,
        "cast": cast_bytes(dtype, rows * filters),
        "halves": patches + 2 * products if dtype.kind == "i" else 0,
        "filters": terms_at_once * filters * converted if own else 0,
    }
    shared += 0 if own else terms * channels * converted
    product = rows * terms_at_once * (filters // tile_groups)
    return Plan(name, geometry, batch, count, shares, buffers, shared, product, block, sums)


def _parts(plan: Plan, tile: Tile, itemsize: int) -> tuple[tuple[int, ...], list[Part]]:
    """Work out the shape of a tile's products, and the parts of its sums.

    Filters are (terms, OC) or (groups, terms, OC / groups), patches of so many bytes an element.
    """
    geometry, (o0, o1), stop = plan.geometry, tile.channels, 0
    each = geometry.out_channels // geometry.groups
    groups = o0 // each, -(-o1 // each)
    own = slice(*groups) if groups[1] - groups[0] > 1 else groups[0]
    parts: list[Part] = []
    for taps in runs((*geometry.kernel, geometry.filter_channels), plan.sums):
        start, stop = stop, stop + prod(hi - lo for lo, hi in taps)
        filters: tuple[Any, ...] | None = (slice(start, stop), slice(o0, o1))
        if geometry.groups > 1:
            filters = (own, slice(start, stop))
        elif plan.shares * plan.sums == 1:
            filters = None
        parts.append((read(geometry, tile.outputs, groups, taps, itemsize), filters))
    return (*parts[0][0].frame.matrix[:-1], min(each, o1 - o0)), parts


def prepare(
    plan: Plan, images: Array, weights: Array, out: Array, geometry: Geometry, kept: Kept | None
) -> Work:
    """Return the work on a tile; of a `geometry` that the plan may have changed."""
    arithmetic = numbers(images, weights, geometry, kept)
    whole = plan.pieces > 1 or kept is not None
    filters = made(kept, operands, weights, arithmetic, geometry.groups, whole)

    def write(sums: Array, tile: Tile, scratch: Scratch) -> bool:
        target = out[tile.place]
        if sums.ndim == 3:  # (g, m, o) -> (m, g, o)
            sums = sums.transpose(1, 0, 2)
            target = target.reshape(*target.shape[:-1], *sums.shape[1:])
        cast(sums.reshape(target.shape), target, scratch)
        return True

    direct = out if out.dtype == arithmetic.sums and out.flags.aligned else None
    return work_on(plan, images, filters, arithmetic, write, direct)


def work_on(
    plan: Plan, images: Array, filters: Operands, arithmetic: Numbers,
    write: Write, out: Array | None,
) -> Work:  # fmt: skip
    """Return what computes a tile's products, and writes those that BLAS cannot write to `out`."""
    dtype = arithmetic.dtype
    patches, size = Patches(images, dtype), dtype.itemsize
    convert = filters[0].dtype != dtype

    def work(tile: Tile, scratch: Scratch) -> bool:
        known = tile.known.get(size)
        if known is None:
            known = tile.known[size] = _parts(plan, tile, size)
        shape, parts = known
        place = None if out is None else _place(out, tile, shape)
        total = scratch.take("product", shape, arithmetic.sums) if place is None else place
        for number, (block, index) in enumerate(parts):
            sums = scratch.take("part", shape, arithmetic.sums) if number else total
            matrix = patches.matrix(block, scratch)
            own = filters if index is None else tuple([one[index] for one in filters])
            if convert:
                own = arithmetic.prepare(own[0], scratch)
            arithmetic.multiply(matrix, own, sums, scratch)
            del matrix, own  # or a buffer would live beside the larger one that replaces it
            if number:
                np.add(total, sums, out=total)
        return place is not None or write(total, tile, scratch)

    return work


def operands(flat: Array, arithmetic: Numbers, groups: int, whole: bool) -> Operands:
    """Return the filters of all tiles, converted as a `whole`, or for each to convert its own."""
    if not (flat.flags.c_contiguous or flat.flags.f_contiguous):
        flat = np.ascontiguousarray(flat)  # NumPy would do it for every tile
    filters = arithmetic.prepare(flat, Scratch()) if whole else (flat,)
    if groups > 1:  # (KH * KW * C, OC) -> (g, KH * KW * C, o)
        split = (one.reshape(len(one), groups, -1) for one in filters)
        filters = tuple(one.transpose(1, 0, 2) for one in split)
    return filters


def _place(out: Array, tile: Tile, shape: tuple[int, ...]) -> Array | None:
    """Return a tile of the output as matrices that BLAS can write, or None."""
    item = out.itemsize
    if out.flags.c_contiguous:  # the same as below, many times faster
        row = out.shape[-1] * item
        offset = tile.start * row + tile.channels[0] * item
        strides = (row, item) if len(shape) == 2 else (shape[2] * item, row, item)
        return np.ndarray(shape, out.dtype, out, offset, strides)
    target = out[tile.place]
    rows, column = merged(target.shape[:-1], target.strides[:-1]), target.strides[-1]
    if rows is None or len(shape) == 3 or rows < shape[1] * item or column != item:
        return None
    return as_strided(target, shape, (rows, column))
