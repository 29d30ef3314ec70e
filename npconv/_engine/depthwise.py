"""Depthwise: a group is one channel, and a product with one column gives BLAS nothing to do.

Channels are multiplied by their filters side by side, by ``einsum``, which sums over the taps in
one pass. The filters stand once more for each column of a tile, so that it runs along whole rows.
"""

from __future__ import annotations

from functools import lru_cache
from math import gcd, prod
from typing import Any, NamedTuple

import numpy as np

from npconv._engine.halves import cast, cast_bytes
from npconv._engine.numbers import itemsize
from npconv._engine.plan import Plan, Work, pieces
from npconv._engine.scratch import Scratch
from npconv._engine.tiles import Tile, largest
from npconv._geometry import Axis, Geometry

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
    pixels = sides[0]
    for axis, side in zip(geometry.axes, sides[1:], strict=True):
        pixels *= axis.span((0, side), (0, axis.kernel)).length
    shares = min(channels, -(-pixels * channels * size // _BAND))
    share = -(-channels // shares)
    products = prod(sides) * share
    buffers = {
        "band": pixels * share * size,
        "product": products * size,
        "part": products * size if geometry.axes[-1].stride > 1 else 0,
        "cast": cast_bytes(dtype, products),
    }
    repeated = geometry.terms * filters * channels * _columns(geometry) * size
    return Plan(NAME, geometry, batch, count, shares, buffers, repeated, 1)


def _columns(geometry: Geometry) -> int:
    """Return for how many columns of outputs the filters stand side by side."""
    channels, outputs = geometry.out_channels, geometry.outputs[-1]
    most = min(_RUN // geometry.in_channels, _REPEATED // (geometry.terms * channels))
    return -(-outputs // -(-outputs // max(1, most)))


class _Sum(NamedTuple):
    """One ``einsum``: some columns of outputs, and those taps whose pixels are neighbours.

    ``start`` is the phase and the column of the first pixel, ``step`` the columns to the next tap.
    """

    taps: slice
    columns: slice
    start: tuple[int, int]
    step: int


class _Layout(NamedTuple):
    """What a tile reads and sums up.

    Every stride-th pixel of a row lies beside the next, as those that a tap reads for neighbouring
    outputs: a phase. The band is (phases, images, *rows, columns, channels).
    """

    channels: slice
    band: tuple[int, ...]
    zeros: tuple[tuple[slice, ...], ...]
    copies: tuple[tuple[tuple[slice, ...], tuple[Any, ...]], ...]
    sums: tuple[_Sum, ...]


def _layout(plan: Plan, tile: Tile) -> _Layout:
    """Work out what a tile reads and sums up."""
    geometry, images = plan.geometry, slice(*tile.outputs[0])
    filters = geometry.out_channels // geometry.in_channels
    channels = slice(*(channel // filters for channel in tile.channels))
    *rows, axis = geometry.axes
    *places, (o0, o1) = tile.outputs[1:]
    spans = [a.span(place, (0, a.kernel)) for a, place in zip(rows, places, strict=True)]
    line, stride = axis.span((o0, o1), (0, axis.kernel)), axis.stride
    every, inside = slice(None), [slice(one.lo, one.hi) for one in spans]
    columns = -(-line.length // stride)
    band = (
        stride, images.stop - images.start, *(one.length for one in spans), columns,
        channels.stop - channels.start,
    )  # fmt: skip
    zeros = [
        (every, every, *inside[:i], border)
        for i, one in enumerate(spans)
        for border in (slice(0, one.lo), slice(one.hi, one.length))
    ]
    copies = []
    for phase in sorted({tap * axis.dilation % stride for tap in range(axis.kernel)}):
        begin = max(0, -(-(line.lo - phase) // stride))
        end = max(begin, -(-(line.hi - phase) // stride))
        here = (slice(phase, phase + 1), every, *inside)
        zeros += [(*here, slice(0, begin)), (*here, slice(end, columns))]
        if begin < end and all(one.lo < one.hi for one in spans):
            first = line.first + phase + begin * stride
            pixels = slice(first, first + (end - begin - 1) * stride + 1, stride)
            there = (slice(one.first + one.lo, one.first + one.hi) for one in spans)
            copies.append(
                ((images, *there, pixels, channels), (phase, every, *inside, slice(begin, end)))
            )
    there_are = tuple(one for one in zeros if one[-1].start < one[-1].stop)
    sums = _sums(axis, o1 - o0, _columns(geometry))
    return _Layout(channels, band, there_are, tuple(copies), sums)


@lru_cache(maxsize=256)
def _sums(axis: Axis, outputs: int, width: int) -> tuple[_Sum, ...]:
    """Return what is summed for so many outputs along the last axis, so many of them at once."""
    period, sums = axis.stride // gcd(axis.stride, axis.dilation), []
    for tap in range(min(period, axis.kernel)):
        column, phase = divmod(tap * axis.dilation, axis.stride)
        for start in range(0, outputs, width):
            place = slice(start, min(start + width, outputs))
            step = period * axis.dilation // axis.stride
            sums.append(_Sum(slice(tap, None, period), place, (phase, column + start), step))
    return tuple(sums)


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
        own, band, zeros, copies, sums = known
        pixels = scratch.take("band", band, dtype)
        for border in zeros:
            pixels[border] = 0
        for source, inside in copies:
            cast(images[source], pixels[inside], scratch)
        target = out[tuple(slice(*one) for one in tile.outputs)]
        target = target.reshape(*target.shape[:-1], channels, filters)[..., own, :]
        for number, taps in enumerate(repeated):
            place = target[..., number]
            written = direct and place.flags.c_contiguous
            total = place if written else scratch.take("product", place.shape, dtype)
            for one in sums:
                _add_up(one, pixels, taps[..., own], total, geometry, scratch)
            if not written:
                cast(total, place, scratch)
        return True

    return work


def _add_up(
    one: _Sum, pixels: Array, taps: Array, total: Array, geometry: Geometry, scratch: Scratch
) -> None:
    """Add the products of some taps to `total`, (n, *outputs, C); or begin it."""
    *steps, item = pixels.strides
    _, image, *rows, column = steps
    outer = geometry.axes[:-1]
    factors = taps[..., one.taps, : one.columns.stop - one.columns.start, :]
    factors = factors.reshape(*factors.shape[:-2], -1)  # (KH, taps, columns * C)
    phase, first = one.start
    shape = (*total.shape[:-2], *factors.shape)
    strides = (
        image,
        *(row * axis.stride for row, axis in zip(rows, outer, strict=True)),
        *(row * axis.dilation for row, axis in zip(rows, outer, strict=True)),
        column * one.step,
        item,
    )
    offset = phase * steps[0] + first * column
    patches = np.ndarray(shape, pixels.dtype, pixels, offset, strides)
    sums = total[..., one.columns, :].reshape(*total.shape[:-2], -1)
    outputs, kernel = "abcd"[: total.ndim - 2], "ijkl"[: factors.ndim - 1]
    rule = f"{outputs}{kernel}x,{kernel}x->{outputs}x"
    if one.taps.start == 0:  # nothing has been summed for these outputs yet
        np.einsum(rule, patches, factors, out=sums)
    else:
        part = scratch.take("part", sums.shape, sums.dtype)
        np.einsum(rule, patches, factors, out=part)
        np.add(sums, part, out=sums)


def _dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return in which numbers is multiplied: int32 wraps by itself."""
    return np.dtype(np.int32) if dtype.kind == "i" else np.dtype(f"f{itemsize(dtype)}")
