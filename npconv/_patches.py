"""Step 2: the patches matrix, never whole: one tile of its rows and columns at a time.

A tile is made in two moves. The band is the part of the input that the tile reads, with its zeros
around it and in the dtype of the arithmetic; inside an image that needs neither, the band is the
image itself. The patches are a strided view of the band, which is copied into a buffer that stays
in cache, unless it already is a matrix (1x1 kernels, kernels that cover the input).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any, overload

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import ArrayLike, NDArray

from npconv._arguments import read_patches_call
from npconv._attributes import Array, Mode, Quad, S
from npconv._engine.blocks import Taps, Tile, cut
from npconv._engine.halves import cast
from npconv._engine.runs import copy
from npconv._engine.scratch import Scratch, take_scratch
from npconv._geometry import Geometry, Span, merged

_TILE_BYTES = 1 << 20  # of the patches that `extract_patches` copies at once


@dataclass(frozen=True, eq=False)
class Reading:
    """What a block reads, in integers; ``reading`` works it out once for each block.

    Attributes
    ----------
    index : tuple of slice
        Of the images, (N, H, W, C).
    channels : slice
        Of each group; those of a single one are cut by `index`.
    shape : tuple of int
        (groups, images, rows, columns, channels) of the band.
    inside : tuple of slice
        Where the pixels lie in the band.
    borders : tuple of tuple of slice
        Where zeros lie in the band; none where it does not reach into the padding.
    patches : tuple of int
        (groups, images, OH, OW, KH, KW, channels).
    steps : tuple of int
        Rows and columns of the band from one output to the next, and from tap to tap.
    matrix : tuple of int
        (groups, images * OH * OW, KH * KW * channels).
    copied : bool
        Whether the patches overlap in the band, so that they are no matrix there.
    """

    index: tuple[slice, slice, slice, slice]
    channels: slice
    shape: tuple[int, int, int, int, int]
    inside: tuple[slice, slice, slice, slice]
    borders: tuple[tuple[slice, slice, slice, slice], ...]
    patches: tuple[int, int, int, int, int, int, int]
    steps: tuple[int, int, int, int]
    matrix: tuple[int, int, int]
    copied: bool


@lru_cache(maxsize=1024)
def reading(geometry: Geometry, tile: Tile, taps: Taps) -> Reading:
    """Return what a block reads.

    >>> from npconv._geometry import Axis
    >>> axis = Axis.resolve(5, 3, 1, 1, "SAME")
    >>> tile = Tile((0, 1), (0, 5), (0, 5), (0, 1), (0, 2))
    >>> reading(Geometry(axis, axis, 3, 3, 2), tile, Taps((0, 3), (0, 3), (0, 3))).shape
    (1, 1, 7, 7, 3)
    """
    rows = geometry.rows.span(tile.rows, taps.rows)
    columns = geometry.columns.span(tile.columns, taps.columns)
    (n0, n1), (g0, g1), (c0, c1) = tile.batch, tile.groups, taps.channels
    channels = geometry.filter_channels
    every = slice(None)
    high, broad = slice(rows.lo, rows.hi), slice(columns.lo, columns.hi)
    groups, count = g1 - g0, n1 - n0
    height, width = tile.rows[1] - tile.rows[0], tile.columns[1] - tile.columns[0]
    kernel = taps.rows[1] - taps.rows[0], taps.columns[1] - taps.columns[0]
    # Groups in between are cut off by `Patches`, where a block has several and not all channels.
    lo, hi = (c0, c1) if geometry.groups == 1 else (g0 * channels, g1 * channels)
    return Reading(
        (slice(n0, n1), _inside(rows), _inside(columns), slice(lo, hi)),
        slice(c0, c1),
        (groups, count, rows.length, columns.length, c1 - c0),
        (every, every, high, broad),
        tuple(
            (every, every, *border)
            for border in (
                (slice(0, rows.lo), every),
                (slice(rows.hi, rows.length), every),
                (high, slice(0, columns.lo)),
                (high, slice(columns.hi, columns.length)),
            )
            if all(one.start is None or one.start < one.stop for one in border)
        ),
        (groups, count, height, width, *kernel, c1 - c0),
        (rows.per_output, columns.per_output, rows.per_tap, columns.per_tap),
        (groups, count * height * width, prod(kernel) * (c1 - c0)),
        width > 1
        and (kernel[0] > 1 or (kernel[1] > 1 and columns.per_output < kernel[1] * columns.per_tap)),
    )


class Patches:
    """The patches of NHWC images, as the matrix of which ``matrix`` gives one block.

    Parameters
    ----------
    images : ndarray, shape (N, H, W, in_channels)
        Any strides, alignment and byte order; never written.
    geometry : Geometry
    """

    def __init__(self, images: Array, geometry: Geometry) -> None:
        self.images = images
        self.geometry = geometry

    def read(self, tile: Tile, taps: Taps) -> Reading:
        """Return what a block reads."""
        return reading(self.geometry, tile, taps)

    def band(self, block: Reading, dtype: np.dtype[Any], scratch: Scratch) -> Array:
        """Return the pixels that a block reads, with the zeros around the image.

        Returns
        -------
        ndarray, shape (groups, images, rows, columns, channels)
            Of the block; the image itself where it can be, not to be written.
        """
        source = self.images[block.index]
        groups, _, _, _, channels = block.shape
        if groups == 1 and source.shape[3] == channels:
            grouped = source[None]
        else:  # (n, h, w, in_channels) -> (g, n, h, w, channels)
            grouped = source.reshape(*source.shape[:3], groups, self.geometry.filter_channels)
            grouped = grouped[..., block.channels].transpose(3, 0, 1, 2, 4)
        if (
            not block.borders
            and grouped.dtype == dtype
            and grouped.flags.aligned
            and (channels == 1 or grouped.strides[4] == dtype.itemsize)
        ):
            return grouped
        band = scratch.take("band", block.shape, dtype)
        for border in block.borders:
            band[border] = 0
        cast(grouped, band[block.inside], scratch)
        return band

    def view(self, block: Reading, dtype: np.dtype[Any], scratch: Scratch) -> Array:
        """Return the patches of a block as a strided view of the image or of its band.

        Returns
        -------
        ndarray, shape (groups, images, OH, OW, KH, KW, channels)
            Of the block, or with the last two axes as one; not to be written.
        """
        band = self.band(block, dtype, scratch)
        group, image, row, column, channel = band.strides
        row_output, column_output, row_tap, column_tap = block.steps
        strides: tuple[int, ...] = (
            group,
            image,
            row * row_output,
            column * column_output,
            row * row_tap,
            column * column_tap,
            channel,
        )
        shape: tuple[int, ...] = block.patches
        if strides[5] == shape[6] * channel:  # the pixels of a tap row are one run
            shape = (*shape[:5], shape[5] * shape[6])
            strides = (*strides[:5], channel)
        if band.flags.c_contiguous:  # many times faster than as_strided
            return np.ndarray(shape, dtype, band, 0, strides)
        return as_strided(band, shape, strides)

    def matrix(
        self, tile: Tile, taps: Taps, dtype: np.dtype[Any], scratch: Scratch, place: object
    ) -> Array:
        """Return the patches of a block as matrices that BLAS takes, one a group.

        Patches that the scratch still holds, known by their `place`, are not copied again.

        Returns
        -------
        ndarray, shape (groups, images * OH * OW, KH * KW * channels)
            Of the block; it lasts until the next call.
        """
        block = self.read(tile, taps)
        if place is not None and scratch.holds == place:
            return scratch.take("patches", block.matrix, dtype)
        view = self.view(block, dtype, scratch)
        if not block.copied:
            if view.flags.c_contiguous:
                return view.reshape(block.matrix)
            _, rows, columns = block.matrix
            per_row = merged(view.shape[1:4], view.strides[1:4])
            per_column = merged(view.shape[4:], view.strides[4:])
            if (
                per_row is not None
                and per_column is not None
                and (rows == 1 or per_row >= columns * view.itemsize)
                and (columns == 1 or per_column == view.itemsize)
            ):
                per_row = per_row if rows > 1 else columns * view.itemsize
                return as_strided(view, block.matrix, (view.strides[0], per_row, view.itemsize))
        scratch.holds = None
        patches = scratch.take("patches", view.shape, dtype)
        copy(view, patches)
        scratch.holds = place
        return patches.reshape(block.matrix)  # (g, N*OH*OW, KH*KW*C)


def _inside(span: Span) -> slice:
    if span.lo == span.hi:
        return slice(0, 0)
    first = span.first + span.lo * span.step
    return slice(first, first + (span.hi - span.lo - 1) * span.step + 1, span.step)


@overload
def extract_patches(
    images: NDArray[S], sizes: Quad, strides: Quad, rates: Quad, padding: Mode, name: object = None
) -> NDArray[S]: ...
@overload
def extract_patches(
    images: ArrayLike, sizes: Quad, strides: Quad, rates: Quad, padding: Mode, name: object = None
) -> Array: ...
def extract_patches(
    images: Any, sizes: Any, strides: Any, rates: Any, padding: Any, name: Any = None
) -> Array:
    """Extract patches from images and put them in the channels of the result.

    The second step of ``tf.nn.conv2d``, with the arguments and results of
    ``tf.image.extract_patches``
    (https://www.tensorflow.org/api_docs/python/tf/image/extract_patches).

    Parameters
    ----------
    images : array_like, shape (N, H, W, C)
        Of dtype float16, bfloat16, float32, float64 or int32.
    sizes : sequence of int
        ``[1, KH, KW, 1]``, the size of the patches.
    strides : sequence of int
        ``[1, rows, columns, 1]``, the steps between the patches.
    rates : sequence of int
        ``[1, rows, columns, 1]``, the steps between the pixels of a patch.
    padding : {'SAME', 'VALID'}
        Zeros around the image, or none.
    name : object, optional
        Ignored; there so that a call written for TensorFlow carries over.

    Returns
    -------
    ndarray, shape (N, OH, OW, KH * KW * C)
        Of the dtype of `images`. Channel ``(kh * KW + kw) * C + c`` of patch (oh, ow) is channel c
        of the image's pixel under tap (kh, kw).

    Raises
    ------
    TypeError
        If an argument is of a wrong type, or `images` of another dtype.
    ValueError
        If an argument has a wrong value, or a patch is larger than the image allows.
    MemoryError
        If the result does not fit into memory.

    Examples
    --------
    >>> import numpy as np
    >>> import npconv
    >>> image = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
    >>> patches = npconv.extract_patches(image, [1, 2, 2, 1], [1, 2, 2, 1], [1, 1, 1, 1], "VALID")
    >>> patches[0, 0]
    array([[0., 1., 4., 5.],
           [2., 3., 6., 7.]], dtype=float32)
    """
    call = read_patches_call(images, sizes, strides, rates, padding)
    if not call.out.size:
        return call.out
    patches = Patches(call.images, call.geometry)
    dtype = call.out.dtype
    scratch = take_scratch()
    blocks = cut(call.geometry, len(call.images), _TILE_BYTES // dtype.itemsize)
    taps_shape = blocks.whole_taps
    for tile in blocks.each_tile():
        (n0, n1), (h0, h1), (w0, w1) = tile[:3]
        out = call.out[n0:n1, h0:h1, w0:w1]
        out = out.reshape(*out.shape[:3], *taps_shape)  # (n, h, w, KH, KW, C)
        for taps in blocks.each_taps():
            (r0, r1), (q0, q1), (c0, c1) = taps
            view = patches.view(patches.read(tile, taps), dtype, scratch)
            target = out[..., r0:r1, q0:q1, c0:c1]
            copy(view[0].reshape(target.shape), target)
    scratch.keep()
    return call.out
