"""Rounds go on as long as they tell something, and no longer."""

from __future__ import annotations

import time
from typing import Any

import pytest

from parity.speed import turns
from parity.speed.statistics import LEAST_ROUNDS, LOOKS
from parity.speed.turns import Contender, Times


class Fake:
    """A worker that gives planted times and notes what it was asked."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self._seconds = seconds

    def call(self, request: str, *arguments: object) -> float:
        """Answer as `parity.speed.worker` would."""
        self.asked.append((request, *arguments))
        if request == "sample":
            time.sleep(self._seconds)
        return 7 if request == "calibrate" else float(len(self.asked))


def take(worker: Fake, **how: Any) -> Times:
    contenders = {"a": Contender(worker, "one"), "b": Contender(worker, "two")}
    defaults = {"seed": 1, "rounds": 12, "seconds": 60.0, "enough": lambda times: False}
    return turns.take(contenders, **{**defaults, **how})


def test_every_round_gives_each_contender_one_sample_of_the_calibrated_length() -> None:
    worker = Fake()
    times = take(worker)
    assert {name: len(sample) for name, sample in times.items()} == {"a": 12, "b": 12}
    assert worker.asked[:2] == [
        ("calibrate", mode, turns.SAMPLE_SECONDS) for mode in ("one", "two")
    ]
    assert set(worker.asked[2:]) == {("sample", "one", 7), ("sample", "two", 7)}


@pytest.mark.parametrize(("needed", "rounds"), [(1, 8), (8, 8), (9, 20), (20, 20), (21, 30)])
def test_rounds_end_at_a_look_when_enough_is_known(needed: int, rounds: int) -> None:
    seen: list[int] = []

    def enough(times: Times) -> bool:
        seen.append(len(times["a"]))
        return len(times["a"]) >= needed

    counted: list[None] = []
    times = take(Fake(), rounds=30, enough=enough, on_round=lambda: counted.append(None))
    assert len(times["a"]) == len(times["b"]) == len(counted) == rounds
    assert seen == [look for look in LOOKS if look <= rounds]


@pytest.mark.parametrize("most", [1, LEAST_ROUNDS, 7])
def test_fewer_rounds_than_an_interval_needs_are_not_taken(most: int) -> None:
    assert len(take(Fake(), rounds=most)["a"]) == max(most, LEAST_ROUNDS)


def test_the_budget_ends_the_rounds_but_the_least_always_run() -> None:
    assert len(take(Fake(0.001), seconds=0.0)["a"]) == LEAST_ROUNDS
