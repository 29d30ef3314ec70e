"""First calls beside second ones: a planted subject that counts its calls, and planted times."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parity import __main__ as cli
from parity.speed import document, first
from parity.speed.processes import Workers
from parity.speed.rows import KERNEL, SUBJECT

TOKEN = "float32 NHWC 1x4x4x2 w1x1x2x3 s1,1 d1,1 VALID normal:0"
SEEN: dict[tuple[int, ...], int] = {}


# Worker processes import this module by its file's name.
def counts(x: Any, w: Any, **arguments: Any) -> Any:
    """Return which call of this shape it is."""
    SEEN[x.shape] = SEEN.get(x.shape, 0) + 1
    return np.full(3, SEEN[x.shape], np.float32)


def wrong(x: Any, w: Any, **arguments: Any) -> Any:
    return np.zeros_like(x)


def row(name: str, subject: list[list[float]], **more: Any) -> dict[str, Any]:
    times = {SUBJECT: subject, KERNEL: [[5.0, 3.0, 2.0]]}
    return {"net": "net", "threads": 1, "name": name, "token": "t", "microseconds": times, **more}


def test_three_calls_are_timed_of_which_the_first_is_the_first_of_its_shape_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    with Workers() as workers:
        worker = workers.start("test_first:counts")
        worker.call("prepare", first.KNOWN[0], ["kernel"])
        seconds, result = worker.call("first", TOKEN)
        again, third = worker.call("first", TOKEN)
    assert len(seconds) == len(again) == 3
    assert (result[0], third[0]) == (4, 8)


def test_a_layer_has_the_median_of_its_processes_and_a_set_their_spread() -> None:
    calls = [[90.0, 20.0, 10.0], [60.0, 20.0, 15.0], [999.0, 20.0, 19.0]]
    made = [row("a", calls, other_work=0.5), row("b", [[40.0, 30.0, 30.0]], other_work=None)]
    assert [first.more(made[0], SUBJECT, after) for after in (0, 1)] == [70, 5]
    ours, theirs = first.summary(made)
    assert (ours["side"], theirs["side"]) == (SUBJECT, KERNEL)
    assert {key: ours[key] for key in ("layers", "median", "ninety", "worst", "noise")} == {
        "layers": 2,
        "median": 40,
        "ninety": pytest.approx(64),
        "worst": 70,
        "noise": 2.5,
    }
    assert (ours["second"], ours["other_work"]) == (20, 0.5)
    assert (theirs["median"], theirs["worst"], theirs["worst_noise"]) == (2, 2, 1)
    assert first.table([ours, theirs]).row_count == 2
    assert first.worst_table(made, 1).row_count == 1


def test_layers_are_drawn_alike_each_time_and_fit() -> None:
    some = first.drawn(40)
    assert some == first.drawn(40)
    assert len({layer.case for layer in some}) == 40
    assert len({layer.case.input_shape for layer in some}) > 30
    assert max(layer.multiply_adds for layer in some) <= first.MOST


def test_the_command_writes_a_valid_file_and_finds_a_wrong_result(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(first, "PROCESSES", 1)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    path = tmp_path / "first.json"
    words = ["speed", "--first", "--row", TOKEN, "--json", str(path)]
    assert cli.main(words) == 0
    [found] = document.read(path, document.FIRST)["rows"]
    assert found["agrees"]
    assert len(found["microseconds"][SUBJECT]) == len(found["microseconds"][KERNEL]) == 1
    assert cli.main([*words, "--subject", "test_first:wrong"]) == 1
    assert f"DISAGREES: {TOKEN}" in capsys.readouterr().out
    assert cli.main([*words, "--all-algorithms"]) == 2
