"""One turn of a campaign: fresh examples of one claim and dtype, or one token of the corpus."""

from __future__ import annotations

from dataclasses import dataclass, field

from parity import claims
from parity.claims.check import Subject, checked, under_test
from parity.claims.claim import Claim, Example, Told
from parity.claims.tally import Count
from parity.model.settings import Settings
from parity.search.explore import Disagreement, describe, explore
from parity.search.looks import looks_like
from parity.search.reduce import reduced
from parity.store.records import Failure, Interesting


@dataclass(frozen=True)
class Turn:
    """What one task does; the same anywhere and at any time, but for how long it makes smaller.

    Attributes
    ----------
    number
        Its place in the campaign.
    token
        The example to check by every claim that admits it; "" for fresh ones.
    claim, dtype, examples, start
        What is drawn otherwise, how many, from which seed.
    simplest
        Whether the simplest example, which Hypothesis always draws first, is checked as well.
    smaller
        Whether the failure, known from the same turn without this, is made smaller.
    look
        The token of that failure if it is to be told what it looks like; "" otherwise.
    """

    number: int
    token: str = ""
    claim: str = ""
    dtype: str = ""
    examples: int = 0
    start: int = 0
    simplest: bool = False
    smaller: bool = False
    look: str = ""


@dataclass
class Found:
    """What a turn has counted, what disagrees and looks like what, what is worth checking first."""

    counts: list[Count] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    interesting: dict[str, Interesting] = field(default_factory=dict)
    looks: str = ""

    def keep(self, claim: Claim, dtype: str, example: Example, told: Told) -> None:
        """Keep an example that is the first of a class, or has the largest error, of its turn."""
        for name in (*claim.classes(example), *told.classes):
            keep(self.interesting, Interesting(example.token(), f"{claim.name} {dtype}: {name}"))
        for side, ratio in told.ratios.items():
            if ratio > 0.5:
                why = f"{claim.name} {dtype}: largest error of {side}"
                keep(self.interesting, Interesting(example.token(), why, ratio))

    def fail(self, found: Disagreement) -> None:
        """Keep a failure."""
        self.failures.append(Failure(found.claim, found.example.token(), str(found)))


def keep(kept: dict[str, Interesting], found: Interesting) -> None:
    """Keep `found` if its reason is new, or its ratio larger than that of what was kept."""
    if found.why not in kept or found.ratio > kept[found.why].ratio:
        kept[found.why] = found


def play(settings: Settings, turn: Turn) -> Found:
    """Do a turn."""
    found, conv2d = Found(), under_test(settings.scope)
    if turn.look:
        found.looks = looks_like(conv2d, claims.parse(turn.look), settings.scope)
    elif turn.token:
        example = claims.parse(turn.token)
        if claims.within(example, settings.scope):
            for claim in claims.admitting(example, settings.scope):
                _check(claim, example, conv2d, found)
    else:
        _draw(turn, conv2d, found)
    return found


def _check(claim: Claim, example: Example, conv2d: Subject, found: Found) -> None:
    dtype = getattr(example, "dtype", "all")
    count = Count(claim.name, dtype, operation=conv2d.scope.operation)
    try:
        checked(claim, example, conv2d, count)
    except Exception as error:
        subject = conv2d.scope.subject
        found.fail(Disagreement(claim.name, example, describe(error), subject))
    found.counts.append(count)


def _draw(turn: Turn, conv2d: Subject, found: Found) -> None:
    claim = claims.CLAIMS[turn.claim]
    count = Count(claim.name, turn.dtype, operation=conv2d.scope.operation)
    try:
        explore(
            claim,
            turn.dtype,
            conv2d,
            conv2d.scope,
            count,
            examples=turn.examples,
            start=turn.start,
            shrink=turn.smaller,
            simplest=turn.simplest,
            after=lambda example, told: found.keep(claim, turn.dtype, example, told),
        )
    except Disagreement as error:
        found.fail(reduced(claim, error, conv2d) if turn.smaller else error)
    found.counts.append(count)
