"""Gradients of a convolution, by the engine that computes convolutions.

The gradient by the images is, at every stride-th pixel, a convolution of its own. The one by the
filters is the product of the patches matrix, transposed, with the gradient of the output.
"""

from __future__ import annotations

from itertools import product
from math import gcd, prod
from typing import Any, NamedTuple

import numpy as np

from npconv._blocks import read
from npconv._engine import threads
from npconv._engine.casting import cast
from npconv._engine.multiply import right_multiply
from npconv._engine.numbers import itemsize, numbers
from npconv._engine.plan import TILE_BYTES, parts, runs
from npconv._engine.scratch import Array, Scratch
from npconv._geometry import Axis, Geometry
from npconv._patches import Patches

_LINE = 64  # bytes that a transposed copy writes at once
_PRODUCTS = 8 << 20  # bytes of products that are held until they are added up


class Phase(NamedTuple):
    """Every stride-th pixel along an axis: which taps meet them, and which outputs through these.

    ``axis`` is of the convolution of those outputs by those taps, in reverse.
    """

    pixels: slice
    taps: slice
    outputs: slice
    axis: Axis


def phases(axis: Axis) -> list[Phase]:
    """Return the phases that taps meet.

    >>> [one.taps for one in phases(Axis.resolve(8, 3, 2, 1, "SAME"))]
    [slice(0, None, 2), slice(1, None, 2)]
    """
    found, stride = [], axis.stride
    step = stride // gcd(stride, axis.dilation)
    spacing = axis.dilation * step // stride
    for tap in range(min(step, axis.kernel)):
        first = (axis.dilation * tap - axis.before) % stride
        pixels, taps = slice(first, axis.size, stride), slice(tap, axis.kernel, step)
        count, terms = (len(range(one.start, one.stop, one.step)) for one in (pixels, taps))
        last = (first + axis.before - axis.dilation * tap) // stride  # of the outputs it meets
        lo, hi = last - spacing * (terms - 1), last + count
        start, stop = max(lo, 0), min(hi, axis.outputs)
        if start < stop and count:
            along = Axis(stop - start, terms, 1, spacing, start - lo, hi - stop, count)
            found.append(Phase(pixels, taps, slice(start, stop), along))
    return found


def input_gradient(gradient: Array, filters: Array, geometry: Geometry, out: Array) -> None:
    """Write the gradient by the images, (N, *sizes, C), to `out`.

    `gradient` is the one by the outputs, (N, *outputs, OC), `filters` are (*kernel, C / groups,
    OC); all of any strides.
    """
    positions, channels = len(out) * prod(geometry.outputs), geometry.in_channels
    products, patches = 2 * positions * channels, positions * geometry.out_channels
    if products < patches + filters.size:
        pass
    if MODE == "scatter":
        _scatter(gradient, filters, geometry, out)
    else:
        _by_phase(gradient, filters, geometry, out)

MODE = "phase"

def _by_phase(gradient: Array, filters: Array, geometry: Geometry, out: Array) -> None:
    by_axis = [phases(axis) for axis in geometry.axes]
    covered = (sum(one.axis.outputs for one in found) for found in by_axis)
    if tuple(covered) != out.shape[1:-1]:
        out[...] = 0
    every, mirrored = (slice(None),), (slice(None, None, -1),) * len(geometry.axes)
    for phase in product(*by_axis):
        pixels, taps, outputs, axes = zip(*phase, strict=True)
        along = Geometry(
            axes, geometry.out_channels, geometry.out_channels // geometry.groups, out.shape[-1]
        )
        weights = _transposed(filters[taps][mirrored], geometry.groups)
        right_multiply(gradient[every + outputs], weights, along, out[every + pixels])


