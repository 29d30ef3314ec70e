"""Two measurements side by side: which layers have become slower beside TensorFlow.

What is compared is the ratio subject / TensorFlow, never a time: another machine, or a busier
one, slows both and changes no ratio.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from parity.speed.rows import AGAIN, KERNEL, SUBJECT
from parity.speed.statistics import Ratio, noise_floor, paired_ratio, ratio_change
from parity.speed.tables import digits

LEAST = 0.10
"""A change smaller than this is none, however well known."""
_COLOURS = {"SLOWER": "bold red", "faster": "green", "same": "dim"}


@dataclass(frozen=True)
class Change:
    """What became of a layer.

    Attributes
    ----------
    row
        Of the new document.
    old, new
        Subject / TensorFlow in either.
    change
        New ratio / old ratio, with its interval.
    verdict
        "SLOWER" or "faster" if the whole interval lies beyond `LEAST` and beyond the noise floor
        of both measurements, otherwise "same".
    """

    row: dict[str, Any]
    old: float
    new: float
    change: Ratio
    verdict: str


def admit(old: dict[str, Any], dtypes: set[str], threads: set[str]) -> None:
    """Refuse to compare a document with what has other dtypes or settings of threads.

    Raises
    ------
    ValueError
        Naming what differs.
    """
    for what, there, here in zip(
        ("dtypes", "threads"), _kinds(old), (dtypes, threads), strict=True
    ):
        if there != here:
            one, other = (", ".join(sorted(names)) for names in (there, here))
            raise ValueError(f"cannot be compared: {what} {one} there, {other} here")


def compare(old: dict[str, Any], new: dict[str, Any]) -> list[Change]:
    """Compare the rows that two documents share, joined by token and threads.

    Raises
    ------
    ValueError
        If dtypes or threads differ, or no timed row is in both.
    """
    admit(old, *_kinds(new))
    before = {_key(row): row for row in old["rows"] if "ratios" in row}
    changes = [
        _change(before[_key(row)], row)
        for row in new["rows"]
        if "ratios" in row and _key(row) in before
    ]
    if not changes:
        raise ValueError("cannot be compared: no layer was timed in both")
    return changes


def warnings(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Return in which ways two documents were not measured alike."""
    found = [
        f"the {key} differs: {old['machine'][key]} there, {new['machine'][key]} here"
        for key in ("cpu", "cores", "system", "subject", "numpy", "blas", "tensorflow")
        if old["machine"][key] != new["machine"][key]
    ]
    missing = {_key(row) for row in old["rows"]} ^ {_key(row) for row in new["rows"]}
    return found + ([f"{len(missing)} rows are in one file only"] if missing else [])


def table(changes: list[Change]) -> Table:
    """Return the changes, the worst first."""
    found = Table(title="Subject / TensorFlow, new beside old: above 1 it became slower")
    found.add_column("layer", no_wrap=True)
    for heading in ("threads", "old\nratio", "new\nratio", "new\nms", "change, 95 %\ninterval"):
        found.add_column(heading, justify="right", no_wrap=True)
    found.add_column("verdict")
    for one in sorted(changes, key=lambda change: -change.change.ratio):
        ratio, colour = one.change, _COLOURS[one.verdict]
        found.add_row(
            f"{one.row['net']}: {one.row['name']}",
            str(one.row["threads"]),
            f"{one.old:.2f}",
            f"{one.new:.2f}",
            digits(one.row["milliseconds"][SUBJECT]),
            f"{ratio.ratio:.2f} [dim]{ratio.low:.2f}-{ratio.high:.2f}[/]",
            f"[{colour}]{one.verdict}[/]",
        )
    return found


def slower(changes: list[Change]) -> list[Change]:
    """Return the layers that became slower."""
    return [one for one in changes if one.verdict == "SLOWER"]


def _kinds(document: dict[str, Any]) -> tuple[set[str], set[str]]:
    """Return the dtypes and the settings of threads of a document's rows."""
    rows = document["rows"]
    return {row["token"].split()[0] for row in rows}, {str(row["threads"]) for row in rows}


def _key(row: dict[str, Any]) -> tuple[str, str]:
    return row["token"], str(row["threads"])


def _change(old: dict[str, Any], new: dict[str, Any]) -> Change:
    pairs = [_pairs(row, SUBJECT) for row in (old, new)]
    change = ratio_change(*pairs)
    noise = [paired_ratio(*_pairs(row, AGAIN)) for row in (old, new)]
    floor = max(math.log1p(LEAST), *map(noise_floor, noise))
    verdict = "same"
    if math.log(change.low) > floor:
        verdict = "SLOWER"
    elif math.log(change.high) < -floor:
        verdict = "faster"
    first, second = (paired_ratio(*pair).ratio for pair in pairs)
    return Change(new, first, second, change, verdict)


def _pairs(row: dict[str, Any], name: str) -> tuple[list[float], list[float]]:
    times = row["times_milliseconds"]
    return times[name], times[KERNEL]
