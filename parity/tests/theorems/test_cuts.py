"""How sizes and boxes are cut, on ordinary integers."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest

pytest.importorskip("z3", reason="proofs need z3-solver")

from npconv._engine import plan
from parity.tests.theorems.drawing import hold
from parity.theorems import cuts
from parity.theorems.planted import by_name, planted
from parity.theorems.theorem import THEOREMS, Refuted, Theorem, prove, replay

OWN = [one for one in THEOREMS.values() if one.body.__module__ == cuts.__name__]


@pytest.mark.parametrize("one", OWN, ids=lambda one: one.name)
def test_theorems_hold_of_ordinary_integers(one: Theorem) -> None:
    hold(one)


def test_runs_are_consecutive_rows_whatever_the_rank() -> None:
    """What the step of the induction comes to, without models."""
    random = np.random.default_rng(0)
    for _ in range(200):
        rank = int(random.integers(0, 5))
        sizes = tuple(int(one) for one in random.integers(1, 6, rank))
        count = int(random.integers(-1, 2 * prod(sizes) + 2))
        rows = np.arange(prod(sizes)).reshape(sizes)
        runs = list(plan.runs(sizes, count))
        read = [rows[tuple(slice(*one) for one in run)] for run in runs]
        assert np.array_equal(np.concatenate([one.ravel() for one in read]), rows.ravel())
        assert np.array_equal(np.max([one.shape for one in read], 0), plan.largest(sizes, count))
        cut = list(plan.tiles(sizes, 6, 3, count, 2))
        assert [tile.outputs for tile in cut] == [*runs, *runs]
        for tile, own in zip(cut, [*read, *read], strict=True):
            assert np.array_equal(own.ravel(), np.arange(tile.start, tile.stop))
        assert sorted({tile.channels for tile in cut}) == [(0, 2), (2, 6)]


def test_a_wrong_cut_is_refuted() -> None:
    with planted(by_name()["runs_cut_below_several"]):
        proof = prove(cuts.runs_are_contiguous)
        with pytest.raises(Refuted, match="cut alike"):
            replay(cuts.runs_are_contiguous, **proof.counterexample)
        with pytest.raises(Refuted):
            hold(cuts.runs_are_contiguous)
    assert (proof.verdict, proof.smallest) == ("refuted", True)
