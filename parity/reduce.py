"""Make the data of a failing case as simple as they can be, once its structure is small."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from parity.case import Case, Conv2d
from parity.check import failure
from parity.claims.claim import Claim
from parity.explore import Disagreement, describe

SECONDS = 20.0


def reduced(
    claim: Claim, found: Disagreement, conv2d: Conv2d, *, seconds: float = SECONDS
) -> Disagreement:
    """Return `found` with simpler data that still fail, or as it is where none do.

    Tried in this order: the memory layout C, ones, the seeds 0 to 9, and as few elements as may be
    left, all others being 0.  `seconds` limits the whole.
    """
    case = found.example
    if not isinstance(case, Case):
        return found
    until = time.monotonic() + seconds
    best = found

    def fails(candidate: Case) -> bool:
        nonlocal best
        if time.monotonic() > until:
            return False
        error = failure(claim, candidate, conv2d)
        if error is None:
            return False
        best = Disagreement(claim.name, candidate, describe(error))
        return True

    case = _first(fails, [replace(case, input_layout="C", filters_layout="C")], case)
    plainer = [replace(case, kind="ones", seed=0)]
    if not claim.admits(plainer[0]):
        plainer = []
    case = _first(fails, [*plainer, *(replace(case, seed=seed) for seed in range(10))], case)
    case = _fewest(case, fails)
    return best


def _first(fails: Callable[[Case], bool], candidates: list[Case], otherwise: Case) -> Case:
    return next((one for one in candidates if one != otherwise and fails(one)), otherwise)


def _fewest(case: Case, fails: Callable[[Case], bool]) -> Case:
    """Set elements to 0, in ever smaller chunks, first of the input and then of the filters."""
    x, w = case.arrays()
    ways: list[tuple[int, Callable[[Case, tuple[int, ...]], Case]]] = [
        (x.size, lambda case, kept: replace(case, input_only=kept)),
        (w.size, lambda case, kept: replace(case, filters_only=kept)),
    ]
    for size, keeping in ways:
        kept = list(range(size))
        chunk = max(1, size // 2)
        while kept:
            start = 0
            while start < len(kept):
                fewer = kept[:start] + kept[start + chunk :]
                candidate = keeping(case, tuple(fewer))
                if fails(candidate):
                    kept, case = fewer, candidate
                else:
                    start += chunk
            if chunk == 1:
                break
            chunk //= 2
    return case
