"""The whole command on a tiny layer; how its arguments are read."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parity import __main__ as cli
from parity.speed import arguments, document, limits, measure
from parity.speed.processes import Workers
from parity.speed.recipes import TEN_LINES
from parity.speed.rows import PLAIN, group
from parity.speed.statistics import LEAST_ROUNDS

TOKEN = "float32 NHWC 1x8x8x2 w3x3x2x4 s2,2 d1,1 SAME normal:0"
MEBIBYTE = 1 << 20


def hungry(x: Any, w: Any, **arguments: Any) -> Any:
    """Take 5 MiB for a while beside a result of 2; worker processes import this."""
    result = np.zeros(2 * MEBIBYTE, np.uint8)
    larger = np.ones(5 * MEBIBYTE, np.uint8)
    del larger
    np.ones(3 * MEBIBYTE, np.uint8)
    return result


def settings(*words: str) -> measure.Settings:
    parser = argparse.ArgumentParser()
    arguments.add_arguments(parser)
    return arguments.settings(parser.parse_args(words))


@pytest.mark.parametrize(
    ("words", "threads"),
    [
        ((), (0,)),
        (("--threads", "2"), (2,)),
        (("--threads", "1 default"), (1, 0)),
        (("--threads", "1", "default"), (1, 0)),
        (("--threads", "default", "--threads", "1", "--threads", "1"), (0, 1)),
    ],
)
def test_threads_may_be_several(words: tuple[str, ...], threads: tuple[int, ...]) -> None:
    assert settings(*words).threads == threads


@pytest.mark.parametrize("wrong", ["0", "two", "1 -1"])
def test_threads_that_are_none_are_refused(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        settings("--threads", wrong)
    assert "--threads" in capsys.readouterr().err


def test_the_command_writes_a_valid_file_with_everything_that_was_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "speed.json"
    words = (
        f"--rounds 1 --seconds 0 --threads 1 --bounds --busy --memory --dtype float16 --json {path}"
    )
    beside = ["--beside", "scipy", "loop"]
    code = cli.main(["speed", "--row", TOKEN, "--batch", "2", *words.split(), *beside])
    assert code == 0
    found = document.read(path)
    row, busy = found["rows"]
    assert "busy" not in row
    assert busy["busy"] is None or busy["busy"] > 0
    assert [group(line) for line in found["summary"]] == [group(row), group(busy)]
    assert row["token"] == TOKEN.replace("float32", "float16").replace("1x8x8", "2x8x8")
    assert row["threads"] == found["settings"]["threads"] == 1
    assert row["beside"]["scipy"] == {"refused": "only at stride 1 and dilation 1"}
    assert row["beside"][TEN_LINES]["error"] <= 1
    assert {TEN_LINES, PLAIN, limits.PRODUCT, limits.COPY, limits.CASTS, "tf.function"} <= set(
        row["ratios"]
    )
    assert row["beside"]["loop"]["refused"] == "its result DISAGREES"  # np.sum rounds each step
    assert row["beside"]["loop"]["error"] > 1
    assert not {"scipy", "loop"} & set(row["ratios"])
    assert row["rounds"] == LEAST_ROUNDS
    assert row["scratch_bytes"] >= 0
    assert set(found["machine"]["gemm_peak_gflops"]) == {"1", "default"}
    assert row["peak_share"]["subject"] > 0
    said = capsys.readouterr().out
    assert "product alone" in said
    assert "one core taken" in said
    assert "figures of a busy machine" in said
    assert row["token"] in said


def test_the_memory_of_a_call_is_its_peak_beyond_the_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    with Workers() as workers:
        worker = workers.start("test_command:hungry")
        assert worker.call("memory", TOKEN) == pytest.approx(5 * MEBIBYTE, rel=0.01)


@pytest.mark.parametrize(
    "words",
    [
        "--against x.json",
        "--compare x.json",
        "--row x",
        "--row x --all-algorithms",
        "--all-algorithms --busy",
    ],
)
def test_wrong_calls_end_with_2(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["speed", *words.split()]) == 2
    assert "parity speed: " in capsys.readouterr().err


def test_a_file_with_a_number_that_is_none_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="required"):
        document.write({"rows": []}, tmp_path / "x.json")
    (tmp_path / "y.json").write_text(json.dumps({"schema": document.VERSION, "rows": []}))
    with pytest.raises(ValueError, match=r"y\.json: \$: 'machine' is a required property"):
        document.read(tmp_path / "y.json")
