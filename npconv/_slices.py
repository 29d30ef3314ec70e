"""Sums of float64 products in more digits than float64 has, and in all of them."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, fsum, inf, log2, nextafter

import numpy as np

from npconv._attributes import Array, Shape

UNIT = 2.0**-53


def added(one: Array, other: Array) -> tuple[Array, Array]:
    """Return a sum and what it lacks (Knuth's TwoSum)."""
    total = one + other
    part = total - one
    return total, (one - (total - part)) + (other - part)


def in_slices(
    sums: Callable[[Array, Array], Array], arrays: list[Array], terms: int, shape: Shape
) -> tuple[Array, Array]:
    """Return sums of products, rounded once to float64, and where that is certain.

    By Ozaki, Ogita, Oishi and Rump (2012): both arrays, scaled to at most 1, are cut into slices of
    so many digits that no sum of their products needs more than 53, in any order.
    """
    digits = (53 - (terms - 1).bit_length()) // 2
    tops = [max(one.max(), -one.min(), 0) for one in arrays]
    scales = [int(np.frexp(top)[1]) for top in tops]
    scaled = [np.ldexp(one, -scale) for one, scale in zip(arrays, scales, strict=True)]
    # 53 digits, as many as ordinary sums lie below the largest, and 12 that few of them will miss.
    below = sum(min(100.0, _depth(one)) for one in scaled)
    most = ceil((65 + log2(terms) / 2 + below) / digits)
    left = any((np.ldexp(a, n) != b).any() for a, n, b in zip(scaled, scales, arrays, strict=True))
    (ones, more), (others, more_others) = (_slices(one, digits, most) for one in scaled)
    places = [(i, j) for i in range(len(ones)) for j in range(len(others)) if i + j < most]
    total = rest = np.zeros(shape)
    for i, j in sorted(places, key=sum, reverse=True):
        total, lacking = added(total, sums(ones[i], others[j]))
        rest = rest + lacking
    error = 0.0
    if len(places) > 2:  # rests of sums of at most 2 n are rounded
        error += 2 * terms * (len(places) * UNIT) ** 2
    if left or more or more_others or len(places) < len(ones) * len(others):
        # Products of slices i and j are at most 2**(-digits * (i + j)), whose i + j is `most` here.
        error += 2 * terms * (most + 2) * 2.0 ** (-digits * most)
    slack = error * (1 + 8 * UNIT) + np.abs(rest) * (8 * UNIT)  # and of these very lines
    least, result = total + (rest - slack), total + (rest + slack)
    certain, nothing = least == result, result == 0
    result = np.ldexp(result, sum(scales))  # which may round subnormal numbers again
    return result, certain & (nothing | (np.abs(result) >= 2.0**-1021))


def _depth(numbers: Array) -> float:
    """Return how far below 1 numbers are on an average, in binary digits; zeros do not count."""
    exponents = np.frexp(numbers[numbers != 0])[1]
    return -float(exponents.mean()) if exponents.size else 0.0


def _slices(numbers: Array, digits: int, most: int) -> tuple[list[Array], bool]:
    """Cut numbers, of at most 1, into slices of so many digits; say whether any are left."""
    slices: list[Array] = []
    while len(slices) < most and numbers.any():
        large = 1.5 * 2.0 ** (52 - digits * (len(slices) + 1))  # whose last digit is the slice's
        slices.append((numbers + large) - large)
        numbers = numbers - slices[-1]
    return slices, bool(numbers.any())


def sum_to_odd(products: list[float]) -> float:
    """Return a sum, or where it is none the odd one of its neighbours.

    Rounded to fewer digits that is as if the sum had been rounded once.

    >>> sum_to_odd([1.0, 1e-30]) == 1 + 2**-52, sum_to_odd([1.0, 2**-52, -1e-30]) == 1 + 2**-52
    (True, True)
    """
    total = fsum(products)
    rest = fsum([*products, -total])
    even = int(np.float64(total).view(np.int64)) % 2 == 0
    return nextafter(total, inf if rest > 0 else -inf) if rest and even else total


def sum_in_integers(ones: Array, others: Array) -> float:
    """Return a sum of products, whatever their exponents, rounded once.

    >>> sum_in_integers(np.array([1e300, 1e300, 3]), np.array([1e300, -1e300, 5e-324]))
    1.5e-323
    """
    (one, above), (other, below) = np.frexp(ones), np.frexp(others)
    exponents = above + below
    place = min(0, int(exponents.min()))
    total, digits = 0, (np.ldexp(one, 53).tolist(), np.ldexp(other, 53).tolist())
    for a, b, exponent in zip(*digits, exponents.tolist(), strict=True):
        total += int(a) * int(b) << exponent - place
    try:
        return total / (1 << 106 - place)  # rounded once, subnormal or not
    except OverflowError:
        return inf if total > 0 else -inf
