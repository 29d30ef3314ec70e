"""Copies and casts that take less time than NumPy's, and give the same bits.

NumPy converts float16 one at a time, about 2 ns each to float32 and 5 ns back; these whole-array
steps take a quarter of that. What is not finite, or becomes infinite, is left to NumPy.

NumPy's copies take some 7 ns for each run of neighbours, beyond its bytes: a patch of 3 x 3 pixels
with 4 channels has 3 runs. With each run an element of a void dtype, runs of 12 to 96 bytes took
between nine tenths and an eighth of the time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from npconv._engine.scratch import Array, Scratch

_FLOAT16 = np.dtype(np.float16)
_FLOAT32 = np.dtype(np.float32)
_INT32 = np.dtype(np.int32)

_SIGN_AND_DIGITS = np.int32(-0x70002000)  # 0x8fffe000: a half's bits, 13 places up, without copies
_REBIAS = np.float32(2.0**112)  # from the exponents of halves, biased by 15, to those by 127
_DEBIAS = np.float32(2.0**-112)
_SIGN = np.int32(-0x80000000)
_EXPONENT = np.int32(0x7F800000)
_LEAST_NORMAL = np.float32(2.0**-14)
_MOST = np.float32(2.0**15)  # the largest power of two that is a half
_INFINITE = 65520.0  # what rounds to infinity, and beyond

_WORTH = 1 << 13  # elements: with fewer, making the views takes longer than they save
_LONGEST = 1 << 10  # bytes: beyond that a run costs little by itself


def widen(halves: Array, out: Array) -> None:
    """Write float16 values to a float32 array, exactly.

    The bits of a half, moved to where float32 has its digits, are that half times 2**-112.

    >>> out = np.empty(4, np.float32)
    >>> widen(np.array([1.5, -0.0, 6e-8, np.inf], np.float16), out)
    >>> out.tolist()
    [1.5, -0.0, 5.960464477539063e-08, inf]
    """
    bits = out.view(_INT32)
    np.copyto(bits, halves.view(np.int16))  # the sign goes along to the left
    np.left_shift(bits, 13, out=bits)
    np.bitwise_and(bits, _SIGN_AND_DIGITS, out=bits)
    np.multiply(out, _REBIAS, out=out)
    if out.size and (out.max() > _INFINITE or out.min() < -_INFINITE):  # inf and NaN became these
        np.copyto(out, halves)


def narrow(values: Array, out: Array, scratch: Scratch) -> None:
    """Write float32 values to a float16 array, rounded once, ties to even.

    A value plus and minus 1.5 * 2**13 times its power of two (at least 2**-14, the least normal
    half) is rounded where a half ends, by the rounding of that very sum.

    >>> from npconv._engine.scratch import Array, Scratch
    >>> out = np.empty(4, np.float16)
    >>> narrow(np.array([1.00048828125, -1e-9, 70000, np.nan], np.float32), out, Scratch())
    >>> out.tolist()
    [1.0, -0.0, inf, nan]
    """
    power = scratch.take("half", values.shape, _FLOAT32)
    rounded = scratch.take("other half", values.shape, _FLOAT32)
    digits, bits, result = (one.view(_INT32) for one in (values, power, rounded))
    np.bitwise_and(digits, _EXPONENT, out=bits)
    if power.max() > _MOST:  # also of inf and NaN
        with np.errstate(all="ignore"):
            np.copyto(out, values, casting="unsafe")
        return
    np.clip(power, _LEAST_NORMAL, _MOST, out=power)  # np.maximum with a scalar takes thrice as long
    np.multiply(power, np.float32(1.5 * 2**13), out=power)
    np.add(values, power, out=rounded)
    np.subtract(rounded, power, out=rounded)
    np.multiply(rounded, _DEBIAS, out=rounded)  # exact, also where it becomes subnormal
    np.bitwise_and(digits, _SIGN, out=bits)  # the sign also of what was rounded to zero
    np.right_shift(bits, 3, out=bits)  # stays in front of the digits:
    np.bitwise_or(result, bits, out=result)
    np.right_shift(result, 13, out=result)  # the sign is now bit 15, and in all above it
    np.copyto(out.view(np.uint16), result, casting="unsafe")


def cast(values: Array, out: Array, scratch: Scratch) -> None:
    """Write `values` to `out`, whatever the dtypes."""
    dtypes = (values.dtype, out.dtype)
    if dtypes == (_FLOAT32, _FLOAT16) and out.dtype.isnative and values.size:
        narrow(values, out, scratch)
    elif dtypes == (_FLOAT16, _FLOAT32) and values.dtype.isnative:
        widen(values, out)
    elif values.dtype == out.dtype:
        copy(values, out)
    else:
        np.copyto(out, values, casting="unsafe")


def cast_bytes(dtype: np.dtype[Any], products: int) -> int:
    """Return what ``cast`` takes for results of a dtype."""
    return 2 * _FLOAT32.itemsize * products if dtype == _FLOAT16 else 0


def copy(source: Array, target: Array) -> None:
    """Write `source`, of any strides, to `target`, of the same shape and dtype elsewhere.

    >>> source = np.arange(1 << 14).reshape(2, 64, 32, 4)
    >>> target = np.empty((32, 2, 64, 4), int)
    >>> copy(source.transpose(2, 0, 1, 3), target)
    >>> bool((target[5, 1] == source[1, :, 5]).all())
    True
    """
    axes, run = 0, source.itemsize
    if source.size >= _WORTH:
        steps = zip(source.shape, source.strides, target.strides, strict=True)
        for length, one, other in reversed(tuple(steps)):
            if length > 1 and not one == other == run:
                break
            axes, run = axes + 1, run * length
    if source.itemsize < run <= _LONGEST and axes < source.ndim:
        source, target = _runs(source, axes, run), _runs(target, axes, run)
    np.copyto(target, source)


def _runs(array: Array, axes: int, run: int) -> Array:
    """Return a view whose elements are the last axes, so many bytes each."""
    item = array.itemsize
    if axes > 1:
        shape, strides = array.shape[:-axes], array.strides[:-axes]
        array = as_strided(array, (*shape, run // item), (*strides, item))
    return array.view(f"V{run}")[..., 0]
