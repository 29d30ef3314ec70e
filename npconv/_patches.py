"""Step 2: the patches matrix, never whole: one block of its rows and columns at a time.

The patches are a strided view of the image or, where that does not do (padding, another dtype,
other strides), of a band: a copy of what the block reads, with zeros around it. The view is copied
into a buffer that stays in cache, unless it already is a matrix (1x1 kernels, kernels that cover
the input). Where a band would be larger than the patches (wide strides and dilations), each tap is
copied by itself.
"""

from __future__ import annotations

from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from npconv._arguments import read_patches_call
from npconv._attributes import Array, Mode, Quad, S
from npconv._blocks import Block, Slices, View, read
from npconv._engine.copying import copy
from npconv._engine.halves import cast
from npconv._engine.scratch import Scratch, take_scratch
from npconv._engine.tiles import tiles
from npconv._geometry import Geometry

_TILE_BYTES = 1 << 20  # of the patches that `extract_patches` copies at once


class Patches:
    """The patches of images, as the matrix of which ``matrix`` gives one block.

    Parameters
    ----------
    images : ndarray, shape (N, *sizes, in_channels)
        Any strides, alignment and byte order; never written.
    geometry : Geometry
    dtype : dtype
        Of the patches.
    """

    def __init__(self, images: Array, geometry: Geometry, dtype: np.dtype[Any]) -> None:
        self.images = images
        self.geometry = geometry
        self.dtype = dtype
        flags = images.flags
        self._plain = flags.c_contiguous and flags.aligned and images.dtype == dtype

    def matrix(self, block: Block, scratch: Scratch, place: object = None) -> Array:
        """Return a block as a matrix that BLAS takes, or one a group; it is not to be written.

        It lasts until the next call. Patches that the scratch still holds, known by their `place`,
        are not copied again.
        """
        shape, dtype = block.frame.matrix, self.dtype
        if place is not None and scratch.holds == place:
            return scratch.take("patches", shape, dtype)
        source, view, offset = self._source(block, scratch)
        if source is not None and view.rows is not None:
            return np.ndarray(shape, dtype, source, offset, view.rows)
        scratch.holds = None
        patches = scratch.take("patches", shape, dtype)
        self._copy(block, source, view, offset, patches, scratch)
        scratch.holds = place
        return patches

    def write(self, block: Block, out: Array, scratch: Scratch) -> None:
        """Write a block to a contiguous array of its size."""
        self._copy(block, *self._source(block, scratch), out, scratch)

    def band(self, block: Block, scratch: Scratch) -> Array:
        """Return the pixels that a block reads, with the zeros around them: its frame's band."""
        frame = block.frame
        band = scratch.take("band", frame.band, self.dtype)
        for border in frame.borders:
            band[border] = 0
        cast(self._pixels(block, block.source), band[frame.inside], scratch)
        return band

    def _source(self, block: Block, scratch: Scratch) -> tuple[Array | None, View, int]:
        """Return where the patches are a view; None where each tap is to be copied by itself."""
        frame = block.frame
        if self._plain and frame.image is not None:
            return self.images, frame.image, block.offset
        return (self.band(block, scratch) if frame.banded else None), frame.view, 0

    def _copy(
        self,
        block: Block,
        source: Array | None,
        view: View,
        offset: int,
        out: Array,
        scratch: Scratch,
    ) -> None:
        if source is not None:
            patches = np.ndarray(view.shape, self.dtype, source, offset, view.strides)
            copy(patches, out.reshape(view.shape))
            return
        patches = out.reshape(block.frame.shape)
        if block.frame.borders:
            patches.fill(0)
        for to, index in block.taps():
            cast(self._pixels(block, index), patches[to], scratch)

    def _pixels(self, block: Block, index: Slices) -> Array:
        """Return pixels of the images as (groups, images, *pixels, channels)."""
        pixels = self.images[index]
        groups, channels = block.channels
        if self.geometry.groups == 1:
            return pixels[None, ..., channels]
        # (n, *pixels, in_channels) -> (g, n, *pixels, channels)
        shape = (*pixels.shape[:-1], self.geometry.groups, self.geometry.filter_channels)
        split = pixels.reshape(shape)
        split = split[..., groups, channels]
        return split.transpose(split.ndim - 2, *range(split.ndim - 2), split.ndim - 1)


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
    geometry, dtype = call.geometry, call.out.dtype
    patches, scratch = Patches(call.images, geometry, dtype), take_scratch()
    outputs, channels = (len(call.images), *geometry.outputs), geometry.in_channels
    kernel = tuple((0, size) for size in (*geometry.kernel, channels))
    flat = call.out.reshape(-1, call.out.shape[-1])  # (N*OH*OW, KH*KW*C)
    for tile in tiles(outputs, 1, 1, -(-flat.nbytes // _TILE_BYTES), 1):
        block = read(geometry, tile.outputs, (0, 1), kernel, dtype.itemsize)
        patches.write(block, flat[tile.start : tile.stop], scratch)
    scratch.keep()
    return call.out
