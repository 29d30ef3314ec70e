"""The correctly rounded value of the exact sum: approximated, certified, or summed exactly.

Sums in float64 (of float64: in more) have a bound. Where rounding what is less and what is more by
that gives the same, it is the result. The few others are summed by themselves, in two numbers each
and, if even these do not tell, exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

import numpy as np

from npconv import _backward
from npconv._arguments import check_out, read_arrays
from npconv._attributes import Array
from npconv._doubled import UNIT, added, bounds, exactly, fits, gamma, multiplied, narrowed, same
from npconv._doubled import summed
from npconv._engine import threads
from npconv._engine.plan import runs
from npconv._engine.scratch import Scratch
from npconv._operation import Operation
from npconv._products import Products
from npconv._terms import terms

_CHUNK = 1 << 14  # outputs: four float64 arrays of so many stay in cache
_FEW = 1 / 64  # of all sums: to gather one takes that much longer than to compute it

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
        return standard({**given, **dict(zip(operation.arrays, (one, other), strict=True)), "out": None})

    operation = operation.of(second.shape)
    with np.errstate(), np.errstate(all="ignore"):  # see conv2d
        wide = [one.astype(dtype).astype(np.float64) for one in arrays]
        numbers = [np.isfinite(one) for one in wide]
        special = None
        if not all(one.all() for one in numbers):
            # Of sums of infinities, signs and zeros no partial sum overflows.
            signs = (np.where(n, np.sign(x), x) for n, x in zip(numbers, wide, strict=True))
            special = sums(*signs)
            wide = [np.where(n, x, 0.0) for n, x in zip(numbers, wide, strict=True)]
        batch = prod(first.shape) // prod(first.shape[-1 - len(geometry.axes):])
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
    flat, found = values.reshape(-1), result.reshape(-1)
    if len(open) > _FEW * flat.size:
        error = (factor * (1 + factor)) * sums(*map(np.abs, wide)).reshape(-1)[open]
        some = flat[open] + 0.0
        below, above = narrowed(some - error, dtype), narrowed(some + error, dtype)
        found[open] = above
        open = open[~same(below, above)]
    _settle(products, open, found)
    return result


def _certify(values: Array, error: Array, result: Array) -> Array:
    """Round values to a result; return the flat indices of those of which a bound leaves two."""
    error = np.broadcast_to(error, values.shape)
    starts = np.arange(values.size).reshape(values.shape)
    open: list[Array] = []

    def work(run: Any, scratch: Scratch) -> bool:
        place = tuple(slice(*one) for one in run)
        some, bound, above = values[place], error[place], result[place]
        end = scratch.take("product", some.shape, values.dtype)
        np.subtract(some, bound, out=end)
        below = narrowed(end, result.dtype)
        np.add(some, bound, out=end)
        above[...] = narrowed(end, result.dtype)
        wrong = ~same(below, above)
        if wrong.any():
            open.append(starts[place][wrong])
        return True

    blocks = list(runs(values.shape, -(-values.size // _CHUNK)))
    threads.each(blocks, work, len(blocks))
    return np.concatenate(open) if open else np.empty(0, int)


def _wide(
    sums: _Sum, products: Products, wide: list[Array], count: int, dtype: np.dtype[Any]
) -> Array:
    """Return float64 of float64, from sums of some digits at a time, which are exact."""
    result = np.empty(products.shape, dtype)
    _settle(products, np.arange(result.size), result.reshape(-1))
    return result


def _settle(products: Products, places: Array, found: Array) -> None:
    """Write the results at some places, each from its own products."""
    dtype = found.dtype
    for some in products.chunks(places):
        tame = np.ones(len(some), bool)

        def parts() -> Any:
            for one, other in products.pairs(some):
                if dtype.itemsize < 8:
                    yield one * other
                else:
                    tame[...] &= fits(one, other)
                    yield np.concatenate(multiplied(one, other), axis=1)

        below, above = bounds(*summed(parts()), dtype)
        found[some] = above
        for place in some[~(same(below, above) & tame)]:
            one = np.array([place])
            found[place] = exactly(lambda: products.pairs(one), dtype)[0]


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
