"""Depthwise: a group is one channel, and a product with one column gives BLAS nothing to do.

Channels are multiplied by their filters side by side, by ``einsum``, which sums over the taps in
one pass. The filters stand once more for each column of a tile, so that it runs along whole rows.
"""

from __future__ import annotations

from math import gcd, prod
from typing import Any, NamedTuple

import numpy as np

from npconv._blocks import Block, read
from npconv._engine.halves import cast, cast_bytes
from npconv._engine.numbers import itemsize
from npconv._engine.plan import Plan, Task, Work, pieces
from npconv._engine.scratch import Scratch
from npconv._engine.tiles import Tile, largest
from npconv._geometry import Geometry
from npconv._patches import Patches

Array = np.ndarray[Any, Any]

NAME = "depthwise"
_BAND = 1 << 20  # bytes of what a tile reads, if the channels are enough to be cut
_RUN = 6144  # elements that einsum should find in a row; more would only repeat the filters more
_REPEATED = 1 << 18  # elements of all filters, side by side, at the most where it can be


def admits(geometry: Geometry) -> bool:
    """Say whether it can compute a convolution: not where a single output reaches too far."""
    reach = prod((axis.kernel - 1) * axis.dilation + 1 for axis in geometry.axes)
    return geometry.filter_channels == 1 < geometry.groups and reach * 8 <= _BAND


def pays(geometry: Geometry, batch: int) -> bool:
    """Say whether it is to be taken, where the rules before do not hold."""
    return admits(geometry)


