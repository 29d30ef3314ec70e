"""Make a failing case as small as it can be: its structure first, then its data."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from parity import claims
from parity.claims.check import failure, scope_of
from parity.claims.claim import Claim
from parity.examples import corners
from parity.model.case import Case, Conv2d
from parity.oracles import compare
from parity.search import moves, structure
from parity.search.explore import Disagreement, describe
from parity.search.moves import Lesser

SECONDS = 20.0
_PRODUCTS = 1_000_000
"""A candidate may have so many products, or as many as the failure that was found."""
_DISTINCT = 1 << 18
"""The most elements that are filled with distinct numbers, which takes long."""
_LISTED = 1 << 12
"""The most elements of an array of which those that matter are listed."""
_SEEDS = range(10)
"""Tried for each structure where random data are needed, since a shape draws other numbers."""


def reduced(
    claim: Claim,
    found: Disagreement,
    conv2d: Conv2d,
    *,
    seconds: float = SECONDS,
) -> Disagreement:
    """Return the smallest case found that fails as `found` does, or `found` where none is smaller.

    Memory layouts become C and the data ones, or at least plain, where that still fails.  Then
    every number of the structure is lessened until none can be any more: `parity.search.structure`
    says what is smaller, `parity.search.moves` which numbers move together.  Last, the data become
    simple: ones, the seeds 0 to 9, and as few elements as may be left, all others being 0.

    A case that fails otherwise, with an error of another class or by another comparison, is another
    fault and is passed over.

    Parameters
    ----------
    claim, found, conv2d
        What fails, where, and whose fault it is.
    seconds
        How long this may take, but for the one check under way when they are over.
    """
    if not isinstance(found.example, Case):
        return found
    began = time.monotonic()
    search = _Search(claim, found.example, conv2d)
    if not search.confirmed():
        return found
    search.until = began + 0.7 * seconds
    search.plain()
    for lesser in (moves.roughly, moves.closely):
        search.structures(lesser)
    search.until = began + seconds
    search.data()
    smaller = search.best.example != found.example
    return search.best if smaller and search.confirmed() else found


class _Search:
    """The smallest failure so far, and what has been tried.

    Attributes
    ----------
    best
        The smallest failure so far.
    until
        When to stop.
    """

    def __init__(self, claim: Claim, case: Case, conv2d: Conv2d) -> None:
        self.best = Disagreement(claim.name, case, "")
        self.until = 0.0
        self._case = case
        self._claim, self._conv2d, self._scope = claim, conv2d, scope_of(conv2d)
        self._most = max(_PRODUCTS, structure.products(case))
        self._manner = ""
        self._tried: set[str] = set()

    def confirmed(self) -> bool:
        """Check the smallest failure once more; the first time, keep the manner of its failing."""
        error = failure(self._claim, self._case, self._conv2d)
        if error is None or (self._manner and manner(error) != self._manner):
            return False
        self._manner = manner(error)
        subject = self._scope.subject
        self.best = Disagreement(self._claim.name, self._case, describe(error), subject)
        return True

    def plain(self) -> None:
        """Take the memory layout C, and ones or distinct numbers, where that fails."""
        self._first([replace(self._case, input_layout="C", filters_layout="C")])
        self._first([replace(self._case, input_layout="C")])
        self._first([replace(self._case, filters_layout="C")])
        self._first(self._simpler(self._case))

    def structures(self, lesser: Lesser) -> None:
        """Make every move as long as one of them leads to a smaller case that fails."""
        moving = True
        while moving:
            moving = False
            for move in moves.MOVES:
                while self._first(self._smaller(move, lesser)):
                    moving = True

    def data(self) -> None:
        """Make the data simple: their kind and seed, and how many elements are not 0."""
        case = self._case
        if not self._first(self._simpler(case)):
            self._first(replace(case, seed=seed) for seed in _SEEDS if seed < case.seed)
        self._fewest()

    def _smaller(self, move: moves.Move, lesser: Lesser) -> Iterator[Case]:
        """Yield the smaller cases that a move leads to, each with data that may show the fault."""
        least = structure.order(self._case)
        for one in move(structure.Structure.of(self._case), lesser):
            case = one.case(self._case)
            if min(case.input_shape) < 0 or min(case.filters_shape) < 0:
                continue
            if structure.order(case) < least and structure.products(case) <= self._most:
                yield case
                if case.kind == "ones":  # what they do not show here, others may
                    yield from self._distinct(case)
                else:
                    yield from self._simpler(case)
                    yield from (replace(case, seed=seed) for seed in _SEEDS)

    def _simpler(self, case: Case) -> Iterator[Case]:
        """Yield `case` with plainer kinds of data than its own."""
        if case.kind != "ones":
            yield replace(case, kind="ones", seed=0)
            if case.kind != "distinct":
                yield from self._distinct(case)

    def _distinct(self, case: Case) -> Iterator[Case]:
        if math.prod(case.input_shape) + math.prod(case.filters_shape) <= _DISTINCT:
            yield replace(case, kind="distinct", seed=0)

    def _first(self, candidates: Iterator[Case] | list[Case]) -> bool:
        return any(self._fails(candidate) for candidate in candidates)

    def _fails(self, candidate: Case) -> bool:
        """Say whether a candidate fails as the first failure did; it is the best then."""
        token = candidate.token()
        if time.monotonic() > self.until or token in self._tried or candidate == self._case:
            return False
        self._tried.add(token)
        try:
            claims.parse(token)
        except ValueError:  # TensorFlow refuses it
            return False
        if not corners.within(candidate, self._scope) or not self._admits(candidate):
            return False
        error = failure(self._claim, candidate, self._conv2d)
        if error is None or manner(error) != self._manner:
            return False
        self._case = candidate
        self.best = Disagreement(self._claim.name, candidate, describe(error), self._scope.subject)
        return True

    def _admits(self, case: Case) -> bool:
        return case.dtype in self._claim.dtypes and self._claim.admits(case)

    def _fewest(self) -> None:
        """Set elements to 0, in ever smaller chunks, first of the input and then of the filters."""
        x, w = self._case.arrays()
        ways: list[tuple[int, Callable[[tuple[int, ...]], Case]]] = [
            (x.size, lambda kept: replace(self._case, input_only=kept)),
            (w.size, lambda kept: replace(self._case, filters_only=kept)),
        ]
        for size, keeping in ways:
            if size > _LISTED:
                continue
            kept = list(range(size))
            chunk = max(1, size // 2)
            while kept:
                start = 0
                while start < len(kept):
                    fewer = kept[:start] + kept[start + chunk :]
                    if self._fails(keeping(tuple(fewer))):
                        kept = fewer
                    else:
                        start += chunk
                if chunk == 1:
                    break
                chunk //= 2


_QUOTED = re.compile(r"'[^']*'")


def manner(error: Exception) -> str:
    """Return how a check failed: the error's class; of a comparison also which, and whose side.

    What differs between two cases of one fault, numbers and places, is no part of it.
    """
    if not isinstance(error, AssertionError):
        return type(error).__name__
    first, *more = compare.shortened(str(error)).splitlines() or [""]
    said = re.split(r"[\d(]", _QUOTED.sub("", first), maxsplit=1)[0]
    side = more[0].partition(":")[0] if more else ""
    return f"{said.strip()} {_QUOTED.sub('', side).strip()}"
