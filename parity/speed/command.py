"""``python -m parity speed``: time npconv beside TensorFlow, layer by layer."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console

from parity import subject
from parity.jobs import positive
from parity.speed import layers, machine, measure, tables
from parity.speed.layers import Layer
from parity.speed.processes import StartError, WorkerError, Workers


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--layers",
        choices=[*layers.available(), "all"],
        default="all",
        help="layer set (default: all)",
    )
    which.add_argument(
        "--row", metavar="TOKEN", action="append", help="time this case only; may be repeated"
    )
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the rows and raw times")
    parser.add_argument("--subject", metavar="MODULE:CALLABLE", help=subject.SUBJECT_HELP)
    add_settings(parser)


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that `report` shares."""
    default = measure.Settings()
    parser.add_argument(
        "--rounds",
        type=positive,
        default=default.rounds,
        help=f"rounds a layer (default {default.rounds})",
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=default.seconds,
        help=f"budget of a layer (default {default.seconds:g}); five rounds always run",
    )
    parser.add_argument(
        "--threads",
        type=positive,
        metavar="N",
        help="threads of every library (default: each library's own choice)",
    )


def settings(arguments: argparse.Namespace) -> measure.Settings:
    """Read the arguments of `add_settings`, and the subject."""
    return measure.Settings(
        subject=arguments.subject or subject.name(),
        rounds=arguments.rounds,
        seconds=arguments.seconds,
        threads=arguments.threads or 0,
    )


def run(arguments: argparse.Namespace) -> int:
    """Measure, print, write; return 1 if a row disagrees and 2 for a wrong call."""
    console = tables.console()
    try:
        if arguments.row:
            chosen = [layers.parse(token) for token in arguments.row]
        else:
            nets = layers.available() if arguments.layers == "all" else [arguments.layers]
            chosen = [layer for net in nets for layer in layers.read(net)]
        document = times(chosen, settings(arguments), console)
    except (ValueError, StartError) as error:
        Console(stderr=True).print(f"parity speed: {error}", style="red", markup=False)
        return 2
    except WorkerError as error:  # a valid call that fails is a disagreement
        Console(stderr=True).print(f"DISAGREES: {error}", style="bold red", markup=False)
        return 1
    if arguments.json:
        arguments.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    show(document, console)
    return 1 if disagreements(document) else 0


def times(chosen: Iterable[Layer], how: measure.Settings, console: Console) -> dict[str, Any]:
    """Measure layers; return the document that ``--json`` writes."""
    chosen = list(chosen)
    block = machine.describe()
    start = time.monotonic()
    rows = []
    with Workers() as workers:
        bench = measure.Bench(workers, how)
        block |= bench.describe()
        with tables.progress(console, "starting", len(chosen) * how.rounds) as bar:
            for done, layer in enumerate(chosen):
                bar.update(bar.task_ids[0], description=f"{layer.net}: {layer.name}")
                rows.append(bench.measure(layer, lambda: bar.advance(bar.task_ids[0])))
                bar.update(bar.task_ids[0], completed=(done + 1) * how.rounds)
    return {
        "machine": block,
        "settings": {
            "subject": how.subject,
            "rounds": how.rounds,
            "seconds_a_layer": how.seconds,
            "threads": how.threads or "default",
            "took_seconds": round(time.monotonic() - start, 1),
        },
        "rows": rows,
        "summary": measure.summary(rows),
    }


def show(document: dict[str, Any], console: Console) -> None:
    """Print the tables."""
    for net in dict.fromkeys(row["net"] for row in document["rows"]):
        console.print(tables.speed_table(document["rows"], net))
    console.print(tables.summary_table(document["summary"]))
    console.print(tables.machine_table(document["machine"]))
    if doubt := doubtful(document):
        console.print(doubt, style="bold yellow")
    console.print("To repeat a row: python -m parity speed --row TOKEN, with", style="dim")
    for row in document["rows"]:
        console.print(f"  {row['name']:<24} {row['token']}", style="dim", markup=False)


def doubtful(document: dict[str, Any]) -> str:
    """Return a warning if other processes took much of the machine meanwhile, else nothing."""
    timed = [row for row in document["rows"] if "ratios" in row]
    busy = sum((row["other_work"] or 0) > measure.TOO_BUSY for row in timed)
    if not busy:
        return ""
    return (
        f"MISTRUST: in {busy} of {len(timed)} rows other processes took more than"
        f" {measure.TOO_BUSY:.0%} of the cores. Libraries that wait for their own threads"
        " suffer most; measure again on a quiet machine."
    )


def disagreements(document: dict[str, Any]) -> list[str]:
    """Return the tokens of rows whose results disagree."""
    return [row["token"] for row in document["rows"] if row["agreement"]["verdict"] == "DISAGREES"]
