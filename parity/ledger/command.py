"""``python -m parity ledger``: check every row of the ledger live, and that none is missing.

A row is stale if one of its calls no longer differs as it is written, if its predicate does not
hold for the calls that it shows, or if it shows in a version that it does not list.  A row is
missing if a call of the rules' table differs and no row says so.

What TensorFlow does with oneDNN depends on the kernels that the CPU gets.  Where a row has not been
seen on the instruction set at hand it can be neither: whether it is seen here is reported, with the
line that adds it to the row.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

import npconv
from parity.claims import default_build
from parity.ledger import rows as ledger
from parity.ledger.facts import Facts
from parity.ledger.rows import KILLED, ROWS, TAKEN, Divergence, Functions, Shown, outcome
from parity.model import written
from parity.model.operation import OPERATIONS
from parity.model.verdict import Verdict, verdict
from parity.oracles import build, eigen, onednn
from parity.oracles.onednn import Killed, Machine
from parity.rules import CONV2D, Row

_CLASSES = {"InvalidArgumentError": "ValueError", "UnimplementedError": "ValueError"}
NPCONV: Functions = partial(getattr, npconv)


def ONEDNN(name: str) -> Callable[..., Any]:  # noqa: N802 - one of the sides
    """Return a function of TensorFlow with oneDNN."""
    return partial(onednn.child().call, name)


@dataclass(frozen=True)
class Checked:
    """What became of a row.

    Attributes
    ----------
    id, build, tensorflow, npconv, url
        Of the row.
    status
        In a few words; it begins with STALE where the row is not, or no longer, true.
    data
        What the row does not have yet: lines for its calls, each of which was seen on an
        instruction set on which it had not been.
    stale
        Whether it is.
    """

    id: str
    build: str
    tensorflow: str
    npconv: str
    url: str
    status: str
    data: tuple[str, ...]
    stale: bool


@dataclass(frozen=True)
class Ledger:
    """What became of all rows; `missing` are the calls that differ without one."""

    rows: tuple[Checked, ...]
    missing: tuple[str, ...]
    machine: str
    exit_code: int


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare that the command takes no arguments: the ledger is about npconv."""
    del parser


def run(_: argparse.Namespace) -> Verdict:
    """Print a table of the rows: 1 if one is stale or missing."""
    found = check(Console())
    return Verdict.of(
        found.exit_code,
        f"the ledger of differences, TensorFlow {eigen.version()}",
        agreeing=((row.id, row.status) for row in found.rows if not row.stale),
        failures=[
            *((row.id, row.status) for row in found.rows if row.stale),
            *((call, "differs, and no row says so") for call in found.missing),
        ],
    )


def check(
    console: Console, rows: Sequence[Divergence] = ROWS, rules: Sequence[Row] = CONV2D
) -> Ledger:
    """Check the rows and look for missing ones; print a table."""
    found, differing = tuple(map(checked, rows)), tuple(missing(rows, rules))
    table = Table(
        title=f"The ledger of differences, TensorFlow {eigen.version()}",
        caption=f"oneDNN: {onednn.machine()}",
    )
    for heading in ("row", "build", "live"):
        table.add_column(heading)
    for row in found:
        table.add_row(row.id, row.build, escape(row.status), style="bold red" * row.stale)
    console.print(table)
    for line in (line for row in found for line in row.data):
        console.print(f"SEEN HERE: {line}", style="yellow", markup=False, highlight=False)
    for call in differing:
        console.print(f"MISSING: {call}", style="bold red", markup=False, highlight=False)
    stale = [row.id for row in found if row.stale]
    return Ledger(found, differing, str(onednn.machine()), verdict([*stale, *differing], []))


def checked(row: Divergence) -> Checked:
    """Say what became of a row."""
    status, data = _live(row)
    stale = status.startswith("STALE")
    return Checked(
        row.id, row.build, row.tensorflow, row.npconv, row.url, status, tuple(data), stale
    )


def missing(rows: Sequence[Divergence] = ROWS, rules: Sequence[Row] = CONV2D) -> Iterator[str]:
    """Name the calls of the rules' table that differ without a row.

    npconv and TensorFlow without oneDNN are held against that table by the tests; it is
    TensorFlow with oneDNN that is asked here.
    """
    for rule in rules:
        if rule.ledger and all(row.id != rule.ledger for row in rows):
            yield f"{rule.id}: the ledger has no row {rule.ledger!r}"
        if not onednn.machine().instruction_set:
            continue
        found = _found(rule)
        if default_build.harmful(rule.call(), rows):
            onednn.renew()
        if found and default_build.excuse(rule.call(), found, rows) is None:
            word = "takes it" if rule.verdict == "ok" else rule.verdict.__name__
            yield f"{rule.id}: {default_build.NAME}: {found}; npconv: {word}"


