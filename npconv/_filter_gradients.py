"""The gradient of a convolution by its filters: the patches, transposed, times that by the outputs.

The sums run over the outputs of all images, cut into blocks whose patches stay in cache. Threads
share small filters by blocks, and large ones by filters; in which order is added is always the
same.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import product
from math import prod
from typing import Any

import numpy as np

from npconv._blocks import read
from npconv._engine import depthwise, threads
from npconv._engine.casting import cast
from npconv._engine.numbers import itemsize, numbers
from npconv._engine.plan import TILE_BYTES, parts, runs
from npconv._engine.scratch import Array, Scratch
from npconv._geometry import Geometry, Ranges
from npconv._patches import Patches

_PARTS = 4  # of much work
_WORTH_SHARING = 12_000_000  # multiply-adds, as `plan` has it
_DEEP = 512  # outputs: with fewer, adding up products takes a while beside them

_read = lru_cache(maxsize=1024)(read)
Multiply = Callable[[Ranges, Ranges, Array, Scratch], None]
"""Writes the sums over a block of outputs, for ranges of the filters, to an array."""


def filter_gradient(images: Array, gradient: Array, geometry: Geometry, out: Array) -> None:
    """Write the gradient by the filters, (*kernel, C / groups, groups, OC / groups), to `out`.

    `images` are (N, *sizes, C), `gradient` is the one by the outputs, (N, *outputs, OC), all of any
    strides. Padding is zeros that are multiplied.
    """
    positions, size = len(images) * prod(geometry.outputs), itemsize(out.dtype)
    by_channel = depthwise.admits(geometry)
    shares = 1 if by_channel else -(-out.size * size // TILE_BYTES)
    count = 1  # of ranges of blocks
    if positions * out.size * (10 if by_channel else 1) >= _WORTH_SHARING:
        if shares == 1 and (by_channel or positions >= _PARTS * _DEEP):
            count = _PARTS
        else:
            shares = max(shares, _PARTS)
    filters = _shares(out.shape, shares)
    most = max(geometry.out_channels, *(_size(one[:-1]) for one in filters))
    wide = 3 * geometry.in_channels if by_channel else most
    rows = -(-positions * wide * size // TILE_BYTES)
    blocks = list(runs((len(images), *geometry.outputs), max(count, rows)))
    make = _by_channel if by_channel else _by_group
    multiply, sums = make(images, gradient, geometry, max(map(_size, blocks)))
    ranges = parts(len(blocks), count)
    totals = np.empty((len(ranges), *out.shape), sums) if count > 1 else out[np.newaxis]

    def work(job: tuple[int, Ranges], scratch: Scratch) -> bool:
        number, share = job
        place = totals[number][tuple(slice(*one) for one in share)]
        total = scratch.take("product", place.shape, sums)
        first, last = ranges[number]
        for outputs in blocks[first:last]:
            some = total if outputs is blocks[first] else scratch.take("part", place.shape, sums)
            multiply(share, outputs, some, scratch)
            if some is not total:
                np.add(total, some, out=total)
        cast(total, place, scratch)
        return True

    jobs = list(product(range(len(ranges)), filters))
    threads.each(jobs, work, len(jobs))
    if count > 1:
        np.copyto(out, totals.sum(0), casting="unsafe")


def _size(ranges: Ranges) -> int:
    return prod(hi - lo for lo, hi in ranges)


def _shares(shape: tuple[int, ...], count: int) -> list[Ranges]:
    """Cut filters by their channels, of which each pixel is read but once, where there are many."""
    whole = [(0, size) for size in shape]
    if prod(shape[:-3]) == 1 and shape[-3] < shape[-1]:
        return [(*whole[:-1], one) for one in parts(shape[-1], count)]
    if shape[-3] >= 16 * count:
        return [(*whole[:-3], one, *whole[-2:]) for one in parts(shape[-3], count)]
    return [(*one, *whole[-2:]) for one in runs(shape[:-2], count)]


def _by_group(
    images: Array, gradient: Array, geometry: Geometry, terms: int
) -> tuple[Multiply, np.dtype[Any]]:
    """Multiply patches by gradients as matrices, with sums of so many terms at the most."""
    groups = geometry.groups
    arithmetic = numbers(images, gradient, Geometry((), terms, terms, 1), None)
    patches = Patches(images, arithmetic.dtype)

    def multiply(share: Ranges, outputs: Ranges, sums: Array, scratch: Scratch) -> None:
        *taps, _, (o0, o1) = share
        whole = geometry, outputs, (0, groups), tuple(taps), arithmetic.dtype.itemsize
        matrix = patches.matrix(_read(*whole), scratch)
        matrix = matrix.reshape(groups, -1, matrix.shape[-1])  # (g, positions, taps)
        y = gradient[tuple(slice(*one) for one in outputs)]
        y = y.reshape(matrix.shape[1], groups, -1)[..., o0:o1].transpose(1, 0, 2)
        flat = sums.reshape(matrix.shape[-1], groups, -1).transpose(1, 0, 2)
        arithmetic.multiply(matrix.swapaxes(1, 2), arithmetic.prepare(y, scratch), flat, scratch)

    return multiply, arithmetic.sums


def _by_channel(
    images: Array, gradient: Array, geometry: Geometry, terms: int
) -> tuple[Multiply, np.dtype[Any]]:
    """Multiply channels side by side, as `depthwise` does."""
    kernel, channels = geometry.kernel, geometry.in_channels
    dtype = depthwise.dtype_of(gradient.dtype)
    rule = "{0}{1}x,{0}x->{1}x".format("abcd"[: len(kernel)], "ijkl"[: len(kernel)])

    def multiply(share: Ranges, outputs: Ranges, sums: Array, scratch: Scratch) -> None:
        reaches = depthwise.reached(geometry, outputs, (0, channels))
        band = depthwise.read_band(images, geometry, reaches, dtype, scratch)
        y = gradient[tuple(slice(*one) for one in outputs)]
        y = y.reshape(*y.shape[:-1], channels, -1)
        seen = depthwise.patches_of(band, geometry, y.shape[:-1], 0)
        rows = scratch.take("row", y.shape[:-1], dtype)
        flat = rows.reshape(*rows.shape[:-2], -1)
        for number in range(y.shape[-1]):
            cast(y[..., number], rows, scratch)
            products = np.einsum(rule, seen, flat)  # (*kernel, columns * C)
            sums[..., 0, :, number] = products.reshape(*kernel, -1, channels).sum(-2)

    return multiply, dtype
