"""Two measurements side by side: which layers have become slower beside TensorFlow.

What is compared is the ratio subject / TensorFlow, never a time: another machine, or a busier
one, slows both and changes no ratio.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from parity.speed import layers
from parity.speed.rows import AGAIN, KERNEL, SUBJECT, WITHHELD, group, too_busy
from parity.speed.statistics import Ratio, noise_floor, paired_ratio, ratio_change
from parity.speed.tables import digits

LEAST = 0.10
"""A change smaller than this is none, however well known."""
Key = tuple[str, str, bool]
_COLOURS = {"SLOWER": "bold red", "faster": "green", "same": "dim", WITHHELD: "bold yellow"}


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
        of both measurements, otherwise "same"; "withheld" if other processes took too much of
        the cores in either.
    """

    row: dict[str, Any]
    old: float
    new: float
    change: Ratio
    verdict: str


def admit(old: dict[str, Any], keys: set[Key]) -> None:
    """Refuse to compare a document with other dtypes, settings of threads, or layers.

    Parameters
    ----------
    old
        The document.
    keys
        What `key` gives for each row that it is to be compared with.

    Raises
    ------
    ValueError
        Naming what differs, or a row that cannot be read.
    """
    for row in old["rows"]:
        _admit_row(row)
    theirs = {key(row) for row in old["rows"]}
    there, here = ((_words(0, found), _words(1, found)) for found in (theirs, keys))
    for what, one, other in zip(("dtypes", "threads"), there, here, strict=True):
        if one != other:
            raise ValueError(f"cannot be compared: {what} {one} there, {other} here")
    if not theirs & keys:
        raise ValueError("cannot be compared: no layer is in both")


def compare(old: dict[str, Any], new: dict[str, Any]) -> list[Change]:
    """Compare the rows that two documents share, joined by token and threads.

    Raises
    ------
    ValueError
        If dtypes or threads differ, or no timed row is in both.
    """
    for row in new["rows"]:
        _admit_row(row)
    admit(old, {key(row) for row in new["rows"]})
    before = {key(row): row for row in old["rows"] if "ratios" in row}
    changes = [
        _change(before[key(row)], row)
        for row in new["rows"]
        if "ratios" in row and key(row) in before
    ]
    if not changes:
        raise ValueError("cannot be compared: no layer was timed in both")
    return changes


def warnings(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Return in which ways two documents were not measured alike."""
    found = [
        f"the {key} differs: {old['machine'][key]} there, {new['machine'][key]} here"
        for key in ("cpu", "cores", "system", "subject", "numpy", "blas", "tensorflow", "onednn")
        if old["machine"][key] != new["machine"][key]
    ]
    missing = {key(row) for row in old["rows"]} ^ {key(row) for row in new["rows"]}
    if missing:
        found.append(f"{len(missing)} rows are in one file only")
    for where, rows in (("there", old["rows"]), ("here", new["rows"])):
        unknown = sum("ratios" in row and row["other_work"] is None for row in rows)
        if unknown:
            found.append(f"other work is unknown in {unknown} rows {where}")
    return found


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
            group(one.row).setting,
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


def key(row: dict[str, Any]) -> Key:
    """Return what a row is joined by: token, threads, and whether a core was taken."""
    return row["token"], str(row["threads"]), "busy" in row


def _admit_row(row: dict[str, Any]) -> None:
    """Refuse a row whose token or times no measurement writes, though the schema admits them."""
    layers.parse(row["token"])
    counts = {len(sample) for sample in row.get("times_milliseconds", {}).values()}
    if len(counts) > 1:
        raise ValueError(f"{row['token']}: the numbers of times differ: {sorted(counts)}")


def _words(place: int, keys: set[Key]) -> str:
    """Return the dtypes of keys (place 0) or their threads (place 1)."""
    return ", ".join(sorted({str(found[place]).split()[0] for found in keys}))


def _change(old: dict[str, Any], new: dict[str, Any]) -> Change:
    pairs = [_pairs(row, SUBJECT) for row in (old, new)]
    change = ratio_change(*pairs)
    noise = [paired_ratio(*_pairs(row, AGAIN)) for row in (old, new)]
    floor = max(math.log1p(LEAST), *map(noise_floor, noise))
    verdict = "same"
    if too_busy(old["other_work"]) or too_busy(new["other_work"]):
        verdict = WITHHELD
    elif math.log(change.low) > floor:
        verdict = "SLOWER"
    elif math.log(change.high) < -floor:
        verdict = "faster"
    first, second = (paired_ratio(*pair).ratio for pair in pairs)
    return Change(new, first, second, change, verdict)


def _pairs(row: dict[str, Any], name: str) -> tuple[list[float], list[float]]:
    times = row["times_milliseconds"]
    return times[name], times[KERNEL]
