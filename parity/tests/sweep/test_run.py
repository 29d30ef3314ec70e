"""The run over all blocks: what is counted, kept, resumed and doubted; and the command."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import fields, replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from parity.__main__ import main
from parity.engine import Crash, Outcome, note
from parity.engine.outcome import this_machine
from parity.examples import corners
from parity.model.case import Case
from parity.model.settings import Settings
from parity.model.subject import Scope
from parity.model.verdict import WrongCall
from parity.store.store import Store
from parity.sweep import command, heading, run
from parity.sweep.found import (
    LISTED,
    Found,
    OfDtype,
    OfLayers,
    OfOperation,
    Remark,
    Swept,
    for_all_data,
)
from parity.sweep.heading import Heading
from parity.sweep.layers import Grids
from parity.sweep.run import exit_code, run_sweep
from parity.tests.sweep import subjects

HERE = subjects.__name__
EVERY = 3000
SETTINGS = Settings(scope=Scope(dtypes=("float32", "int32")))


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SUBJECT", "CLAIMS", "DTYPES", "LAYOUTS", "WITHOUT"):
        monkeypatch.delenv(f"PARITY_{name}", raising=False)


@pytest.fixture
def stop(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Run tasks in this process, where TensorFlow is loaded already; Ctrl-C comes after so many."""
    most = [10**9]

    def run_here(function: Any, tasks: Any, settings: Settings, heard: Any, **_: Any) -> None:
        for number, task in enumerate(tasks):
            if number == most[0]:
                raise KeyboardInterrupt
            heard(Outcome(task, function(settings, task), None, this_machine()))

    def after(number: int) -> None:
        most[0] = number

    monkeypatch.setattr(run, "run_tasks", run_here)
    monkeypatch.setattr("parity.sweep.layers.GEOMETRIES", 100)  # many blocks of a small grid
    return after


def counts(swept: Swept) -> dict[str, Any]:
    """Return what of a result does not depend on the machine's pace."""
    paces = {"machines", "seconds", "resumed", "rate", "rate_per_job", "rate_per_cpu_second"}
    names = {one.name for one in fields(Swept)} - paces
    return {name: getattr(swept, name) for name in names}


@pytest.mark.parametrize("name", ["npconv:conv2d", f"{HERE}:wrong_for_one_class"])
def test_interrupted_and_resumed_gives_the_counts_of_an_uninterrupted_run(
    name: str, tmp_path: Path, stop: Callable[[int], None]
) -> None:
    settings = replace(SETTINGS, scope=replace(SETTINGS.scope, subject=name))
    with closing(Store(tmp_path / "store")) as store:
        stop(3)
        first = run_sweep(settings, every=EVERY, store=store)
        assert first.interrupted
        assert exit_code(first) == (1 if first.disagreements else 130)
    with closing(Store(tmp_path / "store")) as store:
        stop(10**9)
        resumed = run_sweep(settings, every=EVERY, store=store, resume=True)
        assert 0 < resumed.resumed == first.geometries < resumed.geometries
        whole = run_sweep(settings, every=EVERY, store=store)  # begins anew
        assert whole.resumed == 0
        heading = Heading.of(settings.scope, Grids.of(settings.scope, every=EVERY), store.path)
        last = store.last_sweep(name, Heading, Found)
        assert last is not None
        assert last[0] == heading
        assert sum(found.compared for found in last[1]) == whole.geometries
    assert counts(resumed) == counts(whole) == counts(run_sweep(settings, every=EVERY))
    assert whole.geometries == sum(
        one.size for one in Grids.of(settings.scope, every=EVERY).blocks()
    )
    assert exit_code(whole) == (0 if name == "npconv:conv2d" else 1)


@pytest.mark.parametrize("what", ["scope", "grids", "source", "suite", "versions"])
def test_a_sweep_does_not_go_on_where_something_has_changed(what: str, tmp_path: Path) -> None:
    grids = Grids.of(Scope(), every=10**9)
    mine = Heading.of(Scope(), grids)
    changes: dict[str, Any] = {"grids": Grids.of(Scope(), every=7), "versions": {"numpy": "1.0"}}
    other = replace(mine, **{what: changes.get(what, "another")})
    with closing(Store(tmp_path / "store")) as store:
        assert run._earlier(store, mine, {}) == []
        store.begin_sweep(mine.subject, other)
        with pytest.raises(WrongCall, match=f"{what} is .* there and .* here"):
            run._earlier(store, mine, {})
        store.begin_sweep(mine.subject, mine)
        assert run._earlier(store, mine, {}) == []
        store.add_block(mine.subject, mine, 5, Found(block=5, compared=3))
        with pytest.raises(WrongCall, match="block 5 is not of this sweep"):
            run._earlier(store, mine, {})


CHANGES = ("inner.py", "_kernel.so", "_kernel.pyd", "tables.bin")


