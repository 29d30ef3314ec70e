"""Faults of multiplying, adding and rounding."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from itertools import repeat
from typing import Any

import ml_dtypes
import numpy as np

from parity.model.case import DTYPES, Array
from parity.mutants.mutant import misread, slip
from parity.mutants.textbook import RIGHT, Layer, Textbook

BFLOAT16 = DTYPES["bfloat16"]
SINGLE = np.dtype(np.float32)
WHOLE = "int32 NHWC 1x1x1x1 w1x1x1x1 s1,1 d1,1 VALID bounded:0"
ONE_PRODUCT = "{} NHWC 1x1x1x1 w1x1x1x{} s1,1 d1,1 VALID {}"


def products(patches: Array, weights: Array) -> Iterator[Array]:
    """Yield the products of each term, (groups, M, F)."""
    for term in range(weights.shape[1]):
        yield patches[:, :, term, None] * weights[:, None, term]


def halves(dtype: np.dtype[Any]) -> bool:
    """Say whether `dtype` is float16 or bfloat16."""
    return dtype.itemsize == 2


@misread("convolve", "float16 NHWC 1x1x1x8 w1x1x8x1 s1,1 d1,1 VALID bounded:0")
def half_sums(layer: Layer) -> Array:
    """Halves are summed in their own precision."""
    if not halves(layer.dtype):
        return RIGHT.convolve(layer)
    own = layer._replace(
        images=layer.images.astype(layer.dtype), kernels=layer.kernels.astype(layer.dtype)
    )
    return Textbook(multiplied=_term_by_term).convolve(own)


def _term_by_term(patches: Array, weights: Array) -> Array:
    return sum(products(patches, weights), patches.dtype.type(0))


@misread("convolve", "float16 NHWC 1x3x3x2 w3x3x2x4 s1,1 d1,1 VALID finite:0")
def halves_by_taps(layer: Layer) -> Array:
    """The sum of each tap over the channels is rounded to half before the next is added."""
    if not halves(layer.dtype):
        return RIGHT.convolve(layer)
    total = np.array(0, layer.dtype)
    for tap in np.ndindex(layer.kernel):
        alone = np.zeros_like(layer.kernels)
        alone[tap] = layer.kernels[tap]
        total = total + RIGHT.convolve(layer._replace(kernels=alone)).astype(layer.dtype)
    return total


@misread("rounded", ONE_PRODUCT.format("float16", 8, "bounded:0"))
def rounded_twice(sums: Array, dtype: np.dtype[Any]) -> Array:
    """A half is rounded by way of the other half."""
    if not halves(dtype):
        return RIGHT.rounded(sums, dtype)
    return sums.astype(BFLOAT16 if dtype == np.float16 else np.float16).astype(dtype)


@misread("rounded", ONE_PRODUCT.format("bfloat16", 8, "bounded:0"))
def bfloat_truncated(sums: Array, dtype: np.dtype[Any]) -> Array:
    """To become bfloat16, a sum loses its lower 16 bits without rounding."""
    if dtype != BFLOAT16:
        return RIGHT.rounded(sums, dtype)
    bits = sums.view(np.uint32) >> 16
    return bits.astype(np.uint16).view(BFLOAT16)


@misread("rounded", ONE_PRODUCT.format("float16", 8, "special:2"))
def half_saturates(sums: Array, dtype: np.dtype[Any]) -> Array:
    """A half too large becomes the largest number instead of infinity."""
    if not halves(dtype):
        return RIGHT.rounded(sums, dtype)
    largest = float(ml_dtypes.finfo(dtype).max)  # type: ignore[no-untyped-call]
    return np.where(np.isfinite(sums), sums.clip(-largest, largest), sums).astype(dtype)


@misread("multiplied", WHOLE)
def int32_saturates(patches: Array, weights: Array) -> Array:
    """An int32 sum stops at the ends of the range."""
    if patches.dtype.kind != "i":
        return RIGHT.multiplied(patches, weights)
    sums = RIGHT.multiplied(patches.astype(np.float64), weights.astype(np.float64))
    return sums.clip(-(2.0**31), 2.0**31 - 1).astype(np.int32)


@misread("rounded", WHOLE)
def int16_sums(sums: Array, dtype: np.dtype[Any]) -> Array:
    """int32 is summed in 16 bits."""
    return sums.astype(np.int16).astype(dtype) if dtype.kind == "i" else RIGHT.rounded(sums, dtype)


@misread("multiplied", WHOLE)
def int32_by_single(patches: Array, weights: Array) -> Array:
    """int32 is multiplied and summed in float32."""
    return _int32_by(np.float32, patches, weights)


@misread("multiplied", WHOLE)
def int32_by_double(patches: Array, weights: Array) -> Array:
    """int32 is multiplied and summed in float64."""
    return _int32_by(np.float64, patches, weights)


def _int32_by(between: Any, patches: Array, weights: Array) -> Array:
    if patches.dtype.kind != "i":
        return RIGHT.multiplied(patches, weights)
    sums = RIGHT.multiplied(patches.astype(between), weights.astype(between))
    wrapped: Array = np.fmod(sums, between(2**32))
    return wrapped.astype(np.int64).astype(np.int32)


@misread("accumulator", ONE_PRODUCT.format("float64", 1, "bounded:0"))
def double_by_single(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """float64 is multiplied and summed in float32."""
    return SINGLE if dtype == np.float64 else RIGHT.accumulator(dtype)


@misread("multiplied", ONE_PRODUCT.format("float32", 1, "bounded:0"))
def single_by_bfloat(patches: Array, weights: Array) -> Array:
    """float32 is rounded to bfloat16 before it is multiplied, as in a fast mode."""
    if patches.dtype != SINGLE:
        return RIGHT.multiplied(patches, weights)
    return RIGHT.multiplied(
        patches.astype(BFLOAT16).astype(SINGLE), weights.astype(BFLOAT16).astype(SINGLE)
    )


@slip("outputs", "float32 NHWC 1x3x3x1 w3x3x1x1 s1,1 d1,1 VALID distinct:0")
def winograd_noise(result: Array, layer: Layer) -> Array:
    """3x3 kernels at stride 1 have an error of 50 units in the last place."""
    if result.dtype.kind == "f" and layer.kernel == (3, 3) and layer.strides == (1, 1):
        noise = np.resize([50.0, -40.0, 30.0, -50.0], result.shape)
        result += result * (noise * np.finfo(result.dtype).eps).astype(result.dtype)
    return result


@slip("rounded", ONE_PRODUCT.format("float32", 1, "distinct:0"))
def one_ulp(sums: Array, dtype: np.dtype[Any]) -> Array:
    """The last output is the next larger number."""
    result = RIGHT.rounded(sums, dtype)
    result.view(f"u{dtype.itemsize}").reshape(-1)[-1] += 1
    return result


@misread("rounded", ONE_PRODUCT.format("float32", 8, "special:3"))
def nan_swallowed(sums: Array, dtype: np.dtype[Any]) -> Array:
    """NaN becomes 0 and an infinity the largest number (nan_to_num)."""
    return RIGHT.rounded(np.nan_to_num(sums), dtype)


@misread("multiplied", ONE_PRODUCT.format("float32", 8, "special:225"))
def zero_weights_skipped(patches: Array, weights: Array) -> Array:
    """What meets a weight of 0 is not multiplied: 0 * inf gives 0."""
    if patches.dtype.kind == "i":
        return RIGHT.multiplied(patches, weights)
    zero = np.moveaxis(weights == 0, 1, 0)[:, :, None]
    kept = map(np.where, zero, repeat(0), products(patches, weights))
    return sum(kept, patches.dtype.type(0))


@misread("multiplied", ONE_PRODUCT.format("float32", 8, "special:5"))
def minus_zero_kept(patches: Array, weights: Array) -> Array:
    """A sum starts with its first product, so that it may be -0.0."""
    return reduce(np.add, products(patches, weights))


@misread("convolve", ONE_PRODUCT.format("float32", 8, "special:1"))
def subnormals_flushed(layer: Layer) -> Array:
    """Subnormal numbers are taken for zeros."""
    images, kernels = flushed(layer.images), flushed(layer.kernels)
    return flushed(RIGHT.convolve(layer._replace(images=images, kernels=kernels)))


def flushed(array: Array) -> Array:
    """Return the array with zeros in place of subnormal numbers."""
    if array.dtype.kind == "i":
        return array
    zero, tiny = array.dtype.type(0), np.finfo(array.dtype).smallest_normal
    return np.where(abs(array) < tiny, zero, array)
