"""What blocks read and where views lead, on ordinary integers."""

from __future__ import annotations

import pytest

pytest.importorskip("z3", reason="proofs need z3-solver")

from parity.tests.theorems.drawing import hold
from parity.theorems import reads, views
from parity.theorems.planted import by_name, planted
from parity.theorems.theorem import THEOREMS, Refuted, Theorem, prove, replay

OWN = [one for one in THEOREMS.values() if one.body.__module__ in (reads.__name__, views.__name__)]
MOST = {"size": 9, "at": 2, "at_output": 1, "at_tap": 1, "at_channel": 2, "at_group": 2}


@pytest.mark.parametrize("one", OWN, ids=lambda one: one.name)
def test_theorems_hold_of_ordinary_integers(one: Theorem) -> None:
    hold(one, **MOST)


@pytest.mark.parametrize("name", ["bands_without_last_channel", "merged_without_check"])
def test_a_wrong_read_is_refuted(name: str) -> None:
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
