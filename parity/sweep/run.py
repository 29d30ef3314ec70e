"""Run a sweep in worker processes; count, and say whether the count may be trusted."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from parity import corners
from parity.jobs import Crash
from parity.jobs import run as run_jobs
from parity.subject import Scope
from parity.sweep.grid import Block, Grid
from parity.sweep.state import State, header
from parity.sweep.worker import LISTED, Found

NONZERO = 0.5
"""The least share of outputs that are not 0, as those of windows in the padding are."""
MOST_CRASHES = 10
BEYOND = {"rank >= 5", "empty input", "outputs of nothing", "many terms"}
"""Classes of which no geometry of the grid is."""


def run_sweep(
    scope: Scope,
    *,
    every: int = 1,
    jobs: int = 1,
    state: Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """Compare the grid within `scope`; the subject is that of the environment.

    Parameters
    ----------
    scope
        What the subject claims to support.
    every
        Compare one geometry in so many.
    jobs
        Worker processes.
    state
        A file in which the blocks that are done are kept, and found again.
    progress
        Called with the number of geometries compared so far and the number of all.

    Returns
    -------
    dict
        The result as JSON knows it; `exit_code` sums it up.

    Raises
    ------
    StateError
        If `state` cannot be used, as that of another sweep.
    """
    grid = Grid.of(scope, every)
    sizes = grid.sizes()
    total = sum(sizes.values())
    start = time.monotonic()
    with State(state, grid) as kept:
        resumed = compared = sum(found.compared for found in kept.done.values())
        progress(compared, total)

        def listen(_: int, found: Found) -> None:
            nonlocal compared
            kept.add(found)
            compared += found.compared
            progress(compared, total)

        left = [(grid, block) for block in sizes if block.number not in kept.done]
        crashes = run_jobs(
            "parity.sweep.worker:work", left, jobs, listen, most_crashes=MOST_CRASHES
        )
    seconds = time.monotonic() - start
    parts = [kept.done[number] for number in sorted(kept.done)]
    document = header(grid) | {
        "jobs": jobs,
        "geometries": compared,
        "by_dtype": _by_dtype(grid, sizes, parts),
        "left_out": grid.left_out(),
        "outputs": sum(found.outputs for found in parts),
        "nonzero": sum(found.nonzero for found in parts),
        "seconds": round(seconds, 1),
        "resumed": resumed,
        "rate": round((compared - resumed) / max(seconds, 0.001)),
        "rate_per_job": round(compared / max(0.001, sum(found.wall for found in parts))),
        "rate_per_cpu_second": round(compared / max(0.001, sum(found.cpu for found in parts))),
        "classes": dict(sorted(sum((found.classes for found in parts), Counter()).items())),
        "disagreements": sum(found.disagreements for found in parts) + len(_deaths(crashes)),
        "first": _first(parts, crashes),
        "simplest": _simplest(parts),
    }
    return document | {"doubts": _doubts(document, scope, crashes)}


def exit_code(document: dict[str, Any]) -> int:
    """Return 1 if geometries disagree, 3 if the run cannot be trusted, else 0."""
    if document["disagreements"]:
        return 1
    return 3 if document["doubts"] else 0


def _by_dtype(
    grid: Grid, sizes: dict[Block, int], parts: Iterable[Found]
) -> dict[str, dict[str, int]]:
    names = ("compared", "outputs", "nonzero", "disagreements")
    rows = {dtype: dict.fromkeys(("expected", *names), 0) for dtype in grid.dtypes}
    for block, size in sizes.items():
        rows[block.dtype]["expected"] += size
    blocks = grid.blocks()
    for found in parts:
        for name in names:
            rows[blocks[found.block].dtype][name] += getattr(found, name)
    return rows


def _deaths(crashes: Iterable[Crash]) -> list[Crash]:
    """Return the crashes in which the subject ended its process."""
    return [crash for crash in crashes if crash.status is not None]


def _first(parts: Iterable[Found], crashes: Iterable[Crash]) -> list[dict[str, str]]:
    """Return the first disagreements in the order of the grid."""
    found = [(part.block, *one) for part in parts for one in part.listed]
    for crash in _deaths(crashes):
        _, block = crash.task
        found.append((block.number, crash.note, f"the subject's process: {crash.reason}"))
    found.sort(key=lambda one: one[0])
    return [{"token": token, "reason": reason} for _, token, reason in found[:LISTED]]


def _simplest(parts: Iterable[Found]) -> dict[str, str] | None:
    """Return the first wrong result made small; None where the claim `exact` passes it."""
    tokens = [token for part in parts for token, _ in part.listed][:1]
    sent: list[dict[str, str]] = []
    run_jobs("parity.sweep.worker:simplify", tokens, 1, lambda _, message: sent.append(message))
    return sent[0] if sent else None


def _doubts(document: dict[str, Any], scope: Scope, crashes: Iterable[Crash]) -> list[str]:
    """Say why the run cannot be trusted."""
    doubts = [f"a worker failed: {one.traceback}" for one in crashes if one.status is None]
    for dtype, row in document["by_dtype"].items():
        if row["compared"] < max(1, row["expected"]):
            doubts.append(f"{row['compared']} of {row['expected']} geometries in {dtype}")
    asked = corners.minima(scope).keys() - BEYOND
    missing = sorted(asked - document["classes"].keys())
    doubts += [f"no geometry of the class {name!r}" for name in missing]
    least = math.ceil(NONZERO * document["outputs"])
    if document["nonzero"] < least:
        doubts.append(f"only {document['nonzero']} of {document['outputs']} outputs are not 0")
    return doubts
