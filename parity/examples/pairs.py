"""Pairwise coverage: which levels of two factors a run has met in one example, and has to meet.

A kernel that is wrong only where two conditions hold together is found by an example that has
both.  The levels of an example are names such as ``stride 2``; every two of them are a pair.

How much a run has to meet follows from how much it has drawn.  If a pair is in a share p of all
examples, n examples miss it with a probability of (1 - p)**n <= exp(-n p), and one of k such
pairs is missed with a probability of at most k exp(-n p).  A pair is asked for where that is
below `CHANCE`; then a run that lacks one was not drawn as it should be, whatever the seed.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import NamedTuple

Pair = tuple[str, str]

CHANCE = 1e-6
"""With which probability a sound run may be told to have missed something."""


class Coverage(NamedTuple):
    """What the examples of a claim can be, and how rare that may be.

    Attributes
    ----------
    levels, pairs
        All that are possible.
    level, pair
        The share of the examples that has the rarest of each, at the least.
    """

    levels: frozenset[str] = frozenset()
    pairs: frozenset[Pair] = frozenset()
    level: float = 1.0
    pair: float = 1.0


def pairs_of(levels: Iterable[str]) -> Iterable[Pair]:
    """Return every two of `levels`, in the order of the alphabet."""
    return combinations(sorted(levels), 2)


def missed(coverage: Coverage, met: Counter[Pair], examples: int) -> list[str]:
    """Return the levels, and then the pairs, that `examples` ought to have met and have not."""
    levels = {level for pair in met for level in pair}
    found = []
    if surely(len(coverage.levels), coverage.level, examples):
        found += sorted(coverage.levels - levels)
    if surely(len(coverage.pairs), coverage.pair, examples):
        found += [name(pair) for pair in sorted(coverage.pairs - met.keys())]
    return found


def surely(number: int, share: float, examples: int) -> bool:
    """Say whether `examples` meet each of `number` things of at least that share, but by chance."""
    return number * math.exp(-share * examples) < CHANCE


def said(coverage: Coverage, met: Counter[Pair], examples: int) -> str:
    """Say how many of the pairs were met, and which least often."""
    least = sorted(coverage.pairs, key=lambda pair: (met[pair], pair))[:3]
    number = sum(met[pair] > 0 for pair in coverage.pairs)
    asked = surely(len(coverage.pairs), coverage.pair, examples)
    return (
        f"{number:,} of {len(coverage.pairs):,} pairs of factors in {examples:,} examples"
        f" ({'each has to be' if asked else 'too few to ask for each'}); the rarest: "
        + "; ".join(f"{met[pair]:,} {name(pair)}" for pair in least)
    )


def name(pair: Pair) -> str:
    """Return a pair as JSON and the terminal know it."""
    return ", ".join(pair)


def document(met: Mapping[Pair, int]) -> dict[str, int]:
    """Return how often each pair was met, as JSON knows it."""
    return {name(pair): met[pair] for pair in sorted(met)}
