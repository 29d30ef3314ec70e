"""What an output must be: the exact value, and how far from it rounding may lead.

Let an output be the sum of n products x_i * w_i in a format of unit roundoff u (half the
distance from 1 to the next number), and g = sum |x_i| |w_i|.

Rounding.  Whatever the order of summation, with fused multiply-adds or without, each product
meets at most n roundings on its way into the sum, so the computed value is
sum x_i w_i (1 + d_i) with |d_i| <= gamma_n = n u / (1 - n u) (Higham, Accuracy and Stability of
Numerical Algorithms, 2nd ed., section 3.1).  Hence |y - exact| <= gamma_n g.  (Without fused
operations n u g holds for every n, Jeannerod & Rump 2013; for n u = 1e-4 the two differ by as
much, so the general one costs nothing.)  Padding adds zeros, which are exact.

Underflow, gradual (npconv).  A product below the normal range is off by at most half the
smallest subnormal; a sum there is exact.  Together at most n * eta / 2.

Underflow, flushed (TensorFlow, in float32, float64 and bfloat16).  A flushed product or sum is
off by less than tiny, the smallest normal number.  Flushed products become zeros, and adding a
zero flushes nothing: with k products flushed at most n - k - 1 sums are.  Together at most
n * tiny.  Subnormal inputs are taken for zeros beforehand, so the exact value is computed from
the flushed inputs.  Either kind of error still meets the later roundings: a factor
1 + gamma_n.

Halves.  float16 and bfloat16 are summed in float32 and rounded once: the error b of the sum, and
u_half |y32| or half the smallest subnormal for the rounding, with |y32| <= |exact| + b.

The exact value itself is summed in a wider format (float64; long double for float64) whose
gamma_n g is added.  It is summed tap by tap, so that memory stays near that of the output whatever
its size.  Nothing here is shared with npconv.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

from parity.model.case import DTYPES, Array, Case
from parity.model.geometry import Geometry

FLUSHED = ("bfloat16", "float32", "float64")
"""The dtypes whose subnormals TensorFlow flushes (float16 is summed in float32)."""
HALVES = ("float16", "bfloat16")


@dataclass(frozen=True)
class Allowed:
    """Which value each output may have; the masks are disjoint and cover every output.

    Attributes
    ----------
    value, bound, gross
        The exact value, how far a result may be from it, and g; in the wider format.
    finite
        A number within `bound` of `value`.
    zero
        +0.0, whatever the signs of the zeros that were summed.
    nan, positive, negative
        NaN, +inf, -inf.
    open
        Anything: partial sums may overflow, and whether they do depends on their order.
    """

    value: Array
    bound: Array
    gross: Array
    finite: Array
    zero: Array
    nan: Array
    positive: Array
    negative: Array
    open: Array


def limits(dtype: np.dtype[Any]) -> Any:
    """Return np.finfo of `dtype`, which may be bfloat16."""
    return ml_dtypes.finfo(dtype)  # type: ignore[no-untyped-call]


def flushed(array: Array) -> Array:
    """Return `array` with zeros (of the same sign) in place of subnormal numbers."""
    tiny = limits(array.dtype).smallest_normal
    with np.errstate(invalid="ignore"):  # bfloat16 warns where it compares a NaN
        return np.where(np.abs(array) < tiny, np.copysign(0, array).astype(array.dtype), array)


def gamma(terms: int, unit: float) -> float:
    """Return n u / (1 - n u), the largest relative error that n roundings can make."""
    if terms * unit >= 1:
        raise ValueError(f"the bound needs n * u < 1, got n = {terms}, u = {unit}")
    return terms * unit / (1 - terms * unit)


def integers(case: Case, x: Array, w: Array) -> Array:
    """Sum every output of an integer-valued case exactly (modulo 2**64) and round it once.

    The sum becomes the case's dtype: int32 by wrapping, the halves through float32, in which the
    sums of the lattice are exact.  Sums of at most 2**53 are exact in float64, which BLAS
    multiplies.
    """
    largest = [float(np.abs(one.astype(np.float64)).max(initial=0)) for one in (x, w)]
    wide = np.float64 if case.terms * largest[0] * largest[1] <= 2**53 else np.int64
    total = _summed(case, _padded(case, x.astype(wide)), w.astype(wide))
    with np.errstate(over="ignore"):
        if case.dtype in (*HALVES, "int32"):
            total = total.astype(np.int64 if case.dtype == "int32" else np.float32)
        return total.astype(DTYPES[case.dtype])


def allow(case: Case, x: Array, w: Array, *, flush: bool) -> Allowed:
    """Derive what each output may be, for outputs of any size.

    Parameters
    ----------
    case, x, w
        A call and its arrays; int32 has an exact value and a bound of 0.
    flush
        For an implementation that flushes subnormals, where TensorFlow does.
    """
    if case.dtype == "int32":
        value = integers(case, x, w).astype(np.int64)
        none = np.zeros(value.shape, bool)
        nothing = np.zeros(value.shape)
        return Allowed(value, nothing, np.abs(value), ~none, none, none, none, none, none)
    if flush and case.dtype in FLUSHED:
        return _Sums(case, flushed(x), flushed(w)).allow(flush=True)
    return _Sums(case, x, w).allow(flush=False)


def allowances(case: Case, x: Array, w: Array) -> dict[bool, Allowed]:
    """Derive what each output may be without flushing of subnormals (False) and with it (True)."""
    sums = _Sums(case, x, w)
    kept = sums.allow(flush=False)
    if case.dtype not in FLUSHED:
        return {False: kept, True: kept}
    flat = flushed(x), flushed(w)
    if any(one.tobytes() != other.tobytes() for one, other in zip(flat, (x, w), strict=True)):
        sums = _Sums(case, *flat)
    return {False: kept, True: sums.allow(flush=True)}


class _Sums:
    """Every output of a case in a wider format; all arrays have the output's shape.

    Attributes
    ----------
    value, gross
        sum x w and sum |x| |w| over the finite products.
    ieee
        What IEEE rules make of the sum: NaN, an infinity or a number.
    """

    def __init__(self, case: Case, x: Array, w: Array) -> None:
        self._case = case
        wide = np.longdouble if case.dtype == "float64" else np.float64
        with np.errstate(all="ignore"):
            self._x: Array = _padded(case, x.astype(wide))
            self._w: Array = w.astype(wide)
            numbers = np.isfinite(self._x), np.isfinite(self._w)
            x, w = np.where(numbers[0], self._x, 0), np.where(numbers[1], self._w, 0)
            self.value = self.ieee = _summed(case, x, w)
            self.gross = _summed(case, np.abs(x), np.abs(w))
            if not all(one.all() for one in numbers):
                self.ieee = _summed(case, self._x, self._w, _multiplied_by_ieee_rules)

    def one_sign(self) -> Array:
        """Say where no two products have opposite signs."""
        signs = [(one > 0, one < 0) for one in (self._x, self._w)]
        (x_above, x_below), (w_above, w_below) = (
            (above.astype(np.float64), below.astype(np.float64)) for above, below in signs
        )

        def meet(one: Array, other: Array) -> Array:
            met: Array = _summed(self._case, one, other) > 0
            return met

        above = meet(x_above, w_above) | meet(x_below, w_below)
        return ~(above & (meet(x_above, w_below) | meet(x_below, w_above)))

    def allow(self, *, flush: bool) -> Allowed:
        """Say what each output may be."""
        dtype, terms = self._case.dtype, self._case.terms
        half = dtype in HALVES
        working = np.finfo(np.float32) if half else np.finfo(DTYPES[dtype])
        wide = np.finfo(self.value.dtype)
        rounding = gamma(terms, float(working.eps) / 2)
        reference = gamma(terms, float(wide.eps) / 2)
        # As wide scalars: in Python floats a bound near the range's lower end would vanish.
        lost = wide.dtype.type(working.smallest_normal if flush else working.smallest_subnormal)
        lost /= 1 if flush else 2
        magnitude = np.abs(self.value)
        with np.errstate(all="ignore"):
            gross = self.gross / (1 - reference)
            bound = (rounding + reference) * gross + terms * lost * (1 + rounding)
            largest = wide.dtype.type(working.max)
            overflow = gross * (1 + rounding) >= largest
            certain = overflow & (magnitude * (1 - rounding) > largest * (1 + working.eps))
            if certain.any():
                certain &= self.one_sign()
            if half:
                result = limits(DTYPES[dtype])
                unit, least = float(result.eps) / 2, float(result.smallest_subnormal)
                # Numbers from here upwards round to infinity.
                edge = float(result.max) * (1 + unit / (2 - 2 * unit))
                certain |= ~overflow & (magnitude - bound > edge)
                overflow |= magnitude + bound >= edge
                bound = bound + np.maximum(unit * (magnitude + bound), least / 2)
            bound = bound * (1 + 8 * float(wide.eps))  # the roundings of these very lines
        nan, infinite = np.isnan(self.ieee), np.isinf(self.ieee)
        unsettled = overflow & (infinite | ~certain) & ~nan
        settled = ~nan & ~unsettled
        calm = settled & ~infinite & ~overflow
        grown = np.where(overflow & ~infinite, self.value, 0)
        void = self.gross == 0
        return Allowed(
            value=self.value,
            bound=bound,
            gross=self.gross,
            finite=calm & ~void,
            zero=calm & void,
            nan=nan,
            positive=settled & ((self.ieee == np.inf) | (grown > 0)),
            negative=settled & ((self.ieee == -np.inf) | (grown < 0)),
            open=unsettled,
        )


def _padded(case: Case, x: Array) -> Array:
    """Return the images as (batch, rows, columns, channels) with the zeros around them."""
    if case.data_format == "NCHW":
        x = np.moveaxis(x, -3, -1)
    top, bottom, left, right = Geometry.of(case).pads
    return np.pad(
        x.reshape(-1 if x.size else 0, *x.shape[-3:]),
        [(0, 0), (top, bottom), (left, right), (0, 0)],
    )


def _summed(
    case: Case, x: Array, w: Array, multiply: Callable[[Array, Array], Array] = np.matmul
) -> Array:
    """Sum the products of padded images and filters, tap by tap: it needs little memory."""
    it = Geometry.of(case)
    rows, columns = it.outputs
    y = np.zeros((it.groups, math.prod(it.lead), rows, columns, it.filters // it.groups), x.dtype)
    for i, j in np.ndindex(w.shape[:2]) if x.size and y.size else ():
        seen = x[:, i * it.rows.dilation :: it.rows.stride][:, :rows]
        seen = seen[:, :, j * it.columns.dilation :: it.columns.stride][:, :, :columns]
        pixels = seen.reshape(*seen.shape[:3], it.groups, it.depth)  # a view, as the next
        taps = w[i, j].reshape(it.depth, it.groups, -1).swapaxes(0, 1)
        y += multiply(np.moveaxis(pixels, 3, 0), taps[:, None, None])  # row by row
    y = np.moveaxis(y, 0, 3).reshape(*it.lead, rows, columns, it.filters)
    return np.moveaxis(y, -1, -3) if case.data_format == "NCHW" else y


def _multiplied_by_ieee_rules(one: Array, other: Array) -> Array:
    """Multiply matrices by NumPy's own loops: a BLAS may pass over zeros that meet a NaN."""
    product: Array = np.einsum("...mk,...kn->...mn", one, other)
    return product
