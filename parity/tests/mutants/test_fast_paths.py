"""Faults of fast paths stay unseen until a layer of that kind is drawn, and have one fault each."""

from __future__ import annotations

import inspect

import pytest

from parity import claims
from parity.model.case import Case
from parity.model.subject import Scope
from parity.mutants import MUTANTS, Mutant, fast_paths, grouped_paths, textbook
from parity.oracles.eigen import conv2d as tensorflow
from parity.search import regressions

KINDS = {
    name: mutant
    for name, mutant in MUTANTS.items()
    if isinstance(mutant.conv2d, fast_paths.FastPath)
}
REGRESSIONS = [claims.parse(token) for token in regressions.regressions()]


def test_there_are_many_and_each_is_listed() -> None:
    classes = {
        one
        for module in (fast_paths, grouped_paths)
        for _, one in inspect.getmembers(module, inspect.isclass)
        if issubclass(one, fast_paths.FastPath) and one is not fast_paths.FastPath
    }
    assert {type(mutant.conv2d) for mutant in KINDS.values()} == classes
    assert len(classes) >= 12


@pytest.mark.parametrize("mutant", KINDS.values(), ids=KINDS)
def test_no_regression_row_kills_it(mutant: Mutant) -> None:
    for example in REGRESSIONS:
        for claim in claims.admitting(example, Scope()):
            claim.check(example, mutant.conv2d)


@pytest.mark.parametrize("mutant", KINDS.values(), ids=KINDS)
def test_its_example_is_a_valid_layer_that_the_claim_exact_finds_wrong(mutant: Mutant) -> None:
    assert isinstance(mutant.example, Case)
    exact = claims.CLAIMS["exact"]
    exact.check(mutant.example, textbook)
    exact.check(mutant.example, tensorflow)
    with pytest.raises(AssertionError, match="bit-identical"):
        exact.check(mutant.example, mutant.conv2d)
