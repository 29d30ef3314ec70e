"""Proofs of all theorems, refutations of what is planted, and what compiled TensorFlow says."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from parity import engine
from parity.engine import Outcome, note
from parity.model.case import Case
from parity.model.settings import Settings
from parity.theorems import cuts, phases, placed, sizes, spans
from parity.theorems.bridge import Bridged, compare
from parity.theorems.planted import by_name, planted
from parity.theorems.records import PROVED, REFUTED, Proved, Refutation
from parity.theorems.theorem import (
    POSITIVE,
    THEOREMS,
    Outside,
    Proof,
    Refuted,
    Theorem,
    prove,
    replay,
    token,
)

MODULES = (cuts, phases, placed, sizes, spans)
"""What is imported is proved."""


@dataclass(frozen=True)
class Task:
    """A theorem to prove, a mistake to refute, or so many geometries to ask TensorFlow about."""

    theorem: str = ""
    planted: str = ""
    geometries: int = 0
    seed: int = 0


def proved(
    settings: Settings,
    theorems: Sequence[str],
    mistakes: Sequence[str],
    geometries: int,
    seed: int,
) -> Proved:
    """Prove theorems, refute mistakes, compare geometries."""
    start = time.monotonic()
    tasks = [Task(geometries=geometries, seed=seed)] if geometries else []
    tasks += [Task(name) for name in theorems] + [Task(planted=name) for name in mistakes]
    found: list[Proof | Refutation | Bridged] = []
    crashes: list[str] = []

    def one(outcome: Outcome[Task, Proof | Refutation | Bridged]) -> None:
        if outcome.result is None:
            crashes.append(str(outcome.crash))
        else:
            found.append(outcome.result)

    engine.run(answered, tasks, settings, one)
    order = {name: place for place, name in enumerate((*THEOREMS, *by_name()))}
    return Proved(
        sorted((each for each in found if isinstance(each, Proof)), key=lambda x: order[x.name]),
        sorted(
            (each for each in found if isinstance(each, Refutation)), key=lambda x: order[x.name]
        ),
        next((each for each in found if isinstance(each, Bridged)), None),
        crashes,
        time.monotonic() - start,
    )


def answered(settings: Settings, task: Task) -> Proof | Refutation | Bridged:
    """Do one of them."""
    note.example(task.theorem or task.planted or f"{task.geometries} geometries")
    if task.geometries:
        return compare(task.geometries, task.seed)
    return prove(THEOREMS[task.theorem]) if task.theorem else refuted(task.planted)


def refuted(name: str) -> Refutation:
    """Refute a theorem of what is planted, and replay the integers against it."""
    row = by_name()[name]
    one = THEOREMS[row.theorem]
    with planted(row):
        proof, call = prove(one), ""
        fails = proof.verdict == REFUTED and outcome(one, proof.counterexample) != PROVED
        if fails and _is_of_axes(one):
            call = _call(one)
    holds = fails and outcome(one, proof.counterexample) == PROVED
    return Refutation(
        name, row.function, row.theorem, proof.verdict, proof.words,
        token(row.theorem, proof.counterexample, name), proof.smallest, holds, proof.seconds, call,
    )  # fmt: skip


def outcome(one: Theorem, values: dict[str, object]) -> str:
    """Say what a theorem makes of integers: that it holds, or the words of what does not."""
    try:
        replay(one, **values)
    except Refuted as error:
        return error.words
    except Outside:
        return "the theorem does not speak of them"
    return PROVED


def _is_of_axes(one: Theorem) -> bool:
    return {"size", "kernel", "stride", "dilation", "padding"} <= {*one.domains} and (
        "outputs" not in one.domains
    )


def _call(one: Theorem) -> str:
    """Return the smallest call of conv2d with a pixel and a tap that the theorem is wrong about."""
    domains = {**one.domains, "size": POSITIVE, "kernel": POSITIVE}
    values = prove(Theorem(one.name, one.statement, one.about, domains, one.body)).counterexample
    if not values:
        return ""
    pads = (values["before"], values["after"], 0, 0)
    return Case(
        (1, values["size"], 1, 1), (values["kernel"], 1, 1, 1),
        strides=(values["stride"], 1), dilations=(values["dilation"], 1),
        padding=pads if values["padding"] == "EXPLICIT" else values["padding"], kind="distinct",
    ).token()  # fmt: skip
