"""Whose failure it is decides what is told: a disagreement, or nothing to compare with."""

from __future__ import annotations

from typing import Any

import pytest

from parity.speed.failures import told
from parity.speed.processes import StartError, WorkerError
from parity.speed.questions import asked, turns


@pytest.mark.parametrize(
    ("error", "code", "word"),
    [
        (WorkerError("npconv:conv2d: run failed"), 1, "DISAGREES: npconv"),
        (WorkerError("tensorflow: run failed", of_subject=False), 3, "MISTRUSTED: nothing to"),
        (StartError("no module"), 2, "parity speed: no module"),
        (ValueError("no layer"), 2, "parity speed: no layer"),
    ],
)
def test_an_error_is_told_by_whose_it_is(
    error: Exception, code: int, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told("speed", error) == code
    said = capsys.readouterr().err
    assert word in said
    assert ("DISAGREES" in said) == (code == 1)


@pytest.mark.parametrize(
    ("contender", "of_subject"),
    [(asked.SUBJECT, True), (asked.AGAIN, True), (asked.TENSORFLOW, False)],
)
def test_a_contender_of_a_question_that_fails_is_named(contender: str, of_subject: bool) -> None:
    class Failing:
        def call(self, *arguments: Any) -> Any:
            raise WorkerError("it died", reason="died with status 1")

    bench = turns.Bench.__new__(turns.Bench)
    bench._question, bench._row = asked.QUESTIONS[0], asked.QUESTIONS[0].rows[0]
    bench._workers = {contender: Failing()}  # type: ignore[dict-item]
    with pytest.raises(WorkerError, match=contender) as error:
        bench.ask(contender, "sample", 1)
    assert error.value.of_subject == of_subject
    assert error.value.reason == "died with status 1"
