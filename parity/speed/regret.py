"""How far the planner's choice is from the best: every admissible algorithm, timed in turns.

npconv reads ``NPCONV_ALGORITHM`` when it is imported and then takes that algorithm wherever it
can; ``npconv.explain`` says which one it takes. So there is a process for each algorithm, and
one that leaves the choice to the planner.
"""

from __future__ import annotations

import math
import statistics
import zlib
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from rich.table import Table

from parity.model import machine
from parity.speed import agreement, layers, turns
from parity.speed.layers import Layer
from parity.speed.measure import Settings
from parity.speed.processes import Worker, Workers, environment
from parity.speed.rows import WITHHELD, setting, too_busy
from parity.speed.statistics import Ratio, narrow, paired_ratio
from parity.speed.tables import busy, digits
from parity.speed.turns import Contender, Times

PLANNER = "planner"
NEAR = 1.1
"""A choice that takes at most so many times the time of the best is near it."""


def family(words: str) -> str:
    """Return the algorithm that an explanation names, as `NPCONV_ALGORITHM` has it.

    Examples
    --------
    >>> family("im2col"), family("im2col (the image itself): 1 x 28 x 112 outputs at once")
    ('im2col', 'im2col')
    """
    return words.partition(":")[0].partition(" (")[0]


def algorithms(planner: Worker) -> dict[str, str]:
    """Return each algorithm that the planner takes for a layer of the sets, and the first such."""
    found: dict[str, str] = {}
    for layer in (one for net in layers.available() for one in layers.read(net)):
        token = layer.case.token()
        found.setdefault(family(planner.call("algorithm", token)), token)
    return found


class Bench:
    """A process for each algorithm, and one for the planner's own choice."""

    def __init__(self, workers: Workers, settings: Settings, threads: int = 0) -> None:
        self.settings = settings
        self.threads = threads
        self._workers = workers
        self._planner = self._start(None)
        self._forced = {name: self._start(name) for name in algorithms(self._planner)}

    def _start(self, algorithm: str | None) -> Worker:
        variables = environment(threads=self.threads) | {"NPCONV_ALGORITHM": algorithm}
        return self._workers.start(self.settings.subject, variables)

    def describe(self) -> dict[str, Any]:
        """Return what the processes say of themselves."""
        found: dict[str, Any] = self._planner.call("describe")
        return found

    def measure(
        self, layer: Layer, on_round: Callable[[], None] = lambda: None
    ) -> list[dict[str, Any]]:
        """Compare and time the admissible algorithms on one layer; return its row, alone.

        A row in which a result is beyond the proven bound names it and is not timed.
        """
        token = layer.case.token()
        chosen = family(self._planner.call("algorithm", token))
        if chosen not in self._forced:  # such as another dtype has
            self._forced[chosen] = self._start(chosen)
        admissible = {
            name: worker
            for name, worker in self._forced.items()
            if family(worker.call("algorithm", token)) == name
        }
        row: dict[str, Any] = {
            "net": layer.net,
            "name": layer.name,
            "count": layer.count,
            "token": token,
            "threads": setting(self.threads),
            "chosen": chosen,
            "admissible": list(admissible),
        }
        scale = agreement.gauge(layer.case, *layer.case.arrays())
        entrants = {PLANNER: self._planner, **admissible}
        row["disagree"] = [
            name
            for name, worker in entrants.items()
            if not scale.largest(worker.call("prepare", token, ["kernel"])) <= 1
        ]
        if row["disagree"]:
            return [row]
        if list(admissible) == [chosen]:
            return [row | {"best": chosen, "regret": asdict(Ratio(1.0, 1.0, 1.0))}]
        others = machine.OtherWork(worker.pid for worker in entrants.values())
        times = turns.take(
            {name: Contender(worker, "kernel") for name, worker in entrants.items()},
            seed=zlib.crc32(token.encode()),
            rounds=self.settings.rounds,
            seconds=self.settings.seconds,
            enough=lambda times: settled(times, chosen),
            on_round=on_round,
        )
        return [row | {"other_work": others.share()} | judge(times, chosen)]


def settled(times: Times, chosen: str) -> bool:
    """Say whether each algorithm is known well, or known to be far behind the planner's choice."""
    ratios = _against(times, chosen).values()
    return all(narrow(ratio) or ratio.high < 1 / NEAR for ratio in ratios)


