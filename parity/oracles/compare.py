"""Comparisons of two outputs.  Every one raises, and says how to see the difference again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from parity.model.case import DTYPES, Array, Case
from parity.oracles.bounds import Allowed

_EXACT, _BITS = "the exact value", "the two must be bit-identical"


def assert_exact(*, case: Case, got: Array, expected: Array, names: tuple[str, str]) -> None:
    """Demand the same shape, dtype and bits, signed zeros included; any NaN equals any NaN."""
    _assert_like(case, got, expected.shape, expected.dtype, names)
    _raise_where(
        case, _differs(got, expected), got, expected, names, "the two must be bit-identical"
    )


def assert_rounded(
    *,
    case: Case,
    got: Array,
    single: Array,
    allowed: Callable[[], Mapping[bool, Allowed]],
    name: str,
) -> None:
    """Demand of halves a float32 convolution, rounded once.

    Bit for bit what `single` gives, unless float32 sums in another order round to something else.
    Rounding is monotonic: if every order's sum lies between value - bound and value + bound, its
    half lies between the halves of these two.

    Parameters
    ----------
    got, single
        The halves, and what the same function gives for the same values in float32.
    allowed
        Called where they differ: what the float32 sums may be (see `parity.oracles.bounds.allow`),
        one for each way to treat subnormal numbers.
    """
    with np.errstate(all="ignore"):
        expected = single.astype(DTYPES[case.dtype])
    names = (name, f"{name}'s float32 convolution rounded once")
    _assert_like(case, got, expected.shape, expected.dtype, names)
    differs = _differs(got, expected)
    for sums in allowed().values() if differs.any() else ():
        with np.errstate(all="ignore"):
            low, high = (
                (sums.value + side).astype(got.dtype) for side in (-sums.bound, sums.bound)
            )
            between = sums.finite & (low <= got) & (got <= high)
            strange = sums.spoiled & ~np.isfinite(got)
        differs &= ~(sums.open | between | strange)
    _raise_where(case, differs, got, expected, names, _BITS)


def assert_within_bound(*, case: Case, got: Array, allowed: Allowed, name: str) -> float:
    """Demand a finite number within the bound of the exact value everywhere.

    Returns the largest |error| / bound, at most 1; a case that allows no such bound fails.
    """
    calm = allowed.finite | allowed.zero
    reason = "the case may overflow: no bound holds"
    _raise_where(case, ~calm, got, allowed.value, (name, _EXACT), reason)
    return assert_special(case=case, got=got, allowed=allowed, name=name)


def assert_special(*, case: Case, got: Array, allowed: Allowed, name: str) -> float:
    """Demand of every output what `allowed` says: NaN, an infinity, +0.0 or a bounded error.

    Returns the largest |error| / bound among the bounded outputs, at most 1.
    """
    names, exact = (name, _EXACT), allowed.value
    _assert_like(case, got, exact.shape, DTYPES[case.dtype], names)
    value = got.astype(exact.dtype)
    finite = np.isfinite(value)
    with np.errstate(all="ignore"):
        error = np.abs(np.where(finite, value, 0) - exact)
        outside = allowed.finite & ~(finite & (error <= allowed.bound))
        ratio = error / np.where(allowed.bound > 0, allowed.bound, 1)
    outside &= ~(allowed.spoiled & ~finite)
    plus_zero = (value == 0) & ~np.signbit(value)
    for wrong, must in (
        (allowed.nan & ~np.isnan(value), "must be nan"),
        (allowed.positive & (value != np.inf), "must be inf"),
        (allowed.negative & (value != -np.inf), "must be -inf"),
        (allowed.zero & ~plus_zero, "must be +0.0"),
    ):
        _raise_where(case, wrong & ~(allowed.spoiled & ~finite), got, exact, names, must)
    _raise_where(case, outside, got, exact, names, "outside the bound", allowed.bound)
    return float(np.max(ratio, where=allowed.finite, initial=0))


def explain(case: Case) -> str:
    """Return how to see `case` again: its token."""
    return f"token: {case.token()}"


def shortened(reason: str) -> str:
    """Return `reason` without what `explain` has added to it."""
    return reason.partition("\ntoken: ")[0]


def _differs(got: Array, expected: Array) -> Array:
    """Say where bits differ, but for those of a NaN."""
    one, other = (
        np.ascontiguousarray(array).view(f"u{array.dtype.itemsize}") for array in (got, expected)
    )
    differs: Array = one != other
    return differs if got.dtype.kind == "i" else differs & ~(np.isnan(got) & np.isnan(expected))


def _assert_like(
    case: Case, got: Array, shape: tuple[int, ...], dtype: np.dtype[Any], names: tuple[str, str]
) -> None:
    if type(got) is not np.ndarray or got.shape != shape or got.dtype != dtype:
        raise AssertionError(
            f"{names[0]} gave {type(got).__name__} {np.shape(got)} {getattr(got, 'dtype', None)},"
            f" {names[1]} {shape} {dtype}\n{explain(case)}"
        )


def _raise_where(
    case: Case,
    wrong: Array,
    got: Array,
    expected: Array,
    names: tuple[str, str],
    reason: str,
    bound: Array | None = None,
) -> None:
    if not wrong.any():
        return
    index = tuple(int(i) for i in np.argwhere(wrong)[0])
    limit = "" if bound is None else f"\n  bound {bound[index]!r}"
    raise AssertionError(
        f"{reason}: {int(wrong.sum())} of {wrong.size} outputs differ, the first at {index}\n"
        f"  {names[0]}: {got[index]!r}\n  {names[1]}: {expected[index]!r}{limit}\n{explain(case)}"
    )
