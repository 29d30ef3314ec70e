"""What the steps of a convolution are thought to cost: a model by which plans are compared.

In nanoseconds of one core, fitted to measurements on x86-64 with AVX-512; only their relations
matter. `python -m parity speed --all-algorithms` shows how far the choice that follows from them is
from the best.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from npconv._engine.blocks import Blocks
    from npconv._geometry import Axis, Geometry

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
