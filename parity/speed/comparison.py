"""Two measurements side by side: which layers have become slower beside TensorFlow.

What is compared is the ratio subject / TensorFlow, never a time: another machine, or a busier
one, slows both and changes no ratio.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from rich.table import Table

from parity.model.case import Case
from parity.speed import layers
from parity.speed.records import Row, Speed, Threads
from parity.speed.rows import AGAIN, KERNEL, SUBJECT
from parity.speed.statistics import Ratio, noise_floor, paired_ratio, ratio_change
from parity.speed.tables import digits, interval

LEAST = 0.10
"""A change smaller than this is none, however well known."""
SLOWER = "SLOWER"
Key = tuple[str, Threads, bool]
_COLOURS = {SLOWER: "bold red", "faster": "green", "same": "dim", "withheld": "bold yellow"}
_SAME = ("cpu", "cores", "system", "subject", "numpy", "blas", "tensorflow", "onednn")


@dataclass(frozen=True)
class Change:
    """What became of a layer's ratio: the new row, both ratios, new / old, and a verdict.

    "SLOWER" or "faster" if the whole interval lies beyond `LEAST` and beyond the noise floor of
    both measurements, otherwise "same"; "withheld" if other processes took too much of the cores
    in either.
    """

    row: Row
    old: float
    new: float
    change: Ratio
    verdict: str


def admit(old: Speed, keys: Collection[Key]) -> None:
    """Refuse to compare a document with other dtypes, settings of threads, or layers.

    Of the rows that it is to be compared with, `keys` holds what `key` gives. Raises ValueError,
    which names what differs, or a row that cannot be read.
    """
    _admit_rows(old)
    theirs = {key(row) for row in old.rows}
    told: dict[str, Callable[[Key], str]] = {
        "dtypes": lambda one: Case.parse(one[0]).dtype,
        "threads": lambda one: str(one[1]),
    }
    for what, of in told.items():
        there, here = (", ".join(sorted(set(map(of, found)))) for found in (theirs, keys))
        if there != here:
            raise ValueError(f"cannot be compared: {what} {there} there, {here} here")
    if not theirs & set(keys):
        raise ValueError("cannot be compared: no layer is in both")


def compare(old: Speed, new: Speed) -> list[Change]:
    """Compare the rows that two documents share, joined by token and threads."""
    _admit_rows(new)
    admit(old, {key(row) for row in new.rows})
    before = {key(row): row for row in old.timed}
    changes = [_change(before[key(row)], row) for row in new.timed if key(row) in before]
    if not changes:
        raise ValueError("cannot be compared: no layer was timed in both")
    return changes


def warnings(old: Speed, new: Speed) -> list[str]:
    """Return in which ways two documents were not measured alike."""
    pairs = ((key, getattr(old.machine, key), getattr(new.machine, key)) for key in _SAME)
    found = [
        f"the {key} differs: {there} there, {here} here"
        for key, there, here in pairs
        if there != here
    ]
    missing = {key(row) for row in old.rows} ^ {key(row) for row in new.rows}
    return found + ([f"{len(missing)} rows are in one file only"] if missing else [])


def table(changes: Sequence[Change]) -> Table:
    """Return the changes, the worst first."""
    found = Table(title="Subject / TensorFlow, new beside old: above 1 it became slower")
    found.add_column("layer", no_wrap=True)
    for heading in ("threads", "old\nratio", "new\nratio", "new\nms", "change, 95 %\ninterval"):
        found.add_column(heading, justify="right", no_wrap=True)
    found.add_column("verdict")
    for one in sorted(changes, key=lambda change: -change.change.ratio):
        found.add_row(
            f"{one.row.net}: {one.row.name}",
            one.row.group.setting,
            f"{one.old:.2f}",
            f"{one.new:.2f}",
            digits(one.row.milliseconds[SUBJECT]),
            interval(one.change),
            f"[{_COLOURS[one.verdict]}]{one.verdict}[/]",
        )
    return found


def key(row: Row) -> Key:
    """Return what a row is joined by: token, threads, and whether a core was taken."""
    return row.token, row.threads, row.busy is not None


def _admit_rows(document: Speed) -> None:
    """Refuse a row whose token or times no measurement writes, though its types admit them."""
    for row in document.rows:
        layers.parse(row.token)
        counts = {len(sample) for sample in row.times_milliseconds.values()}
        if len(counts) > 1:
            raise ValueError(f"{row.token}: the numbers of times differ: {sorted(counts)}")


def _change(old: Row, new: Row) -> Change:
    pairs = [_pairs(row, SUBJECT) for row in (old, new)]
    change = ratio_change(*pairs)
    noise = [paired_ratio(*_pairs(row, AGAIN)) for row in (old, new)]
    floor = max(math.log1p(LEAST), *map(noise_floor, noise))
    verdict = "same"
    if old.withheld or new.withheld:
        verdict = "withheld"
    elif math.log(change.low) > floor:
        verdict = SLOWER
    elif math.log(change.high) < -floor:
        verdict = "faster"
    before, after = (paired_ratio(*pair).ratio for pair in pairs)
    return Change(new, before, after, change, verdict)


def _pairs(row: Row, name: str) -> tuple[list[float], list[float]]:
    return row.times_milliseconds[name], row.times_milliseconds[KERNEL]
