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
u_half |y32| or half the smallest subnormal for the rounding, with |y32| <= |exact| + b.  TensorFlow
sums those of most operations but conv2d in halves, a product and a sum rounded together: n terms
meet at most n roundings, and n u_half g holds for every n (Jeannerod & Rump 2013).

Terms.  An output sums the products of all taps and in_channels.  A pixel's gradient sums one for
each filter of each output that reads it: along an axis at most ceil(k / (s / gcd(s, d))) of them,
since tap t lies on pixel s * o + d * t.  A tap's gradient sums one for each output of each image.

Separable.  What comes first is known but for its bound b, so that what follows sums over |x| + b
and is off by sum b |w| besides.

Other algorithms.  A subject that says so is held to the larger of this bound and that of Winograd's
algorithm or of an FFT (`parity.oracles.winograd`); what these make of a zero has either sign.

The exact value itself is summed in a wider format (float64; long double for float64) whose
gamma_n g is added.  It is summed tap by tap, so that memory stays near that of the output whatever
its size.  Nothing here is shared with npconv.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import ml_dtypes
import numpy as np

from parity.model.case import DTYPES, Array, Case
from parity.model.error import Error
from parity.oracles.sums import laid, multiplied_by_ieee_rules, of_laid, summed
from parity.oracles.winograd import farther

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
    spoiled
        Besides, whatever is not finite: a tile of Winograd's meets such an element.
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
    spoiled: Array


def limits(dtype: np.dtype[Any]) -> Any:
    """Return np.finfo of `dtype`, which may be bfloat16."""
    return ml_dtypes.finfo(dtype)  # type: ignore[no-untyped-call]


def flushed(array: Array) -> Array:
    """Return `array` with zeros (of the same sign) in place of subnormal numbers."""
    tiny = limits(array.dtype).smallest_normal
    with np.errstate(invalid="ignore"):  # bfloat16 warns where it compares a NaN
        return np.where(np.abs(array) < tiny, np.copysign(0, array).astype(array.dtype), array)


def gamma(terms: float, unit: float) -> float:
    """Return n u / (1 - n u), the largest relative error that n roundings can make."""
    if terms * unit >= 1:
        raise ValueError(f"the bound needs n * u < 1, got n = {terms}, u = {unit}")
    return terms * unit / (1 - terms * unit)


def integers(case: Case, *arrays: Array) -> Array:
    """Sum every result of an integer-valued case exactly (modulo 2**64) and round it once.

    The sum becomes the case's dtype: int32 by wrapping, the halves through float32, in which the
    sums of the lattice are exact.  Sums of at most 2**53 are exact in float64, which BLAS
    multiplies.  A separable convolution rounds in between, too.
    """
    if case.pointwise:
        first, second = composed(case)
        return integers(second, integers(first, *arrays[:2]), arrays[2])
    x, w = arrays
    largest = [float(np.abs(one.astype(np.float64)).max(initial=0)) for one in (x, w)]
    wide = np.float64 if case.terms * largest[0] * largest[1] <= 2**53 else np.int64
    total = summed(case, x.astype(wide), w.astype(wide))
    with np.errstate(over="ignore"):
        if case.dtype in (*HALVES, "int32"):
            total = total.astype(np.int64 if case.dtype == "int32" else np.float32)
        return total.astype(DTYPES[case.dtype])


def composed(case: Case) -> tuple[Case, Case]:
    """Return the two convolutions of a separable one."""
    first = replace(case, operation="depthwise_conv2d", pointwise=None)
    second = Case(
        first.output_shape,
        (1, 1, *(case.pointwise or (1, 1))),
        data_format=case.data_format,
        dtype=case.dtype,
    )
    return first, second


def exact_in_halves(case: Case, *arrays: Array) -> bool:
    """Say whether no sum of integers is rounded though halves are summed in halves."""
    if case.pointwise:  # what follows is summed in float32
        case, arrays = composed(case)[0], arrays[:2]
    largest = [float(np.abs(one.astype(np.float64)).max(initial=0)) for one in arrays]
    return case.terms * math.prod(largest) <= 1 / float(limits(DTYPES[case.dtype]).eps) * 2


