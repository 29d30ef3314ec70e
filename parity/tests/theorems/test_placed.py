"""Where algorithms put weights, planes and windows, on ordinary integers."""

from __future__ import annotations

import pytest

pytest.importorskip("z3", reason="proofs need z3-solver")

from parity.tests.theorems.drawing import hold
from parity.theorems import placed
from parity.theorems.planted import by_name, planted
from parity.theorems.theorem import THEOREMS, Refuted, Theorem, prove, replay

OWN = [one for one in THEOREMS.values() if one.body.__module__ == placed.__name__]


@pytest.mark.parametrize("one", OWN, ids=lambda one: one.name)
def test_theorems_hold_of_ordinary_integers(one: Theorem) -> None:
    hold(one)


def test_a_wrong_place_is_refuted() -> None:
    one = placed.filters_stand_where_their_outputs_read
    with planted(by_name()["spread_without_stride"]):
        proof = prove(one)
        assert (proof.verdict, proof.smallest) == ("refuted", True)
        with pytest.raises(Refuted, match=proof.words):
            replay(one, **proof.counterexample)
    replay(one, **proof.counterexample)
