"""``python -m parity speed``: time npconv beside TensorFlow, layer by layer."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console

from parity.cli import terminal
from parity.model import machine
from parity.model import verdict as verdicts
from parity.speed import (
    comparison,
    document,
    first,
    layers,
    measure,
    regret,
    tables,
)
from parity.speed.agreement import DISAGREES, NOT_COMPARED
from parity.speed.arguments import MISTRUSTED, SLOWER, add_arguments, settings
from parity.speed.failures import FAILURES, told
from parity.speed.layers import Layer
from parity.speed.processes import Workers, environment
from parity.speed.rows import (
    TOO_BUSY,
    WITHHELD,
    grouped,
    peak_share,
    setting,
    summary,
    too_busy,
)

__all__ = ["add_arguments", "run"]


def run(arguments: argparse.Namespace) -> int:
    """Measure, print, write, compare.

    Returns 1 if a row disagrees, 2 for a wrong call, 3 if a row has no comparison, and what
    `compare` does.
    """
    console = terminal.console()
    try:
        return _run(arguments, console)
    except FAILURES as error:
        return told("speed", error)


def _run(arguments: argparse.Namespace, console: Console) -> int:
    old = document.read(arguments.compare) if arguments.compare else None
    if arguments.against:
        if old is None:
            raise ValueError("--against needs --compare OLD.json")
        return compare(old, document.read(arguments.against), console)
    instead = arguments.all_algorithms + arguments.first
    if instead > 1 or (instead and (old or arguments.busy)):
        raise ValueError("--all-algorithms, --first: one of them, without --compare and --busy")
    if arguments.row:
        chosen = [layers.parse(token) for token in arguments.row]
    elif arguments.first and not arguments.layers:
        chosen = first.drawn()
    else:
        nets = [arguments.layers] if arguments.layers in layers.available() else layers.available()
        chosen = [layer for net in nets for layer in layers.read(net)]
    chosen = [layers.altered(one, dtype=arguments.dtype, batch=arguments.batch) for one in chosen]
    how = settings(arguments)
    if arguments.all_algorithms:
        return algorithms(chosen, how, console, arguments.json)
    if arguments.first:
        return first_calls(chosen, how, console, arguments.json)
    if old:  # before much time is spent
        ways = product([str(setting(count)) for count in how.threads], {False, how.busy})
        comparison.admit(old, {(one.case.token(), *way) for one, way in product(chosen, ways)})
    found = times(chosen, how, console)
    if arguments.json:
        document.write(found, arguments.json)
    show(found, console)
    code = verdict(found)
    return compare(old, found, console) if old and not code else code


def times(chosen: Iterable[Layer], how: measure.Settings, console: Console) -> dict[str, Any]:
    """Measure layers; return the document that ``--json`` writes."""
    block = asdict(machine.describe(environment()))
    start = time.monotonic()
    peaks = measure.gemm_peaks(how.threads)
    rows, found = _each(measure.Bench, chosen, how, console)
    block |= found | peaks
    for row in rows:
        if "gflops" in row:
            row["peak_share"] = peak_share(row, block)
    return {
        "machine": block,
        "settings": _settings(how, start),
        "rows": rows,
        "summary": summary(rows),
    }


def algorithms(
    chosen: Iterable[Layer], how: measure.Settings, console: Console, path: Path | None
) -> int:
    """Measure, print and write the planner's regret; return 1 if a result disagrees."""
    found = _instead(regret, chosen, how, console, path, document.REGRET)
    console.print(regret.table(found["rows"]))
    console.print(regret.summary_table(found["summary"]))
    return 1 if any(row["disagree"] for row in found["rows"]) else 0


def first_calls(
    chosen: Iterable[Layer], how: measure.Settings, console: Console, path: Path | None
) -> int:
    """Measure, print and write what first calls take; return 1 if a result disagrees."""
    found = _instead(first, chosen, how, console, path, document.FIRST)
    console.print(first.worst_table(found["rows"]))
    console.print(first.table(found["summary"]))
    wrong = [row["token"] for row in found["rows"] if not row["agrees"]]
    for token in wrong:
        console.print(f"DISAGREES: {token}", style="bold red", markup=False)
    return 1 if wrong else 0


def _instead(
    what: Any,
    chosen: Iterable[Layer],
    how: measure.Settings,
    console: Console,
    path: Path | None,
    schema: dict[str, Any],
) -> dict[str, Any]:
    """Measure by the `Bench` of a module, write the document and return it."""
    block = asdict(machine.describe(environment()))
    start = time.monotonic()
    rows, said = _each(what.Bench, chosen, how, console)
    found = {
        "machine": block | said,
        "settings": _settings(how, start),
        "rows": rows,
        "summary": what.summary(rows),
    }
    if path:
        document.write(found, path, schema)
    return found


class _Bench(Protocol):
    def describe(self) -> dict[str, Any]: ...

    def measure(self, layer: Layer, on_round: Callable[[], None]) -> list[dict[str, Any]]: ...


