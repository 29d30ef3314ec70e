"""Contenders that are timed in turns, round by round, until the ratios are known well enough."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

import numpy as np

from parity.speed.records import Times
from parity.speed.statistics import LEAST_ROUNDS, LOOKS

SAMPLE_SECONDS = 0.02


class Runner(Protocol):
    """What is asked of a worker; see `parity.speed.processes.Worker`."""

    def call(self, request: str, *arguments: object) -> float:
        """Answer ``calibrate`` and ``sample``."""


class Contender(NamedTuple):
    """A worker whose layer is prepared, and which of its calls to time."""

    worker: Runner
    mode: str = "kernel"


def take(
    contenders: Mapping[str, Contender],
    *,
    seed: int,
    rounds: int,
    seconds: float,
    enough: Callable[[Times], bool],
    on_round: Callable[[], None] = lambda: None,
) -> Times:
    """Return the seconds a call of each contender, the n-th of each from the n-th round.

    Parameters
    ----------
    contenders
        By name; each gives one sample a round, in an order that changes at random.
    seed
        Of the order.
    rounds, seconds
        No round begins after so many or so long, but `LEAST_ROUNDS` always run.
    enough
        Asked after `LOOKS` rounds whether more would tell little; `parity.speed.statistics` says
        why not oftener.
    on_round
        Called after every round, for a progress bar.
    """
    repeats = {
        name: worker.call("calibrate", mode, SAMPLE_SECONDS)
        for name, (worker, mode) in contenders.items()
    }
    times: Times = {name: [] for name in contenders}
    end = time.monotonic() + seconds
    rng = np.random.default_rng(seed)
    for done in range(max(rounds, LEAST_ROUNDS)):
        if done >= LEAST_ROUNDS and time.monotonic() > end:
            break
        if done in LOOKS and enough(times):
            break
        for name in rng.permutation(list(contenders)).tolist():
            worker, mode = contenders[name]
            times[name].append(worker.call("sample", mode, repeats[name]))
        on_round()
    return times
