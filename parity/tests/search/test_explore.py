"""What fails is found, shrunk, and told as a token that replays."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import npconv
from parity.claims import CLAIMS
from parity.claims.check import Subject, scope_of
from parity.claims.claim import Claim, Told
from parity.claims.tally import Count
from parity.engine import note
from parity.examples.strategies import cases
from parity.model.case import Array, Case
from parity.model.subject import Scope
from parity.oracles import eigen as tensorflow_oracle
from parity.search import explore as exploring
from parity.search.explore import Disagreement, explore

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


def test_a_failing_check_is_shrunk_for_as_long_as_there_is_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Hypothesis goes on for five minutes, which a campaign of one does not have."""
    failed: list[str] = []

    def check(case: Case, conv2d: Any) -> Told:
        if case.filters_shape[0] >= 3:
            failed.append(case.token())
            raise AssertionError("tall")
        return Told(1, 1)

    monkeypatch.setattr(exploring, "SHRINK_SECONDS", 0.0)
    assert run(claim(check), None).example.token() == failed[0]
    assert set(failed) == {failed[0]}


def test_any_exception_of_the_subject_is_a_disagreement() -> None:
    def check(case: Case, conv2d: Any) -> Told:
        raise KeyError("lost")

    assert "the subject raises KeyError: 'lost'" in str(run(claim(check), None))


def test_an_exit_of_the_subject_is_a_disagreement() -> None:
    """It is a BaseException, as a panic of Rust is, which Hypothesis and pytest pass on."""

    def conv2d(x: Array, w: Array, **call: Any) -> Array:
        sys.exit("<gone>")

    found = run(claim(lambda case, conv2d: conv2d(*case.arrays())), conv2d)
    assert "the subject raises RuntimeError: SystemExit: <gone>" in str(found)


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


def test_examples_are_shown_with_what_they_told() -> None:
    after: list[tuple[str, int]] = []
    explore(
        claim(lambda *_: Told(7, 1)),
        "float32",
        npconv.conv2d,
        SCOPE,
        Count("planted", "float32"),
        examples=20,
        start=0,
        after=lambda example, told: after.append((example.token(), told.outputs)),
    )
    assert len(after) == 20
    assert {outputs for _, outputs in after} == {7}


def test_a_check_is_told_the_scope() -> None:
    seen: list[Scope] = []

    def check(case: Case, conv2d: Any) -> Told:
        seen.append(scope_of(conv2d))
        return Told(1, 1)

    narrow = Scope(without=frozenset({"subnormals"}))
    count = Count("planted", "float32")
    explore(claim(check), "float32", npconv.conv2d, narrow, count, examples=3, start=0)
    assert seen == [narrow] * 3
    assert scope_of(npconv.conv2d) == Scope()


def flushing(x: Array, w: Array, **call: Any) -> Array:
    """Flush subnormal results to zero."""
    y = npconv.conv2d(x, w, **call)
    return np.where(np.abs(y) < np.finfo(y.dtype).smallest_normal, 0 * y, y).astype(y.dtype)


def test_a_subject_that_flushes_is_judged_by_the_scope_that_is_given() -> None:
    case = Case((1, 1, 1, 1), (1, 1, 1, 1), kind="special", seed=0)
    for seed in range(2000):  # an example whose result is a subnormal number
        case = Case((1, 1, 1, 1), (1, 1, 1, 1), kind="special", seed=seed)
        with np.errstate(all="ignore"):
            y = case.call_on(npconv.conv2d, *case.arrays())
        if 0 < abs(y.item()) < np.finfo(np.float32).smallest_normal:
            break
    special = CLAIMS["special"]
    special.check(case, Subject(flushing, Scope(without=frozenset({"subnormals"}))))
    with pytest.raises(AssertionError, match="subject"):
        special.check(case, Subject(flushing, Scope()))


@pytest.mark.parametrize(
    ("error", "side", "counted"),
    [
        (NotImplementedError("no"), note.SUBJECT, "not_supported"),
        (RuntimeError("no"), note.ORACLE, "oracle_failed"),
        (NotImplementedError("no"), note.ORACLE, "oracle_failed"),
    ],
)
def test_examples_that_say_nothing_are_counted_apart(
    error: Exception, side: str, counted: str
) -> None:
    def check(case: Case, conv2d: Any) -> Told:
        with note.calling(side):
            raise error

    count = Count("planted", "float32")
    explore(claim(check), "float32", npconv.conv2d, SCOPE, count, examples=5, start=0)
    assert (count.examples, count.drawn, getattr(count, counted).examples) == (0, 5, 5)
    assert f"{type(error).__name__}: no" in getattr(count, counted).first
    assert note.raised_by(error) == side


def test_the_oracles_error_within_a_call_of_the_subject_is_the_subjects() -> None:
    with (
        pytest.raises(RuntimeError) as raised,
        note.calling(note.SUBJECT),
        note.calling(note.ORACLE),
    ):
        raise RuntimeError("a subject may call TensorFlow itself")
    assert note.raised_by(raised.value) == note.SUBJECT


def test_the_oracle_is_known_by_its_calls() -> None:
    with pytest.raises(Exception) as raised:  # noqa: PT011 - whatever TensorFlow raises
        tensorflow_oracle.conv2d(np.ones((1, 1, 1, 1)), np.ones((1, 1, 1, 1)), 0, "SAME")
    assert note.raised_by(raised.value) == note.ORACLE


def test_the_simplest_example_may_be_left_out() -> None:
    seen: list[set[str]] = []
    for simplest in (True, False):
        drawn: set[str] = set()

        def check(case: Case, conv2d: Any, drawn: set[str] = drawn) -> Told:
            drawn.add(case.token())
            return Told(1, 1)

        count = Count("planted", "float32")
        explore(claim(check), "float32", None, SCOPE, count, examples=5, start=0, simplest=simplest)  # type: ignore[arg-type]
        assert count.examples == 5
        seen.append(drawn)
    assert len(seen[0] - seen[1]) >= 1
    assert Case((1, 1, 1, 1), (1, 1, 1, 1)).token() in seen[0] - seen[1]
