"""``python -m parity speed``: time the subject beside TensorFlow, layer by layer."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable
from dataclasses import asdict, astuple, replace
from itertools import product
from pathlib import Path

import msgspec
from rich.console import Console

from parity.cli import options, terminal
from parity.cli.options import positive
from parity.model import machine, verdict
from parity.model.subject import DTYPES, Scope
from parity.speed import beside, comparison, first, layers, measure, records, tables
from parity.speed.agreement import NOT_COMPARED
from parity.speed.layers import Layer
from parity.speed.measure import Measurement
from parity.speed.processes import StartError, WorkerError, Workers, environment
from parity.speed.records import TOO_BUSY, Block, Row, Run, Speed
from parity.speed.rows import peak_share, setting, summary
from parity.speed.statistics import LEAST_ROUNDS
from parity.store.records import Failure, Timing
from parity.store.records import Run as Recorded
from parity.store.store import Store

SLOWER = 4
"""The exit code of a comparison that found a layer slower than it was."""
FAILURES = (OSError, ValueError, WorkerError)
"""What ends a measurement early."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--layers", choices=[*layers.available(), "all"], help="layer set (default: all)"
    )
    which.add_argument(
        "--row", metavar="TOKEN", action="append", help="time this case only; may be repeated"
    )
    parser.add_argument("--dtype", choices=DTYPES, help="change every layer's dtype")
    parser.add_argument("--batch", type=positive, metavar="N", help="change every layer's batch")
    parser.add_argument(
        "--all-algorithms",
        action="store_true",
        help="time every algorithm too: how far the choice of the rules is from the best",
    )
    parser.add_argument(
        "--first",
        action="store_true",
        help="instead: time the first call of each layer beside the second; without --layers and"
        " --row, of 160 layers for images of other sizes",
    )
    parser.add_argument(
        *("--json", "--output"), metavar="FILE", type=Path, help="write the rows and raw times"
    )
    parser.add_argument(
        "--compare",
        metavar="OLD.json",
        type=Path,
        help=f"show what changed since; exit code {SLOWER} if a layer is slower, else"
        f" {verdict.MISTRUSTED} if a verdict was withheld because other processes took more than"
        f" {100 * TOO_BUSY:g} %% of the cores in either measurement",
    )
    parser.add_argument(
        "--against", metavar="NEW.json", type=Path, help="compare with this, measure nothing"
    )
    parser.add_argument("--subject", metavar="MODULE:CALLABLE", help=options.SUBJECT_HELP)
    options.add_store(parser)
    add_settings(parser)


def add_settings(
    parser: argparse.ArgumentParser, *, seconds: float = 4.0, memory: bool = False
) -> None:
    """Declare the arguments that `report` shares, which has other defaults."""
    rounds = Measurement().rounds
    parser.add_argument(
        "--rounds",
        type=positive,
        default=rounds,
        help=f"most rounds a layer (default {rounds}), at least {LEAST_ROUNDS}; fewer"
        " where the intervals of the ratio and of the noise are narrower than 5 %%",
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=seconds,
        help=f"budget of a layer (default {seconds:g}); {LEAST_ROUNDS} rounds always run",
    )
    parser.add_argument(
        "--threads",
        nargs="+",
        action="extend",
        type=_threads,
        metavar="N",
        help='threads of every library, or "default" for each one\'s own choice (which is the'
        " default); several settings are measured one after another",
    )
    parser.add_argument(
        "--beside",
        nargs="+",
        choices=beside.OPTIONAL,
        default=[],
        metavar="NAME",
        help=f"time others as well, where installed: {' '.join(beside.OPTIONAL)}",
    )
    parser.add_argument(
        "--bounds",
        action="store_true",
        help="time the steps in NumPy alone: product, copying, casts",
    )
    parser.add_argument(
        "--busy",
        action="store_true",
        help="time each layer a second time while a process of this command's own takes a core",
    )
    parser.add_argument(
        "--memory",
        action=argparse.BooleanOptionalAction,
        default=memory,
        help=f"measure the memory that a call takes (default: {'yes' if memory else 'no'})",
    )


def _threads(text: str) -> tuple[int, ...]:
    return tuple(0 if word == "default" else positive(word) for word in text.split())


