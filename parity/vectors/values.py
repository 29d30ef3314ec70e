"""What is right for a case: the exact sum, rounded once, and how far a result may be from it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from parity.model.case import DTYPES, Array, Case
from parity.oracles import bounds
from parity.oracles.compare import assert_special


class Values(NamedTuple):
    """A case and its arrays by their names: inputs, output, bound, and flushing if it differs."""

    case: Case
    arrays: dict[str, Array]


def values(case: Case) -> Values:
    """Compute a case; its bounds are around the output, not around the exact sum.

    npconv's results are held to this suite's own sums and bounds, which share nothing with it.

    Raises
    ------
    WrongCall
        If npconv is not installed.
    AssertionError
        If npconv's output is none that this suite's own sums allow.
    """
    given = case.arrays()
    output, spread = _by_npconv(case, *given)
    kept = bounds.allow(case, *given, flush=False)
    assert_special(case=case, got=output, allowed=kept, name="npconv's exact result")
    if case.dtype != "int32":
        output = np.where(np.isnan(output), np.array(np.nan, output.dtype), output)
    arrays = dict(zip(case.of.arrays, given, strict=True)) | {"output": output}
    bound = np.where(kept.finite, _above(spread + _rounding(output)), _around(output, kept))
    arrays["bound"] = np.where(spread > 0, bound, _around(output, kept))
    if case.dtype in bounds.FLUSHED:
        flushed = _around(output, bounds.allow(case, *given, flush=True))
        if (flushed > arrays["bound"]).any():
            arrays["flushing"] = np.maximum(flushed, arrays["bound"])
    return Values(case, arrays)


def _by_npconv(case: Case, *given: Array) -> tuple[Array, Array]:
    """Return the exact output, and how far a right result may be from the exact sum."""
    kept = bounds.allow(case, *given, flush=False)
    special = kept.nan, kept.positive, kept.negative, kept.zero
    with np.errstate(all="ignore"):
        output = np.select(special, [np.nan, np.inf, -np.inf, 0], kept.value)
        return output.astype(DTYPES[case.dtype]), kept.bound


def _rounding(output: Array) -> Array:
    """Return how far the exact sum may be from `output`, its rounding."""
    if output.dtype.kind == "i":
        return np.zeros(output.shape)
    of = bounds.limits(output.dtype)
    magnitude = np.abs(output.astype(np.float64))
    return np.maximum(magnitude * (float(of.eps) / 2), float(of.smallest_subnormal) / 2)


def _around(output: Array, allowed: bounds.Allowed) -> Array:
    """Return how far what is allowed may be from `output`: infinitely, where that is of no kind."""
    value = output.astype(allowed.value.dtype)
    same = (
        (allowed.nan & np.isnan(value))
        | (allowed.positive & (value == np.inf))
        | (allowed.negative & (value == -np.inf))
    )
    with np.errstate(all="ignore"):
        near = np.abs(value - allowed.value) + allowed.bound
    calm = (allowed.finite | allowed.zero) & np.isfinite(value)
    return np.where(same, 0.0, np.where(calm, _above(near), np.inf))


def _above(bound: Array) -> Array:
    """Return `bound` in float64, a little larger: a checker's own roundings are covered."""
    with np.errstate(all="ignore"):
        wide = bound.astype(np.float64)
        return np.where(wide > 0, np.nextafter(wide * (1 + 2.0**-50), np.inf), wide)
