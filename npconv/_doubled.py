"""Sums of float64 in two numbers, roundings that are certain, and sums in integers.

A number with a rest, both float64, stands for their exact sum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from math import fsum, inf
from typing import Any

import numpy as np

from npconv._attributes import Array

UNIT = 2.0**-53
_LEAST, _LARGEST = 2.0**-480, 2.0**480
"""Between them products have a rest that is a float64, and no sum overflows."""


def added(one: Array, other: Array) -> tuple[Array, Array]:
    """Return a sum and what it lacks (Knuth's TwoSum)."""
    total = one + other
    part = total - one
    return total, (one - (total - part)) + (other - part)


def multiplied(one: Array, other: Array) -> tuple[Array, Array]:
    """Return a product and what it lacks (Dekker's, with Veltkamp's splitting in halves)."""
    product = one * other
    (a, b), (c, d) = map(_halves, (one, other))
    return product, b * d - (((product - a * c) - b * c) - a * d)


def _halves(number: Array) -> tuple[Array, Array]:
    large = number * (2.0**27 + 1)
    high = large - (large - number)
    return high, number - high


def summed(pieces: Iterable[Array]) -> tuple[Array, Array, Array]:
    """Return the sums of rows, which come in pieces, with their rests and bounds of their errors.

    Halves of a row are added. What these n sums lack, together at most gamma_n g, is added to the
    rest, and makes up to n roundings on its way.
    """
    firsts, rests, gross, count = [], [], [], 0
    for numbers in pieces:
        count += numbers.shape[1] + 1
        gross.append(np.abs(numbers).sum(1))
        while numbers.shape[1] > 1:
            half = numbers.shape[1] // 2
            total, lacking = added(numbers[:, :half], numbers[:, half : 2 * half])
            rests.append(lacking.sum(1))
            numbers = np.concatenate([total, numbers[:, 2 * half :]], axis=1)
        firsts.append(numbers[:, 0])
    total, rest = firsts[0], np.zeros(len(firsts[0]))
    for first in firsts[1:]:
        total, lacking = added(total, first)
        rests.append(lacking)
    for lacking in rests:
        rest += lacking
    return total, rest, np.add.reduce(gross) * (1.01 * gamma(2 * count) ** 2)


def halved(pieces: Iterable[Array]) -> tuple[Array, Array, Array]:
    """Return the same of fewer digits, without rests: each number makes some log2(n) roundings."""
    firsts, gross, depth = [], [], 0
    for numbers in pieces:
        gross.append(np.abs(numbers).sum(1))
        depth = max(depth, numbers.shape[1].bit_length())
        while numbers.shape[1] > 1:
            half, single = divmod(numbers.shape[1], 2)
            total = numbers[:, :half] + numbers[:, half : 2 * half]
            if single:
                total[:, 0] += numbers[:, -1]
            numbers = total
        firsts.append(numbers[:, 0])
    sums: Array = np.add.reduce(firsts)
    lost = 1.01 * gamma(2 * depth + len(firsts))
    return sums, np.zeros(len(sums)), np.add.reduce(gross) * lost


def gamma(terms: int) -> float:
    """Return n u / (1 - n u), the most by which n roundings change a product."""
    return terms * UNIT / (1 - terms * UNIT)


def odd(number: Array, rest: Array) -> Array:
    """Round a number with its rest to float64, to the odd neighbour where it is none.

    What is rounded to fewer bits afterwards is as if it had been rounded once.

    >>> odd(np.array([1.0, 1.0, 3.0]), np.array([1e-30, -1e-30, 0])) - [1, 1, 3]
    array([ 2.22044605e-16, -1.11022302e-16,  0.00000000e+00])
    """
    number, rest = added(number, rest)
    bits = number.view(np.int64)
    bits = bits - ((rest != 0) & ((rest > 0) != (number > 0)))  # towards zero
    result: Array = bits | (rest != 0)
    return result.view(np.float64)


def narrowed(numbers: Array, dtype: np.dtype[Any]) -> Array:
    """Round float64 once, ties to even, to a dtype.

    Casts to 16 bits may go through float32: the number that they take is odd where it is rounded.
    """
    result: Array = numbers.astype(np.float32 if dtype.itemsize < 8 else dtype)
    if dtype.itemsize > 2:
        return result
    bits, wide = result.view(np.int32), np.abs(result.astype(np.float64))
    bits -= wide > np.abs(numbers)
    bits |= wide != np.abs(numbers)
    return result.astype(dtype)


def narrow(numbers: Array, out: Array) -> None:
    """Write the same to an array."""
    if out.dtype.itemsize < 4:
        out[...] = narrowed(numbers, out.dtype)
    else:
        np.copyto(out, numbers, casting="same_kind")


def bounds(number: Array, rest: Array, error: Array, dtype: np.dtype[Any]) -> tuple[Array, Array]:
    """Round numbers with their rests, less and more an error of these, to a dtype."""
    error = error * (1 + 8 * UNIT) + np.abs(rest) * (8 * UNIT)  # the roundings of this very line
    ends = rest - error, rest + error
    if dtype.itemsize == 8:
        return number + ends[0], number + ends[1]
    below, above = (narrowed(odd(number, end), dtype) for end in ends)
    return below, above


def same(one: Array, other: Array) -> Array:
    """Say where numbers have the same bits."""
    kind = f"i{one.dtype.itemsize}"
    return one.view(kind) == other.view(kind)  # type: ignore[no-any-return]


def exactly(pairs: Callable[[], Iterable[tuple[Array, Array]]], dtype: np.dtype[Any]) -> float:
    """Return the sum of a row of products, of two rows of factors in pieces.

    Of float64 it is rounded to nearest, for fewer digits to odd.
    """
    if dtype.itemsize == 8:
        if not all(fits(*pair) for pair in pairs()):
            return _in_integers(pairs())
        both = chain.from_iterable(multiplied(*pair) for pair in pairs())
        return fsum(chain.from_iterable(one.tolist() for one in both))

    def products() -> Iterator[float]:
        return chain.from_iterable((one * other).tolist() for one, other in pairs())

    total = fsum(products())
    rest = fsum(chain(products(), [-total]))
    return float(odd(np.array([total]), np.array([rest]))[0])


def fits(one: Array, other: Array) -> Array:
    """Say of which rows the products can be taken apart."""
    both = np.abs(np.concatenate([one, other], axis=-1))
    return (((both >= _LEAST) & (both <= _LARGEST)) | (both == 0)).all(-1)  # type: ignore[no-any-return]


def _in_integers(pairs: Iterable[tuple[Array, Array]]) -> float:
    """Return a sum of products of which some are too small or too large for float64."""
    total, place = 0, 0
    for pair in pairs:
        (one, above), (other, below) = map(np.frexp, pair)
        digits = (np.ldexp(one, 53), np.ldexp(other, 53), above + below)
        for a, b, exponent in zip(*(some.tolist() for some in digits), strict=True):
            if exponent < place:
                total, place = total << (place - exponent), exponent
            total += int(a) * int(b) << (exponent - place)
    try:
        return total / (1 << (106 - place))  # correctly rounded, subnormal or not
    except OverflowError:
        return inf if total > 0 else -inf
