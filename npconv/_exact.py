"""The correctly rounded value of the exact sum: approximated, certified, or summed exactly.

Sums in float64 (of float64: in more digits) have a bound. Where rounding what is less and what is
more by that gives the same, it is the result. The few others are summed by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import accumulate
from math import prod
from typing import Any

import numpy as np

from npconv._arguments import check_out, read_arrays
from npconv._attributes import Array
from npconv._checking import check_call
from npconv._engine import threads
from npconv._engine.casting import cast
from npconv._engine.plan import runs
from npconv._engine.scratch import Scratch
from npconv._geometry import Ranges
from npconv._operation import Operation
from npconv._products import Products
from npconv._slices import UNIT, in_slices, sum_in_integers, sum_to_odd
from npconv._terms import terms

_LONG = 512  # terms: longer sums are cut, for a bound that leaves fewer of them
_CHUNK = 1 << 16  # outputs: what is made of so many stays in cache
_GATHERED = 1 << 16  # products, where a sum has no more
_FEW = 1 / 128  # of all sums: to gather one takes that much longer than to compute it

_Sums = Callable[[Array, Array], Array]
"""Computes an operation's sums of two float64 arrays, in float64."""


def exact(
    operation: Operation, given: Mapping[str, Any], standard: Callable[[Mapping[str, Any]], Array]
) -> Array:
    """Return an operation's result of arguments by their names, each output rounded once.

    `standard` computes the same in standard precision.
    """
    first, second = arrays = read_arrays(operation, given)
    known, other = ((one.shape, one.dtype) for one in arrays)
    dtype, geometry, shape, layout = check_call(operation, given, known, other)
    if dtype.kind == "i" or not (first.size and second.size and prod(shape)):
        return standard(given)  # exact
    out = given["out"]
    if out is not None:
        check_out(out, shape, dtype, dict(zip(operation.arrays, arrays, strict=True)))

    def sums(*pair: Array) -> Array:
        return standard({**given, **dict(zip(operation.arrays, pair, strict=True)), "out": None})

    with np.errstate(), np.errstate(all="ignore"):  # see conv2d
        wide = [one.astype(dtype, copy=False).astype(np.float64) for one in arrays]
        products = Products(operation, geometry, layout, shape, *wide)
        gross, special = products.gross(), None
        if not np.isfinite(gross).all():
            numbers = list(map(np.isfinite, wide))
            # Of sums of infinities, signs and zeros no partial sum overflows.
            signs = (np.where(n, np.sign(x), x) for n, x in zip(numbers, wide, strict=True))
            special = sums(*signs)
            wide = [np.where(n, x, 0.0) for n, x in zip(numbers, wide, strict=True)]
            products = Products(operation, geometry, layout, shape, *wide)
            gross = products.gross()
        count = terms(operation, geometry, len(first))
        if dtype.itemsize == 8:
            result = _wide(sums, products, wide, count)
        else:
            result = _narrow(sums, products, wide, count, gross, dtype)
        if special is not None:
            result = np.where(np.isfinite(special), result, special.astype(dtype))
            result[np.isnan(special)] = np.nan
        if out is None:
            return result
        out[...] = result
    return out  # type: ignore[no-any-return]


def _wide(sums: _Sums, products: Products, wide: list[Array], count: int) -> Array:
    """Return float64 of float64."""
    result, certain = in_slices(sums, wide, count, products.shape)
    found, open = result.reshape(-1), np.flatnonzero(~certain)
    if len(open) > _FEW * found.size:
        met = sums(*((one != 0).astype(np.float64) for one in wide)).reshape(-1)[open]
        found[open] = 0
        open = open[met > 0]
    for place in open:
        found[place] = sum_in_integers(*(one[0] for one in products.pairs(np.array([place]))))
    return result


