"""``python -m parity ledger``: check every row of the ledger live, and that none is missing.

A row is stale if one of its expressions no longer differs as it is written, if its predicate does
not hold for the calls that it shows, or if it shows in a version that it does not list.  A row is
missing if a call of the rules' table differs and no row says so.
"""

from __future__ import annotations

import argparse
import platform
from collections.abc import Callable, Iterator
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

import npconv
from parity import ledger, summary, tensorflow_default, tensorflow_oracle
from parity.claims import default_build
from parity.ledger import KILLED, TAKEN, Divergence, Shown
from parity.rules import ROWS, Row
from parity.speed import machine

VERSION = ".".join(tensorflow_oracle.version.split(".")[:2])
HAS_ONEDNN = platform.machine() == "x86_64"
_AS_WRITTEN = "as written"
_CLASSES = {"InvalidArgumentError": "ValueError", "UnimplementedError": "ValueError"}

Outcome = Callable[[str], str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare that the command takes no arguments: the ledger is about npconv."""
    del parser


def run(_: argparse.Namespace) -> int:
    """Print a table of the rows; return 1 if one is stale or missing."""
    return int(check(Console())["exit_code"])


def check(console: Console) -> dict[str, Any]:
    """Check the rows and look for missing ones; print a table and return the document."""
    rows, differing = list(checked()), list(missing())
    console.print(_table(rows))
    for call in differing:
        console.print(f"MISSING: {call}", style="bold red", markup=False, highlight=False)
    code = summary.verdict([row for row in rows if row["stale"]] + differing, [])
    return {"rows": rows, "missing": differing, "exit_code": code}


def checked() -> Iterator[dict[str, Any]]:
    """Say of every row what became of it."""
    for row in ledger.rows():
        status, stale = _live(row)
        yield {
            "id": row.id,
            "build": row.build,
            "tensorflow": row.tensorflow,
            "npconv": row.npconv,
            "url": row.url,
            "status": status,
            "stale": stale,
        }


def missing() -> Iterator[str]:
    """Name the calls of the rules' table that differ without a row.

    npconv and TensorFlow without oneDNN are held against that table by the tests; it is the
    default build that is asked here.
    """
    if not HAS_ONEDNN:
        return
    known = ledger.rows()
    for rule in ROWS:
        if rule.ledger and all(row.id != rule.ledger for row in known):
            yield f"{rule.id}: the ledger has no row {rule.ledger!r}"
        found = _found(rule)
        if found and default_build.excuse(rule.call(), found) is None:
            yield f"{rule.id}: the default build: {found}; npconv: {_word(rule)}"


def _found(rule: Row) -> str:
    """Say what the default build does otherwise than npconv, "" if nothing."""
    try:
        result = tensorflow_default.conv2d(**rule.call())
    except tensorflow_default.Killed:
        return KILLED
    except tensorflow_default.Refused as error:
        return type(error).__name__ if rule.verdict == "ok" else ""
    except TypeError:  # a generator cannot be sent to it
        return ""
    if rule.verdict == "ok":
        return "" if result.shape == rule.shape else TAKEN
    return "" if rule.tensorflow == "ok" else TAKEN


def _word(rule: Row) -> str:
    return "takes it" if rule.verdict == "ok" else rule.verdict.__name__


def _live(row: Divergence) -> tuple[str, bool]:
    """Return what the row is found to be, and whether that makes it stale."""
    if row.predicate:
        calls = [call for shown in row.shown for call in ledger.calls(shown.expression)]
        if not calls or not all(map(row.holds, calls)):
            return "STALE: the predicate does not hold for every call of conv2d shown", True
    if row.build == "onednn":
        if not HAS_ONEDNN:
            return "only where oneDNN is the default, on x86-64", False
        if row.cpu and row.cpu not in machine.cpu()[1]:
            return f"only on CPUs with {row.cpu}", False
    theirs = _without_onednn if row.build == "eigen" else _default_build
    if not row.lists(tensorflow_oracle.version):
        differ = [shown for shown in row.shown if theirs(shown.expression) == shown.tensorflow]
        if differ:
            return f"STALE: it shows in {VERSION}, which is not listed", True
        return f"only in TensorFlow {row.versions}", False
    for shown in row.shown:
        for side, got, written in _sides(row, shown, theirs):
            if got != written:
                return f"STALE: {side} gives {got}, not {written}: {shown.expression}", True
    return _AS_WRITTEN, False


def _sides(row: Divergence, shown: Shown, theirs: Outcome) -> Iterator[tuple[str, str, str]]:
    """Yield each side's name, what it gives and what is written."""
    yield "TensorFlow", theirs(shown.expression), shown.tensorflow
    ours = ledger.outcome(shown.expression, npconv.conv2d, npconv.extract_patches)
    yield "npconv", ours, shown.npconv
    if row.build == "onednn":  # what TensorFlow without oneDNN shows belongs to no such row
        # It refuses every NCHW call: the same call in NHWC has to tell.
        got = _without_onednn(shown.expression, tensorflow_oracle.conv2d)
        yield "TensorFlow without oneDNN", _CLASSES.get(got, got), shown.npconv


def _without_onednn(expression: str, conv2d: Any = tensorflow_oracle.tf.nn.conv2d) -> str:
    both = map(tensorflow_oracle.quietly, (conv2d, tensorflow_oracle.tf.image.extract_patches))
    return ledger.outcome(expression, *both)


def _default_build(expression: str) -> str:
    return ledger.outcome(expression, tensorflow_default.conv2d, tensorflow_default.extract_patches)


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(title=f"The ledger of differences, TensorFlow {tensorflow_oracle.version}")
    for heading in ("row", "build", "live"):
        table.add_column(heading)
    for row in rows:
        style = "bold red" if row["stale"] else ""
        table.add_row(row["id"], row["build"], escape(row["status"]), style=style)
    return table
