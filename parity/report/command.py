"""``python -m parity report``: one HTML page and one JSON file on agreement and speed."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from parity.cli import options, terminal
from parity.examples import corners
from parity.model import verdict
from parity.model.settings import Settings
from parity.model.subject import Scope
from parity.mutants import MUTANTS
from parity.mutants import command as mutants
from parity.report import document, forest, page, photographs, samples
from parity.search import command as fuzz
from parity.search.campaign import Campaign
from parity.speed import command as speed
from parity.speed import layers
from parity.speed.agreement import AGREEING, DISAGREES, NOT_COMPARED
from parity.speed.layers import Layer
from parity.store.store import Store
from parity.sweep import command as sweep
from parity.sweep.run import run_sweep
from parity.theorems import command as prove

_LAYERS = ("resnet50", "small", "mobilenetv2", "questions", "depthwise", "transposes", "c3d")
_SECONDS = 1.0
_QUICK = {
    "layers": ("small",),
    "rounds": 6,  # the fewest of which an interval says something
    "seconds": 0.0,
    "memory": False,
    "minutes": 0.05,
    "every": 2000,
}
_STYLES = {
    verdict.AGREEMENT: "bold green",
    verdict.DISAGREEMENT: "bold red",
    verdict.MISTRUSTED: "bold yellow",
}
_FEW_LAYERS, _FEW_MUTANTS = 4, 20
"""A quick report times one layer and hunts one mutant in so many."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    others = [net for net in layers.available() if net not in _LAYERS]
    parser.add_argument(
        "--output",
        metavar="DIR",
        type=Path,
        default=Path(),
        help="where report.html and report.json go (default: here)",
    )
    parser.add_argument(
        "--picture", metavar="FILE.svg", type=Path, help="also write the forest plot alone"
    )
    parser.add_argument(
        "--layers",
        nargs="+",
        choices=layers.available(),
        default=_LAYERS,
        help=f"layer sets (default: {' '.join(_LAYERS)})",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="run as little as possible of everything, to see that it works here; the page says"
        f" so. Sets {', '.join(f'--{name}' for name in _QUICK)}, leaves most photographs, layers"
        " and mutants out, and the ledger",
    )
    parser.add_argument(
        "--minutes", type=float, default=1.0, help="of the campaign of fresh examples (default: 1)"
    )
    parser.add_argument(
        "--every",
        type=options.positive,
        default=10,
        metavar="K",
        help="one geometry of the sweep in K (default: 10)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the campaign (default: 0)")
    parser.epilog = (
        f"By default the layers of {', '.join(others)} are left out, and so are"
        " other numbers of threads than each library's own (--threads '1 default' doubles the"
        " time), a busy machine (--busy), what bounds NumPy (--bounds) and other libraries"
        " (--beside)."
    )
    options.add_processes(parser)
    options.add_store(parser)
    options.add_subject(parser)
    speed.add_settings(parser, seconds=_SECONDS, memory=True)


def run(arguments: argparse.Namespace) -> verdict.Verdict | int:
    """Compare, measure, write, print; return 1 if anything disagrees, 2 for a wrong call.

    3 if too little was compared for the agreement to be trusted.
    """
    if arguments.quick:
        vars(arguments).update(_QUICK)
    console = terminal.console()
    start = time.monotonic()
    try:
        made = _measured(arguments, console)
    except speed.FAILURES as error:
        return speed.told("report", error)
    html, numbers = arguments.output / "report.html", arguments.output / "report.json"
    document.write(made, numbers)
    html.write_text(page.render(made), encoding="utf-8")
    written = [html, numbers]
    if arguments.picture:
        arguments.picture.write_text(forest.draw(made.speed) + "\n", encoding="utf-8")
        written.append(arguments.picture)
    for path in written:
        console.print(f"{path}  {path.stat().st_size / 1024:.0f} kB", highlight=False)
    agreeing, layers_agreeing = (
        sum(one.agreement.verdict in AGREEING for one in rows)
        for rows in (made.real_input, made.speed.rows)
    )
    console.print(
        f"the proof: {made.proof.verdict}; photographs: {agreeing} of {len(made.real_input)} agree;"
        f" layers: {layers_agreeing} of {len(made.speed.rows)} agree;"
        f" {time.monotonic() - start:.0f} s",
        highlight=False,
    )
    console.print(
        f"{'quick: ' if arguments.quick else ''}{made.verdict}",
        style=_STYLES[made.exit_code],
        highlight=False,
    )
    return made.told()


