"""A report whose every part is made up, with what has to be escaped in every text."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from parity.claims.tally import Counted, Largest
from parity.engine import Crash
from parity.ledger.command import Checked, Ledger
from parity.model.subject import Scope
from parity.mutants.command import Hunt
from parity.report import document, photographs
from parity.report.document import Report
from parity.report.errors import Errors, Tolerance
from parity.report.photographs import Compared
from parity.report.samples import Samples
from parity.search.campaign import Record, Sums
from parity.search.hunt import Fate
from parity.speed.agreement import Agreement, Comparison, Verdict
from parity.speed.recipes import TEN_LINES
from parity.speed.records import Note, Speed
from parity.store.records import Failure
from parity.sweep.found import OfDtype, OfLayers, Remark, Swept
from parity.sweep.heading import Heading
from parity.sweep.layers import Grids
from parity.tests.speed import planted
from parity.theorems.bridge import Bridged
from parity.theorems.records import OfRecipe, Proved, Refutation
from parity.theorems.theorem import Proof

SIDES = ("subject", "TensorFlow")
NAMES = {"subject": "<npconv>", "TensorFlow": "<TF>"}


def agreement(verdict: Verdict = "within bound") -> Agreement:
    """Return an agreement beside a TensorFlow that could, unless nothing is compared."""
    one = Comparison(verdict, 0.5, "<nchw>" if verdict == "not compared" else "")
    return Agreement(verdict, 0.25, "", {photographs.WITHOUT: one})


def real_input(found: Agreement | None = None) -> list[Compared]:
    """Return one photograph through a filter."""
    output = np.random.default_rng(0).random((1, 64, 64, 2))
    return [photographs.row(photographs.examples()[2], found or agreement(), output)]


def speed(verdict: Verdict = "within bound", **changes: Any) -> Speed:
    """Return three layers: a fast one, a slow one, and one without ten lines of NumPy."""
    rows = []
    for number, subject in enumerate((0.25, 4.0, 1.0)):
        more = {TEN_LINES: 1.7} if number < 2 else {}
        times = planted.times(subject, 12, 0.005, **more) if verdict == "within bound" else None
        note = Note() if more else Note(refused="<too large>")
        facts: dict[str, Any] = {"net": "<net>", "name": f"<layer {number}>"}
        facts |= {"beside": {TEN_LINES: note}, "agreement": agreement(verdict)}
        rows.append(planted.row(times, peak_share={}, **facts))
    return planted.speed(rows, cpu="<cpu>", **changes)


def sweep(**changes: Any) -> Swept:
    """Return a sweep that agrees."""
    heading = Heading(
        subject="npconv:conv2d",
        scope="<scope>",
        grids=Grids.of(Scope(), every=1000),
        source="1",
        suite="2",
        versions={"tensorflow": "<9.9>"},
    )
    numbers: dict[str, Any] = dict.fromkeys(
        (
            *("jobs", "geometries", "left_out", "outputs", "nonzero", "not_supported"),
            *("unanswered", "resumed", "rate", "rate_per_job", "rate_per_cpu_second"),
        ),
        5,
    )
    found = Swept(
        **vars(heading),
        **numbers,
        by_dtype={"float32": OfDtype(compared=5, expected=5)},
        layers=OfLayers(compared=5),
        machines={"here": 5},
        seconds=1.0,
        classes={"groups": 3},
        disagreements=0,
        interrupted=False,
        first=[],
        simplest=None,
        doubts=[],
        for_all_data="For all data: <words>",
    )
    return replace(found, **changes)


def campaign(**changes: Any) -> Record:
    """Return a campaign that agrees."""
    largest = {side: Largest(0.25, "<token>") for side in SIDES}
    ratios = {side: {"-4": 7} for side in SIDES}
    count = Counted("exact", "float32", 7, 7, 70, 60, 0, 0, {"groups": 4}, largest, ratios, {})
    found = Record(
        subject="npconv:conv2d",
        tensorflow="<9.9>",
        seed=0,
        jobs=1,
        turns=9,
        seconds=60.0,
        interrupted=False,
        total=Sums(12345, 12340, 9, 9),
        examples_per_second_and_job=400.0,
        counts=[count],
        classes={"<class>": 4, "groups": 2},
        failures=[],
        known=[],
        gone=[],
        crashes=[],
        doubts=[],
        unreached=[],
        too_few=["<few>"],
        machines={"here": 9},
        where={},
        exit_code=0,
    )
    return replace(found, **changes)


def hunt(**changes: Any) -> Hunt:
    """Return a hunt in which one mutant is killed and one survives."""
    killed = Fate("one", "<fault>", True, "exact", "float32", 3, 1.0, "<token>", looks_like="one")
    control = Fate("textbook")
    mutants = [killed, Fate("two", "<fault>")]
    found = Hunt("<scope>", mutants, 2, 1, 1, ["two"], 1, 1, [], [control], [], [], 0)
    return replace(found, **changes)


def errors() -> Errors:
    """Return errors of eight outputs."""
    return Errors(
        dtype="float32",
        layer="<layer>",
        seeds=2,
        outputs=8,
        histogram={side: {"exact": 1, "-9": 3, "-4": 4} for side in SIDES},
        by_position={side: [[0.0, 0.5], [0.25, 1.0]] for side in SIDES},
        nearer={"subject": 3, "TensorFlow": 3, "neither": 2},
        minimum_tolerance=Tolerance(1e-6, None),
    )


def ledger() -> Ledger:
    """Return a ledger of one row."""
    row = Checked(
        "row", "eigen", "<theirs>", "<ours>", "https://example.org", "as written", (), False
    )
    return Ledger((row,), (), "<avx>", 0)


def samples(**changes: Any) -> Samples:
    """Return samples that agree."""
    return replace(Samples(real_input(), [errors()], ledger()), **changes)


def theorems(**changes: Any) -> Proved:
    """Return a theorem that is proved, a mistake that is refuted, and a bridge that holds."""
    proof = Proof("<fits>", "<All> fit.", ("<npconv>",), paths=3, statements=7)
    wrong = Refutation(
        "<mistake>", "<npconv>", "<fits>", "refuted", "<no>", "<token>", True, True, 0.1
    )
    bridge = Bridged(compared=9, refused={"<negative>": 2})
    return replace(
        Proved([proof], [wrong], [OfRecipe("x", None, 0.1)], bridge, [], [], 1.0), **changes
    )


def report(*, quick: bool = False, times: Speed | None = None, **parts: Any) -> Report:
    """Return the whole, some parts of which are given: sweep, campaign, hunt, samples, theorems."""
    made: dict[str, Any] = {
        "sweep": sweep(),
        "campaign": campaign(),
        "hunt": hunt(),
        "samples": samples(),
    }
    made |= {"theorems": theorems(), **parts}
    return document.joined(**made, speed=times or speed(), quick=quick)


OPEN = Proof("<open>", "<Who> knows.", (), verdict="unknown", words="<unknown>")
REMARK, DISAGREES = Remark("<token>", "<reason>"), Failure("exact", "<token>", "<reason>")
DEATH = Crash("<token>", "subject", "<killed>", -6)
