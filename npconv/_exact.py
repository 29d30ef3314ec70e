"""The correctly rounded value of the exact sum: approximated, certified, or summed exactly.

Sums in float64 (of float64: in more) have a bound. Where rounding what is less and what is more by
that gives the same, it is the result. The few others are summed by themselves, in two numbers each
and, if even these do not tell, exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate
from math import prod
from typing import Any

import numpy as np

from npconv import _backward
from npconv._arguments import check_out, read_arrays
from npconv._attributes import Array
from npconv._doubled import (
    UNIT,
    added,
    bounds,
    exactly,
    fits,
    gamma,
    halved,
    multiplied,
    narrow,
    narrowed,
    same,
    summed,
)
from npconv._engine import threads
from npconv._engine.plan import runs
from npconv._engine.scratch import Scratch
from npconv._geometry import Ranges
from npconv._operation import Operation
from npconv._products import Products
from npconv._terms import terms

_CHUNK = 1 << 15  # outputs: what is made of so many stays in cache
_FEW = 1 / 128  # of all sums: to gather one takes that much longer than to compute it

_Sum = Callable[[Array, Array], Array]
"""Computes an operation's sums of two float64 arrays, in float64."""


def exact(
    operation: Operation, given: Mapping[str, Any], standard: Callable[[Mapping[str, Any]], Array]
) -> Array:
    """Return an operation's result of arguments by their names, each output rounded once.

    `standard` computes the same in standard precision.
    """
    first, second = arrays = read_arrays(operation, given)
    known, other = ((one.shape, one.dtype) for one in arrays)
    dtype, geometry, shape, layout = _backward.check_call(operation, given, known, other)
    if dtype.kind == "i" or not (first.size and second.size and prod(shape)):
        return standard(given)  # exact
    out = given["out"]
    if out is None:
        out = np.empty(shape, dtype)
    else:
        check_out(out, shape, dtype, dict(zip(operation.arrays, arrays, strict=True)))

    def sums(one: Array, other: Array) -> Array:
        replaced = dict(zip(operation.arrays, (one, other), strict=True))
        return standard({**given, **replaced, "out": None})

    operation = operation.of(second.shape)
    with np.errstate(), np.errstate(all="ignore"):  # see conv2d
        wide = [one.astype(dtype, copy=False).astype(np.float64) for one in arrays]
        numbers = [np.isfinite(one) for one in wide]
        special = None
        if not all(one.all() for one in numbers):
            # Of sums of infinities, signs and zeros no partial sum overflows.
            signs = (np.where(n, np.sign(x), x) for n, x in zip(numbers, wide, strict=True))
            special = sums(*signs)
            wide = [np.where(n, x, 0.0) for n, x in zip(numbers, wide, strict=True)]
        batch = prod(first.shape) // prod(first.shape[-1 - len(geometry.axes) :])
        count = terms(operation, geometry, batch)
        products = Products(operation, geometry, layout, shape, *wide)
        result = (_wide if dtype.itemsize == 8 else _narrow)(sums, products, wide, count, dtype)
        if special is not None:
            result = np.where(np.isfinite(special), result, special.astype(dtype))
            result[np.isnan(special)] = np.nan
        out[...] = result
    return out  # type: ignore[no-any-return]


def _narrow(
    sums: _Sum, products: Products, wide: list[Array], count: int, dtype: np.dtype[Any]
) -> Array:
    """Return what float64, in which products are exact, gives of a dtype with fewer digits."""
    values = sums(*wide)
    if _sums_are_exact(wide, count):
        return narrowed(values + 0.0, dtype)  # no -0.0
    # The rounding of values, and of ends, adds four.
    factor = gamma(count + 4)
    result = np.empty(values.shape, dtype)
    open = _certify(values, factor * products.gross(), result)
    found = result.reshape(-1)
    if len(open) > _FEW * found.size:
        error = (factor * (1 + factor)) * sums(*map(np.abs, wide)).reshape(-1)[open]
        some = values.reshape(-1)[open] + 0.0
        below, above = narrowed(some - error, dtype), narrowed(some + error, dtype)
        found[open] = above
        open = open[~same(below, above)]
    _settle(products, open, found)
    return result


