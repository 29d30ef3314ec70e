"""Faults at the ends of blocks: rows, filters, terms and pixels that are left over."""

from __future__ import annotations

from threading import Barrier, Thread

import numpy as np

from parity.model.case import Array
from parity.mutants.book import Axis
from parity.mutants.mutant import slip
from parity.mutants.textbook import RIGHT, TILE_ROWS, Layer


@slip("outputs", "float32 NHWC 1x2x1x1 w1x1x1x1 s1,1 d1,1 VALID distinct:0")
def last_row_lost(result: Array, layer: Layer) -> Array:
    """The last row of the output stays zero where there is more than one."""
    result[:, 1:][:, -1:] = 0
    return result


@slip("outputs", "float32 NHWC 1x1x2x1 w1x1x1x1 s1,1 d1,1 VALID distinct:0")
def last_column_lost(result: Array, layer: Layer) -> Array:
    """The last column of the output stays zero where there is more than one."""
    result[:, :, 1:][:, :, -1:] = 0
    return result


@slip("outputs", "float32 NHWC 1x1x1x1 w1x1x1x2 s1,1 d1,1 VALID distinct:0")
def last_filter_lost(result: Array, layer: Layer) -> Array:
    """The last of several filters stays zero."""
    result[..., 1:][..., -1:] = 0
    return result


@slip("outputs", "float32 NHWC 2x1x1x1 w1x1x1x1 s1,1 d1,1 VALID distinct:0")
def last_image_lost(result: Array, layer: Layer) -> Array:
    """The last of several images stays zero."""
    result[1:][-1:] = 0
    return result


@slip("tiles", "float32 NHWC 1x5x1x1 w1x1x1x1 s1,1 d1,1 VALID distinct:0")
def partial_tile_lost(outputs: int) -> list[slice]:
    """After whole tiles of four rows, a last one of less stays zero."""
    return RIGHT.tiles(outputs)[: outputs // TILE_ROWS or None]


@slip("patches", "float32 NHWC 1x6x1x1 w2x1x1x1 s1,1 d1,1 VALID distinct:0")
def halo_lost(images: Array, rows: Axis, columns: Axis, tile: slice) -> Array:
    """Windows that reach into the pixels of the next tile find zeros there."""
    patches = RIGHT.patches(images, rows, columns, tile)
    if tile.stop < rows.outputs:
        beyond = RIGHT.pixels(rows)[tile] >= tile.stop * rows.stride - rows.before
        patches.swapaxes(2, 3)[:, beyond] = 0
    return patches


@slip("outputs", "float32 NHWC 1x8x1x1 w1x1x1x1 s1,1 d1,1 VALID distinct:0")
def shared_scratch(result: Array, layer: Layer) -> Array:
    """Two threads, each with its own tile, copy their patches into the same buffer."""
    tiles = RIGHT.tiles(layer.rows.outputs)[:2]
    if len(tiles) < 2 or tiles[1].stop - tiles[1].start < TILE_ROWS:
        return result
    weights = RIGHT.flattened(layer.kernels, layer.groups)
    scratch: list[Array] = []
    both = Barrier(2, timeout=60)

    def work(turn: int) -> None:
        tile = tiles[turn]
        patches = RIGHT.patches(layer.images, layer.rows, layer.columns, tile)
        for now in range(2):  # the second thread always copies last
            if now == turn:
                scratch[:] = [RIGHT.grouped(patches, layer.groups)]
            both.wait()
        with np.errstate(all="ignore"):  # which no thread inherits
            sums = RIGHT.multiplied(scratch[0], weights)
        result[:, tile] = sums.swapaxes(0, 1).reshape(result[:, tile].shape)

    threads = [Thread(target=work, args=(turn,)) for turn in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return result


@slip("multiplied", "float32 NHWC 1x1x1x65 w1x1x65x1 s1,1 d1,1 VALID distinct:0")
def terms_left_over(patches: Array, weights: Array) -> Array:
    """Of more than 64 terms, those after the last whole block of 64 are not summed."""
    terms = weights.shape[1]
    whole = terms // 64 * 64 or terms
    return RIGHT.multiplied(patches[..., :whole], weights[:, :whole])


@slip("outputs", "float32 NHWC 1x1x1x1 w1x1x1x17 s1,1 d1,1 VALID distinct:0")
def filters_left_over(result: Array, layer: Layer) -> Array:
    """Of more than 16 filters, those after the last whole block of 16 stay zero."""
    result[..., layer.filters // 16 * 16 or layer.filters :] = 0
    return result


@slip("outputs", "float32 NHWC 1x1x1x1 w1x1x1x80 s1,1 d1,1 VALID distinct:0")
def block_edge(result: Array, layer: Layer) -> Array:
    """Of more than 64 filters, the last of each block of 16 gets what its neighbour gets."""
    if layer.filters > 64:
        edges = np.arange(15, layer.filters, 16)
        result[..., edges] = result[..., edges - 1]
    return result


@slip("outputs", "float32 NHWC 1x33x32x1 w1x1x1x1 s1,1 d1,1 VALID distinct:0")
def pixels_left_over(result: Array, layer: Layer) -> Array:
    """Of more than 1,024 pixels of an output, those after the last whole block stay zero."""
    return _without_rest(result, 1024)


@slip("outputs", "float32 NHWC 1x257x256x1 w1x1x1x1 s1,1 d1,1 VALID lattice:0")
def many_pixels_left_over(result: Array, layer: Layer) -> Array:
    """Of more than 65,536 pixels of an output, those after the last whole block stay zero."""
    return _without_rest(result, 65536)


def _without_rest(result: Array, block: int) -> Array:
    pixels = result.reshape(len(result), -1, result.shape[3])
    pixels[:, pixels.shape[1] // block * block or pixels.shape[1] :] = 0
    return result
