"""How far a correct computation may lie from the exact value.

An output is the sum of n products x_i w_i, and g = sum |x_i| |w_i|. Sums are made in a format of
unit roundoff u (half the distance from 1 to the next number), whose smallest normal number is t.

Sums.  Each product meets at most n roundings on its way into the sum, whatever the order, with
fused multiply-adds or without, so that the error is at most gamma_n g, gamma_n = n u / (1 - n u)
(Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.1). Sums narrower than
float32, and those of n u > 1/2, for which gamma_n says little, are bounded by n u g: it holds for
every n, without fused operations in any order (Jeannerod and Rump 2013, "Improved error bounds for
inner products in floating-point arithmetic"), with them where one product is added at a time.

Underflow.  A product or a sum that is flushed to zero is off by less than t, a product that
underflows gradually by less. With k products flushed at most n - k - 1 sums are: together n t,
which meets the later roundings: n t (1 + gamma_n).

Inputs.  What is multiplied may lie s from what was given: u_m |x| where x has too many digits for
the format of multiplications, and |x| where it is subnormal there, since it may be flushed. The sum
is then off by sum (|x| s_w + s_x |w| + s_x s_w) besides, and g is that of |x| + s_x, |w| + s_w.

Results.  A sum y that is off by b is rounded once to another format: u_r (|y| + b), or half the
smallest subnormal, are added.

Fast.  Winograd's convolutions have another g and n: ``_bounds_winograd``; FFTs: ``_bounds_fft``.

Two convolutions in a row.  The first one's value, rounded, is known but for its bound, and but for
t if it may be flushed: an input that may lie that far from its value.

All of these sums are convolutions, computed in float64, whose own gamma_n g is added.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from npconv._arguments import read_call
from npconv._attributes import Array, Precision, read_precision, wrong
from npconv._backward import backward
from npconv._bounds_fft import most as by_fft
from npconv._bounds_winograd import gross as winograd
from npconv._bounds_winograd import taken
from npconv._called import Called, checked, read
from npconv._conv2d import computed
from npconv._engine import fft
from npconv._engine.winograd import FORMS
from npconv._formats import FORMATS, Format, read_format, rounded
from npconv._operation import POINTWISE, Operation
from npconv._phases import by_dilation
from npconv._terms import terms

_EXACT = Format()
_NARROW = FORMATS["float32"].unit  # sums of larger units are plain ones
_LEAST = float(np.finfo(np.float64).smallest_subnormal)


class Known(NamedTuple):
    """What is known but for some error: values in float64, and how far they may be off."""

    value: Array
    spread: Array


def error_bound(
    *arguments: Any, precision: Precision = "standard", dtype: DTypeLike | None = None,
    accumulate: str | None = None, multiply: str | None = None, **named: Any,
) -> Array:  # fmt: skip
    """Return how far a correct result may lie from the exact value, output by output.

    Whatever the order of the sums, with fused multiply-adds or without, whether subnormal numbers
    are kept or flushed to zero: a result that lies further off is wrong.

    Parameters
    ----------
    *arguments, **named
        Those of ``conv2d``; or a function of its family, then its arguments. Arrays may also be of
        integers of 8 and 16 bits, which are taken for int32.
    precision : {'standard', 'fast', 'exact'}, optional
        What is computed, as ``conv2d`` has it.
    dtype : dtype, optional
        Of the result, to which sums are rounded once. Default: that of the function's result.
    accumulate : {'float16', 'bfloat16', 'float32', 'float64', 'int32'}, optional
        The format of the sums, of unit roundoff u: each product meets n roundings, ``gamma_n g``.
        Default: `dtype`, float32 for float16 and bfloat16.
    multiply : {'tfloat32', 'bfloat16', 'float16', 'float32', 'float64'}, optional
        The format to which inputs are rounded to nearest before they are multiplied: ``u |x|`` for
        each that is none of its numbers. 'tfloat32' has float32's range and 10 bits of fraction.
        Default: `accumulate`.

    Returns
    -------
    ndarray of float64
        Of the result's shape. 0 where nothing can be rounded, as in int32 and where all products
        are zeros; inf where partial sums, or the result, may overflow, so that everything is
        allowed; nan where an infinity or a NaN takes part, so that the exact value is no number.

    Raises
    ------
    TypeError, ValueError
        As the function; also if a format is unknown, or a sum of floats is to be one of integers.

    See Also
    --------
    npconv.testing.assert_conv2d_close : Holds a result to it.

    Notes
    -----
    With n products a sum, and g the same convolution of absolute values, float32's is
    ``gamma_n g + n t (1 + gamma_n)``, ``gamma_n = n u / (1 - n u)``, u = 2**-24, t = 2**-126 (what
    is flushed). int8 x int8 in int32: 0. Sums in float16 or bfloat16 are bounded by ``n u g``. The
    exact value is that of the arrays as given, filters cast as the function casts them.

    Examples
    --------
    >>> image, box = np.ones((1, 3, 3, 1), np.float32), np.ones((2, 2, 1, 1), np.float32) / 3
    >>> bound = npconv.error_bound(image, box, strides=1, padding="VALID")
    >>> print(f"{bound.max():.1e}")
    3.2e-07
    >>> half = npconv.error_bound(image, box, 1, "VALID", accumulate="float16")
    >>> print(f"{half.max():.1e}")
    3.5e-03
    """
    return bounded(read(arguments, named), precision, dtype, accumulate, multiply).spread


def bounded(
    call: Called, precision: Precision = "standard", dtype: DTypeLike | None = None,
    accumulate: str | None = None, multiply: str | None = None,
) -> Known:  # fmt: skip
    """Return about what a call gives, and how far a result may lie from the exact value."""
    result = FORMATS[call.dtype.name if dtype is None else read_format("dtype", dtype)]
    sums = FORMATS["float32"] if result.unit > _NARROW else result
    if accumulate is not None:
        sums = FORMATS[read_format("accumulate", accumulate)]
    if (call.dtype.kind != "i" and not sums.unit) or (sums.unit and not result.unit):
        name, value = ("dtype", dtype) if accumulate is None else ("accumulate", accumulate)
        raise wrong(f"{name}: expected floats for floats and 'int32' for a result of int32", value)
    if read_precision(precision) == "exact" and sums.unit:
        sums = _EXACT
    elif not result.unit:  # modulo 2**32
        sums = result = _EXACT
    inputs = sums if multiply is None else FORMATS[read_format("multiply", multiply)]
    given, arrays = call.given, (call.given[name] for name in call.names)
    first, second, *last = (_read_in(inputs, Known(one, np.zeros(one.shape))) for one in arrays)
    fast = call.dtype if precision == "fast" else None
    found = _sum(call.operation, given, first, second, sums, result, fast)
    for points in last:
        kept = inputs if inputs.unit > result.unit else inputs._replace(unit=0.0)
        given = {"padding": "VALID", "data_format": given["data_format"]}
        found = _sum(POINTWISE, given, _read_in(kept, found), points, sums, result)
    return found


def _read_in(inputs: Format, known: Known) -> Known:
    """Return values as they are multiplied: rounded to a format, or flushed where subnormal."""
    with np.errstate(all="ignore"):
        value = known.value.astype(np.float64)
        spread = known.spread.astype(np.float64)
        size = np.abs(value) + spread
        fits = rounded(value, inputs)
        more = np.where((fits == value) & (spread == 0), 0.0, inputs.unit * size)
        subnormal = np.abs(value) - spread < inputs.tiny
        more = np.where(subnormal, np.minimum(size, inputs.tiny), more)
        more[size > inputs.most] = np.inf
        more[~np.isfinite(value)] = 0
    return Known(value, spread + more)


def _sum(
    operation: Operation, given: Mapping[str, Any], first: Known, second: Known,
    sums: Format, result: Format, fast: np.dtype[Any] | None = None,
) -> Known:  # fmt: skip
    """Return what is known of sums of products, made in one format and rounded to another.

    By any algorithm that the engine may take for a `fast` result of a dtype.
    """

    def of(one: Array, other: Array) -> Array:
        return _convolved(operation, given, one, other)

    (x, around_x), (w, around_w) = first, second
    _, geometry, _, layout = checked(operation, given, (x, w))
    count = terms(operation, geometry, len(x))  # gradients have no leading dimensions
    rounding, own = _roundings(count, sums.unit), _roundings(count, FORMATS["float64"].unit)
    known = np.isfinite(x), np.isfinite(w), ~np.isinf(around_x), ~np.isinf(around_w)
    with np.errstate(all="ignore"):
        x, w = (np.where(np.isfinite(one), one, 0) for one in (x, w))
        around_x, around_w = (np.where(np.isfinite(one), one, 0) for one in (around_x, around_w))
        most_x, most_w = np.abs(x) + around_x, np.abs(w) + around_w
        gross = of(most_x, most_w) * (1 + 2 * own)
        void = gross == 0
        if void.any():  # or the products underflow even here
            void = of(np.sign(most_x), np.sign(most_w)) == 0
        value = of(x, w)
        spread = rounding * gross + count * sums.tiny * (1 + rounding)
        names = taken(operation, geometry, x.shape, fast) if fast else []
        for form in (one for one in FORMS[False] if one.NAME in names):
            more, lost = winograd(form, geometry, layout, most_x, most_w)
            count = form.transforms.roundings(geometry.in_channels)
            most = _roundings(count, sums.unit)
            more *= 1 + 2 * _roundings(count, FORMATS["float64"].unit)
            spread = np.maximum(spread, most * more + lost * sums.tiny * (1 + most))
            void &= more == 0
        if fft.NAME in names:
            off = by_fft(geometry, layout, most_x, most_w) * (1 + 2 * own)
            largest = np.abs(value) + own * gross + off
            spread = np.maximum(spread, off + sums.unit * largest + sums.tiny)
            void &= off == 0
        if around_x.any() or around_w.any():
            spread += (of(around_x, most_w) + of(np.abs(x), around_w)) * (1 + 2 * own)
        unsettled = gross * (1 + rounding) >= sums.most
        if result is not sums:
            largest = np.abs(value) + own * gross + spread
            unsettled |= largest >= result.most * (1 + result.unit / 2)
            spread += np.maximum(result.unit * largest, result.unit * result.tiny)
        spread *= 1 + 2.0**-40  # the roundings of these very lines
        spread += _LEAST if result.unit else 0
        spread[void] = 0
        for pair, mark in ((known[:2], np.nan), (known[2:], np.inf)):
            if not all(one.all() for one in pair):  # what they meet is lost, be it zero
                met = np.isnan(of(*(np.where(one, 0, np.nan) for one in pair)))
                spread[met] = mark
                value[met] = np.nan
        spread[unsettled] = np.inf
    return Known(value, spread)


def _convolved(operation: Operation, given: Mapping[str, Any], one: Array, other: Array) -> Array:
    """Return an operation's result of other arrays than were given."""
    if operation.gives != "output":
        named = dict(zip(operation.arrays, (one, other), strict=True))
        return backward(operation.name, {**given, **named})
    call = read_call(operation, one, other, *operation.attributes(given), None)
    return computed(call, by_dilation(call.geometry) if operation.phased else ())


def _roundings(count: int, unit: float) -> float:
    """Return the largest relative error that so many roundings make."""
    most = count * unit
    return most if unit > _NARROW or most > 0.5 else most / (1 - most)
