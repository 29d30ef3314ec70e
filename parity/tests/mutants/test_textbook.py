"""The textbook is right, and every mutant is wrong where its example says."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, seed, settings

from npconv import reference
from parity import claims
from parity.examples.strategies import cases
from parity.model import data, subject
from parity.model.call import Call
from parity.model.case import DTYPES, Array, Case
from parity.model.subject import Scope
from parity.mutants import CONTROLS, MUTANTS, Mutant, control, fast_paths, textbook
from parity.oracles import bounds
from parity.oracles.compare import assert_exact, assert_special
from parity.rules import CONV2D, Row
from parity.search.regressions import regressions


def on_cases(
    check: Callable[[Case, Array, Array], None],
    dtype: str,
    kinds: Sequence[str],
    examples: int,
    *,
    layouts: bool = False,
) -> None:
    """Check drawn cases, the inputs of which must not change."""

    @seed(0)
    @settings(
        max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(cases([dtype], kinds, layouts=layouts))
    def run(case: Case) -> None:
        x, w = case.arrays()
        before = x.tobytes(), w.tobytes()
        check(case, x, w)
        assert (x.tobytes(), w.tobytes()) == before

    run()


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_textbook_equals_the_reference(dtype: str) -> None:
    def check(case: Case, x: Array, w: Array) -> None:
        got, expected = (case.call_on(conv2d, x, w) for conv2d in (textbook, reference.conv2d))
        assert_exact(case=case, got=got, expected=expected, names=("textbook", "reference"))
        assert not np.may_share_memory(got, x)

    kinds = (*data.EXACT, "bounded", "special") if dtype == "int32" else data.EXACT
    on_cases(check, dtype, kinds, 150, layouts=True)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_the_textbook_follows_ieee_arithmetic(dtype: str) -> None:
    def check(case: Case, x: Array, w: Array) -> None:
        allowed = bounds.allow(case, x, w, flush=False)
        got = case.call_on(textbook, x, w)
        assert_special(case=case, got=got, allowed=allowed, name="textbook")

    on_cases(check, dtype, ["special", "bounded"], 300)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_the_textbook_rounds_halves_once(dtype: str) -> None:
    def check(case: Case, x: Array, w: Array) -> None:
        got = case.call_on(textbook, x, w)
        single = case.call_on(textbook, x.astype(np.float32), w.astype(np.float32))
        with np.errstate(all="ignore"):
            expected = single.astype(got.dtype)
        assert_exact(case=case, got=got, expected=expected, names=("textbook", "rounded once"))

    on_cases(check, dtype, ["special", "bounded", "lattice"], 200)


@pytest.mark.parametrize("row", CONV2D, ids=lambda row: row.id)
def test_the_textbook_follows_the_rules(row: Row) -> None:
    if row.verdict == "ok":
        result = textbook(**row.call())
        assert result.shape == row.shape
        assert result.flags.c_contiguous
        assert result.flags.writeable
    else:
        with pytest.raises(row.verdict) as raised:
            textbook(**row.call())
        assert row.names in str(raised.value)


def arguments(example: Case | Call) -> dict[str, Any]:
    """Return the example's arguments afresh."""
    if isinstance(example, Call):
        return dict(example.fresh())
    return {**dict(zip(example.of.arrays, example.arrays(), strict=True)), **example.arguments()}


def seen(function: Callable[..., Array], example: Case | Call) -> tuple[Any, ...]:
    """Return all that a caller can see of a call, after one of the same shapes on ones."""
    asked, other = arguments(example), arguments(example)
    names = example.of.arrays if isinstance(example, Case) else example.arrays
    inputs = [asked[name] for name in names]
    other |= {name: np.ones_like(asked[name]) for name in names}
    try:
        earlier = function(**other)
        kept = earlier.tobytes()
        result = function(**asked)
    except Exception as error:  # its class is what is seen
        return (type(error),)
    return (
        result.dtype,
        result.shape,
        result.tobytes(),
        [array.tobytes() for array in inputs],
        [np.shares_memory(result, array) for array in inputs],
        earlier.tobytes() == kept,
    )


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS)
def test_the_example_shows_the_fault(mutant: Mutant) -> None:
    right_one = CONTROLS[control(mutant.operation, mutant.function.error)]
    right = seen(right_one, mutant.example)
    assert seen(right_one, mutant.example) == right
    assert seen(mutant.function, mutant.example) != right


def test_most_mutants_are_right_about_a_plain_call() -> None:
    plain = Case.parse("float32 NHWC 2x3x4x3 w1x2x3x2 s1,1 d1,1 VALID distinct:1")
    right = seen(textbook, plain)
    ours = [mutant.function for mutant in MUTANTS.values() if mutant.operation == "conv2d"]
    assert sum(seen(function, plain) == right for function in ours) > 50


@pytest.mark.parametrize("name", [*CONTROLS, *MUTANTS])
def test_a_name_loads_as_a_subject(name: str) -> None:
    loaded = subject.load(f"parity.mutants:{name}")
    assert loaded is (CONTROLS[name] if name in CONTROLS else MUTANTS[name].function)


def test_an_unknown_name_does_not_load() -> None:
    with pytest.raises(ValueError, match="no_such_fault"):
        subject.load("parity.mutants:no_such_fault")


def test_every_fault_is_named_once() -> None:
    faults = [(mutant.operation, mutant.fault) for mutant in MUTANTS.values()]
    assert len(set(faults)) == len(faults) >= 129 + 40
    assert all(0 < len(fault) <= 100 for _, fault in faults)


FAST_PATHS = [
    MUTANTS[name]
    for name, one in inspect.getmembers(fast_paths, inspect.isfunction)
    if name in MUTANTS and one.__module__ == fast_paths.__name__
]
REGRESSIONS = [claims.parse(token) for token in regressions()]


@pytest.mark.parametrize("mutant", FAST_PATHS, ids=lambda mutant: mutant.name)
def test_a_fast_path_is_wrong_on_a_layer_and_on_no_regression_row(mutant: Mutant) -> None:
    assert len(FAST_PATHS) >= 18
    own = {"default_build", *claims.OF_NPCONV}
    others = Scope(claims=tuple(name for name in claims.CLAIMS if name not in own))
    for example in REGRESSIONS:
        for claim in claims.admitting(example, others):
            claim.check(example, mutant.function)
    exact = claims.CLAIMS["exact"]
    exact.check(mutant.example, textbook)
    with pytest.raises(AssertionError, match="bit-identical"):
        exact.check(mutant.example, mutant.function)
