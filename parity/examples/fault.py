"""What a fault is, and those that any argument may have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

Arguments = dict[str, Any]
Pick = Callable[[Sequence[Any]], Any]
"""Chooses one of some values."""
Inject = Callable[[Pick, Arguments], None]


class Fault(NamedTuple):
    """One way to get a call wrong.

    Attributes
    ----------
    rule
        The rule that it breaks, or probes.
    names
        The arguments of which a message has to name one; none where Python itself refuses.
    inject
        Puts it into the arguments.
    """

    rule: int | str
    names: tuple[str, ...]
    inject: Inject


def one_of(name: str, *values: Any) -> Inject:
    """Put one of `values` in the place of an argument."""

    def inject(pick: Pick, arguments: Arguments) -> None:
        arguments[name] = pick(values)

    return inject


def dtype(which: Sequence[str], *names: str) -> Inject:
    """Give one of some arrays another dtype."""

    def inject(pick: Pick, arguments: Arguments) -> None:
        array = pick(which)
        if isinstance(arguments.get(array), tuple):
            arguments[array] = (arguments[array][0], pick(names))

    return inject
