"""``python -m parity mutants``: point the suite at wrong implementations; it must find each one."""

from __future__ import annotations

import argparse
import gc
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from parity.claims.check import Subject, failure, under_test
from parity.cli import options, terminal
from parity.engine import jobs
from parity.model import verdict
from parity.model.call import Call
from parity.model.case import DTYPES, Case
from parity.model.settings import Settings
from parity.model.subject import Scope
from parity.oracles import bounds

CONTROL = "textbook"
"""The implementation that the mutants are made from: the suite must find nothing in it."""
_ROUNDS = (1 / 32, 1 / 8, 1)
"""Shares of each claim's usual examples: a little of every claim first, which finds most faults."""


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
        help="how much of a claim's usual examples the control has to pass (default: 1)",
    )
    parser.add_argument("--output", type=Path, metavar="FILE.json", help="also write the table")
    options.add_scope(parser)


@dataclass(frozen=True)
class Fate:
    """What became of one mutant.

    Attributes
    ----------
    name
        The mutant.
    asked
        Whether its fault lies within the scope, so that it has to be found.
    claim, dtype
        What killed it by drawn examples alone; "" where none did.
    examples, seconds
        How many were drawn and how long that took, all claims before the killing one included.
    token
        The drawn example that shows the fault.
    regression
        The first of the regression rows that shows it, too; "" where none does.
    """

    name: str
    asked: bool = True
    claim: str = ""
    dtype: str = ""
    examples: int = 0
    seconds: float = 0.0
    token: str = ""
    regression: str = ""

    @property
    def killed(self) -> bool:
        """Whether anything has found it out."""
        return bool(self.claim or self.regression)


def work(settings: Settings, task: tuple[str, int, float], send: Callable[[Fate], None]) -> None:
    """Hold one mutant to the regression rows, and to drawn examples alone; send its fate."""
    from parity.mutants import MUTANTS

    name, seed, share = task
    scope = replace(settings.scope, subject=f"parity.mutants:{name}")
    conv2d = under_test(scope)
    if name in MUTANTS and not _asked(MUTANTS[name].example, scope):
        send(Fate(name, asked=False))
        return
    gc.freeze()
    regression = _regression(conv2d, scope)
    send(replace(_searched(name, conv2d, scope, seed, share), regression=regression))


def _asked(example: Case | Call, scope: Scope) -> bool:
    """Say whether a subject of `scope` is asked for what shows a fault."""
    from parity import claims

    if not scope.has("subnormals") and isinstance(example, Case) and example.dtype != "int32":
        arrays = example.arrays()
        values = bounds.allow(example, *arrays, flush=False).value
        least = float(bounds.limits(DTYPES[example.dtype]).smallest_normal)
        if any(((one != 0) & (abs(one) < least)).any() for one in (*arrays, values)):
            return False
    return claims.within(example, scope) and bool(claims.admitting(example, scope))


def _regression(conv2d: Subject, scope: Scope) -> str:
    """Return the first regression row, within the scope, that shows a fault of `conv2d`."""
    from parity import claims
    from parity.search import regressions

    for token in regressions.regressions():
        example = claims.parse(token)
        for claim in claims.admitting(example, scope) if claims.within(example, scope) else ():
            if failure(claim, example, conv2d) is not None:
                return token
    return ""


def _searched(name: str, conv2d: Subject, scope: Scope, seed: int, share: float) -> Fate:
    """Draw examples of claim after claim until one fails."""
    from parity import claims
    from parity.claims.tally import Count, dtypes
    from parity.search.explore import Disagreement, explore

    began, examples = time.monotonic(), 0
    rounds = [
        (start, part, claim, dtype)
        for start, part in enumerate(_ROUNDS, seed)
        for claim in claims.chosen(scope)
        for dtype in dtypes(claim, scope)
    ]
    for start, part, claim, dtype in rounds:
        count = Count(claim.name, dtype)
        number = max(1, round(part * share * claim.examples))
        try:
            explore(claim, dtype, conv2d, scope, count, examples=number, start=start, shrink=False)
        except Disagreement as found:
            drawn = examples + count.examples + 1
            seconds, token = time.monotonic() - began, found.example.token()
            return Fate(name, True, claim.name, dtype, drawn, seconds, token)
        examples += count.examples
    return Fate(name, examples=examples, seconds=time.monotonic() - began)


