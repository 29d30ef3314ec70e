"""The right ones of the family are right in every role, and what a hunt makes of their mutants."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, seed, settings

from npconv import reference
from parity.claims.special import COMPARED
from parity.examples.strategies import cases
from parity.model import data
from parity.model.case import DTYPES, Case
from parity.model.operation import FAMILY, OPERATIONS
from parity.model.settings import Settings
from parity.model.subject import Scope
from parity.mutants import CONTROLS, MUTANTS
from parity.mutants.family import Family
from parity.mutants.shown import layer
from parity.oracles import bounds
from parity.oracles.compare import assert_exact, assert_special
from parity.search.hunt import Task, hunted, turns
from parity.search.looks import looks_like

MEAN = "averaged_over_batch"
QUIET = settings(
    max_examples=100, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)


@pytest.mark.parametrize("operation", FAMILY)
def test_a_control_equals_the_reference(operation: str) -> None:
    @seed(0)
    @QUIET
    @given(cases(kinds=data.EXACT, scope=Scope(operation=operation), layouts=True))
    def run(case: Case) -> None:
        arrays = case.arrays()
        before = [array.tobytes() for array in arrays]
        naive = getattr(reference, operation)
        got, expected = (case.call_on(one, *arrays) for one in (CONTROLS[operation], naive))
        assert_exact(case=case, got=got, expected=expected, names=("control", "reference"))
        assert [array.tobytes() for array in arrays] == before
        assert got.flags.c_contiguous
        assert got.flags.writeable

    run()


@pytest.mark.parametrize("operation", [name for name in FAMILY if name in COMPARED])
def test_a_control_follows_ieee_arithmetic(operation: str) -> None:
    floats = [dtype for dtype in DTYPES if dtype != "int32"]

    @seed(0)
    @QUIET
    @given(cases(floats, ["special", "bounded"], Scope(operation=operation)))
    def run(case: Case) -> None:
        arrays = case.arrays()
        got = case.call_on(CONTROLS[operation], *arrays)
        allowed = bounds.allow(case, *arrays, flush=False)
        assert_special(case=case, got=got, allowed=allowed, name="control")

    run()


def test_every_operation_has_mutants() -> None:
    assert {mutant.operation for mutant in MUTANTS.values()} == set(OPERATIONS)
    faults = {one.fault for one in MUTANTS.values() if one.operation != "conv2d"}
    assert len(faults) >= 40


@pytest.mark.parametrize("operation", FAMILY)
def test_a_prediction_is_what_a_call_gives(operation: str) -> None:
    case = layer(operation, batch=2, dilation=2)
    arrays = case.arrays()
    named = dict(zip(case.of.arrays, arrays, strict=True)) | case.arguments()
    predicted = CONTROLS[operation].predicted(**named)
    assert np.array_equal(predicted, case.call_on(CONTROLS[operation], *arrays))


def test_a_hunt_holds_a_mutant_to_its_operation() -> None:
    scope = Scope(operation="conv2d_backprop_filter", subject="parity.mutants:textbook")
    found = hunted(Settings(), Task(MEAN, tuple(turns(scope, 0))))
    assert (found.claim, found.dtype, found.looks_like) == ("exact", "float32", MEAN)
    assert Case.parse(found.token).operation == scope.operation
    assert found.fault.startswith("conv2d_backprop_filter: The gradient of the filters is divided")


def test_a_failure_of_the_family_is_put_into_words() -> None:
    case = layer("conv3d_backprop_filter", batch=2)
    wrong = MUTANTS[f"{MEAN}_conv3d_backprop_filter"].function
    said = looks_like(wrong, case, Scope(operation=case.operation))
    assert said.startswith("every output equals that of conv3d_backprop_filter, where the gradient")
    assert looks_like(CONTROLS[case.operation], case, Scope(operation=case.operation)) == ""


def test_a_misread_of_one_operation_explains_another() -> None:
    case = layer("depthwise_conv2d_backprop_input")
    wrong = Family(case.operation, **MUTANTS["phase_mirrored"].function.wrong)
    said = looks_like(wrong, case, Scope(operation=case.operation))
    assert said.endswith("come in the other order (parity.mutants:phase_mirrored)")