def _transposed(filters: Array, groups: int) -> Array:
    """Return the filters that lead back, flattened: (KH * KW * OC / groups, C)."""
    *kernel, inputs, outputs = filters.shape
    split = filters.reshape(*kernel, inputs, groups, outputs // groups)
    source = np.moveaxis(split, -3, -1)  # (..., groups, OC / groups, C / groups)
    source = source.swapaxes(-3, -2)
    shape = (prod(kernel) * outputs // groups, groups * inputs)
    if prod(kernel) == groups == 1:
        return source.reshape(shape)
    result = np.empty(source.shape, source.dtype)
    line = max(1, _LINE // source.itemsize)
    for start in range(0, inputs, line):
        result[..., start : start + line] = source[..., start : start + line]
    return result.reshape(shape)


def _scatter(gradient: Array, filters: Array, geometry: Geometry, out: Array) -> None:
    """Multiply every output by all taps, and add the products to the pixels that these meet.

    No zeros take part.
    """
    groups, inputs, outputs = geometry.groups, geometry.filter_channels, geometry.out_channels
    sums = np.dtype(np.float32) if out.dtype.itemsize == 2 else out.dtype.newbyteorder("=")
    taps = list(np.ndindex(*geometry.kernel))
    # (taps, C / groups, groups, OC / groups) -> (OC / groups, groups, taps, C / groups)
    weights = filters.reshape(len(taps), inputs, groups, -1).transpose(3, 2, 0, 1)
    row = prod(geometry.outputs) * geometry.in_channels * sums.itemsize
    at_once = max(1, _PRODUCTS // (row * len(taps)))
    some = max(1, min(len(taps), _PRODUCTS // row))
    whole = tuple((0, count) for count in geometry.outputs)
    axes = tuple(Axis(count, 1, 1, 1, 0, 0, count) for count in geometry.outputs)
    for lo in range(0, len(out), at_once):
        target = out[lo : lo + at_once]
        total = target if target.dtype == sums else np.empty(target.shape, sums)
        total[...] = 0
        split = total.reshape(*total.shape[:-1], groups, inputs)
        for first in range(0, len(taps), some):
            own = taps[first : first + some]
            channels = len(own) * geometry.in_channels
            along = Geometry(axes, outputs, outputs // groups, channels)
            products = np.empty((len(target), *geometry.outputs, channels), sums)
            flat = weights[:, :, first : first + some].reshape(-1, channels)
            right_multiply(gradient[lo : lo + at_once], flat, along, products)
            products = products.reshape(*products.shape[:-1], groups, len(own), inputs)
            for number, tap in enumerate(own):
                meetings = map(Axis.meeting, geometry.axes, whole, tap)
                of, at = zip(*meetings, strict=True)
                split[(slice(None), *at)] += products[(slice(None), *of)][..., number, :]
        if total is not target:
            np.copyto(target, total, casting="unsafe")


def filter_gradient(images: Array, gradient: Array, geometry: Geometry, out: Array) -> None:
    """Write the gradient by the filters, (*kernel, C / groups, OC), to `out`.

    `images` are (N, *sizes, C), `gradient` is the one by the outputs, (N, *outputs, OC).
    """
    groups, each = geometry.groups, geometry.out_channels // geometry.groups
    positions = (len(images), *geometry.outputs)
    dtype = out.dtype.newbyteorder("=")
    size = itemsize(dtype)
    rows = prod(out.shape[:-1])
    *kernel, channels = out.shape[:-1]
    shares = max(SHARES, -(-groups * rows * ROWS * size // TILE_BYTES))
    cols = [(0, each)]
    if prod(kernel) == 1 and channels < each:
        taps_ = [tuple((0, s) for s in out.shape[:-1])]
        cols = parts(each, shares)
    elif channels >= CUT * shares:
        taps_ = [(*((0, k) for k in kernel), one) for one in parts(channels, shares)]
    else:
        taps_ = list(runs(out.shape[:-1], shares))
    most = max(prod(b-a for a,b in one) for one in taps_)
    pieces = max(1, -(-prod(positions) * max(most * groups, geometry.out_channels) * size // TILE_BYTES))
    blocks = list(runs(positions, pieces))
    terms = max(prod(hi - lo for lo, hi in one) for one in blocks)
    arithmetic = numbers(images, gradient, Geometry((), terms, terms, 1))
    patches = Patches(images, arithmetic.dtype)
    place_ = out.reshape(*out.shape[:-1], groups, each)
    jobs = [(a, b) for a in taps_ for b in cols]

    def work(tile: Any, scratch: Scratch) -> bool:
        taps, (c0, c1) = tile
        n = prod(b-a for a,b in taps)
        shape = (groups, n, c1 - c0) if groups > 1 else (n, c1 - c0)
        total = scratch.take("total", shape, arithmetic.sums)
        for number, outputs in enumerate(blocks):
            block = _read(geometry, outputs, (0, groups), taps, size)
            matrix = patches.matrix(block, scratch)
            y = gradient[tuple(slice(*o) for o in outputs)]
            y = y.reshape(-1, geometry.out_channels)
            if y.dtype != dtype: y = y.astype(dtype)
            if groups > 1: y = y.reshape(-1, groups, each).transpose(1,0,2)
            y = arithmetic.prepare(y[..., c0:c1], scratch)
            part = scratch.take("part", shape, arithmetic.sums) if number else total
            arithmetic.multiply(matrix.swapaxes(-1,-2), y, part, scratch)
            if number: np.add(total, part, out=total)
        place = place_[tuple(slice(*o) for o in taps)][..., c0:c1]
        if groups > 1:
            total = total.transpose(1,0,2)
        cast(np.ascontiguousarray(total).reshape(place.shape), place, scratch)
        scratch.holds = None
        return True

    threads.each(jobs, work, len(jobs))
SHARES = 4
ROWS=512
CUT=16
from functools import lru_cache
_read = lru_cache(maxsize=1024)(read)
