"""Loops whose turns are not alike are seen in their source."""

from __future__ import annotations

import pytest

from parity.theorems import turns
from parity.theorems.planted import Planted, planted

WHOLE = """
def f(sizes):
    found = []
    for size in sizes:
        twice = 2 * size
        if twice > 3:
            twice += 1
        found.append([one for one in range(twice)])
    return found
"""


def test_turns_that_are_alike_leave_nothing() -> None:
    assert list(turns.loops(WHOLE)) == [set()]
    assert not any(map(turns.unlike, turns.CARRIED))


@pytest.mark.parametrize(
    ("right", "wrong", "left"),
    [
        ("twice += 1", "break", "break"),
        ("twice += 1", "return found", "return"),
        ("twice = 2 * size", "twice = len(found)", "found"),
        ("twice = 2 * size", "twice = twice + size", "twice"),
        ("twice = 2 * size", "if size:\n            twice = 2", "twice"),
        ("twice += 1", "sizes[0] = 1", "sizes"),
    ],
)
def test_what_a_turn_leaves_is_seen(right: str, wrong: str, left: str) -> None:
    text = WHOLE.replace("found = []", "found = twice = []").replace(right, wrong)
    assert left in set().union(*turns.loops(text))


@pytest.mark.parametrize(
    ("function", "right", "wrong", "said"),
    [
        ("npconv._phases._along_stride", "if count and start < stop:",
         "if not count:\n            break\n        if start < stop:", "break"),
        ("npconv._engine.plan.runs", "yield (one, *others)",
         "yield (one, *others)\n        return", "return"),
        ("npconv._blocks.Block.taps", "yield to,", "return; yield to,", "return"),
        ("npconv._engine.plan.tiles", "        stop = 0\n", "", "stop"),
    ],
)  # fmt: skip
def test_shipped_loops_that_go_wrong_are_told(
    function: str, right: str, wrong: str, said: str
) -> None:
    assert turns.unlike(function) == ""
    with planted(Planted("planted", function, right, wrong, "")):
        assert said in turns.unlike(function)
