"""What a sweep keeps: it goes on only where nothing has changed, and reads nothing but its own."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from parity.__main__ import main
from parity.model.subject import Scope
from parity.sweep import fingerprint
from parity.sweep.layers import Grids
from parity.sweep.state import State, StateError, header
from parity.sweep.worker import Found

GRIDS = Grids.of(Scope(), every=100)
SIZES = GRIDS.sizes
FIRST, SECOND = list(SIZES)[:2]


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SUBJECT", "CLAIMS", "DTYPES", "LAYOUTS", "WITHOUT"):
        monkeypatch.delenv(f"PARITY_{name}", raising=False)


def found(**changes: Any) -> Found:
    listed = {"listed": [("a", "b")], "classes": Counter({"SAME": 1})}
    return Found(**{"block": FIRST.number, "compared": SIZES[FIRST], **listed, **changes})


def test_a_state_goes_on_where_it_stopped(tmp_path: Path) -> None:
    path, first = tmp_path / "state", found()
    second = Found(SECOND.number, not_supported=1, compared=SIZES[SECOND] - 1)
    with State(path, GRIDS) as state:
        state.add(first)
    path.write_text(path.read_text() + '{"block": 4, "comp')  # killed while it wrote
    with State(path, GRIDS) as state:
        assert state.done == {FIRST.number: first}
        state.add(second)
    with State(path, GRIDS) as state:
        assert state.done == {FIRST.number: first, SECOND.number: second}


def test_a_state_refuses_another_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state"
    with State(path, GRIDS):
        pass
    with pytest.raises(StateError, match="grids is"):
        State(path, Grids.of(Scope(), every=101))
    monkeypatch.setenv("PARITY_SUBJECT", "numpy:dot")
    with pytest.raises(StateError, match="subject is"):
        State(path, GRIDS)
    monkeypatch.setenv("PARITY_SUBJECT", "")
    monkeypatch.setenv("PARITY_WITHOUT", "subnormals")
    with pytest.raises(StateError, match="scope is 'everything' there"):
        State(path, GRIDS)
    with pytest.raises(StateError, match="directory"):
        State(tmp_path, GRIDS)


@pytest.mark.parametrize("what", ["python", "numpy", "ml_dtypes", "tensorflow", "suite", "source"])
def test_a_state_refuses_another_world(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state"
    with State(path, GRIDS):
        pass
    other = header(GRIDS, [path]) | {what: "another"}
    monkeypatch.setattr("parity.sweep.state.header", lambda *_: other)
    with pytest.raises(StateError, match=f"{what} is"):
        State(path, GRIDS)


def document(**changes: Any) -> str:
    return json.dumps(found().document() | changes)


WRONG: dict[str, tuple[str, str]] = {
    "no JSON": ("garbage", "line 2"),
    "another type": ("[1, 2]", "an object"),
    "deep": ("[" * 100_000, "line 2"),
    "cut in the middle": (document()[:40], "line 2"),
    "a field too few": ('{"block": 3}', "an object with block"),
    "a field too many": (document(more=1), "an object with block"),
    "a word for a number": (document(compared="5"), "compared: expected a number"),
    "a fraction": (document(outputs=1.5), "outputs: expected a number"),
    "true": (document(nonzero=True), "nonzero: expected a number"),
    "below 0": (document(disagreements=-1), "disagreements: expected a number"),
    "not a number": (document(wall=float("nan")), "wall: expected seconds"),
    "classes as a list": (document(classes=["SAME"]), "classes: expected"),
    "classes of words": (document(classes={"SAME": "1"}), "classes: expected"),
    "a token alone": (document(listed=["a"]), "listed: expected pairs"),
    "numbers for tokens": (document(listed=[[1, 2]]), "listed: expected pairs"),
    "no such block": (document(block=10**6), "no such block"),
    "another number of geometries": (document(compared=SIZES[FIRST] + 1), "the grid has"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_line_that_no_sweep_has_written_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "state"
    with State(path, GRIDS) as state:
        state.add(found())
    line, said = WRONG[name]
    heading, *rest = path.read_text().splitlines(keepends=True)
    path.write_text("".join([heading, line, "\n", *rest]))
    before = path.read_text()
    with pytest.raises(StateError, match=said):
        State(path, GRIDS)
    assert path.read_text() == before


DEEP = "[" * 99_999 + "\n"


@pytest.mark.parametrize(
    "text",
    ["something else\n", "something else", "[]\n", "{}\n", '{"format": 1}', "\0\0", DEEP],
    ids=range(7),
)  # fmt: skip
def test_a_file_of_something_else_is_left_alone(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "state"
    path.write_text(text)
    call = ["sweep", "--every", "1000000", "--jobs", "1", "--state", str(path)]
    assert main(call) == 2
    assert "not the state of a sweep" in " ".join(capsys.readouterr().err.split())
    assert path.read_text() == text


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.write_bytes(b"\xff\xfe\n")
    with pytest.raises(StateError, match="decode"):
        State(path, GRIDS)


CHANGES = {
    "source": "inner.py",
    "a rebuilt library": "_kernel.so",
    "a library of Windows": "_kernel.pyd",
    "data": "tables.bin",
}


@pytest.mark.parametrize("name", CHANGES)
def test_the_source_is_every_file_of_the_package(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    package = f"swept_{name.replace(' ', '_')}"
    monkeypatch.setenv("PARITY_SUBJECT", f"{package}.inner:conv2d")
    folder = tmp_path / package
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "inner.py").write_text("conv2d = print\n")
    for other in ("_kernel.so", "_kernel.pyd", "tables.bin"):
        (folder / other).write_bytes(b"old")
    before = header(GRIDS)
    (folder / CHANGES[name]).write_bytes(b"conv2d = repr")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "inner.pyc").write_bytes(b"compiled")
    after = header(GRIDS)
    assert before.pop("source") != after.pop("source")
    assert before == after


def test_the_source_of_a_module_is_the_code_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PARITY_SUBJECT", "kernel_alone:conv2d")
    (tmp_path / "kernel_alone.py").write_text("conv2d = print\n")
    library, state = tmp_path / "libkernel.so.1", tmp_path / "state.py"
    library.write_bytes(b"old")
    before = header(GRIDS, [state])
    state.write_text("what the sweep writes")
    (tmp_path / "counts.json").write_text("{}")
    assert header(GRIDS, [state]) == before
    library.write_bytes(b"new")
    assert header(GRIDS, [state])["source"] != before["source"]


def test_the_suite_is_what_a_sweep_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {str(file.relative_to(fingerprint.SUITE)) for file in fingerprint.suite_files()}
    assert {
        "data.py",
        "bounds.py",
        "tensorflow_oracle.py",
        "sweep/grid.py",
        "sweep/eigen.py",
    } <= names
    assert not {name for name in names if "test_" in name}
    (tmp_path / "claims").mkdir()
    (tmp_path / "sweep").mkdir()
    (tmp_path / "data.py").write_text("one")
    monkeypatch.setattr(fingerprint, "SUITE", tmp_path)
    before = fingerprint.fingerprint()["suite"]
    (tmp_path / "data.py").write_text("two")
    assert fingerprint.fingerprint()["suite"] != before


def test_the_scope_is_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fingerprint.fingerprint()["scope"] == str(Scope())
    monkeypatch.setenv("PARITY_WITHOUT", "SAME")
    assert fingerprint.fingerprint()["scope"] == "without SAME"
