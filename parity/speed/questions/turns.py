"""Measure one row of a question: compare the results, then time the contenders in turns."""

from __future__ import annotations

import statistics
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from parity.model import machine
from parity.speed import statistics as paired
from parity.speed import turns
from parity.speed.processes import Worker, WorkerError, Workers, environment
from parity.speed.questions.asked import AGAIN, SUBJECT, Array, Question, Row
from parity.speed.rows import judged, too_busy
from parity.speed.turns import Times

MOST_ROUNDS = 200
TOO_SLOW = 20.0
"""Seconds: a contender whose first call took longer is compared, but not timed."""
ANSWER = "parity.speed.questions.contender:answer"


class Bench:
    """The processes of one row, a contender in each; they live in the ``with`` block of `workers`.

    Raises
    ------
    StartError
        If a contender cannot be imported.
    """

    def __init__(self, workers: Workers, question: Question, row: Row, subject: str) -> None:
        self._question, self._row, self._subject = question, row, subject
        self._workers: dict[str, Worker] = {}
        self.versions: dict[str, Any] = {}
        for name in question.contenders:
            self._workers[name] = workers.start(ANSWER, environment())
            try:
                described = self.ask(name, "describe", name, subject)
            except WorkerError as error:
                raise ValueError(f"{name} cannot be timed: {error}") from error
            if name != AGAIN:
                self.versions |= described

    def measure(self, seconds: float) -> dict[str, Any]:
        """Compare and time; return the row of the JSON document.

        A row whose results disagree is not timed: it has no ``milliseconds``.
        """
        row: dict[str, Any] = {"name": self._row.name, "dtype": self._row.dtype}
        first, row["notes"], row["differences"] = self._compare()
        row["agrees"] = all(one["agrees"] for one in row["differences"])
        if not row["agrees"]:
            return row
        slow = {name: took for name, took in first.items() if took > TOO_SLOW}
        row["notes"] |= {
            name: f"one call took {took:.0f} s: compared, not timed" for name, took in slow.items()
        }
        ratios = _ratios(self._question, slow)
        others = machine.OtherWork(worker.pid for worker in self._workers.values())
        times = turns.take(
            {name: turns.Contender(_Asked(self, name), name) for name in first if name not in slow},
            seed=zlib.crc32(f"{self._question.name} {self._row.name}".encode()),
            rounds=MOST_ROUNDS,
            seconds=seconds,
            enough=lambda times: _settled(times, ratios),
        )
        share = others.share()
        row |= judged(summarise(times, ratios), share)
        row["doubtful"] |= too_busy(share)
        return row

    def ask(self, contender: str, request: str, *arguments: Any) -> Any:
        """Have a contender answer.

        Raises
        ------
        WorkerError
            Naming the row and the contender, if it fails.
        """
        # The worker takes `ANSWER` for a conv2d: its arguments are the request and what it needs.
        try:
            return self._workers[contender].call("run", request, arguments, {})
        except WorkerError as error:
            where = f"{self._question.name}, {self._row.name}, {contender}"
            raise WorkerError(
                f"{where}: {request} failed: {error}",
                reason=error.reason,
                of_subject=contender in (SUBJECT, AGAIN),
            ) from error

    def _compare(self) -> tuple[dict[str, float], dict[str, str], list[dict[str, Any]]]:
        """Hold every contender's result against the subject's, or against its own exact one."""
        first: dict[str, float] = {}
        notes: dict[str, str] = {}
        found = []
        question, row = self._question, self._row
        with tempfile.TemporaryDirectory() as folder:
            ours = str(Path(folder, "subject.npy"))
            for name in question.contenders:
                path = ours if name == SUBJECT else str(Path(folder, "other.npy"))
                given = question.name, row, name, self._subject, path
                first[name], note = self.ask(name, "prepare", *given)
                if note:
                    notes[name] = note
                allowed = question.tolerance[name](row) if name in question.tolerance else 0.0
                if name in question.apart:
                    beside, expected = "exact", question.apart[name](*question.data(row))
                    expected = expected.astype(row.dtype)
                elif name == SUBJECT:
                    continue
                else:
                    beside, expected = SUBJECT, np.load(ours, mmap_mode="r")
                largest = difference(np.load(path, mmap_mode="r"), expected, row.dtype)
                found.append(
                    {
                        "contender": name,
                        "beside": beside,
                        "largest": largest,
                        "allowed": allowed,
                        "agrees": largest is not None and largest <= allowed,
                    }
                )
        return first, notes, found


