"""The ledger: what it refuses, what it excuses, and that a stale or missing row is found."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from rich.console import Console

from parity.ledger import command as ledger_command
from parity.ledger import predicates
from parity.ledger import rows as ledger
from parity.oracles import build as tensorflow_build
from parity.oracles import onednn as tensorflow_onednn
from parity.oracles.onednn import Machine
from parity.rules import ROWS

ROW = """
[[divergence]]
id = "a"
tensorflow = "Casts filters."
npconv = "Refuses them."
why = "Planted."
build = "eigen"
versions = "2.16, 2.17, 2.18, 2.19, 2.20, 2.21, 2.22"
predicate = "kind(filters) > kind(input)"
shown = [{ expression = "conv2d(np.ones((1, 1, 1, 1), 'i4'), np.full((1, 1, 1, 1), 1.7), 1, \
'VALID')", tensorflow = "int32 1x1x1x1 [1]", npconv = "TypeError" }]
"""
# What TensorFlow with oneDNN does on every instruction set.
SHOWN = """{ expression = "conv2d(np.ones((0, 1, 1, 3), 'f4'), np.ones((1, 1, 3, 2), 'f4'), 1, \
'SAME')", tensorflow = "float32 0x1x1x3", npconv = "float32 0x1x1x2\""""
ONEDNN = """
[[divergence]]
id = "b"
tensorflow = "Gives an empty result the shape of the input."
npconv = "The right shape."
why = "Planted."
build = "onednn"
versions = "2.16, 2.17, 2.18, 2.19, 2.20, 2.21, 2.22"
predicate = "dtype == 'float32'"
shown = ["""
Plant = Callable[[str], Path]
ONE = np.ones((1, 1, 1, 1), np.float32)


@pytest.fixture
def plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plant:
    def write(text: str) -> Path:
        path = tmp_path / f"{abs(hash(text))}.toml"
        path.write_text(text)
        monkeypatch.setenv("PARITY_LEDGER", str(path))
        return path

    return write


@pytest.fixture
def machine() -> Machine:
    found = tensorflow_onednn.machine()
    if not found.instruction_set:
        pytest.skip("TensorFlow has no oneDNN here")
    return found


def seen(machine: Machine, versions: str = "") -> str:
    """Return the end of a line that was seen on `machine`."""
    ending = f', versions = "{versions}"' if versions else ""
    return f', {machine.how} = ["{machine.instruction_set}"]{ending} }}'


def checked() -> dict[str, Any]:
    [row] = ledger_command.checked()
    return row


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", ROW),  # the same id twice
        ('"eigen"', '"gpu"'),
        ('"TypeError"', '"int32 1x1x1x1 [1]"'),  # no difference
        ("predicate = ", "why_not = "),
        ("why = ", 'unpredicated = "both"\nwhy = '),
        ("why = ", 'verdict = "KeyError"\nwhy = '),
        ("why = ", 'at_times = "late"\nwhy = '),
        ('"eigen"', '"onednn"'),  # on which instruction set?
        ('npconv = "TypeError" }', 'npconv = "TypeError", native = ["AVX2"] }'),
        ('npconv = "TypeError" }', 'npconv = "TypeError", versions = "1.15" }'),
    ],
)
def test_rows_that_say_nothing_are_refused(old: str, new: str, plant: Plant) -> None:
    wrong = ROW + new if not old else ROW.replace(old, new)
    with pytest.raises((ValueError, TypeError), match=r"divergence a|why_not"):
        ledger.load(plant(wrong))


def test_a_row_needs_a_reproducer(plant: Plant) -> None:
    with pytest.raises(ValueError, match="reproducer"):
        ledger.load(plant(ROW[: ROW.index("shown")] + "shown = []\n"))


def test_a_row_that_holds_is_not_stale(plant: Plant) -> None:
    plant(ROW)
    assert checked() | {"stale": False, "status": "as written"} == checked()


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        ('"int32 1x1x1x1 [1]"', '"int32 1x1x1x1 [2]"', "TensorFlow gives int32 1x1x1x1 [1]"),
        ('npconv = "TypeError"', 'npconv = "ValueError"', "npconv gives TypeError"),
        ("kind(filters) > kind(input)", "dtype == 'float32'", "the predicate does not hold"),
        (ledger_command.VERSION, "1.15", f"it shows in {ledger_command.VERSION}"),
    ],
)
def test_a_stale_row_is_found(old: str, new: str, status: str, plant: Plant) -> None:
    plant(ROW.replace(old, new))
    row = checked()
    assert row["stale"]
    assert status in row["status"]


