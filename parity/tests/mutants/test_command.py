"""The mutants command: a survivor, a killed control and a wrong name are told."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

from parity import claims
from parity.__main__ import main
from parity.claims.tally import dtypes
from parity.engine import Outcome
from parity.model.settings import Settings
from parity.model.subject import Scope
from parity.model.verdict import WRONG_CALL
from parity.mutants import command
from parity.mutants.command import Hunt
from parity.search.hunt import Fate, Task, hunted, merged, turns

QUICK = ["--jobs", "1", "--control", "0.01", "--claims", "exact", "--dtypes", "float32"]
CONTROL = "textbook"
NAMES = ["kernel_flipped", "lower_case_taken"]


def test_mutants_are_killed_and_the_control_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(function: Any, tasks: Any, settings: Any, heard: Any) -> None:
        for task in tasks:
            heard(Outcome(task, function(settings, task), None, "here"))

    monkeypatch.setattr("parity.engine.run", run)
    output = tmp_path / "mutants.json"
    assert main(["mutants", *NAMES, *QUICK, "--output", str(output)]) == 0
    found = msgspec.json.decode(output.read_bytes(), type=Hunt)
    killed, outside = found.mutants
    assert (killed.claim, killed.looks_like, outside.asked) == ("exact", NAMES[0], False)
    assert killed.examples > 0
    assert (found.survivors, found.asked, found.killed_by_drawn_examples) == ([], 1, 1)
    assert (found.misunderstandings, found.named, found.misnamed) == (1, 1, [])
    (control,) = found.controls
    assert not control.killed
    assert control.examples > 10


def test_an_unknown_mutant_is_a_wrong_call() -> None:
    assert main(["mutants", "no_such_mutant"]) == WRONG_CALL


CLEAR = Fate(CONTROL)
DRAWN = Fate("kernel_flipped", claim="exact", dtype="int32", token="token", misunderstanding=True)
BY_ROW = Fate("kernel_flipped", regression="token")
SURVIVOR = Fate("kernel_flipped")
OUTSIDE = Fate("kernel_flipped", asked=False)
OTHER = replace(DRAWN, mutant="edge_padding")


@pytest.mark.parametrize(
    ("fates", "code", "killed", "by_drawn_examples", "named"),
    [
        ((CLEAR, DRAWN), 0, 1, 1, 0),
        ((CLEAR, replace(DRAWN, looks_like="kernel_flipped")), 0, 1, 1, 1),
        ((CLEAR, replace(DRAWN, looks_like="edge_padding")), 1, 1, 1, 0),  # another's name
        ((CLEAR, BY_ROW), 0, 1, 0, 0),
        ((CLEAR, SURVIVOR), 1, 0, 0, 0),
        ((CLEAR, OUTSIDE, OTHER), 0, 1, 1, 0),
        ((CLEAR, OUTSIDE), 3, 0, 0, 0),  # nothing was asked
        ((replace(DRAWN, mutant=CONTROL), DRAWN), 1, 1, 1, 0),  # the right one is found wrong
        ((replace(BY_ROW, mutant=CONTROL), DRAWN), 1, 1, 1, 0),
        ((replace(CLEAR, looks_like="edge_padding"), DRAWN), 1, 1, 1, 0),
        ((DRAWN,), 1, 1, 1, 0),  # no control
    ],
)
def test_verdicts(
    fates: tuple[Fate, ...],
    code: int,
    killed: int,
    by_drawn_examples: int,
    named: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def run(function: Any, tasks: Any, settings: Any, heard: Any) -> None:
        for fate in fates:
            heard(Outcome(None, fate, None, ""))

    monkeypatch.setattr("parity.engine.run", run)
    names = [fate.mutant for fate in fates if fate.mutant != CONTROL]
    found = command.hunt(Console(width=220), names, seed=0, settings=Settings())
    assert (found.exit_code, found.killed, found.named) == (code, killed, named)
    assert found.killed_by_drawn_examples == by_drawn_examples
    said = f"killed: {killed} of {found.asked} mutants; by drawn examples alone: "
    assert f"{said}{by_drawn_examples} of" in " ".join(capsys.readouterr().out.split())


def test_one_task_that_fails_is_what_the_control_comes_to() -> None:
    fates = [replace(CLEAR, examples=3), replace(DRAWN, mutant=CONTROL, examples=2), CLEAR]
    assert merged(fates) == replace(DRAWN, mutant=CONTROL, examples=5)


@pytest.mark.parametrize("share", [1.0, 0.3, 0.02])
def test_a_hunt_has_as_many_examples_as_it_says(share: float) -> None:
    scope = Scope(subject="parity.mutants:textbook")
    drawn: Counter[str] = Counter()
    given = list(turns(scope, 5, share))
    for turn in given:
        drawn[turn.claim] += turn.examples
    assert len({turn[::3] + turn[1:2] for turn in given}) == len(given)  # no seed comes again
    for claim in claims.chosen(scope):
        usual = claim.usual(scope) * len(dtypes(claim, scope))
        assert drawn[claim.name] >= 0.99 * share * usual


def test_a_regression_row_does_not_spare_the_search() -> None:
    scope = Scope(claims=("exact",))
    found = hunted(Settings(scope), Task("kernel_flipped", tuple(turns(scope, 0))))
    assert found.regression
    assert (found.claim, found.dtype, found.looks_like) == ("exact", "float32", "kernel_flipped")
    assert found.examples > 0


@pytest.mark.parametrize(
    ("scope", "inside", "outside"),
    [
        (Scope(dtypes=("float16",)), "half_sums", "int32_saturates"),
        (Scope(formats=("NHWC",), layouts=("C",)), "kernel_flipped", "nchw_as_nhwc"),
        (Scope(layouts=("C", "F")), "fortran_by_buffer", "reversed_by_buffer"),
        (Scope(without=frozenset({"explicit"})), "floor_for_ceil", "pads_within_kernel"),
        (Scope(without=frozenset({"empties"})), "kernel_flipped", "empty_of_double"),
        (Scope(without=frozenset({"dilations"})), "kernel_flipped", "single_dilation_ignored"),
        (Scope(without=frozenset({"strides"})), "last_row_lost", "zero_stride_as_one"),
        (Scope(without=frozenset({"batches"})), "last_row_lost", "last_image_lost"),
        (Scope(without=frozenset({"subnormals"})), "nan_swallowed", "subnormals_flushed"),
        (Scope(claims=("exact",)), "last_row_lost", "lower_case_taken"),
    ],
)
def test_a_fault_outside_the_scope_is_not_asked_for(
    scope: Scope, inside: str, outside: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("parity.search.hunt._regression", lambda *_: "")
    assert not hunted(Settings(scope), Task(outside)).asked
    assert hunted(Settings(scope), Task(inside)).asked
