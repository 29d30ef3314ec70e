"""The four questions: compared before they are timed, and told as the schema says."""

from __future__ import annotations

import copy
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

import npconv
from parity.__main__ import main
from parity.model import machine
from parity.speed import document as files
from parity.speed.questions import asked, command, contender, document, turns
from parity.speed.questions.asked import QUESTIONS, Question, Row
from parity.speed.statistics import LEAST_ROUNDS

FOLDER = str(Path(__file__).parent)  # workers import this module by its file's name
TINY = {
    "32x32x3": Row("tiny", "float32", (32, 3, 2, 10)),
    "stack": Row("tiny", "float64", (12, 3, 5)),
    "im2col": Row("tiny", "float32", (16, 2, 3)),
    "loop": Row("tiny", "float64", (1, 5, 6, 2, 3, 2)),
}
STACK = replace(asked.find("stack"), rows=(TINY["stack"],))


def wrong(x: Any, w: Any, **arguments: Any) -> Any:
    """Put one value wrong by the least that integers can be."""
    y = npconv.conv2d(x, w, **arguments)
    y.flat[1] += 1
    return y


def broken(x: Any, w: Any, **arguments: Any) -> Any:
    raise KeyError("planted")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask one tiny question, with few samples."""
    monkeypatch.setattr(asked, "QUESTIONS", (STACK,))
    monkeypatch.setattr("parity.speed.turns.SAMPLE_SECONDS", 1e-4)
    monkeypatch.setenv("PYTHONPATH", FOLDER)


@pytest.mark.usefixtures("quick")
def test_a_tiny_question_is_answered_from_end_to_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "questions.json"
    assert main(["questions", "--seconds", "0.01", "--json", str(path)]) == 0
    found = json.loads(path.read_text(encoding="utf-8"))
    files.check(found, files.QUESTIONS)
    (row,) = found["questions"][0]["rows"]
    assert found["agree"]
    assert row["rounds"] >= LEAST_ROUNDS
    assert set(row["milliseconds"]) == set(STACK.contenders)
    assert all(len(times) == row["rounds"] for times in row["times_milliseconds"].values())
    fastest = row["ratios"]["subject / fastest of scipy"]["second"]
    three = [name for name in STACK.contenders if name.startswith("scipy")]
    assert fastest == min(three, key=row["milliseconds"].__getitem__)
    exact = [one for one in row["differences"] if one["allowed"] == 0]
    assert {one["contender"] for one in exact} >= {"tensorflow", "scipy.ndimage.convolve"}
    assert found["machine"]["scipy"]
    assert "fastest of scipy" in capsys.readouterr().out


@pytest.mark.usefixtures("quick")
def test_a_planted_disagreement_is_not_timed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "questions.json"
    call = ["questions", "--subject", "test_questions:wrong", "--json", str(path)]
    assert main(call) == 1
    found = json.loads(path.read_text(encoding="utf-8"))
    files.check(found, files.QUESTIONS)
    (row,) = found["questions"][0]["rows"]
    assert not {"milliseconds", "times_milliseconds", "ratios"} & set(row)
    told = document.section(found)["questions"][0]["rows"][0]
    assert set(told["milliseconds"]) == {None}
    shown = capsys.readouterr().out
    assert "DISAGREES: stack, tiny: tensorflow differs from subject by 1" in shown


@pytest.mark.usefixtures("quick")
def test_a_subject_that_raises_disagrees(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["questions", "--subject", "test_questions:broken"]) == 1
    assert "planted" in capsys.readouterr().err


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("subject", ["no_such_module:conv2d", "numpy"])
def test_a_subject_that_is_not_there_is_a_wrong_call(
    subject: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["questions", "--subject", subject]) == 2
    assert subject in capsys.readouterr().err


@pytest.mark.parametrize("call", [["--only", "no such"], ["--seconds", "0"], ["--seconds", "nan"]])
def test_wrong_arguments_are_a_wrong_call(call: list[str]) -> None:
    with pytest.raises(SystemExit) as error:
        main(["questions", *call])
    assert error.value.code == 2


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_the_contenders_compute_the_same(question: Question, tmp_path: Path) -> None:
    row, path = TINY[question.name], str(tmp_path / "result.npy")
    one = contender.Contender()
    results = {}
    for name in question.contenders:
        if name != asked.TENSORFLOW:  # it has a process of its own in the test above
            seconds, note = one("prepare", (question.name, row, name, "npconv:conv2d", path))
            assert seconds > 0
            assert not note
            results[name] = np.load(path)
    ours = results.pop(asked.SUBJECT)
    for name, result in results.items():
        expected = ours
        if name in question.apart:
            expected = question.apart[name](*question.data(row)).astype(row.dtype)
        allowed = question.tolerance[name](row) if name in question.tolerance else 0.0
        found = turns.difference(result, expected, row.dtype)
        assert found is not None
        assert found <= allowed


def test_the_bound_of_the_fft_is_below_half_an_integer() -> None:
    assert all(0 < asked.fft_tolerance(row) < 1e-5 for row in asked.find("stack").rows)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_every_sum_is_exact(question: Question) -> None:
    for row in question.rows:
        if question.name == "stack":  # one small image of each will do
            row = replace(row, sizes=(row.sizes[2], 1, row.sizes[2]))
        _, w = question.as_conv2d(*question.data(row))
        terms = max(int(np.prod(w.shape[:3])), 3072)  # the latter of np.dot
        assert terms * asked.LARGEST**2 < 2.0 ** (np.finfo(row.dtype).nmant + 1)


@pytest.mark.parametrize(
    ("result", "found"),
    [
        (np.array([[1.0, 2.0]]), 0.0),
        (np.array([[1.0, 2.5]]), 0.5),
        (np.array([[1.0, np.nan]]), None),
        (np.array([[1.0, np.inf]]), None),
        (np.array([[1, 2]], np.float32), None),
        (np.array([[1.0]]), None),
    ],
)
def test_differences_are_seen(result: asked.Array, found: float) -> None:
    assert turns.difference(result, np.array([[1.0, 2.0]]), "float64") == found


def made_up() -> dict[str, Any]:
    """Return a document whose second row disagrees."""
    times = {name: [1.0, 1.1, 1.2] * 2 for name in STACK.contenders}
    times["scipy.signal.fftconvolve"] = [0.5] * 6
    ratios = [(label, first, list(others)) for label, first, others in STACK.ratios]
    good = {"contender": "tensorflow", "beside": "subject", "largest": 0.0, "allowed": 0.0}
    right = {"name": "right", "dtype": "float64", "agrees": True, "notes": {"x": "too slow"}}
    right |= {"differences": [{**good, "agrees": True}], **turns.summarise(times, ratios)}
    right["other_work"] = 0.2
    bad = {"name": "bad", "dtype": "float64", "agrees": False, "notes": {}}
    bad["differences"] = [{**good, "largest": None, "agrees": False}]
    question = {key: getattr(STACK, key) for key in ("name", "title", "asked")}
    question |= {"contenders": list(STACK.contenders), "labels": [one[0] for one in STACK.ratios]}
    machine = dict.fromkeys(("cpu", "subject", "tensorflow", "onednn"), "made up")
    return {
        "machine": {**machine, "cores": 2},
        "settings": {"subject": "made:up", "seconds_a_row": 1.0, "took_seconds": 2.0},
        "questions": [{**question, "rows": [right, bad]}],
        "agree": False,
    }


def test_a_made_up_document_passes_the_schema_and_is_told() -> None:
    found = made_up()
    files.check(found, files.QUESTIONS)
    told = json.loads(json.dumps(document.section(found)))["questions"][0]
    right, bad = told["rows"]
    assert not told["agree"]
    assert len(right["milliseconds"]) == len(told["contenders"])
    assert right["ratios"][0]["second"] == "scipy.signal.fftconvolve"
    assert right["ratios"][0]["ratio"] == pytest.approx(2200 / 1000)
    assert right["other_work"] == 0.2
    assert right["notes"] == ["x: too slow"]
    assert bad["milliseconds"] == [None] * len(told["contenders"])
    assert bad["notes"] == ["tensorflow differs from subject in shape, dtype or finiteness"]
    assert command.table(told).row_count == 2


@pytest.mark.parametrize("spoil", ["timed though it disagrees", "no noise", "surplus", "nan"])
def test_the_schema_finds_what_is_wrong(spoil: str, tmp_path: Path) -> None:
    found = copy.deepcopy(made_up())
    right, bad = found["questions"][0]["rows"]
    if spoil == "timed though it disagrees":
        bad["milliseconds"] = right["milliseconds"]
    elif spoil == "no noise":
        del right["noise"]
    elif spoil == "surplus":
        found["surplus"] = 1
    else:
        right["milliseconds"]["subject"] = float("nan")
    path = tmp_path / "questions.json"
    with pytest.raises((jsonschema.ValidationError, ValueError)):
        files.write(found, path, files.QUESTIONS)
    assert not path.exists()


@pytest.mark.parametrize(("share", "withheld"), [(0.0, False), (0.05, False), (0.06, True)])
def test_a_slow_contender_is_left_out_with_a_note_and_verdicts_on_a_busy_machine(
    share: float, withheld: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine.OtherWork, "share", lambda self: share)
    asked_for: list[str] = []

    class Stub:
        """A worker whose TensorFlow takes a minute."""

        pid = os.getpid()

        def call(self, run: str, request: str, arguments: tuple[Any, ...], _: Any) -> Any:
            asked_for.append(request)
            if request == "prepare":
                np.save(arguments[-1], np.zeros((3, 8, 8, 1)))
                return (60.0 if arguments[2] == "tensorflow" else 0.1), ""
            return {"describe": {}, "calibrate": 1, "sample": 0.5}[request]

    class Stubs:
        """Stands for `Workers`."""

        def start(self, implementation: str, environment: Any) -> Stub:
            return Stub()

    bench = turns.Bench(Stubs(), STACK, STACK.rows[0], "made:up")  # type: ignore[arg-type]
    row = bench.measure(0.0)
    assert row["notes"] == {"tensorflow": "one call took 60 s: compared, not timed"}
    assert "tensorflow" not in row["milliseconds"]
    [ratio] = row["ratios"].values()
    assert (ratio["verdict"] == "withheld") is row["doubtful"] is withheld
    assert set(row["ratios"]) == {"subject / fastest of scipy"}
    assert asked_for.count("sample") == LEAST_ROUNDS * 5


def test_tensorflow_gets_no_more_images_a_call_than_it_survives() -> None:
    images, kernel = np.empty((50, 1000, 1000, 1), np.int8), np.empty((11, 11, 1, 1))
    most = asked.images_a_call(images, kernel)
    assert most * 990**2 <= asked.TENSORFLOW_MOST < (most + 1) * 990**2
    assert asked.images_a_call(images[:1], np.empty((1, 1, 1, 99))) == 1


def test_a_request_before_prepare_is_refused() -> None:
    with pytest.raises(AssertionError, match="prepare"):
        contender.Contender()("sample", (1,))
