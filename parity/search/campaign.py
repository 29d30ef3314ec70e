"""A campaign: which turns there are, and what came of them.

The same seed gives the same turns, however many processes of whatever speed take them: a turn's
examples depend on its number, and what came of the turns is taken in their order.  Only the time
decides after how many the campaign ends.  Rounds begin with few examples, so that every claim and
dtype soon has had a turn however slow the subject is, and grow.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import count

from parity import claims
from parity.claims import tally, trust
from parity.claims.claim import Claim
from parity.claims.tally import Counted, dtypes
from parity.engine import Crash, Outcome, run
from parity.model import known, machine, verdict
from parity.model.known import Known
from parity.model.settings import Settings
from parity.search.regressions import regressions
from parity.search.turns import Found, Turn, keep, play
from parity.store.records import Failure, Interesting
from parity.store.store import Store

FIRST = 4
"""Examples of a turn in the first round."""
GROWTH = 1.5
"""How many more those of each round are: who lacks one still has 1 / (1 + GROWTH) or more."""
SHARE = 1 / 8
"""What a turn has at the most, of the claim's usual examples times its share: about a second."""
ENOUGH = 3
"""Failures of one claim and dtype after which it is left alone."""
TOKENS = 4
"""Tokens of the corpus that are checked after each turn, from the second round on."""


@dataclass(frozen=True)
class Sums:
    """Examples, those that differ, and the values compared and telling in them."""

    examples: int
    distinct: int
    outputs: int
    telling: int


@dataclass(frozen=True)
class Record:
    """What came of a campaign; `machines` says how many turns ran where, `where` each finding."""

    subject: str
    tensorflow: str
    seed: int
    jobs: int
    turns: int
    seconds: float
    interrupted: bool
    total: Sums
    examples_per_second_and_job: float
    counts: list[Counted]
    classes: dict[str, int]
    failures: list[Failure]
    known: list[Failure]
    gone: list[str]
    crashes: list[Crash]
    doubts: list[str]
    unreached: list[str]
    too_few: list[str]
    machines: dict[str, int]
    where: dict[str, str]
    exit_code: int