class _Asked:
    """A contender as `parity.speed.turns` knows it."""

    def __init__(self, bench: Bench, name: str) -> None:
        self._bench, self._name = bench, name

    def call(self, request: str, *arguments: Any) -> float:
        """Answer ``calibrate`` and ``sample``; a contender has but one call, so no mode."""
        found: float = self._bench.ask(self._name, request, *arguments[1:])
        return found


def run(
    question: Question,
    subject: str,
    seconds: float,
    on_row: Callable[[str], None] = lambda name: None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Measure a question; return its part of the JSON document, and the contenders' versions.

    Each row has processes of its own, so that only its arrays are in memory.

    Parameters
    ----------
    question
        What to measure.
    subject
        ``module:callable``.
    seconds
        Budget of a row's rounds: none begins after it, but `statistics.LEAST_ROUNDS` always run.
    on_row
        Called with a row's name before it is measured.
    """
    rows: list[dict[str, Any]] = []
    versions: dict[str, Any] = {}
    for row in question.rows:
        on_row(row.name)
        with Workers() as workers:
            bench = Bench(workers, question, row, subject)
            rows.append(bench.measure(seconds))
            versions |= bench.versions
    found = {
        "name": question.name,
        "title": question.title,
        "asked": question.asked,
        "contenders": list(question.contenders),
        "labels": [label for label, _, _ in question.ratios],
        "rows": rows,
    }
    return found, versions


def difference(result: Array, expected: Array, dtype: str) -> float | None:
    """Return the largest difference; None for another shape or dtype, or where one is not finite.

    Examples
    --------
    >>> difference(np.array([[1.0, 2.0]]), np.array([[1.0, 2.5]]), "float64")
    0.5
    >>> difference(np.array([[1.0, np.nan]]), np.array([[1.0, 2.5]]), "float64")
    """
    if result.shape != expected.shape or not result.dtype == expected.dtype == np.dtype(dtype):
        return None
    largest = 0.0
    for one, other in zip(result, expected, strict=True):  # an image at a time: they may be large
        here = float(np.abs(np.subtract(one, other, dtype=np.float64)).max(initial=0))
        if not here < float("inf"):
            return None
        largest = max(largest, here)
    return largest


def summarise(times: Times, ratios: list[tuple[str, str, list[str]]]) -> dict[str, Any]:
    """Return medians, ratios with their intervals, and noise for times in seconds.

    Parameters
    ----------
    times
        Of each contender, one a round.
    ratios
        Label, numerator and denominators, of which the one with the least median counts. The
        interval is that of the ratio to this one; where others are as fast, the choice among
        them is by chance and favours them.
    """
    medians = {name: statistics.median(sample) for name, sample in times.items()}
    noise = paired.paired_ratio(times[AGAIN], times[SUBJECT])
    found: dict[str, Any] = {}
    for label, first, others in ratios:
        second = min(others, key=medians.__getitem__)
        ratio = paired.paired_ratio(times[first], times[second])
        verdict = paired.verdict(ratio, noise)
        found[label] = {"first": first, "second": second, **asdict(ratio), "verdict": verdict}
    return {
        "rounds": len(times[SUBJECT]),
        "milliseconds": {name: 1e3 * value for name, value in medians.items()},
        "ratios": found,
        "noise": asdict(noise),
        "doubtful": paired.noisy(noise),
        "times_milliseconds": {
            name: [round(1e3 * value, 6) for value in sample] for name, sample in times.items()
        },
    }


def _ratios(question: Question, slow: dict[str, float]) -> list[tuple[str, str, list[str]]]:
    kept = [
        (label, first, [other for other in others if other not in slow])
        for label, first, others in question.ratios
        if first not in slow
    ]
    return [ratio for ratio in kept if ratio[2]]


def _settled(times: Times, ratios: list[tuple[str, str, list[str]]]) -> bool:
    found = summarise(times, ratios)
    return all(
        paired.narrow(paired.Ratio(one["ratio"], one["low"], one["high"]))
        for one in (*found["ratios"].values(), found["noise"])
    )
