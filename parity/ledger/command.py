"""``python -m parity ledger``: check every row of the ledger live, and that none is missing.

A row is stale if one of its expressions no longer differs as it is written, if its predicate does
not hold for the calls that it shows, or if it shows in a version that it does not list.  A row is
missing if a call of the rules' table differs and no row says so.

What TensorFlow does with oneDNN depends on the kernels that the CPU gets.  Where a row has not been
seen on the instruction set at hand it can be neither: whether it is seen here is reported, with the
line that adds it to the row.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

import npconv
from parity.claims import default_build
from parity.ledger import rows as ledger
from parity.ledger.rows import KILLED, TAKEN, Divergence, Shown
from parity.model import verdict
from parity.oracles import eigen as tensorflow_oracle
from parity.oracles import onednn as tensorflow_onednn
from parity.oracles.onednn import Machine
from parity.rules.rows import ROWS, Row

VERSION = ledger.release(tensorflow_oracle.version())
_CLASSES = {"InvalidArgumentError": "ValueError", "UnimplementedError": "ValueError"}

Outcome = Callable[[str], str]


@dataclass(frozen=True)
class Found:
    """What became of a row.

    Attributes
    ----------
    status
        In a few words; it begins with STALE where the row is.
    data
        What the row does not have yet: lines for its expressions, each of which was seen on an
        instruction set on which it had not been.
    """

    status: str
    data: tuple[str, ...] = ()

    @property
    def stale(self) -> bool:
        """Say whether the row is not, or no longer, true."""
        return self.status.startswith("STALE")


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
    for row in rows:
        for line in row["data"]:
            console.print(f"SEEN HERE: {line}", style="yellow", markup=False, highlight=False)
    for call in differing:
        console.print(f"MISSING: {call}", style="bold red", markup=False, highlight=False)
    code = verdict.verdict([row for row in rows if row["stale"]] + differing, [])
    machine = str(tensorflow_onednn.machine())
    return {"rows": rows, "missing": differing, "machine": machine, "exit_code": code}


def checked() -> Iterator[dict[str, Any]]:
    """Say of every row what became of it."""
    for row in ledger.rows():
        found = _live(row)
        yield {
            "id": row.id,
            "build": row.build,
            "tensorflow": row.tensorflow,
            "npconv": row.npconv,
            "url": row.url,
            "status": found.status,
            "stale": found.stale,
            "data": list(found.data),
        }


def missing() -> Iterator[str]:
    """Name the calls of the rules' table that differ without a row.

    npconv and TensorFlow without oneDNN are held against that table by the tests; it is
    TensorFlow with oneDNN that is asked here.
    """
    known = ledger.rows()
    for rule in ROWS:
        if rule.ledger and all(row.id != rule.ledger for row in known):
            yield f"{rule.id}: the ledger has no row {rule.ledger!r}"
        if not tensorflow_onednn.machine().instruction_set:
            continue
        found = _found(rule)
        if default_build.harmful(rule.call()):
            tensorflow_onednn.renew()
        if found and default_build.excuse(rule.call(), found) is None:
            yield f"{rule.id}: {default_build.NAME}: {found}; npconv: {_word(rule)}"


def _found(rule: Row) -> str:
    """Say what TensorFlow with oneDNN does otherwise than npconv, "" if nothing."""
    try:
        result = tensorflow_onednn.conv2d(**rule.call())
    except tensorflow_onednn.Killed:
        return KILLED
    except tensorflow_onednn.Refused as error:
        return type(error).__name__ if rule.verdict == "ok" else ""
    except TypeError:  # a generator cannot be sent to it
        return ""
    if rule.verdict == "ok":
        return "" if result.shape == rule.shape else TAKEN
    return "" if rule.tensorflow == "ok" else TAKEN


def _word(rule: Row) -> str:
    return "takes it" if rule.verdict == "ok" else rule.verdict.__name__


def _live(row: Divergence) -> Found:
    """Return what the row is found to be."""
    if row.predicate:
        calls = [call for shown in row.shown for call in ledger.calls(shown.expression)]
        if not calls or not all(map(row.holds, calls)):
            return Found("STALE: the predicate does not hold for every call of conv2d shown")
    if row.build == "eigen":
        return _everywhere(row)
    machine = tensorflow_onednn.machine()
    if not machine.instruction_set:
        return Found("only where TensorFlow has oneDNN")
    return _with_onednn(row, machine)


def _everywhere(row: Divergence) -> Found:
    """Check a row that does not depend on the machine."""
    if not row.lists(tensorflow_oracle.version()):
        if any(_without_onednn(shown.expression) == shown.tensorflow for shown in row.shown):
            return Found(f"STALE: it shows in {VERSION}, which is not listed")
        return Found(f"only in TensorFlow {row.versions}")
    for shown in row.shown_in(tensorflow_oracle.version()):
        theirs = _without_onednn(shown.expression)
        wrong = _wrong(shown, "TensorFlow", theirs, shown.tensorflow) or _wrong_of_npconv(shown)
        if wrong:
            return Found(wrong)
    return Found("as written")


def _with_onednn(row: Divergence, machine: Machine) -> Found:
    """Check a row about oneDNN's kernels: what has been seen on this machine has to show."""
    held, data, unseen = 0, [], []
    for place, shown in enumerate(row.shown):
        got = _onednn(shown.expression)
        listed = shown in row.shown_in(tensorflow_oracle.version())
        if listed:
            if wrong := _wrong_of_npconv(shown) or _wrong_of_eigen(shown):
                return Found(wrong)
            if shown.seen_on(machine):
                if wrong := _wrong(shown, "TensorFlow", got, shown.tensorflow):
                    return Found(wrong)
                held += 1
                continue
        elif _covered(row, shown):  # by another line, which has its own instruction sets
            continue
        if got != shown.tensorflow:
            if listed:
                unseen.append(got)
        elif shown.seen_on(machine):
            return Found(f"STALE: it shows in {VERSION}, which is not listed")
        else:
            data.append(f"{row.id}, shown {place + 1}: {_line(shown, machine, listed)}")
    told = [
        "as written" if held else "",
        f"seen here, on {machine}, for the first time" if data else "",
        f"not seen here, on {machine}: {', '.join(dict.fromkeys(unseen))}" if unseen else "",
    ]
    words = "; ".join(filter(None, told)) or f"only in TensorFlow {row.versions}"
    return Found(words, tuple(data))