def test_a_row_about_onednn_is_not_about_what_eigen_does_too(
    plant: Plant, machine: Machine
) -> None:
    plant(ROW.replace('"eigen"', '"onednn"').replace(" }]", seen(machine) + "]"))
    assert "TensorFlow without oneDNN gives int32" in checked()["status"]


def test_a_row_of_another_version_is_left(plant: Plant) -> None:
    plant(ROW.replace(ledger_command.VERSION, "1.15").replace("x1 [1]", "x1 [7]"))
    row = checked()
    assert not row["stale"]
    assert row["status"].startswith("only in TensorFlow")


def test_a_row_that_no_longer_shows_where_it_was_seen_is_stale(
    plant: Plant, machine: Machine
) -> None:
    row = ONEDNN + SHOWN + seen(machine) + "]"
    plant(row)
    assert checked()["status"] == "as written"
    plant(row.replace("float32 0x1x1x3", "killed"))
    assert checked()["stale"]
    assert "TensorFlow gives float32 0x1x1x3, not killed" in checked()["status"]


@pytest.mark.parametrize("how", ["native", "capped"])
def test_a_row_that_was_seen_elsewhere_is_reported(
    how: Literal["native", "capped"],
    plant: Plant,
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ledger_command, "ROWS", [])  # it is not about missing rows
    # The same instruction set with a cap is another machine than without one.
    other = Machine(machine.instruction_set if how != machine.how else "SVE", how)
    row = ONEDNN + SHOWN + seen(other) + "]"
    plant(row.replace("float32 0x1x1x3", "killed"))
    found = checked()
    assert not found["stale"]
    assert found["status"] == f"not seen here, on {machine}: float32 0x1x1x3"
    assert found["data"] == []
    plant(row)
    text = io.StringIO()
    document = ledger_command.check(Console(file=text, width=200))
    [found] = document["rows"]
    assert document["machine"] == str(machine)
    assert not found["stale"]
    assert found["status"] == f"seen here, on {machine}, for the first time"
    [line] = found["data"]
    assert f"SEEN HERE: {line}" in text.getvalue()
    # With what is printed the row is held to it.
    plant(ONEDNN + SHOWN + f", {line.removeprefix('b, shown 1: ')} }}]")
    assert checked()["status"] == "as written"
    # npconv is held to the row everywhere.
    plant(row.replace('"float32 0x1x1x2"', '"float32 0x1x1x7"'))
    assert "npconv gives float32 0x1x1x2" in checked()["status"]


