"""What came of the proofs: records, for which nothing is to be proved."""

from __future__ import annotations

from dataclasses import dataclass

from parity.model import verdict
from parity.model.verdict import Verdict
from parity.theorems.bridge import Bridged
from parity.theorems.theorem import Proof
from parity.theorems.written import token

PROVED, REFUTED = "proved", "refuted"


@dataclass(frozen=True)
class Refutation:
    """What became of a planted mistake: the integers against the theorem, as a line to replay.

    The wrong function fails on them and the right one does not, if it is `replayed`. Where the
    mistake is one of whole axes, `call` is a call of conv2d that it makes wrong.
    """

    name: str
    function: str
    theorem: str
    verdict: str
    words: str
    token: str
    smallest: bool
    replayed: bool
    seconds: float
    call: str = ""

    @property
    def found(self) -> bool:
        """Whether it was refuted, and the integers show it."""
        return self.verdict == REFUTED and self.replayed


@dataclass(frozen=True)
class OfRecipe:
    """A recipe whose claim is proved, and the smallest setting against it, if it has one."""

    id: str
    against: tuple[int, int, int, int] | None
    seconds: float


@dataclass(frozen=True)
class Proved:
    """All of it; `stale` are pages of the documentation that say something else."""

    theorems: list[Proof]
    planted: list[Refutation]
    recipes: list[OfRecipe]
    bridge: Bridged | None
    stale: list[str]
    crashes: list[str]
    seconds: float

    @property
    def failures(self) -> list[tuple[str, str]]:
        """What disagrees, by its name."""
        found = [
            (one.name, f"{one.words}: {token(one.name, one.counterexample)}")
            for one in self.theorems
            if one.verdict == REFUTED
        ]
        found += [(one.name, f"planted, {one.verdict}") for one in self.planted if not one.found]
        found += [("bridge", said) for said in (self.bridge.disagreements if self.bridge else [])]
        found += [(page, "is not what parity prove --pages writes") for page in self.stale]
        return found + [("crash", said) for said in self.crashes]

    @property
    def doubts(self) -> list[str]:
        """What was not found out."""
        return [
            f"{one.name}: {one.verdict}: {one.words}"
            for one in self.theorems
            if one.verdict not in (PROVED, REFUTED)
        ]

    @property
    def exit_code(self) -> int:
        """1 if anything disagrees, 3 if something was not found out."""
        return verdict.verdict(self.failures, self.doubts)

    def told(self) -> Verdict:
        """Return the verdict with that of each theorem."""
        proved = [one for one in self.theorems if one.verdict == PROVED]
        agreeing = [(one.name, f"{one.paths} paths") for one in proved]
        agreeing += [(one.name, f"refuted: {one.token}") for one in self.planted if one.found]
        agreeing += [(one.id, "a recipe, right where it says so") for one in self.recipes]
        return Verdict.of(
            self.exit_code,
            "theorems about npconv's geometry",
            agreeing=agreeing,
            failures=self.failures,
            doubts=self.doubts,
        )