def allow(
    case: Case, *arrays: Array, flush: bool, narrow: bool = False, error: Error = None
) -> Allowed:
    """Derive what each result may be, for arrays of any size.

    Parameters
    ----------
    case, arrays
        A call and its arrays; int32 has an exact value and a bound of 0.
    flush
        For an implementation that flushes subnormals, where TensorFlow does.
    narrow
        For one that sums halves in halves.
    error
        For one that may take a fast algorithm.
    """
    if case.dtype == "int32":
        value = integers(case, *arrays).astype(np.int64)
        none = np.zeros(value.shape, bool)
        nothing = np.zeros(value.shape)
        return Allowed(value, nothing, np.abs(value), ~none, none, none, none, none, none, none)
    flush = flush and case.dtype in FLUSHED
    seen = tuple(map(flushed, arrays)) if flush else arrays
    if not case.pointwise:
        return _Sums(case, *seen).allow(flush=flush, narrow=narrow, error=error)
    first, second = composed(case)
    mid = allow(first, *seen[:2], flush=flush, narrow=narrow, error=error)
    tiny = float(limits(DTYPES[case.dtype]).smallest_normal) if flush else 0
    lost = np.where(np.abs(mid.value) - mid.bound < tiny, tiny, 0)  # subnormal, and flushed again
    spread = np.where(mid.zero, 0, mid.bound + lost)
    whole = _Sums(second, np.where(mid.zero, 0, mid.value), seen[2], spread)
    return whole.allow(flush=flush, narrow=False, error=error)


def allowances(
    case: Case, *arrays: Array, narrow: bool = False, error: Error = None
) -> dict[bool, Allowed]:
    """Derive what each result may be without flushing of subnormals (False) and with it (True)."""
    kept = allow(case, *arrays, flush=False, narrow=narrow, error=error)
    if case.dtype not in FLUSHED:
        return {False: kept, True: kept}
    return {False: kept, True: allow(case, *arrays, flush=True, narrow=narrow, error=error)}


class _Sums:
    """Every output of a case in a wider format; all arrays have the output's shape.

    Attributes
    ----------
    value, gross
        sum x w and sum |x| |w| over the finite products.
    carried
        sum s |w|, where x is known but for s.
    ieee
        What IEEE rules make of the sum: NaN, an infinity or a number.
    """

    def __init__(self, case: Case, x: Array, w: Array, spread: Array | None = None) -> None:
        self._case = case
        wide = np.longdouble if case.dtype == "float64" else np.float64
        with np.errstate(all="ignore"):
            self._x, self._w = laid(case, x.astype(wide), w.astype(wide))
            self._around = np.zeros_like(self._x) if spread is None else laid(case, spread, w)[0]
            numbers = np.isfinite(self._x), np.isfinite(self._w)
            x, w = np.where(numbers[0], self._x, 0), np.where(numbers[1], self._w, 0)
            self.value = self.ieee = of_laid(case, x, w)
            self.carried = of_laid(case, self._around, np.abs(w)) if spread is not None else 0
            self.gross = of_laid(case, np.abs(x) + self._around, np.abs(w))
            if not all(one.all() for one in numbers):
                self.ieee = of_laid(case, self._x, self._w, multiplied_by_ieee_rules)

    def one_sign(self) -> Array:
        """Say where no two products have opposite signs."""
        signs = [(one > 0, one < 0) for one in (self._x, self._w)]
        (x_above, x_below), (w_above, w_below) = (
            (above.astype(np.float64), below.astype(np.float64)) for above, below in signs
        )

        def meet(one: Array, other: Array) -> Array:
            met: Array = of_laid(self._case, one, other) > 0
            return met

        above = meet(x_above, w_above) | meet(x_below, w_below)
        return ~(above & (meet(x_above, w_below) | meet(x_below, w_above)))

    def allow(self, *, flush: bool, narrow: bool, error: Error) -> Allowed:
        """Say what each result may be."""
        dtype, terms = self._case.dtype, self._case.terms
        half = dtype in HALVES and not narrow
        working = limits(np.dtype(np.float32) if half else DTYPES[dtype])
        wide = np.finfo(self.value.dtype)
        unit = float(working.eps) / 2
        rounding = terms * unit if narrow and dtype in HALVES else gamma(terms, unit)
        reference = gamma(terms, float(wide.eps) / 2)
        # As wide scalars: in Python floats a bound near the range's lower end would vanish.
        lost = wide.dtype.type(working.smallest_normal if flush else working.smallest_subnormal)
        lost /= 1 if flush else 2
        magnitude = np.abs(self.value)
        with np.errstate(all="ignore"):
            gross = self.gross / (1 - reference)
            bound = (rounding + reference) * gross + terms * lost * (1 + rounding) + self.carried
            largest = wide.dtype.type(working.max)
            overflow = gross * (1 + rounding) >= largest
            certain = overflow & (magnitude * (1 - rounding) > largest * (1 + working.eps))
            if certain.any():
                certain &= self.one_sign()
            void, spoiled = self.gross == 0, np.zeros(self.value.shape, bool)
            size = np.abs(self._x) + self._around
            more = None if narrow else farther(error, self._case, size, self._w, working)
            if more is not None:
                rounding = gamma(more.terms, unit)
                other = rounding * more.gross * (1 + 1e-6) + more.lost * lost
                # g is summed in float64, with some thousand roundings.
                bound = np.maximum(bound, other + reference * gross + self.carried)
                certain &= magnitude - bound > largest
                void, spoiled = spoiled, more.spoiled
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
            spoiled=spoiled,
        )