def plan(geometry: Geometry, batch: int, dtype: np.dtype[Any]) -> Plan:
    """Cut a convolution into tiles of whole rows, and of channels where they read much."""
    size, channels = _dtype(dtype).itemsize, geometry.in_channels
    outputs, filters = (batch, *geometry.outputs), geometry.out_channels // channels
    count = pieces(geometry, batch, geometry.terms * geometry.out_channels, 3 * channels * size)
    sides = largest(outputs, count)
    spans = (
        axis.span((0, side), (0, axis.kernel)).length
        for axis, side in zip(geometry.axes, sides[1:], strict=True)
    )
    pixels = sides[0] * prod(spans)
    shares = min(channels, -(-pixels * channels * size // _BAND))
    share = -(-channels // shares)
    products = prod(sides) * share
    apart = geometry.axes[-1].stride > 1
    buffers = {
        "band": pixels * share * size,
        "apart": (pixels + prod(sides)) * share * size if apart else 0,
        "product": products * size,
        "part": products * size if apart else 0,
        "cast": cast_bytes(dtype, products),
    }
    repeated = geometry.terms * filters * channels * _columns(geometry) * size
    return Plan(NAME, geometry, batch, count, shares, layout, buffers, repeated, 1)


def _columns(geometry: Geometry) -> int:
    """Return for how many columns of outputs the filters stand side by side."""
    channels, outputs = geometry.out_channels, geometry.outputs[-1]
    most = min(_RUN // geometry.in_channels, _REPEATED // (geometry.terms * channels))
    return -(-outputs // -(-outputs // max(1, most)))


class _Sum(NamedTuple):
    """One ``einsum``: some columns of outputs, and those taps whose pixels are neighbours.

    Attributes
    ----------
    taps : slice
        Of the last axis.
    columns : slice
        Of the tile's outputs along the last axis.
    start : tuple of int
        Phase and column of the first pixel.
    step : int
        Columns from one of the taps to the next.
    first : bool
        Whether nothing has been summed for these outputs yet.
    """

    taps: slice
    columns: slice
    start: tuple[int, int]
    step: int
    first: bool


def layout(plan: Plan, tile: Tile) -> tuple[Any, ...]:
    """Return the tile's channels, its sums, and room for what is read, by the bytes of an element.

    Every stride-th pixel of a row lies beside the next, as those that a tap reads for neighbouring
    outputs: a phase.
    """
    geometry = plan.geometry
    filters = geometry.out_channels // geometry.in_channels
    axis, width = geometry.axes[-1], _columns(geometry)
    outputs = tile.outputs[-1][1] - tile.outputs[-1][0]
    period = axis.stride // gcd(axis.stride, axis.dilation)
    sums = []
    for tap in range(min(period, axis.kernel)):
        column, phase = divmod(tap * axis.dilation, axis.stride)
        for start in range(0, outputs, width):
            sums.append(
                _Sum(
                    slice(tap, None, period),
                    slice(start, min(start + width, outputs)),
                    (phase, column + start),
                    period * axis.dilation // axis.stride,
                    tap == 0,
                )
            )
    channels = tuple(channel // filters for channel in tile.channels)
    return channels, tuple(sums), {}


def prepare(plan: Plan, images: Array, weights: Array, out: Array, geometry: Geometry) -> Work:
    """Return the work on a task; see ``im2col.prepare``."""
    dtype, channels, kernel = _dtype(weights.dtype), geometry.in_channels, geometry.kernel
    filters = geometry.out_channels // channels
    # (KH * KW, C * filters) -> (filters, KH, KW, 1, C), and once more for each column.
    by_filter = weights.reshape(*kernel, 1, channels, filters)
    repeated = np.empty((filters, *kernel, _columns(geometry), channels), dtype)
    repeated[...] = np.moveaxis(by_filter, -1, 0)
    # One group of all channels: a pixel's lie beside each other.
    together = geometry._replace(filter_channels=channels)
    patches = Patches(images, together, dtype)
    direct = filters == 1 and out.dtype == dtype and out.flags.aligned

    def work(task: Task, scratch: Scratch) -> bool:
        tile, ((c0, c1), sums, blocks) = task
        block = blocks.get(dtype.itemsize)
        if block is None:
            taps = (*((0, size) for size in kernel), (c0, c1))
            block = read(together, tile.outputs, (0, 1), taps, dtype.itemsize)
            blocks[dtype.itemsize] = block
        pixels = _phases(patches.band(block, scratch)[0], geometry, scratch)
        target = out[tuple(slice(*one) for one in tile.outputs)]
        target = target.reshape(*target.shape[:-1], channels, filters)[..., c0:c1, :]
        for number, taps in enumerate(repeated):
            place = target[..., number]
            written = direct and place.flags.c_contiguous
            total = place if written else scratch.take("product", place.shape, dtype)
            for one in sums:
                _add_up(one, pixels, taps[..., c0:c1], total, geometry, scratch)
            if not written:
                cast(total, place, scratch)
        return True

    return work


def _phases(pixels: Array, geometry: Geometry, scratch: Scratch) -> Array:
    """Return (n, *rows, columns, C) pixels as (phases, n, *rows, columns, C)."""
    axis = geometry.axes[-1]
    if axis.stride == 1:
        return pixels[None]
    *rows, columns, channels = pixels.shape
    shape = (axis.stride, *rows, -(-columns // axis.stride), channels)
    phases = scratch.take("apart", shape, pixels.dtype)
    for phase in {tap * axis.dilation % axis.stride for tap in range(axis.kernel)}:
        those = pixels[..., phase :: axis.stride, :]
        phases[phase, ..., : those.shape[-2], :] = those
    return phases


def _add_up(
    one: _Sum, pixels: Array, taps: Array, total: Array, geometry: Geometry, scratch: Scratch
) -> None:
    """Add the products of some taps to `total`, (n, *outputs, C); or begin it, where first."""
    *steps, item = pixels.strides
    _, image, *rows, column = steps
    outer, channels = geometry.axes[:-1], total.shape[-1]
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
    if one.first:
        np.einsum(rule, patches, factors, out=sums)
    else:
        part = scratch.take("part", sums.shape, sums.dtype)
        np.einsum(rule, patches, factors, out=part)
        np.add(sums, part, out=sums)


def _dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return in which numbers is multiplied: int32 wraps by itself."""
    return np.dtype(np.int32) if dtype.kind == "i" else np.dtype(f"f{itemsize(dtype)}")
