"""Plain tiles: extract a tile of the patches matrix, multiply it, write it to the output.

Where the image itself is the patches matrix (1x1 kernels, kernels that cover the input) nothing is
extracted; with few channels a patch may serve several outputs, see ``wide``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from npconv._engine import wide
from npconv._engine.arithmetic import arithmetic
from npconv._engine.blocks import Blocks, Taps, Tile
from npconv._engine.plan import Plan, Wide, cuts, terms_at_once
from npconv._engine.scratch import Scratch
from npconv._geometry import merged
from npconv._patches import Patches

if TYPE_CHECKING:
    from npconv._engine.arithmetic import Arithmetic
    from npconv._geometry import Geometry

Array = np.ndarray[Any, Any]
Work = Callable[[Tile, Scratch], bool]


def plans(geometry: Geometry, batch: int, dtype: np.dtype[Any], *, light: bool) -> Iterator[Plan]:
    """Yield ways to cut a convolution into plain tiles.

    Parameters
    ----------
    geometry : Geometry
    batch : int
        Number of images.
    dtype : dtype
        Of the input.
    light : bool
        Whether there is so little to do that one tile is best.
    """
    yield from cuts("tiles", geometry, Wide(), batch, dtype, light=light)


def prepare(plan: Plan, patches: Patches, weights: Array, out: Array) -> Work:
    """Return the work on a tile, which says whether its result stands.

    Parameters
    ----------
    plan : Plan
    patches : Patches
        Of N images; the rows are N * OH * OW, the columns KH * KW * C / groups for each group.
    weights : ndarray, shape (KH * KW * C / groups, OC)
    out : ndarray, shape (N, OH, OW, OC)
        Any strides, alignment and byte order.
    """
    geometry = plan.geometry
    numbers = arithmetic(patches.images, weights, plan.blocks.reads)
    if plan.wide.adds_zeros:
        weights = wide.weights(weights, patches.geometry, plan.wide)
        patches = Patches(patches.images, geometry)
    if weights.dtype == numbers.dtype:
        if not (weights.flags.c_contiguous or weights.flags.f_contiguous):
            weights = np.ascontiguousarray(weights)  # NumPy would do it for every tile
        prepared: tuple[Array, ...] = (weights,)
    elif plan.blocks.filters_once:  # then a tile converts its own
        prepared = (weights,)
    else:
        prepared = numbers.prepare(weights, Scratch())
    groups = geometry.groups
    stacks = [_stack(one, groups) for one in prepared]
    in_place = (
        out.dtype == numbers.sum_dtype and plan.blocks.in_one_sum and not plan.wide.adds_zeros
    )
    # An infinity times an added zero leaves a NaN.
    doubtful = plan.wide.adds_zeros and numbers.sum_dtype.kind == "f"

    def work(tile: Tile, scratch: Scratch) -> bool:
        (n0, n1), (h0, h1), (w0, w1), (g0, g1), (o0, o1) = tile
        shape = (g1 - g0, (n1 - n0) * (h1 - h0) * (w1 - w0), o1 - o0)
        product = _place(out, tile, plan, shape) if in_place else None
        if product is not None:  # BLAS writes to the output itself
            _sum(product, patches, stacks, tile, plan, numbers, scratch)
            return True
        product = scratch.take("product", shape, numbers.sum_dtype)
        _sum(product, patches, stacks, tile, plan, numbers, scratch)
        if doubtful and np.isnan(product.min()):
            return False
        wide.scatter(product, tile, plan.wide, groups, out, scratch)
        return True

    return work


def _place(out: Array, tile: Tile, plan: Plan, shape: tuple[int, int, int]) -> Array | None:
    """Return a tile of the output as a matrix that BLAS can write, or None."""
    (n0, n1), (h0, h1), (w0, w1), (g0, g1), (o0, o1) = tile
    if g1 - g0 != 1 or not out.flags.aligned:
        return None
    start = g0 * plan.blocks.whole_tile[4] + o0
    _, height, width, channels = out.shape
    item = out.itemsize
    if out.flags.c_contiguous:  # the same as below, many times faster
        if (w1 - w0 < width and (h1 - h0, n1 - n0) != (1, 1)) or (h1 - h0 < height and n1 - n0 > 1):
            return None
        first = ((n0 * height + h0) * width + w0) * channels + start
        return np.ndarray(shape, out.dtype, out, first * item, (0, channels * item, item))
    target = out[n0:n1, h0:h1, w0:w1, start : start + o1 - o0]  # (n, h, w, o)
    row = merged(target.shape[:3], target.strides[:3])
    if (
        row is not None
        and (target.shape[3] == 1 or target.strides[3] == item)
        and row >= shape[2] * item
    ):
        return as_strided(target, shape, (0, row, item))
    return None


def _sum(
    product: Array,
    patches: Patches,
    stacks: Sequence[Array],
    tile: Tile,
    plan: Plan,
    numbers: Arithmetic,
    scratch: Scratch,
) -> None:
    """Write a tile's sums over the whole kernel to `product`, shape (g, n*h*w, o).

    `stacks` are the filters, prepared unless a tile converts its own.
    """
    blocks, fresh = plan.blocks, True
    terms = step = prod(blocks.taps)
    if stacks[0].dtype != numbers.dtype:
        step = terms_at_once(blocks, numbers.filter_bytes)
    for taps in blocks.each_taps():
        place = None if blocks.single else (tile[:4], taps)
        matrix = patches.matrix(tile, taps, numbers.dtype, scratch, place)
        if blocks.single and step == terms:  # spares small calls the views
            numbers.multiply(matrix, numbers.prepare(stacks[0], scratch), product, scratch)
            return
        weights = _weights(stacks, blocks, tile, taps)
        for start in range(0, matrix.shape[2], step):
            some = slice(start, start + step)
            parts = tuple(one[:, some] for one in weights)
            if parts[0].dtype != numbers.dtype:
                parts = numbers.prepare(parts[0], scratch)
            total = product if fresh else scratch.take("part", product.shape, product.dtype)
            numbers.multiply(matrix[..., some], parts, total, scratch)
            if not fresh:
                product += total
            fresh = False
        del weights, parts  # they may be copies, of which two would be held


def _stack(weights: Array, groups: int) -> Array:
    """Return (KH * KW * C, OC) filters as one matrix a group, shape (groups, KH * KW * C, o)."""
    if groups == 1:
        return weights[None]
    return weights.reshape(len(weights), groups, -1).transpose(1, 0, 2)


def _weights(stacks: Sequence[Array], blocks: Blocks, tile: Tile, taps: Taps) -> tuple[Array, ...]:
    """Return the weights of a tile's groups and filters, for some taps: (g, KH*KW*C, o)."""
    groups, *kernel, filters = (slice(*one) for one in (tile.groups, *taps, tile.out_channels))
    if blocks.in_one_sum:
        return tuple(one[groups, :, filters] for one in stacks)
    shape = (len(stacks[0]), *blocks.whole_taps, -1)
    views = (one.reshape(shape)[groups, *kernel, filters] for one in stacks)  # (g, KH, KW, C, o)
    return tuple(one.reshape(len(one), -1, one.shape[-1]) for one in views)