def measurement(arguments: argparse.Namespace) -> Measurement:
    """Read the arguments of `add_settings`, and the subject."""
    threads = [count for counts in arguments.threads or [(0,)] for count in counts]
    return Measurement(
        subject=options.scope(arguments).subject,
        rounds=arguments.rounds,
        seconds=arguments.seconds,
        threads=tuple(dict.fromkeys(threads)),
        beside=tuple(dict.fromkeys(arguments.beside)),
        bounds=arguments.bounds,
        memory=arguments.memory,
        busy=arguments.busy,
        algorithms=getattr(arguments, "all_algorithms", False),
        first=getattr(arguments, "first", False),
    )


def run(arguments: argparse.Namespace) -> verdict.Verdict | int:
    """Measure, print, write, compare.

    The exit code is 1 if a row disagrees, 2 for a wrong call, 3 if a row has no comparison, and
    what `compare` says.
    """
    console = terminal.console()
    try:
        return _run(arguments, console)
    except FAILURES as error:
        return told("speed", error)


def told(command: str, error: Exception) -> int:
    """Print what ended a command; return the exit code.

    1 for a valid call at which the subject failed, 3 for one at which another did, 2 for a wrong
    call.
    """
    console = Console(stderr=True)
    if isinstance(error, WorkerError) and not isinstance(error, StartError):
        what = "DISAGREES" if error.of_subject else "MISTRUSTED: nothing to compare with"
        console.print(f"{what}: {error}", style="bold red", markup=False)
        return verdict.DISAGREEMENT if error.of_subject else verdict.MISTRUSTED
    console.print(f"parity {command}: {error}", style="red", markup=False)
    return verdict.WRONG_CALL


def _run(arguments: argparse.Namespace, console: Console) -> verdict.Verdict | int:
    how = measurement(arguments)
    old = records.read(arguments.compare) if arguments.compare else None
    store = Store(arguments.store) if arguments.store else None
    if arguments.against:
        if old is None:
            raise ValueError("--against needs --compare OLD.json")
        return compare(old, records.read(arguments.against), console)
    if how.first and (old or how.busy or how.algorithms or how.bounds or how.beside):
        raise ValueError("--first is timed instead of all else: no --compare, --busy, ... with it")
    chosen = [
        layers.altered(one, dtype=arguments.dtype, batch=arguments.batch)
        for one in _chosen(arguments)
    ]
    if old:  # before much time is spent
        ways = product([setting(count) for count in how.threads], {False, how.busy})
        comparison.admit(old, {(one.case.token(), *way) for one, way in product(chosen, ways)})
    found = times(chosen, how, console)
    if arguments.json:
        records.write(found, arguments.json)
    show(found, console)
    code = exit_code(found)
    if old and not code:
        code = compare(old, found, console)
    if store:
        store.record_run(recorded(found, options.scope(arguments), code))
        store.close()
    rows = [(f"{row.group.title}: {row.token}", row) for row in found.rows]
    return verdict.Verdict.of(
        code,
        "speed",
        agreeing=[(name, row.agreement.verdict) for name, row in rows if row.agrees],
        failures=[(name, row.agreement.failed) for name, row in rows if row.disagrees],
        doubts=uncompared(found),
    )


def _chosen(arguments: argparse.Namespace) -> list[Layer]:
    if arguments.row:
        return [layers.parse(token) for token in arguments.row]
    if arguments.first and not arguments.layers:
        return first.drawn()
    nets = [arguments.layers] if arguments.layers in layers.available() else layers.available()
    return [layer for net in nets for layer in layers.read(net)]


