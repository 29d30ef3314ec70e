"""What the first call of a new shape takes beyond the second: photographs of any size pay it.

Each side has several processes that have called other shapes before. Before each timed call its
process makes one of a layer that it knows, so that its threads are awake, reads the arguments, so
that the caches hold them, and takes and returns memory of the result's size, so that none is fresh
alone. What is left is what was made for the shape.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from rich.table import Table

from parity.model import machine
from parity.model.geometry import output_shape
from parity.speed import agreement, layers
from parity.speed.layers import Layer
from parity.speed.measure import Settings
from parity.speed.processes import Workers, environment
from parity.speed.rows import KERNEL, SUBJECT, group, grouped, setting
from parity.speed.tables import busy

PROCESSES = 5
"""Of each side: of their differences a layer has the median."""
KNOWN = (
    "float32 NHWC 1x30x30x32 w3x3x1x32 s1,1 d1,1 SAME normal:0",
    "float32 NHWC 1x90x90x1 w5x5x1x8 s1,1 d1,1 SAME normal:0",
    "float32 NHWC 1x60x60x64 w3x3x64x4 s2,2 d1,1 VALID normal:0",
    "float32 NHWC 1x50x50x32 w1x1x32x64 s1,1 d1,1 VALID normal:0",
    "float32 NHWC 1x58x58x64 w3x3x64x64 s1,1 d1,1 SAME normal:0",
)
"""What every process has called before; the last of them also before each timed call."""
MOST, MOST_OUTPUTS = 100_000_000, 1 << 20
"""Multiply-adds and outputs of a layer that is drawn: the noise of longer calls hides all."""


def drawn(count: int = 160, seed: int = 13) -> list[Layer]:
    """Return layers of all sets, each for images of another size, from half to a quarter more."""
    rng = np.random.default_rng(seed)
    pool = [layer for net in layers.available() for layer in layers.read(net)]
    found: dict[str, Layer] = {}
    while len(found) < count:
        one = pool[rng.integers(len(pool))]
        batch, height, width, channels = one.case.input_shape
        height, width = (max(1, int(size * rng.uniform(0.5, 1.25))) for size in (height, width))
        case = replace(one.case, input_shape=(batch, height, width, channels))
        name = f"{one.net} {one.name}, {height}x{width}"
        try:
            layer = layers.parse(case.token(), net="first", name=name)
        except ValueError:  # no output is left
            continue
        outputs = math.prod(output_shape(layer.case))
        if layer.multiply_adds <= MOST and outputs <= MOST_OUTPUTS:
            found[case.token()] = layer
    return list(found.values())


class Bench:
    """Several processes of the subject, and as many of TensorFlow as installed."""

    def __init__(self, workers: Workers, settings: Settings, threads: int = 0) -> None:
        self._threads = threads
        names = {SUBJECT: settings.subject, KERNEL: "tensorflow"}
        self._sides = {
            side: [workers.start(name, environment(threads=threads)) for _ in range(PROCESSES)]
            for side, name in names.items()
        }
        for worker in (one for some in self._sides.values() for one in some):
            for token in KNOWN:
                worker.call("prepare", token, ["kernel"])

    def describe(self) -> dict[str, Any]:
        """Return what the processes say of themselves."""
        found: dict[str, Any] = {}
        for workers in self._sides.values():
            found |= workers[0].call("describe")
        return found

    def measure(
        self, layer: Layer, on_round: Callable[[], None] = lambda: None
    ) -> list[dict[str, Any]]:
        """Time the first calls of a layer in each process; return its row."""
        token = layer.case.token()
        others = machine.OtherWork(one.pid for some in self._sides.values() for one in some)
        times: dict[str, list[list[float]]] = {}
        results = {}
        for side, workers in self._sides.items():
            answers = [worker.call("first", token) for worker in workers]
            times[side] = [[round(1e6 * t, 2) for t in seconds] for seconds, _ in answers]
            results[side] = answers[0][1]
        scale = agreement.gauge(layer.case, *layer.case.arrays())
        row = {
            "net": layer.net,
            "name": layer.name,
            "token": token,
            "threads": setting(self._threads),
            "agrees": bool(scale.largest(results[SUBJECT]) <= 1),
            "other_work": others.share(),
            "microseconds": times,
        }
        return [row]


def more(row: dict[str, Any], side: str, after: int = 0) -> float:
    """Return how many microseconds a call takes beyond the next, median of the processes.

    The second beyond the third, `after` 1, shows what is noise.
    """
    calls = row["microseconds"][side]
    return float(statistics.median(one[after] - one[after + 1] for one in calls))


def summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a line for each set, setting of threads and side: how differences are spread."""
    lines = []
    for key, some in grouped(rows).items():
        works = [row["other_work"] for row in some if row["other_work"] is not None]
        for side in (SUBJECT, KERNEL):
            differences = [more(row, side) for row in some]
            lines.append(
                {
                    "net": key.net,
                    "threads": key.threads,
                    "side": side,
                    "layers": len(some),
                    "second": statistics.median(
                        one[1] for row in some for one in row["microseconds"][side]
                    ),
                    "median": statistics.median(differences),
                    "ninety": float(np.percentile(differences, 90)),
                    "worst": max(differences),
                    "noise": statistics.median(more(row, side, 1) for row in some),
                    "worst_noise": max(more(row, side, 1) for row in some),
                    "other_work": statistics.fmean(works) if works else None,
                }
            )
    return lines


def table(lines: list[dict[str, Any]]) -> Table:
    """Return the summary."""
    found = Table(title="First call of a new shape - the second, microseconds")
    found.add_column("set")
    found.add_column("side")
    columns = ("second", "median", "ninety", "worst", "noise", "worst_noise")
    headings = ("the second\ncall itself", "median", "90 %", "worst", "second - third\nmedian")
    for heading in ("layers", *headings, "worst", "other\nwork"):
        found.add_column(heading, justify="right")
    for line in lines:
        figures = [f"{line[name]:.0f}" for name in columns]
        cells = (str(line["layers"]), *figures, busy(line["other_work"]))
        found.add_row(group(line).title, line["side"], *cells)
    return found


def worst_table(rows: list[dict[str, Any]], most: int = 8) -> Table:
    """Return the layers whose first call takes the subject most beyond the second."""
    found = Table(title="The subject's worst, microseconds")
    for heading in ("layer", "more", "first", "second", "third", "token"):
        found.add_column(heading, justify="left" if heading in ("layer", "token") else "right")
    for row in sorted(rows, key=lambda row: -more(row, SUBJECT))[:most]:
        calls = np.median(row["microseconds"][SUBJECT], axis=0)
        figures = [f"{value:.0f}" for value in (more(row, SUBJECT), *calls)]
        found.add_row(row["name"], *figures, row["token"])
    return found