def run(arguments: argparse.Namespace) -> int:
    """Print the fate of every mutant; return 1 if one survives or the control does not."""
    from parity.mutants import MUTANTS

    console = terminal.console()
    names = arguments.names or list(MUTANTS)
    try:
        settings = options.settings(arguments)
        unknown = [name for name in names if name not in MUTANTS]
        if unknown:
            raise ValueError(f"no mutant {unknown[0]!r}")
    except ValueError as error:
        wrong = f"parity mutants: {error}"
        Console(stderr=True).print(wrong, style="red", markup=False)
        return verdict.WRONG_CALL
    document = hunt(
        console,
        names,
        seed=arguments.seed,
        settings=settings,
        control=arguments.control,
    )
    if arguments.output:
        arguments.output.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return int(document["exit_code"])


def hunt(
    console: Console, names: list[str], *, seed: int, settings: Settings, control: float = 1.0
) -> dict[str, Any]:
    """Hunt the mutants of `names` and the control; print the table and return it for JSON.

    A mutant whose fault lies outside the scope is not asked for.
    """
    from parity.mutants import MUTANTS

    fates: dict[str, Fate] = {}
    with terminal.progress(console, "mutants", len(names) + 1) as bar:

        def hear(_: int, fate: Fate) -> None:
            fates[fate.name] = fate
            bar.advance(bar.task_ids[0])

        # The control takes longest: first, so that it runs beside all others.
        tasks = [(CONTROL, seed, control), *((name, seed, 1.0) for name in names)]
        crashes = jobs.run("parity.mutants.command:work", tasks, settings, hear)
    found = [fates[name] for name in names if name in fates]
    asked = [fate for fate in found if fate.asked]
    survivors = [fate.name for fate in asked if not fate.killed]
    right = fates.get(CONTROL)
    wrong = [*survivors, *crashes]
    if right is None or right.killed:
        wrong.append(CONTROL)
    doubts = [] if asked or crashes else ["no mutant lies within the scope"]
    document = {
        "scope": str(settings.scope),
        "mutants": [
            {"mutant": fate.name, "fault": MUTANTS[fate.name].fault, **vars(fate)} for fate in found
        ],
        "asked": len(asked),
        "killed": len(asked) - len(survivors),
        "killed_by_drawn_examples": sum(bool(fate.claim) for fate in asked),
        "survivors": survivors,
        "control": vars(right) if right else None,
        "crashes": [one.document() for one in crashes],
        "doubts": doubts,
        "exit_code": verdict.verdict(wrong, doubts),
    }
    _show(console, document)
    return document


def _show(console: Console, document: dict[str, Any]) -> None:
    table = Table(title="mutants: wrong implementations, and what finds them")
    for heading in ("mutant", "fault", "drawn examples alone", "regression rows"):
        table.add_column(heading)
    for heading in ("examples", "seconds"):
        table.add_column(heading, justify="right")
    for row in document["mutants"]:
        if not row["asked"]:
            table.add_row(row["mutant"], row["fault"], "[dim]not asked: outside the scope[/]")
            continue
        killer = f"{row['claim']} {row['dtype']}".strip() or "[yellow]none[/]"
        if not row["claim"] and not row["regression"]:
            killer = "[bold red]SURVIVES[/]"
        rows = "yes" if row["regression"] else ""
        cells = f"{row['examples']:,}", f"{row['seconds']:.1f}"
        table.add_row(row["mutant"], row["fault"], killer, rows, *cells)
    control = document["control"]
    if control is not None:
        table.add_section()
        killer = control["claim"] or ("a regression row" if control["regression"] else "")
        fate = f"[bold red]KILLED by {killer}[/]" if killer else "agrees"
        cells = f"{control['examples']:,}", f"{control['seconds']:.1f}"
        table.add_row(CONTROL, "none: the control", fate, "", *cells)
    console.print(table)
    if control is not None and (shown := control["token"] or control["regression"]):
        console.print(f"{CONTROL}: {shown}", style="red", markup=False)
    for crash in document["crashes"]:
        said = f"A JOB ENDED: {crash['reason']}\n{crash['traceback']}"
        console.print(said, style="bold red", markup=False)
    for doubt in document["doubts"]:
        console.print(f"MISTRUSTED: {doubt}", style="bold yellow", markup=False)
    outside = len(document["mutants"]) - document["asked"]
    console.print(
        f"killed: {document['killed']} of {document['asked']} mutants; by drawn examples alone:"
        f" {document['killed_by_drawn_examples']} of {document['asked']}"
        + (f" ({outside} not asked: {document['scope']})" if outside else ""),
        highlight=False,
    )
