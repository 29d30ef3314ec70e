"""``python -m parity sweep``: small geometries and layers against TensorFlow, bit for bit."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from parity.cli import options, replay
from parity.model.subject import Scope
from parity.sweep.run import exit_code, run_sweep
from parity.sweep.state import StateError

_LINE_SECONDS = 10.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    options.add_processes(parser)
    parser.add_argument(
        "--every",
        type=options.positive,
        default=1,
        metavar="K",
        help="compare one geometry in K, spread over every axis (default: all)",
    )
    parser.add_argument(
        "--state",
        "--resume",
        type=Path,
        metavar="FILE",
        help="keep in FILE what is done; where FILE exists, go on from there",
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the counts as JSON")
    options.add_subject(parser)


def run(arguments: argparse.Namespace) -> int:
    """Sweep and print; return 1 on disagreement, 2 for a wrong call, 3 for too little compared."""
    console, errors = Console(), Console(stderr=True)
    try:
        settings = options.settings(arguments)
        if arguments.output and not arguments.output.parent.is_dir():
            raise ValueError(f"--output: there is no directory {arguments.output.parent}")
    except ValueError as error:
        errors.print(f"parity sweep: {error}", style="red", markup=False)
        return 2
    try:
        with _progress(errors) as progress:
            document = run_sweep(
                settings,
                every=arguments.every,
                state=arguments.state,
                progress=progress,
            )
    except StateError as error:
        errors.print(f"parity sweep: {error}", style="red", markup=False)
        return 2
    if arguments.output:
        arguments.output.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    show(document, console, settings.scope)
    if document["interrupted"]:
        kept = f"; --state {arguments.state} goes on from here" if arguments.state else ""
        errors.print(f"interrupted{kept}", style="yellow", markup=False)
    return exit_code(document)


def show(document: dict[str, Any], console: Console, scope: Scope) -> None:
    """Print a result."""
    table = Table(
        title=f"{document['subject']} and TensorFlow {document['tensorflow']}, bit for bit"
    )
    table.add_column("dtype")
    headings = ("geometries", "outputs", "not 0", "not supported", "disagreements")
    for heading in headings:
        table.add_column(heading, justify="right")
    for dtype, row in document["by_dtype"].items():
        share = row["nonzero"] / max(1, row["outputs"])
        table.add_row(
            dtype,
            f"{row['compared']:,}",
            f"{row['outputs']:,}",
            f"{share:.0%}",
            f"{row['not_supported']:,}",
            f"{row['disagreements']:,}",
        )
    console.print(table)

    def say(text: str, style: str = "") -> None:
        console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)

    say(
        f"{document['geometries']:,} geometries in {document['seconds']:,.0f} s,"
        f" {document['rate_per_job']:,} a second and job"
        f" ({document['rate_per_cpu_second']:,} a second of CPU time);"
        f" {document['left_out']:,} combinations of the first grid are no valid calls"
    )
    layers = document["layers"]
    complete = document["grids"]["layers"]["complete"]
    say(
        f"{layers['compared']:,} of them are ordinary layers,"
        f" {layers['disagreements']:,} disagree; complete: {', '.join(complete) or 'not, thinned'}"
    )
    for found in document["first"]:
        say(f"DISAGREES: {found['token']}\n  {found['reason']}", "red")
        say(f"  {replay.command(found['token'], scope)}")
    if document["disagreements"] > len(document["first"]):
        say(f"... {document['disagreements']:,} geometries disagree", "red")
    if document["simplest"]:
        simplest = document["simplest"]
        say(f"The first, made small: {simplest['token']}\n  {simplest['reason']}")
        say(f"  {replay.command(simplest['token'], scope)}")
    for doubt in document["doubts"]:
        say(f"MISTRUSTED: {doubt}", "bold yellow")


class _Rate(ProgressColumn):
    """Geometries a second."""

    def render(self, task: Task) -> Text:
        """Show them."""
        return Text(f"{task.speed:,.0f}/s" if task.speed else "")


@contextmanager
def _progress(console: Console) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on a terminal, otherwise a line now and then."""
    if not console.is_terminal:
        start = last = time.monotonic()

        def line(done: int, total: int) -> None:
            nonlocal last
            if time.monotonic() - last > _LINE_SECONDS:
                last = time.monotonic()
                print(f"{done:,} of {total:,} geometries, {last - start:.0f} s", file=console.file)

        yield line
        return
    columns = (
        TextColumn("geometries"),
        MofNCompleteColumn(),
        BarColumn(),
        _Rate(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None)

        def advance(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield advance
