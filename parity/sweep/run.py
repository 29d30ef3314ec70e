"""Run a sweep; count, and say whether the count may be trusted."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, replace

from parity.claims.trust import MOST_NOT_SUPPORTED
from parity.engine import Crash, Outcome
from parity.engine import run as run_tasks
from parity.engine.outcome import this_machine
from parity.examples import corners
from parity.model.case import Case
from parity.model.known import Known
from parity.model.settings import Settings
from parity.model.subject import Scope
from parity.model.verdict import DISAGREEMENT, INTERRUPTED, WrongCall, verdict
from parity.store.store import Store, StoreError
from parity.sweep import compare
from parity.sweep.found import (
    LISTED,
    Counts,
    Found,
    OfDtype,
    OfLayers,
    OfOperation,
    Remark,
    Swept,
    for_all_data,
)  # fmt: skip
from parity.sweep.heading import Heading
from parity.sweep.layers import Block, Grids

NONZERO = 0.25
"""The least share of outputs that are not 0, as windows in the padding are, pixels under no tap."""
MOST_CRASHES = 10
BEYOND = {"rank >= 5", "empty input", "outputs of nothing", "many terms"}
"""Classes of which no geometry of the grid is."""


def run_sweep(
    settings: Settings,
    *,
    scopes: tuple[Scope, ...] = (),
    every: int = 1,
    store: Store | None = None,
    resume: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Swept:
    """Compare the grids within the scope of `settings`.

    Parameters
    ----------
    settings
        Whose function, what it claims to support, and on how many processes.
    scopes
        The scope of `settings` and others, each of another operation; that alone by default.
    every
        Compare one geometry in so many.
    store, resume
        Where the blocks that are done are kept, and whether those of an earlier run count.
    progress
        Called with the number of geometries compared so far and the number of all.

    Raises
    ------
    WrongCall
        If the earlier run cannot go on: something has changed since, or the store is damaged.
    """
    scope = settings.scope
    scopes = scopes or (scope,)
    grids = Grids.of(*scopes, every=every)
    heading = Heading.of(scope, grids, store.path if store else None)
    blocks = {block.number: block for block in grids.blocks()}
    total = sum(block.size for block in blocks.values())
    start = time.monotonic()
    parts = _earlier(store, heading, blocks) if store and resume else []
    if store and not parts:
        store.begin_sweep(scope.subject, heading)
    resumed = compared = sum(found.compared for found in parts)
    progress(compared, total)
    crashes: list[tuple[int, Crash]] = []
    machines: Counter[str] = Counter()

    def heard(outcome: Outcome[Block, Found]) -> Sequence[Block]:
        nonlocal compared
        block, found = outcome.task, outcome.result
        machines[outcome.machine] += 1
        if found is None:
            assert outcome.crash is not None
            crashes.append((block.number, outcome.crash))
            left = block.without(outcome.crash.note)  # what has compared nothing wrong
            return [left] if 0 < left.size < block.size else []
        parts.append(found)
        if store and block == blocks[block.number] and _alike(outcome.machine):
            store.add_block(scope.subject, heading, block.number, found)
        compared += found.compared
        progress(compared, total)
        return []

    done = {found.block for found in parts}
    left = [block for number, block in blocks.items() if number not in done]
    interrupted = False
    try:
        run_tasks(compare.block, left, settings, heard, most_crashes=MOST_CRASHES)
    except KeyboardInterrupt:
        interrupted = True
    seconds = time.monotonic() - start
    parts.sort(key=lambda found: found.block)
    whole = Counts().including(parts)
    classes = sum((Counter(found.classes) for found in parts), Counter())
    likeliest = max((found.likeliest for found in parts), default=0.0)
    deaths = [(number, crash) for number, crash in crashes if crash.of_subject]
    swept = Swept(
        **vars(heading),
        jobs=settings.jobs,
        machines=dict(machines),
        geometries=compared,
        by_dtype={
            dtype: OfDtype(
                expected=sum(one.size for one in blocks.values() if one.dtype == dtype)
            ).including(found for found in parts if blocks[found.block].dtype == dtype)
            for dtype in grids.small[0].dtypes
        },
        by_operation={one.operation: _of_operation(one, parts, blocks) for one in scopes},
        layers=OfLayers(complete=grids.layers.complete).including(
            found for found in parts if blocks[found.block].of_layers
        ),
        left_out=sum(grid.left_out() for grid in grids.small),
        outputs=whole.outputs,
        nonzero=whole.nonzero,
        not_supported=whole.not_supported,
        unanswered=whole.unanswered,
        seconds=round(seconds, 1),
        resumed=resumed,
        rate=round((compared - resumed) / max(seconds, 0.001)),
        rate_per_job=round(compared / max(0.001, sum(found.wall for found in parts))),
        rate_per_cpu_second=round(compared / max(0.001, sum(found.cpu for found in parts))),
        classes=dict(sorted(classes.items())),
        disagreements=whole.disagreements + len(deaths),
        interrupted=interrupted,
        first=_first(parts, deaths),
        simplest=None if interrupted else _simplest(parts, settings, scopes),
        doubts=[],
        uniform=whole.uniform,
        chance=whole.chance,
        likeliest=likeliest,
        for_all_data=for_all_data(whole.uniform, likeliest, whole.chance),
    )
    known, gone = _judged(settings.known, swept)
    said = doubts(swept, scopes, parts, [crash for _, crash in crashes])
    return replace(swept, doubts=said, known=known, gone=gone)


def _of_operation(scope: Scope, parts: Iterable[Found], blocks: Mapping[int, Block]) -> OfOperation:
    mine = [found for found in parts if blocks[found.block].scope == scope]
    wrong: Counter[str] = Counter()
    classes: Counter[str] = Counter()
    for found in mine:
        wrong[blocks[found.block].dtype] += found.disagreements
        classes.update(found.classes)
    expected = sum(block.size for block in blocks.values() if block.scope == scope)
    return OfOperation(expected=expected, disagreeing=dict(+wrong), classes=classes).including(mine)


def _judged(known: Iterable[Known], swept: Swept) -> tuple[int, list[str]]:
    """Return how many disagreements are known, and which entries of the sweep fail no longer."""
    number, gone = 0, []
    tokens = {one.token for one in known if one.token}
    for dtype, row in swept.by_dtype.items():
        whole = [one for one in known if not one.token and one.covers("sweep", dtype)]
        mine = [one for one in swept.first if f" {dtype} " in f" {one.token}"]
        listed = sum(one.token in tokens for one in mine)
        number += row.disagreements if whole else listed
        gone += [f"{one} {dtype}" for one in whole if not row.disagreements and one.dtype]
    if not any(row.disagreements for row in swept.by_dtype.values()):
        gone += [str(one) for one in known if one.claim == "sweep" and not one.dtype]
    return number, gone


def exit_code(swept: Swept) -> int:
    """Return 1 if geometries disagree, 130 after Ctrl-C, 3 if the run cannot be trusted, else 0."""
    if swept.disagreements > swept.known or swept.gone:
        return DISAGREEMENT
    return INTERRUPTED if swept.interrupted else verdict([], swept.doubts)


def _earlier(store: Store, heading: Heading, blocks: Mapping[int, Block]) -> list[Found]:
    """Return what the last sweep of the same subject has found, which has to be the same sweep."""
    last = store.last_sweep(heading.subject, Heading, Found)
    if last is None:
        return []
    theirs, parts = last
    for one in fields(Heading):
        there, here = getattr(theirs, one.name), getattr(heading, one.name)
        if there != here:
            raise WrongCall(
                f"--resume: the last sweep of {heading.subject} in {store.path} was another:"
                f" {one.name} is {there!r} there and {here!r} here"
            )
    for found in parts:
        if found.block not in blocks or found.told != blocks[found.block].size:
            raise StoreError(f"{store.path}: block {found.block} is not of this sweep")
    return parts


def _alike(machine: str) -> bool:
    """Say whether a machine has the versions of this one, which the heading names."""
    theirs, here = (one.partition(", Python ")[2] for one in (machine, this_machine()))
    return theirs == here


def _first(parts: Iterable[Found], deaths: Iterable[tuple[int, Crash]]) -> list[Remark]:
    """Return the first disagreements in the order of the grids."""
    found = [(part.block, one) for part in parts for one in part.listed]
    found += [(number, Remark(crash.note, crash.reason)) for number, crash in deaths]
    found.sort(key=lambda one: one[0])
    return [remark for _, remark in found[:LISTED]]


def _simplest(parts: Iterable[Found], settings: Settings, scopes: Iterable[Scope]) -> Remark | None:
    """Return the first wrong result made small; None where the claim `exact` passes it."""
    tokens = [one.token for part in parts for one in part.listed][:1]
    of = {scope.operation: scope for scope in scopes}
    for token in tokens:
        settings = replace(settings, scope=of[Case.parse(token).operation])
    sent: list[Remark | None] = [None]
    run_tasks(
        compare.simplest,
        tokens,
        replace(settings, jobs=1),
        lambda outcome: sent.append(outcome.result),
    )
    return sent[-1]


def doubts(
    swept: Swept, scopes: Iterable[Scope], parts: Sequence[Found], crashes: Iterable[Crash]
) -> list[str]:
    """Say why a sweep cannot be trusted."""
    said = [f"a worker failed: {one}" for one in crashes if not one.of_subject]
    said += [f"a worker has other versions: {one}" for one in swept.machines if not _alike(one)]
    if swept.unanswered:
        first = next(one for found in parts for one in found.failed)
        said.append(
            f"TensorFlow failed on {swept.unanswered} geometries; the first: {first.token}:"
            f" {first.reason}"
        )
    refused, drawn = swept.not_supported, swept.geometries + swept.not_supported
    if refused > MOST_NOT_SUPPORTED * drawn:
        first = next(one for found in parts for one in found.refused)
        said.append(
            f"{refused} of {drawn} geometries are not supported: say so by --without, --dtypes or"
            f" --layouts; the first: {first.token}: {first.reason}"
        )
    for dtype, row in swept.by_dtype.items():
        if row.compared < max(1, row.expected - row.not_supported - row.unanswered):
            said.append(f"{row.compared} of {row.expected} geometries in {dtype}")
    for scope in scopes:
        name, mine = scope.operation, swept.by_operation[scope.operation]
        if not mine.answered and (scope.of.takes_int32 or {*scope.dtypes} != {"int32"}):
            said.append(f"TensorFlow computed no geometry of {name}")
        missing = sorted(corners.minima(scope).keys() - BEYOND - mine.classes.keys())
        said += [f"no geometry of {name} of the class {one!r}" for one in missing]
    if swept.nonzero < NONZERO * swept.outputs:
        said.append(f"only {swept.nonzero} of {swept.outputs} outputs are not 0")
    return said
