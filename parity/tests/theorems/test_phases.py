"""The theorems about phases speak of ordinary integers, and notice a mistake."""

from __future__ import annotations

import random

import pytest

pytest.importorskip("z3", reason="proofs need z3-solver")

from parity.tests.theorems.drawing import held
from parity.theorems import phases
from parity.theorems.theorem import THEOREMS

NAMES = [name for name, one in THEOREMS.items() if one.body.__module__ == phases.__name__]


@pytest.mark.parametrize("name", NAMES)
def test_each_holds_of_ordinary_integers(name: str) -> None:
    assert held(THEOREMS[name], random.Random(name), 200) >= 200
