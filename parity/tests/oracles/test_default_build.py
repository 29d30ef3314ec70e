"""TensorFlow with oneDNN: its first answer counts, and only a row of the ledger excuses it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from msgspec import structs

import npconv
from parity.claims import CLAIMS, default_build
from parity.ledger.predicates import PREDICATES
from parity.ledger.rows import Divergence, Shown
from parity.model.case import Case
from parity.oracles import onednn as tensorflow_onednn
from parity.oracles.onednn import Killed, Machine, Refused

CASE = Case.parse("float32 NHWC 1x3x3x1 w2x2x1x1 s1,1 d1,1 VALID distinct:0")
PADDED = Case.parse("float32 NHWC 1x3x3x1 w2x2x1x1 s1,1 d1,1 SAME distinct:0")
SHOWN = Shown("conv2d()", "float32 1 [1.0]", "float32 1 [2.0]", native=("AVX2",))
TEXTS: dict[str, Any] = {
    "tensorflow": "Wrong where there is padding.",
    "npconv": "Right.",
    "why": "Planted.",
}
ROW = Divergence(
    "padding-skipped-onednn",
    **TEXTS,
    build="onednn",
    versions=("2.21",),
    shown=(SHOWN,),
)


class Answers:
    """A TensorFlow with oneDNN that gives each call the next of the answers planted."""

    version = "2.21.0"

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.renewed = 0
        self.next: list[Any] = []
        monkeypatch.setitem(PREDICATES, ROW.id, lambda call: call.padding == "SAME")
        monkeypatch.setattr(default_build, "ROWS", (ROW,))
        monkeypatch.setattr(tensorflow_onednn, "conv2d", self.conv2d)
        monkeypatch.setattr(tensorflow_onednn, "renew", self.renew)
        monkeypatch.setattr(tensorflow_onednn, "child", lambda: self)
        monkeypatch.setattr(tensorflow_onednn, "machine", lambda: Machine("AVX2"))

    def conv2d(self, *given: Any, **named: Any) -> Any:
        """Compute what is right, and add what is planted."""
        answer = self.next.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return npconv.conv2d(*given, **named) + np.float32(answer)

    def renew(self) -> None:
        """Count fresh processes."""
        self.renewed += 1


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Answers:
    return Answers(monkeypatch)


def check(case: Case) -> Any:
    return CLAIMS["default_build"].check(case, npconv.conv2d)


def test_a_right_first_answer_is_enough(answers: Answers) -> None:
    answers.next = [0]
    assert check(CASE).classes == ()
    assert not answers.renewed


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (7, "outputs differ"),
        (Killed("status -11"), "killed: status -11"),
        (type("AbortedError", (Refused,), {})("no primitive"), "AbortedError: no primitive"),
    ],
)
@pytest.mark.parametrize("again", [0, 9])
def test_a_wrong_first_answer_fails_whatever_the_second_is(
    wrong: Any, told: str, again: int, answers: Answers
) -> None:
    answers.next = [wrong, again]
    with pytest.raises(AssertionError) as caught:
        check(CASE)
    first, second = str(caught.value).split("asked again, in a fresh process: ")
    assert "no row of the ledger excuses this" in first
    assert told in first
    assert ("outputs differ" in second) if again else (second == "the right answer")
    assert answers.renewed == 1


def test_a_row_of_the_ledger_excuses_a_wrong_first_answer(answers: Answers) -> None:
    answers.next = [7]
    assert check(PADDED).classes == (f"excused: {ROW.id}",)
    answers.next = [Killed("status -6"), 0]  # the row is about values
    with pytest.raises(AssertionError, match="status -6"):
        check(PADDED)


def test_a_row_that_shows_where_it_was_not_seen_is_told(
    answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tensorflow_onednn, "machine", lambda: Machine("AVX2", "capped"))
    answers.next = [7]
    assert check(PADDED).classes == (f"excused: {ROW.id}, first seen on AVX2 (capped)",)


def test_what_may_harm_the_process_is_its_last_call(
    answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = structs.replace(ROW, at_times="killed")
    monkeypatch.setattr(default_build, "ROWS", (row,))
    answers.next = [0, 0]
    renewed = [(check(case), answers.renewed)[1] for case in (CASE, PADDED)]
    assert renewed == [0, 1]
    assert default_build.harmful({"input": np.ones(1), **CASE.arguments()}, [row]) is False
