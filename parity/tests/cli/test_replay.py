"""``python -m parity replay``: verdicts, exit codes, what it reduces and what that looks like."""

from __future__ import annotations

import os
import shlex
import sys
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import npconv
from parity.__main__ import main
from parity.cli import replay
from parity.engine import Outcome, note
from parity.model.subject import Scope
from parity.oracles import eigen

HERE = "parity.tests.cli.test_replay"
LATTICE = "float32 NHWC 1x5x5x3 w3x3x3x2 s2,1 d1,1 SAME lattice:7"
BOUNDED = "float32 NHWC 1x5x5x3 w3x3x3x2 s2,1 d1,1 SAME bounded:7"
SHAPES = "input=ints((1, 1, 1, 1), 'float32'), filters=ints((3, 3, 1, 1), 'float32')"
REFUSED = f"conv2d({SHAPES}, strides=[1, 1], padding='VALID', data_format='NHWC', dilations=[1, 1])"
WRONG = "float32 NHWC 1x1x1x1 w3x3x1x1 s1,1 d1,1 VALID lattice:0"


def flipped(input: Any, filters: Any, *arguments: Any, **named: Any) -> Any:
    return npconv.conv2d(input, filters[::-1], *arguments, **named)


def accepting(*arguments: Any, **named: Any) -> Any:
    try:
        return npconv.conv2d(*arguments, **named)
    except ValueError:
        return np.zeros((1, 0, 0, 1), np.float32)


def refusing(*arguments: Any, **named: Any) -> Any:
    raise NotImplementedError("anything")


def dying(*arguments: Any, **named: Any) -> Any:
    os._exit(3)


def run_here(function: Any, tasks: Any, settings: Any, heard: Any) -> None:
    """Do what the engine does, in this process."""
    left = deque(tasks)
    while left:
        task = left.popleft()
        left.extendleft(heard(Outcome(task, function(settings, task), None, "here")) or ())


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parity.engine.run", run_here)


FLIPPED = (
    "smaller: float32 NHWC 1x",
    "where the rows of the kernel are turned round",
    f"--subject {HERE}:flipped",
)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("token", "subject", "code", "said"),
    [
        (LATTICE, "npconv:conv2d", 0, ["exact: holds, 30 values"]),
        (BOUNDED, "npconv:conv2d", 0, ["error / bound"]),
        (REFUSED, "npconv:conv2d", 0, ["accept_reject: holds"]),
        (LATTICE, f"{HERE}:flipped", 1, ["exact: DISAGREES", *FLIPPED]),
        (BOUNDED, f"{HERE}:flipped", 1, ["bounded: DISAGREES", *FLIPPED]),
        (REFUSED, f"{HERE}:accepting", 1, ["expected ValueError"]),
        (LATTICE, f"{HERE}:refusing", 3, ["not supported: NotImplementedError: anything"]),
        ("no token", "npconv:conv2d", 2, ["no token"]),
        (WRONG, "npconv:conv2d", 2, [REFUSED]),
    ],
)
def test_replay(token: str, subject: str, code: int, said: list[str], capsys: Any) -> None:
    claims = "exact,bounded,accept_reject"
    assert main(["replay", token, "--subject", subject, "--claims", claims]) == code
    printed, wrong = capsys.readouterr()
    for one in said:
        assert one in printed + wrong.replace("\n", "")
    if "flipped" in subject:  # the script is there, and unbroken
        script, _, command = printed[printed.index("import ") :].rstrip().rpartition("\n")
        compile(script, "snippet", "exec")
        smaller = shlex.split(command)[4]
        assert smaller != token
        assert script in printed[printed.index(f"# {smaller}") :]


@pytest.mark.usefixtures("here")
def test_an_oracle_that_fails_tells_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @note.calls_of(note.ORACLE)
    def broken(*arguments: Any, **named: Any) -> Any:
        raise RuntimeError("out of order")

    monkeypatch.setattr(eigen, "computed", broken)
    assert main(["replay", LATTICE, "--claims", "exact"]) == 3
    assert "TensorFlow failed: RuntimeError: out of order" in capsys.readouterr().out


def test_a_subject_that_ends_its_process_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", REFUSED, "--subject", f"{HERE}:dying"]) == 1
    said = "accept_reject: DISAGREES: the process: ended with exit status 3, in a call of the"
    assert said in capsys.readouterr().out


def test_the_command_says_where_a_subject_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "a kernel"
    folder.mkdir()
    (folder / "only_here.py").write_text("conv2d = print\n")
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    command = replay.command("a token", Scope(subject="only_here:conv2d"))
    found, *rest = shlex.split(command)
    assert found == f"PYTHONPATH={folder}"
    assert rest == ["python", "-m", "parity", "replay", "a token", "--subject", "only_here:conv2d"]
    assert replay.command("a token", Scope()).endswith("python -m parity replay 'a token'")
    narrow = Scope(dtypes=("int32",), formats=("NHWC",), without=frozenset({"unequal strides"}))
    options = "--dtypes int32 --layouts NHWC --without unequal-strides"
    assert replay.command("a token", narrow).endswith(f"'a token' {options}")
