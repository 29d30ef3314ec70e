"""A layer that has become slower is found; a slower machine is not mistaken for it."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from parity import __main__ as cli
from parity.cli import terminal
from parity.speed import command, comparison
from parity.speed import document as files
from parity.speed.arguments import SLOWER
from parity.speed.layers import altered, read
from parity.speed.rows import summarise, summary
from parity.speed.turns import Times
from parity.tests.speed.test_rows import TOLD, agreeing, planted


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


def test_a_busy_row_is_never_joined_to_a_quiet_one() -> None:
    old, new = document(), document()
    new["rows"] += [{**row, "busy": 0.9} for row in new["rows"]]
    changes = comparison.compare(old, new)
    assert all("busy" not in one.row for one in changes)
    assert len(changes) == len(old["rows"])
    assert "4 rows are in one file only" in comparison.warnings(old, new)
    assert len(comparison.compare(new, new)) == 8
    with pytest.raises(ValueError, match="no layer is in both"):
        comparison.compare(old, {**new, "rows": new["rows"][4:]})


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


@pytest.mark.parametrize(("factor", "code"), [(1.2, SLOWER), (1.03, 0)])
def test_the_exit_code_tells_of_a_slowdown(factor: float, code: int, tmp_path: Path) -> None:
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    files.write(document(), old)
    files.write(document(subject=factor), new)
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
    files.write(document(), new)
    if kind != "none":
        found = {"schema": files.VERSION, **otherwise(kind)}
        old.write_text("{" if kind == "text" else json.dumps(found))
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
    files.write(document(), old)
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


def busy(which: int, share: float | None, /, **factors: float) -> dict[str, Any]:
    """Return a document in which other processes took a share of the cores during one row."""
    found = document(**factors)
    found["rows"][which]["other_work"] = share
    return found


@pytest.mark.parametrize("side", ["old", "new"])
@pytest.mark.parametrize(
    ("share", "verdict", "code"),
    [(0.05, "SLOWER", 4), (0.051, "withheld", 3), (None, "SLOWER", 4), (0.9, "withheld", 3)],
)
def test_a_verdict_is_withheld_where_other_work_took_the_cores(
    side: str,
    share: float | None,
    verdict: str,
    code: int,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    old = busy(2, share) if side == "old" else document()
    new = busy(2, share if side == "new" else 0.0, subject=1.2)
    assert verdicts(old, new) == ["same", "same", verdict, "same"]
    paths = tmp_path / "old.json", tmp_path / "new.json"
    for path, found in zip(paths, (old, new), strict=True):
        files.write(found, path)
    assert cli.main(["speed", "--compare", str(paths[0]), "--against", str(paths[1])]) == code
    said = capsys.readouterr().out
    assert ("MISTRUST: 1 of 4 verdicts are withheld" in said) is (code == 3)
    assert ("other work is unknown in 1 rows" in said) is (share is None)


def test_a_slower_layer_tells_although_another_verdict_is_withheld() -> None:
    new = busy(0, 0.5, subject=1.2)
    assert verdicts(document(), new) == ["withheld", "same", "SLOWER", "same"]
    assert command.compare(document(), new, terminal.console()) == SLOWER


def spoilt(kind: str) -> str:
    """Return the text of a document that no measurement writes."""
    found = {"schema": files.VERSION, **document()}
    row = found["rows"][0]
    if kind == "another version":
        found["schema"] = 1
    elif kind == "no version":
        del found["schema"]
    elif kind == "empty token":
        row["token"] = ""
    elif kind == "a token that is code":
        row["token"] = "__import__('os').system('false')"
    elif kind == "unequal":
        row["times_milliseconds"]["subject"].pop()
    elif kind == "five rounds":
        row["times_milliseconds"] = {k: v[:5] for k, v in row["times_milliseconds"].items()}
    elif kind == "a word for a time":
        row["times_milliseconds"]["subject"][0] = "1.0"
    elif kind == "a list":
        return json.dumps([found])
    text = json.dumps(found)
    if kind == "truncated":
        return text[: len(text) // 2]
    if kind in ("NaN", "Infinity", "1e999", "9" * 5000):
        return text.replace(
            f'"subject": [{row["times_milliseconds"]["subject"][0]}', f'"subject": [{kind}', 1
        )
    return {"deep": "[" * 100_000, "code": "__import__('os').system('false')"}.get(kind, text)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("another version", "version 1 of the schema, must be 2"),
        ("no version", "no version of its schema, must be 2"),
        ("empty token", "not a case token: ''"),
        ("a token that is code", "not a case token"),
        ("unequal", "the numbers of times differ: [19, 20]"),
        ("five rounds", "is too short"),
        ("a word for a time", "'1.0' is not of type 'number'"),
        ("a list", "must be an object; received list"),
        ("truncated", "char"),
        ("NaN", "not a finite number: NaN"),
        ("Infinity", "not a finite number: Infinity"),
        ("1e999", "not a finite number: 1e999"),
        ("9" * 5000, "digits"),
        ("deep", "nested too deeply"),
        ("code", "Expecting value"),
    ],
    ids=lambda text: text[:20],
)
@pytest.mark.parametrize("side", ["old", "new"])
def test_a_file_that_is_no_measurement_is_refused_with_the_reason(
    side: str, kind: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    files.write(document(), good)
    bad.write_text(spoilt(kind))
    old, new = (bad, good) if side == "old" else (good, bad)
    assert cli.main(["speed", "--compare", str(old), "--against", str(new)]) == 2
    error = "".join(capsys.readouterr().err.split())  # it is wrapped
    assert "".join(said.split()) in error
    assert "Traceback" not in error


@pytest.mark.parametrize("kind", ["bytes", "folder"])
def test_a_file_that_is_no_text_is_refused(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "old.json"
    if kind == "folder":
        path.mkdir()
    else:
        path.write_bytes(bytes(range(256)))
    assert cli.main(["speed", "--compare", str(path), "--row", document()["rows"][0]["token"]]) == 2
    assert "old.json" in capsys.readouterr().err.replace("\n", "")
