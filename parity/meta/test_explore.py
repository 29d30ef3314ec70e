"""What fails is found, shrunk, and told as a token that replays."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

import npconv
from parity.case import Case
from parity.claims.claim import Claim, Told
from parity.explore import Disagreement, explore
from parity.strategies import cases
from parity.subject import Scope
from parity.tally import Count

SCOPE = Scope()


def claim(check: Callable[[Case, Any], Told]) -> Claim:
    return Claim("planted", "", ("float32",), lambda *_: cases(["float32"]), check, 100, 0)


def run(claim: Claim, conv2d: Any, **options: Any) -> Disagreement:
    count = Count(claim.name, "float32")
    with pytest.raises(Disagreement) as raised:
        explore(claim, "float32", conv2d, SCOPE, count, examples=300, start=0, **options)
    return raised.value


def test_a_failing_check_is_shrunk() -> None:
    def check(case: Case, conv2d: Any) -> Told:
        assert case.filters_shape[0] < 3, "tall"
        return Told(1, 1)

    found = run(claim(check), None)
    assert found.example.token() == "float32 NHWC 1x3x1x1 w3x1x1x1 s1,1 d1,1 VALID lattice:0"
    assert str(found).startswith(f"planted: {found.example.token()}\ntall")


def test_any_exception_of_the_subject_is_a_disagreement() -> None:
    def check(case: Case, conv2d: Any) -> Told:
        raise KeyError("lost")

    assert "the subject raises KeyError: 'lost'" in str(run(claim(check), None))


def test_what_fails_only_now_and_then_is_a_disagreement() -> None:
    times = itertools.count()

    def check(case: Case, conv2d: Any) -> Told:
        assert next(times) % 50 != 49, "now"
        return Told(1, 1)

    assert "not each time" in str(run(claim(check), None))


def test_an_error_of_the_tools_is_none_of_the_subject() -> None:
    def broken(dtype: str, scope: Scope) -> Any:
        raise RuntimeError("broken")

    wrong = Claim("planted", "", ("float32",), broken, lambda *_: Told(1, 1), 1, 0)
    with pytest.raises(RuntimeError, match="broken"):
        explore(wrong, "float32", npconv.conv2d, SCOPE, Count("", ""), examples=1, start=0)


def test_each_start_draws_other_examples() -> None:
    seen: list[set[bytes]] = []
    for start in (0, 0, 1):
        count = Count("planted", "float32")
        quiet = claim(lambda *_: Told(1, 1))
        explore(quiet, "float32", npconv.conv2d, SCOPE, count, examples=50, start=start)
        assert count.examples == 50
        seen.append(count.tokens)
    assert seen[0] == seen[1]
    assert len(seen[0] & seen[2]) < 10


def test_examples_are_shown_before_and_after() -> None:
    before: list[str] = []
    after: list[tuple[str, int]] = []
    explore(
        claim(lambda *_: Told(7, 1)),
        "float32",
        npconv.conv2d,
        SCOPE,
        Count("planted", "float32"),
        examples=20,
        start=0,
        before=lambda example: before.append(example.token()),
        after=lambda example, told: after.append((example.token(), told.outputs)),
    )
    assert len(before) == 20
    assert after == [(token, 7) for token in before]
