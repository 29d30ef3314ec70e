"""The command, with made-up figures in the place of all measurements."""

from __future__ import annotations

import argparse
import json
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from parity.model import subject
from parity.report import command, document, proof, questions, real_input
from parity.speed import command as speed
from parity.speed import layers
from parity.speed.document import VERSION
from parity.speed.questions import command as asking
from parity.tests.report import test_report
from parity.tests.report.test_timing import answers, full, regrets


def test_the_slow_rows_are_left_out_unless_all_are_wanted() -> None:
    names = {
        which: [row.name for one in questions.chosen(which, ("float64",)) for row in one.rows]
        for which in ("none", "most", "all")
    }
    assert names["none"] == []
    assert set(names["all"]) - set(names["most"]) == set(questions.SLOW)
    assert "float32" not in names["all"]
    assert [one.name for one in questions.chosen("all", ("float32",))] == ["32x32x3", "im2col"]


def test_a_package_that_is_not_there_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    with pytest.raises(ValueError, match="the questions need scikit-image"):
        questions.chosen("most", ("float32",))


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Put made-up figures in the place of all measurements; return what was asked."""
    said: list[str] = []

    def times(chosen: Any, how: Any, console: Any) -> dict[str, Any]:
        said.append(f"{len(chosen)} layers {how.threads} {how.memory} {how.bounds} {how.beside}")
        return full()

    def answer(chosen: Any, name: str, seconds: float, console: Any) -> dict[str, Any]:
        said.append(f"{len(chosen)} questions, {seconds:g} s")
        return answers()

    def run(name: str, chosen: Any, on_example: Any) -> list[real_input.Result]:
        kinds = sorted({f"{one.dtype} {one.data_format}" for one in chosen})
        said.append(f"{len(chosen)} examples: {', '.join(kinds)}")
        return test_report.results()

    monkeypatch.setattr(real_input, "run", run)
    monkeypatch.setattr(proof, "gather", lambda *_: test_report.proof())
    monkeypatch.setattr(speed, "times", times)
    monkeypatch.setattr(asking, "answer", answer)
    return said


def report(*words: str) -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args(words))


def test_the_command_writes_what_was_asked_for(measured: list[str], tmp_path: Path) -> None:
    old = tmp_path / "regret.json"
    old.write_text(json.dumps({"schema": VERSION, **regrets()}), encoding="utf-8")
    out = tmp_path / "out"
    assert report("--output", str(out)) == 0
    [inputs, timed, asked] = measured
    assert inputs == (
        "15 examples: bfloat16 NHWC, float16 NHWC, float32 NCHW, float32 NHWC, float64 NHWC,"
        " int32 NHWC"
    )
    assert timed.endswith(" layers (0,) True False ()")
    assert asked == "4 questions, 4 s"
    written = json.loads((out / "report.json").read_text(encoding="utf-8"))
    document.check(written)
    assert "questions" in written
    assert "regret" not in written
    words = "--threads 1 --no-memory --bounds --beside loop --questions none --regret"
    assert report("--output", str(out), *words.split(), str(old)) == 0
    assert measured[4].endswith(" layers (1,) False True ('loop',)")
    written = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert "questions" not in written
    assert "1 of 3, <b>33.3 %</b>" in (out / "report.html").read_text(encoding="utf-8")


def test_a_quick_report_runs_little_and_says_so(measured: list[str], tmp_path: Path) -> None:
    assert report("--output", str(tmp_path), "--quick") == 0
    assert [words.split()[0] for words in measured] == ["6", "3"]  # inputs, layers, no questions
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["quick"]


def test_the_scope_of_the_subject_is_kept(
    measured: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in subject.VARIABLES:
        monkeypatch.setenv(variable, "")
    scope = "--dtypes float32 --layouts NHWC --without groups,dilations,explicit"
    nets = ["--layers", "small", "--questions", "none"]
    assert report("--output", str(tmp_path), *scope.split(), *nets) == 0
    inputs, timed = measured
    assert inputs == "4 examples: float32 NHWC"
    assert timed.startswith("7 layers")


@pytest.mark.parametrize(("code", "style"), [(1, "disagreement"), (3, "mistrusted")])
def test_the_exit_code_is_that_of_the_whole(
    code: int,
    style: str,
    measured: list[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(proof, "gather", lambda *_: test_report.proof(code))
    assert report("--output", str(tmp_path), "--questions", "none") == code
    assert capsys.readouterr().out.rstrip().endswith(style)


def test_a_regret_that_is_none_is_refused_before_anything_is_measured(
    measured: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report("--output", str(tmp_path), "--regret", str(tmp_path / "none.json")) == 2
    assert "none.json" in capsys.readouterr().err.replace("\n", "")
    assert measured == []


def test_a_disagreement_of_an_optional_part_is_an_exit_code(
    measured: list[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(asking, "answer", lambda *_: answers(agrees=False))
    assert report("--output", str(tmp_path)) == 1
    assert "DISAGREES: stack, <row>: scipy.<x> differs" in capsys.readouterr().out
    old = tmp_path / "regret.json"
    old.write_text(json.dumps({"schema": VERSION, **regrets(("banded",))}), encoding="utf-8")
    call = ["--output", str(tmp_path), "--questions", "none", "--regret", str(old)]
    assert report(*call) == 1
    assert "DISAGREES: banded: <token>" in capsys.readouterr().out


def test_the_help_says_what_is_left_out() -> None:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    said = " ".join(parser.format_help().split())
    for net in set(layers.available()) - {"resnet50", "small", "mobilenetv2"}:
        assert net in said.partition("By default the layers of")[2]