def _found(rule: Row) -> str:
    """Say what TensorFlow with oneDNN does otherwise than npconv, "" if nothing."""
    try:
        result = onednn.conv2d(**rule.call())
    except onednn.Killed:
        return KILLED
    except onednn.Refused as error:
        return type(error).__name__ if rule.verdict == "ok" else ""
    except TypeError:  # a generator cannot be sent to it
        return ""
    if rule.verdict == "ok":
        return "" if np.array_equal(result, npconv.conv2d(**rule.call())) else TAKEN
    return "" if rule.tensorflow == "ok" else TAKEN


def _live(row: Divergence) -> tuple[str, list[str]]:
    """Return the status and the data of a row."""
    calls = [written.call(shown.call) for shown in row.shown]
    asked = [Facts(arguments, name) for name, arguments in calls if name in OPERATIONS]
    if not row.unpredicated and not (asked and all(map(row.holds, asked))):
        return "STALE: the predicate does not hold for every call shown", []
    if row.build == "eigen":
        return _everywhere(row), []
    machine = onednn.machine()
    if not machine.instruction_set:
        return "only where TensorFlow has oneDNN", []
    return _with_onednn(row, machine)


def _everywhere(row: Divergence) -> str:
    """Check a row that does not depend on the machine."""
    if not row.lists(eigen.version()):
        if any(shown.by_tensorflow(_by_eigen(shown)) for shown in row.shown):
            return f"STALE: it shows in {_release()}, which is not listed"
        return f"only in TensorFlow {', '.join(row.versions)}"
    wrong = (
        _of_tensorflow(shown, _by_eigen(shown)) or _of_npconv(shown)
        for shown in row.shown_in(eigen.version())
    )
    return next(filter(None, wrong), "as written")


def _with_onednn(row: Divergence, machine: Machine) -> tuple[str, list[str]]:
    """Check a row about oneDNN's kernels: what has been seen on this machine has to show."""
    held, data, unseen = 0, [], []
    here = row.shown_in(eigen.version())
    for place, shown in enumerate(row.shown):
        listed = shown in here
        if not listed and any(other.call == shown.call for other in here):
            continue  # covered by another line, which has its own instruction sets
        onednn.renew()  # an earlier call may have harmed another's memory
        got = outcome(shown.call, ONEDNN)
        seen = shown.seen_on(machine)
        if listed and (wrong := _of_npconv(shown) or _of_eigen(shown)):
            return wrong, []
        if listed and seen:
            if wrong := _of_tensorflow(shown, got):
                return wrong, []
            held += 1
        elif shown.by_tensorflow(got):
            if seen:
                return f"STALE: it shows in {_release()}, which is not listed", []
            data.append(f"{row.id}, shown {place + 1}: {_line(shown, machine, listed)}")
        elif listed:
            unseen.append(got)
    told = [
        "as written" if held else "",
        f"seen here, on {machine}, for the first time" if data else "",
        f"not seen here, on {machine}: {', '.join(dict.fromkeys(unseen))}" if unseen else "",
    ]
    return "; ".join(filter(None, told)) or f"only in TensorFlow {', '.join(row.versions)}", data


def _release() -> str:
    return ledger.release(eigen.version())


def _eigen(name: str) -> Callable[..., Any]:
    """Return a function of TensorFlow without oneDNN, which refuses every NCHW call."""
    return eigen.quietly(build.function(eigen.tensorflow(), name))


def _by_eigen(shown: Shown) -> str:
    """Return what comes of a call, which is run in another process if it may end its own."""
    if not shown.unsafe:
        return outcome(shown.call, _eigen)
    child = onednn.child("0")
    with suppress(Killed):
        child.call("exit", 1)  # nothing that another call has left is in the memory of the next
    return outcome(shown.call, lambda name: partial(child.call, name))


def _line(shown: Shown, machine: Machine, listed: bool) -> str:
    """Return the fields that `shown` gets by what is seen, as the ledger writes them."""
    known = getattr(shown, machine.how) if listed else ()
    names = ", ".join(f'"{name}"' for name in (*known, machine.instruction_set))
    return f"{machine.how} = [{names}]" + ("" if listed else f', versions = ["{_release()}"]')


def _wrong(shown: Shown, side: str, got: str, said: str) -> str:
    return "" if got == said else f"STALE: {side} gives {got}, not {said}: {shown.call}"


def _of_tensorflow(shown: Shown, got: str) -> str:
    return "" if shown.by_tensorflow(got) else _wrong(shown, "TensorFlow", got, shown.tensorflow)


def _of_npconv(shown: Shown) -> str:
    return _wrong(shown, "npconv", outcome(shown.call, NPCONV), shown.npconv)


def _of_eigen(shown: Shown) -> str:
    """Say where TensorFlow without oneDNN does the same: that belongs to no row about oneDNN."""
    got = outcome(shown.call, lambda name: eigen.conv2d if name == "conv2d" else _eigen(name))
    return _wrong(shown, "TensorFlow without oneDNN", _CLASSES.get(got, got), shown.npconv)
