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
gamma_n g is added.  Nothing here is shared with npconv.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

from parity.model.case import DTYPES, Array, Case

FLUSHED = ("bfloat16", "float32", "float64")
"""The dtypes whose subnormals TensorFlow flushes (float16 is summed in float32)."""


@dataclass(frozen=True)
class Exact:
    """Every output of a case before rounding; all arrays have the output's shape.

    Attributes
    ----------
    value, gross
        sum x w and sum |x| |w| over the finite products, in the wider format.
    nan, positive, negative
        Where some product is NaN, +inf, -inf.
    void
        Where every product is an exact zero.
    one_sign
        Where no two products have opposite signs.
    """

    value: Array
    gross: Array
    nan: Array
    positive: Array
    negative: Array
    void: Array
    one_sign: Array


@dataclass(frozen=True)
class Allowed:
    """Which value each output may have; the masks are disjoint and cover every output.

    Attributes
    ----------
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


def output_geometry(case: Case) -> tuple[tuple[int, int], tuple[int, int, int, int]]:
    """Return the output's rows and columns, and the pads top, bottom, left and right."""
    height, width = case.input_shape[-2:] if case.data_format == "NCHW" else case.input_shape[-3:-1]
    sizes: list[int] = []
    pads: list[int] = []
    for axis, size in enumerate((height, width)):
        stride = case.strides[axis]
        reach = (case.filters_shape[axis] - 1) * case.dilations[axis] + 1
        if case.padding == "SAME":
            count = -(-size // stride)
            total = max(0, (count - 1) * stride + reach - size)
            before, after = total // 2, total - total // 2
        else:
            explicit = (0, 0, 0, 0) if isinstance(case.padding, str) else case.padding
            before, after = explicit[2 * axis : 2 * axis + 2]
            count = math.trunc((size + before + after - reach + stride) / stride)
        sizes.append(count)
        pads += [before, after]
    return (sizes[0], sizes[1]), (pads[0], pads[1], pads[2], pads[3])


def output_shape(case: Case) -> tuple[int, ...]:
    """Return the shape of the output in the order of the case's data_format."""
    (rows, columns), _ = output_geometry(case)
    filters = case.filters_shape[3]
    if case.data_format == "NCHW":
        return (*case.input_shape[:-3], filters, rows, columns)
    return (*case.input_shape[:-3], rows, columns, filters)


def limits(dtype: np.dtype[Any]) -> Any:
    """Return np.finfo of `dtype`, which may be bfloat16."""
    return ml_dtypes.finfo(dtype)  # type: ignore[no-untyped-call]


def flushed(array: Array) -> Array:
    """Return `array` with zeros (of the same sign) in place of subnormal numbers."""
    tiny = limits(array.dtype).smallest_normal
    with np.errstate(invalid="ignore"):  # bfloat16 warns where it compares a NaN
        return np.where(np.abs(array) < tiny, np.copysign(0, array).astype(array.dtype), array)


def exact(case: Case, x: Array, w: Array) -> Exact:
    """Sum every output of `case` in a wider format, with IEEE rules for inf and nan."""
    wide = np.longdouble if case.dtype == "float64" else np.float64
    with np.errstate(all="ignore"):
        products = _products(case, x.astype(wide), w.astype(wide))
        sane = np.isfinite(products)
        numbers = np.where(sane, products, 0)
        return Exact(
            value=_assemble(case, numbers.sum(axis=-2)),
            gross=_assemble(case, np.abs(numbers).sum(axis=-2)),
            nan=_assemble(case, np.isnan(products).any(axis=-2)),
            positive=_assemble(case, (products == np.inf).any(axis=-2)),
            negative=_assemble(case, (products == -np.inf).any(axis=-2)),
            void=_assemble(case, (products == 0).all(axis=-2)),
            one_sign=_assemble(case, ~((products > 0).any(axis=-2) & (products < 0).any(axis=-2))),
        )


def integers(case: Case, x: Array, w: Array) -> Array:
    """Sum every output of an integer-valued case exactly (modulo 2**64) and round it once.

    The int64 sum becomes the case's dtype: int32 by wrapping, the halves through float32, in
    which the sums of the lattice are exact.
    """
    products = _products(case, x.astype(np.int64), w.astype(np.int64))
    total = _assemble(case, products.sum(axis=-2))
    with np.errstate(over="ignore"):
        if case.dtype in ("float16", "bfloat16"):
            total = total.astype(np.float32)
        return total.astype(DTYPES[case.dtype])


def gamma(terms: int, unit: float) -> float:
    """Return n u / (1 - n u), the largest relative error that n roundings can make."""
    if terms * unit >= 1:
        raise ValueError(f"the bound needs n * u < 1, got n = {terms}, u = {unit}")
    return terms * unit / (1 - terms * unit)


def allow(case: Case, x: Array, w: Array, *, flush: bool) -> Allowed:
    """Derive what each output may be; `flush` for an implementation that flushes subnormals."""
    return allowances(case, x, w)[flush]


def allowances(case: Case, x: Array, w: Array) -> dict[bool, Allowed]:
    """Derive what each output may be without flushing of subnormals (False) and with it (True)."""
    sums = exact(case, x, w)
    kept = _allow(case, sums, flush=False)
    if case.dtype not in FLUSHED:
        return {False: kept, True: kept}
    flat = flushed(x), flushed(w)
    same = all(map(_same_bits, flat, (x, w)))
    return {
        False: kept,
        True: _allow(case, sums if same else exact(case, *flat), flush=True),
    }


def _same_bits(one: Array, other: Array) -> bool:
    return one.tobytes() == other.tobytes()


def _allow(case: Case, sums: Exact, *, flush: bool) -> Allowed:
    result = limits(DTYPES[case.dtype])
    half = case.dtype in ("float16", "bfloat16")
    working = np.finfo(np.float32) if half else np.finfo(DTYPES[case.dtype])
    wide = np.finfo(sums.value.dtype)
    rounding = gamma(case.terms, float(working.eps) / 2)
    reference = gamma(case.terms, float(wide.eps) / 2)
    # As wide scalars: in Python floats a bound near the range's lower end would vanish.
    lost = wide.dtype.type(working.smallest_normal if flush else working.smallest_subnormal) / (
        1 if flush else 2
    )
    magnitude = np.abs(sums.value)
    with np.errstate(all="ignore"):
        gross = sums.gross / (1 - reference)
        bound = (rounding + reference) * gross + case.terms * lost * (1 + rounding)
        largest = wide.dtype.type(working.max)
        overflow = gross * (1 + rounding) >= largest
        certain = (
            overflow & sums.one_sign & (magnitude * (1 - rounding) > largest * (1 + working.eps))
        )
        if half:
            unit, least = float(result.eps) / 2, float(result.smallest_subnormal)
            # Numbers from here upwards round to infinity.
            edge = float(result.max) * (1 + unit / (2 - 2 * unit))
            certain |= ~overflow & (magnitude - bound > edge)
            overflow |= magnitude + bound >= edge
            bound = bound + np.maximum(unit * (magnitude + bound), least / 2)
        bound = bound * (1 + 8 * float(wide.eps))  # the roundings of these very lines
    infinite = sums.positive | sums.negative
    nan = sums.nan | (sums.positive & sums.negative)
    unsettled = overflow & (infinite | ~certain) & ~nan
    settled = ~nan & ~unsettled
    grown = settled & ~infinite & overflow
    calm = settled & ~infinite & ~overflow
    return Allowed(
        value=sums.value,
        bound=bound,
        gross=sums.gross,
        finite=calm & ~sums.void,
        zero=calm & sums.void,
        nan=nan,
        positive=(settled & sums.positive) | (grown & (sums.value > 0)),
        negative=(settled & sums.negative) | (grown & (sums.value < 0)),
        open=unsettled,
    )


def _products(case: Case, x: Array, w: Array) -> Array:
    """Return every product, (batch, OH, OW, groups, terms, out_channels / groups)."""
    if case.data_format == "NCHW":
        x = np.moveaxis(x, -3, -1)
    height, width, channels = x.shape[-3:]
    (rows, columns), (top, bottom, left, right) = output_geometry(case)
    kernel_rows, kernel_columns, depth, filters = case.filters_shape
    batch = math.prod(x.shape[:-3])
    if x.size == 0 or rows * columns * filters == 0:  # nothing is read: zeros, if anything
        return np.zeros((batch, rows, columns, 1, 0, filters), x.dtype)
    groups = channels // depth
    padded = np.zeros((batch, top + height + bottom, left + width + right, channels), x.dtype)
    padded[:, top : top + height, left : left + width] = x.reshape(batch, height, width, channels)
    taps = [
        padded[
            :,
            i * case.dilations[0] :: case.strides[0],
            j * case.dilations[1] :: case.strides[1],
        ][:, :rows, :columns].reshape(batch, rows, columns, groups, depth)
        for i in range(kernel_rows)
        for j in range(kernel_columns)
    ]
    patches = np.concatenate(taps, axis=-1)  # (batch, OH, OW, groups, terms)
    kernel = w.reshape(case.terms, groups, filters // groups).swapaxes(0, 1)
    product: Array = patches[..., None] * kernel
    return product


def _assemble(case: Case, sums: Any) -> Array:
    """Give (batch, OH, OW, groups, out_channels / groups) the shape of the output."""
    (rows, columns), _ = output_geometry(case)
    whole: Array = sums.reshape(*case.input_shape[:-3], rows, columns, case.filters_shape[3])
    return np.moveaxis(whole, -1, -3) if case.data_format == "NCHW" else whole
