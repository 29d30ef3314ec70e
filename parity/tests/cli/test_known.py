"""What is known to fail fails no run, what else fails does, and so does what holds again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import npconv
from parity.__main__ import main
from parity.model import known
from parity.model.verdict import VERDICTS, WrongCall
from parity.store.records import Failure

CASE = "float32 NHWC 1x3x1x1 w3x1x1x1 s1,1 d1,1 VALID lattice:0"
EXACT = Failure("exact", CASE, "")
DEAD = Failure("", CASE, "")


def flipped(input: Any, filters: Any, *arguments: Any, **named: Any) -> Any:
    return npconv.conv2d(input, filters[::-1], *arguments, **named)


def listed(tmp_path: Path, *entries: str) -> Path:
    path = tmp_path / "known.toml"
    path.write_text("".join(f'[[known]]\nreason = "so"\n{entry}\n' for entry in entries))
    return path


@pytest.mark.parametrize(
    ("entry", "failures", "new", "gone"),
    [
        (f'token = "{CASE}"', [EXACT, DEAD], 0, 0),
        ('claim = "exact"', [EXACT], 0, 0),
        ('claim = "exact"\ndtype = "float32"', [EXACT], 0, 0),
        ('claim = "exact"\ndtype = "int32"', [EXACT], 1, 1),
        ('claim = "layers"', [EXACT], 1, 1),
        ('claim = "exact"', [DEAD], 1, 1),
        (f'token = "{CASE}1"', [EXACT, DEAD], 2, 1),
        ('claim = "exact"', [], 0, 1),
    ],
)
def test_failures_are_held_against_what_is_known(
    entry: str, failures: list[Failure], new: int, gone: int, tmp_path: Path
) -> None:
    entries = known.read(listed(tmp_path, entry))
    found = known.judged(entries, failures, lambda _: True)
    assert (len(found.new), len(found.gone)) == (new, gone)
    assert len(found.new) + len(found.known) == len(failures)
    assert not known.judged(entries, failures, lambda _: False).gone


def test_what_is_no_token_is_told_at_once(tmp_path: Path, capsys: Any) -> None:
    path = listed(tmp_path, 'token = "what"')
    store = ["--store", str(tmp_path / "store")]
    assert main(["fuzz", "--minutes", "60", "--known", str(path), *store]) == 2
    assert "--known: not a case token: 'what'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "entry", ["", 'token = "a"\nclaim = "b"', 'claim = "a"\nwhy = "b"', "claim = 3", "claim ="]
)
def test_what_is_no_entry_is_refused(entry: str, tmp_path: Path) -> None:
    with pytest.raises(WrongCall, match="--known"):
        known.read(listed(tmp_path, entry))


FLIPPED = "parity.tests.cli.test_known:flipped"
FUZZ = "fuzz --turns 12 --seed 0 --claims exact --dtypes int32,float32"
SWEEP = "sweep --every 20000 --dtypes int32"


@pytest.mark.parametrize(
    ("command", "subject", "entries", "code", "said"),
    [
        (FUZZ, FLIPPED, ['claim = "exact"'], 0, ["KNOWN exact: float32", "KNOWN exact: int32"]),
        (FUZZ, FLIPPED, ['claim = "exact"\ndtype = "int32"'], 1, ["KNOWN exact: int32", "DISAG"]),
        (
            FUZZ,
            "npconv:conv2d",
            ['claim = "exact"', f'token = "{CASE}"'],
            1,
            ["remove it from --known: exact", f"remove it from --known: {CASE}"],
        ),
        (SWEEP, FLIPPED, ['claim = "sweep"'], 3, ["disagreements are KNOWN"]),
        (SWEEP, "npconv:conv2d", ['claim = "sweep"\ndtype = "int32"'], 1, ["remove it from"]),
    ],
)
def test_commands_know(
    command: str,
    subject: str,
    entries: list[str],
    code: int,
    said: list[str],
    tmp_path: Path,
    capsys: Any,
) -> None:
    junit, page = tmp_path / "out.xml", tmp_path / "out.md"
    files = ["--known", listed(tmp_path, *entries), "--store", tmp_path / "store"]
    files += ["--junit", junit, "--markdown", page]
    assert main([*command.split(), "--subject", subject, *map(str, files)]) == code
    printed = capsys.readouterr().out
    for line in said:
        assert line in printed
    assert ("<failure" in junit.read_text()) == (code == 1)
    assert ("<system-out" in junit.read_text()) == (subject != FLIPPED)  # what agrees
    assert page.read_text().startswith(f"## {VERDICTS[code]}")
