"""Theorems held against ordinary integers, which are drawn."""

from __future__ import annotations

from random import Random
from typing import Any

from parity.theorems.theorem import INTEGER, POSITIVE, Outside, Theorem, replay

_DRAWS = 400_000


def hold(one: Theorem, wanted: int = 200, **most: int) -> dict[str, Any]:
    """Hold a theorem against so many draws that it speaks of; print how many it does not.

    Parameters are up to 4, or what `most` says of them, whichever the axis. Returns the last draw.
    """
    random, held = Random(one.name), 0
    for number in range(_DRAWS):
        values: dict[str, Any] = {}
        for name, domain in one.domains.items():
            if isinstance(domain, tuple):
                values[name] = random.choice(domain)
            else:
                least = {INTEGER: -3, POSITIVE: 1}.get(domain, 0)
                values[name] = random.randint(least, most.get(name.rstrip("0123456789"), 4))
        try:
            held += replay(one, **values) > 0
        except Outside:
            continue
        if held == wanted:
            print(f"{one.name}: {held} draws held, {number + 1 - held} outside")
            return values
    raise AssertionError(f"{one.name}: only {held} of {_DRAWS} draws are inside")