def times(chosen: Iterable[Layer], how: Measurement, console: Console) -> Speed:
    """Measure layers at every setting of threads; return the document that ``--json`` writes."""
    chosen = list(chosen)
    facts: dict[str, object] = asdict(machine.describe(environment()))
    start = time.monotonic()
    facts |= measure.gemm_peaks(how.threads)
    rows: list[Row] = []
    for number, threads in enumerate(how.threads):
        with Workers() as workers:
            bench = measure.Bench(workers, how, threads, chosen)
            for name, reason in bench.skipped.items():
                console.print(f"{name} is left out: {reason}", style="yellow", markup=False)
            if not number or not threads:  # the default tells how many threads BLAS takes
                facts |= bench.describe()
            with terminal.progress(console, "starting", len(chosen) * how.rounds) as bar:
                for done, layer in enumerate(chosen):
                    bar.update(bar.task_ids[0], description=f"{layer.net}: {layer.name}")
                    rows.extend(bench.measure(layer, lambda: bar.advance(bar.task_ids[0])))
                    bar.update(bar.task_ids[0], completed=(done + 1) * how.rounds)
    block = msgspec.convert(facts, Block)
    settings = Run(
        subject=how.subject,
        rounds=how.rounds,
        seconds_a_layer=how.seconds,
        threads=[setting(count) for count in how.threads],
        took_seconds=round(time.monotonic() - start, 1),
    )
    rows = [replace(row, peak_share=peak_share(row, block)) if row.ratios else row for row in rows]
    return Speed(block, settings, rows, summary(rows))


def recorded(document: Speed, scope: Scope, code: int) -> Recorded:
    """Return what the store keeps of a measurement."""
    run = Recorded.of(
        scope,
        what="speed",
        seconds=document.settings.took_seconds,
        exit_code=code,
        failures=tuple(
            Failure("speed", row.token, row.agreement.failed)
            for row in document.rows
            if row.disagrees
        ),
        timings=tuple(
            Timing(f"{row.group.title}: {row.name}", row.token, "TensorFlow", *ends)
            for row in document.timed
            for ends in [astuple(row.ratios["kernel"])[:3]]
        ),
    )
    package = scope.subject.partition(":")[0].partition(".")[0]
    # The workers have imported it, not this process.
    return replace(run, versions={**run.versions, package: document.machine.version})


def show(document: Speed, console: Console) -> None:
    """Print the tables."""
    for table in tables.all_of(document):
        console.print(table, highlight=False)
    for note in tables.notes(document.rows):
        console.print(note, style="yellow", markup=False, highlight=False)
    if doubt := doubtful(document):
        console.print(doubt, style="bold yellow")
    for token in uncompared(document):
        console.print(f"MISTRUSTED: nothing to compare with: {token}", style="bold yellow")
    console.print("To repeat a row: python -m parity speed --row TOKEN, with", style="dim")
    for name, token in dict.fromkeys((row.name, row.token) for row in document.rows):
        console.print(f"  {name:<24} {token}", style="dim", markup=False)


def compare(old: Speed, new: Speed, console: Console) -> int:
    """Print what changed between two documents; return `SLOWER`, MISTRUSTED or 0.

    A slower layer tells, whatever became of others: its own verdict was not withheld.
    """
    changes = comparison.compare(old, new)
    for warning in comparison.warnings(old, new):
        console.print(f"warning: {warning}", style="yellow", markup=False)
    console.print(comparison.table(changes))
    verdicts = [one.verdict for one in changes]
    slower, withheld = verdicts.count(comparison.SLOWER), verdicts.count("withheld")
    judged = len(changes) - withheld
    console.print(
        f"{slower} of {judged} layers with a verdict are slower than they were",
        style="bold red" if slower else "green" if judged else "yellow",
    )
    if withheld:
        console.print(
            f"MISTRUST: {withheld} of {len(changes)} verdicts are withheld: other processes took"
            f" more than {TOO_BUSY:.0%} of the cores. Measure again on a quiet machine.",
            style="bold yellow",
        )
    return SLOWER if slower else verdict.MISTRUSTED if withheld else verdict.AGREEMENT


def doubtful(document: Speed) -> str:
    """Return a warning if other processes took much of the machine."""
    busy = sum(row.withheld for row in document.timed)
    if not busy:
        return ""
    return (
        f"MISTRUST: in {busy} of {len(document.timed)} rows other processes took more than"
        f" {TOO_BUSY:.0%} of the cores: their verdicts are withheld. Libraries that wait for"
        " their own threads suffer most; measure again on a quiet machine."
    )


def uncompared(document: Speed) -> list[str]:
    """Return the tokens of rows in which no TensorFlow gave anything to compare with."""
    return [row.token for row in document.rows if row.agreement.verdict == NOT_COMPARED]


def exit_code(document: Speed) -> int:
    """Return 1 if a row disagrees, 3 if one has no comparison."""
    wrong = [row for row in document.rows if row.disagrees]
    return verdict.verdict(wrong, uncompared(document))
