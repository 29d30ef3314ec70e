"""``python -m parity questions``: time what people ask about convolution in NumPy."""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict
from itertools import compress
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from parity.cli import options, terminal
from parity.model import machine
from parity.speed import document as files
from parity.speed import tables
from parity.speed.failures import FAILURES, told
from parity.speed.processes import environment
from parity.speed.questions import asked, document, turns
from parity.speed.rows import TOO_BUSY
from parity.speed.statistics import LEAST_ROUNDS

SECONDS = 10.0
DOUBT = (
    f"MISTRUST: other processes took more than {TOO_BUSY:.0%} of the cores, so that the verdict is"
    " withheld, or the subject against itself was not within 5 % of 1. Measure again on a quiet"
    " machine, or with more --seconds."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--seconds",
        type=positive,
        default=SECONDS,
        help=f"budget of a row's rounds (default {SECONDS:g}); {LEAST_ROUNDS} rounds always run",
    )
    parser.add_argument(
        "--only",
        choices=[question.name for question in asked.QUESTIONS],
        help="one question (default: all)",
    )
    parser.add_argument("--json", metavar="FILE", type=Path, help="write figures and raw times")
    parser.add_argument("--subject", metavar="MODULE:CALLABLE", help=options.SUBJECT_HELP)


def run(arguments: argparse.Namespace) -> int:
    """Measure, write, print; return 1 if results disagree and 2 for a wrong call."""
    console = terminal.console()
    chosen = [one for one in asked.QUESTIONS if arguments.only in (None, one.name)]
    try:
        found = answer(chosen, options.scope(arguments).subject, arguments.seconds, console)
        if arguments.json:
            files.write(found, arguments.json, files.QUESTIONS)
    except FAILURES as error:
        return told("questions", error)
    show(found, console)
    for sentence in document.disagreements(found):
        console.print(f"DISAGREES: {sentence}", style="bold red", markup=False, highlight=False)
    return 0 if found["agree"] else 1


def answer(
    questions: list[asked.Question], subject_name: str, seconds: float, console: Console
) -> dict[str, Any]:
    """Measure questions; return the document that ``--json`` writes."""
    block = asdict(machine.describe(environment()))
    start = time.monotonic()
    found = []
    rows = sum(len(question.rows) for question in questions)
    with terminal.progress(console, "starting", rows) as bar:
        task, done = bar.task_ids[0], -1

        def on_row(name: str) -> None:
            nonlocal done
            done += 1
            bar.update(task, description=f"{question.name}: {name}", completed=done)

        for question in questions:
            part, versions = turns.run(question, subject_name, seconds, on_row)
            found.append(part)
            block |= versions
    return {
        "machine": block,
        "settings": {
            "subject": subject_name,
            "seconds_a_row": seconds,
            "took_seconds": round(time.monotonic() - start, 1),
        },
        "questions": found,
        "agree": all(row["agrees"] for part in found for row in part["rows"]),
    }


def show(found: dict[str, Any], console: Console) -> None:
    """Print a table a question, and the machine."""
    told = document.section(found)
    for question in told["questions"]:
        console.print(table(question))
        console.print(question["asked"], style="dim", highlight=False)
        for row in question["rows"]:
            for note in row["notes"]:
                console.print(f"{row['name']}: {note}", style="yellow", markup=False)
        if any(row["doubtful"] for row in question["rows"]):
            console.print(DOUBT, style="bold yellow")
        console.print()
    console.print(tables.machine_table(told["machine"]))


def table(question: dict[str, Any]) -> Table:
    """Return the table of one question of `document.section`: times in ms, then the ratios."""
    made = Table(title=f"{question['title']} (ms)")
    made.add_column("row", no_wrap=True)
    shown = [name != asked.AGAIN for name in question["contenders"]]  # its ratio is enough
    for name in compress(question["contenders"], shown):
        heading = name.replace(".", ".\n").replace(", ", ",\n")
        made.add_column(heading, justify="right", no_wrap=True)
    for label in question["labels"]:
        made.add_column(label.replace(" / ", "\n/ "), justify="right", no_wrap=True)
    made.add_column("subject\n/ subject", justify="right", no_wrap=True)
    made.add_column("other\nwork", justify="right")
    made.add_column("results")
    for row in question["rows"]:
        agrees = "agree" if row["agrees"] else "[bold red]DISAGREE[/]"
        if row["doubtful"]:
            agrees += ",\n[bold yellow]MISTRUST[/]"
        made.add_row(
            row["name"],
            *map(_time, compress(row["milliseconds"], shown)),
            *map(_ratio, row["ratios"]),
            _ratio(row["noise"]),
            "-" if row["noise"] is None else tables.busy(row["other_work"]),
            agrees,
        )
    return made


def _time(value: float | None) -> str:
    return "-" if value is None else tables.digits(value)


def _ratio(found: dict[str, Any] | None) -> str:
    if found is None:
        return "-"
    low, high = tables.digits(found["low"]), tables.digits(found["high"])
    return f"{tables.digits(found['ratio'])} [dim]{low}-{high}[/]"


def positive(text: str) -> float:
    """Read a budget, for argparse."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise ValueError(text)
    return value
