"""Run a sweep in worker processes; count, and say whether the count may be trusted."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from parity.claims.trust import MOST_NOT_SUPPORTED
from parity.engine.jobs import Crash
from parity.engine.jobs import run as run_jobs
from parity.examples import corners
from parity.model import verdict
from parity.model.settings import Settings
from parity.model.subject import Scope
from parity.sweep.layers import Grids
from parity.sweep.state import State, header
from parity.sweep.worker import LISTED, Found

NONZERO = 0.5
"""The least share of outputs that are not 0, as those of windows in the padding are."""
MOST_CRASHES = 10
BEYOND = {"rank >= 5", "empty input", "outputs of nothing", "many terms"}
"""Classes of which no geometry of the grid is."""


def run_sweep(
    settings: Settings,
    *,
    every: int = 1,
    state: Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """Compare the grid within the scope of `settings`.

    Parameters
    ----------
    settings
        Whose conv2d, what it claims to support, and on how many processes.
    every
        Compare one geometry in so many.
    state
        A file in which the blocks that are done are kept, and found again.
    progress
        Called with the number of geometries compared so far and the number of all.

    Returns
    -------
    dict
        The result as JSON knows it; `exit_code` sums it up.  After Ctrl-C it holds what was found
        until then.

    Raises
    ------
    StateError
        If `state` cannot be used, as that of another sweep.
    """
    scope = settings.scope
    grids = Grids.of(scope, every)
    total = sum(grids.sizes.values())
    start = time.monotonic()
    with State(state, scope, grids) as kept:
        resumed = compared = sum(found.compared for found in kept.done.values())
        progress(compared, total)

        def listen(_: int, found: Found) -> None:
            nonlocal compared
            kept.add(found)
            compared += found.compared
            progress(compared, total)

        crashes: list[Crash] = []
        interrupted = False
        left = [task for task in grids.tasks() if task[1].number not in kept.done]
        try:
            run_jobs(
                "parity.sweep.worker:work",
                left,
                settings,
                listen,
                most_crashes=MOST_CRASHES,
                after_crash=crashes.append,
            )
        except KeyboardInterrupt:
            interrupted = True
    seconds = time.monotonic() - start
    parts = [kept.done[number] for number in sorted(kept.done)]
    document = header(scope, grids) | {
        "jobs": settings.jobs,
        "geometries": compared,
        "by_dtype": _by_dtype(grids, parts),
        "layers": _layers(grids, parts),
        "left_out": grids.small.left_out(),
        "outputs": sum(found.outputs for found in parts),
        "nonzero": sum(found.nonzero for found in parts),
        "not_supported": sum(found.not_supported for found in parts),
        "unanswered": sum(found.unanswered for found in parts),
        "seconds": round(seconds, 1),
        "resumed": resumed,
        "rate": round((compared - resumed) / max(seconds, 0.001)),
        "rate_per_job": round(compared / max(0.001, sum(found.wall for found in parts))),
        "rate_per_cpu_second": round(compared / max(0.001, sum(found.cpu for found in parts))),
        "classes": dict(sorted(sum((found.classes for found in parts), Counter()).items())),
        "disagreements": sum(found.disagreements for found in parts) + len(_deaths(crashes)),
        "interrupted": interrupted,
        "first": _first(parts, crashes),
        "simplest": None if interrupted else _simplest(parts, settings),
    }
    return document | {"doubts": _doubts(document, scope, parts, crashes)}


def exit_code(document: dict[str, Any]) -> int:
    """Return 1 if geometries disagree, 130 after Ctrl-C, 3 if the run cannot be trusted, else 0."""
    if document["disagreements"]:
        return verdict.DISAGREEMENT
    if document["interrupted"]:
        return verdict.INTERRUPTED
    return verdict.verdict([], document["doubts"])


def _by_dtype(grids: Grids, parts: Iterable[Found]) -> dict[str, dict[str, int]]:
    names = ("compared", "outputs", "nonzero", "not_supported", "unanswered", "disagreements")
    rows = {dtype: dict.fromkeys(("expected", *names), 0) for dtype in grids.small.dtypes}
    for block, size in grids.sizes.items():
        rows[block.dtype]["expected"] += size
    dtypes = {block.number: block.dtype for block in grids.sizes}
    for found in parts:
        for name in names:
            rows[dtypes[found.block]][name] += getattr(found, name)
    return rows


def _layers(grids: Grids, parts: Iterable[Found]) -> dict[str, int]:
    """Return what of the whole the second grid is."""
    numbers = {block.number for block in grids.layers.blocks()}
    mine = [found for found in parts if found.block in numbers]
    return {
        "compared": sum(found.compared for found in mine),
        "disagreements": sum(found.disagreements for found in mine),
    }


def _deaths(crashes: Iterable[Crash]) -> list[Crash]:
    """Return the crashes in which a call of the subject ended the process, or never ended."""
    return [crash for crash in crashes if crash.of_subject]


def _first(parts: Iterable[Found], crashes: Iterable[Crash]) -> list[dict[str, str]]:
    """Return the first disagreements in the order of the grid."""
    found = [(part.block, *one) for part in parts for one in part.listed]
    for crash in _deaths(crashes):
        _, block = crash.task
        found.append((block.number, crash.note, crash.reason))
    found.sort(key=lambda one: one[0])
    return [{"token": token, "reason": reason} for _, token, reason in found[:LISTED]]


def _simplest(parts: Iterable[Found], settings: Settings) -> dict[str, str] | None:
    """Return the first wrong result made small; None where the claim `exact` passes it."""
    tokens = [token for part in parts for token, _ in part.listed][:1]
    sent: list[dict[str, str]] = []
    run_jobs(
        "parity.sweep.worker:simplify",
        tokens,
        replace(settings, jobs=1),
        lambda _, message: sent.append(message),
    )
    return sent[0] if sent else None


def _doubts(
    document: dict[str, Any], scope: Scope, parts: Iterable[Found], crashes: Iterable[Crash]
) -> list[str]:
    """Say why the run cannot be trusted."""
    doubts = [f"a worker failed: {one}" for one in crashes if not one.of_subject]
    failed = [first for found in parts for first in found.failed]
    if failed:
        number, (token, reason) = document["unanswered"], failed[0]
        doubts.append(f"TensorFlow failed on {number} geometries; the first: {token}: {reason}")
    refused, drawn = document["not_supported"], document["geometries"] + document["not_supported"]
    if refused > MOST_NOT_SUPPORTED * drawn:
        token, reason = next(first for found in parts for first in found.refused)
        doubts.append(
            f"{refused} of {drawn} geometries are not supported: say so by --without, --dtypes or"
            f" --layouts; the first: {token}: {reason}"
        )
    for dtype, row in document["by_dtype"].items():
        asked = row["expected"] - row["not_supported"] - row["unanswered"]
        if row["compared"] < max(1, asked):
            doubts.append(f"{row['compared']} of {row['expected']} geometries in {dtype}")
    asked = corners.minima(scope).keys() - BEYOND
    missing = sorted(asked - document["classes"].keys())
    doubts += [f"no geometry of the class {name!r}" for name in missing]
    least = math.ceil(NONZERO * document["outputs"])
    if document["nonzero"] < least:
        doubts.append(f"only {document['nonzero']} of {document['outputs']} outputs are not 0")
    return doubts
