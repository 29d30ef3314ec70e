"""A covering array: few layers in which every pair of values, and some triples, are met.

Built greedily (as AETG does): begin with what is still to be met, then give every other factor the
value by which the layer meets most.  Nothing is drawn, so it is the same everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from itertools import combinations, product
from typing import Any

from parity.examples.layers import VALUES, Layer, smallest, values
from parity.model.subject import Scope

FACTORS = tuple(VALUES)
CHANNELS, OUTPUTS = ("in_channels", "out_channels"), ("rows", "columns")
PLAIN = tuple(("kind", "kernel", one, "strides") for one in CHANNELS)
"""Kernel, channels and strides, all values of them without groups: most kernels have none."""
TRIPLES = (("kind", "kernel", "strides"), *(("kind", *two) for two in product(CHANNELS, OUTPUTS)))
"""Three factors of which all values meet: what fast paths ask for together."""
STRENGTH = (*PLAIN, *TRIPLES, *combinations(FACTORS, 2))
"""What is met, each in the order of `FACTORS`; the pairs that are in others come for nothing."""

Target = tuple[tuple[str, Any], ...]
"""Values of two to four factors, in the order of `FACTORS`."""


def targets(scope: Scope) -> Iterator[Target]:
    """Yield what of `STRENGTH` a layer within `scope` can have."""
    of = values(scope)
    for names in STRENGTH:
        asked = of | {"kind": of["kind"][:1]} if names in PLAIN else of
        for chosen in product(*(asked[name] for name in names)):
            if smallest(dict(zip(names, chosen, strict=True))) is not None:
                yield tuple(zip(names, chosen, strict=True))


@cache
def covering(scope: Scope) -> tuple[Layer, ...]:
    """Return layers within `scope` that meet all `targets`."""
    of = values(scope)
    left = dict.fromkeys(targets(scope))
    found: list[Layer] = []
    for first in tuple(left):
        if first in left:
            fixed: dict[str, Any] = dict(first)
            for name in FACTORS:
                if name not in fixed:
                    turn = len(found) % len(of[name])  # of equals another comes first each time
                    choice = (*of[name][turn:], *of[name][:turn])
                    fixed[name] = _best(fixed, name, choice, left)
            found.append(Layer(**fixed))
            for names in STRENGTH:
                left.pop(_target(fixed, names), None)
    return tuple(found)


def _target(layer: Mapping[str, Any], names: tuple[str, ...]) -> Target:
    return tuple((name, layer[name]) for name in names)


def _best(
    fixed: Mapping[str, Any], name: str, choice: tuple[Any, ...], left: Mapping[Target, None]
) -> Any:
    """Return the first value of factor `name` that meets most of what is left and still fits."""
    there = {*fixed, name}
    known = [names for names in STRENGTH if name in names and there.issuperset(names)]

    def gain(value: Any) -> int:
        return sum(_target({**fixed, name: value}, names) in left for names in known)

    ranked = sorted(choice, key=gain, reverse=True)
    return next(value for value in ranked if smallest({**fixed, name: value}) is not None)
