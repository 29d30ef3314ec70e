"""The exact sum of every output, in Python's integers, rounded once by hand."""

from __future__ import annotations

import math

import numpy as np

from parity.model.case import DTYPES, Array, Case
from parity.oracles import bounds
from parity.oracles.sums import multiplied_by_ieee_rules, summed


def rounded(case: Case, *arrays: Array) -> Array:
    """Return the correctly rounded result of a case's arrays, ties to even.

    NaN and infinities are what IEEE rules make of the sum; a separable convolution is rounded in
    between, too.
    """
    if case.dtype == "int32":
        return bounds.integers(case, *arrays)
    if case.pointwise:
        first, second = bounds.composed(case)
        return rounded(second, rounded(first, *arrays[:2]), arrays[2])
    dtype = DTYPES[case.dtype]
    wide = [one.astype(np.float64) for one in arrays]
    (x, x_place), (w, w_place) = map(_whole, wide)
    sums = summed(case, x, w)
    values = [to_nearest(total, x_place + w_place, dtype) for total in sums.ravel().tolist()]
    result = np.array(values, np.float64).reshape(sums.shape)
    if not all(np.isfinite(one).all() for one in wide):
        # A sum of infinities, NaN and signs is what it is with numbers in the place of signs.
        signs = [np.where(np.isfinite(one), np.sign(one), one) for one in wide]
        with np.errstate(invalid="ignore"):
            ieee = summed(case, *signs, multiply=multiplied_by_ieee_rules)
        result = np.where(np.isfinite(ieee), result, np.where(np.isnan(ieee), np.nan, ieee))
    return result.astype(dtype)  # which loses nothing


def _whole(array: Array) -> tuple[Array, int]:
    """Return finite numbers as integers (others as 0), and the exponent of two of their unit."""
    fractions, exponents = np.frexp(np.where(np.isfinite(array), array, 0))
    place = int(exponents.min(initial=0))
    pairs = zip(np.ldexp(fractions, 53).ravel().tolist(), exponents.ravel().tolist(), strict=True)
    whole = np.empty(array.size, object)
    whole[:] = [int(digits) << (exponent - place) for digits, exponent in pairs]
    return whole.reshape(array.shape), place - 53


def to_nearest(total: int, place: int, dtype: np.dtype[np.generic]) -> float:
    """Return total * 2**place, rounded once to a number of a dtype."""
    info = bounds.limits(dtype)
    magnitude, least = abs(total), info.minexp - info.nmant
    unit = max(place + magnitude.bit_length() - info.nmant - 1, least)  # of the last digit
    if unit > place:
        magnitude, rest = divmod(magnitude, 1 << (unit - place))
        half = 1 << (unit - place - 1)
        magnitude += rest > half or (rest == half and magnitude % 2 == 1)
    else:
        magnitude <<= place - unit
    try:
        value = math.ldexp(magnitude, unit)
    except OverflowError:
        value = math.inf
    value = value if value <= float(info.max) else math.inf
    return -value if total < 0 else value
