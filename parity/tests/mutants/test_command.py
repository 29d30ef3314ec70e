"""The mutants command: a survivor, a killed control and a wrong name are told."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from parity import mutants
from parity.__main__ import main
from parity.cli import terminal
from parity.mutants.command import CONTROL, Fate, hunt, work


def test_mutants_are_killed_and_the_control_is_not(tmp_path: Path) -> None:
    output = tmp_path / "mutants.json"
    names = ["kernel_flipped", "key_error_for_format"]
    assert (
        main(["mutants", *names, "--jobs", "1", "--control", "0.02", "--output", str(output)]) == 0
    )
    document = json.loads(output.read_text())
    assert document["survivors"] == []
    assert [row["mutant"] for row in document["mutants"]] == names
    assert document["mutants"][0]["examples"] > 0
    assert (document["asked"], document["killed"], document["killed_by_drawn_examples"]) == (
        2,
        2,
        2,
    )
    assert document["control"]["claim"] == ""


def test_an_unknown_mutant_is_a_wrong_call() -> None:
    assert main(["mutants", "no_such_mutant"]) == 2


def fates_of(monkeypatch: pytest.MonkeyPatch, *fates: Fate) -> dict[str, Any]:
    """Return what a hunt makes of these fates."""

    def run(target: str, tasks: Any, processes: int, hear: Any, **_: Any) -> list[Any]:
        for fate in fates:
            hear(0, fate)
        return []

    monkeypatch.setattr("parity.engine.jobs.run", run)
    names = [fate.name for fate in fates if fate.name != CONTROL]
    return hunt(terminal.console(), names, seed=0, processes=1, control=1.0)


CLEAR = Fate(CONTROL)
DRAWN = Fate("kernel_flipped", claim="exact", dtype="int32", token="token")
BY_ROW = Fate("kernel_flipped", regression="token")
SURVIVOR = Fate("kernel_flipped")
OUTSIDE = Fate("kernel_flipped", asked=False)


@pytest.mark.parametrize(
    ("fates", "code", "killed", "by_drawn_examples"),
    [
        ((CLEAR, DRAWN), 0, 1, 1),
        ((CLEAR, BY_ROW), 0, 1, 0),
        ((CLEAR, SURVIVOR), 1, 0, 0),
        ((CLEAR, OUTSIDE, replace(DRAWN, name="edge_padding")), 0, 1, 1),
        ((CLEAR, OUTSIDE), 3, 0, 0),  # nothing was asked
        ((replace(DRAWN, name=CONTROL), DRAWN), 1, 1, 1),  # the right one is found wrong
        ((replace(BY_ROW, name=CONTROL), DRAWN), 1, 1, 1),
        ((DRAWN,), 1, 1, 1),  # no control
    ],
)
def test_verdicts(
    fates: tuple[Fate, ...],
    code: int,
    killed: int,
    by_drawn_examples: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    document = fates_of(monkeypatch, *fates)
    assert document["exit_code"] == code
    assert document["killed"] == killed
    assert document["killed_by_drawn_examples"] == by_drawn_examples
    asked = document["asked"]
    said = f"killed: {killed} of {asked} mutants; by drawn examples alone: {by_drawn_examples} of"
    assert said in " ".join(capsys.readouterr().out.split())


def fate(name: str, monkeypatch: pytest.MonkeyPatch) -> Fate:
    """Return what a worker sends."""
    monkeypatch.setattr("parity.mutants.command._ROUNDS", (1 / 64,))
    sent: list[Fate] = []
    work((name, 0, 1.0), sent.append)
    return sent[0]


def test_a_regression_row_does_not_spare_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARITY_SUBJECT", "")
    found = fate("kernel_flipped", monkeypatch)
    assert found.regression
    assert (found.claim, found.dtype) == ("exact", "float32")
    assert found.examples > 0


@pytest.mark.parametrize(
    ("variable", "value", "inside", "outside"),
    [
        ("DTYPES", "float16", "half_sums", "int32_saturates"),
        ("LAYOUTS", "NHWC,C", "kernel_flipped", "nchw_as_nhwc"),
        ("LAYOUTS", "C,F", "fortran_by_buffer", "reversed_by_buffer"),
        ("WITHOUT", "explicit", "floor_for_ceil", "pads_within_kernel"),
        ("WITHOUT", "empties", "kernel_flipped", "empty_of_double"),
        ("WITHOUT", "dilations", "kernel_flipped", "single_dilation_ignored"),
        ("WITHOUT", "strides", "last_row_lost", "zero_stride_as_one"),
        ("WITHOUT", "batches", "last_row_lost", "last_image_lost"),
        ("WITHOUT", "subnormals", "nan_swallowed", "subnormals_flushed"),
        ("CLAIMS", "exact", "last_row_lost", "lower_case_taken"),
    ],
)
def test_a_fault_outside_the_scope_is_not_asked_for(
    variable: str, value: str, inside: str, outside: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARITY_SUBJECT", "")
    monkeypatch.setattr("parity.mutants.command._searched", lambda name, *_: Fate(name))
    monkeypatch.setenv(f"PARITY_{variable}", value)
    assert fate(outside, monkeypatch) == Fate(outside, asked=False)
    assert fate(inside, monkeypatch).asked


def test_every_mutant_is_a_subject() -> None:
    for name in mutants.MUTANTS:
        assert callable(getattr(mutants, name))
