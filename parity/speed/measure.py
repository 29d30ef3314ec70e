"""Measure a layer: compare the results, then time the contenders in turns."""

from __future__ import annotations

import os
import statistics
import time
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from parity.speed import agreement, machine
from parity.speed import statistics as paired
from parity.speed.layers import Layer
from parity.speed.processes import Worker, Workers, environment

SAMPLE_SECONDS = 0.02
LEAST_ROUNDS = 5
TOO_BUSY = 0.05
"""The share of all cores beyond which other processes' work makes a row doubtful."""

SUBJECT = "subject"
KERNEL = "tensorflow"
FROM_NUMPY = "tensorflow from NumPy"
AGAIN = "tensorflow again"


@dataclass(frozen=True)
class Settings:
    """How long to measure, and what.

    Attributes
    ----------
    subject
        ``module:callable``.
    rounds
        Rounds a layer; in each, every contender gives one sample.
    seconds
        Budget of a layer: no round begins after it, but `LEAST_ROUNDS` always run.
    threads
        For every library; 0 leaves the defaults.
    """

    subject: str = "npconv:conv2d"
    rounds: int = 15
    seconds: float = 4.0
    threads: int = 0


class Bench:
    """The processes of a measurement: the subject, TensorFlow, and TensorFlow again.

    TensorFlow runs in two processes so that each row has its own A/A ratio.
    """

    def __init__(self, workers: Workers, settings: Settings) -> None:
        self.settings = settings
        variables = environment(threads=settings.threads)
        self._subject = workers.start(settings.subject, variables)
        self._tensorflow = workers.start("tensorflow", variables)
        self._again = workers.start("tensorflow", variables)
        self._contenders: dict[str, tuple[Worker, str]] = {
            SUBJECT: (self._subject, "kernel"),
            KERNEL: (self._tensorflow, "kernel"),
            FROM_NUMPY: (self._tensorflow, "from-numpy"),
            AGAIN: (self._again, "kernel"),
        }

    def describe(self) -> dict[str, Any]:
        """Return what the processes say of themselves."""
        return {**self._subject.call("describe"), **self._tensorflow.call("describe")}

    def measure(self, layer: Layer, on_round: Callable[[], None] = lambda: None) -> dict[str, Any]:
        """Compare and time one layer; return its row of the JSON file.

        A row whose results disagree is not timed: it has no ``times``.

        Parameters
        ----------
        layer
            What to convolve.
        on_round
            Called after every round, for a progress bar.
        """
        row: dict[str, Any] = {
            "net": layer.net,
            "name": layer.name,
            "count": layer.count,
            "token": layer.case.token(),
            "multiply_adds": layer.multiply_adds,
        }
        found = self._agree(layer)
        row["agreement"] = asdict(found)
        if found.verdict == "DISAGREES":
            return row
        start = self._other_seconds()
        begin = time.monotonic()
        times = self._time(layer, on_round)
        took = (time.monotonic() - begin) * machine.cores()
        end = self._other_seconds()
        row["other_work"] = (
            None if start is None or end is None else max(0.0, round((end - start) / took, 3))
        )
        row |= summarise(times, layer.multiply_adds)
        return row

    def _other_seconds(self) -> float | None:
        """Return the CPU seconds of everything but the measurement itself."""
        total = machine.busy_seconds()
        if total is None:
            return None
        ours = (worker.pid for worker in (self._subject, self._tensorflow, self._again))
        return total - sum(map(machine.process_seconds, [os.getpid(), *ours]))

    def _agree(self, layer: Layer) -> agreement.Agreement:
        x, w = layer.case.arrays()
        subject = self._subject.call("prepare", layer.case.token(), ["kernel"])
        theirs = self._tensorflow.call("prepare", layer.case.token(), ["kernel", "from-numpy"])
        self._again.call("prepare", layer.case.token(), ["kernel"])
        return agreement.compare(agreement.gauge(layer.case, x, w), subject, theirs)

    def _time(self, layer: Layer, on_round: Callable[[], None]) -> dict[str, list[float]]:
        repeats = {
            name: worker.call("calibrate", mode, SAMPLE_SECONDS)
            for name, (worker, mode) in self._contenders.items()
        }
        times: dict[str, list[float]] = {name: [] for name in self._contenders}
        order = paired.rounds_order(
            list(self._contenders),
            self.settings.rounds,
            seed=zlib.crc32(layer.case.token().encode()),
        )
        end = time.monotonic() + self.settings.seconds
        for done, names in enumerate(order):
            if done >= LEAST_ROUNDS and time.monotonic() > end:
                break
            for name in names:
                worker, mode = self._contenders[name]
                times[name].append(worker.call("sample", mode, repeats[name]))
            on_round()
        return times


def summarise(times: dict[str, list[float]], multiply_adds: int) -> dict[str, Any]:
    """Return medians, attained GFLOP/s, ratios and verdict for a row's times in seconds."""
    noise = paired.paired_ratio(times[AGAIN], times[KERNEL])
    medians = {name: statistics.median(sample) for name, sample in times.items()}
    ratios: dict[str, Any] = {"A/A": asdict(noise)}
    for label, other in (("kernel", KERNEL), ("from NumPy", FROM_NUMPY)):
        ratio = paired.paired_ratio(times[SUBJECT], times[other])
        ratios[label] = {**asdict(ratio), "verdict": paired.verdict(ratio, noise)}
    return {
        "rounds": len(times[KERNEL]),
        "milliseconds": {name: 1e3 * value for name, value in medians.items()},
        "gflops": {name: 2e-9 * multiply_adds / value for name, value in medians.items()},
        "ratios": ratios,
        "times_milliseconds": {
            name: [round(1e3 * value, 6) for value in sample] for name, sample in times.items()
        },
    }


def summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return one line a net: geometric means and the time of all its convolutions."""
    lines = []
    for net in dict.fromkeys(row["net"] for row in rows):
        timed = [row for row in rows if row["net"] == net and "ratios" in row]
        if not timed:
            continue
        verdicts = [row["ratios"]["kernel"]["verdict"] for row in timed]
        lines.append(
            {
                "net": net,
                "layers": len(timed),
                "geometric_mean": {
                    label: paired.geometric_mean([row["ratios"][label]["ratio"] for row in timed])
                    for label in ("kernel", "from NumPy", "A/A")
                },
                "smallest": min(row["ratios"]["kernel"]["ratio"] for row in timed),
                "largest": max(row["ratios"]["kernel"]["ratio"] for row in timed),
                "noisiest": max(
                    (row["ratios"]["A/A"]["ratio"] for row in timed),
                    key=lambda ratio: max(ratio, 1 / ratio),
                ),
                "other_work": max((row["other_work"] or 0.0 for row in timed), default=0.0),
                "verdicts": {word: verdicts.count(word) for word in ("faster", "same", "slower")},
                "total_milliseconds": {
                    name: sum(row["count"] * row["milliseconds"][name] for row in timed)
                    for name in (SUBJECT, KERNEL)
                },
            }
        )
    return lines