class Campaign:
    """A campaign that goes on for so many seconds or turns, whatever is over first.

    Attributes
    ----------
    counts, failures
        What the turns so far have compared, and what disagrees, by the turn's number.
    turns
        How many those are.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store | None,
        *,
        seed: int,
        seconds: float | None = None,
        turns: int | None = None,
    ) -> None:
        self.settings, self._store, self._seed = settings, store, seed
        self._seconds, self._most = seconds, turns
        self.counts: tally.Counts = {}
        self.failures: dict[int, list[Failure]] = {}
        self.crashes: dict[tuple[int, bool], Crash] = {}
        self.turns = 0
        self._pairs = [
            (one, dtype)
            for one in claims.asked(settings.scope)
            for dtype in dtypes(one, settings.scope)
        ]
        kept = [one.token for one in store.corpus() if one.failed] if store else []
        others = [one.token for one in store.corpus()] if store else []
        listed = [one.token for one in settings.known if one.token]
        try:  # what is no token is told at once
            listed = [claims.parse(token).token() for token in listed]
        except ValueError as error:
            raise verdict.WrongCall(f"--known: {error}") from error
        self._known = list(dict.fromkeys(listed + kept))
        self._tokens = [one for one in dict.fromkeys([*regressions(), *others]) if one not in kept]
        self._waiting: dict[int, Outcome[Turn, Found] | None] = {}
        self._next = 0
        self._failed: Counter[tuple[str, str]] = Counter()
        self._interesting: dict[str, Interesting] = {}
        self._machines: Counter[str] = Counter()
        self._where: dict[str, str] = {}
        self._began = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._began

    @property
    def done(self) -> float:
        """What share of the campaign is over."""
        shares = [self.elapsed / self._seconds] if self._seconds else []
        shares += [self._next / self._most] if self._most else []
        return min(1.0, max(shares))

    def run(self, heard: Iterator[None]) -> Record:
        """Run it until it is over, or Ctrl-C; `heard` is advanced after each turn."""
        interrupted = False

        def hear(outcome: Outcome[Turn, Found]) -> list[Turn]:
            next(heard, None)
            return self.take(outcome)

        try:
            run(play, self._handed_out(), self.settings, hear)
        except KeyboardInterrupt:
            interrupted = True
        for _, outcome in sorted(self._waiting.items()):
            if outcome is not None:
                self._count(outcome)
        return self._record(interrupted=interrupted)

    def planned(self) -> Iterator[Turn]:
        """Yield every turn; those of a claim and dtype that has failed often enough are void."""
        numbers = count()
        for token in self._known:
            yield Turn(next(numbers), token)
        tokens = iter(self._tokens)
        for number in count():
            for claim, dtype in self._pairs:
                turn = next(numbers)
                yield Turn(
                    turn,
                    claim=claim.name,
                    dtype=dtype,
                    examples=_examples(claim, number),
                    start=_start(self._seed, turn),
                    simplest=not number,
                )
                for _ in range(TOKENS if number else 0):
                    if token := next(tokens, ""):
                        yield Turn(next(numbers), token)

    def take(self, outcome: Outcome[Turn, Found]) -> list[Turn]:
        """Take what came of a turn, when all before it are taken; return turns that shall follow.

        A failure is sought again and made smaller in a turn of its own, which may die of it, and
        looked at in a third, whose draws are no examples of the campaign.
        """
        turn, found = outcome.task, outcome.result
        if turn.look:
            if found:
                failures = self.failures[turn.number]
                failures[0] = replace(failures[0], looks_like=found.looks)
            return []
        if turn.smaller:
            if outcome.crash:
                self._crash(outcome, outcome.crash)
            elif found and found.failures:
                self._fail(outcome, found.failures)
                return [replace(turn, look=found.failures[0].token)]
            return []
        self._waiting[turn.number] = outcome
        follow: list[Turn] = []
        while self._next in self._waiting:
            first = self._waiting.pop(self._next)
            self._next += 1
            if first is not None and self._count(first):
                follow.append(replace(first.task, smaller=True))
        return follow

    def _handed_out(self) -> Iterator[Turn]:
        for turn in self.planned():
            over = self._seconds is not None and self.elapsed > self._seconds
            if over or turn.number == self._most:
                return
            if all(self._failed[one.name, dtype] >= ENOUGH for one, dtype in self._pairs):
                return
            if self._left_alone(turn):
                self._waiting[turn.number] = None
            else:
                yield turn

    def _left_alone(self, turn: Turn) -> bool:
        return not turn.token and self._failed[turn.claim, turn.dtype] >= ENOUGH

    def _count(self, outcome: Outcome[Turn, Found]) -> bool:
        """Count what came of a turn; say whether it has failed and can be made smaller."""
        turn, found = outcome.task, outcome.result
        if self._left_alone(turn):
            return False
        self.turns += 1
        self._machines[outcome.machine] += 1
        if outcome.crash:
            self._crash(outcome, outcome.crash)
        if found is not None:
            tally.merge(self.counts, found.counts)
            for one in found.interesting.values():
                keep(self._interesting, one)
            if found.failures:
                self._fail(outcome, found.failures)
        failed = outcome.crash is not None or bool(found and found.failures)
        self._failed[turn.claim, turn.dtype] += failed
        return failed and not turn.token and not outcome.crash

    def _is_known(self, claim: str) -> bool:
        """Say whether `claim` is left alone for failures that are known."""
        return any(one.claim == claim for one in self.settings.known)

    def _asked_for(self, entry: Known) -> bool:
        """Say whether this campaign had to meet a known failure."""
        if entry.token:
            return claims.within(claims.parse(entry.token), self.settings.scope)
        return any(entry.covers(claim.name, dtype) for claim, dtype in self._pairs)

    def _crash(self, outcome: Outcome[Turn, Found], crash: Crash) -> None:
        self.crashes[outcome.task.number, outcome.task.smaller] = crash
        self._where[crash.note] = outcome.machine

    def _fail(self, outcome: Outcome[Turn, Found], failures: list[Failure]) -> None:
        self.failures[outcome.task.number] = failures
        self._where |= {one.token: outcome.machine for one in failures}

    def _record(self, *, interrupted: bool) -> Record:
        """Return everything; remember in the store what was interesting and what failed."""
        scope, jobs = self.settings.scope, self.settings.jobs
        places = [(scope.operation, one.name, dtype) for one, dtype in self._pairs]
        listed = [self.counts[one] for one in sorted(self.counts, key=places.index)]
        asked = [one for one in claims.asked(scope) if not self._is_known(one.name)]
        each = (one for _, failures in sorted(self.failures.items()) for one in failures)
        crashes = [crash for _, crash in sorted(self.crashes.items())]
        deaths = [Failure("", one.note, one.reason) for one in crashes if one.of_subject]
        told = known.judged(
            self.settings.known,
            [*{one.token: one for one in each}.values(), *deaths],
            self._asked_for,
        )
        failures = [one for one in told.new if one not in deaths]
        if self._store:
            self._store.add_interesting(self._interesting.values())
            for failure in (*told.new, *told.known):
                self._store.add_failure(failure.token)
        unreached = [doubt for one in asked for doubt in trust.unreached(one, listed, scope)]
        doubts = [str(one) for one in crashes if not one.of_subject]
        doubts += [doubt for one in asked for doubt in trust.unanswered(one, listed)]
        code = verdict.verdict([*told.new, *told.gone], [*doubts, *unreached])
        if interrupted and code != verdict.DISAGREEMENT:
            code = verdict.INTERRUPTED
        total, elapsed = tally.total(listed), self.elapsed
        return Record(
            subject=scope.subject,
            tensorflow=machine.tensorflow(),
            seed=self._seed,
            jobs=jobs,
            turns=self.turns,
            seconds=round(elapsed, 1),
            interrupted=interrupted,
            total=Sums(*total),
            examples_per_second_and_job=round(total.examples / elapsed / jobs, 1),
            counts=[one.document() for one in listed],
            classes=dict(tally.classes(listed)),
            failures=failures,
            known=told.known,
            gone=[str(one) for one in told.gone],
            crashes=crashes,
            doubts=doubts + unreached,
            unreached=unreached,
            too_few=[said for one in asked if (said := trust.too_few(one, listed, scope))],
            machines=dict(self._machines),
            where={token: place for token, place in sorted(self._where.items()) if token},
            exit_code=code,
        )


def _examples(claim: Claim, number: int) -> int:
    """Return how many examples a turn of `claim` has in a round."""
    return min(
        round(FIRST * GROWTH ** min(number, 50)),
        max(1, round(claim.share * SHARE * claim.examples)),
    )


def _start(seed: int, turn: int) -> int:
    """Return a seed that no other turn of this or another campaign has."""
    return int.from_bytes(blake2b(f"{seed} {turn}".encode(), digest_size=8).digest())
