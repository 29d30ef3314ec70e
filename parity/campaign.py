"""One job of a campaign: fresh examples of every claim until the time is over.

Runs in a process of its own (`parity.jobs`); the parent only counts and prints.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Protocol

from parity import claims, subject
from parity.claims.claim import Claim, Example, Told
from parity.explore import Disagreement, describe, explore
from parity.reduce import reduced
from parity.tally import Count, dtypes

TURN = 1 / 10
"""Share of a claim's usual examples before the next has its turn."""
ENOUGH = 3
"""Failures of one claim and dtype after which it is left alone."""


class Send(Protocol):
    """How a job speaks to its parent."""

    def __call__(self, message: Any) -> None:
        """Send a message."""

    def note(self, text: str) -> None:
        """Leave the token of what is about to run, should the process die of it."""


@dataclass(frozen=True)
class Job:
    """What one process does.

    Attributes
    ----------
    number
        Its place among the jobs.
    seed
        The campaign's seed; each job and each turn draws other examples from it.
    seconds
        How long it goes on.
    corpus
        Tokens that are checked before anything is drawn.
    """

    number: int
    seed: int
    seconds: float
    corpus: tuple[str, ...] = ()


@dataclass(frozen=True)
class Failure:
    """A disagreement, reduced.

    Attributes
    ----------
    claim, token
        What replays it.
    reason
        What differs, and a script that shows it.
    """

    claim: str
    token: str
    reason: str


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


def work(job: Job, send: Send) -> None:
    """Check the corpus, then explore claim after claim until the time is over.

    Sends `Count` after each turn, `Failure` and `Interesting` as they come.
    """
    conv2d, scope = subject.load(), subject.scope()
    gc.freeze()  # TensorFlow's million objects need not be searched again and again
    until = time.monotonic() + job.seconds
    for token in job.corpus:
        example = claims.parse(token)
        if claims.within(example, scope):
            for claim in claims.admitting(example, scope):
                _check(claim, example, conv2d, send)
    turns = [(claim, dtype) for claim in claims.chosen(scope) for dtype in dtypes(claim, scope)]
    failures: dict[tuple[str, str], int] = {}
    keep = _Keeper(send)
    for turn in range(2**31):
        claim, dtype = turns[turn % len(turns)]
        if failures.get((claim.name, dtype), 0) < ENOUGH:
            count = Count(claim.name, dtype)
            try:
                explore(
                    claim,
                    dtype,
                    conv2d,
                    scope,
                    count,
                    examples=round(TURN * claim.examples),
                    start=_start(job, turn),
                    before=lambda example: send.note(example.token()),
                    after=lambda example, told: keep(claim, dtype, example, told),  # noqa: B023
                )
            except Disagreement as found:
                failures[claim.name, dtype] = failures.get((claim.name, dtype), 0) + 1
                _fail(reduced(claim, found, conv2d), send)
            send(count)
        elif len(failures) == len(turns) and min(failures.values()) >= ENOUGH:
            return
        if time.monotonic() > until:
            return


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


def _check(claim: Claim, example: Example, conv2d: Any, send: Send) -> None:
    send.note(example.token())
    count = Count(claim.name, getattr(example, "dtype", "all"))
    try:
        told = claim.check(example, conv2d)
    except Exception as error:
        _fail(Disagreement(claim.name, example, describe(error)), send)
    else:
        count.add(example, told, claim.classes(example))
    send(count)


def _fail(found: Disagreement, send: Send) -> None:
    send(Failure(found.claim, found.example.token(), str(found)))


def _start(job: Job, turn: int) -> int:
    """Return a seed that no other job or turn of this or another campaign has."""
    text = f"{job.seed} {job.number} {turn}"
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest())