def test_what_a_cpu_with_avx2_alone_was_seen_to_give_is_not_stale(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With oneDNN forced on, and not capped (Zen 3, TensorFlow 2.21)."""
    gives = {
        shown.expression: shown.tensorflow
        for row in ledger.load().values()
        for shown in row.shown
        if row.build == "onednn"
    }
    [survived, skipped] = [
        ledger.load()[name].shown[place].expression
        for name, place in (("huge-geometry-onednn", 1), ("padding-skipped-onednn", 0))
    ]
    gives[survived] = "float32 1x1x1x1 [0.0]"
    gives[skipped] = "float32 1x2x1x1 [inf, nan]"
    monkeypatch.setattr(ledger_command, "_onednn", gives.__getitem__)
    monkeypatch.setattr(tensorflow_onednn, "machine", lambda: Machine("AVX2"))
    rows = {row["id"]: row for row in ledger_command.checked()}
    assert not [row["status"] for row in rows.values() if row["stale"]]
    for name in ("huge-geometry-onednn", "padding-skipped-onednn"):
        assert "not seen here, on AVX2 (native)" in rows[name]["status"]
    monkeypatch.setattr(ledger_command, "_onednn", lambda _: "float32 0")
    stale = {row["id"] for row in ledger_command.checked() if row["stale"]}
    assert {"empty-output-onednn", "explicit-padding-onednn"} <= stale  # what was seen there


def test_a_row_about_onednn_that_shows_in_another_version(plant: Plant, machine: Machine) -> None:
    version, sve = ledger_command.VERSION, Machine("SVE")
    others = ONEDNN.replace(version, "1.15")
    plant(others + SHOWN + seen(machine) + "]")
    assert checked()["status"] == f"STALE: it shows in {version}, which is not listed"
    plant(others + SHOWN + seen(sve) + "]")
    [line] = checked()["data"]
    assert (
        line == f'b, shown 1: {machine.how} = ["{machine.instruction_set}"], versions = "{version}"'
    )
    # A line of its own says where it shows in this one.
    lines = [SHOWN + seen(sve, "1.15"), SHOWN + seen(machine, version)]
    plant(ONEDNN.replace("2.16", "1.15, 2.16") + ", ".join(lines) + "]")
    assert checked()["status"] == "as written"


@pytest.mark.usefixtures("machine")
def test_a_missing_row_fails_the_command(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    few = [row for row in ROWS if row.rule in (14, 15)]
    monkeypatch.setattr(ledger_command, "ROWS", few)
    assert list(ledger_command.missing()) == []
    plant(ROW)  # the only row: rank below 4 kills TensorFlow with oneDNN, and nothing says so
    text = io.StringIO()
    document = ledger_command.check(Console(file=text, width=200))
    assert document["exit_code"] == 1
    assert any(": killed" in line for line in document["missing"])
    assert "MISSING: 1" in text.getvalue()


def test_every_ledger_row_named_by_a_rule_exists() -> None:
    assert {row.ledger for row in ROWS if row.ledger} <= set(ledger.load())


def test_every_predicate_answers_for_every_call_of_the_rules() -> None:
    held = {
        row.id
        for row in ledger.load().values()
        for rule in ROWS
        if row.predicate and row.holds(rule.call())
    }
    assert {"filters-dtype", "integers-by-index", "nchw", "rank-below-4-onednn"} <= held


def test_outcomes_are_one_line() -> None:
    def double(x: float) -> float:
        return x + x

    assert ledger.outcome("conv2d(np.float32(2))", double, double) == "float32  [4.0]"
    assert ledger.outcome("conv2d(np.zeros((2, 3)))", double, double) == "float64 2x3"
    assert ledger.outcome("conv2d(1, 2)", double, double) == "TypeError"

    def dies(_: float) -> float:
        raise tensorflow_onednn.Killed

    assert ledger.outcome("conv2d(1)", dies, dies) == "killed"
    assert [*map(ledger.sort, ("float32  [4.0]", "TypeError", "killed"))] == [
        "taken",
        "TypeError",
        "killed",
    ]


def test_an_excuse_needs_row_version_and_sort(plant: Plant) -> None:
    row = ROW.replace('"eigen"', '"onednn"').replace('"TypeError" }', '"TypeError", SEEN }')
    plant(row.replace("SEEN", 'native = ["AVX2"]'))
    call = {"input": ONE.astype("i4"), "filters": ONE, "strides": 1, "padding": "SAME"}
    fine: dict[str, Any] = {"version": "2.16.2", "machine": Machine("AVX2")}
    found = ledger.excuse(call, "taken", **fine)
    assert found is not None
    assert found.id == "a"
    assert ledger.excuse(call, "taken", **fine | {"version": "1.15.0"}) is None
    assert ledger.excuse(call, "taken", **fine | {"version": "2.22.0rc0"}) is not None
    assert ledger.excuse(call | {"filters": ONE.astype("i4")}, "taken", **fine) is None
    assert ledger.excuse(call, "killed", **fine) is None
    times = row.replace("why =", 'at_times = "killed"\nwhy =')
    plant(times.replace("SEEN", 'native = ["AVX2"]'))
    assert ledger.excuse(call, "killed", **fine) is not None


def test_a_row_that_was_seen_on_the_machine_is_the_first_excuse(plant: Plant) -> None:
    row = ROW.replace('"eigen"', '"onednn"').replace('"TypeError" }', '"TypeError", SEEN }')
    avx2 = row.replace("SEEN", 'native = ["AVX2"], capped = ["SSE41"]')
    sse41 = row.replace("SEEN", 'native = ["SSE41"]').replace('"a"', '"b"')
    plant(avx2 + sse41)
    call = {"input": ONE.astype("i4"), "filters": ONE, "strides": 1, "padding": "SAME"}
    for machine, name in (
        (Machine("AVX2"), "a"),
        (Machine("SSE41"), "b"),
        (Machine("SSE41", "capped"), "a"),
        (Machine("SVE"), "a"),  # nobody has seen it there: it shows all the same
    ):
        found = ledger.excuse(call, "taken", version="2.21.0", machine=machine)
        assert found is not None
        assert found.id == name


@pytest.mark.parametrize("version", ["2.22.0", "2.22.1", "2.22.0rc0", "2.22.0-rc0", "2.22"])
def test_a_pre_release_belongs_to_its_release(version: str) -> None:
    assert ledger.release(version) == "2.22"


def test_instruction_sets_have_the_names_that_cap_them() -> None:
    names = {
        name
        for row in ledger.load().values()
        for shown in row.shown
        for name in shown.native + shown.capped
    }
    assert names <= set(tensorflow_build.INSTRUCTION_SETS)


def test_the_calls_of_an_expression_are_read_from_it() -> None:
    [one] = ledger.calls("conv2d(np.ones(3), 2, [1, 2], 'SAME', dilations=7).shape")
    assert (one["filters"], one["strides"], one["padding"]) == (2, [1, 2], "SAME")
    assert (one["data_format"], one["dilations"]) == ("NHWC", 7)


def test_predicates_know_the_padding_that_windows_reach() -> None:
    x = np.ones((1, 5, 7, 2), np.float32)
    w = np.ones((2, 3, 2, 1), np.float32)
    call = {"input": x, "filters": w, "strides": 2, "padding": "SAME"}
    known = predicates.names(call)
    assert [known[name] for name in ("top", "bottom", "left", "right")] == [0, 1, 1, 1]
    pads = [[0, 0], [0, 0], [3, 0], [1, 5]]
    known = predicates.names(call | {"padding": pads, "data_format": "NCHW"})
    assert not known["valid"] or known["IC"] == 2
    turned = {"input": x.transpose(0, 3, 1, 2), "data_format": "NCHW", "strides": [1, 1, 2, 3]}
    known = predicates.names(call | turned | {"padding": pads})
    assert (known["H"], known["W"], known["C"], known["SW"]) == (5, 7, 2, 3)
    # 5 + 3 rows in steps of 2, the last one beyond the last window; 7 + 6 columns in steps of 3.
    assert [known[name] for name in ("top", "bottom", "left", "right")] == [3, 0, 1, 4]


@pytest.mark.usefixtures("machine")
def test_a_killed_process_is_reported_and_the_next_call_is_answered() -> None:
    same = {"strides": 1, "padding": "SAME"}
    running = tensorflow_onednn.child()
    for _ in range(2):
        with pytest.raises(tensorflow_onednn.Killed, match="status"):
            tensorflow_onednn.conv2d(ONE[0], ONE, **same)
        assert tensorflow_onednn.conv2d(ONE, ONE, **same) == ONE
    tensorflow_onednn.renew()
    assert tensorflow_onednn.conv2d(ONE, ONE, **same) == ONE
    assert tensorflow_onednn.child() is running
    with pytest.raises(tensorflow_onednn.Refused, match="Stride must be > 0") as raised:
        tensorflow_onednn.conv2d(ONE, ONE, 0, "SAME")
    assert type(raised.value).__name__ == "InvalidArgumentError"


@pytest.mark.usefixtures("machine")
def test_a_child_that_does_not_answer_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    running = tensorflow_onednn.child()
    monkeypatch.setattr(tensorflow_onednn, "SECONDS", 0.0)
    with pytest.raises(tensorflow_onednn.Killed, match="no answer"):
        tensorflow_onednn.conv2d(np.ones((64, 64, 64, 16), np.float32), ONE, 1, "SAME")
    monkeypatch.undo()
    assert tensorflow_onednn.child() is not running
