"""The four questions on the report: which rows are measured, and what the page shows of them."""

from __future__ import annotations

import argparse
from collections.abc import Collection
from dataclasses import replace
from importlib import metadata
from itertools import compress
from typing import Any

from parity.speed.questions import asked, command, document
from parity.speed.statistics import LEAST_ROUNDS

SECONDS = 4.0
SLOW = ("S=1000 N=50 K=11", "S=100 N=500 K=11")
"""Rows that take longer than all the others together."""
_VERSIONS = ("numpy", "tensorflow", *sorted(set(asked.PACKAGES.values())))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare which rows are measured, and for how long."""
    parser.add_argument(
        "--questions",
        choices=("most", "all", "none"),
        default="most",
        help=f"rows of the four questions; most (default) leaves out {' and '.join(SLOW)}, which"
        " take as long as the rest",
    )
    parser.add_argument(
        "--question-seconds",
        metavar="SECONDS",
        type=command.positive,
        default=SECONDS,
        help=f"budget of a question's row (default {SECONDS:g}); {LEAST_ROUNDS} rounds always run",
    )


def chosen(which: str, dtypes: Collection[str]) -> list[asked.Question]:
    """Return the questions that are asked, with the rows that are measured.

    Parameters
    ----------
    which
        "most", "all" or "none".
    dtypes
        What the subject supports; rows in others are left out.

    Raises
    ------
    ValueError
        If a package that is timed beside the subject is not installed.
    """
    if which == "none":
        return []
    for package in sorted(set(asked.PACKAGES.values())):
        try:
            metadata.version(package)
        except metadata.PackageNotFoundError as error:
            raise ValueError(f"the questions need {package}; or --questions none") from error
    kept = []
    for question in asked.QUESTIONS:
        rows = tuple(
            row
            for row in question.rows
            if row.dtype in dtypes and (which == "all" or row.name not in SLOW)
        )
        if rows:
            kept.append(replace(question, rows=rows))
    return kept


def section(found: dict[str, Any]) -> dict[str, Any]:
    """Return what the page shows of a document of questions."""
    told = document.section(found)
    for question in told["questions"]:
        # The subject's second process is there for the noise, which is a ratio.
        shown = [name != asked.AGAIN for name in question["contenders"]]
        question["contenders"] = list(compress(question["contenders"], shown))
        for row in question["rows"]:
            row["milliseconds"] = list(compress(row["milliseconds"], shown))
        question["left_out"] = _left_out(question)
        question["doubtful"] = [row["name"] for row in question["rows"] if row["doubtful"]]
    rows = [row for question in told["questions"] for row in question["rows"]]
    told |= {"asked": len(rows), "agreeing": sum(row["agrees"] for row in rows)}
    machine = told["machine"]
    told["versions"] = [f"{name} {machine[name]}" for name in _VERSIONS if name in machine]
    told["versions"].append(f"oneDNN {machine['onednn']} in TensorFlow as installed")
    return told


def _left_out(question: dict[str, Any]) -> list[str]:
    """Return the names of a question's rows that were not measured."""
    measured = {row["name"] for row in question["rows"]}
    known = [one.rows for one in asked.QUESTIONS if one.name == question["name"]]
    return [row.name for rows in known for row in rows if row.name not in measured]
