"""The comparison of a block with TensorFlow."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import npconv
from parity.claims.check import Subject
from parity.engine import note
from parity.examples import corners
from parity.model import geometry
from parity.model.case import Array, Case
from parity.model.subject import DTYPES, Scope
from parity.oracles import eigen
from parity.sweep.compare import Oracle, compared
from parity.sweep.found import LISTED, Found
from parity.sweep.grid import Grid
from parity.sweep.layers import Block
from parity.tests.sweep import subjects


def some(dtype: str = "float32", every: int = 20, **limits: Any) -> Block:
    """Return a block of an image of 6 x 3 under a kernel of 3 x 2."""
    dtypes = ("float32",) if dtype == "float32" else DTYPES
    grid = Grid(dtypes=dtypes, sizes=((6,), (3,)), every=every, **limits)
    groups = [one for one in grid.chosen() if one.first.dtype == dtype]
    kernel = tuple(one for one in groups if one.first.filters_shape[:2] == (3, 2))
    return Block(7, dtype, kernel)


def cases(block: Block) -> list[Case]:
    """Return the cases of a block in the order in which they are compared."""
    formats = [[group.cases(one) for one in group.formats] for group in block.groups]
    return [case for sides in formats for both in zip(*sides, strict=True) for case in both]


def on(block: Block, conv2d: Callable[..., Any], oracle: Oracle = eigen.prepared) -> Found:
    return compared(block, Subject(conv2d, Scope()), oracle)


def test_the_cheap_call_of_tensorflow_means_the_same() -> None:
    asked = 0
    for group in Grid(dtypes=("float32", "bfloat16"), every=4000).chosen():
        for case in group.cases("NHWC"):
            x, w = case.arrays()
            expected = case.call_on(eigen.conv2d, x, w)
            got = eigen.prepared(x, w)(case)
            assert got.shape == expected.shape
            assert got.tobytes() == expected.tobytes()
            asked += 1
    assert asked > 100


@pytest.mark.parametrize("dtype", DTYPES)
def test_npconv_agrees_and_everything_is_counted(dtype: str) -> None:
    block = some(dtype, every=2)
    found, expected = on(block, npconv.conv2d), cases(block)
    assert found.compared == found.told == block.size == len(expected) > 50
    assert (found.disagreements, found.listed) == (0, [])
    assert found.outputs == sum(int(np.prod(geometry.output_shape(one))) for one in expected)
    assert found.nonzero > 0.3 * found.outputs
    assert found.classes == Counter(name for one in expected for name in corners.classes(one))


def test_a_fault_of_one_class_is_found_in_each_of_its_geometries_and_nowhere_else() -> None:
    block = some(every=1)
    found = on(block, subjects.wrong_for_one_class)
    wrong = [
        case.token()
        for case in cases(block)
        if case.padding == "SAME" and case.strides[0] == 3 and case.dilations[0] == 2
    ]
    assert found.disagreements == len(wrong) > 100
    assert [one.token for one in found.listed] == wrong[:LISTED]
    assert "bit-identical" in found.listed[0].reason


def test_a_form_that_is_wrong_in_one_coefficient_is_found() -> None:
    def wrong(input: Array, filters: Array, **named: Any) -> Array:
        right = npconv.conv2d(input, filters, **named)
        right.flat[-1] += input.flat[0] * filters.flat[-1]
        return right

    block = some("float64", every=2)
    found = on(block, wrong)
    assert found.disagreements == found.compared == found.uniform == block.size > 50
    terms = [case.terms for case in cases(block)]
    chances = [2 / (2 * math.isqrt(2**53 // one) + 1) for one in terms]
    assert found.likeliest == max(chances)
    assert found.chance == pytest.approx(sum(chances))


@pytest.mark.parametrize(
    ("conv2d", "reason"),
    [
        (subjects.writing, "writes into its arguments"),
        (subjects.refusing, "raises ZeroDivisionError: unequal dilations"),
        (lambda *arrays, **named: None, "subject gave NoneType"),
        (lambda *arrays, **named: npconv.conv2d(*arrays, **named)[:, :0], "subject gave ndarray"),
        (lambda *arrays, **named: -npconv.conv2d(*arrays, **named), "bit-identical"),
    ],
)
def test_whatever_else_goes_wrong_is_told(conv2d: Any, reason: str) -> None:
    found = on(some(), conv2d)
    assert found.disagreements
    assert reason in found.listed[0].reason
    assert "token" not in found.listed[0].reason
    assert Case.parse(found.listed[0].token).kind == "distinct"


def test_a_subject_that_writes_does_not_spoil_the_next_comparison() -> None:
    found = on(some(), subjects.writing)
    assert {one.reason for one in found.listed} == {"the subject writes into its arguments"}
    assert found.disagreements == sum(case.input_shape[0] == 2 for case in cases(some()))


def test_what_the_subject_does_not_support_is_counted_and_not_wrong() -> None:
    found = on(some(), subjects.unfinished)
    refused = [one for one in cases(some()) if one.dilations == (2, 1)]
    assert found.not_supported == len(refused) > 10
    assert (found.disagreements, found.told) == (0, some().size)
    (first,) = found.refused
    assert first.token == refused[0].token()
    assert first.reason == "NotImplementedError: unequal dilations"


def test_an_error_of_tensorflow_is_nobody_s_disagreement() -> None:
    def failing(x: Array, w: Array) -> Any:
        convolve = eigen.prepared(x, w)

        def asked(case: Case) -> Array:
            if case.padding == "SAME":
                raise NotImplementedError("a kernel is missing")
            return convolve(case)

        return asked

    found = on(some(), npconv.conv2d, failing)
    left = [one for one in cases(some()) if one.padding == "SAME"]
    assert found.unanswered == len(left) > 10
    assert (found.disagreements, found.not_supported, found.told) == (0, 0, some().size)
    (first,) = found.failed
    assert first.token == left[0].token()
    assert first.reason == "NotImplementedError: a kernel is missing"


def test_the_note_names_the_geometry_and_the_side_that_runs() -> None:
    seen: list[tuple[str, str]] = []

    def look(function: Any) -> Any:
        def called(*arguments: Any, **named: Any) -> Any:
            seen.append(note._mine.read())
            return function(*arguments, **named)

        return called

    on(some(), look(npconv.conv2d), lambda x, w: look(look(eigen.prepared)(x, w)))
    tokens = [one.token() for one in cases(some())]
    assert [token for side, token in seen if side == note.SUBJECT] == tokens
    # TensorFlow answers for both formats at once, before the subject is asked for the first.
    for (side, token), (later, after) in pairwise(seen):
        if (side, later) == (note.ORACLE, note.SUBJECT):
            assert token == after
    assert {side for side, _ in seen} == {note.SUBJECT, note.ORACLE}
