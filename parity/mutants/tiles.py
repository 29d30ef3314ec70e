"""Faults at the ends of blocks: rows, filters, terms and pixels that are left over."""

# ruff: noqa: D102 -- each method is a step that Textbook describes

from __future__ import annotations

from threading import Barrier, Thread

import numpy as np

from parity.model.case import Array
from parity.mutants.textbook import Axis, Textbook


class LastRowLost(Textbook):
    """The last row of the output stays zero where there is more than one."""

    example = "float32 NHWC 1x2x1x1 w1x1x1x1 s1,1 d1,1 VALID distinct:0"

    def convolve(self, images: Array, kernels: Array, rows: Axis, columns: Axis) -> Array:
        result = super().convolve(images, kernels, rows, columns)
        result[:, 1:][:, -1:] = 0
        return result


class LastColumnLost(Textbook):
    """The last column of the output stays zero where there is more than one."""

    example = "float32 NHWC 1x1x2x1 w1x1x1x1 s1,1 d1,1 VALID distinct:0"

    def convolve(self, images: Array, kernels: Array, rows: Axis, columns: Axis) -> Array:
        result = super().convolve(images, kernels, rows, columns)
        result[:, :, 1:][:, :, -1:] = 0
        return result


class LastFilterLost(Textbook):
    """The last of several filters stays zero."""

    example = "float32 NHWC 1x1x1x1 w1x1x1x2 s1,1 d1,1 VALID distinct:0"

    def convolve(self, images: Array, kernels: Array, rows: Axis, columns: Axis) -> Array:
        result = super().convolve(images, kernels, rows, columns)
        result[..., 1:][..., -1:] = 0
        return result


class LastImageLost(Textbook):
    """The last of several images stays zero."""

    example = "float32 NHWC 2x1x1x1 w1x1x1x1 s1,1 d1,1 VALID distinct:0"

    def convolve(self, images: Array, kernels: Array, rows: Axis, columns: Axis) -> Array:
        result = super().convolve(images, kernels, rows, columns)
        result[1:][-1:] = 0
        return result


class PartialTileLost(Textbook):
    """After whole tiles of four rows, a last one of less stays zero."""

    example = "float32 NHWC 1x5x1x1 w1x1x1x1 s1,1 d1,1 VALID distinct:0"

    def tiles(self, outputs: int) -> list[slice]:
        tiles = super().tiles(outputs)
        return tiles[: outputs // self.tile_rows or None]


class HaloLost(Textbook):
    """Windows that reach into the pixels of the next tile find zeros there."""

    example = "float32 NHWC 1x6x1x1 w2x1x1x1 s1,1 d1,1 VALID distinct:0"

    def patches(self, images: Array, rows: Axis, columns: Axis, tile: slice) -> Array:
        patches = super().patches(images, rows, columns, tile)
        if tile.stop < rows.outputs:
            beyond = self.pixels(rows)[tile] >= tile.stop * rows.stride - rows.before
            patches.swapaxes(2, 3)[:, beyond] = 0
        return patches


class SharedScratch(Textbook):
    """Two threads, each with its own tile, copy their patches into the same buffer."""

    example = "float32 NHWC 1x8x1x1 w1x1x1x1 s1,1 d1,1 VALID distinct:0"

    def convolve(self, images: Array, kernels: Array, rows: Axis, columns: Axis) -> Array:
        result = super().convolve(images, kernels, rows, columns)
        tiles = self.tiles(rows.outputs)[:2]
        if len(tiles) < 2 or tiles[1].stop - tiles[1].start < self.tile_rows:
            return result
        groups = images.shape[3] // kernels.shape[2]
        weights = self.flattened(kernels, groups)
        scratch: list[Array] = []
        both = Barrier(2, timeout=60)

        def work(turn: int) -> None:
            tile = tiles[turn]
            patches = self.grouped(self.patches(images, rows, columns, tile), groups)
            for now in range(2):  # the second thread always copies last
                if now == turn:
                    scratch[:] = [patches]
                both.wait()
            with np.errstate(all="ignore"):  # which no thread inherits
                sums = self.multiplied(scratch[0], weights)
            result[:, tile] = sums.swapaxes(0, 1).reshape(result[:, tile].shape)

        threads = [Thread(target=work, args=(turn,)) for turn in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return result


class TermsLeftOver(Textbook):
    """Of more than 64 terms, those after the last whole block of 64 are not summed."""

    example = "float32 NHWC 1x1x1x65 w1x1x65x1 s1,1 d1,1 VALID distinct:0"

    def multiplied(self, patches: Array, weights: Array) -> Array:
        terms = weights.shape[1]
        whole = terms // 64 * 64 or terms
        return super().multiplied(patches[..., :whole], weights[:, :whole])


class FiltersLeftOver(Textbook):
    """Of more than 16 filters, those after the last whole block of 16 stay zero."""

    example = "float32 NHWC 1x1x1x1 w1x1x1x17 s1,1 d1,1 VALID distinct:0"

    def convolve(self, images: Array, kernels: Array, rows: Axis, columns: Axis) -> Array:
        result = super().convolve(images, kernels, rows, columns)
        filters = result.shape[3]
        result[..., filters // 16 * 16 or filters :] = 0
        return result


class BlockEdge(Textbook):
    """Of more than 64 filters, the last of each block of 16 gets what its neighbour gets."""

    example = "float32 NHWC 1x1x1x1 w1x1x1x80 s1,1 d1,1 VALID distinct:0"

    def convolve(self, images: Array, kernels: Array, rows: Axis, columns: Axis) -> Array:
        result = super().convolve(images, kernels, rows, columns)
        if result.shape[3] > 64:
            edges = np.arange(15, result.shape[3], 16)
            result[..., edges] = result[..., edges - 1]
        return result


class PixelsLeftOver(Textbook):
    """Of more than 1,024 pixels of an output, those after the last whole block stay zero."""

    example = "float32 NHWC 1x33x32x1 w1x1x1x1 s1,1 d1,1 VALID distinct:0"
    block = 1024

    def convolve(self, images: Array, kernels: Array, rows: Axis, columns: Axis) -> Array:
        result = super().convolve(images, kernels, rows, columns)
        pixels = result.reshape(result.shape[0], -1, result.shape[3])
        pixels[:, pixels.shape[1] // self.block * self.block or pixels.shape[1] :] = 0
        return result


class ManyPixelsLeftOver(PixelsLeftOver):
    """Of more than 65,536 pixels of an output, those after the last whole block stay zero."""

    example = "float32 NHWC 1x257x256x1 w1x1x1x1 s1,1 d1,1 VALID lattice:0"
    block = 65536
