"""Pairs are asked for where a sound run cannot miss them, and only there."""

from __future__ import annotations

import random
from collections import Counter
from itertools import product

import pytest

from parity.claims import tally, trust
from parity.claims.claim import Claim, Told
from parity.claims.tally import Count
from parity.examples.pairs import CHANCE, Coverage, document, missed, pairs_of, said, surely
from parity.examples.strategies import cases
from parity.model.case import Case
from parity.model.subject import Scope

LEVELS = [[f"{factor}{level}" for level in range(4)] for factor in "abc"]
COVERAGE = Coverage(
    levels=frozenset(level for factor in LEVELS for level in factor),
    pairs=frozenset(
        pair
        for i, one in enumerate(LEVELS)
        for other in LEVELS[i + 1 :]
        for two in product(one, other)
        for pair in pairs_of(two)
    ),
    level=1 / 4,
    pair=1 / 16,
)
ENOUGH = 300
"""From 285 on 48 pairs of a share of 1 / 16 are asked for: 48 exp(-285 / 16) < 1e-6."""


def run(examples: int, seed: int = 0) -> Counter[tuple[str, str]]:
    rng = random.Random(seed)
    return Counter(
        pair for _ in range(examples) for pair in pairs_of([rng.choice(of) for of in LEVELS])
    )


def test_pairs_are_asked_for_from_the_number_of_examples_on_that_meets_them() -> None:
    assert len(COVERAGE.pairs) == 48
    assert not surely(48, 1 / 16, 280)
    assert surely(48, 1 / 16, 285)
    assert CHANCE <= 1e-6
    lacking = run(ENOUGH)
    del lacking["a1", "b2"]
    assert missed(COVERAGE, lacking, ENOUGH) == ["a1, b2"]
    assert missed(COVERAGE, lacking, 280) == []


def test_levels_are_asked_for_earlier() -> None:
    met = Counter({pair: n for pair, n in run(100).items() if "c3" not in pair})
    assert missed(COVERAGE, met, 100) == ["c3"]
    assert missed(COVERAGE, met, 50) == []
    assert "c3" in missed(COVERAGE, met, ENOUGH)
    assert "a0, c3" in missed(COVERAGE, met, ENOUGH)


@pytest.mark.parametrize("examples", [10, 70, 285, 1000])
def test_a_sound_run_misses_nothing(examples: int) -> None:
    for seed in range(50):
        assert missed(COVERAGE, run(examples, seed), examples) == []


def test_pairs_are_counted_merged_said_and_mistrusted() -> None:
    claim = Claim(
        name="planted",
        statement="",
        dtypes=("float32",),
        strategy=lambda dtype, scope: cases([dtype]),
        check=lambda case, conv2d: Told(1, 1),
        examples=100,
        telling=0,
        minima=lambda scope: {},
        coverage=lambda scope: COVERAGE,
    )
    rng, scope = random.Random(3), Scope(dtypes=("float32",))
    counts = [Count("planted", "float32"), Count("planted", "float32")]
    for number in range(ENOUGH):
        drawn = [rng.choice(of) for of in LEVELS]
        if {"a1", "c2"} <= set(drawn):
            drawn[0] = "a0"
        example = Case((1, 1, 1, 1), (1, 1, 1, 1), seed=number)
        counts[number % 2].add(example, Told(1, 1, levels=tuple(drawn)), [])
    merged: tally.Counts = {}
    tally.merge(merged, counts)
    [count] = merged.values()
    assert sum(count.pairs.values()) == 3 * ENOUGH
    assert count.document().pairs == document(count.pairs)
    assert count.document().pairs["a0, b0"] == count.pairs["a0", "b0"]
    assert trust.doubts(claim, [count], scope) == [f"planted: none of {ENOUGH} examples has a1, c2"]
    line = trust.covered(claim, [count], scope)
    assert line.startswith("planted: 47 of 48 pairs of factors in 300 examples (each has to be)")
    assert "the rarest: 0 a1, c2; " in line
    assert "too few to ask" in said(COVERAGE, count.pairs, 100)
    assert trust.covered(claim, [Count("planted", "float32", 5)], scope) == ""