def _measured(arguments: argparse.Namespace, console: Console) -> document.Report:
    """Run everything and print the tables; of a quick report a little, and no ledger."""
    quick: bool = arguments.quick
    arguments.output.mkdir(parents=True, exist_ok=True)
    given = options.settings(arguments)
    if not arguments.minutes > 0:
        raise ValueError(f"--minutes has to be positive, received {arguments.minutes}")
    chosen = supported(arguments.layers, given.scope)[:: _FEW_LAYERS if quick else 1]
    if not chosen:
        raise ValueError("no layer of the sets lies within what the subject supports")
    console.rule("sweep")
    swept = run_sweep(given, every=arguments.every)
    sweep.show(swept, console, given.scope)
    console.rule("campaign")
    seconds = 60 * arguments.minutes
    campaign = Campaign(given, None, seed=arguments.seed, seconds=seconds)  # leaves no corpus
    explored = fuzz.campaign(console, campaign)
    if swept.interrupted or explored.interrupted:
        raise KeyboardInterrupt
    console.rule("mutants")
    names, control = (list(MUTANTS)[::_FEW_MUTANTS], 0.01) if quick else (list(MUTANTS), 0.25)
    hunted = mutants.hunt(console, names, seed=0, settings=given, control=control)
    sampled = _sampled(given, console, quick=quick)
    theorems = None
    if given.scope.is_npconv:
        console.rule("theorems")
        theorems = prove.measured(given, console, quick=quick)
    times = speed.times(chosen, speed.measurement(arguments), console)
    speed.show(times, console)
    if arguments.store:
        with closing(Store(arguments.store)) as store:
            store.record_run(sweep.recorded(swept, given.scope))
            store.record_run(fuzz.recorded(explored, given.scope))
            store.record_run(speed.recorded(times, given.scope, speed.exit_code(times)))
    return document.joined(swept, explored, hunted, sampled, theorems, times, quick=quick)


def supported(nets: Iterable[str], scope: Scope) -> list[Layer]:
    """Return the layers of sets that a subject supports; npconv alone has more than a conv2d."""
    found = [layer for net in nets for layer in layers.read(net)]
    if not scope.is_npconv:
        found = [layer for layer in found if layer.case.operation == "conv2d"]
    return [
        layer
        for layer in found
        if corners.within(layer.case, replace(scope, operation=layer.case.operation))
    ]


def _sampled(given: Settings, console: Console, *, quick: bool) -> samples.Samples:
    console.rule("photographs, errors by output" + (", ledger" if given.scope.is_npconv else ""))
    found = samples.taken(given, quick=quick)
    console.print(_table(found.real_input))
    for note in photographs.notes(found.real_input):
        console.print(note, style="yellow", markup=False, highlight=False)
    if found.ledger:
        rows, missing = found.ledger.rows, found.ledger.missing
        stale = [f"the ledger's {row.id}: {row.status}" for row in rows if row.stale]
        for line in (*stale, *(f"the ledger has no row for {call}" for call in missing)):
            console.print(f"DISAGREES: {line}", style="bold red", markup=False)
        console.print(f"ledger: {len(rows)} rows, {len(stale)} stale, {len(missing)} missing")
    for line in found.failures:
        console.print(f"DISAGREES: {line}", style="bold red", markup=False)
    for line in found.doubts:
        console.print(f"MISTRUSTED: {line}", style="bold yellow", markup=False)
    return found


def _table(rows: list[photographs.Compared]) -> Table:
    table = Table(title="Photographs: the subject beside TensorFlow")
    names = list(dict.fromkeys(name for row in rows for name in row.agreement.yardsticks))
    for heading in ("filter", "photograph", "dtype", "layout", *(f"TF {name}" for name in names)):
        table.add_column(heading)
    table.add_column("error / bound\nsubject, " + ", ".join(names))
    for row in rows:
        beside = [row.agreement.yardsticks.get(name, row.agreement) for name in names]
        table.add_row(
            row.name,
            row.photograph,
            row.dtype + (" (exact)" if row.exact else ""),
            row.data_format,
            *(_coloured(one.verdict) for one in beside),
            ", ".join(
                "-" if one.error is None else f"{one.error:.2g}" for one in (row.agreement, *beside)
            ),
        )
    return table


def _coloured(word: str) -> str:
    colours: dict[str, str] = {DISAGREES: "bold red", NOT_COMPARED: "bold yellow"}
    return f"[{colours.get(word, 'green')}]{word}[/]"
