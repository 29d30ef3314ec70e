"""What one run of pytest draws from and counts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from parity.claims.tally import Count, Counts
from parity.model.known import Known
from parity.model.subject import Scope


@dataclass
class Run:
    """What the command line has said, and what was found so far.

    Attributes
    ----------
    scopes, share, seed
        Whose operations, what a claim's usual number of examples is multiplied by, and what all are
        drawn from.
    known
        Failures that are known.
    counts, rules
        What was drawn, and the rows of the table of rules.
    doubts, too_few
        Why the run cannot be trusted, and what it was too short to tell.
    """

    scopes: tuple[Scope, ...] = (Scope(),)
    share: float = 1.0
    seed: int = 0
    known: tuple[Known, ...] = ()
    counts: Counts = field(default_factory=dict)
    rules: Count = field(default_factory=lambda: Count("rules", "all"))
    doubts: list[str] = field(default_factory=list)
    too_few: list[str] = field(default_factory=list)

    @property
    def scope(self) -> Scope:
        """The first."""
        return self.scopes[0]

    def multiplied(self, examples: float) -> int:
        """Return `examples` times the share that this run was given."""
        return max(1, round(examples * self.share))


RUN = Run()


@contextmanager
def unless_known(claim: str, token: str) -> Iterator[None]:
    """End the test as expected where what fails within is known."""
    try:
        yield
    except Exception:
        for one in RUN.known:
            if one.covers(claim, token):
                pytest.xfail(f"known: {one.reason} {one.url}")
        raise
