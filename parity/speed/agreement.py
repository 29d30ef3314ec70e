"""Whether results agree, asked before anything is timed: exact integers, or the proven bound."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from parity.model.case import DTYPES, Array, Case
from parity.oracles import bounds

Verdict = Literal["bit-identical", "within bound", "DISAGREES", "not compared"]
DISAGREES: Verdict = "DISAGREES"
NOT_COMPARED: Verdict = "not compared"
AGREEING: tuple[Verdict, ...] = ("bit-identical", "within bound")
_INTEGERS = ("lattice", "distinct", "ones")
"""The kinds of data whose sums are exact in any order, so that nothing may be off."""


@dataclass(frozen=True)
class Gauge:
    """The exact result in wider arithmetic, and the proven bound of each value's error.

    The bound is 0 where the arithmetic is exact; `dtype` is the one a result must have. TensorFlow
    has a bound of its own where it sums halves in halves.
    """

    exact: Array
    allowed: Array
    dtype: np.dtype[Any]
    theirs: Array | None = None

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
class Answer:
    """What a yardstick makes of a call: a result, or why it cannot do the call as it is.

    There may be both: then the result is that of the same call in NHWC instead.
    """

    result: Array | None
    cannot: str = ""
    in_nhwc: bool = False


@dataclass(frozen=True)
class Comparison:
    """How the subject's result stands beside that of one yardstick.

    Attributes
    ----------
    verdict
        Bit-identical; different, but each within the proven bound; DISAGREES, if the subject's is
        not; not compared, if the yardstick has no result within it.
    error
        The yardstick's largest error as a share of the bound; None where there is none.
    cannot, in_nhwc
        See `Answer`.
    """

    verdict: Verdict
    error: float | None
    cannot: str = ""
    in_nhwc: bool = False


@dataclass(frozen=True)
class Agreement:
    """What the subject's result is found to be.

    Attributes
    ----------
    verdict
        DISAGREES if the subject failed or is beyond the bound; else that of the first yardstick
        that could be compared, "not compared" if none could.
    error
        The subject's largest error as a share of the bound; None where it is infinite.
    failed
        How the subject's call or process ended, if without a result.
    yardsticks
        The comparisons by the yardsticks' names.
    """

    verdict: Verdict
    error: float | None
    failed: str
    yardsticks: dict[str, Comparison]


def gauge(case: Case, *arrays: Array) -> Gauge:
    """Return exact values and bounds of a case with these arrays.

    The data must be finite, free of subnormals, and far from overflow.
    """
    dtype = DTYPES[case.dtype]
    if case.dtype == "int32" or case.kind in _INTEGERS:
        whole = bounds.integers(case, *arrays).astype(np.float64)
        return Gauge(whole, np.zeros(()), dtype)
    allowed = bounds.allow(case, *arrays, flush=True)
    narrow = case.dtype in bounds.HALVES and not case.of.wide_halves
    theirs = bounds.allow(case, *arrays, flush=True, narrow=True).bound if narrow else None
    return Gauge(allowed.value, allowed.bound, dtype, theirs)


def compare(scale: Gauge, subject: Array, answers: Mapping[str, Answer]) -> Agreement:
    """Hold results against the bound, which each must keep, and the subject's bit against bit."""
    ours = scale.largest(subject)
    found = {name: _beside(scale, subject, ours, answer) for name, answer in answers.items()}
    verdicts = [one.verdict for one in found.values() if one.verdict != NOT_COMPARED]
    verdict = next(iter(verdicts), NOT_COMPARED)
    return Agreement(verdict if ours <= 1 else DISAGREES, finite(ours), "", found)


def failed(reason: str) -> Agreement:
    """Return what is said of a subject that has given no result."""
    return Agreement(DISAGREES, None, reason, {})


def finite(share: float) -> float | None:
    """Return a share as JSON has it, which knows no infinity."""
    return share if share < float("inf") else None


def _beside(scale: Gauge, subject: Array, ours: float, answer: Answer) -> Comparison:
    """Compare with one yardstick; its own error is neither a disagreement nor an agreement."""
    if answer.result is None:
        return Comparison(NOT_COMPARED, None, answer.cannot)
    if scale.theirs is not None:
        scale = replace(scale, allowed=scale.theirs)
    theirs, cannot = scale.largest(answer.result), answer.cannot
    verdict: Verdict = "within bound"
    if not ours <= 1:
        verdict = DISAGREES
    elif not theirs <= 1:
        verdict = NOT_COMPARED
        cannot = cannot or f"its own error is {theirs:.3g} times the proven bound"
    elif subject.tobytes() == answer.result.tobytes():
        verdict = "bit-identical"
    return Comparison(verdict, finite(theirs), cannot, answer.in_nhwc)
