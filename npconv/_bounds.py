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

Two convolutions in a row.  The first one's value, rounded, is known but for its bound, and but for
t if it may be flushed: an input that may lie that far from its value.

All of these sums are convolutions, computed in float64, whose own gamma_n g is added.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from npconv._arguments import read_alike, read_array, read_arrays, read_call, read_dtype
from npconv._attributes import Array, Precision, read_precision, wrong
from npconv._backward import backward, check_call
from npconv._conv2d import computed
from npconv._explain import which
from npconv._geometry import Geometry
from npconv._operation import POINTWISE, Operation
from npconv._phases import by_dilation
from npconv._terms import terms


class Format(NamedTuple):
    """The numbers in which something is computed; those that round nothing have units of 0."""

    unit: float = 0.0  # half the distance from 1 to the next number
    tiny: float = 0.0  # the smallest normal number
    most: float = np.inf  # the largest number

    @classmethod
    def of(cls, digits: int, lowest: int) -> Format:
        """Return the format of so many binary digits, and of normal numbers from 2**lowest.

        >>> Format.of(11, -14).most
        65504.0
        """
        unit = 2.0**-digits
        return cls(unit, 2.0**lowest, (2 - 2 * unit) * 2.0 ** (1 - lowest))


FORMATS = {
    "float16": Format.of(11, -14),
    "bfloat16": Format.of(8, -126),
    "tfloat32": Format.of(11, -126),
    "float32": Format.of(24, -126),
    "float64": Format.of(53, -1022),
    "int32": Format(most=2.0**31 - 1),
}
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


class Called(NamedTuple):
    """A call that is spoken about, arguments by their names, its arrays of the result's dtype."""

    function: Any
    operation: Operation
    given: dict[str, Any]

    @property
    def names(self) -> list[str]:
        """What its arrays are called."""
        third = "pointwise_filter"
        return [*self.operation.arrays, *([third] if third in self.given else [])]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of its result."""
        return self.given[self.names[0]].dtype  # type: ignore[no-any-return]

    def cast(self, dtype: DTypeLike) -> Called:
        """Return the call of the same arrays in another dtype."""
        with np.errstate(all="ignore"):
            arrays = {name: self.given[name].astype(dtype, copy=False) for name in self.names}
        return self._replace(given={**self.given, **arrays})


def read(arguments: tuple[Any, ...], named: Mapping[str, Any]) -> Called:
    """Read the arguments of ``conv2d``, or a function of its family and then its arguments."""
    function, operation, arguments = which(arguments)
    bound = signature(function).bind(*arguments, **named)
    bound.apply_defaults()
    call = Called(function, operation, {**bound.arguments, "out": None, "precision": "standard"})
    arrays = {name: call.given[name] for name in call.names}
    for name, value in arrays.items():
        if not isinstance(value, (list, tuple)):
            array = read_array(name, value)
            short = array.dtype.kind in "iu" and array.dtype.itemsize < 4
            arrays[name] = array.astype(np.int32) if short else array
    alike = read_alike(**arrays) if operation.alike else read_arrays(operation, arrays)
    call.given.update(zip(arrays, alike, strict=True))
    _geometry(operation, call.given, alike)
    return call.cast(read_dtype(call.names[0], call.dtype))


def bounded(
    call: Called, precision: Precision = "standard", dtype: DTypeLike | None = None,
    accumulate: str | None = None, multiply: str | None = None,
) -> Known:  # fmt: skip
    """Return about what a call gives, and how far a result may lie from the exact value."""
    result = FORMATS[call.dtype.name if dtype is None else read_format("dtype", dtype)]
    sums = FORMATS["float32"] if result.unit > _NARROW else result
    if accumulate is not None:
        sums = FORMATS[read_format("accumulate", accumulate)]
    inputs = sums if multiply is None else FORMATS[read_format("multiply", multiply)]
    floats = call.dtype.kind != "i"
    if (floats and not sums.unit) or (sums.unit and not result.unit):
        form = "accumulate: expected floats for floats and 'int32' for a result of int32"
        raise wrong(form, accumulate)
    if not result.unit or (read_precision(precision) == "exact" and sums.unit):
        inputs = sums = _EXACT
        result = result if result.unit else _EXACT  # modulo 2**32 there is no error
    given, arrays = call.given, (call.given[name] for name in call.names)
    first, second, *last = (_read_in(inputs, Known(one, np.zeros(one.shape))) for one in arrays)
    found = _sum(call.operation, given, first, second, sums, result)
    for points in last:
        kept = inputs if inputs.unit > result.unit else inputs._replace(unit=0.0)
        given = {"padding": "VALID", "data_format": given["data_format"]}
        found = _sum(POINTWISE, given, _read_in(kept, found), points, sums, result)
    return found


def _geometry(operation: Operation, given: Mapping[str, Any], arrays: Sequence[Array]) -> Geometry:
    """Check a call of these arrays, and return its geometry."""
    first, second, *_ = ((one.shape, one.dtype) for one in arrays)
    return check_call(operation, given, first, second)[1]


def read_format(name: str, value: Any) -> str:
    """Return the name of a format, or of a dtype that is one."""
    try:
        text = value if isinstance(value, str) else np.dtype(value).name
    except TypeError:
        text = ""
    if text not in FORMATS or (name == "dtype" and text == "tfloat32"):
        raise wrong(f"{name}: expected one of {', '.join(FORMATS)}", value)
    return text


def rounded(value: Array, to: Format, how: Callable[[Array], Array] = np.rint) -> Array:
    """Return values as numbers of a format, however large: the nearest, ties to even.

    >>> rounded(np.array([1 + 2.0**-11, 1 + 2.0**-10, 2.0**-26]), FORMATS["float16"]).tolist()
    [1.0, 1.0009765625, 0.0]
    """
    if not to.unit:
        return value
    lowest = np.frexp(to.tiny)[1]
    last = np.ldexp(to.unit, np.maximum(np.frexp(value)[1], lowest))  # what the last digit counts
    return np.where(np.isfinite(value), how(value / last) * last, value)


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
    sums: Format, result: Format,
) -> Known:  # fmt: skip
    """Return what is known of sums of products, made in one format and rounded to another."""

    def of(one: Array, other: Array) -> Array:
        return _convolved(operation, given, one, other)

    (x, around_x), (w, around_w) = first, second
    # Gradients have no leading dimensions.
    count = terms(operation, _geometry(operation, given, (x, w)), len(x))
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