@pytest.mark.parametrize("name", CHANGES)
def test_the_source_is_every_file_of_the_package(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    package = f"swept_{CHANGES.index(name)}"
    scope, grids = Scope(subject=f"{package}.inner:conv2d"), Grids.of(Scope(), every=10**9)
    folder = tmp_path / package
    folder.mkdir()
    for one in ("__init__.py", *CHANGES):
        (folder / one).write_bytes(b"")
    store = folder / "store"
    before = Heading.of(scope, grids, store)
    (folder / "__pycache__").mkdir()
    for path in (store, folder / "store-journal", folder / "__pycache__" / "inner.pyc"):
        path.write_bytes(b"written")
    assert Heading.of(scope, grids, store) == before
    (folder / name).write_bytes(b"conv2d = repr")
    after = Heading.of(scope, grids, store)
    assert after.source != before.source
    assert replace(after, source=before.source) == before


def test_the_source_of_a_module_is_the_code_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("kernel_alone.py", "libkernel.so.1", "counts.json"):
        (tmp_path / name).write_text("")
    found = heading.subject_files("kernel_alone:conv2d")
    assert [one.name for one in found] == ["kernel_alone.py", "libkernel.so.1"]
    names = {str(file.relative_to(heading.SUITE)) for file in heading.suite_files()}
    assert {"model/data.py", "oracles/eigen.py", "sweep/grid.py", "sweep/compare.py"} <= names


def test_a_run_is_mistrusted_that_compared_too_little() -> None:
    scope = Scope(dtypes=("float32",), without=frozenset({"groups"}))
    heading = Heading.of(scope, Grids.of(scope, every=10**9))
    numbers = ("jobs", "left_out", "resumed", "rate", "rate_per_job", "rate_per_cpu_second")
    known: dict[str, Any] = vars(heading) | dict.fromkeys(numbers, 1)
    classes = dict.fromkeys((*corners.minima(scope), "float32"), 1)
    met = OfOperation(answered=5, classes=classes)
    good = Swept(
        **known,
        not_supported=0,
        unanswered=0,
        disagreements=0,
        machines={this_machine(): 1},
        geometries=5,
        by_dtype={"float32": OfDtype(expected=5, compared=5)},
        layers=OfLayers(),
        outputs=10,
        nonzero=5,
        seconds=1.0,
        classes=classes,
        interrupted=False,
        first=[],
        simplest=None,
        doubts=[],
        by_operation={"conv2d": met},
    )

    def doubts(crashes: Any = (), parts: Any = (), **changes: Any) -> list[str]:
        swept = replace(good, **changes)
        found = run.doubts(swept, [scope], parts, crashes)
        assert exit_code(replace(swept, doubts=found)) == (3 if found else 0)
        assert exit_code(replace(swept, doubts=found, disagreements=1)) == 1
        assert exit_code(replace(swept, doubts=found, interrupted=True)) == 130
        return found

    def dtype(**row: int) -> dict[str, OfDtype]:
        return {"float32": OfDtype(**{"expected": 5, "compared": 4, **row})}

    assert doubts() == []
    assert doubts(by_dtype=dtype()) == ["4 of 5 geometries in float32"]
    assert doubts(by_dtype=dtype(expected=0, compared=0)) == ["0 of 0 geometries in float32"]
    assert doubts(nonzero=2) == ["only 2 of 10 outputs are not 0"]
    fewer = {name: 1 for name in good.classes if name != "odd SAME pad"}
    none = {"conv2d": replace(met, answered=0, classes=fewer)}
    assert doubts(by_operation=none) == [
        "TensorFlow computed no geometry of conv2d",
        "no geometry of conv2d of the class 'odd SAME pad'",
    ]
    other = this_machine().replace(", NumPy ", ", NumPy 9")
    assert doubts(machines={this_machine(): 1, other: 1})[0].endswith(f"other versions: {other}")
    assert "worker" in doubts([Crash.raised("", "Traceback")])[0]
    for side in (note.ORACLE, ""):  # it was no call of the subject that died
        (said,) = doubts([Crash.died("a token", side, -6, 0)])
        assert "SIGABRT" in said
        assert "a token" in said
    assert doubts([Crash.died("a token", note.SUBJECT, -6, 0)]) == []
    failed = [Found(failed=[Remark("a token", "its error")])]
    (said,) = doubts(parts=failed, unanswered=1, by_dtype=dtype(unanswered=1))
    assert said == "TensorFlow failed on 1 geometries; the first: a token: its error"
    refused = [Found(refused=[Remark("a token", "not yet")])]
    few = {"not_supported": 1, "by_dtype": dtype(not_supported=1)}
    assert doubts(parts=refused, geometries=9, **few) == []
    (said,) = doubts(parts=refused, geometries=8, **few)
    assert "1 of 9 geometries are not supported: say so by --without" in said
    assert said.endswith("the first: a token: not yet")


def test_the_command_lists_what_differs_what_ends_the_process_and_what_hangs(
    tmp_path: Path, capsys: Any
) -> None:
    output, store = tmp_path / "counts.json", tmp_path / "store"
    call = ["sweep", "--jobs", "1", "--dtypes", "float32", "--layouts", "NHWC", "--every", "1500"]
    given = ["--subject", f"{HERE}:dying_and_hanging", "--call-seconds", "2"]
    assert main([*call, *given, "--output", str(output), "--store", str(store)]) == 1
    found = json.loads(output.read_text())
    assert 2 < found["disagreements"] < found["geometries"] / 10
    # Of those who died the groups are lost, and nothing else.
    assert 0.9 * found["by_dtype"]["float32"]["expected"] < found["geometries"]
    assert len(found["first"]) == min(LISTED, found["disagreements"])
    printed = capsys.readouterr().out
    met: dict[str, list[Case]] = {"killed by": [], "no answer": [], "bit-identical": []}
    for one in found["first"]:
        (kind,) = (kind for kind in met if kind in one["reason"])
        met[kind].append(Case.parse(one["token"]))
        assert f"replay '{one['token']}' --subject {HERE}:dying" in printed
    assert [case.filters_shape[:2] for case in met["killed by"]] == [(3, 1)]
    assert [case.filters_shape[:2] for case in met["no answer"]] == [(3, 3)]
    for case in met["bit-identical"]:
        assert (case.padding, case.strides[0], case.dilations[0]) == ("SAME", 3, 2)
    # The first that differs, made small: of the same class, and nothing beside it.
    simplest = Case.parse(found["simplest"]["token"])
    assert (simplest.padding, simplest.strides, simplest.dilations) == ("SAME", (3, 1), (2, 1))
    assert found["simplest"]["token"] in printed
    with closing(Store(store)) as kept:
        (recorded,) = kept.runs()
    assert (recorded.what, recorded.exit_code) == ("sweep", 1)
    assert sum(one.examples for one in recorded.counts) == found["geometries"]
    assert [one.token for one in recorded.failures] == [one["token"] for one in found["first"]]


def test_the_command_says_how_it_ended(
    tmp_path: Path, capsys: Any, stop: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    call = ["sweep", "--operation", "conv2d", "--jobs", "1", "--dtypes", "float32", "--every"]
    assert main([*call, str(EVERY)]) == 0
    assert not list(tmp_path.iterdir())  # nothing was asked for
    assert "npconv:conv2d" in capsys.readouterr().out
    stop(1)
    assert main([*call, str(EVERY), "--resume"]) == 130
    assert "--resume goes on from here" in capsys.readouterr().err
    stop(10**9)
    assert main([*call, str(EVERY), "--resume"]) == 0
    assert main([*call, "1000000000"]) == 3
    assert "MISTRUSTED: 0 of 0 geometries in float32" in capsys.readouterr().out
    assert main([*call, "2000", "--subject", f"{HERE}:unfinished"]) == 3
    assert "not supported: say so by" in " ".join(capsys.readouterr().out.split())
    for wrong in (
        [*call, "2999", "--resume"],
        [*call, "2999", "--subject", "nowhere:conv2d"],
        [*call, "2999", "--output", "missing/counts.json"],
        [*call, "2999", "--store", str(tmp_path)],
    ):
        assert main(wrong) == 2
        assert "parity sweep: " in capsys.readouterr().err


@pytest.mark.parametrize(("terminal", "shown"), [(True, "1234/4000"), (False, "1,234 of 4,000")])
def test_progress_is_a_bar_on_a_terminal_and_lines_elsewhere(
    terminal: bool, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "_LINE_SECONDS", 0.0)
    file = StringIO()
    with command._progress(Console(file=file, force_terminal=terminal, width=100)) as progress:
        progress(0, 4000)
        progress(1234, 4000)
    assert shown in file.getvalue()


def test_what_is_proved_for_all_data_is_said_with_numbers_rounded_up() -> None:
    said = for_all_data(1234, 5.5501e-8, 4.4e-3)
    assert "below 5.6e-08 at any one of 1,234 geometries, and below 4.4e-03" in said
    assert "control flow that does not look at data" in said
    assert "below 1 at any of them" in for_all_data(9, 0.5, 4.5)
    assert for_all_data(0, 0.0, 0.0) == ""
    for dtypes, some in ((("float32",), False), (("float32", "float64"), True)):
        swept = run_sweep(Settings(scope=Scope(dtypes=dtypes)), every=20_000)
        assert bool(swept.uniform) == bool(swept.for_all_data) == some
        assert swept.chance <= swept.uniform * swept.likeliest
        assert swept.uniform == (swept.by_dtype["float64"].compared if some else 0)
