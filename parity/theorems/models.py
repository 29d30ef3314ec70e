"""What proven functions see in place of ``range`` and ``len``, which want integers that are known.

A loop over a ``Range`` has one turn, of which nothing is known but that the loop has it. What is
proved of it holds for every turn, as far as turns leave each other alone: that they append to a
list, or yield, and carry nothing else. Where they do, a theorem says what it assumes of it.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator
from typing import Any

from parity.theorems.symbolic import both, product_grows
from parity.theorems.theorem import Check, modelled

__all__ = ["Range", "Turn", "compare", "length", "modelled", "ranges"]

Turn = Any
"""The number of a turn: an integer, or a function of the ``Range`` which returns one."""


class Range:
    """The integers from ``start``, by ``step``, before ``stop``; iterated, those of one turn."""

    def __init__(self, bounds: tuple[Any, ...], turn: Callable[[Range], Any]) -> None:
        self.start, self.stop = bounds[:2] if len(bounds) > 1 else (0, *bounds)
        self.step = bounds[2] if len(bounds) > 2 else 1
        self._turn = turn

    def __iter__(self) -> Iterator[Any]:
        yield self.start + self._turn(self) * self.step

    @property
    def length(self) -> Any:
        """As ``len`` of a range, whose step must be positive."""
        return max(0, -((self.start - self.stop) // self.step))


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
