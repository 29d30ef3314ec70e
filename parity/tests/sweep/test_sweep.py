"""The comparison of blocks, the run over all of them, and the command."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

import npconv
from parity.__main__ import main
from parity.engine import note
from parity.engine.jobs import Crash
from parity.examples import corners
from parity.model import geometry, subject
from parity.model.case import Array, Case
from parity.model.subject import Scope
from parity.oracles import eigen as tensorflow_oracle
from parity.sweep import command, run, worker
from parity.sweep.eigen import eigen
from parity.sweep.grid import Grid, Step, case
from parity.sweep.layers import Grids
from parity.sweep.worker import LISTED, Found, compare_block

HERE = "parity.tests.sweep.test_sweep"
EVERY = 3000


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leave the environment as it was: the command's options go through it."""
    before = dict(os.environ)
    for name in [name for name in before if name.startswith("PARITY_")]:
        monkeypatch.delenv(name)
    yield
    for name in set(os.environ) - set(before):
        del os.environ[name]


@pytest.fixture
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run tasks in this process, where TensorFlow is loaded already."""

    class Sent(list[Any]):
        __call__ = list.append

        def note(self, text: str) -> None:
            pass

    def run_here(target: str, tasks: Any, jobs: int, listen: Any, **_: Any) -> list[Crash]:
        for task in tasks:
            sent = Sent()
            getattr(worker, target.partition(":")[2])(task, sent)
            for message in sent:
                listen(0, message)
        return []

    monkeypatch.setattr(run, "run_jobs", run_here)


def wrong_for_one_class(input: Any, filters: Any, **named: Any) -> Any:
    """Convolve as npconv does, one pixel off for SAME at a stride of 3 and a dilation of 2."""
    result = npconv.conv2d(input, filters, **named)
    chosen = named["padding"] == "SAME" and named["strides"][0] == 3 and named["dilations"][0] == 2
    if chosen and filters.shape[0] == 3:
        rows = -3 if named["data_format"] == "NHWC" else -2
        return npconv.conv2d(np.roll(input, 1, axis=rows), filters, **named)
    return result


def wrong_and_dying(input: Any, filters: Any, **named: Any) -> Any:
    if filters.shape[:2] == (3, 1) and input.shape[-2] == 3 and named["strides"][0] == 3:
        os.abort()
    return wrong_for_one_class(input, filters, **named)


def writing(input: Any, filters: Any, **named: Any) -> Any:
    result = npconv.conv2d(input, filters, **named)
    if input.shape[0] == 2:
        filters[0] = 0
    return result


def refusing(input: Any, filters: Any, **named: Any) -> Any:
    if named["dilations"] == [2, 1]:
        raise ZeroDivisionError("unequal dilations")
    return npconv.conv2d(input, filters, **named)


def unfinished(input: Any, filters: Any, **named: Any) -> Any:
    if named["dilations"] == [2, 1]:
        raise NotImplementedError("unequal dilations")
    return npconv.conv2d(input, filters, **named)


def unfinished_in_one(input: Any, filters: Any, **named: Any) -> Any:
    if filters.shape == (1, 1, 1, 1) and named["padding"] == "SAME":
        raise NotImplementedError("one tap")
    return npconv.conv2d(input, filters, **named)


def hanging(input: Any, filters: Any, **named: Any) -> Any:
    if filters.shape[:2] == (3, 1) and input.shape[-2] == 3 and named["strides"][0] == 3:
        time.sleep(600)
    return npconv.conv2d(input, filters, **named)


def talking(input: Any, filters: Any, **named: Any) -> Any:
    print("a call", flush=True)
    return npconv.conv2d(input, filters, **named)


def compared(grid: Grid, conv2d: Any, number: int) -> Found:
    return compare_block(grid, grid.blocks()[number], conv2d, eigen)


# The comparison of a block.


def test_the_cheap_call_of_tensorflow_means_the_same() -> None:
    grid = Grid(dtypes=("float32", "bfloat16"), formats=("NHWC",), every=EVERY)
    asked = 0
    for block in grid.blocks():
        for shapes, steps in grid.geometries(block):
            for step in steps:
                this = case(block, shapes, step, "NHWC")
                x, w = this.arrays()
                expected = this.call_on(tensorflow_oracle.conv2d, x, w)
                got = eigen(x, w)(step)
                assert got.shape == expected.shape
                assert got.tobytes() == expected.tobytes()
                asked += 1
    assert asked == sum(grid.sizes().values()) == 189


def test_npconv_agrees_on_a_block_of_each_dtype() -> None:
    grid = Grid(every=7)
    for number in (265, 270 + 133, 540 + 17, 810 + 200, 1080 + 51):
        found = compared(grid, npconv.conv2d, number)
        expected = list(grid.cases(grid.blocks()[number]))
        assert found.compared == len(expected) > 50
        assert (found.disagreements, found.listed) == (0, [])
        sizes = sum(int(np.prod(geometry.output_shape(case))) for case in expected)
        assert found.outputs == sizes
        assert found.nonzero > 0.3 * sizes
        classes = Counter(name for case in expected for name in corners.classes(case))
        assert found.classes == classes


def test_a_fault_of_one_class_is_found_in_each_of_its_geometries_and_nowhere_else() -> None:
    grid = Grid(dtypes=("float32",))
    number = next(
        block.number for block in grid.blocks() if block[2:] == (6, 3, (3, 2))
    )  # height, width, kernel
    found = compared(grid, wrong_for_one_class, number)
    wrong = [
        case.token()
        for case in grid.cases(grid.blocks()[number])
        if case.padding == "SAME" and case.strides[0] == 3 and case.dilations[0] == 2
    ]
    assert found.disagreements == len(wrong) > 100
    assert [token for token, _ in found.listed] == wrong[:LISTED]
    assert "bit-identical" in found.listed[0][1]


@pytest.mark.parametrize(
    ("conv2d", "reason"),
    [
        (writing, "writes into its arguments"),
        (refusing, "raises ZeroDivisionError: unequal dilations"),
        (lambda *arrays, **named: None, "subject gave NoneType"),
        (lambda *arrays, **named: npconv.conv2d(*arrays, **named)[:, :0], "subject gave ndarray"),
        (lambda *arrays, **named: -npconv.conv2d(*arrays, **named), "bit-identical"),
    ],
)
def test_whatever_else_goes_wrong_is_told(conv2d: Any, reason: str) -> None:
    found = compared(Grid(dtypes=("float32",), every=20), conv2d, 188)
    assert found.disagreements
    assert reason in found.listed[0][1]
    assert "token" not in found.listed[0][1]
    assert Case.parse(found.listed[0][0]).kind == "distinct"


def test_a_subject_that_writes_does_not_spoil_the_next_comparison() -> None:
    grid = Grid(dtypes=("float32",), every=20)
    found = compared(grid, writing, 188)
    assert {reason for _, reason in found.listed} == {"the subject writes into its arguments"}
    batches = [case.input_shape[0] for case in grid.cases(grid.blocks()[188])]
    assert found.disagreements == batches.count(2)


def test_what_the_subject_does_not_support_is_counted_and_not_wrong() -> None:
    grid = Grid(dtypes=("float32",), every=20)
    found = compared(grid, unfinished, 188)
    refused = [one for one in grid.cases(grid.blocks()[188]) if one.dilations == (2, 1)]
    assert found.not_supported == len(refused) > 10
    assert found.disagreements == 0
    assert found.compared == len(list(grid.cases(grid.blocks()[188]))) - len(refused)
    assert found.refused == [(refused[0].token(), "NotImplementedError: unequal dilations")]


def test_an_error_of_tensorflow_is_nobody_s_disagreement() -> None:
    grid = Grid(dtypes=("float32",), every=20)
    block = grid.blocks()[188]

    def failing(x: Array, w: Array) -> Any:
        answer = eigen(x, w)

        def asked(step: Step) -> Array:
            if step.padding == "SAME":
                raise NotImplementedError("a kernel is missing")
            return answer(step)

        return asked

    found = compare_block(grid, block, npconv.conv2d, failing)
    cases = list(grid.cases(block))
    left = [one for one in cases if one.padding == "SAME"]
    assert found.unanswered == len(left) > 10
    assert found.compared == len(cases) - len(left)
    assert (found.disagreements, found.not_supported) == (0, 0)
    assert found.failed == [(left[0].token(), "NotImplementedError: a kernel is missing")]


def test_the_note_names_the_geometry_and_the_side_that_runs() -> None:
    grid = Grid(dtypes=("float32",), every=20)
    block = grid.blocks()[188]
    seen: list[tuple[str, str]] = []

    def look(function: Any) -> Any:
        def called(*arguments: Any, **named: Any) -> Any:
            seen.append(note._mine.read())
            return function(*arguments, **named)

        return called

    def oracle(x: Array, w: Array) -> Any:
        return look(look(eigen)(x, w))

    compare_block(grid, block, look(npconv.conv2d), oracle)
    tokens = [one.token() for one in grid.cases(block)]
    assert [token for side, token in seen if side == note.SUBJECT] == tokens
    # TensorFlow answers for both formats at once, before the subject is asked for the first.
    for (side, token), (later, after) in pairwise(seen):
        if (side, later) == (note.ORACLE, note.SUBJECT):
            assert token == after
    assert {side for side, _ in seen} == {note.SUBJECT, note.ORACLE}


# The run.


WHOLE = {"expected": 5, "compared": 5, "not_supported": 0, "unanswered": 0}


def test_a_run_is_mistrusted_that_compared_too_little() -> None:
    scope = Scope(dtypes=("float32",), without=frozenset({"groups"}))
    classes = dict.fromkeys((*corners.minima(scope), "float32"), 1)
    good: dict[str, Any] = {
        "by_dtype": {"float32": WHOLE},
        "geometries": 5,
        "not_supported": 0,
        "unanswered": 0,
        "classes": classes,
        "outputs": 10,
        "nonzero": 5,
        "disagreements": 0,
        "interrupted": False,
    }

    def doubts(crashes: Any = (), parts: Any = (), **changes: Any) -> list[str]:
        document = good | changes
        found = run._doubts(document, scope, parts, crashes)
        assert run.exit_code(document | {"doubts": found}) == (3 if found else 0)
        assert run.exit_code(document | {"doubts": found, "disagreements": 1}) == 1
        assert run.exit_code(document | {"doubts": found, "interrupted": True}) == 130
        return found

    assert doubts() == []
    assert doubts(by_dtype={"float32": WHOLE | {"compared": 4}}) == ["4 of 5 geometries in float32"]
    assert doubts(by_dtype={"float32": WHOLE | {"expected": 0, "compared": 0}})
    assert doubts(nonzero=4) == ["only 4 of 10 outputs are not 0"]
    fewer = {name: 1 for name in classes if name != "odd SAME pad"}
    assert doubts(classes=fewer) == ["no geometry of the class 'odd SAME pad'"]
    assert "worker" in doubts([Crash(0, None, "", traceback="Traceback")])[0]
    for side in (note.ORACLE, ""):  # it was no call of the subject that died
        (said,) = doubts([Crash(0, None, "a token", status=-6, side=side)])
        assert "SIGABRT" in said
        assert "a token" in said
    assert doubts([Crash(0, None, "a token", status=-6, side=note.SUBJECT)]) == []
    failed = Found(1, failed=[("a token", "its error")])
    (said,) = doubts(
        parts=[failed],
        unanswered=1,
        by_dtype={"float32": WHOLE | {"compared": 4, "unanswered": 1}},
    )
    assert said == "TensorFlow failed on 1 geometries; the first: a token: its error"
    refused = Found(1, refused=[("a token", "not yet")])
    few = {"not_supported": 1, "by_dtype": {"float32": WHOLE | {"compared": 4, "not_supported": 1}}}
    assert doubts(parts=[refused], geometries=9, **few) == []
    (said,) = doubts(parts=[refused], geometries=8, **few)
    assert "1 of 9 geometries are not supported" in said
    assert said.endswith("the first: a token: not yet")


@pytest.mark.usefixtures("_here")
def test_the_command_agrees_resumes_and_refuses(tmp_path: Path, capsys: Any) -> None:
    state, output = tmp_path / "state", tmp_path / "counts.json"
    call = ["sweep", "--jobs", "1", "--dtypes", "float32,int32"]
    files = ["--state", str(state), "--output", str(output)]
    assert main([*call, "--every", str(EVERY), *files]) == 0
    first = json.loads(output.read_text())
    assert "npconv:conv2d" in capsys.readouterr().out
    grids = Grids.of(Scope(dtypes=("float32", "int32")), EVERY)
    assert first["geometries"] == sum(grids.sizes.values())
    assert first["layers"] == {"compared": 2 * len(grids.layers.blocks()), "disagreements": 0}
    assert (first["disagreements"], first["resumed"], first["doubts"]) == (0, 0, [])
    # Interrupted: the later half of the blocks is missing.
    lines = state.read_text().splitlines(keepends=True)
    state.write_text("".join(lines[: len(lines) // 2]))
    assert main([*call, "--every", str(EVERY), *files]) == 0
    second = json.loads(output.read_text())
    assert 0 < second["resumed"] < first["geometries"]
    for name in ("geometries", "by_dtype", "outputs", "nonzero", "classes"):
        assert second[name] == first[name]
    for wrong in (
        [*call, "--every", "2999", *files],
        [*call, "--every", str(EVERY), *files, "--subject", f"{HERE}:refusing"],
        [*call, "--subject", "nowhere:conv2d"],
        [*call, "--dtypes", "float128"],
        [*call, "--output", str(tmp_path / "missing" / "counts.json")],
    ):
        assert main(wrong) == 2
        assert "parity sweep: " in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        main([*call, "--every", "0"])


def test_the_command_lists_what_differs_and_what_ends_the_process(
    tmp_path: Path, capsys: Any
) -> None:
    output = tmp_path / "counts.json"
    call = ["sweep", "--jobs", "1", "--dtypes", "float32", "--layouts", "NHWC", "--every", "1500"]
    assert main([*call, "--subject", f"{HERE}:wrong_and_dying", "--output", str(output)]) == 1
    found = json.loads(output.read_text())
    assert 1 < found["disagreements"] < found["geometries"] / 20
    assert len(found["first"]) == min(LISTED, found["disagreements"])
    printed = capsys.readouterr().out
    dead: list[Case] = []
    differing: list[Case] = []
    for one in found["first"]:
        case = Case.parse(one["token"])
        (dead if "killed by SIGABRT" in one["reason"] else differing).append(case)
        assert f"python -m parity replay '{one['token']}' --subject {HERE}:wrong" in printed
    assert [case.filters_shape[:2] for case in dead] == [(3, 1)]
    assert {(case.padding, case.strides[0], case.dilations[0]) for case in differing} == {
        ("SAME", 3, 2)
    }
    # The first that differs, made small: of the same class, and nothing beside it.
    simplest = Case.parse(found["simplest"]["token"])
    assert (simplest.padding, simplest.strides, simplest.dilations) == ("SAME", (3, 1), (2, 1))
    assert simplest.filters_shape[2:] == (1, 1)
    assert found["simplest"]["token"] in printed


def test_a_call_that_hangs_is_ended_and_told_with_its_geometry(tmp_path: Path, capsys: Any) -> None:
    output = tmp_path / "counts.json"
    call = ["sweep", "--jobs", "1", "--dtypes", "float32", "--layouts", "NHWC", "--every", "1500"]
    given = ["--subject", f"{HERE}:hanging", "--call-seconds", "2", "--output", str(output)]
    assert main([*call, *given]) == 1
    (found,) = json.loads(output.read_text())["first"]
    hung = Case.parse(found["token"])
    assert (hung.input_shape[2], hung.filters_shape[:2], hung.strides[0]) == (3, (3, 1), 3)
    assert found["reason"] == "no answer within 2 s, in a call of the subject"
    assert f"python -m parity replay '{found['token']}'" in capsys.readouterr().out


@pytest.mark.usefixtures("_here")
def test_the_command_mistrusts_a_subject_that_supports_too_little(
    tmp_path: Path, capsys: Any
) -> None:
    output = tmp_path / "counts.json"
    call = ["sweep", "--jobs", "1", "--dtypes", "float32", "--output", str(output)]
    assert main([*call, "--every", "2000", "--subject", f"{HERE}:unfinished"]) == 3
    document = json.loads(output.read_text())
    assert document["not_supported"] > 0.1 * document["geometries"]
    assert document["disagreements"] == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "geometries are not supported: say so by --without" in printed
    assert main([*call, "--every", "1000", "--subject", f"{HERE}:unfinished_in_one"]) == 0
    assert json.loads(output.read_text())["not_supported"] > 0


@pytest.mark.usefixtures("_here")
@pytest.mark.parametrize(
    ("name", "code"), [("npconv:conv2d", 130), (f"{HERE}:wrong_for_one_class", 1)]
)
def test_after_ctrl_c_what_was_found_is_told_and_written(
    name: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    here: Any = vars(run)["run_jobs"]

    def interrupted(target: str, tasks: Any, *rest: Any, **named: Any) -> Any:
        here(target, tasks[:-1], *rest, **named)
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "run_jobs", interrupted)
    output = tmp_path / "sweep.json"
    words = ["--every", str(EVERY), "--dtypes", "float32", "--output", str(output)]
    assert main(["sweep", *words, "--subject", name]) == code
    document = json.loads(output.read_text(encoding="utf-8"))
    said = capsys.readouterr()
    assert document["interrupted"]
    assert document["geometries"] > 0
    assert "interrupted" in said.err
    assert ("DISAGREES" in said.out) == bool(document["first"]) == (code == 1)


@pytest.mark.usefixtures("_here")
def test_a_subject_that_prints_spoils_nothing(capsys: Any) -> None:
    call = ["sweep", "--jobs", "1", "--dtypes", "float32", "--every", "2000"]
    assert main([*call, "--subject", f"{HERE}:talking"]) == 0
    assert "a call" in capsys.readouterr().out


@pytest.mark.usefixtures("_here")
def test_a_run_that_compares_nothing_is_mistrusted(capsys: Any) -> None:
    assert main(["sweep", "--jobs", "1", "--every", "1000000000"]) == 3
    assert "MISTRUSTED: 0 of 0 geometries in float32" in capsys.readouterr().out
    assert subject.name() == "npconv:conv2d"


def test_progress_is_a_bar_on_a_terminal_and_lines_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown = {}
    monkeypatch.setattr(command, "_LINE_SECONDS", 0.0)
    for terminal in (True, False):
        console = Console(file=StringIO(), force_terminal=terminal, width=100)
        with command._progress(console) as progress:
            progress(0, 4000)
            progress(1234, 4000)
        shown[terminal] = console.file.getvalue()  # type: ignore[attr-defined]
    assert "1234/4000" in shown[True]
    assert "1,234 of 4,000 geometries" in shown[False]
