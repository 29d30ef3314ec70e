"""Make a failing case as small as it can be: its structure first, then its data."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from parity import claims
from parity.claims.check import failure, scope_of
from parity.claims.claim import Claim
from parity.model.case import Case, Conv2d
from parity.oracles import compare
from parity.search import moves, structure
from parity.search.explore import Disagreement, describe

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
    claim: Claim, found: Disagreement, conv2d: Conv2d, *, seconds: float = SECONDS
) -> Disagreement:
    """Return the smallest case found that fails as `found` does, or `found` where none is smaller.

    Memory layouts become C and the data ones, or at least plain, where that still fails.  Then
    every number of the structure is lessened until none can be any more: `parity.search.structure`
    says what is smaller, `parity.search.moves` which numbers move together.  Last, the data become
    simple: ones, the seeds 0 to 9, and as few elements as may be left, all others being 0.

    A case that fails otherwise, with an error of another class or by another comparison, is another
    fault and is passed over.  After `seconds` only the check under way is ended.
    """
    if not isinstance(found.example, Case):
        return found
    search, began = _Search(claim, found.example, conv2d), time.monotonic()
    if not search.confirmed():
        return found
    search.until = began + 0.7 * seconds
    search.structure()
    search.until = began + seconds
    search.data()
    smaller = search.best.example != found.example
    return search.best if smaller and search.confirmed() else found


class _Search:
    """The smallest failure so far, `best`, and what has been tried; it stops at `until`."""

    def __init__(self, claim: Claim, case: Case, conv2d: Conv2d) -> None:
        self.best = Disagreement(claim.name, case, "")
        self.until = 0.0
        self._case = case
        self._claim, self._conv2d, self._scope = claim, conv2d, scope_of(conv2d)
        self._most = max(_PRODUCTS, case.products)
        self._manner = ""
        self._tried: set[str] = set()

    def confirmed(self) -> bool:
        """Check the smallest failure once more; the first time, keep the manner of its failing."""
        return self._fails_on(self._case)

    def structure(self) -> None:
        """Take plain layouts and data; then make every move as long as one leads to less."""
        case = self._case
        self._first(
            replace(case, input_layout=x, filters_layout=w)
            for x, w in (("C", "C"), ("C", case.filters_layout), (case.input_layout, "C"))
        )
        self._plain()
        for lesser in (moves.roughly, moves.closely):
            before = None
            while before != self._case:
                before = self._case
                for move in moves.MOVES:
                    while self._first(self._smaller(move, lesser)):
                        pass

    def data(self) -> None:
        """Make the data simple: their kind and seed, and how many elements are not 0."""
        case = self._case
        if not self._plain():
            self._first(replace(case, seed=seed) for seed in _SEEDS if seed < case.seed)
        for name, shape in zip(("input_only", "filters_only"), case.shapes, strict=True):
            self._fewest(name, math.prod(shape))

    def _plain(self) -> bool:
        return self._case.kind != "ones" and self._first(_plainer(self._case))

    def _smaller(self, move: moves.Move, lesser: moves.Lesser) -> Iterator[Case]:
        """Yield the smaller cases that a move leads to, each with data that may show the fault."""
        least = structure.order(self._case)
        for one in move(structure.Structure.of(self._case), lesser):
            case = one.case(self._case)
            if min(*case.input_shape, *case.filters_shape) < 0:
                continue
            if structure.order(case) < least and case.products <= self._most:
                yield case
                yield from _plainer(case)
                if case.kind != "ones":
                    yield from (replace(case, seed=seed) for seed in _SEEDS)

    def _first(self, candidates: Iterable[Case]) -> bool:
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
        return (
            claims.within(candidate, self._scope)
            and candidate.dtype in self._claim.dtypes
            and self._claim.admits(candidate)
            and self._fails_on(candidate)
        )

    def _fails_on(self, case: Case) -> bool:
        error = failure(self._claim, case, self._conv2d)
        if error is None or manner(error) != (self._manner or manner(error)):
            return False
        self._case, self._manner = case, manner(error)
        self.best = Disagreement(self._claim.name, case, describe(error), self._scope.subject)
        return True

    def _fewest(self, only: str, size: int) -> None:
        """Set elements to 0 in ever smaller chunks; the field `only` of the case lists the rest."""
        kept = tuple(range(size)) if size <= _LISTED else ()
        chunk = size
        while kept and chunk:
            start = 0
            while start < len(kept):
                fewer = kept[:start] + kept[start + chunk :]
                changed: dict[str, Any] = {only: fewer}
                if self._fails(replace(self._case, **changed)):
                    kept = fewer
                else:
                    start += chunk
            chunk //= 2


def _plainer(case: Case) -> Iterator[Case]:
    """Yield `case` with ones; and with distinct numbers, which may show what ones do not."""
    if case.kind != "ones":
        yield replace(case, kind="ones", seed=0)
    elements = sum(map(math.prod, case.shapes))
    if case.kind != "distinct" and elements <= _DISTINCT:
        yield replace(case, kind="distinct", seed=0)


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
