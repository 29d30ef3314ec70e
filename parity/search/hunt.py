"""Hold mutants, and the right ones that they come from, to the suite; what became of each."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple

from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import settings as limits

from parity import claims
from parity.claims.check import Subject, failure, under_test
from parity.claims.claim import Example
from parity.claims.tally import Count, dtypes
from parity.model.call import Call
from parity.model.case import DTYPES, Case
from parity.model.settings import Settings
from parity.model.subject import Scope
from parity.mutants import CONTROLS, MUTANTS, control
from parity.oracles import bounds
from parity.search.explore import Disagreement, drawn_from, explore
from parity.search.looks import explanation
from parity.search.regressions import regressions

FIRST = 1 / 32
"""The share of each claim's usual examples in the first round, which finds most faults."""
ROUND = 1 / 8
"""That of each later one."""
ROUNDS = 9


class Turn(NamedTuple):
    """So many examples of a claim and a dtype, drawn from a seed."""

    claim: str
    dtype: str
    examples: int
    start: int


class Task(NamedTuple):
    """A mutant and its turns; or a control and one turn, or none: then the regression rows.

    A control is what mutants are made from: the suite must find nothing in it.
    """

    mutant: str
    turns: tuple[Turn, ...] = ()


@dataclass(frozen=True)
class Fate:
    """What became of one mutant: what killed it, after how many examples, and what that is like.

    Attributes
    ----------
    asked
        Whether its fault lies within the scope, so that it has to be found.
    claim, dtype, token
        The drawn example that killed it, without the help of regression rows; "" if none did.
    regression
        The first of the regression rows that shows it, too.
    misunderstanding, looks_like
        Whether its failure has to look like it, and the mutant that it looks like.
    """

    mutant: str
    fault: str = ""
    asked: bool = True
    claim: str = ""
    dtype: str = ""
    examples: int = 0
    seconds: float = 0.0
    token: str = ""
    regression: str = ""
    misunderstanding: bool = False
    looks_like: str = ""

    @property
    def killed(self) -> bool:
        """Whether anything has found it out."""
        return bool(self.claim or self.regression)

    @property
    def misnamed(self) -> bool:
        """Whether its failure looks like another fault."""
        return self.looks_like not in ("", self.mutant)


def turns(scope: Scope, first: int, share: float = 1.0) -> Iterator[Turn]:
    """Yield the turns of a hunt, which come to `share` times 1.16 of each claim's usual examples.

    They go round by round: the first has the seed `first`, each later one the next.
    """
    rounds = max(1, round(share * ROUNDS))
    later = share * ROUNDS * ROUND / rounds
    for start, part in enumerate([share * FIRST] + [later] * rounds, first):
        for claim in claims.chosen(scope):
            for dtype in dtypes(claim, scope):
                yield Turn(claim.name, dtype, max(1, round(part * claim.usual(scope))), start)


def tasks(scope: Scope, names: Sequence[str], first: int, share: float) -> Iterator[Task]:
    """Yield controls in tasks of about a second each, then each of `names` in one."""
    whole: dict[str, tuple[Turn, ...]] = {}
    functions = {name: MUTANTS[name].function for name in names}
    of = {name: control(one.operation, one.error) for name, one in functions.items()}
    for like in dict.fromkeys(of.values()):
        right = _subject(scope, like)
        yield Task(like)
        yield from (Task(like, (turn,)) for turn in turns(right, first, share))
        whole[like] = tuple(turns(right, first))
    yield from (Task(name, whole[of[name]]) for name in names)


def _subject(scope: Scope, name: str) -> Scope:
    """Return the scope with a mutant or control as its subject."""
    function = CONTROLS[name] if name in CONTROLS else MUTANTS[name].function
    subject = f"parity.mutants:{name}"
    return replace(scope, subject=subject, operation=function.operation, error=function.error)