def _narrow(
    sums: _Sums, products: Products, wide: list[Array], count: int, gross: Array,
    dtype: np.dtype[Any],
) -> Array:  # fmt: skip
    """Return what float64, in which products are exact, gives of a dtype with fewer digits."""
    whole = _sums_are_exact(wide, count)
    pairs = [tuple(wide)] if whole else list(products.cut(-(-count // _LONG)))
    values = sums(*pairs[0])
    for pair in pairs[1:]:
        values += sums(*pair)
    if whole:
        return narrowed(values + 0.0, dtype)  # no -0.0
    longest = -(-count * max(pair[0].size for pair in pairs) // wide[0].size)
    factor = gamma(longest + len(pairs) + 4)  # four for the roundings of ends
    result = np.empty(values.shape, dtype)
    found, flat = result.reshape(-1), values.reshape(-1)
    half = dtype.itemsize == 2  # which is rounded to float32 before
    open = _certify(values, (factor + 2.0**-23 * half) * gross + 2.0**-149 * half, result)
    if half:  # again, without that
        error = np.broadcast_to(gross, values.shape)[np.unravel_index(open, values.shape)]
        open = open[_ends(flat[open] + 0.0, factor * error, found, open)]
    if len(open) > _FEW * found.size:
        error = sums(*map(np.abs, wide)).reshape(-1)[open] * (factor * (1 + 2 * factor))
        open = open[_ends(flat[open] + 0.0, error, found, open)]
    _settle(products, open, found)
    return result


def _certify(values: Array, error: Array, result: Array) -> Array:
    """Round values to a result; return the flat indices of those of which a bound leaves two.

    Those of 16 bits are rounded to float32 before, which the bound allows for.
    """
    open: list[Array] = []
    whole, most = np.broadcast_to(error, values.shape), error.max()
    even = most <= 2 * error.min()  # a number takes half the time
    blocks = list(runs(values.shape[:-1], -(-values.size // _CHUNK)))
    sizes = [prod(hi - lo for lo, hi in block) * values.shape[-1] for block in blocks]

    def work(run: tuple[Ranges, int], scratch: Scratch) -> bool:
        ranges, start = run
        place = tuple(slice(*one) for one in ranges)
        some, above, bound = values[place], result[place], most if even else whole[place]
        below = scratch.take("part", some.shape, result.dtype)
        for end, out in ((np.subtract, below), (np.add, above)):
            single = out
            if out.itemsize == 2:
                single = scratch.take("product", some.shape, np.dtype(np.float32))
            end(some, bound, out=single, casting="same_kind")
            if single is not out:
                cast(single, out, scratch)
        differs = _bits(below) != _bits(above)
        if differs.any():
            open.append(np.flatnonzero(differs) + start)
        return True

    threads.each(zip(blocks, accumulate([0, *sizes[:-1]]), strict=True), work, len(blocks))
    return np.concatenate(open) if open else np.empty(0, int)


def _settle(products: Products, places: Array, found: Array) -> None:
    """Write the results at some places, each from its own products."""

    def work(start: int, scratch: Scratch) -> bool:
        some = places[start : start + step]
        one, other = products.pairs(some)
        terms = one * other
        # Halves of rows are added: numbers make one rounding each time, and in g.
        gross, rounds, left = np.abs(terms).sum(1), terms.shape[1].bit_length(), terms
        while left.shape[1] > 1:
            half, single = divmod(left.shape[1], 2)
            total = left[:, :half] + left[:, half : 2 * half]
            if single:
                total[:, 0] += left[:, -1]
            left = total
        error = gross * gamma(2 * rounds + 4)
        rows = np.flatnonzero(_ends(left[:, 0] + 0.0, error, found, some))
        if rows.size:
            sums = np.array([sum_to_odd(terms[row].tolist()) for row in rows])
            found[some[rows]] = narrowed(sums, found.dtype)
        return True

    step = max(1, _GATHERED // products.each)
    starts = range(0, len(places), step)
    threads.each(starts, work, len(starts))


def _ends(values: Array, error: Array, found: Array, places: Array) -> Array:
    """Round what is less and what is more by an error; write one, and say where they differ."""
    below, above = (narrowed(end, found.dtype) for end in (values - error, values + error))
    found[places] = above
    return _bits(below) != _bits(above)  # type: ignore[no-any-return]


def _bits(numbers: Array) -> Array:
    return numbers.view(f"i{numbers.itemsize}")


def narrowed(numbers: Array, dtype: np.dtype[Any]) -> Array:
    """Round float64 to fewer digits, once, ties to even.

    To 16 bits casts may go through float32: the number that they take is odd where it is rounded.

    >>> narrowed(np.array([1 + 2**-11, 1 + 2**-11 + 2**-40]), np.dtype(np.float16)).tolist()
    [1.0, 1.0009765625]
    """
    single = numbers.astype(np.float32)
    if dtype.itemsize == 4:
        return single
    bits, size = single.view(np.int32), np.abs(single.astype(np.float64))
    bits -= size > np.abs(numbers)
    bits |= size != np.abs(numbers)
    return single.astype(dtype)


def gamma(terms: int) -> float:
    """Return n u / (1 - n u), the most by which n roundings change a product."""
    return terms * UNIT / (1 - terms * UNIT)


def _sums_are_exact(wide: list[Array], count: int) -> bool:
    """Say whether sums in float64 are exact in any order, by the digits of both arrays."""
    room = 53 - (count - 1).bit_length()
    samples = (
        sum(_digits(one.ravel("K")[::step]) for one in wide) for step in (1 << 14, 1 << 7, 1)
    )
    return all(digits <= room for digits in samples)


def _digits(array: Array) -> int:
    """Return over how many binary digits an array's numbers reach together.

    >>> _digits(np.array([0.75, 0, -8]))
    6
    """
    bits = array.view(np.int64)
    last = array - (bits & (bits - 1)).view(np.float64)
    last = np.abs(np.where(bits & (2**52 - 1), last, array))  # powers of two have but one digit
    least = last.min(where=last > 0, initial=np.inf)
    top = np.frexp(max(array.max(), -array.min()))[1]
    return int(top - np.frexp(least)[1] + 1) if least < np.inf else 0
