"""Plain tiles: extract a tile of the patches matrix, multiply it, write it to the output."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from npconv._engine.arithmetic import Arithmetic, arithmetic, itemsize, most_bytes
from npconv._engine.plan import Plan, Taps, Tile, plan
from npconv._patches import Patches, Scratch

if TYPE_CHECKING:
    from npconv._geometry import Geometry

Array = np.ndarray[Any, Any]


def right_multiply(patches: Patches, weights: Array, out: Array) -> None:
    """Right-multiply the patches matrix by the flattened filters, tile by tile.

    Parameters
    ----------
    patches : Patches
        Of N images; the rows are N * OH * OW, the columns KH * KW * C / groups for each group.
    weights : ndarray, shape (KH * KW * C / groups, OC)
    out : ndarray, shape (N, OH, OW, OC)
        Any strides, alignment and byte order.
    """
    geometry = patches.geometry
    blocks = plan(geometry, len(out), itemsize(weights.dtype))
    numbers = arithmetic(patches.images, weights, blocks.reads)
    prepared = numbers.prepare(weights)
    scratch = Scratch()
    for tile in blocks.each_tile():
        (n0, n1), (h0, h1), (w0, w1), (g0, g1), (o0, o1) = tile
        target = out[n0:n1, h0:h1, w0:w1]  # (n, h, w, OC)
        positions = target.shape[:3]
        target = target.reshape(*positions, geometry.groups, -1)[..., g0:g1, o0:o1]
        shape = (g1 - g0, prod(positions), o1 - o0)
        in_place = (  # BLAS writes to the output itself
            blocks.in_one_sum
            and g1 - g0 == 1
            and target.flags.c_contiguous
            and out.dtype == numbers.sum_dtype
        )
        product = (
            target.reshape(shape) if in_place else scratch.take("product", shape, numbers.sum_dtype)
        )
        _sum(product, patches, prepared, tile, blocks, numbers, scratch)
        if not in_place:
            product = product.reshape(g1 - g0, *positions, o1 - o0).transpose(1, 2, 3, 0, 4)
            np.copyto(target, product, casting="unsafe")


def describe(geometry: Geometry, batch: int, dtype: np.dtype[Any]) -> tuple[str, int]:
    """Say how a convolution is cut into tiles, and the bytes it takes at the most.

    Parameters
    ----------
    geometry : Geometry
    batch : int
        Number of images, at least 1.
    dtype : dtype
        Of the input and the filters.

    Returns
    -------
    str
        The tiles, for people.
    int
        Bytes beyond the arguments and the result, where these are C-contiguous.
    """
    blocks = plan(geometry, batch, itemsize(dtype))
    text = "tiles of {} x {} x {} outputs".format(*blocks.tile[:3])
    if geometry.groups > 1:
        text += f" and {blocks.tile[3]} of {geometry.groups} groups"
    if blocks.in_one_sum:
        text += ", whole kernel at once"
    else:
        text += ", {} x {} taps of {} channels at once".format(*blocks.taps)
    weights = prod(blocks.whole_taps) * geometry.out_channels
    return text, blocks.band_bytes + most_bytes(dtype, blocks, weights)


def _sum(
    product: Array,
    patches: Patches,
    prepared: tuple[Array, ...],
    tile: Tile,
    blocks: Plan,
    numbers: Arithmetic,
    scratch: Scratch,
) -> None:
    """Write a tile's sums over the whole kernel to `product`, shape (g, n*h*w, o)."""
    total = product
    for taps in blocks.each_taps():
        numbers.multiply(
            patches.matrix(tile, taps, numbers.dtype, scratch),
            tuple(_block(weights, patches.geometry, tile, taps) for weights in prepared),
            total,
        )
        if total is not product:
            product += total
        elif not blocks.in_one_sum:
            total = scratch.take("part", product.shape, product.dtype)


def _block(weights: Array, geometry: Geometry, tile: Tile, taps: Taps) -> Array:
    """Return the weights of a tile and of a block of taps, shape (g, KH*KW*C, o)."""
    (r0, r1), (q0, q1), (c0, c1) = taps
    (g0, g1), (o0, o1) = tile.groups, tile.out_channels
    kernel = (geometry.rows.kernel, geometry.columns.kernel, geometry.filter_channels)
    block = weights.reshape(*kernel, geometry.groups, -1)  # (KH, KW, C, groups, OC / groups)
    block = block[r0:r1, q0:q1, c0:c1, g0:g1, o0:o1]
    return block.reshape(-1, *block.shape[3:]).transpose(1, 0, 2)
