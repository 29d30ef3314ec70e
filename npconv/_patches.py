"""Step 2: the patches matrix, never whole: one tile of its rows and columns at a time.

A tile is made in two moves. The band is the part of the input that the tile reads, with its zeros
around it and in the dtype of the arithmetic; inside an image that needs neither, the band is the
image itself. The patches are a strided view of the band, which is copied into a buffer that stays
in cache, unless it already is a matrix (1x1 kernels, kernels that cover the input).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from npconv._arguments import read_patches_call
from npconv._engine.plan import Taps, Tile, plan
from npconv._geometry import Geometry, Span, merged

Array = np.ndarray[Any, Any]


class Scratch:
    """Buffers of one call, made when first needed and used again for every tile.

    The dtype of a buffer never changes within a call.
    """

    def __init__(self) -> None:
        self._buffers: dict[str, Array] = {}

    def take(self, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        """Return an uninitialised contiguous array; it lasts until `name` is taken again."""
        size = 1
        for length in shape:
            size *= length
        buffer = self._buffers.get(name)
        if buffer is None or buffer.size < size:
            buffer = self._buffers[name] = np.empty(size, dtype)
        return buffer[:size].reshape(shape)


class Patches:
    """The patches of NHWC images, as the matrix of which ``tile`` gives one block.

    Parameters
    ----------
    images : ndarray, shape (N, H, W, in_channels)
        Any strides, alignment and byte order; never written.
    geometry : Geometry
    """

    def __init__(self, images: Array, geometry: Geometry) -> None:
        self.images = images
        self.geometry = geometry

    def view(self, tile: Tile, taps: Taps, dtype: np.dtype[Any], scratch: Scratch) -> Array:
        """Return the patches of a block as a strided view of the image or of its band.

        Returns
        -------
        ndarray, shape (groups, images, OH, OW, KH, KW, channels)
            Of the block; not to be written.
        """
        rows = self.geometry.rows.span(tile.rows, taps.rows)
        columns = self.geometry.columns.span(tile.columns, taps.columns)
        (n0, n1), (g0, g1), (c0, c1) = tile.batch, tile.groups, taps.channels
        source = self.images[n0:n1, _inside(rows), _inside(columns)]
        # (n, h, w, in_channels) -> (g, n, h, w, channels)
        grouped = source.reshape(
            *source.shape[:3], self.geometry.groups, self.geometry.filter_channels
        )
        grouped = grouped[..., g0:g1, c0:c1].transpose(3, 0, 1, 2, 4)
        if (
            not (rows.padded or columns.padded)
            and grouped.dtype == dtype
            and grouped.flags.aligned
            and grouped.strides[4] == dtype.itemsize
        ):
            band = grouped
        else:
            shape = (g1 - g0, n1 - n0, rows.length, columns.length, c1 - c0)
            band = scratch.take("band", shape, dtype)
            if rows.padded or columns.padded:
                band.fill(0)
            band[:, :, rows.lo : rows.hi, columns.lo : columns.hi] = grouped
        group, image, row, column, channel = band.strides
        return as_strided(
            band,
            (
                g1 - g0,
                n1 - n0,
                tile.rows[1] - tile.rows[0],
                tile.columns[1] - tile.columns[0],
                taps.rows[1] - taps.rows[0],
                taps.columns[1] - taps.columns[0],
                c1 - c0,
            ),
            (
                group,
                image,
                row * rows.per_output,
                column * columns.per_output,
                row * rows.per_tap,
                column * columns.per_tap,
                channel,
            ),
        )

    def matrix(self, tile: Tile, taps: Taps, dtype: np.dtype[Any], scratch: Scratch) -> Array:
        """Return the patches of a block as matrices that BLAS takes, one a group.

        Returns
        -------
        ndarray, shape (groups, images * OH * OW, KH * KW * channels)
            Of the block; it lasts until the next call.
        """
        view = self.view(tile, taps, dtype, scratch)
        shape = view.shape
        groups = shape[0]
        rows = shape[1] * shape[2] * shape[3]
        columns = shape[4] * shape[5] * shape[6]
        per_row = merged(shape[1:4], view.strides[1:4])
        per_column = merged(shape[4:], view.strides[4:])
        if (
            per_row is not None
            and per_column is not None
            and (rows == 1 or per_row >= columns * view.itemsize)
            and (columns == 1 or per_column == view.itemsize)
        ):
            per_row = per_row if rows > 1 else columns * view.itemsize
            strides = (view.strides[0], per_row, view.itemsize)
            return as_strided(view, (groups, rows, columns), strides)
        patches = scratch.take("patches", shape, dtype)
        np.copyto(patches, view)
        return patches.reshape(groups, rows, columns)  # (g, N*OH*OW, KH*KW*C)


def _inside(span: Span) -> slice:
    if span.lo == span.hi:
        return slice(0, 0)
    first = span.first + span.lo * span.step
    return slice(first, first + (span.hi - span.lo - 1) * span.step + 1, span.step)


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
    scratch = Scratch()
    blocks = plan(call.geometry, len(call.images), dtype.itemsize)
    taps_shape = blocks.whole_taps
    for tile in blocks.each_tile():
        (n0, n1), (h0, h1), (w0, w1) = tile[:3]
        out = call.out[n0:n1, h0:h1, w0:w1]
        out = out.reshape(*out.shape[:3], *taps_shape)  # (n, h, w, KH, KW, C)
        for taps in blocks.each_taps():
            (r0, r1), (q0, q1), (c0, c1) = taps
            out[..., r0:r1, q0:q1, c0:c1] = patches.view(tile, taps, dtype, scratch)[0]
    return call.out
