"""In which numbers a tile is multiplied, so that BLAS does it and the sums are TensorFlow's.

float32 and float64 are multiplied as they are; float16 and bfloat16 in float32, rounded once at
the end; int32 in float32 or float64 where every sum is exact there, else in parts, modulo 2**32.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from npconv._engine.halves import cast
from npconv._engine.scratch import Scratch

Array = np.ndarray[Any, Any]

_FLOAT32 = np.dtype(np.float32)
_FLOAT64 = np.dtype(np.float64)
_INT32 = np.dtype(np.int32)
_INT64 = np.dtype(np.int64)
_LEAST_TERMS = 256  # of a sum in float32: for shorter ones float64 is faster
# NumPy 2.3.0 writes wrong values to an output that is not contiguous.
_SPOILS_STRIDED = np.__version__ == "2.3.0"


class Arithmetic(Protocol):
    """How patches and filters are multiplied and summed.

    Attributes
    ----------
    dtype : dtype
        Of the patches.
    sum_dtype : dtype
        Of the products, which are added up and then cast to the result's dtype.
    filter_bytes : int
        Of an element of the filters as they are multiplied.
    """

    dtype: np.dtype[Any]
    sum_dtype: np.dtype[Any]
    filter_bytes: int

    def prepare(self, weights: Array, scratch: Scratch) -> tuple[Array, ...]:
        """Return the flattened filters in the form that ``multiply`` takes.

        They may be `weights` itself, or last until the scratch is asked again.
        """

    def multiply(
        self, patches: Array, weights: tuple[Array, ...], out: Array, scratch: Scratch
    ) -> None:
        """Write ``patches @ weights`` to `out`; `patches` are changed meanwhile at the most."""


class Float:
    """BLAS in the dtype itself."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.dtype = self.sum_dtype = dtype
        self.filter_bytes = dtype.itemsize

    def prepare(self, weights: Array, scratch: Scratch) -> tuple[Array, ...]:
        """Return the weights in the dtype of the sums."""
        if weights.dtype == self.dtype:
            return (weights,)
        converted = scratch.take("filters", weights.shape, self.dtype)
        cast(weights, converted, scratch)
        return (converted,)

    def multiply(
        self, patches: Array, weights: tuple[Array, ...], out: Array, scratch: Scratch
    ) -> None:
        """Write the product to `out`."""
        if _SPOILS_STRIDED and not out.flags.c_contiguous:
            np.copyto(out, np.matmul(patches, weights[0]))
        else:
            np.matmul(patches, weights[0], out=out)


_FLOATS = {dtype: Float(dtype) for dtype in (_FLOAT32, _FLOAT64)}


class ExactInteger:
    """int32 in floats that hold every sum: exact, whatever the order.

    Parameters
    ----------
    dtype : dtype
        float32 or float64.
    terms : int
        So many products stay within 2**24 or 2**53; longer sums are cut, and added up as integers.
    sum_dtype : dtype
        That holds the whole sums: int32 or int64.
    """

    def __init__(self, dtype: np.dtype[Any], terms: int, sum_dtype: np.dtype[Any]) -> None:
        self.dtype = dtype
        self.sum_dtype = sum_dtype
        self.filter_bytes = dtype.itemsize
        self._terms = terms

    def prepare(self, weights: Array, scratch: Scratch) -> tuple[Array, ...]:
        """Return the weights as floats."""
        converted = scratch.take("filters", weights.shape, self.dtype)
        np.copyto(converted, weights)
        return (converted,)

    def multiply(
        self, patches: Array, weights: tuple[Array, ...], out: Array, scratch: Scratch
    ) -> None:
        """Write the exact product to `out`."""
        product = scratch.take("exact", out.shape, self.dtype)
        for start in range(0, patches.shape[-1], self._terms):
            some = slice(start, start + self._terms)
            np.matmul(patches[..., some], weights[0][..., some, :], out=product)
            if start:
                np.add(out, product, out=out, casting="unsafe", dtype=out.dtype)
            else:
                np.copyto(out, product, casting="unsafe")


class WrappingInteger:
    """Any int32, modulo 2**32, from three products of 16-bit halves.

    With x = 2**16 xh + xl and w = 2**16 wh + wl, where 0 <= xl, wl < 2**16 and
    -2**15 <= xh, wh < 2**15: x w = xl wl + 2**16 (xl wh + xh wl) modulo 2**32. A patch in its
    buffer has at the most 2**18 elements, so that the sums in brackets and of xl wl stay within
    2**50, and are exact.
    """

    dtype = _FLOAT64
    sum_dtype = _INT64
    filter_bytes = 2 * _FLOAT64.itemsize

    def prepare(self, weights: Array, scratch: Scratch) -> tuple[Array, ...]:
        """Return the low and the high halves of the weights, in float64."""
        low, high = (
            scratch.take(name, weights.shape, _FLOAT64) for name in ("filters", "high filters")
        )
        np.bitwise_and(weights, 0xFFFF, out=low, casting="unsafe")
        np.right_shift(weights, 16, out=high, casting="unsafe")
        return low, high

    def multiply(
        self, patches: Array, weights: tuple[Array, ...], out: Array, scratch: Scratch
    ) -> None:
        """Write the product modulo 2**32 (and not reduced) to `out`; `patches` are xl meanwhile."""
        low, high = weights
        patches_high = scratch.take("high", patches.shape, _FLOAT64)
        middle = scratch.take("exact", out.shape, _FLOAT64)
        other = scratch.take("other", out.shape, _FLOAT64)
        np.multiply(patches, 2.0**-16, out=patches_high)
        np.floor(patches_high, out=patches_high)
        np.matmul(patches_high, low, out=middle)
        patches_high *= 2.0**16
        patches -= patches_high
        np.matmul(patches, high, out=other)
        middle += other
        np.copyto(out, middle, casting="unsafe")
        np.left_shift(out, 16, out=out)
        np.matmul(patches, low, out=middle)
        patches += patches_high  # exact; the next tile may need them again
        whole = other.view(_INT64)
        np.copyto(whole, middle, casting="unsafe")
        out += whole


def itemsize(dtype: np.dtype[Any]) -> int:
    """Return the bytes of an element of patches, products and sums, for a dtype of the input."""
    return 4 if dtype.itemsize == 2 or dtype == _FLOAT32 else 8


def arithmetic(images: Array, weights: Array, reads: int) -> Arithmetic:
    """Choose the arithmetic for the dtype, and for integers by their sizes.

    Parameters
    ----------
    images, weights : ndarray
        Of the same dtype up to the byte order, one that conv2d takes; not empty. `weights` has
        the shape (KH * KW * in_channels / groups, out_channels).
    reads : int
        Number of elements of the patches matrix.
    """
    known = _FLOATS.get(weights.dtype)
    if known is not None:
        return known
    dtype = weights.dtype.newbyteorder("=")
    if dtype.kind == "i":
        # Looking at more of the image than is multiplied would not pay.
        pixel = _magnitude(images) if images.size <= reads else 2**31
        largest = max(1, pixel * _magnitude(weights))
        whole = _INT32 if largest * len(weights) < 2**31 else _INT64
        if largest * _LEAST_TERMS <= 2**24:
            return ExactInteger(_FLOAT32, 2**24 // largest, whole)
        if largest * len(weights) <= 2**53:
            return ExactInteger(_FLOAT64, len(weights), whole)
        return WrappingInteger()
    return _FLOATS.get(dtype, _FLOATS[_FLOAT32])


def _magnitude(array: Array) -> int:
    return max(int(array.max()), -int(array.min()))
