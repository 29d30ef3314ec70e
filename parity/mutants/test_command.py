"""The mutants command: a survivor, a killed control and a wrong name are told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from parity import mutants
from parity.__main__ import main
from parity.mutants.command import CONTROL, Fate, hunt
from parity.speed import tables


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
    assert document["control"]["claim"] == ""


def test_an_unknown_mutant_is_a_wrong_call() -> None:
    assert main(["mutants", "no_such_mutant"]) == 2


@pytest.mark.parametrize(
    ("fates", "code"),
    [
        ({CONTROL: "", "kernel_flipped": "exact"}, 0),
        ({CONTROL: "", "kernel_flipped": ""}, 1),  # a survivor
        ({CONTROL: "exact", "kernel_flipped": "exact"}, 1),  # the right one is found wrong
        ({"kernel_flipped": "exact"}, 1),  # no control
    ],
)
def test_verdicts(fates: dict[str, str], code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(target: str, tasks: Any, processes: int, hear: Any) -> list[Any]:
        for name, claim in fates.items():
            hear(0, Fate(name, claim, "int32", 1, 0.1, "token"))
        return []

    monkeypatch.setattr("parity.jobs.run", run)
    document = hunt(tables.console(), ["kernel_flipped"], seed=0, processes=1, control=1.0)
    assert document["exit_code"] == code


def test_every_mutant_is_a_subject() -> None:
    for name in mutants.MUTANTS:
        assert callable(getattr(mutants, name))
