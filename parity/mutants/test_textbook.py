"""The textbook is right, and every mutant is wrong where its example says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, seed, settings

from npconv import reference
from parity import data, subject
from parity.calls import Call
from parity.case import DTYPES, Case
from parity.compare import assert_exact
from parity.mutants import MUTANTS, Mutant, textbook
from parity.rules import ROWS, Row
from parity.strategies import cases

Arguments = dict[str, Any]


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_textbook_equals_the_reference(dtype: str) -> None:
    @seed(0)
    @settings(
        max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(cases([dtype], data.EXACT, layouts=True))
    def compare(case: Case) -> None:
        x, w = case.arrays()
        got, expected = (case.call_on(conv2d, x, w) for conv2d in (textbook, reference.conv2d))
        assert_exact(case=case, got=got, expected=expected, names=("textbook", "reference"))

    compare()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_the_textbook_follows_the_rules(row: Row) -> None:
    if row.verdict == "ok":
        result = textbook(**row.call())
        assert result.shape == row.shape
        assert result.flags.writeable
        assert result.flags.c_contiguous
    else:
        with pytest.raises(row.verdict, match=row.names):
            textbook(**row.call())


def made(example: Case | Call) -> Callable[[], Arguments]:
    """Return what makes the example's arguments afresh."""
    if isinstance(example, Call):
        return example.fresh

    def fresh() -> Arguments:
        x, w = example.arrays()
        return {"input": x, "filters": w, **example.arguments()}

    return fresh


def before(example: Case | Call) -> Arguments:
    """Return another call of the same shapes."""
    arguments = made(example)()
    for name in ("input", "filters"):
        arguments[name] = np.ones_like(arguments[name])
    return arguments


def seen(conv2d: Any, example: Case | Call) -> tuple[Any, ...]:
    """Return all that a caller sees of a call and of one before it."""
    try:
        earlier = conv2d(**before(example))
    except Exception as error:
        return (type(error),)
    kept = earlier.tobytes()
    arguments = made(example)()
    try:
        result = conv2d(**arguments)
    except Exception as error:
        return (type(error),)
    inputs = [arguments["input"], arguments["filters"]]
    return (
        result.dtype,
        result.shape,
        result.tobytes(),
        [array.tobytes() for array in inputs],
        [np.shares_memory(result, array) for array in inputs],
        earlier.tobytes() == kept,
    )
