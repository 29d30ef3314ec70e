"""Proofs of theorems and recipes, refutations of what is planted, and what TensorFlow says."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from parity import engine
from parity.engine import Outcome, note
from parity.model.case import Case
from parity.model.settings import Settings
from parity.theorems import cuts, phases, placed, reads, sizes, spans, views
from parity.theorems.bridge import Bridged, compare
from parity.theorems.planted import by_name, planted
from parity.theorems.recipes import RECIPES, by_id
from parity.theorems.recipes_judged import Judged, as_json, judge, table
from parity.theorems.records import PROVED, REFUTED, OfRecipe, Proved, Refutation
from parity.theorems.theorem import (
    POSITIVE,
    THEOREMS,
    Outside,
    Proof,
    Refuted,
    Theorem,
    prove,
    replay,
)
from parity.theorems.written import token

OUTSIDE = "the theorem does not speak of them"
DOCS = Path(__file__).parents[2] / "docs"
MODULES = (sizes, spans, cuts, reads, views, placed, phases)
"""What is imported is proved, in this order."""
ORDERED = sorted(
    THEOREMS.values(),
    key=lambda one: [module.__name__ for module in MODULES].index(one.body.__module__),
)

PAGE = """\
# What is proved

The geometry of a convolution is integer arithmetic. These statements about it hold for **all**
integers: any size, kernel, stride, dilation, padding, any way to cut the work. `parity prove` runs
npconv's own functions on symbolic integers, each way that they can go, and has
[z3](https://github.com/Z3Prover/z3) look for integers against each statement; there are none. The
number of axes is not symbolic: where it matters, the table says for how many a statement is proved.
Wrong versions of the functions are planted too, and have to be refuted by the smallest integers,
which `parity replay` shows. TensorFlow's rule is a transcription, which each complete run holds
against compiled TensorFlow.

Taken for granted: z3, Python, and that TensorFlow is what was transcribed. Loops over unknown
numbers are looked at by one turn, of which nothing is known: that turns are alike, and leave
nothing for the next, is seen in the source (`parity/theorems/turns.py`).

Not covered: NumPy's indexing, BLAS and rounding; what joins these functions, such as products of
ranges along axes (`_phases._parts`, `_engine.im2col._parts` and `_place`, `Plan._tiles`), sums
where products meet (`_gradients._add_up`), the choice of an algorithm and of its cut. These are
what the claims of the suite are about: they compare whole calls.

| Theorem | Statement | Of |
| --- | --- | --- |"""

Result = Proof | Refutation | OfRecipe | Bridged


@dataclass(frozen=True)
class Task:
    """A theorem to prove, a mistake to refute, a recipe to judge, or geometries for TensorFlow."""

    theorem: str = ""
    planted: str = ""
    recipe: str = ""
    again: bool = False
    geometries: int = 0
    seed: int = 0


def proved(
    settings: Settings,
    theorems: Sequence[str],
    mistakes: Sequence[str],
    recipes: Sequence[str],
    geometries: int,
    seed: int,
    *,
    again: bool = False,
) -> Proved:
    """Prove theorems, `again` by another solver, refute mistakes, judge recipes, ask TensorFlow."""
    start = time.monotonic()
    tasks = [Task(geometries=geometries, seed=seed)] if geometries else []
    tasks += [Task(name, again=again) for name in theorems] + [
        Task(planted=name) for name in mistakes
    ]
    tasks += [Task(recipe=name) for name in recipes]
    found: dict[Task, Result] = {}
    crashes: list[str] = []

    def heard(outcome: Outcome[Task, Result]) -> None:
        if outcome.result is None:
            crashes.append(str(outcome.crash))
        else:
            found[outcome.task] = outcome.result

    engine.run(answered, tasks, settings, heard)
    results = [found[task] for task in tasks if task in found]
    judged = [one for one in results if isinstance(one, OfRecipe)]
    return Proved(
        [one for one in results if isinstance(one, Proof)],
        [one for one in results if isinstance(one, Refutation)],
        judged,
        next((one for one in results if isinstance(one, Bridged)), None),
        stale(judged) if len(judged) == len(RECIPES) else [],
        crashes,
        time.monotonic() - start,
    )


def answered(settings: Settings, task: Task) -> Result:
    """Do one of them."""
    note.example(task.theorem or task.planted or task.recipe or f"{task.geometries} geometries")
    if task.geometries:
        return compare(task.geometries, task.seed)
    if task.recipe:
        (one,) = judge([by_id()[task.recipe]])
        return OfRecipe(task.recipe, one.against, one.seconds)
    if task.planted:
        return refuted(task.planted)
    return prove(THEOREMS[task.theorem], again=task.again)


def pages(recipes: Sequence[OfRecipe]) -> dict[str, str]:
    """Return what the pages of the documentation say of all recipes, by the names of the files."""
    judged = [Judged(by_id()[one.id], one.against, one.seconds) for one in recipes]
    rows = [
        f"| {one.name.replace('_', ' ')} | {one.statement}{_ranks(one)} | {_about(one)} |"
        for one in ORDERED
    ]
    theorems = "\n".join([PAGE, *rows, ""])
    return {"recipes.md": table(judged), "recipes.json": as_json(judged), "theorems.md": theorems}


def _ranks(one: Theorem) -> str:
    ranks = one.domains.get("rank")
    if not isinstance(ranks, tuple):
        return ""
    return f" *Proved for {' and '.join(map(str, ranks))} axes.*"


def _about(one: Theorem) -> str:
    return ", ".join(f"`{name.removeprefix('npconv.')}`" for name in one.about)


def stale(recipes: Sequence[OfRecipe]) -> list[str]:
    """Return the pages of a checkout that say something else."""
    files = {DOCS / name: text for name, text in pages(recipes).items()}
    return [
        f"docs/{file.name}"
        for file, text in files.items()
        if (DOCS / "conf.py").is_file() and not (file.is_file() and file.read_text("utf-8") == text)
    ]


def refuted(name: str) -> Refutation:
    """Refute a theorem of what is planted, and replay the integers against it."""
    row = by_name()[name]
    one = THEOREMS[row.theorem]
    some = {key: (value,) for key, value in row.case.items()}
    one = replace(one, domains={**one.domains, **some})
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
        return OUTSIDE
    return PROVED


def _is_of_axes(one: Theorem) -> bool:
    return {"size", "kernel", "stride", "dilation", "padding"} <= {*one.domains} and (
        "outputs" not in one.domains
    )


def _call(one: Theorem) -> str:
    """Return the smallest call of conv2d with a pixel and a tap that the theorem is wrong about."""
    domains = {**one.domains, "size": POSITIVE, "kernel": POSITIVE}
    values = prove(replace(one, domains=domains)).counterexample
    if not values:
        return ""
    pads = (values["before"], values["after"], 0, 0)
    return Case(
        (1, values["size"], 1, 1), (values["kernel"], 1, 1, 1),
        strides=(values["stride"], 1), dilations=(values["dilation"], 1),
        padding=pads if values["padding"] == "EXPLICIT" else values["padding"], kind="distinct",
    ).token()  # fmt: skip