def judge(times: Times, chosen: str) -> dict[str, Any]:
    """Return the best algorithm and the regret: time of the planner's choice / time of the best.

    Where none is better than the planner's own choice, the regret is 1. The interval is that of
    the one ratio. That the best was chosen by the same times makes it miss oftener: of five
    algorithms that are equally fast it covered 94.5 % at the least, by simulation.
    """
    ratios = _against(times, chosen)
    best, regret = max(ratios.items(), key=lambda item: item[1].ratio)
    if regret.ratio <= 1:
        best, regret = chosen, Ratio(1.0, 1.0, 1.0)
    return {
        "best": best,
        "regret": asdict(regret),
        "rounds": len(times[PLANNER]),
        "milliseconds": {name: 1e3 * statistics.median(sample) for name, sample in times.items()},
        "times_milliseconds": {
            name: [round(1e3 * value, 6) for value in sample] for name, sample in times.items()
        },
    }


def _against(times: Times, chosen: str) -> dict[str, Ratio]:
    """Return the planner's choice / each other algorithm.

    Two processes run the choice, the planner's and the one that was forced to it. What differs
    between them is noise, so a round's time is their geometric mean.
    """
    pairs = zip(times[PLANNER], times[chosen], strict=True)
    choice = [math.sqrt(one * other) for one, other in pairs]
    return {
        name: paired_ratio(choice, sample)
        for name, sample in times.items()
        if name not in (PLANNER, chosen)
    }


def summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a line for each net and setting of threads: which share of layers is near the best.

    A layer is surely far from the best if the whole interval of its regret is, and other
    processes did not take too much of the cores; where they did, it is counted as withheld.
    """
    groups: dict[tuple[str, Any], list[dict[str, Any]]] = {}
    for row in rows:
        if "regret" in row:
            groups.setdefault(("all", row["threads"]), []).append(row)
            groups.setdefault((row["net"], row["threads"]), []).append(row)
    return [
        {
            "net": net,
            "threads": threads,
            "layers": len(found),
            "near": sum(row["regret"]["ratio"] <= NEAR for row in found),
            "surely_far": sum(row["regret"]["low"] > NEAR and not _withheld(row) for row in found),
            "withheld": sum(map(_withheld, found)),
            "largest": max(row["regret"]["ratio"] for row in found),
        }
        for (net, threads), found in groups.items()
    ]


def _withheld(row: dict[str, Any]) -> bool:
    return too_busy(row.get("other_work"))  # nothing is timed where the choice is the only one


def table(rows: list[dict[str, Any]]) -> Table:
    """Return a line a layer: the times of its algorithms, and the planner's regret."""
    found = Table(title="Time of each admissible algorithm, ms; regret: the planner's / the best")
    found.add_column("layer", no_wrap=True)
    names = dict.fromkeys(name for row in rows for name in row["admissible"])
    for heading in ("threads", PLANNER, *names, "regret, 95 %\ninterval", "other\nwork"):
        found.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        name, times = f"{row['net']}: {row['name']}", row.get("milliseconds", {})
        if row["disagree"]:
            found.add_row(name, f"[bold red]{', '.join(row['disagree'])} DISAGREES[/]")
            continue
        cells = []
        for one in (PLANNER, *names):
            text = digits(times[one]) if one in times else "only" if one == row["best"] else ""
            cells.append(f"[bold]{text}[/]" if one == row["chosen"] else text)
        regret = row["regret"]
        colour = "green" if regret["ratio"] <= NEAR else "red"
        written = f"[{colour}]{regret['ratio']:.2f}[/]"
        if regret["low"] < regret["high"]:
            written += f" [dim]{regret['low']:.2f}-{regret['high']:.2f}[/]"
        found.add_row(name, str(row["threads"]), *cells, written, _busy(row))
    return found


def _busy(row: dict[str, Any]) -> str:
    return busy(row["other_work"]) if "other_work" in row else ""


def summary_table(lines: list[dict[str, Any]]) -> Table:
    """Return a line a net."""
    found = Table(title=f"Layers whose planned algorithm takes at most {NEAR:g} x the best's time")
    found.add_column("net")
    for heading in ("threads", "near the best", "surely far", WITHHELD, "largest regret"):
        found.add_column(heading, justify="right")
    for line in lines:
        found.add_row(
            line["net"],
            str(line["threads"]),
            f"{line['near']} of {line['layers']}, {line['near'] / line['layers']:.1%}",
            str(line["surely_far"]),
            str(line["withheld"]),
            f"{line['largest']:.2f}",
        )
    return found