def _covered(row: Divergence, shown: Shown) -> bool:
    return any(
        other.expression == shown.expression for other in row.shown_in(tensorflow_oracle.version())
    )


def _line(shown: Shown, machine: Machine, listed: bool) -> str:
    """Return the fields that `shown` gets by what is seen, as the ledger writes them."""
    known = getattr(shown, machine.how) if listed else ()
    names = ", ".join(f'"{name}"' for name in (*known, machine.instruction_set))
    return f"{machine.how} = [{names}]" + ("" if listed else f', versions = "{VERSION}"')


def _wrong(shown: Shown, side: str, got: str, written: str) -> str:
    return "" if got == written else f"STALE: {side} gives {got}, not {written}: {shown.expression}"


def _wrong_of_npconv(shown: Shown) -> str:
    got = ledger.outcome(shown.expression, npconv.conv2d, npconv.extract_patches)
    return _wrong(shown, "npconv", got, shown.npconv)


def _wrong_of_eigen(shown: Shown) -> str:
    """Say where TensorFlow without oneDNN does the same: that belongs to no row about oneDNN.

    It refuses every NCHW call: the same call in NHWC has to tell.
    """
    got = _without_onednn(shown.expression, tensorflow_oracle.conv2d)
    return _wrong(shown, "TensorFlow without oneDNN", _CLASSES.get(got, got), shown.npconv)


def _without_onednn(expression: str, conv2d: Any = None) -> str:
    tf = tensorflow_oracle.tensorflow()
    asked = (conv2d or tf.nn.conv2d, tf.image.extract_patches)
    both = map(tensorflow_oracle.quietly, asked)
    return ledger.outcome(expression, *both)


def _onednn(expression: str) -> str:
    """Ask a process in which nothing has run: an earlier call may have harmed another's memory."""
    tensorflow_onednn.renew()
    return ledger.outcome(expression, tensorflow_onednn.conv2d, tensorflow_onednn.extract_patches)


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(
        title=f"The ledger of differences, TensorFlow {tensorflow_oracle.version()}",
        caption=f"oneDNN: {tensorflow_onednn.machine()}",
    )
    for heading in ("row", "build", "live"):
        table.add_column(heading)
    for row in rows:
        style = "bold red" if row["stale"] else ""
        table.add_row(row["id"], row["build"], escape(row["status"]), style=style)
    return table
