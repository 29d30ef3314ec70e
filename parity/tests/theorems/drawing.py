"""Ordinary integers for theorems, drawn until enough of them meet the assumptions."""

from __future__ import annotations

from random import Random

from parity.theorems.theorem import NATURAL, POSITIVE, Outside, Theorem, replay


def held(one: Theorem, draw: Random, count: int) -> int:
    """Hold a theorem against so many small integers that it speaks of; return how many it said."""
    least = {NATURAL: 0, POSITIVE: 1}
    said = done = 0
    for _ in range(500 * count):
        if done == count:
            return said
        most = draw.choice((2, 4, 12))
        values = {
            name: draw.choice(domain)
            if isinstance(domain, tuple)
            else draw.randint(least.get(domain, -most), most)
            for name, domain in one.domains.items()
        }
        try:
            said += replay(one, **values)
            done += 1
        except Outside:
            continue
    raise AssertionError(f"only {done} of {count} draws meet the assumptions of {one.name}")
