"""Phases of strides and dilations, on ordinary integers."""

from __future__ import annotations

import pytest

pytest.importorskip("z3", reason="proofs need z3-solver")

from parity.tests.theorems.drawing import hold
from parity.theorems import phases
from parity.theorems.planted import by_name, planted
from parity.theorems.theorem import THEOREMS, Refuted, Theorem, prove, replay

OWN = [one for one in THEOREMS.values() if one.body.__module__ == phases.__name__]


@pytest.mark.parametrize("one", OWN, ids=lambda one: one.name)
def test_theorems_hold_of_ordinary_integers(one: Theorem) -> None:
    hold(one, size=12)


def test_a_wrong_phase_is_refuted() -> None:
    one = phases.each_tap_that_meets_a_pixel_is_in_a_part
    with planted(by_name()["stride_first_pixel_off"]):
        proof = prove(one)
        assert (proof.verdict, proof.smallest) == ("refuted", True)
        with pytest.raises(Refuted, match=proof.words):
            replay(one, **proof.counterexample)
    replay(one, **proof.counterexample)
