"""Winograd's algorithm on 3x3 kernels at stride 1, right for its points; and faults of it.

Each is asked within the bound of its points, save the one that does not say them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import NamedTuple

import numpy as np

from parity.model.case import Array
from parity.model.error import Winograd, parse
from parity.mutants.mutant import slip
from parity.mutants.textbook import RIGHT, Layer, Textbook

OUTPUTS, TAPS = 4, 3
TILE = OUTPUTS + TAPS - 1
POINTS = "winograd:F(4,3):0,±5/8,±3/2"
SHOWN = "float32 NHWC 1x7x7x2 w3x3x2x2 s1,1 d1,1 SAME distinct:0"


class Transforms(NamedTuple):
    """Of the output (4, 6), of the input (6, 6) and of the filters (6, 3)."""

    output: Array
    input: Array
    filters: Array

    @classmethod
    def of(cls, points: tuple[Fraction, ...]) -> Transforms:
        """Return Toom's and Cook's for five points and infinity."""
        powers = [[p**j for p in points] for j in range(OUTPUTS)]
        output = np.array(powers, float)
        scales = [math.prod(float(p - q) for q in points if q != p) for p in points]
        filters = output[:TAPS].T / np.array(scales)[:, None]
        roots = [[float(q) for q in points if q != p] for p in points]
        rows = [[*np.poly(some)[::-1], 0] for some in roots]
        rows.append([*np.poly([float(p) for p in points])[::-1]])
        last = np.eye(OUTPUTS)[:, -1:], np.eye(TAPS)[-1:]
        return cls(np.hstack([output, last[0]]), np.array(rows), np.vstack([filters, last[1]]))


def convolve(
    layer: Layer,
    by: Transforms,
    *,
    early: int = 0,
    tiles: Callable[[Array], Array] = lambda tiles: tiles,
) -> Array:
    """Return (N, OH, OW, OC); ``early`` pixels too soon begins a last tile that is not whole."""
    axes = layer.rows, layer.columns
    plain = layer.kernel == (TAPS, TAPS) and layer.strides == (1, 1)
    if not plain or {axis.dilation for axis in axes} != {1} or layer.images.dtype.kind != "f":
        return RIGHT.convolve(layer)
    dtype, images = layer.images.dtype, layer.images
    output, input, filters = (one.astype(dtype) for one in by)
    pixels = []
    for axis in axes:
        count = -(-axis.outputs // OUTPUTS)
        starts = np.arange(count) * OUTPUTS
        starts[-1] -= early if axis.outputs % OUTPUTS and count > 1 else 0
        pixels.append(starts[:, None] + np.arange(TILE))
    sizes = [at.size // TILE * OUTPUTS + TAPS - 1 for at in pixels]
    pads = [
        (axis.before, max(0, size - axis.before - axis.size))
        for axis, size in zip(axes, sizes, strict=True)
    ]
    padded = np.pad(images, [(0, 0), *pads, (0, 0)])
    seen = padded[:, pixels[0]][:, :, :, pixels[1]]  # (N, R, 6, S, 6, C)
    seen = tiles(np.moveaxis(seen, (2, 4), (-2, -1)))  # (N, R, S, C, 6, 6)
    seen = input @ seen @ input.T
    taps = filters @ np.moveaxis(layer.kernels, (0, 1), (-2, -1)) @ filters.T  # (D, F, 6, 6)
    seen = seen.reshape(*seen.shape[:3], layer.groups, layer.depth, TILE, TILE)
    taps = taps.reshape(layer.depth, layer.groups, -1, TILE, TILE)
    sums = np.einsum("nrsgdij,dgfij->nrsgfij", seen, taps)
    sums = output @ sums @ output.T  # (N, R, S, G, F / G, 4, 4)
    sums = np.moveaxis(sums.reshape(*sums.shape[:3], -1, OUTPUTS, OUTPUTS), (4, 5), (2, 4))
    whole = sums.reshape(len(images), sums.shape[1] * OUTPUTS, -1, layer.filters)
    # (N, R, 4, S, 4, F)
    return np.ascontiguousarray(whole[:, : axes[0].outputs, : axes[1].outputs])


def kernel(text: str) -> Textbook:
    """Return a right conv2d that takes F(4,3) by the points of an option ``--error``."""
    error = parse(text)
    assert isinstance(error, Winograd)
    right = Textbook(convolve=partial(convolve, by=Transforms.of(error.points)))
    right.error = text
    return right


CONTROL = kernel(POINTS)
BY = Transforms.of(tuple(Fraction(one) for one in ("0", "5/8", "-5/8", "3/2", "-3/2")))


@slip("convolve", SHOWN)
def winograd_unsaid(layer: Layer) -> Array:
    """Winograd's F(4,3), where nothing says so."""
    return convolve(layer, BY)


@slip("convolve", SHOWN, error=POINTS)
def winograd_sign(layer: Layer) -> Array:
    """One sign of the input's transform is wrong."""
    input = BY.input.copy()
    input[2, 1] *= -1
    return convolve(layer, BY._replace(input=input))


@slip("convolve", SHOWN, error=POINTS)
def winograd_point_rounded(layer: Layer) -> Array:
    """In the output's transform 5/8 is 0.63."""
    output = BY.output.copy()
    output[1, 1] = 0.63
    return convolve(layer, BY._replace(output=output))


@slip("convolve", SHOWN, error=POINTS)
def winograd_filters_by_half(layer: Layer) -> Array:
    """The constants of the filters' transform are halves."""
    return convolve(layer, BY._replace(filters=BY.filters.astype(np.float16)))


@slip("convolve", SHOWN, error=POINTS)
def winograd_edge_early(layer: Layer) -> Array:
    """The last tile of a row or column, where it is not whole, begins a pixel early."""
    return convolve(layer, BY, early=1)


@slip("convolve", "float32 NHWC 1x7x7x2 w3x3x2x2 s1,1 d1,1 SAME special:3", error=POINTS)
def winograd_tile_cleaned(layer: Layer) -> Array:
    """NaN and infinities in a tile become numbers."""
    return convolve(layer, BY, tiles=np.nan_to_num)
