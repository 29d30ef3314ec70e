"""Whether results agree, asked before anything is timed: the proven bound on large outputs.

The bound is that of `parity.bounds`, for finite data far from overflow. What differs is the
road to the exact values: one product a filter tap, so that memory stays near the size of the
output where `parity.bounds.exact` keeps every single product.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import ml_dtypes
import numpy as np

from parity.bounds import gamma, output_geometry, output_shape
from parity.case import DTYPES, Array, Case

Verdict = Literal["bit-identical", "within bound", "DISAGREES"]


@dataclass(frozen=True)
class Gauge:
    """The exact result of a convolution and how far a right one may be from it.

    Attributes
    ----------
    exact
        The result in wider arithmetic, in the shape of the output.
    allowed
        The proven bound of each value's error; 0 for int32.
    dtype
        The dtype a result must have.
    """

    exact: Array
    allowed: Array
    dtype: np.dtype[Any]

    def largest(self, result: Array) -> float:
        """Return the largest error of `result` as a share of its bound: right if at most 1.

        A wrong shape or dtype, a value that is not finite, or any error where none is allowed
        gives infinity.
        """
        if result.shape != self.exact.shape or result.dtype != self.dtype:
            return float("inf")
        with np.errstate(all="ignore"):
            error = np.abs(result.astype(self.exact.dtype) - self.exact)
            shares = np.where(error == 0, 0, error / self.allowed).astype(np.float64)
        return float("inf") if np.isnan(shares).any() else float(shares.max(initial=0))


@dataclass(frozen=True)
class Agreement:
    """How the subject's result stands beside another's.

    Attributes
    ----------
    verdict
        Bit-identical; different, but each within the proven bound; or not.
    subject, other
        Largest error of each as a share of the bound; None where it is infinite.
    """

    verdict: Verdict
    subject: float | None
    other: float | None


def gauge(case: Case, x: Array, w: Array) -> Gauge:
    """Return exact values and bounds of ``conv2d(x, w)`` with the arguments of `case`.

    The data must be finite, free of subnormals, and far from overflow.
    """
    dtype = DTYPES[case.dtype]
    if dtype.kind == "i":
        exact = _convolve(case, x.astype(np.int64), w.astype(np.int64)).astype(dtype)
        return Gauge(exact.astype(np.int64), np.zeros(exact.shape), dtype)
    wide = np.longdouble if dtype == np.float64 else np.float64
    exact = _convolve(case, x.astype(wide), w.astype(wide))
    gross = _convolve(case, np.abs(x.astype(np.float64)), np.abs(w.astype(np.float64)))
    working = np.finfo(np.float64 if dtype == np.float64 else np.float32)
    rounding = gamma(case.terms, float(working.eps) / 2)
    # The wide sums round as well: the exact one by `wide`'s unit, the gross one by float64's.
    slack = gamma(case.terms, float(np.finfo(wide).eps) / 2)
    gross /= 1 - gamma(case.terms, 2.0**-53)
    allowed = (rounding + slack) * gross + case.terms * float(working.tiny) * (1 + rounding)
    if dtype.itemsize == 2:
        info = ml_dtypes.finfo(dtype)  # type: ignore[no-untyped-call]
        unit, least = float(info.eps) / 2, float(info.smallest_subnormal)
        allowed += np.maximum(unit * (np.abs(exact) + allowed), least / 2)
    return Gauge(exact, allowed, dtype)


def compare(scale: Gauge, subject: Array, other: Array) -> Agreement:
    """Hold two results against the bound, which each must keep, and bit against bit."""
    ours, theirs = scale.largest(subject), scale.largest(other)
    verdict: Verdict = "within bound"
    if not max(ours, theirs) <= 1:
        verdict = "DISAGREES"
    elif subject.tobytes() == other.tobytes():
        verdict = "bit-identical"
    return Agreement(verdict, _finite(ours), _finite(theirs))


def _finite(share: float) -> float | None:
    return share if share < float("inf") else None  # JSON knows no infinity


def _convolve(case: Case, x: Array, w: Array) -> Array:
    if case.data_format == "NCHW":
        x = np.moveaxis(x, -3, -1)
    x = x.reshape(-1, *x.shape[-3:])
    (rows, columns), (top, bottom, left, right) = output_geometry(case)
    x = np.pad(x, [(0, 0), (top, bottom), (left, right), (0, 0)])
    kernel_rows, kernel_columns, depth, filters = w.shape
    groups = x.shape[-1] // depth
    share = filters // groups
    y = np.zeros((len(x), rows, columns, filters), x.dtype)
    for i in range(kernel_rows):
        for j in range(kernel_columns):
            seen = x[
                :,
                i * case.dilations[0] :: case.strides[0],
                j * case.dilations[1] :: case.strides[1],
            ][:, :rows, :columns]
            for group in range(groups):
                channels = slice(group * depth, (group + 1) * depth)
                outputs = slice(group * share, (group + 1) * share)
                y[..., outputs] += seen[..., channels] @ w[i, j, :, outputs]
    if case.data_format == "NCHW":
        y = np.moveaxis(y, -1, -3)
    return y.reshape(output_shape(case))
