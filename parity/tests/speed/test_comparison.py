"""A layer that has become slower is found; a slower machine is not mistaken for it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from parity import __main__ as cli
from parity.speed import command, comparison, records
from parity.speed.command import SLOWER
from parity.speed.layers import altered, read
from parity.speed.records import Speed
from parity.speed.rows import AGAIN
from parity.tests.speed.planted import scaled, small


def verdicts(old: Speed, new: Speed) -> list[str]:
    return [one.verdict for one in comparison.compare(old, new)]


@pytest.fixture
def against(tmp_path: Path) -> Any:
    """Return what writes two documents, or texts, and compares them by the command."""

    def run(*documents: Speed | str) -> int:
        paths = [tmp_path / name for name in ("old.json", "new.json")]
        for path, one in zip(paths, documents, strict=True):
            if isinstance(one, str):
                path.write_text(one)
            else:
                records.write(one, path)
                assert records.read(path) == one
        return cli.main(["speed", "--compare", str(paths[0]), "--against", str(paths[1])])

    return run


@pytest.mark.parametrize(
    ("factors", "found", "code"),
    [
        ({"subject": 1.2}, "SLOWER", SLOWER),
        ({"subject": 1.13}, "SLOWER", SLOWER),
        ({"subject": 1.08}, "same", 0),
        ({"subject": 0.8}, "faster", 0),
        ({"all": 1.5}, "same", 0),  # a slower machine
        ({"all": 1.5, "subject": 1.8}, "SLOWER", SLOWER),
        ({"tensorflow": 0.8, "tensorflow again": 0.8}, "SLOWER", SLOWER),
    ],
)
def test_only_the_changed_layer_is_found(
    factors: dict[str, Any], found: str, code: int, against: Any
) -> None:
    assert verdicts(small(), small(**factors)) == ["same", "same", found, "same"]
    assert against(small(), small(**factors)) == code


def test_the_change_is_that_of_the_ratios() -> None:
    change = comparison.compare(small(), small(subject=1.2))[2]
    assert change.change.ratio == pytest.approx(1.2)
    assert change.new / change.old == pytest.approx(1.2)


@pytest.mark.parametrize("noisy", [0, 1])
def test_a_change_within_the_noise_of_either_file_is_none(noisy: int) -> None:
    both = [small(), small(subject=1.2)]
    rows = [*both[noisy].rows]
    times = scaled(rows[2].times_milliseconds, **{AGAIN: 1.25})
    rows[2] = replace(rows[2], times_milliseconds=times)
    both[noisy] = replace(both[noisy], rows=rows)
    assert verdicts(*both)[2] == "same"
    assert verdicts(small(0.3), small(0.3, subject=1.2))[2] == "same"


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize(
    ("share", "verdict", "code"), [(0.05, "SLOWER", SLOWER), (0.051, "withheld", 3)]
)
def test_a_verdict_is_withheld_where_other_work_took_the_cores(
    side: int, share: float, verdict: str, code: int, against: Any, capsys: Any
) -> None:
    works = [(0.0, 0.0, share * (here == side), 0.0) for here in (0, 1)]
    both = small(works=works[0]), small(works=works[1], subject=1.2)
    assert verdicts(*both) == ["same", "same", verdict, "same"]
    assert against(*both) == code
    assert ("MISTRUST: 1 of 4 verdicts are withheld" in capsys.readouterr().out) is (code == 3)


def test_a_slower_layer_tells_although_another_verdict_is_withheld(against: Any) -> None:
    new = small(works=(0.5, 0.0, 0.0, 0.0), subject=1.2)
    assert verdicts(small(), new) == ["withheld", "same", "SLOWER", "same"]
    assert against(small(), new) == SLOWER


def test_a_busy_row_is_never_joined_to_a_quiet_one() -> None:
    old = small()
    busy = [replace(row, busy=0.9) for row in old.rows]
    new = replace(old, rows=[*old.rows, *busy])
    assert len(comparison.compare(old, new)) == 4
    assert len(comparison.compare(new, new)) == 8
    assert comparison.warnings(old, new) == ["4 rows are in one file only"]
    with pytest.raises(ValueError, match="no layer is in both"):
        comparison.compare(old, replace(new, rows=busy))


def test_another_machine_is_told() -> None:
    other = replace(small(), machine=replace(small().machine, cpu="other"))
    assert comparison.warnings(small(), small()) == []
    assert comparison.warnings(small(), other) == ["the cpu differs: same there, other here"]


def tokens(**change: Any) -> Speed:
    """Return a document of the same layers, altered."""
    made = small()
    pairs = zip(made.rows, read("small"), strict=False)
    rows = [replace(row, token=altered(one, **change).case.token()) for row, one in pairs]
    return replace(made, rows=rows)


@pytest.mark.parametrize(
    ("old", "said"),
    [
        (small(0.01, "default"), "cannot be compared: threads"),
        (tokens(dtype="float64"), "cannot be compared: dtypes"),
        (tokens(batch=7), "no layer is in both"),
        (replace(small(), rows=[replace(row, token="") for row in small().rows]), "case token: ''"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_the_reason(
    old: Speed, said: str, against: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert against(old, small()) == 2
    assert said in capsys.readouterr().err.replace("\n", "")


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
    records.write(small(), old)
    call = ["speed", "--layers", "small", "--compare", str(old), *words.split()]
    assert cli.main(call) == 2
    assert said in capsys.readouterr().err


def spoilt(kind: str) -> str:
    """Return the text of a document that no measurement writes."""
    found = json.loads(msgspec.json.encode(small()))
    row = found["rows"][0]
    time = row["times_milliseconds"]["subject"][0]
    if kind == "another version":
        found["schema"] = 2
    elif kind == "no version":
        del found["schema"]
    elif kind == "no machine":
        del found["machine"]
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
    if kind in ("NaN", "1e999", "9" * 5000, "-1", "[" * 100_000):
        return text.replace(f'"subject": [{time}', f'"subject": [{kind}', 1)
    return "__import__('os').system('false')" if kind == "code" else text


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("another version", "version 2 of the file, must be 3"),
        ("no version", "version 0 of the file, must be 3"),
        ("no machine", "missing required field `machine`"),
        ("a token that is code", "not a case token"),
        ("unequal", "the numbers of times differ: [19, 20]"),
        ("five rounds", "Expected `array` of length >= 6"),
        ("a word for a time", "Expected `float`, got `str`"),
        ("a list", "Expected `object`, got `array`"),
        ("truncated", "truncated"),
        ("NaN", "malformed"),
        ("1e999", "out of range"),
        ("-1", "Expected `float` > 0.0"),
        ("9" * 5000, "range"),
        ("[" * 100_000, "old.json"),
        ("code", "malformed"),
    ],
    ids=lambda text: text[:20],
)
def test_a_file_that_is_no_measurement_is_refused_with_the_reason(
    kind: str, said: str, against: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert against(spoilt(kind), small()) == 2
    error = "".join(capsys.readouterr().err.split())  # it is wrapped
    assert "".join(said.split()) in error
    assert "Traceback" not in error


@pytest.mark.parametrize("kind", ["bytes", "folder", "none"])
def test_a_file_that_is_no_text_is_refused(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "old.json"
    if kind == "folder":
        path.mkdir()
    elif kind == "bytes":
        path.write_bytes(bytes(range(256)))
    assert cli.main(["speed", "--compare", str(path), "--row", small().rows[0].token]) == 2
    assert "old.json" in capsys.readouterr().err.replace("\n", "")
