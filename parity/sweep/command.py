"""``python -m parity sweep``: small geometries and layers against TensorFlow, bit for bit."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path

import msgspec
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from parity.cli import options, replay
from parity.model.subject import Scope
from parity.model.verdict import Verdict, WrongCall
from parity.store import store as files
from parity.store.records import Count, Failure, Run
from parity.sweep.found import Swept
from parity.sweep.run import exit_code, run_sweep

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
    options.add_store(parser)
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on where the last sweep of the subject in the store ended, if nothing has changed",
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the counts as JSON")
    options.add_subject(parser)


def run(arguments: argparse.Namespace) -> Verdict:
    """Sweep and print; return 1 on disagreement, 2 for a wrong call, 3 for too little compared."""
    console, errors = Console(), Console(stderr=True)
    settings = options.settings(arguments)
    scopes = options.scopes(arguments, settings.scope)
    if arguments.output and not arguments.output.parent.is_dir():
        raise WrongCall(f"--output: there is no directory {arguments.output.parent}")
    path = arguments.store or (files.DEFAULT if arguments.resume else None)
    with closing(files.Store(path)) if path else nullcontext() as store:
        with _progress(errors) as progress:
            swept = run_sweep(
                settings,
                scopes=scopes,
                every=arguments.every,
                store=store,
                resume=arguments.resume,
                progress=progress,
            )
        if arguments.output:
            arguments.output.write_bytes(msgspec.json.format(msgspec.json.encode(swept)) + b"\n")
        show(swept, console, *scopes)
        if store:
            store.record_run(recorded(swept, settings.scope))
    if swept.interrupted:
        kept = "; --resume goes on from here" if path else ""
        errors.print(f"interrupted{kept}", style="yellow", markup=False)
    return Verdict.of(
        exit_code(swept),
        f"sweep of {swept.subject}",
        agreeing=[
            (dtype, f"{row.compared:,} geometries")
            for dtype, row in swept.by_dtype.items()
            if row.compared and not row.disagreements
        ],
        failures=[
            *((one.token, one.reason) for one in swept.first if swept.disagreements > swept.known),
            *((one, "no longer fails: remove it from --known") for one in swept.gone),
        ],
        doubts=swept.doubts,
    )


def recorded(swept: Swept, scope: Scope) -> Run:
    """Return what the store keeps of a sweep."""
    return Run.of(
        scope,
        what="sweep",
        seconds=swept.seconds,
        exit_code=exit_code(swept),
        counts=tuple(
            Count("sweep", dtype, row.compared, row.outputs)
            for dtype, row in swept.by_dtype.items()
        ),
        failures=tuple(Failure("sweep", one.token, one.reason) for one in swept.first),
    )


def show(swept: Swept, console: Console, *scopes: Scope) -> None:
    """Print a result, of one operation or of several."""
    of, theirs = {scope.operation: scope for scope in scopes}, swept.versions["tensorflow"]
    whose = swept.subject if len(of) == 1 else swept.subject.partition(":")[0]
    title = f"{whose} and TensorFlow {theirs}, bit for bit"
    if {*of} != {"conv2d"}:
        console.print(_of_operations(swept, title))
        title = ""
    table = Table(title=title)
    table.add_column("dtype")
    for heading in ("geometries", "outputs", "not 0", "not supported", "disagreements"):
        table.add_column(heading, justify="right")
    for dtype, row in swept.by_dtype.items():
        table.add_row(
            dtype,
            f"{row.compared:,}",
            f"{row.outputs:,}",
            f"{row.nonzero / max(1, row.outputs):.0%}",
            f"{row.not_supported:,}",
            f"{row.disagreements:,}",
        )
    console.print(table)

    def say(text: str, style: str = "") -> None:
        console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)

    def again(token: str) -> str:
        return replay.command(token, of.get(token.partition(" ")[0], scopes[0]))

    say(
        f"{swept.geometries:,} geometries in {swept.seconds:,.0f} s, {swept.rate_per_job:,} a"
        f" second and job ({swept.rate_per_cpu_second:,} a second of CPU time);"
        f" {swept.left_out:,} combinations of the first grid are no valid calls"
    )
    layers = swept.layers
    if "conv2d" in of:
        say(
            f"{layers.compared:,} of them are ordinary layers, {layers.disagreements:,} disagree;"
            f" complete: {', '.join(layers.complete) or 'not, thinned'}"
        )
    if swept.for_all_data:
        say(swept.for_all_data)
    for one in swept.first:
        say(f"DISAGREES: {one.token}\n  {one.reason}", "red")
        say(f"  {again(one.token)}")
    if swept.disagreements > len(swept.first):
        say(f"... {swept.disagreements:,} geometries disagree", "red")
    if swept.simplest:
        say(f"The first, made small: {swept.simplest.token}\n  {swept.simplest.reason}")
        say(f"  {again(swept.simplest.token)}")
    if swept.known:
        say(f"{swept.known:,} of these disagreements are KNOWN", "yellow")
    for entry in swept.gone:
        say(f"KNOWN, but no longer fails: remove it from --known: {entry}", "bold red")
    for doubt in swept.doubts:
        say(f"MISTRUSTED: {doubt}", "bold yellow")


def _of_operations(swept: Swept, title: str) -> Table:
    """Return a row for each operation, no wider than 80 columns where nothing disagrees."""
    table = Table("operation", title=title, box=box.SIMPLE, caption="TF: TensorFlow said what is"
                  " right, elsewhere the exact sums")  # fmt: skip
    for heading in ("geometries", "by TF", "outputs", "wrong"):
        table.add_column(heading, justify="right")
    for name, row in swept.by_operation.items():
        wrong = ", ".join(f"{dtype} {number:,}" for dtype, number in row.disagreeing.items())
        numbers = (f"{one:,}" for one in (row.compared, row.answered, row.outputs))
        table.add_row(name, *numbers, wrong or "0")
    return table


@contextmanager
def _progress(console: Console) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on a terminal, otherwise a line now and then."""
    columns = TextColumn("geometries"), MofNCompleteColumn(), BarColumn(), TimeRemainingColumn()
    start = last = time.monotonic()
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None)

        def advance(done: int, total: int) -> None:
            nonlocal last
            bar.update(task, completed=done, total=total)
            if not console.is_terminal and time.monotonic() - last > _LINE_SECONDS:
                last = time.monotonic()
                print(f"{done:,} of {total:,} geometries, {last - start:.0f} s", file=console.file)

        yield advance
