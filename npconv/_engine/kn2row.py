"""kn2row: for few filters on many channels, one product of each pixel, and shifted sums.

Extracting patches copies each pixel once a tap. With few filters it is cheaper to multiply each
pixel by all taps of all filters at once, and to add up the products where the taps meet (Vasudevan,
Anderson, Gregg 2017, "Parallel multi channel convolution using general matrix multiplication").
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from npconv._blocks import Index, reach
from npconv._engine.casting import cast, cast_bytes
from npconv._engine.kept import Kept, made
from npconv._engine.numbers import Numbers, filter_bytes, itemsize, numbers
from npconv._engine.plan import MOVED, Plan, Tile, Work, largest, pieces
from npconv._engine.scratch import Array, Scratch
from npconv._geometry import Geometry
from npconv._patches import fill

NAME = "kn2row"
_MOST_FILTERS = 8
_LEAST_CHANNELS = 8  # for each filter: with fewer, the shifted sums take longer than the patches
_MOST_COLUMNS = 256  # taps of all filters
_MOST_CHANNELS = 1 << 15  # so that a row of pixels stays in cache


def admits(geometry: Geometry) -> bool:
    """Say whether it can compute a convolution."""
    return (
        geometry.groups == 1
        and prod(geometry.kernel) > 1
        and all(axis.stride == 1 for axis in geometry.axes)
        and prod(geometry.kernel) * geometry.out_channels <= _MOST_COLUMNS
        and geometry.in_channels <= _MOST_CHANNELS
    )


def pays(geometry: Geometry, batch: int) -> bool:
    """Say whether it is to be taken, where the rules before do not hold."""
    filters, channels = geometry.out_channels, geometry.in_channels
    few = filters <= _MOST_FILTERS and _LEAST_CHANNELS * filters <= channels
    return few and admits(geometry)


def plan(geometry: Geometry, batch: int, dtype: np.dtype[Any]) -> Plan:
    """Cut a convolution into tiles."""
    size, channels = itemsize(dtype), geometry.in_channels
    columns = prod(geometry.kernel) * geometry.out_channels
    effort = channels * columns + MOVED * (channels + columns)
    count = pieces(geometry, batch, effort, max(channels, columns) * size)
    images, *sides = largest((batch, *geometry.outputs), count)
    pixels = images * geometry.pixels(*sides)
    sums = images * prod(sides) * geometry.out_channels
    buffers = {
        "band": pixels * channels * size,
        "products": pixels * columns * size,
        "product": sums * size,
        "cast": cast_bytes(dtype, sums),
        "halves": pixels * (channels + 2 * columns) * size if dtype.kind == "i" else 0,
    }
    shared = channels * columns * (dtype.itemsize + filter_bytes(dtype))
    product = pixels * channels * columns
    return Plan(NAME, geometry, batch, count, 1, buffers, shared, product)


def prepare(
    plan: Plan, images: Array, weights: Array, out: Array, geometry: Geometry, kept: Kept | None
) -> Work:
    """Return the work on a tile; see ``im2col.prepare``."""
    channels, filters, kernel = geometry.in_channels, geometry.out_channels, geometry.kernel
    arithmetic = numbers(images, weights, geometry, kept)
    operands = made(kept, _operands, weights, channels, arithmetic)
    whole = tuple((0, taps) for taps in (*kernel, channels))

    def work(tile: Tile, scratch: Scratch) -> bool:
        band = tile.known.get(NAME)
        if band is None:
            band = tile.known[NAME] = reach(geometry, tile.outputs, (0, 1), whole)
        pixels = scratch.take("band", band.shape, arithmetic.dtype)
        pixels = fill(pixels, band, images, scratch)[0]  # (n, *pixels, C)
        shape = (operands[0].shape[1], prod(pixels.shape[:-1]))
        product = scratch.take("products", shape, arithmetic.sums)
        arithmetic.multiply(pixels.reshape(-1, channels), operands, product.T, scratch)
        planes = product.reshape(*kernel, filters, *pixels.shape[:-1])
        sizes = tuple(hi - lo for lo, hi in tile.outputs)
        sums = scratch.take("product", (filters, *sizes), arithmetic.sums)
        for number, tap in enumerate(np.ndindex(kernel)):
            plane = planes[_met(geometry, tap, sizes[1:])]
            if number:
                np.add(sums, plane, out=sums)
            else:
                np.copyto(sums, plane)
        cast(np.moveaxis(sums, 0, -1), out[tile.place], scratch)
        return True

    return work


def _met(geometry: Geometry, tap: tuple[int, ...], outputs: tuple[int, ...]) -> Index:
    """Return which products so many outputs add under a tap: of (*kernel, filters, n, *pixels)."""
    starts = [k * axis.dilation for k, axis in zip(tap, geometry.axes, strict=True)]
    places = (slice(lo, lo + count) for lo, count in zip(starts, outputs, strict=True))
    return (*tap, slice(None), slice(None), *places)


def _operands(flat: Array, channels: int, arithmetic: Numbers) -> tuple[Array, ...]:
    """Return the filters side by side: (KH * KW * C, OC) -> (C, KH * KW * OC)."""
    by_pixel = flat.reshape(-1, channels, flat.shape[1]).transpose(1, 0, 2)
    return arithmetic.prepare(by_pixel.reshape(channels, -1), Scratch())
