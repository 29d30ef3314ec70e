"""What a claim is: a strategy that draws examples and a check that raises."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from hypothesis.strategies import SearchStrategy

from parity.examples import corners
from parity.examples.pairs import Coverage
from parity.model.case import Conv2d
from parity.model.operation import OPERATIONS
from parity.model.subject import Scope


class Example(Protocol):
    """Anything that a claim is checked on, named in one line."""

    def token(self) -> str:
        """Return the line."""


@dataclass(frozen=True)
class Told:
    """What one check has compared.

    Attributes
    ----------
    outputs, telling
        How many values were compared, and how many of them would have shown a fault: non-zero,
        bounded tightly, ...
    ratios
        The largest |error| / bound of each side, where there is a bound.
    classes
        What the example turned out to be, beside what it was built as.
    levels
        The level of each factor, where pairs of them are counted; see `parity.examples.pairs`.
    """

    outputs: int
    telling: int
    ratios: Mapping[str, float] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()


def never(_: object) -> bool:
    """Admit nothing: the claim cannot be checked on a given example."""
    return False


@dataclass(frozen=True)
class Claim:
    """One thing that the suite holds a subject to.

    Attributes
    ----------
    name, statement
        A word, and a sentence for tables.
    dtypes
        The dtypes that it is about; each is explored by itself.
    strategy, check
        Draws examples of one dtype within a scope; compares one, and raises AssertionError where
        the claim fails.
    examples, telling
        How many examples a dtype gets in a usual run, and the least mean number of telling values
        an example.
    share
        How long its turns in a campaign are beside those of others.
    admits
        Whether the claim can be checked on a given example (for replay and regressions).
    classes, minima
        The corner classes of an example, and the least share of examples of each within a scope;
        see `parity.examples.corners`.
    operations, others
        What it is about, and which share of `examples` each operation but conv2d gets.
    coverage
        The levels of factors of which every two have to be met, within a scope.
    """

    name: str
    statement: str
    dtypes: tuple[str, ...]
    strategy: Callable[[str, Scope], SearchStrategy[Any]]
    check: Callable[[Any, Conv2d], Told]
    examples: int
    telling: float
    share: float = 1.0
    admits: Callable[[Any], bool] = never
    classes: Callable[[Any], Iterable[str]] = corners.classes
    minima: Callable[[Scope], Mapping[str, float]] = corners.minima
    operations: tuple[str, ...] = tuple(OPERATIONS)
    others: float = 1 / 11
    coverage: Callable[[Scope], Coverage] = lambda _: Coverage()

    def usual(self, scope: Scope) -> float:
        """Return how many examples a dtype gets in a usual run."""
        return self.examples * (1 if scope.operation == "conv2d" else self.others)
