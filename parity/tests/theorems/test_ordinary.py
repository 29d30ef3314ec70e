"""Every theorem on ordinary integers: it holds of the shipped functions, not of wrong ones."""

from __future__ import annotations

import pytest

pytest.importorskip("z3", reason="proofs need z3-solver")

from parity.tests.theorems.drawing import hold
from parity.theorems.planted import by_name, planted
from parity.theorems.run import ORDERED
from parity.theorems.theorem import THEOREMS, Refuted, Theorem, prove, replay

MOST = {"size": 9, "at": 2, "at_output": 1, "at_tap": 1, "at_channel": 2, "at_group": 2}
WRONG = (
    "same_lower", "span_by_stride", "runs_cut_below_several", "bands_without_last_channel",
    "merged_without_check", "spread_without_stride", "stride_first_pixel_off",
)  # fmt: skip


@pytest.mark.parametrize("one", ORDERED, ids=lambda one: one.name)
def test_theorems_hold_of_ordinary_integers(one: Theorem) -> None:
    hold(one, **MOST)


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_refuted_by_proof_and_by_draws(name: str) -> None:
    row = by_name()[name]
    one = THEOREMS[row.theorem]
    with planted(row):
        proof = prove(one)
        with pytest.raises(Refuted, match=proof.words):
            replay(one, **proof.counterexample)
        with pytest.raises(Refuted):
            hold(one, **MOST)
    assert (proof.verdict, proof.smallest) == ("refuted", True)
    replay(one, **proof.counterexample)  # which the right function passes
