"""The gradient of a convolution by its filters: the patches, transposed, times that by the outputs.

The sums run over all outputs of all images, cut into blocks whose patches stay in cache, always in
the same order; the filters are cut among the threads.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod

import numpy as np

from npconv._blocks import read
from npconv._engine import depthwise, threads
from npconv._engine.casting import cast
from npconv._engine.numbers import itemsize, numbers
from npconv._engine.plan import TILE_BYTES, parts, runs
from npconv._engine.scratch import Array, Scratch
from npconv._geometry import Geometry, Range, Ranges
from npconv._patches import Patches

_SHARES = 4
_WORTH_SHARING = 12_000_000  # multiply-adds
_BAND = 4 << 20
_RUN = 6144
_read = lru_cache(maxsize=1024)(read)
Share = tuple[Ranges, Range]


def filter_gradient(images: Array, gradient: Array, geometry: Geometry, out: Array) -> None:
    """Write the gradient by the filters, (*kernel, C / groups, groups, OC / groups).

    `images` are (N, *sizes, C), `gradient` is the one by the outputs, (N, *outputs, OC), of any
    strides. Padding is zeros that are multiplied.
    """
    if depthwise.admits(geometry):
        _by_channel(images, gradient, geometry, out)
    else:
        _by_group(images, gradient, geometry, out)


def _shares(geometry: Geometry, batch: int, size: int) -> list[Share]:
    """Cut the filters: their channels where these are many, so that a thread reads few pixels."""
    kernel, channels, groups = geometry.kernel, geometry.filter_channels, geometry.groups
    each = geometry.out_channels // groups
    elements = geometry.terms * geometry.out_channels
    count = -(-elements * size // TILE_BYTES)
    if batch * prod(geometry.outputs) * elements >= _WORTH_SHARING:
        count = max(count, _SHARES)
    whole = tuple((0, taps) for taps in kernel)
    if prod(kernel) == 1 and channels < each:
        return [((*whole, (0, channels)), one) for one in parts(each, count)]
    if channels >= 16 * count:
        return [((*whole, one), (0, each)) for one in parts(channels, count)]
    return [(one, (0, each)) for one in runs((*kernel, channels), count)]


def _by_group(images: Array, gradient: Array, geometry: Geometry, out: Array) -> None:
    groups, channels = geometry.groups, geometry.out_channels
    size = itemsize(out.dtype)
    shares = _shares(geometry, len(images), size)
    rows = groups * max(prod(hi - lo for lo, hi in one) for one, _ in shares)
    positions = (len(images), *geometry.outputs)
    count = -(-prod(positions) * max(rows, channels) * size // TILE_BYTES)
    blocks = list(runs(positions, count))
    terms = max(prod(hi - lo for lo, hi in one) for one in blocks)
    arithmetic = numbers(images, gradient, Geometry((), terms, terms, 1), None)
    patches = Patches(images, arithmetic.dtype)

    def work(share: Share, scratch: Scratch) -> bool:
        taps, (o0, o1) = share
        place = out[tuple(slice(*one) for one in taps)][..., o0:o1]
        shape = (groups, place.size // (groups * (o1 - o0)), o1 - o0)
        total = scratch.take("product", shape, arithmetic.sums)
        for number, outputs in enumerate(blocks):
            block = _read(geometry, outputs, (0, groups), taps, arithmetic.dtype.itemsize)
            matrix = patches.matrix(block, scratch)
            y = gradient[tuple(slice(*one) for one in outputs)]
            flat = y.reshape(-1, groups, channels // groups)[..., o0:o1]
            operands = arithmetic.prepare(flat.transpose(1, 0, 2), scratch)
            sums = scratch.take("part", shape, arithmetic.sums) if number else total
            matrix = matrix.reshape(groups, -1, shape[1])
            arithmetic.multiply(matrix.swapaxes(1, 2), operands, sums, scratch)
            if number:
                np.add(total, sums, out=total)
        cast(total.transpose(1, 0, 2).reshape(place.shape), place, scratch)
        return True

    threads.each(shares, work, len(shares))


def _by_channel(images: Array, gradient: Array, geometry: Geometry, out: Array) -> None:
    """Multiply channels side by side, see `depthwise`; blocks of outputs are the threads'."""
    kernel, channels = geometry.kernel, geometry.in_channels
    filters = geometry.out_channels // channels
    dtype = depthwise.dtype_of(out.dtype)
    positions = (len(images), *geometry.outputs)
    count = -(-3 * prod(positions) * channels * dtype.itemsize // _BAND)
    if prod(positions) * prod(kernel) * geometry.out_channels * 10 >= _WORTH_SHARING:
        count = max(count, _SHARES)
    blocks = list(runs(positions, count))
    columns = -(-geometry.outputs[-1] // -(-geometry.outputs[-1] * channels // _RUN))
    jobs = parts(len(blocks), 2 * _SHARES)
    totals = np.zeros((len(jobs), *kernel, channels, filters), dtype)
    axes = "abcd"[: len(kernel)], "ijk"[: len(kernel)]
    rule = "{0}{1}x,{0}x->{1}x".format(*axes)

    def work(job: int, scratch: Scratch) -> bool:
        for outputs in blocks[slice(*jobs[job])]:
            reaches = depthwise.reached(geometry, outputs, (0, channels))
            band = depthwise.read_band(images, geometry, reaches, dtype, scratch)
            y = gradient[tuple(slice(*one) for one in outputs)]
            y = y.reshape(*y.shape[:-1], channels, filters)
            for number in range(filters):
                rows = y[..., number]
                if rows.dtype != dtype or not rows.flags.c_contiguous:
                    rows = scratch.take("product", rows.shape, dtype)
                    cast(y[..., number], rows, scratch)
                for start in range(0, rows.shape[-2], columns):
                    own = rows[..., start : start + columns, :]
                    seen = depthwise.patches_of(band, geometry, own.shape, start)
                    sums = np.einsum(rule, seen, own.reshape(*own.shape[:-2], -1))
                    totals[job, ..., number] += sums.reshape(*kernel, -1, channels).sum(-2)
        return True

    threads.each(range(len(jobs)), work, len(jobs))
    np.copyto(out[..., 0, :, :], totals.sum(0), casting="unsafe")
