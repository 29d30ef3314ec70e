"""In which numbers a tile is multiplied, so that BLAS does it and the sums are TensorFlow's.

float32 and float64 are multiplied as they are; float16 and bfloat16 in float32, rounded once at
the end; int32 in float32 or float64 where every sum is exact there, else in halves, modulo 2**32.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from npconv._engine.casting import cast
from npconv._engine.kept import Kept, made
from npconv._engine.scratch import Array, Scratch
from npconv._geometry import Geometry

_FLOAT32, _FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)
_INT64 = np.dtype(np.int64)
# NumPy 2.3.0 writes wrong values to an output that is not contiguous.
_SPOILS_STRIDED = np.__version__ == "2.3.0"


class Numbers:
    """Products in a float `dtype` of BLAS; their `sums` are then cast to the result's dtype."""

    def __init__(self, dtype: np.dtype[Any], sums: np.dtype[Any]) -> None:
        self.dtype = dtype
        self.sums = sums

    def prepare(self, weights: Array, scratch: Scratch) -> tuple[Array, ...]:
        """Return the filters as ``multiply`` takes them; they last until the next call."""
        if weights.dtype == self.dtype:
            return (weights,)
        converted = scratch.take("filters", weights.shape, self.dtype)
        cast(weights, converted, scratch)
        return (converted,)

    def multiply(
        self, patches: Array, weights: tuple[Array, ...], out: Array, scratch: Scratch
    ) -> None:
        """Write ``patches @ weights`` to `out`."""
        if self.sums != self.dtype:  # integers, exact in these floats
            product = scratch.take("exact", out.shape, self.dtype)
            np.matmul(patches, weights[0], out=product)
            np.copyto(out, product, casting="unsafe")
        elif _SPOILS_STRIDED and not out.flags.c_contiguous:
            np.copyto(out, np.matmul(patches, weights[0]))
        else:
            np.matmul(patches, weights[0], out=out)


class Halves(Numbers):
    """Any int32, modulo 2**32, from three products of 16-bit halves in float64.

    With x = 2**16 xh + xl and w = 2**16 wh + wl, where 0 <= xl, wl < 2**16 and
    -2**15 <= xh, wh < 2**15: x w = xl wl + 2**16 (xl wh + xh wl) modulo 2**32. A sum has at most
    2**20 terms (see ``im2col``), so that those in brackets and of xl wl stay within 2**53.
    """

    def __init__(self) -> None:
        super().__init__(_FLOAT64, _INT64)

    def prepare(self, weights: Array, scratch: Scratch) -> tuple[Array, ...]:
        """Return the low and the high halves of the filters."""
        low, high = (scratch.take(name, weights.shape, _FLOAT64) for name in ("filters", "high"))
        np.bitwise_and(weights, 0xFFFF, out=low, casting="unsafe")
        np.right_shift(weights, 16, out=high, casting="unsafe")
        return low, high

    def multiply(
        self, patches: Array, weights: tuple[Array, ...], out: Array, scratch: Scratch
    ) -> None:
        """Write the product, not reduced, to `out`."""
        low, high = weights
        half = scratch.take("half", patches.shape, _FLOAT64)
        part = scratch.take("exact", out.shape, _FLOAT64)
        other = scratch.take("other", out.shape, _FLOAT64)
        np.multiply(patches, 2.0**-16, out=half)
        np.floor(half, out=half)
        np.matmul(half, low, out=part)
        half *= -(2.0**16)
        half += patches  # the low halves
        np.matmul(half, high, out=other)
        part += other
        np.copyto(out, part, casting="unsafe")
        np.left_shift(out, 16, out=out)
        np.matmul(half, low, out=part)
        whole = other.view(_INT64)
        np.copyto(whole, part, casting="unsafe")
        out += whole


def itemsize(dtype: np.dtype[Any]) -> int:
    """Return the bytes of an element of patches and products, at the most, for a dtype."""
    return 8 if dtype.kind == "i" or dtype.itemsize == 8 else 4


def filter_bytes(dtype: np.dtype[Any]) -> int:
    """Return the most bytes of an element of converted filters; 0 where none is converted."""
    return 16 if dtype.kind == "i" else 4 * (dtype.itemsize == 2)


def numbers(images: Array, weights: Array, geometry: Geometry, kept: Kept | None) -> Numbers:
    """Choose the numbers for the dtype of the weights, and for integers by their sizes."""
    dtype = weights.dtype
    if dtype.kind != "i":
        return _FLOATS[8 if dtype.itemsize == 8 else 4]
    most = _magnitude(images) * made(kept, _magnitude, weights) * geometry.terms
    if most <= 2**24:
        return _NARROW
    return _WIDE if most <= 2**53 else _HALVES


def _magnitude(array: Array) -> int:
    return max(int(array.max(initial=1)), -int(array.min(initial=1)))  # a phase may be empty


_FLOATS = {4: Numbers(_FLOAT32, _FLOAT32), 8: Numbers(_FLOAT64, _FLOAT64)}
_NARROW, _WIDE, _HALVES = Numbers(_FLOAT32, np.dtype(np.int32)), Numbers(_FLOAT64, _INT64), Halves()
