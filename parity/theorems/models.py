"""What proven functions see in place of ``range`` and ``len``, which want integers that are known.

A loop over a ``Range`` has one turn, of which nothing is known but that the loop has it. What is
proved of it holds for every turn, as far as turns leave each other alone: that they append to a
list, or yield, and carry nothing else. Where they do, a theorem says what it assumes of it.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from parity.theorems.symbolic import Int, both, path, product_grows, truth
from parity.theorems.theorem import Check, Domain, modelled

__all__ = [
    "Range", "Turn", "along", "compare", "each", "greatest", "least", "length", "modelled",
    "ranges",
]  # fmt: skip

Turn = Any
"""The number of a turn: an integer, or a function of the ``Range`` which returns one."""


class Range:
    """The integers from ``start``, by ``step``, before ``stop``; iterated, those of one turn."""

    def __init__(self, bounds: tuple[Any, ...], turn: Callable[[Range], Any] | None = None) -> None:
        self.start, self.stop = bounds[:2] if len(bounds) > 1 else (0, *bounds)
        self.step = bounds[2] if len(bounds) > 2 else 1
        self._turn = turn

    def __iter__(self) -> Iterator[Any]:
        assert self._turn is not None, "a range that is only measured"
        yield self.start + self._turn(self) * self.step

    @property
    def length(self) -> Any:
        """As ``len`` of a range, whose step must be positive."""
        return greatest(0, -((self.start - self.stop) // self.step))


def least(one: Any, other: Any) -> Any:
    """Return the ``min`` of two without asking which, which would make two ways of one."""
    if not isinstance(one, Int) and not isinstance(other, Int):
        return min(one, other)
    found = path().fresh("least")
    path().add(truth(both(found <= one, found <= other, (found == one) | (found == other))).term)
    return found


def greatest(one: Any, other: Any) -> Any:
    """Return the ``max`` of two, likewise."""
    return -least(-one, -other)


def length(of: Any) -> Any:
    """Return ``len(of)``, also of a ``Range``."""
    return of.length if isinstance(of, Range) else builtins.len(of)


def ranges(check: Check, *turns: Turn) -> Callable[..., Range]:
    """Return what stands for ``range``: the n-th loop that begins has the n-th of the `turns`.

    That the loop has a turn is assumed where it is given as an integer. Where a function names it,
    because some turn is to be shown, it is held. A loop for which none is left is an error.
    """
    left = iter(turns)

    def turn(of: Range) -> Any:
        number = next(left, None)
        if number is None:
            raise LookupError("a loop of which the theorem names no turn")
        if callable(number):
            number = number(of)
            check.holds(both(number >= 0, number < of.length), "the loop has the turn")
        else:
            check.assume(both(number >= 0, number < of.length))
        return number

    return lambda *bounds: Range(bounds, turn)


def compare(check: Check, by: Any, *values: Any) -> None:
    """Let it be known that products by a natural number are in the order of the values."""
    for one in values:
        for other in values:
            if one is not other:
                check.lemma(product_grows(one, other, by))


def each(domain: Domain, *names: str, axes: int = 3) -> dict[str, Domain]:
    """Return the domain of parameters that there are of each axis: names with its number."""
    return {f"{name}{axis}": domain for name in names for axis in range(axes)}


def along(given: Mapping[str, Any], rank: int, *names: str) -> list[tuple[Any, ...]]:
    """Return such parameters, of one axis after the other."""
    return [tuple(given[f"{name}{axis}"] for name in names) for axis in range(rank)]
