"""Structures hold all of a case but its data; moves reach thresholds, multiples and kept images."""

from __future__ import annotations

from hypothesis import given, settings

from parity.examples.strategies import cases
from parity.model.axis import Axis
from parity.model.case import DTYPES, Case
from parity.search import moves
from parity.search.structure import Structure


@given(cases(tuple(DTYPES), layouts=True))
@settings(max_examples=500, derandomize=True, database=None, deadline=None)
def test_a_structure_is_all_of_a_case_but_its_data(case: Case) -> None:
    assert Structure.of(case).case(case) == case


def test_numbers_are_lessened_to_thresholds_and_multiples() -> None:
    for lesser in (moves.roughly, moves.closely):
        for value in (0, 1, 2, 3, 17, 64, 65, 1000, 525312):
            steps = list(lesser(value))
            assert steps == sorted(set(steps))
            assert set(steps) <= set(range(1, value))
            assert value < 2 or 1 in steps
    assert list(moves.closely(40)) == list(range(1, 40))
    for threshold in (65, 100, 1025, 77777):  # the steps of a bisection
        value = 525312
        while (less := next((n for n in moves.closely(value) if n >= threshold), 0)) > 0:
            value = less
        assert value == threshold


def test_moves_keep_the_outputs_of_an_image_or_its_size() -> None:
    it = Structure.of(Case.parse("float32 NHWC 1x9x9x1 w3x3x1x1 s2,2 d1,1 VALID ones:0"))
    found = {
        (one.axes[0], one.axes[1])
        for move in moves.MOVES
        for one in move(it, moves.closely)
        if (one.axes[0].kernel, one.axes[0].stride, one.axes[1]) == (1, 2, it.axes[1])
    }
    assert {rows for rows, _ in found} == {Axis(7, 1, 2, 1, 0, 0), Axis(9, 1, 2, 1, 0, 0)}
