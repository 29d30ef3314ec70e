"""What TensorFlow is has been asked; what it cannot do is told, and never blamed on the subject."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parity import __main__ as cli
from parity.oracles import build as tensorflow_build
from parity.report import real_input
from parity.speed import document, tables, yardsticks
from parity.speed.processes import WorkerError, Workers
from parity.speed.recipes import TEN_LINES
from parity.speed.rows import FORCED as FORCED_TIMES
from parity.speed.yardsticks import FORCED, INSTALLED, Side, Yardstick

NHWC = "float32 NHWC 1x8x8x2 w3x3x2x4 s2,1 d1,1 VALID normal:0"
NCHW = "float32 NCHW 1x2x8x8 w3x3x2x4 s2,1 d1,1 1,2,0,1 normal:0"
HERE: dict[str, str | None] = {"PYTHONPATH": str(Path(__file__).parent)}
SHORT = ("--rounds", "5", "--seconds", "0")
ORACLE_LEAVES = """
import os
import parity.oracles.eigen as oracle
import numpy as np
from parity.oracles.build import runs_onednn
print(os.environ.get("TF_ENABLE_ONEDNN_OPTS"), runs_onednn(oracle.tensorflow()))
"""


# What workers run in the place of TensorFlow or of the subject.
def nhwc_only(x: Any, w: Any, data_format: str = "NHWC", **arguments: Any) -> Any:
    from npconv import conv2d

    if data_format == "NCHW":
        raise NotImplementedError("{{node x}} no NCHW [[]] [Op:Conv2D] name: ")
    return conv2d(x, w, **arguments)


def nothing(x: Any, w: Any, **arguments: Any) -> Any:
    raise NotImplementedError("nothing at all")


def dies_in_nchw(x: Any, w: Any, data_format: str = "NHWC", **arguments: Any) -> Any:
    if data_format == "NCHW":
        os._exit(7)
    return nhwc_only(x, w, **arguments)


def yardstick(workers: Workers, name: str) -> Yardstick:
    return Yardstick(workers, HERE, f"test_yardsticks:{name}")


@pytest.mark.parametrize(
    ("name", "cannot"),
    [
        ("nhwc_only", "NotImplementedError: no NCHW"),
        ("dies_in_nchw", "died with status 7 during prepare"),
    ],
)
def test_a_yardstick_without_nchw_answers_in_nhwc(name: str, cannot: str) -> None:
    with Workers() as workers:
        found = yardstick(workers, name).prepare(NCHW, "NCHW", ["kernel"])
        right = workers.start("npconv:conv2d").call("prepare", NCHW, ["kernel"])
    assert found.in_nhwc
    assert found.cannot == cannot
    assert found.result is not None
    np.testing.assert_array_equal(found.result, right)


def test_the_calls_that_are_timed_in_nhwc_turn_nothing() -> None:
    with Workers() as workers:
        one = yardstick(workers, "nhwc_only")
        one.prepare(NCHW, "NCHW", ["kernel"])
        assert one.call("calibrate", "kernel", 0.001) >= 1  # the call itself is one in NHWC


def test_a_yardstick_that_can_do_nothing_has_no_result() -> None:
    with Workers() as workers:
        found = yardstick(workers, "nothing").prepare(NCHW, "NCHW", ["kernel"])
    assert found.result is None
    assert found.cannot == (
        "NotImplementedError: nothing at all; in NHWC: NotImplementedError: nothing at all"
    )


def test_a_side_can_be_called_again_after_its_process_died() -> None:
    with Workers() as workers:
        side = Side(workers, "test_yardsticks:dies_in_nchw", HERE)
        with pytest.raises(WorkerError, match="status 7"):
            side.call("prepare", NCHW, ["kernel"])
        assert side.call("prepare", NHWC, ["kernel"]).shape == (1, 3, 6, 4)


@pytest.mark.parametrize("setting", [None, "0", "1"])
def test_the_oracle_leaves_the_environment_as_the_user_has_it(setting: str | None) -> None:
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment.pop("TF_ENABLE_ONEDNN_OPTS", None)
    if setting is not None:
        environment["TF_ENABLE_ONEDNN_OPTS"] = setting
    said = subprocess.run(
        [sys.executable, "-c", ORACLE_LEAVES],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.split() == [str(setting), "False"]


@pytest.mark.parametrize("setting", ["0", "1"])
def test_the_yardsticks_are_what_they_are_called(
    setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", setting)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "SSE41")
    with Workers() as workers:
        block = yardsticks.describe(yardsticks.start(workers))
    version = block["tensorflow"]
    given = f"TensorFlow {version} as installed (TF_ENABLE_ONEDNN_OPTS={setting}): "
    assert block["onednn_instruction_set"] == "SSE41"
    if setting == "0":
        assert block["onednn"] == "off"
        assert block["yardsticks"] == {
            INSTALLED: given + "without oneDNN (Eigen)",
            FORCED: f"TensorFlow {version} with oneDNN forced on, SSE41",
        }
    else:
        assert block["onednn"] == "on"
        assert block["yardsticks"] == {INSTALLED: given + "with oneDNN, SSE41"}


def test_what_is_said_of_tensorflow_is_what_it_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with Workers() as workers:
        block = yardsticks.describe(yardsticks.start(workers))
    assert (block["onednn"] == "on") == tensorflow_build.ask().onednn
    assert (FORCED in block["yardsticks"]) == (block["onednn"] == "off")


def test_without_onednn_speed_has_two_yardsticks_and_nchw_goes_by_nhwc(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    path = tmp_path / "speed.json"
    assert cli.main(["speed", "--row", NCHW, "--row", NHWC, *SHORT, "--json", str(path)]) == 0
    nchw, nhwc = document.read(path)["rows"]
    installed, forced = (nchw["agreement"]["yardsticks"][name] for name in (INSTALLED, FORCED))
    assert installed["cannot"].startswith("UnimplementedError: ")
    assert installed["in_nhwc"]
    assert forced["cannot"] == ""
    assert installed["error"] <= 1
    for row in (nchw, nhwc):
        assert row["ratios"]["kernel"]["ratio"] > 0
        assert row["ratios"][FORCED_TIMES]["ratio"] > 0
    assert nhwc["agreement"]["yardsticks"][INSTALLED]["cannot"] == ""
    said = " ".join(capsys.readouterr().out.split())
    assert "as installed (TF_ENABLE_ONEDNN_OPTS=0): without oneDNN (Eigen); +oneDNN is" in said
    assert "compared and timed in NHWC" in said
    assert "DISAGREES" not in said


def test_a_subject_that_dies_disagrees_by_its_token_and_the_rest_goes_on(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    path, failed = tmp_path / "speed.json", "died with status 7 during prepare"
    words = ["--row", NCHW, "--row", NHWC, *SHORT, "--json", str(path)]
    assert cli.main(["speed", "--subject", "test_yardsticks:dies_in_nchw", *words]) == 1
    nchw, nhwc = document.read(path)["rows"]
    assert nchw["agreement"] == {
        "verdict": "DISAGREES",
        "error": None,
        "failed": failed,
        "yardsticks": {},
    }
    assert "ratios" not in nchw
    assert nhwc["agreement"]["verdict"] != "DISAGREES"
    said = " ".join(capsys.readouterr().out.split())
    assert f"DISAGREES: row: 1x2x8x8 w3x3x2x4: {failed}: {NCHW}" in said


def test_a_row_without_any_comparison_is_mistrusted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def start(workers: Workers, threads: int = 0) -> dict[str, Yardstick]:
        return {INSTALLED: yardstick(workers, "nothing")}

    told = {"tensorflow": "9", "onednn": "off", "onednn_instruction_set": "none"}
    told["yardsticks"] = {INSTALLED: "TensorFlow"}  # type: ignore[assignment]
    monkeypatch.setattr(yardsticks, "start", start)
    monkeypatch.setattr(yardsticks, "describe", lambda found: told)
    assert cli.main(["speed", "--row", NHWC, *SHORT]) == 3
    said = " ".join(capsys.readouterr().out.split())
    assert f"MISTRUSTED: nothing to compare with: {NHWC}" in said
    assert "TensorFlow as installed cannot: NotImplementedError: nothing at all" in said


def test_notes_name_what_ended_the_timing() -> None:
    row = {"net": "net", "name": "name", "token": "t", "not_timed": "died with status 1"}
    row["agreement"] = {"failed": "", "yardsticks": {}}  # type: ignore[assignment]
    row["beside"] = {TEN_LINES: {"refused": "too large"}}  # type: ignore[assignment]
    assert tables.notes([row]) == [
        "net: name: ten lines of NumPy are not timed: too large",
        "net: name: not timed: died with status 1",
    ]


def test_real_input_without_onednn_is_compared_in_nhwc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    chosen = [one for one in real_input.examples() if one.data_format == "NCHW"][1:]
    [result] = real_input.run("npconv:conv2d", chosen)
    found = result.agreement
    assert found.verdict in ("bit-identical", "within bound")
    assert set(found.yardsticks) == {real_input.SPECIFICATION, INSTALLED, FORCED}
    assert found.yardsticks[INSTALLED].in_nhwc
    assert not found.yardsticks[FORCED].cannot
    [note] = real_input.notes([result.row()])
    assert "TensorFlow as installed cannot: UnimplementedError: " in note
    assert note.endswith("; compared in NHWC")


def test_real_input_at_which_the_subject_fails_disagrees_and_the_rest_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    chosen = [one for one in real_input.examples() if one.name == "Gaussian blur, dense"]
    nhwc, nchw = real_input.run("test_yardsticks:nhwc_only", chosen)
    assert nhwc.agreement.verdict != "DISAGREES"
    assert nchw.agreement.verdict == "DISAGREES"
    assert nchw.agreement.failed == "NotImplementedError: no NCHW"
    assert nchw.output is None
    assert list(real_input.pictures([nchw])) == []