def _each(
    make: Callable[[Workers, measure.Settings, int], _Bench],
    chosen: Iterable[Layer],
    how: measure.Settings,
    console: Console,
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Measure layers at every setting of threads; return rows and what the processes say."""
    chosen = list(chosen)
    rows: list[dict[str, Any]] = []
    said: dict[str, Any] = {}
    for threads in how.threads:
        with Workers() as workers:
            bench = make(workers, how, threads)
            for name, reason in getattr(bench, "skipped", {}).items():
                console.print(f"{name} is left out: {reason}", style="yellow", markup=False)
            if not said or not threads:  # the default tells how many threads BLAS takes
                said = bench.describe()
            with terminal.progress(console, "starting", len(chosen) * how.rounds) as bar:
                for done, layer in enumerate(chosen):
                    bar.update(bar.task_ids[0], description=f"{layer.net}: {layer.name}")
                    rows.extend(bench.measure(layer, lambda: bar.advance(bar.task_ids[0])))
                    bar.update(bar.task_ids[0], completed=(done + 1) * how.rounds)
    return rows, said


def _settings(how: measure.Settings, start: float) -> dict[str, Any]:
    threads = [setting(count) for count in how.threads]
    return {
        "subject": how.subject,
        "rounds": how.rounds,
        "seconds_a_layer": how.seconds,
        "threads": threads[0] if len(threads) == 1 else threads,
        "took_seconds": round(time.monotonic() - start, 1),
    }


def show(document: dict[str, Any], console: Console) -> None:
    """Print the tables."""
    rows = document["rows"]
    console.print(tables.told(document["machine"]), highlight=False)
    for key, some in grouped(rows).items():
        console.print(tables.speed_table(some, key))
        for found in (tables.bounds_table(some, key), tables.beside_table(some, key)):
            if found:
                console.print(found)
    if any("busy" in row for row in rows):
        console.print(
            "One core taken: figures of a busy machine. A process that this command started for"
            " that computes without end; it is not counted as other work.",
            style="bold",
            highlight=False,
        )
    console.print(tables.summary_table(document["summary"]))
    console.print(tables.machine_table(document["machine"]))
    for note in tables.notes(rows):
        console.print(note, style="yellow", markup=False, highlight=False)
    if doubt := doubtful(document):
        console.print(doubt, style="bold yellow")
    for token in uncompared(document):
        console.print(f"MISTRUSTED: nothing to compare with: {token}", style="bold yellow")
    console.print("To repeat a row: python -m parity speed --row TOKEN, with", style="dim")
    for name, token in dict.fromkeys((row["name"], row["token"]) for row in rows):
        console.print(f"  {name:<24} {token}", style="dim", markup=False)


def compare(old: dict[str, Any], new: dict[str, Any], console: Console) -> int:
    """Print what changed between two documents; return `SLOWER`, `MISTRUSTED` or 0.

    A slower layer tells, whatever became of others: its own verdict was not withheld.
    """
    changes = comparison.compare(old, new)
    for warning in comparison.warnings(old, new):
        console.print(f"warning: {warning}", style="yellow", markup=False)
    console.print(comparison.table(changes))
    slower = comparison.slower(changes)
    withheld = sum(one.verdict == WITHHELD for one in changes)
    judged = len(changes) - withheld
    console.print(
        f"{len(slower)} of {judged} layers with a verdict are slower than they were",
        style="bold red" if slower else "green" if judged else "yellow",
    )
    if withheld:
        console.print(
            f"MISTRUST: {withheld} of {len(changes)} verdicts are withheld: other processes took"
            f" more than {TOO_BUSY:.0%} of the cores. Measure again on a quiet machine.",
            style="bold yellow",
        )
    return SLOWER if slower else MISTRUSTED if withheld else 0


def doubtful(document: dict[str, Any]) -> str:
    """Return a warning if other processes took much of the machine, or none can tell."""
    timed = [row for row in document["rows"] if "ratios" in row]
    busy = sum(too_busy(row["other_work"]) for row in timed)
    if not busy:
        unknown = sum(row["other_work"] is None for row in timed)
        return (
            f"In {unknown} of {len(timed)} rows this system does not tell what other processes"
            " took of the cores: nothing shows that the machine was quiet."
            if unknown
            else ""
        )
    return (
        f"MISTRUST: in {busy} of {len(timed)} rows other processes took more than"
        f" {TOO_BUSY:.0%} of the cores: their verdicts are withheld. Libraries that wait for"
        " their own threads suffer most; measure again on a quiet machine."
    )


def disagreements(document: dict[str, Any]) -> list[str]:
    """Return the tokens of rows in which the subject disagrees."""
    return _tokens(document, DISAGREES)


def uncompared(document: dict[str, Any]) -> list[str]:
    """Return the tokens of rows in which no TensorFlow gave anything to compare with."""
    return _tokens(document, NOT_COMPARED)


def verdict(document: dict[str, Any]) -> int:
    """Return the exit code: 1 if a row disagrees, 3 if one has no comparison."""
    return verdicts.verdict(disagreements(document), uncompared(document))


def _tokens(document: dict[str, Any], verdict: str) -> list[str]:
    return [row["token"] for row in document["rows"] if row["agreement"]["verdict"] == verdict]