def hunted(settings: Settings, task: Task) -> Fate:
    """Hold one mutant, or a control, to regression rows and drawn examples."""
    began = time.monotonic()
    scope = _subject(settings.scope, task.mutant)
    conv2d = under_test(scope)
    _freeze()
    if task.mutant in CONTROLS:
        fate = _turned(task, conv2d, scope) if task.turns else _rows(task, conv2d, scope)
        return replace(fate, seconds=time.monotonic() - began)
    mutant = MUTANTS[task.mutant]
    fault = mutant.fault if scope.operation == "conv2d" else f"{scope.operation}: {mutant.fault}"
    fate = Fate(mutant.name, fault, misunderstanding=mutant.misunderstanding)
    if not _asked(mutant.example, scope):
        return replace(fate, asked=False)
    fate = replace(fate, regression=_regression(conv2d, scope))
    shown: Example | None = claims.parse(fate.regression) if fate.regression else None
    began, examples = time.monotonic(), 0
    for turn in task.turns:
        found, example = _first_failure(conv2d, scope, turn)
        examples += found
        if example is not None:
            fate = replace(fate, claim=turn.claim, dtype=turn.dtype, token=example.token())
            shown = example
            break
    fate = replace(fate, examples=examples, seconds=time.monotonic() - began)
    explained = explanation(conv2d, shown, scope) if isinstance(shown, Case) else None
    return replace(fate, looks_like=explained.name if explained else "")


def _rows(task: Task, conv2d: Subject, scope: Scope) -> Fate:
    """Hold the right one to the regression rows, and to what would be said of each example."""
    fate = Fate(task.mutant, regression=_regression(conv2d, scope))
    for mutant in MUTANTS.values():
        example = mutant.example
        if isinstance(example, Case) and claims.within(example, scope):
            explained = explanation(conv2d, example, scope)
            fate = replace(fate, looks_like=explained.name) if explained else fate
    return fate


def _turned(task: Task, conv2d: Subject, scope: Scope) -> Fate:
    """Hold the right one to a turn, with all that a claim does to find an error."""
    name, dtype, examples, start = task.turns[0]
    claim, count = claims.CLAIMS[name], Count(name, dtype)
    try:
        explore(claim, dtype, conv2d, scope, count, examples=examples, start=start, shrink=False)
    except Disagreement as found:
        failed = Fate(task.mutant, claim=name, dtype=dtype, token=found.example.token())
        return replace(failed, examples=count.examples + 1)
    return Fate(task.mutant, examples=count.examples)


def merged(fates: Sequence[Fate]) -> Fate:
    """Return what became of a control as a whole: the first of its tasks that failed, if any."""
    worst = next((fate for fate in fates if fate.killed or fate.looks_like), fates[0])
    return replace(
        worst,
        examples=sum(fate.examples for fate in fates),
        seconds=sum(fate.seconds for fate in fates),
    )


@cache
def _freeze() -> None:
    gc.freeze()  # TensorFlow's million objects need not be searched again and again


def _asked(example: Case | Call, scope: Scope) -> bool:
    """Say whether a subject of `scope` is asked for what shows a fault."""
    if not scope.has("subnormals") and isinstance(example, Case) and example.dtype != "int32":
        arrays = example.arrays()
        values = bounds.allow(example, *arrays, flush=False).value
        least = float(bounds.limits(DTYPES[example.dtype]).smallest_normal)
        if any(((one != 0) & (abs(one) < least)).any() for one in (*arrays, values)):
            return False
    return claims.within(example, scope) and bool(claims.admitting(example, scope))


def _regression(conv2d: Subject, scope: Scope) -> str:
    """Return the first regression row, within the scope, that shows a fault of `conv2d`."""
    for token in regressions():
        example = claims.parse(token)
        for claim in claims.admitting(example, scope) if claims.within(example, scope) else ():
            if failure(claim, example, conv2d) is not None:
                return token
    return ""


def _first_failure(conv2d: Subject, scope: Scope, turn: Turn) -> tuple[int, Example | None]:
    """Return how many examples of a turn were checked and the one that failed, if one did."""
    claim = claims.CLAIMS[turn.claim]
    like = _subject(scope, control(scope.operation, scope.error))
    for number, example in enumerate(_drawn(turn, like), 1):
        if failure(claim, example, conv2d) is not None:
            return number, example
    return turn.examples, None


@cache
def _drawn(turn: Turn, scope: Scope) -> Sequence[Example]:
    """Draw the examples of a turn, once for all mutants of a process."""
    examples: list[Example] = []
    claim = claims.CLAIMS[turn.claim]

    @seed(drawn_from(claim, turn.dtype, turn.start))
    @limits(
        max_examples=turn.examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(claim.strategy(turn.dtype, scope))
    def draw(example: Example) -> None:
        examples.append(example)

    draw()
    return examples
