"""``python -m parity mutants``: point the suite at wrong implementations; it must find each one."""

from __future__ import annotations

import argparse
import gc
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from parity import jobs, subject, summary
from parity.speed import tables

CONTROL = "textbook"
"""The implementation that the mutants are made from: the suite must find nothing in it."""
_ROUNDS = (1 / 32, 1 / 8, 1)
"""Shares of each claim's usual examples: a little of every claim first, which finds most faults."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("names", nargs="*", metavar="MUTANT", help="which (default: all)")
    jobs.add_argument(parser)
    parser.add_argument("--seed", type=int, default=0, help="what examples are drawn from")
    parser.add_argument(
        "--control",
        type=float,
        default=1.0,
        metavar="SHARE",
        help="how much of a claim's usual examples the control has to pass (default: 1)",
    )
    parser.add_argument("--output", type=Path, metavar="FILE.json", help="also write the table")


@dataclass(frozen=True)
class Fate:
    """What became of one mutant.

    Attributes
    ----------
    name
        The mutant.
    claim, dtype
        What killed it; "" for a survivor.
    examples, seconds
        How many examples and how long that took, all claims before the killing one included.
    token
        A case that shows the fault.
    """

    name: str
    claim: str
    dtype: str
    examples: int
    seconds: float
    token: str


def work(task: tuple[str, int, float], send: Callable[[Fate], None]) -> None:
    """Check claim after claim on one mutant until one fails; send its fate."""
    from parity import claims, corpus
    from parity.explore import Disagreement, explore
    from parity.subject import Scope
    from parity.tally import Count, dtypes

    name, seed, share = task
    os.environ.update(dict.fromkeys(subject.VARIABLES, ""))  # nothing is narrowed
    os.environ["PARITY_SUBJECT"] = f"parity.mutants:{name}"
    conv2d, scope = subject.load(), Scope()
    gc.freeze()
    began, examples = time.monotonic(), 0
    for token in corpus.regressions():
        example = claims.parse(token)
        for claim in claims.admitting(example, scope):
            examples += 1
            try:
                claim.check(example, conv2d)
            except Exception:  # whatever a wrong implementation does on a valid call
                seconds = time.monotonic() - began
                send(Fate(name, claim.name, "regression", examples, seconds, token))
                return
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
            examples += count.examples + 1
            seconds = time.monotonic() - began
            send(Fate(name, claim.name, dtype, examples, seconds, found.example.token()))
            return
        examples += count.examples
    send(Fate(name, "", "", examples, time.monotonic() - began, ""))


def run(arguments: argparse.Namespace) -> int:
    """Print the fate of every mutant; return 1 if one survives or the control does not."""
    from parity.mutants import MUTANTS

    console = tables.console()
    names = arguments.names or list(MUTANTS)
    unknown = [name for name in names if name not in MUTANTS]
    if unknown:
        wrong = f"parity mutants: no mutant {unknown[0]!r}"
        Console(stderr=True).print(wrong, style="red", markup=False)
        return summary.WRONG_CALL
    document = hunt(
        console,
        names,
        seed=arguments.seed,
        processes=arguments.jobs,
        control=arguments.control,
    )
    if arguments.output:
        arguments.output.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return int(document["exit_code"])


def hunt(
    console: Console, names: list[str], *, seed: int, processes: int, control: float = 1.0
) -> dict[str, Any]:
    """Hunt the mutants of `names` and the control; print the table and return it for JSON."""
    from parity.mutants import MUTANTS

    fates: dict[str, Fate] = {}
    with tables.progress(console, "mutants", len(names) + 1) as bar:

        def hear(_: int, fate: Fate) -> None:
            fates[fate.name] = fate
            bar.advance(bar.task_ids[0])

        # The control takes longest: first, so that it runs beside all others.
        tasks = [(CONTROL, seed, control), *((name, seed, 1.0) for name in names)]
        crashes = jobs.run("parity.mutants.command:work", tasks, processes, hear)
    rows = [
        {"mutant": name, "fault": MUTANTS[name].fault, **vars(fates[name])}
        for name in names
        if name in fates
    ]
    survivors = [row["mutant"] for row in rows if not row["claim"]]
    right = fates.get(CONTROL)
    wrong = [*survivors, *crashes]
    if right is None or right.claim:
        wrong.append(CONTROL)
    document = {
        "mutants": rows,
        "survivors": survivors,
        "control": vars(right) if right else None,
        "crashes": [one.document() for one in crashes],
        "exit_code": summary.verdict(wrong, []),
    }
    _show(console, document)
    return document


def _show(console: Console, document: dict[str, Any]) -> None:
    table = Table(title="mutants: wrong implementations, and what finds them")
    for heading in ("mutant", "fault", "killed by"):
        table.add_column(heading)
    for heading in ("examples", "seconds"):
        table.add_column(heading, justify="right")
    for row in document["mutants"]:
        killer = f"{row['claim']} {row['dtype']}" if row["claim"] else "[bold red]SURVIVES[/]"
        table.add_row(
            row["mutant"], row["fault"], killer, f"{row['examples']:,}", f"{row['seconds']:.1f}"
        )
    control = document["control"]
    if control is not None:
        table.add_section()
        fate = "[bold red]KILLED by " + control["claim"] + "[/]" if control["claim"] else "agrees"
        cells = f"{control['examples']:,}", f"{control['seconds']:.1f}"
        table.add_row(CONTROL, "none: the control", fate, *cells)
    console.print(table)
    if control is not None and control["claim"]:
        console.print(f"{CONTROL}: {control['token']}", style="red", markup=False)
    for crash in document["crashes"]:
        said = f"A JOB ENDED: {crash['reason']}\n{crash['traceback']}"
        console.print(said, style="bold red", markup=False)
    killed = len(document["mutants"]) - len(document["survivors"])
    console.print(f"{killed} of {len(document['mutants'])} mutants killed", highlight=False)
