"""One job of a campaign: fresh examples of every claim until the time is over.

Runs in a process of its own (`parity.engine.jobs`); the parent only counts and prints.  Turns begin
short, so that every claim and dtype soon has had one however slow the subject is, and grow.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Protocol

from parity import claims
from parity.claims.check import checked, under_test
from parity.claims.claim import Claim, Example, Told
from parity.claims.tally import Count, dtypes
from parity.model.settings import Settings
from parity.model.subject import Scope
from parity.search.explore import Disagreement, describe, explore
from parity.search.reduce import reduced

TURN = 0.2
"""Seconds of a turn in the first round, of a claim whose share is 1."""
GROWTH = 1.5
"""How much longer the turns of each round are: who lacks one still has 1 / (1 + GROWTH) or more."""
FIRST = 4
"""Examples of a claim's first turn, when nobody knows how long one takes."""
ENOUGH = 3
"""Failures of one claim and dtype after which it is left alone."""
_OFTEN = 0.5  # seconds between two counts that are sent

Turn = tuple[str, str]
"""The names of a claim and a dtype."""


class Send(Protocol):
    """How a job speaks to its parent."""

    def __call__(self, message: Any) -> None:
        """Send a message."""


@dataclass(frozen=True)
class Place:
    """Where a job goes on if it dies now.

    Attributes
    ----------
    turn
        The next turn.
    checked
        How much of the corpus is behind it.
    failures
        How often each claim and dtype has failed.
    """

    turn: int = 0
    checked: int = 0
    failures: Mapping[Turn, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """What one process does.

    Attributes
    ----------
    number, jobs
        Its place among so many jobs, which begin at different claims.
    seed
        The campaign's seed; each job and each turn draws other examples from it.
    seconds
        How long it goes on.
    corpus
        Tokens that are checked as well, at first for as long as anything is drawn.
    known
        How many of them have failed before: they come before anything else.
    place
        Where it begins.
    """

    number: int
    seed: int
    seconds: float
    jobs: int = 1
    corpus: tuple[str, ...] = ()
    known: int = 0
    place: Place = Place()


@dataclass(frozen=True)
class Failure:
    """A disagreement.

    Attributes
    ----------
    claim, token
        What replays it.
    reason
        What differs, and a script that shows it.
    key
        A later failure of the same key is the same, made smaller.
    """

    claim: str
    token: str
    reason: str
    key: str = ""

    def document(self) -> dict[str, str]:
        """Return the failure as JSON knows it."""
        return {"claim": self.claim, "token": self.token, "reason": self.reason}


@dataclass(frozen=True)
class Interesting:
    """An example worth keeping: the first of its class, or the largest error so far.

    Attributes
    ----------
    token
        The example.
    why
        Claim, dtype and class or ratio.
    ratio
        |error| / bound, where that is why.
    """

    token: str
    why: str
    ratio: float = 0.0


def work(settings: Settings, job: Job, send: Send) -> None:
    """Explore claim after claim, and check the corpus, until the time is over.

    Sends `Place` before whatever may end the process, `Count` often, `Failure` and `Interesting`
    as they come.
    """
    _Campaign(settings.scope, job, send).run()


class _Campaign:
    """The state of a job."""

    def __init__(self, scope: Scope, job: Job, send: Send) -> None:
        self._job, self._send = job, send
        self._conv2d = under_test(scope)
        gc.freeze()  # TensorFlow's million objects need not be searched again and again
        self._until = time.monotonic() + job.seconds
        self._turns = [(one, dtype) for one in claims.chosen(scope) for dtype in dtypes(one, scope)]
        self._failures = dict(job.place.failures)
        self._checked = job.place.checked
        self._seconds: dict[str, float] = {}  # of an example, by claim
        self._keep = _Keeper(send)

    def run(self) -> None:
        """Go on until the time is over, or everything has failed often enough."""
        while self._checked < self._job.known and time.monotonic() < self._until:
            self._check_next(self._job.place.turn)
        drawing = checking = 0.0
        for turn in range(self._job.place.turn, 2**31):
            began = time.monotonic()
            self._draw(turn)
            drawing += time.monotonic() - began
            # The first round alone; then the corpus has as much time as what is drawn.
            while turn >= len(self._turns) and checking < drawing and self._left():
                began = time.monotonic()
                self._check_next(turn + 1)
                checking += time.monotonic() - began
            failed = [self._failures.get((one.name, dtype), 0) for one, dtype in self._turns]
            if time.monotonic() > self._until or min(failed) >= ENOUGH:
                return

    def _left(self) -> bool:
        return self._checked < len(self._job.corpus) and time.monotonic() < self._until

    def _draw(self, turn: int) -> None:
        """Let one claim and dtype have its turn."""
        offset = self._job.number * len(self._turns) // self._job.jobs
        claim, dtype = self._turns[(turn + offset) % len(self._turns)]
        failures = self._failures.get((claim.name, dtype), 0)
        if failures >= ENOUGH:
            return
        deadly = self._failures | {(claim.name, dtype): failures + 1}
        self._send(Place(turn + 1, self._checked, deadly))
        count = Count(claim.name, dtype)
        last = time.monotonic()

        def after(example: Example, told: Told) -> None:
            nonlocal last
            self._keep(claim, dtype, example, told)
            if time.monotonic() - last > _OFTEN:
                last = time.monotonic()
                self._send(count.taken())

        key = f"{self._job.number} {turn}"
        tried = claim.name not in self._seconds
        examples = self._examples(claim, turn)
        began = time.monotonic()
        try:
            explore(
                claim,
                dtype,
                self._conv2d,
                self._conv2d.scope,
                count,
                examples=examples,
                start=_start(self._job, turn, tried=tried),
                simplest=turn < len(self._turns),
                after=after,
                found=lambda found: self._fail(found, key),
            )
        except Disagreement as found:
            self._failures = deadly
            self._fail(found, key)
            self._fail(reduced(claim, found, self._conv2d), key)
        else:
            pace = (time.monotonic() - began) / examples
            self._seconds[claim.name] = (pace + self._seconds.get(claim.name, pace)) / 2
        self._send(count)
        if tried and claim.name in self._seconds:  # how long one takes is known now
            self._draw(turn)

    def _examples(self, claim: Claim, turn: int) -> int:
        """Return how many examples fill the turn, at the pace of the claim's last ones."""
        if claim.name not in self._seconds:
            return FIRST
        seconds = claim.share * TURN * GROWTH ** (turn // len(self._turns))
        seconds = min(seconds, self._until - time.monotonic())
        return max(1, min(claim.examples, round(seconds / self._seconds[claim.name])))

    def _check_next(self, turn: int) -> None:
        """Check the next token of the corpus."""
        token = self._job.corpus[self._checked]
        self._checked += 1
        self._send(Place(turn, self._checked, self._failures))
        example = claims.parse(token)
        scope = self._conv2d.scope
        if claims.within(example, scope):
            for claim in claims.admitting(example, scope):
                self._check(claim, example)

    def _check(self, claim: Claim, example: Example) -> None:
        count = Count(claim.name, getattr(example, "dtype", "all"))
        try:
            checked(claim, example, self._conv2d, count)
        except Exception as error:
            key = f"{claim.name} {example.token()}"
            subject = self._conv2d.scope.subject
            self._fail(Disagreement(claim.name, example, describe(error), subject), key)
        self._send(count)

    def _fail(self, found: Disagreement, key: str) -> None:
        self._send(Failure(found.claim, found.example.token(), str(found), key))


class _Keeper:
    """Remember the first example of each class and the largest errors; send those."""

    def __init__(self, send: Callable[[Any], None]) -> None:
        self._send = send
        self._classes: set[tuple[str, str, str]] = set()
        self._ratios: dict[tuple[str, str, str], float] = {}

    def __call__(self, claim: Claim, dtype: str, example: Example, told: Told) -> None:
        fresh = {
            (claim.name, dtype, name) for name in (*claim.classes(example), *told.classes)
        } - self._classes
        if fresh:
            self._classes |= fresh
            why = ", ".join(sorted(name for _, _, name in fresh))
            self._send(Interesting(example.token(), f"{claim.name} {dtype}: {why}"))
        for side, ratio in told.ratios.items():
            key = claim.name, dtype, side
            if ratio > max(0.5, self._ratios.get(key, 0.0)):
                self._ratios[key] = ratio
                why = f"{claim.name} {dtype}: largest error of {side}"
                self._send(Interesting(example.token(), why, ratio))


def _start(job: Job, turn: int, *, tried: bool = False) -> int:
    """Return a seed that no other job or turn of this or another campaign has."""
    text = f"{job.seed} {job.number} {turn}{' tried' * tried}"
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest())
