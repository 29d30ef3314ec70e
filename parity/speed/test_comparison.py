"""A layer that has become slower is found; a slower machine is not mistaken for it."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from parity import __main__ as cli
from parity.speed import command, comparison
from parity.speed.layers import altered, read
from parity.speed.rows import summarise, summary
from parity.speed.test_rows import TOLD, agreeing, planted
from parity.speed.turns import Times


def scaled(times: Times, **factors: float) -> Times:
    return {
        name: [factors.get(name, factors.get("all", 1.0)) * time for time in sample]
        for name, sample in times.items()
    }


def document(spread: float = 0.01, threads: int | str = 1, /, **factors: float) -> dict[str, Any]:
    """Return a valid document in which the third of four layers was changed by `factors`."""
    rows = []
    for number, layer in enumerate(read("small")[:4]):
        times = planted(0.3, 20, spread)
        if number == 2:
            times = scaled(times, **factors)
        rows.append(
            {
                "net": layer.net,
                "name": layer.name,
                "count": layer.count,
                "token": layer.case.token(),
                "threads": threads,
                "multiply_adds": layer.multiply_adds,
                "agreement": agreeing(),
                "other_work": 0.0,
                **summarise(times, layer.multiply_adds),
            }
        )
    words = "cpu system python subject version numpy blas blas_architecture tensorflow"
    return {
        "machine": {
            **dict.fromkeys(words.split(), "same"),
            "simd": [],
            "cores": 2,
            "load_1_minute": 0.1,
            "environment": {},
            "blas_threads": 2,
            **TOLD,
        },
        "settings": {
            "subject": "npconv:conv2d",
            "rounds": 20,
            "seconds_a_layer": 1.0,
            "threads": threads,
            "took_seconds": 1.0,
        },
        "rows": rows,
        "summary": summary(rows),
    }


def verdicts(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    return [one.verdict for one in comparison.compare(old, new)]


@pytest.mark.parametrize(
    ("factors", "found"),
    [
        ({"subject": 1.2}, "SLOWER"),
        ({"subject": 1.13}, "SLOWER"),
        ({"subject": 1.08}, "same"),
        ({"subject": 1.03}, "same"),
        ({"subject": 0.8}, "faster"),
        ({"all": 1.5}, "same"),  # a slower machine
        ({"all": 1.5, "subject": 1.8}, "SLOWER"),
        ({"tensorflow": 0.8, "tensorflow again": 0.8}, "SLOWER"),  # TensorFlow became faster
    ],
)
def test_only_the_changed_layer_is_found(factors: dict[str, float], found: str) -> None:
    assert verdicts(document(), document(**factors)) == ["same", "same", found, "same"]


@pytest.mark.parametrize("noisy", ["old", "new"])
def test_a_change_within_the_noise_of_either_file_is_none(noisy: str) -> None:
    old, new = document(), document(subject=1.2)
    row = (old if noisy == "old" else new)["rows"][2]
    times = row["times_milliseconds"]
    times["tensorflow again"] = [1.25 * time for time in times["tensorflow again"]]
    assert verdicts(old, new)[2] == "same"


def test_an_interval_that_reaches_below_ten_per_cent_is_no_slowdown() -> None:
    assert verdicts(document(0.3), document(0.3, subject=1.2))[2] == "same"


def test_the_change_is_that_of_the_ratios() -> None:
    change = comparison.compare(document(), document(subject=1.2))[2]
    assert change.change.ratio == pytest.approx(1.2)
    assert change.new / change.old == pytest.approx(1.2)


@pytest.mark.parametrize(("factor", "code"), [(1.2, command.SLOWER), (1.03, 0)])
def test_the_exit_code_tells_of_a_slowdown(factor: float, code: int, tmp_path: Path) -> None:
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    old.write_text(json.dumps(document()))
    new.write_text(json.dumps(document(subject=factor)))
    assert cli.main(["speed", "--compare", str(old), "--against", str(new)]) == code


def otherwise(kind: str) -> dict[str, Any]:
    """Return a document that cannot be compared."""
    found = document()
    if kind == "threads":
        return document(0.01, "default")
    for row, layer in zip(found["rows"], read("small"), strict=False):
        if kind == "dtypes":
            row["token"] = altered(layer, dtype="float64").case.token()
        if kind == "no layer":
            row["token"] = altered(layer, batch=7).case.token()
    if kind == "milliseconds":
        del found["rows"][0]["times_milliseconds"]
    return found


@pytest.mark.parametrize("kind", ["threads", "dtypes", "no layer", "milliseconds", "text", "none"])
def test_what_cannot_be_compared_is_refused_with_the_reason(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    new.write_text(json.dumps(document()))
    if kind != "none":
        old.write_text("{" if kind == "text" else json.dumps(otherwise(kind)))
    assert cli.main(["speed", "--compare", str(old), "--against", str(new)]) == 2
    said = capsys.readouterr().err.replace("\n", "")
    assert {"text": "Expecting", "none": "No such file"}.get(kind, kind) in said


@pytest.mark.parametrize(
    ("words", "said"), [("", "threads"), ("--threads 1 --batch 2", "no layer")]
)
def test_other_settings_are_refused_before_anything_is_measured(
    words: str,
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(command, "times", lambda *_: pytest.fail("measured"))
    old = tmp_path / "old.json"
    old.write_text(json.dumps(document()))
    call = ["speed", "--layers", "small", "--compare", str(old), *words.split()]
    assert cli.main(call) == 2
    assert said in capsys.readouterr().err


def test_another_machine_and_rows_that_are_missing_are_told() -> None:
    old, new = document(), copy.deepcopy(document())
    assert comparison.warnings(old, new) == []
    new["machine"]["cpu"] = "other"
    del new["rows"][0]
    assert comparison.warnings(old, new) == [
        "the cpu differs: same there, other here",
        "1 rows are in one file only",
    ]
    assert verdicts(old, new) == ["same"] * 3
