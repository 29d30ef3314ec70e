"""``python -m parity history``: layers' ratios and claims' counts over the runs in a store.

Runs are recorded by fuzz, and by sweep, speed and report with ``--store``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from rich.console import Console
from rich.table import Table

from parity.cli import options
from parity.model.subject import DEFAULT
from parity.model.verdict import AGREEMENT, VERDICTS, WrongCall
from parity.store import store
from parity.store.records import Run

_LAST = 8
Cells = dict[str, str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    options.add_store(parser, needed=True)
    parser.add_argument(
        "--subject", default=DEFAULT, metavar="MODULE:CALLABLE", help=options.SUBJECT_HELP
    )
    parser.add_argument(
        "--last",
        type=options.positive,
        default=_LAST,
        metavar="N",
        help=f"so many runs (default: {_LAST})",
    )
    parser.add_argument("--picture", type=Path, metavar="FILE.html", help="also draw it")


def run(arguments: argparse.Namespace) -> int:
    """Print the tables and write the picture."""
    path: Path = arguments.store
    if not path.is_file():
        raise WrongCall(f"there is no store {path}: fuzz makes one, sweep and speed by --store")
    if arguments.picture and not arguments.picture.parent.is_dir():
        raise WrongCall(f"--picture: there is no directory {arguments.picture.parent}")
    with closing(store.Store(path)) as opened:
        runs = [one for one in opened.runs() if one.subject == arguments.subject]
    if not runs:
        raise WrongCall(f"{path} has no run of {arguments.subject}")
    numbered = list(enumerate(runs, 1))[-arguments.last :]
    console = Console()
    console.print(_runs(numbered, arguments.subject))
    for title, cells in (
        ("time of the subject / time of another, with its interval", ratios),
        ("examples compared", examples),
    ):
        if any(cells(one) for _, one in numbered):
            console.print(_over_runs(numbered, title, cells))
    if arguments.picture:
        arguments.picture.write_text(page(numbered, arguments.subject), encoding="utf-8")
    return AGREEMENT


def ratios(run: Run) -> Cells:
    """Return the ratio of each layer that a run has timed."""
    return {
        f"{one.layer} ({one.beside})": f"{one.ratio:.2f} [{one.low:.2f}, {one.high:.2f}]"
        for one in run.timings
    }


def examples(run: Run) -> Cells:
    """Return how many examples of each claim a run has compared, and how many of them failed."""
    failed = [one.claim for one in run.failures]
    return {
        claim: f"{number:,}" + f", {failed.count(claim)} failed" * (claim in failed)
        for claim, number in _by_claim(run).items()
    }


def _by_claim(run: Run) -> dict[str, int]:
    claims = dict.fromkeys(one.claim for one in run.counts)
    return {name: sum(o.examples for o in run.counts if o.claim == name) for name in claims}


def _runs(numbered: Sequence[tuple[int, Run]], subject: str) -> Table:
    table = Table(title=f"runs of {subject}")
    for heading in ("run", "UTC", "command", "versions", "machine", "seconds", "verdict"):
        table.add_column(heading)
    for number, one in numbered:
        verdict = VERDICTS.get(one.exit_code, f"exit code {one.exit_code}")
        when = one.when.partition("+")[0].replace("T", " ")
        cells = ", ".join(_versions(one)), one.machine, f"{one.seconds:.0f}", verdict
        table.add_row(f"#{number}", when, one.what, *cells)
    return table


def _versions(run: Run) -> list[str]:
    package = run.subject.partition(":")[0].partition(".")[0]
    names = (package, "numpy", "tensorflow")
    return [f"{name} {run.versions[name]}" for name in names if name in run.versions]


def _over_runs(
    numbered: Sequence[tuple[int, Run]], title: str, cells: Callable[[Run], Cells]
) -> Table:
    """Return a table of a row for each name and a column for each run that has any."""
    having = [(number, found) for number, one in numbered if (found := cells(one))]
    table = Table("", *(f"#{number}" for number, _ in having), title=title)
    for name in dict.fromkeys(name for _, found in having for name in found):
        table.add_row(name, *(found.get(name, "") for _, found in having))
    return table


def page(numbered: Sequence[tuple[int, Run]], subject: str) -> str:
    """Return a page of two pictures: the ratio of each layer, and the examples of each claim."""
    from parity.report.plots import Point, history

    labels = {number: "\n".join([f"#{number}", *_versions(one)]) for number, one in numbered}
    timed = [
        Point(f"{of.layer} ({of.beside})", labels[number], of.ratio, of.low, of.high)
        for number, one in numbered
        for of in one.timings
    ]
    counted = [
        Point(name, labels[number], count)
        for number, one in numbered
        for name, count in _by_claim(one).items()
        if count
    ]
    drawn = []
    for points, title in ((timed, "time of the subject / time of another"), (counted, "examples")):
        if points:
            drawn.append(history(points, f"{subject}: {title}", log=True))
    return "<!doctype html><meta charset='utf-8'><title>history</title>" + "\n".join(drawn) + "\n"
