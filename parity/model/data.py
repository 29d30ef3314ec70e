"""The kinds of data that a case is filled with, each drawn from one seed."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Arrays = tuple[Array, Array]
Shape = tuple[int, ...]
Rng = np.random.Generator

# Integers: the sum of products stays within 2**first, each element within 2**second.  The
# halves accumulate in float32, so their sums may fill its 24 bits before the one rounding.
_LATTICE_BITS = {
    "float16": (24, 11),
    "bfloat16": (24, 8),
    "float32": (24, 24),
    "float64": (53, 53),
    "int32": (31, 31),
}
# Exponents of floats: the lowest and highest centre, the widest spread around it, and the sum of
# centres at which products fall below the smallest normal number (not so for float16, which
# accumulates in float32).  No sum of 2000 products overflows.
_EXPONENTS = {
    "float16": (-5, -1, 4, -10),
    "bfloat16": (-100, 30, 18, -130),
    "float32": (-100, 30, 18, -130),
    "float64": (-900, 300, 60, -1040),
}


def lattice(rng: Rng, input: Shape, filters: Shape, dtype: Any, terms: int) -> Arrays:
    """Draw integers whose sums of products are exact in every order of summation.

    n * max|x| * max|w| is at most 2**24 for float32 and the halves (which then round once),
    2**53 for float64 and 2**31 for int32.
    """
    sum_bits, element_bits = _LATTICE_BITS[dtype.name]
    terms = max(1, terms)
    lowest = math.ceil(math.log2(terms))
    product = 2 ** int(rng.integers(lowest, sum_bits + 1)) // terms
    largest = min(int(product ** rng.uniform()), 2**element_bits)
    other = min(product // largest, 2**element_bits)
    return (
        _integers(rng, largest, input).astype(dtype),
        _integers(rng, other, filters).astype(dtype),
    )


def bounded(rng: Rng, input: Shape, filters: Shape, dtype: Any, terms: int) -> Arrays:
    """Draw normal floats over several magnitudes, or int32 over its whole range.

    Most magnitudes lie around 1; one draw in four puts those of the two arrays anywhere, one in
    eight where their products underflow.
    """
    if dtype.name == "int32":
        return _whole_range(rng, input), _whole_range(rng, filters)
    low, high, widest, underflow = _EXPONENTS[dtype.name]
    choice = rng.random()
    centre = other = high if high < 0 else 0
    if choice < 0.25:
        centre, other = (int(drawn) for drawn in rng.integers(low, high + 1, 2))
    elif choice < 0.375:
        centre = int(rng.integers(max(low, underflow - high), min(high, underflow - low) + 1))
        other = underflow - centre
    return _floats(rng, input, dtype, centre, widest), _floats(rng, filters, dtype, other, widest)


def special(rng: Rng, input: Shape, filters: Shape, dtype: Any, terms: int) -> Arrays:
    """Sprinkle inf, nan, signed zeros, subnormals and values near overflow over floats."""
    terms = max(1, terms)
    rates = (0.3 / terms, 1.0 / terms, 0.1, 0.5)
    return _sprinkle(rng, input, dtype, rates), _sprinkle(rng, filters, dtype, rates)


def normal(rng: Rng, input: Shape, filters: Shape, dtype: Any, terms: int) -> Arrays:
    """Draw what a net sees: standard normal inputs, He-normal filters; int8's range for int32.

    Timing needs such tame data: subnormals and specials cost extra time.
    """
    if np.dtype(dtype).kind == "i":
        return (
            rng.integers(-128, 128, input).astype(dtype),
            rng.integers(-128, 128, filters).astype(dtype),
        )
    scale = math.sqrt(2 / max(1, terms))
    return (
        rng.standard_normal(input).astype(dtype),
        (scale * rng.standard_normal(filters)).astype(dtype),
    )


def distinct(rng: Rng, input: Shape, filters: Shape, dtype: Any, terms: int) -> Arrays:
    """Draw integers of which no two in one array are equal or zero, while there are enough.

    A tap that reads another pixel, a pixel that meets another weight and a product that is lost
    each change the sum: x_p w_i - x_q w_i = (x_p - x_q) w_i is not 0.  The sums stay exact in
    every order: n * max|x| * max|w| is at most 2**24 (2**53 for float64, 2**31 for int32).
    """
    sum_bits, element_bits = _LATTICE_BITS[dtype.name]
    return _distinct(rng, input, filters, dtype, terms, (2**sum_bits, 2**element_bits))


def uniform(rng: Rng, input: Shape, filters: Shape, dtype: Any, terms: int) -> Arrays:
    """Draw integers independently, each of `widest` as likely as any other, for `survival`.

    The sums stay exact in every order; those of int32, which has its whole range, modulo 2**32.
    """
    if dtype.name == "int32":
        return _whole_range(rng, input), _whole_range(rng, filters)
    largest = widest(dtype, terms)
    return (
        _integers(rng, largest, input).astype(dtype),
        _integers(rng, largest, filters).astype(dtype),
    )


def widest(dtype: Any, terms: int) -> int:
    """Return the largest integer that both arrays may have: n * max|x| * max|w| is exact.

    As `distinct`, and so that sums of float16 are finite: infinities would hide differences.
    """
    sum_bits, element_bits = _LATTICE_BITS[dtype.name]
    largest = int(np.finfo(np.float16).max) if dtype.name == "float16" else 2**sum_bits
    return max(1, min(math.isqrt(largest // max(1, terms)), 1 << element_bits))


def survival(dtype: Any, terms: int) -> float:
    """Return what bounds the chance that a wrong bilinear form passes one draw of `uniform`.

    Let a result be a bilinear form of the two arrays, whatever the data, and not the right one, but
    of no more products, so that it is exact as well.  The difference, the sum of c[p,q] x[p] w[q],
    is a polynomial that is not 0.  Some x[p] is multiplied by a linear form in w that is not 0; it
    becomes 0 for one value of a w[q] at most, given the others: with a chance of 1 / |S|.  Else
    the whole is 0 for one value of x[p] at most: 2 / |S| in all (Schwartz and Zippel).

    int32 counts modulo 2**32, where there are divisors of 0.  If some c[p,q] is odd, the factor of
    x[p] is uniform; with a chance of 2**-(v+1) it has v factors 2, and then the whole is 0 for 2**v
    values of x[p] at most.  The sum over v from 0 to 31, and 2**-32 for a factor 0, is 17 / 2**32.
    (If 2**k divides every c, the same holds modulo 2**(32-k); that of a c other than 0 with |c|
    below 2**k is no such multiple.)  Sums of halves are rounded, which hides differences: 1.
    """
    if dtype.name == "int32":
        return _of_ring(32)
    if dtype.itemsize == 2:
        return 1.0
    return 2 / (2 * widest(dtype, terms) + 1)


def _of_ring(bits: int) -> float:
    return (bits + 2) * 0.5 ** (bits + 1)


def finite(rng: Rng, input: Shape, filters: Shape, dtype: Any, terms: int) -> Arrays:
    """Draw integers as `distinct` does, smaller in float16, where its sums may overflow.

    Where sums are long and both are large, most of those would be infinite; an infinity hides
    whatever else is wrong.
    """
    sum_bits, element_bits = _LATTICE_BITS[dtype.name]
    largest = int(np.finfo(np.float16).max) if dtype.name == "float16" else 2**sum_bits
    return _distinct(rng, input, filters, dtype, terms, (largest, 2**element_bits))


def _distinct(
    rng: Rng, input: Shape, filters: Shape, dtype: Any, terms: int, largest_of: tuple[int, int]
) -> Arrays:
    largest_sum, largest_element = largest_of
    pixels, taps = math.prod(input), math.prod(filters)
    product = largest_sum // max(1, terms)
    # Weights as small as they can be distinct, with a tenth to spare; the input has the rest.
    largest = min(largest_element, max(taps // 2 + taps // 20 + 1, 3), math.isqrt(product))
    other = min(largest_element, max(product // largest, 1), 4 * pixels + 16)
    return (
        _without_repeats(rng, other, pixels).reshape(input).astype(dtype),
        _without_repeats(rng, largest, taps).reshape(filters).astype(dtype),
    )


def small(rng: Rng, input: Shape, filters: Shape, dtype: Any, terms: int) -> Arrays:
    """Draw integers from -2 to 2: sums of up to 64 products are exact even in eight bits."""
    return _integers(rng, 2, input).astype(dtype), _integers(rng, 2, filters).astype(dtype)


def ones(rng: Rng, input: Shape, filters: Shape, dtype: Any, terms: int) -> Arrays:
    """Fill both with ones: outputs count the taps that lie inside the image."""
    return np.ones(input, dtype), np.ones(filters, dtype)


def ties(rng: Rng, input: Shape, filters: Shape, dtype: Any, terms: int) -> Arrays:
    """Draw integers, and fractions whose products lie where a sum near 1 ends, and far beyond.

    Many sums lie half way between two numbers of the dtype, or so near to it that only their
    last product tells. One draw in four moves everything to where sums become subnormal.
    """
    if dtype.name == "int32":
        return small(rng, input, filters, dtype, terms)
    info: Any = ml_dtypes.finfo(dtype)  # type: ignore[no-untyped-call]
    half, least = info.nmant + 1, info.minexp - info.nmant
    low = least // 2 if rng.random() < 0.25 else 0
    beyond = max(low - 3 * half, least)
    exponents = np.array([0, 0, 0, -half, -half, -half - 1, 1 - half, beyond])
    weights = rng.choice([-1.0, 1.0], filters) * np.exp2(low + rng.choice(exponents, filters))
    weights = np.where(rng.random(filters) < 0.2, 0.0, weights)
    return (rng.integers(-2, 4, input) * 2.0**low).astype(dtype), weights.astype(dtype)


def cancelling(rng: Rng, input: Shape, filters: Shape, dtype: Any, terms: int) -> Arrays:
    """Draw few numbers and their negatives, so that sums are small beside their products, or 0."""
    if dtype.name == "int32":
        return small(rng, input, filters, dtype, terms)
    _, _, widest, _ = _EXPONENTS[dtype.name]
    numbers = rng.uniform(1, 2, (2, 2)).astype(dtype).astype(np.float64)
    numbers[:, 1] *= rng.choice([1.0, 2.0**-widest])
    pixels = np.append(numbers[0], [0, numbers[0, 0]])
    taps = np.append(numbers[1], -numbers[1])
    return rng.choice(pixels, input).astype(dtype), rng.choice(taps, filters).astype(dtype)


KINDS: dict[str, Callable[[Rng, Shape, Shape, Any, int], Arrays]] = {
    kind.__name__: kind
    for kind in (
        *(lattice, bounded, special, normal, distinct, uniform),
        *(finite, small, ones, ties, cancelling),
    )
}
EXACT = ("lattice", "distinct", "uniform", "finite", "small", "ones")
"""The kinds whose sums are exact in every order of summation."""


def _integers(rng: Rng, largest: int, shape: Shape) -> Array:
    drawn = rng.integers(-largest, largest, shape, endpoint=True)
    return np.clip(drawn, -(2**31), 2**31 - 1) if largest == 2**31 else drawn


def _without_repeats(rng: Rng, largest: int, count: int) -> Array:
    """Return `count` integers among -largest..-1 and 1..largest, each used once while they last.

    Those that come again come in another order: with a period taps would be equal, whole.
    """
    values = np.concatenate([np.arange(-largest, 0), np.arange(1, largest + 1)])
    first: Array = rng.permutation(values)
    if count > len(first):
        again = np.tile(values, ((count - 1) // len(values), 1))
        first = np.concatenate([first, rng.permuted(again, axis=1).ravel()])
    return first[:count]


def _whole_range(rng: Rng, shape: Shape) -> Array:
    return rng.integers(-(2**31), 2**31, shape).astype(np.int32)


def _floats(rng: Rng, shape: Shape, dtype: Any, centre: int, widest: int) -> Array:
    spread = int(rng.choice([0, widest // 4, widest]))
    exponents = rng.integers(centre - spread, centre + spread + 1, shape)
    signs = 1 - 2 * rng.integers(0, 2, shape) if rng.random() < 0.8 else 1
    drawn = np.ldexp(signs * rng.uniform(1.0, 2.0, shape), exponents)
    drawn = np.where(rng.random(shape) < rng.choice([0.0, 0.3]), 0.0, drawn)
    return drawn.astype(dtype)


def _sprinkle(rng: Rng, shape: Shape, dtype: Any, rates: Any) -> Array:
    menu: list[list[float]]
    if dtype.name == "int32":
        drawn = rng.integers(-3, 4, shape).astype(np.int32)
        menu = [[-(2**31)], [2**31 - 1], [2**30, 2**16, -(2**16)], [0], [-1, 1]]
    else:
        info: Any = ml_dtypes.finfo(dtype)  # type: ignore[no-untyped-call]
        largest, tiny = float(info.max), float(info.smallest_normal)
        least = float(info.smallest_subnormal)
        # Powers of two whose products lie on either side of the two ends of the range.
        high, low = 2.0 ** (info.maxexp // 2), 2.0 ** (info.minexp // 2)
        menu = [
            [math.inf],
            [-math.inf],
            [math.nan],
            [-0.0],
            [0.0],
            [largest, -largest],
            [largest / 2, high, -high, high / 2],
            [tiny, -tiny, low, -low, low / 2],
            [least, -least, tiny - least, 3 * least],
        ]
        exponents = rng.integers(-4, 5, shape)
        drawn = np.ldexp(rng.uniform(-2.0, 2.0, shape), exponents).astype(dtype)
    chosen = [values for values in menu if rng.random() < 0.35]
    if not chosen:
        return drawn
    values = np.array([value for group in chosen for value in group])
    sprinkled = rng.choice(values, shape).astype(dtype)
    rate = min(0.5, float(rng.choice(rates)))
    return np.where(rng.random(shape) < rate, sprinkled, drawn)
