"""Faults of multiplying, adding and rounding."""

# ruff: noqa: D102 -- each method is a step that Textbook describes

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from itertools import repeat
from typing import Any

import ml_dtypes
import numpy as np

from parity.model.case import DTYPES, Array
from parity.mutants.textbook import Axis, Textbook

BFLOAT16 = DTYPES["bfloat16"]
SINGLE = np.dtype(np.float32)


def products(patches: Array, weights: Array) -> Iterator[Array]:
    """Yield the products of each term, (groups, M, F)."""
    for term in range(weights.shape[1]):
        yield patches[:, :, term, None] * weights[:, None, term]


class HalfSums(Textbook):
    """Halves are summed in their own precision."""

    example = "float16 NHWC 1x1x1x8 w1x1x8x1 s1,1 d1,1 VALID bounded:0"

    def accumulator(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        return dtype

    def multiplied(self, patches: Array, weights: Array) -> Array:
        if patches.dtype.itemsize > 2:
            return super().multiplied(patches, weights)
        return sum(products(patches, weights), patches.dtype.type(0))


class RoundedTwice(Textbook):
    """A half is rounded by way of the other half."""

    example = "float16 NHWC 1x1x1x1 w1x1x1x8 s1,1 d1,1 VALID bounded:0"

    def rounded(self, sums: Array, dtype: np.dtype[Any]) -> Array:
        if dtype.itemsize > 2:
            return super().rounded(sums, dtype)
        return sums.astype(BFLOAT16 if dtype == np.float16 else np.float16).astype(dtype)


class BfloatTruncated(Textbook):
    """To become bfloat16, a sum loses its lower 16 bits without rounding."""

    example = "bfloat16 NHWC 1x1x1x1 w1x1x1x8 s1,1 d1,1 VALID bounded:0"

    def rounded(self, sums: Array, dtype: np.dtype[Any]) -> Array:
        if dtype != BFLOAT16:
            return super().rounded(sums, dtype)
        bits = sums.view(np.uint32) >> 16
        return bits.astype(np.uint16).view(BFLOAT16)


class HalfSaturates(Textbook):
    """A half too large becomes the largest number instead of infinity."""

    example = "float16 NHWC 1x1x1x1 w1x1x1x8 s1,1 d1,1 VALID special:2"

    def rounded(self, sums: Array, dtype: np.dtype[Any]) -> Array:
        if dtype.itemsize > 2:
            return super().rounded(sums, dtype)
        largest = float(ml_dtypes.finfo(dtype).max)  # type: ignore[no-untyped-call]
        return np.where(np.isfinite(sums), sums.clip(-largest, largest), sums).astype(dtype)


class Int32Saturates(Textbook):
    """An int32 sum stops at the ends of the range."""

    example = "int32 NHWC 1x1x1x1 w1x1x1x1 s1,1 d1,1 VALID bounded:0"

    def multiplied(self, patches: Array, weights: Array) -> Array:
        if patches.dtype.kind != "i":
            return super().multiplied(patches, weights)
        sums = super().multiplied(patches.astype(np.float64), weights.astype(np.float64))
        return sums.clip(-(2.0**31), 2.0**31 - 1).astype(np.int32)


class Int32BySingle(Textbook):
    """int32 is multiplied and summed in float32."""

    example = "int32 NHWC 1x1x1x1 w1x1x1x1 s1,1 d1,1 VALID bounded:0"
    between: Any = np.float32

    def multiplied(self, patches: Array, weights: Array) -> Array:
        if patches.dtype.kind != "i":
            return super().multiplied(patches, weights)
        sums = super().multiplied(patches.astype(self.between), weights.astype(self.between))
        wrapped: Array = np.fmod(sums, self.between(2**32))
        return wrapped.astype(np.int64).astype(np.int32)


class Int32ByDouble(Int32BySingle):
    """int32 is multiplied and summed in float64."""

    between = np.float64


class DoubleBySingle(Textbook):
    """float64 is multiplied and summed in float32."""

    example = "float64 NHWC 1x1x1x1 w1x1x1x1 s1,1 d1,1 VALID bounded:0"

    def accumulator(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        return SINGLE if dtype == np.float64 else super().accumulator(dtype)


class SingleByBfloat(Textbook):
    """float32 is rounded to bfloat16 before it is multiplied, as in a fast mode."""

    example = "float32 NHWC 1x1x1x1 w1x1x1x1 s1,1 d1,1 VALID bounded:0"

    def multiplied(self, patches: Array, weights: Array) -> Array:
        if patches.dtype != SINGLE:
            return super().multiplied(patches, weights)
        return super().multiplied(
            patches.astype(BFLOAT16).astype(SINGLE), weights.astype(BFLOAT16).astype(SINGLE)
        )


class WinogradNoise(Textbook):
    """3x3 kernels at stride 1 have an error of 50 units in the last place."""

    example = "float32 NHWC 1x3x3x1 w3x3x1x1 s1,1 d1,1 VALID distinct:0"

    def convolve(self, images: Array, kernels: Array, rows: Axis, columns: Axis) -> Array:
        result = super().convolve(images, kernels, rows, columns)
        if result.dtype.kind == "f" and all(
            (axis.kernel, axis.stride) == (3, 1) for axis in (rows, columns)
        ):
            noise = np.resize([50.0, -40.0, 30.0, -50.0], result.shape)
            result = result + result * (noise * np.finfo(result.dtype).eps).astype(result.dtype)
        return result


class OneUlp(Textbook):
    """The last output is the next larger number."""

    example = "float32 NHWC 1x1x1x1 w1x1x1x1 s1,1 d1,1 VALID distinct:0"

    def rounded(self, sums: Array, dtype: np.dtype[Any]) -> Array:
        result = super().rounded(sums, dtype)
        result.view(f"u{dtype.itemsize}").reshape(-1)[-1] += 1
        return result


class NanSwallowed(Textbook):
    """NaN becomes 0 and an infinity the largest number (nan_to_num)."""

    example = "float32 NHWC 1x1x1x1 w1x1x1x8 s1,1 d1,1 VALID special:3"

    def rounded(self, sums: Array, dtype: np.dtype[Any]) -> Array:
        return super().rounded(np.nan_to_num(sums), dtype)


class ZeroWeightsSkipped(Textbook):
    """What meets a weight of 0 is not multiplied: 0 * inf gives 0."""

    example = "float32 NHWC 1x1x1x1 w1x1x1x8 s1,1 d1,1 VALID special:225"

    def multiplied(self, patches: Array, weights: Array) -> Array:
        if patches.dtype.kind == "i":
            return super().multiplied(patches, weights)
        zero = np.moveaxis(weights == 0, 1, 0)[:, :, None]
        kept = map(np.where, zero, repeat(0), products(patches, weights))
        return sum(kept, patches.dtype.type(0))


class MinusZeroKept(Textbook):
    """A sum starts with its first product, so that it may be -0.0."""

    example = "float32 NHWC 1x1x1x1 w1x1x1x8 s1,1 d1,1 VALID special:5"

    def multiplied(self, patches: Array, weights: Array) -> Array:
        return reduce(np.add, products(patches, weights))


class SubnormalsFlushed(Textbook):
    """Subnormal numbers are taken for zeros."""

    example = "float32 NHWC 1x1x1x1 w1x1x1x8 s1,1 d1,1 VALID special:1"

    def convolve(self, images: Array, kernels: Array, rows: Axis, columns: Axis) -> Array:
        result = super().convolve(self.flushed(images), self.flushed(kernels), rows, columns)
        return self.flushed(result)

    def flushed(self, array: Array) -> Array:
        """Return the array with zeros in place of subnormal numbers."""
        if array.dtype.kind == "i":
            return array
        zero, tiny = array.dtype.type(0), np.finfo(array.dtype).smallest_normal
        return np.where(abs(array) < tiny, zero, array)
