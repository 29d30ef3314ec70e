"""Depthwise: a group is one channel, and a product with one column gives BLAS nothing to do.

Channels are multiplied by their filters side by side, by ``einsum``, which sums over the taps in
one pass. The filters stand once more for each column of a tile, so that it runs along whole rows.
"""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

import numpy as np

from npconv._engine.halves import cast, cast_bytes
from npconv._engine.numbers import itemsize
from npconv._engine.plan import Plan, Work, pieces
from npconv._engine.scratch import Scratch
from npconv._engine.tiles import Tile, largest
from npconv._geometry import Geometry

Array = np.ndarray[Any, Any]

NAME = "depthwise"
_BAND = 1 << 20  # bytes of what a tile reads, if the channels are enough to be cut
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
    size, channels = _dtype(dtype).itemsize, geometry.in_channels
    outputs, filters = (batch, *geometry.outputs), geometry.out_channels // channels
    effort = _PRODUCT * geometry.terms * geometry.out_channels
    read = 1 + prod(axis.stride for axis in geometry.axes)
    count = pieces(geometry, batch, effort, 3 * read * channels * size // 2)
    sides = largest(outputs, count)
    *rows, axis = geometry.axes
    pixels = sides[0] * axis.span((0, sides[-1]), (0, axis.kernel)).length
    if axis.stride > 1:
        pixels = sides[0] * sides[-1] * axis.kernel
    for row, side in zip(rows, sides[1:], strict=False):
        pixels *= row.span((0, side), (0, row.kernel)).length
    shares = min(channels, -(-pixels * channels * size // _BAND))
    share = -(-channels // shares)
    products = prod(sides) * share
    buffers = {
        "band": pixels * share * size,
        "product": products * size,
        "cast": cast_bytes(dtype, products),
    }
    repeated = geometry.terms * filters * channels * _columns(geometry) * size
    return Plan(NAME, geometry, batch, count, shares, buffers, repeated, 1)


def _columns(geometry: Geometry) -> int:
    """Return for how many columns of outputs the filters stand side by side."""
    channels, outputs = geometry.out_channels, geometry.outputs[-1]
    most = min(_RUN // geometry.in_channels, _REPEATED // (geometry.terms * channels))
    return -(-outputs // -(-outputs // max(1, most)))


class _Layout(NamedTuple):
    """What a tile reads: a band of (planes, images, *rows, columns, channels).

    A plane holds, side by side, the pixels that a tap of the last axis reads for neighbouring
    outputs; at stride 1 all taps find them in the same one.
    """

    channels: slice
    band: tuple[int, ...]
    zeros: tuple[tuple[slice, ...], ...]
    copies: tuple[tuple[tuple[slice, ...], tuple[slice, ...]], ...]


def _layout(plan: Plan, tile: Tile) -> _Layout:
    """Work out what a tile reads."""
    geometry, (images, *places, (o0, o1)) = plan.geometry, tile.outputs
    filters = geometry.out_channels // geometry.in_channels
    channels = slice(*(channel // filters for channel in tile.channels))
    *rows, axis = geometry.axes
    spans = [a.span(place, (0, a.kernel)) for a, place in zip(rows, places, strict=True)]
    lines = []  # of the image, and of the band
    if axis.stride == 1:
        first, width, lo, hi = axis.span((o0, o1), (0, axis.kernel))
        lines.append((slice(first + lo, first + hi), slice(lo, hi)))
    else:
        width = o1 - o0
        for tap in range(axis.kernel):
            lo, hi = axis.meeting((o0, o1), tap)
            first = lo * axis.stride + tap * axis.dilation - axis.before
            pixels = slice(first, first + (hi - lo - 1) * axis.stride + 1, axis.stride)
            lines.append((pixels, slice(lo - o0, hi - o0)))
    every = (slice(None), slice(None))
    inside = [slice(one.lo, one.hi) for one in spans]
    there = [slice(one.first + one.lo, one.first + one.hi) for one in spans]
    zeros = [
        (*every, *inside[:i], border)
        for i, one in enumerate(spans)
        for border in (slice(0, one.lo), slice(one.hi, one.length))
    ]
    copies = []
    for plane, (pixels, columns) in enumerate(lines):
        here = (slice(plane, plane + 1), slice(None), *inside)
        zeros += [(*here, slice(0, columns.start)), (*here, slice(columns.stop, width))]
        if all(one.start < one.stop for one in (*inside, columns)):
            copies.append(((slice(*images), *there, pixels, channels), (*here, columns)))
    heights = (one.length for one in spans)
    size = channels.stop - channels.start
    return _Layout(
        channels,
        (len(lines), images[1] - images[0], *heights, width, size),
        tuple(border for border in zeros if border[-1].start < border[-1].stop),
        tuple(copies),
    )


def prepare(plan: Plan, images: Array, weights: Array, out: Array, geometry: Geometry) -> Work:
    """Return the work on a tile; see ``im2col.prepare``."""
    dtype, channels, kernel = _dtype(weights.dtype), geometry.in_channels, geometry.kernel
    filters = geometry.out_channels // channels
    # (KH * KW, C * filters) -> (filters, KH, KW, 1, C), and once more for each column.
    by_filter = weights.reshape(*kernel, 1, channels, filters)
    repeated = np.empty((filters, *kernel, _columns(geometry), channels), dtype)
    repeated[...] = by_filter.transpose(by_filter.ndim - 1, *range(by_filter.ndim - 1))
    direct = filters == 1 and out.dtype == dtype and out.flags.aligned

    def work(tile: Tile, scratch: Scratch) -> bool:
        key = (tile.start, tile.channels)
        known: Any = plan.once(key, lambda: _layout(plan, tile))
        own, shape, zeros, copies = known
        band = scratch.take("band", shape, dtype)
        for border in zeros:
            band[border] = 0
        for source, inside in copies:
            cast(images[source], band[inside][0], scratch)
        target = out[tuple(slice(*one) for one in tile.outputs)]
        target = target.reshape(*target.shape[:-1], channels, filters)[..., own, :]
        for number, taps in enumerate(repeated):
            place = target[..., number]
            written = direct and place.flags.c_contiguous
            total = place if written else scratch.take("product", place.shape, dtype)
            _add_up(band, taps[..., own], total, geometry)
            if not written:
                cast(total, place, scratch)
        return True

    return work


def _add_up(band: Array, taps: Array, total: Array, geometry: Geometry) -> None:
    """Write the sums over all taps, (*kernel, columns, C), to `total`, (n, *outputs, C)."""
    plane, image, *pixels, item = band.strides
    axes, repeated = geometry.axes, taps.shape[-2]
    by_output = [pixel * axis.stride for pixel, axis in zip(pixels[:-1], axes, strict=False)]
    by_tap = [pixel * axis.dilation for pixel, axis in zip(pixels, axes, strict=True)]
    if len(band) > 1:
        by_tap[-1] = plane
    outputs, kernel = "abcd"[: total.ndim - 2], "ijkl"[: taps.ndim - 2]
    rule = f"{outputs}{kernel}x,{kernel}x->{outputs}x"
    for start in range(0, total.shape[-2], repeated):
        sums = total[..., start : start + repeated, :]
        factors = taps[..., : sums.shape[-2], :]
        factors = factors.reshape(*factors.shape[:-2], -1)  # (*kernel, columns * C)
        patches = np.ndarray(
            (*total.shape[:-2], *factors.shape),
            band.dtype,
            band,
            start * pixels[-1],
            (image, *by_output, *by_tap, item),
        )
        np.einsum(rule, patches, factors, out=sums.reshape(*sums.shape[:-2], -1))


def _dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return in which numbers is multiplied: int32 wraps by itself."""
    return np.dtype(np.int32) if dtype.kind == "i" else np.dtype(f"f{itemsize(dtype)}")
