"""The ledger: what it refuses, what it excuses, and that a stale or missing row is found."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from parity import ledger, ledger_command, predicates, tensorflow_default
from parity.rules import ROWS

ROW = """
[[divergence]]
id = "a"
tensorflow = "Casts filters."
npconv = "Refuses them."
why = "Planted."
build = "eigen"
versions = "2.16, 2.17, 2.18, 2.19, 2.20, 2.21"
predicate = "kind(filters) > kind(input)"
shown = [{ expression = "conv2d(np.ones((1, 1, 1, 1), 'i4'), np.full((1, 1, 1, 1), 1.7), 1, \
'VALID')", tensorflow = "int32 1x1x1x1 [1]", npconv = "TypeError" }]
"""
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


@pytest.mark.skipif(not ledger_command.HAS_ONEDNN, reason="there is no second build here")
def test_a_row_of_the_default_build_is_not_about_what_both_builds_do(plant: Plant) -> None:
    plant(ROW.replace('"eigen"', '"onednn"'))
    assert "TensorFlow without oneDNN gives int32" in checked()["status"]


def test_a_row_of_another_cpu_or_version_is_left(plant: Plant) -> None:
    plant(ROW.replace('"eigen"', '"onednn"\ncpu = "no-such-flag"'))
    row = checked()
    assert not row["stale"]
    assert "no-such-flag" in row["status"] or not ledger_command.HAS_ONEDNN
    gone = ROW.replace(ledger_command.VERSION, "1.15").replace("x1 [1]", "x1 [7]")
    plant(gone)
    row = checked()
    assert not row["stale"]
    assert row["status"].startswith("only in TensorFlow")


@pytest.mark.skipif(not ledger_command.HAS_ONEDNN, reason="the default build is asked")
def test_a_missing_row_fails_the_command(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    few = [row for row in ROWS if row.rule in (14, 15)]
    monkeypatch.setattr(ledger_command, "ROWS", few)
    assert list(ledger_command.missing()) == []
    plant(ROW)  # the only row: rank below 4 kills the default build, and nothing says so
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
        raise tensorflow_default.Killed

    assert ledger.outcome("conv2d(1)", dies, dies) == "killed"
    assert [*map(ledger.sort, ("float32  [4.0]", "TypeError", "killed"))] == [
        "taken",
        "TypeError",
        "killed",
    ]


def test_an_excuse_needs_row_version_flag_and_sort(plant: Plant) -> None:
    plant(ROW.replace('"eigen"', '"onednn"\ncpu = "flag"'))
    call = {"input": ONE.astype("i4"), "filters": ONE, "strides": 1, "padding": "SAME"}
    fine: dict[str, Any] = {"version": "2.16.2", "flags": ["flag"]}
    found = ledger.excuse(call, "taken", **fine)
    assert found is not None
    assert found.id == "a"
    assert ledger.excuse(call, "killed", **fine) is None
    plant(ROW.replace('"eigen"', '"onednn"\nat_times = "killed"'))
    assert ledger.excuse(call, "killed", **fine) is not None
    plant(ROW.replace('"eigen"', '"onednn"\ncpu = "flag"'))
    assert ledger.excuse(call, "taken", **fine | {"version": "1.15.0"}) is None
    assert ledger.excuse(call, "taken", **fine | {"flags": []}) is None
    assert ledger.excuse(call | {"filters": ONE.astype("i4")}, "taken", **fine) is None


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


@pytest.mark.skipif(not ledger_command.HAS_ONEDNN, reason="there is no second build here")
def test_a_killed_process_is_reported_and_the_next_call_is_answered() -> None:
    same = {"strides": 1, "padding": "SAME"}
    running = tensorflow_default.child()
    for _ in range(2):
        with pytest.raises(tensorflow_default.Killed, match="status"):
            tensorflow_default.conv2d(ONE[0], ONE, **same)
        assert tensorflow_default.conv2d(ONE, ONE, **same) == ONE
    tensorflow_default.renew()
    assert tensorflow_default.conv2d(ONE, ONE, **same) == ONE
    assert tensorflow_default.child() is running
    with pytest.raises(tensorflow_default.Refused, match="Stride must be > 0") as raised:
        tensorflow_default.conv2d(ONE, ONE, 0, "SAME")
    assert type(raised.value).__name__ == "InvalidArgumentError"


@pytest.mark.skipif(not ledger_command.HAS_ONEDNN, reason="there is no second build here")
def test_a_child_that_does_not_answer_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    running = tensorflow_default.child()
    monkeypatch.setattr(tensorflow_default, "SECONDS", 0.0)
    with pytest.raises(tensorflow_default.Killed, match="no answer"):
        tensorflow_default.conv2d(np.ones((64, 64, 64, 16), np.float32), ONE, 1, "SAME")
    monkeypatch.undo()
    assert tensorflow_default.child() is not running


@pytest.mark.skipif(not ledger_command.HAS_ONEDNN, reason="there is no second build here")
def test_a_call_that_dies_of_another_one_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    called = tensorflow_default._called
    deaths: list[Any] = []

    def dies_first(*call: Any) -> Any:
        if not deaths:
            deaths.append(call)
            raise tensorflow_default.Killed
        return called(*call)

    monkeypatch.setattr(tensorflow_default, "_called", dies_first)
    assert tensorflow_default.conv2d(ONE, ONE, 1, "SAME") == ONE
