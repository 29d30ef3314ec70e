"""The prover can fail: wrong versions of the functions are refuted, and the tree is left whole."""

from __future__ import annotations

import pytest

pytest.importorskip("z3", reason="proofs need z3-solver")

from npconv import _geometry
from parity.theorems import spans
from parity.theorems.planted import ROWS, Planted, by_name, planted
from parity.theorems.theorem import Refuted, prove, replay


def test_a_wrong_function_is_refuted_and_the_right_one_comes_back() -> None:
    one, right = spans.span_reads_what_the_definition_says, vars(_geometry.Axis)["span"]
    with planted(by_name()["span_by_stride"]):
        proof = prove(one)
        with pytest.raises(Refuted, match=proof.words):
            replay(one, **proof.counterexample)
    assert (proof.verdict, proof.smallest) == ("refuted", True)
    assert vars(_geometry.Axis)["span"] is right
    assert replay(one, **proof.counterexample)


def test_what_is_not_there_cannot_be_replaced() -> None:
    row = Planted("nothing", "npconv._geometry.Axis.span", "no such text", "", "")
    with pytest.raises(ValueError, match="is 0 times"), planted(row):
        pass


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_each_mistake_can_be_planted(row: Planted) -> None:
    with planted(row):
        pass


def test_every_name_is_one_mistake() -> None:
    assert len(by_name()) == len(ROWS)
