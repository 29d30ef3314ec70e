"""A covering array: few layers in which every pair of values, and some triples, are met.

Built greedily (as AETG does): begin with what is still to be met, then give every other factor the
value by which the layer meets most.  Nothing is drawn, so it is the same everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import combinations, product
from typing import Any

from parity.layers import VALUES, Layer, smallest, values
from parity.subject import Scope

FACTORS = tuple(VALUES)
TRIPLES = (
    *((*("kernel", "strides"), channels) for channels in ("in_channels", "out_channels")),
    *(
        ("kind", channels, outputs)
        for channels, outputs in product(("in_channels", "out_channels"), ("rows", "columns"))
    ),
)
"""Three factors of which all values meet, beside all pairs: what fast paths ask for together."""
STRENGTH = (*combinations(FACTORS, 2), *TRIPLES)

Target = tuple[tuple[str, Any], ...]
"""Values of two or three factors, in the order of `FACTORS`."""


def targets(scope: Scope) -> Iterator[Target]:
    """Yield every pair, and every one of `TRIPLES`, that a layer within `scope` can have."""
    of = values(scope)
    # Triples first: the pairs that are in them come for nothing.
    for names in sorted(STRENGTH, key=len, reverse=True):
        ordered = sorted(names, key=FACTORS.index)
        for chosen in product(*(of[name] for name in ordered)):
            target = tuple(zip(ordered, chosen, strict=True))
            if smallest(dict(target)) is not None:
                yield target


@cache
def covering(scope: Scope) -> tuple[Layer, ...]:
    """Return layers within `scope` that meet all `targets`."""
    of = values(scope)
    left = dict.fromkeys(targets(scope))
    found: list[Layer] = []
    while left:
        fixed: dict[str, Any] = dict(next(iter(left)))
        for name in FACTORS:
            if name not in fixed:
                fixed[name] = _best(fixed, name, of[name], left, len(found))
        layer = Layer(**fixed)
        found.append(layer)
        for target in met(layer):
            left.pop(target, None)
    return tuple(found)


def met(layer: Layer) -> Iterator[Target]:
    """Yield the pairs and triples that `layer` has."""
    for names in _ordered():
        yield tuple((name, getattr(layer, name)) for name in names)


def _best(
    fixed: dict[str, Any], name: str, choice: tuple[Any, ...], left: dict[Target, None], turn: int
) -> Any:
    """Return the value of factor `name` that meets most of what is left and still fits.

    Of equals another comes first each time.
    """
    known = [
        others
        for others in _ordered()
        if name in others and all(one == name or one in fixed for one in others)
    ]

    def gain(value: Any) -> int:
        there = {**fixed, name: value}
        return sum(tuple((one, there[one]) for one in others) in left for others in known)

    turned = turn % len(choice)
    ranked = sorted((*choice[turned:], *choice[:turned]), key=gain, reverse=True)
    return next(value for value in ranked if smallest({**fixed, name: value}) is not None)


@cache
def _ordered() -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(sorted(names, key=FACTORS.index)) for names in STRENGTH)
