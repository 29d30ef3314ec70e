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
from npconv._blocks import Band, Block, Slices, View, read
from npconv._engine.casting import cast, copy
from npconv._engine.plan import tiles
from npconv._engine.scratch import Scratch, take_scratch

_TILE_BYTES = 1 << 20  # of the patches that `extract_patches` copies at once

Place = tuple[View, "Array | None", int]


class Patches:
    """The patches of images, (N, *sizes, in_channels), as matrices of a dtype.

    The images have any strides, alignment and byte order; they are never written.
    """

    def __init__(self, images: Array, dtype: np.dtype[Any]) -> None:
        self.images = images
        self.dtype = dtype
        flags = images.flags
        self._plain = flags.c_contiguous and flags.aligned and images.dtype == dtype

    def matrix(self, block: Block, scratch: Scratch) -> Array:
        """Return a block as a matrix that BLAS takes, or one a group; it is not to be written.

        It lasts until the next call. Patches that the scratch still holds are not copied again.
        """
        shape, dtype = block.frame.matrix, self.dtype
        if scratch.holds == block:
            return scratch.take("patches", shape, dtype)
        place = view, source, offset = self._place(block, scratch)
        if source is not None and view.rows is not None:
            return np.ndarray(shape, dtype, source, offset, view.rows)
        scratch.holds = None
        patches = scratch.take("patches", shape, dtype)
        self._copy(block, place, patches, scratch)
        scratch.holds = block
        return patches

    def write(self, block: Block, out: Array, scratch: Scratch) -> None:
        """Write a block to a contiguous array of its size."""
        self._copy(block, self._place(block, scratch), out, scratch)

    def _place(self, block: Block, scratch: Scratch) -> Place:
        """Return where the patches are a view: None where each tap is to be copied by itself."""
        frame, reach = block.frame, block.band
        if self._plain and frame.image is not None:
            return frame.image, self.images, block.offset
        if not frame.banded:
            return frame.view, None, 0
        band = scratch.take("band", reach.shape, self.dtype)
        return frame.view, fill(band, reach, self.images, scratch), 0

    def _copy(self, block: Block, place: Place, out: Array, scratch: Scratch) -> None:
        view, source, offset = place
        if source is not None:
            patches = np.ndarray(view.shape, self.dtype, source, offset, view.strides)
            copy(patches, out.reshape(view.shape))
            return
        patches = out.reshape(block.frame.shape)
        if block.band.borders:
            patches.fill(0)
        for to, index in block.taps():
            cast(_pixels(self.images, block.band, index), patches[to], scratch)


def fill(band: Array, reach: Band, images: Array, scratch: Scratch) -> Array:
    """Write what a band holds, pixels and the zeros around them, to memory; return that."""
    for border in reach.borders:
        band[border] = 0
    cast(_pixels(images, reach, reach.source), band[reach.inside], scratch)
    return band


def _pixels(images: Array, reach: Band, index: Slices) -> Array:
    """Return pixels as (groups, images, *pixels, channels), without the groups if it is one."""
    pixels = images[index]
    if reach.split[0] == 1:
        return pixels
    # (n, *pixels, in_channels) -> (g, n, *pixels, channels)
    groups, channels = reach.channels
    pixels = pixels.reshape(*pixels.shape[:-1], *reach.split)[..., groups, channels]
    return pixels.transpose(pixels.ndim - 2, *range(pixels.ndim - 2), pixels.ndim - 1)


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
    array, geometry, out = read_patches_call(images, sizes, strides, rates, padding)
    if not out.size:
        return out
    patches, scratch = Patches(array, out.dtype), take_scratch()
    kernel = tuple((0, size) for size in (*geometry.kernel, geometry.in_channels))
    flat = out.reshape(-1, out.shape[-1])  # (N*OH*OW, KH*KW*C)
    for tile in tiles(out.shape[:-1], 1, 1, -(-flat.nbytes // _TILE_BYTES), 1):
        block = read(geometry, tile.outputs, (0, 1), kernel, out.itemsize)
        patches.write(block, flat[tile.start : tile.stop], scratch)
    scratch.keep()
    return out