def _certify(values: Array, error: Array, result: Array) -> Array:
    """Round values to a result; return the flat indices of those of which a bound leaves two."""
    open: list[Array] = []
    blocks = list(runs(values.shape[:-1], -(-values.size // _CHUNK)))
    sizes = [prod(hi - lo for lo, hi in block) * values.shape[-1] for block in blocks]
    whole = np.broadcast_to(error, values.shape)
    # Contiguous, it is subtracted in less than half the time.
    tiles = np.tile(error, max(sizes) // len(error)) if error.ndim == 1 else None

    def work(run: tuple[Ranges, int], scratch: Scratch) -> bool:
        ranges, start = run
        place = tuple(slice(*one) for one in ranges)
        some, above = values[place], result[place]
        bound = whole[place] if tiles is None else tiles[: some.size].reshape(some.shape)
        end = scratch.take("product", some.shape, values.dtype)
        below = scratch.take("part", some.shape, result.dtype)
        np.subtract(some, bound, out=end)
        narrow(end, below)
        np.add(some, bound, out=end)
        narrow(end, above)
        wrong = ~same(below, above)
        if wrong.any():
            open.append(np.flatnonzero(wrong) + start)
        return True

    threads.each(zip(blocks, accumulate([0, *sizes[:-1]]), strict=True), work, len(blocks))
    return np.sort(np.concatenate(open)) if open else np.empty(0, int)


def _settle(products: Products, places: Array, found: Array) -> None:
    """Write the results at some places, each from its own products."""
    dtype = found.dtype

    def work(some: Array, scratch: Scratch) -> bool:
        tame = np.ones(len(some), bool)

        def taken_apart() -> Iterator[Array]:
            for one, other in products.pairs(some):
                tame[...] &= fits(one, other)
                yield np.concatenate(multiplied(one, other), axis=1)

        if dtype.itemsize == 8:
            sums = summed(taken_apart())
        else:
            sums = halved(one * other for one, other in products.pairs(some))
        below, above = bounds(*sums, dtype)
        found[some] = above
        open = some[~(same(below, above) & tame)]
        if open.size:
            exact = [exactly(pairs, dtype) for pairs in products.rows(open)]
            found[open] = narrowed(np.array(exact), dtype)
        return True

    chunks = list(products.chunks(places))
    threads.each(chunks, work, len(chunks))


def _wide(
    sums: _Sum, products: Products, wide: list[Array], count: int, dtype: np.dtype[Any]
) -> Array:
    """Return float64 of float64, from sums of some digits at a time, which are exact.

    (Ozaki, Ogita, Oishi and Rump 2012.)  Both arrays, scaled to at most 1, are cut into slices of
    so many digits that no sum of their products has more than 53.
    """
    digits = (53 - (count - 1).bit_length()) // 2
    most = -(-(61 + count.bit_length()) // digits)  # slices: 53 digits, and 8 that few sums share
    scales = [int(np.frexp(max(one.max(), -one.min()))[1]) for one in wide]
    scaled = [np.ldexp(one, -scale) for one, scale in zip(wide, scales, strict=True)]
    whole = all((np.ldexp(a, n) == b).all() for a, n, b in zip(scaled, scales, wide, strict=True))
    (ones, left), (others, left_of_others) = (_slices(one, digits, most) for one in scaled)
    places = [(i, j) for i in range(len(ones)) for j in range(len(others)) if i + j < most]
    total = rest = np.zeros(products.shape)
    for i, j in sorted(places, key=sum, reverse=True):
        total, lacking = added(total, sums(ones[i], others[j]))
        rest = rest + lacking
    error = 0.0
    if len(places) > 2:  # rests of sums of at most 2 n are rounded
        error += 2 * count * (len(places) * UNIT) ** 2
    if len(places) < len(ones) * len(others) or left or left_of_others or not whole:
        # Slices i and j have products of at most 2**(-digits * (i + j)); i + j = most is left out,
        # and what is smaller.
        error += 2 * count * (most + 2) * 2.0 ** (-digits * most)
    below, above = bounds(total, rest, np.array(error), dtype)
    result: Array = np.ldexp(above, sum(scales))
    calm = same(below, above) & ((np.abs(result) >= 2.0**-1021) | (above == 0))
    open, found = np.flatnonzero(~calm), result.reshape(-1)
    if len(open) > _FEW * found.size:
        met = sums(*((one != 0).astype(np.float64) for one in wide)).reshape(-1)[open]
        found[open] = 0
        open = open[met > 0]
    _settle(products, open, found)
    return result


def _slices(numbers: Array, digits: int, most: int) -> tuple[list[Array], bool]:
    """Cut numbers, of at most 1, into slices of so many digits; say whether any are left."""
    slices: list[Array] = []
    while len(slices) < most and numbers.any():
        large = 1.5 * 2.0 ** (52 - digits * (len(slices) + 1))  # whose last digit is the slice's
        slices.append((numbers + large) - large)
        numbers = numbers - slices[-1]
    return slices, bool(numbers.any())


def _sums_are_exact(wide: list[Array], count: int) -> bool:
    """Say whether any order of summation in float64 is exact, by the digits of both arrays."""
    room = 53 - (count - 1).bit_length()
    for array in wide:
        room -= _digits(array.reshape(-1)[:1024]) if room >= 0 else 0
    return room >= 0 and sum(map(_digits, wide)) <= 53 - (count - 1).bit_length()


def _digits(array: Array) -> int:
    """Return over how many binary digits an array's numbers reach together."""
    fractions, exponents = np.frexp(array[array != 0])
    if not exponents.size:
        return 0
    digits = np.ldexp(fractions, 53).astype(np.int64)
    last = np.frexp((digits & -digits).astype(np.float64))[1] + exponents
    return int(exponents.max() - last.min() + 54)
