"""``python -m parity mutants``: point the suite at wrong implementations; it must find each one."""

from __future__ import annotations

import argparse
from collections import defaultdict
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from parity import engine
from parity.cli import options, terminal
from parity.engine import Crash, Outcome
from parity.model import verdict
from parity.model.settings import Settings
from parity.model.verdict import Verdict
from parity.mutants import CONTROLS, MUTANTS
from parity.search.hunt import Fate, Task, hunted, merged, tasks


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("names", nargs="*", metavar="MUTANT", help="which (default: all)")
    options.add_processes(parser)
    parser.add_argument("--seed", type=int, default=0, help="what examples are drawn from")
    parser.add_argument(
        "--control",
        type=float,
        default=1.0,
        metavar="SHARE",
        help="how much of a claim's usual examples controls have to pass (default: 1)",
    )
    parser.add_argument("--output", type=Path, metavar="FILE.json", help="also write the table")
    options.add_scope(parser)


@dataclass(frozen=True)
class Hunt:
    """What became of all mutants and of the controls, one for each operation.

    Of the killed ones so many are misunderstandings, so many of these `named` by what their failure
    looks like; the failures of those `misnamed` look like another fault.
    """

    scope: str
    mutants: list[Fate]
    asked: int
    killed: int
    killed_by_drawn_examples: int
    survivors: list[str]
    misunderstandings: int
    named: int
    misnamed: list[str]
    controls: list[Fate]
    crashes: list[Crash]
    doubts: list[str]
    exit_code: int


def run(arguments: argparse.Namespace) -> Verdict:
    """Print the fate of every mutant; return 1 if one survives or a control does not."""
    names = arguments.names or list(MUTANTS)
    settings = options.settings(arguments)
    unknown = [name for name in names if name not in MUTANTS]
    if unknown:
        raise verdict.WrongCall(f"no mutant {unknown[0]!r}")
    if find_spec("npconv") is None:
        raise verdict.WrongCall("npconv has to be installed: mutants ask it which calls are valid")
    found = hunt(
        terminal.console(), names, seed=arguments.seed, settings=settings, control=arguments.control
    )
    if arguments.output:
        arguments.output.write_bytes(msgspec.json.format(msgspec.json.encode(found)) + b"\n")
    return Verdict.of(
        found.exit_code,
        f"mutants: {found.killed} of {found.asked} killed",
        agreeing=[(fate.mutant, fate.fault) for fate in found.mutants if fate.killed],
        failures=[(name, "it survives") for name in found.survivors]
        + [(name, "its failure looks like another fault") for name in found.misnamed]
        + [("a task", crash.reason) for crash in found.crashes],
        doubts=found.doubts,
        left_out=[(fate.mutant, "outside the scope") for fate in found.mutants if not fate.asked],
    )


def hunt(
    console: Console, names: list[str], *, seed: int, settings: Settings, control: float = 1.0
) -> Hunt:
    """Hunt the mutants of `names` and their controls; print the table and return it.

    A mutant whose fault lies outside the scope is not asked for.
    """
    fates: dict[str, list[Fate]] = defaultdict(list)
    crashes: list[Crash] = []
    given = list(tasks(settings.scope, names, seed, control))
    with terminal.progress(console, "mutants", len(given)) as bar:

        def heard(outcome: Outcome[Task, Fate]) -> None:
            if outcome.crash is not None:
                crashes.append(outcome.crash)
            elif outcome.result is not None:
                fates[outcome.result.mutant].append(outcome.result)
            bar.advance(bar.task_ids[0])

        engine.run(hunted, given, settings, heard)
    found = [fates[name][0] for name in names if name in fates]
    right = [merged(fates[name]) for name in CONTROLS if name in fates]
    hunted_down = _judged(str(settings.scope), found, right, crashes)
    _show(console, hunted_down)
    return hunted_down


def _judged(scope: str, found: list[Fate], right: list[Fate], crashes: list[Crash]) -> Hunt:
    """Count fates and say what they come to."""
    asked = [fate for fate in found if fate.asked]
    survivors = [fate.mutant for fate in asked if not fate.killed]
    misnamed = [fate.mutant for fate in asked if fate.misnamed]
    told = [fate for fate in asked if fate.killed and fate.misunderstanding]
    wrong = [*survivors, *misnamed, *crashes]
    wrong += [fate for fate in right if fate.killed or fate.misnamed] if right else ["no control"]
    doubts = [] if asked or crashes else ["no mutant lies within the scope"]
    return Hunt(
        scope=scope,
        mutants=found,
        asked=len(asked),
        killed=len(asked) - len(survivors),
        killed_by_drawn_examples=sum(bool(fate.claim) for fate in asked),
        survivors=survivors,
        misunderstandings=len(told),
        named=sum(fate.looks_like == fate.mutant for fate in told),
        misnamed=misnamed,
        controls=right,
        crashes=crashes,
        doubts=doubts,
        exit_code=verdict.verdict(wrong, doubts),
    )


def _show(console: Console, found: Hunt) -> None:
    table = Table(title="mutants: wrong implementations, and what finds them")
    for heading in ("mutant", "fault", "drawn examples alone", "regression rows", "looks like"):
        table.add_column(heading)
    for heading in ("examples", "seconds"):
        table.add_column(heading, justify="right")
    for fate in found.mutants:
        if not fate.asked:
            table.add_row(fate.mutant, fate.fault, "[dim]not asked: outside the scope[/]")
            continue
        killer = f"{fate.claim} {fate.dtype}".strip() or "[yellow]none[/]"
        rows = "yes" if fate.regression else ""
        _row(table, fate, killer if fate.killed else "[bold red]SURVIVES[/]", rows)
    table.add_section()
    for right in found.controls:
        killer = right.claim or ("a regression row" if right.regression else "")
        _row(table, right, f"[bold red]KILLED by {killer}[/]" if killer else "agrees", "")
    console.print(table)
    for right in found.controls:
        if shown := right.token or right.regression:
            console.print(f"{right.mutant}: {shown}", style="red", markup=False)
    for crash in found.crashes:
        said = f"A JOB ENDED: {crash.reason}\n{crash.traceback}"
        console.print(said, style="bold red", markup=False)
    for doubt in found.doubts:
        console.print(f"MISTRUSTED: {doubt}", style="bold yellow", markup=False)
    outside = len(found.mutants) - found.asked
    console.print(
        f"killed: {found.killed} of {found.asked} mutants; by drawn examples alone:"
        f" {found.killed_by_drawn_examples} of {found.asked}"
        + (f" ({outside} not asked: {found.scope})" if outside else ""),
        highlight=False,
    )
    console.print(
        f"named: {found.named} of {found.misunderstandings} misunderstandings;"
        f" wrongly: {len(found.misnamed)}",
        highlight=False,
    )


def _row(table: Table, fate: Fate, killer: str, rows: str) -> None:
    looks = "[green]itself[/]" if fate.looks_like == fate.mutant else fate.looks_like
    if fate.misnamed:
        looks = f"[bold red]{fate.looks_like}[/]"
    fault = fate.fault or "none: a control"
    cells = f"{fate.examples:,}", f"{fate.seconds:.1f}"
    table.add_row(fate.mutant, fault, killer, rows, looks, *cells)
