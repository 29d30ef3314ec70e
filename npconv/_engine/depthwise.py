"""Depthwise: a group is one channel, and a product with one column gives BLAS nothing to do.

Channels are multiplied by their filters side by side, by ``einsum``, which sums over the taps in
one pass. The filters stand once more for each column of a tile, so that it runs along whole rows.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from npconv._blocks import Band, reach
from npconv._engine.casting import cast, cast_bytes
from npconv._engine.kept import Kept, made
from npconv._engine.numbers import itemsize
from npconv._engine.plan import Plan, Tile, Work, largest, pieces
from npconv._engine.scratch import Array, Scratch
from npconv._geometry import Axis, Geometry, Range, Ranges
from npconv._patches import fill

NAME = "depthwise"
_BAND = 2 << 20  # bytes of what a tile reads, if the channels are enough to be cut
_PRODUCT = 10  # multiply-adds of BLAS that take as long as one here
_RUN = 6144  # elements that einsum should find in a row; more would only repeat the filters more
_REPEATED = 1 << 18  # elements of all filters, side by side, at the most where it can be


def admits(geometry: Geometry) -> bool:
    """Say whether it can compute a convolution: not where most of what it reads is not used."""
    reaches = [(axis.kernel - 1) * axis.dilation + 1 for axis in geometry.axes]
    near = all(a.stride <= reach for a, reach in zip(geometry.axes, reaches, strict=True))
    return geometry.filter_channels == 1 < geometry.groups and near and prod(reaches) * 8 <= _BAND


def pays(geometry: Geometry, batch: int) -> bool:
    """Say whether it is to be taken, where the rules before do not hold."""
    return admits(geometry)


def plan(geometry: Geometry, batch: int, dtype: np.dtype[Any]) -> Plan:
    """Cut a convolution into tiles of whole rows, and of channels where they read much."""
    size, channels = dtype_of(dtype).itemsize, geometry.in_channels
    outputs, filters = (batch, *geometry.outputs), geometry.out_channels // channels
    effort = _PRODUCT * geometry.terms * geometry.out_channels
    read = 1 + prod(axis.stride for axis in geometry.axes)
    count = pieces(geometry, batch, effort, 3 * read * channels * size // 2)
    sides = largest(outputs, count)
    pixels = sides[0] * sum(plane.pixels(*sides[1:]) for _, plane in _planes(geometry))
    shares = min(channels, -(-pixels * channels * size // _BAND))
    share = -(-channels // shares)
    products = prod(sides) * share
    buffers = {
        "band": pixels * share * size,
        "product": products * size,
        "cast": cast_bytes(dtype, products),
        "factors": geometry.terms * _columns(geometry) * share * size,  # where reshape copies
    }
    repeated = geometry.terms * filters * channels * _columns(geometry) * size
    return Plan(NAME, geometry, batch, count, shares, buffers, repeated, 1)


@lru_cache(maxsize=256)
def _columns(geometry: Geometry) -> int:
    """Return for how many columns of outputs the filters stand side by side."""
    channels, outputs = geometry.out_channels, geometry.outputs[-1]
    most = min(_RUN // geometry.in_channels, _REPEATED // (geometry.terms * channels))
    return -(-outputs // -(-outputs // max(1, most)))


@lru_cache(maxsize=256)
def _planes(geometry: Geometry) -> list[tuple[slice, Geometry]]:
    """Return for each plane of a band which columns of the image it reads, and how.

    A plane holds, side by side, the pixels that a tap of the last axis reads for neighbouring
    outputs; at stride 1 all taps find them in the same one.
    """
    *rows, axis = geometry.axes
    whole = geometry._replace(filter_channels=geometry.in_channels)
    if axis.stride == 1:
        return [(slice(None), whole)]
    planes = []
    for tap in range(axis.kernel):
        skipped, first = divmod(tap * axis.dilation - axis.before, axis.stride)
        size = -((first - axis.size) // axis.stride)
        columns = Axis(size, 1, 1, 1, -skipped, 0, axis.outputs)
        plane = whole._replace(axes=(*rows, columns))
        planes.append((slice(first, None, axis.stride), plane))
    return planes


def reached(geometry: Geometry, outputs: Ranges, channels: Range) -> list[Band]:
    """Work out what outputs of some images read of some channels, for each plane."""
    return [
        reach(one, outputs, (0, 1), (*[(0, size) for size in one.kernel], channels))
        for _, one in _planes(geometry)
    ]


def read_band(
    images: Array, geometry: Geometry, reaches: list[Band], dtype: np.dtype[Any], scratch: Scratch
) -> Array:
    """Return the pixels that are `reached` as (planes, n, *pixels, C)."""
    band = scratch.take("band", (len(reaches), *reaches[0].shape[1:]), dtype)
    for number, (columns, _) in enumerate(_planes(geometry)):
        fill(band[number : number + 1], reaches[number], images[..., columns, :], scratch)
    return band


def prepare(
    plan: Plan, images: Array, weights: Array, out: Array, geometry: Geometry, kept: Kept | None
) -> Work:
    """Return the work on a tile; see ``im2col.prepare``."""
    dtype, channels = dtype_of(weights.dtype), geometry.in_channels
    filters = geometry.out_channels // channels
    repeated = made(kept, _repeated, weights, geometry.kernel, _columns(geometry), channels, dtype)
    direct = filters == 1 and out.dtype == dtype and out.flags.aligned

    def work(tile: Tile, scratch: Scratch) -> bool:
        own = tile.channels[0] // filters, tile.channels[1] // filters
        reaches = tile.known.get(NAME)
        if reaches is None:
            reaches = tile.known[NAME] = reached(geometry, tile.outputs, own)
        band = read_band(images, geometry, reaches, dtype, scratch)
        target = out[tile.place]
        target = target.reshape(*target.shape[:-1], -1, filters)
        for number, taps in enumerate(repeated):
            place = target[..., number]
            written = direct and place.flags.c_contiguous
            total = place if written else scratch.take("product", place.shape, dtype)
            _add_up(band, taps[..., slice(*own)], total, geometry)
            if not written:
                cast(total, place, scratch)
        return True

    return work


def _repeated(
    flat: Array, kernel: tuple[int, ...], columns: int, channels: int, dtype: np.dtype[Any]
) -> Array:
    """Return the filters by their number of a channel, and once more for each column."""
    # (KH * KW, C * filters) -> (KH, KW, 1, C, filters) -> (filters, KH, KW, columns, C)
    by_channel = flat.reshape(*kernel, 1, channels, -1)
    repeated = np.empty((by_channel.shape[-1], *kernel, columns, channels), dtype)
    repeated[...] = by_channel.transpose(by_channel.ndim - 1, *range(by_channel.ndim - 1))
    return repeated


def _add_up(band: Array, taps: Array, total: Array, geometry: Geometry) -> None:
    """Write the sums over all taps, (*kernel, columns, C), to `total`, (n, *outputs, C)."""
    repeated = taps.shape[-2]
    outputs, kernel = "abcd"[: total.ndim - 2], "ijkl"[: taps.ndim - 2]
    rule = f"{outputs}{kernel}x,{kernel}x->{outputs}x"
    for start in range(0, total.shape[-2], repeated):
        sums = total[..., start : start + repeated, :]
        factors = taps[..., : sums.shape[-2], :]
        factors = factors.reshape(*factors.shape[:-2], -1)  # (*kernel, columns * C)
        patches = patches_of(band, geometry, sums.shape, start)
        np.einsum(rule, patches, factors, out=sums.reshape(*sums.shape[:-2], -1))


def patches_of(band: Array, geometry: Geometry, shape: tuple[int, ...], start: int) -> Array:
    """Return patches of a band for outputs of a shape, (n, *outputs, C), from column `start`.

    They are (n, *outputs without columns, *kernel, columns * C).
    """
    plane, image, *pixels, item = band.strides
    axes = geometry.axes
    by_output = [pixel * axis.stride for pixel, axis in zip(pixels[:-1], axes, strict=False)]
    by_tap = [pixel * axis.dilation for pixel, axis in zip(pixels, axes, strict=True)]
    if len(band) > 1:
        by_tap[-1] = plane
    return np.ndarray(
        (*shape[:-2], *geometry.kernel, shape[-2] * shape[-1]),
        band.dtype,
        band,
        start * pixels[-1],
        (image, *by_output, *by_tap, item),
    )


def dtype_of(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return in which numbers is multiplied: int32 wraps by itself."""
    return np.dtype(np.int32) if dtype.kind == "i" else np.dtype(f"f{itemsize(dtype)}")
