"""The whole command on tiny layers; whose failure it is decides what is told."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parity import __main__ as cli
from parity.model import machine
from parity.oracles import build as tensorflow_build
from parity.speed import (
    agreement,
    command,
    first,
    layers,
    limits,
    measure,
    records,
    turns,
    yardsticks,
)
from parity.speed.command import told
from parity.speed.implementations import Subject
from parity.speed.layers import Layer, parse, read
from parity.speed.measure import Measurement
from parity.speed.processes import StartError, WorkerError, Workers, environment
from parity.speed.recipes import TEN_LINES
from parity.speed.records import Note, Row
from parity.speed.rows import ALGORITHM, KERNEL, PLAIN, SUBJECT
from parity.speed.rows import FORCED as FORCED_TIMES
from parity.speed.statistics import LEAST_ROUNDS
from parity.speed.worker import Requests
from parity.speed.yardsticks import FORCED, INSTALLED
from parity.store.store import Store
from parity.tests.speed.subjects import HERE

TOKEN = "float32 NHWC 1x8x8x2 w3x3x2x4 s2,2 d1,1 SAME normal:0"
NCHW = "float32 NCHW 1x2x8x8 w3x3x2x4 s2,1 d1,1 1,2,0,1 normal:0"
SHORT = ("--rounds", "5", "--seconds", "0", "--threads", "1")
# A subject that chooses by the shapes, and takes what it is told to where it can.
CHOOSES = """
import os
from types import SimpleNamespace
FORCED = os.environ.pop("NPCONV_ALGORITHM", None)  # npconv knows no such names
import npconv

def explain(x, w, **arguments):
    able = {"halves": x.dtype == "float16", "banded": w.shape[2] <= 2, "tiles": True}
    chosen = "tiles" if x.dtype != "float16" else "halves"
    taken = FORCED if FORCED and able[FORCED] else chosen if w.shape[2] == 2 else "banded"
    return SimpleNamespace(algorithm=f"{taken} (why): 1 x 4 x 4 outputs at once")

def conv2d(x, w, **arguments):
    return npconv.conv2d(x, w, **arguments)

def wrong(x, w, **arguments):
    return npconv.conv2d(x, w, **arguments) + (FORCED == "banded")
"""


@pytest.fixture
def no_tensorflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let npconv stand for TensorFlow, which takes seconds to start, and keep samples short."""

    def start(workers: Workers, threads: int = 0) -> dict[str, Any]:
        return {INSTALLED: workers.start(yardsticks.TENSORFLOW)}

    facts = {"tensorflow": "9", "onednn": "off", "onednn_instruction_set": "none"}
    monkeypatch.setattr(yardsticks, "TENSORFLOW", "npconv:conv2d")
    monkeypatch.setattr(yardsticks, "start", start)
    monkeypatch.setattr(yardsticks, "describe", lambda _: facts | {"yardsticks": {}})
    monkeypatch.setattr(measure, "gemm_peaks", lambda _: PEAKS)
    monkeypatch.setattr(turns, "SAMPLE_SECONDS", 1e-4)


PEAKS = {
    name: {"1": 1.0, "default": 2.0} for name in ("gemm_peak_gflops", "gemm_peak_gflops_float64")
}


def measured(layer: Layer, **how: Any) -> list[Row]:
    with Workers() as workers:
        chosen = Measurement(**{"seconds": 0.0, "rounds": 1, **how})
        return measure.Bench(workers, chosen, 1, [layer]).measure(layer)


def parsed(*words: str) -> Measurement:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.measurement(parser.parse_args(words))


@pytest.mark.parametrize(
    ("words", "threads"),
    [
        ((), (0,)),
        (("--threads", "1 default"), (1, 0)),
        (("--threads", "1", "default"), (1, 0)),
        (("--threads", "default", "--threads", "1", "--threads", "1"), (0, 1)),
    ],
)
def test_threads_may_be_several(words: tuple[str, ...], threads: tuple[int, ...]) -> None:
    assert parsed(*words).threads == threads


@pytest.mark.parametrize("wrong", ["0", "two", "1 -1"])
def test_threads_that_are_none_are_refused(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed("--threads", wrong)
    assert "--threads" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", ["--against x.json", "--compare x.json", "--row x", "--first --busy"]
)
def test_wrong_calls_end_with_2(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["speed", *words.split()]) == 2
    assert "parity speed: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "word"),
    [
        (WorkerError("npconv:conv2d: failed"), 1, "DISAGREES: npconv"),
        (WorkerError("tensorflow: failed", of_subject=False), 3, "MISTRUSTED: nothing to"),
        (StartError("no module"), 2, "parity speed: no module"),
        (ValueError("no layer"), 2, "parity speed: no layer"),
    ],
)
def test_an_error_is_told_by_whose_it_is(
    error: Exception, code: int, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told("speed", error) == code
    said = capsys.readouterr().err
    assert word in said
    assert ("DISAGREES" in said) == (code == 1)


def test_the_command_writes_everything_that_was_asked_for_beside_two_tensorflows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    path = tmp_path / "speed.json"
    words = f"--bounds --busy --memory --dtype bfloat16 --batch 2 --output {path}".split()
    beside = ["--beside", "scipy", "loop"]
    assert cli.main(["speed", "--row", TOKEN, "--row", NCHW, *SHORT, *words, *beside]) == 0
    found = records.read(path)
    row, busy, nchw, _ = found.rows
    assert row.busy is None
    assert busy.busy is not None
    assert busy.busy > 0
    assert [line.group for line in found.summary] == [row.group, busy.group]
    assert row.token == TOKEN.replace("float32", "bfloat16").replace("1x8x8", "2x8x8")
    assert [row.threads] == found.settings.threads == [1]
    assert row.beside["scipy"] == Note(refused="only at stride 1 and dilation 1")
    assert row.beside[TEN_LINES].error is not None
    assert row.beside["loop"].refused == "its result DISAGREES"  # np.sum rounds each step
    names = {TEN_LINES, PLAIN, *limits.STEPS, "tf.function", FORCED_TIMES}
    assert names <= set(row.ratios)
    assert not {"scipy", "loop"} & set(row.ratios)
    assert row.rounds == LEAST_ROUNDS
    assert row.scratch_bytes is not None
    assert set(found.machine.gemm_peak_gflops) == {"1", "default"}
    assert row.peak_share[SUBJECT] > 0
    assert found.machine.packages["scipy"]
    version = found.machine.tensorflow
    given = f"TensorFlow {version} as installed (TF_ENABLE_ONEDNN_OPTS=0): without oneDNN (Eigen)"
    forced = tensorflow_build.ask({"TF_ENABLE_ONEDNN_OPTS": "1"}).instruction_set
    assert found.machine.yardsticks == {
        INSTALLED: given,
        FORCED: f"TensorFlow {version} with oneDNN forced on, {forced}",
    }
    installed, other = (nchw.agreement.yardsticks[name] for name in (INSTALLED, FORCED))
    assert installed.cannot.startswith("UnimplementedError: ")
    assert installed.in_nhwc
    assert not other.cannot
    assert nchw.ratios["kernel"].ratio > 0
    said = " ".join(capsys.readouterr().out.split())
    for words_said in (
        *("product alone", "one core taken", "figures of a busy machine", row.token),
        *(f"TF is {given}; +oneDNN is", "compared and timed in NHWC"),
    ):
        assert words_said in said
    assert "DISAGREES:" not in said


@pytest.mark.usefixtures("no_tensorflow")
def test_a_question_s_row_is_timed_beside_its_own_contenders() -> None:
    layer = next(one for one in read("questions") if one.name.startswith("loop, 2"))
    [row] = measured(layer)
    assert row.agreement.verdict == "bit-identical"
    assert row.beside["loop"] == Note(0.0)
    assert row.ratios["loop"].ratio > 0
    assert "loop" not in measured(parse(TOKEN))[0].beside


@pytest.mark.usefixtures("no_tensorflow")
@pytest.mark.parametrize("share", [0.3, 0.0])
def test_its_own_process_is_no_stranger_and_other_work_withholds(
    share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[set[int]] = []

    class OtherWork(machine.OtherWork):
        def __init__(self, pids: Iterable[int]) -> None:
            seen.append(set(pids))
            super().__init__(seen[-1])

        def share(self) -> float:
            return share

    monkeypatch.setattr(machine, "OtherWork", OtherWork)
    monkeypatch.setattr(machine, "cores_taken", lambda pid: lambda: float(pid))
    quiet, busy = measured(parse(TOKEN), busy=True)
    assert len(seen) == 2
    assert all(busy.busy in pids for pids in seen)
    assert quiet.times_milliseconds != busy.times_milliseconds
    for row in (quiet, busy):
        assert row.other_work == share
        verdicts = {one.verdict for label, one in row.ratios.items() if label != "A/A"}
        assert (verdicts == {"withheld"}) is ("withheld" in verdicts) is (share == 0.3)


@pytest.mark.usefixtures("no_tensorflow")
def test_a_subject_that_dies_disagrees_by_its_token_and_the_rest_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, failed = tmp_path / "speed.json", "died with status 7 during prepare"
    words = ["--row", NCHW, "--row", TOKEN, *SHORT, "--json", str(path)]
    words += ["--markdown", str(tmp_path / "speed.md"), "--store", str(tmp_path / "runs.sqlite")]
    assert cli.main(["speed", "--subject", HERE + "dies_in_nchw", *words]) == 1
    nchw, nhwc = records.read(path).rows
    assert (nchw.agreement.verdict, nchw.agreement.failed) == ("DISAGREES", failed)
    assert not nchw.ratios
    assert nhwc.agreement.verdict == "bit-identical"
    assert nhwc.ratios
    said = " ".join(capsys.readouterr().out.split())
    assert f"DISAGREES: row: 1x2x8x8 w3x3x2x4: {failed}: {NCHW}" in said
    [run] = Store(tmp_path / "runs.sqlite").runs()
    assert [one.token for one in run.timings] == [TOKEN]
    assert run.timings[0].ratio == nhwc.ratios["kernel"].ratio
    assert [(one.token, one.reason) for one in run.failures] == [(NCHW, failed)]
    told = (tmp_path / "speed.md").read_text()
    assert failed in told
    assert "bit-identical" in told


@pytest.mark.usefixtures("no_tensorflow")
@pytest.mark.parametrize(
    ("subject", "theirs", "code", "said"),
    [
        ("npconv:conv2d", "nothing", 3, f"MISTRUSTED: nothing to compare with: {TOKEN}"),
        ("npconv:conv2d", "wrong", 3, f"MISTRUSTED: nothing to compare with: {TOKEN}"),
        (HERE + "wrong", "nhwc_only", 1, "DISAGREES: row"),
        ("no_such_module:conv2d", "nhwc_only", 2, "no_such_module"),
    ],
)
def test_the_exit_code_tells_what_was_compared(
    subject: str,
    theirs: str,
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(yardsticks, "TENSORFLOW", HERE + theirs)
    assert cli.main(["speed", "--row", TOKEN, *SHORT, "--subject", subject]) == code
    shown = capsys.readouterr()
    assert said in " ".join((shown.out + shown.err).split())


@pytest.mark.parametrize(
    ("name", "cannot"),
    [
        ("nhwc_only", "NotImplementedError: no NCHW"),
        ("dies_in_nchw", "died with status 7 during prepare"),
        ("nothing", "NotImplementedError: nothing at all; in NHWC: NotImplementedError: nothing"),
    ],
)
def test_a_yardstick_without_nchw_answers_in_nhwc(name: str, cannot: str) -> None:
    with Workers() as workers:
        worker = workers.start(HERE + name)
        found = yardsticks.prepare(worker, NCHW, ["kernel"])
        right = workers.start("npconv:conv2d").call("prepare", NCHW, ["kernel"])
        assert found.cannot.startswith(cannot)
        assert found.in_nhwc is (name != "nothing")
        if found.result is not None:
            np.testing.assert_array_equal(found.result, right)
            assert worker.call("calibrate", "kernel", 0.001) >= 1  # the call is one in NHWC


FAMILY = (
    "depthwise_conv2d float32 NHWC 1x9x8x4 w3x2x4x2 s2,2 d1,1 SAME lattice:1",
    "conv3d float32 NDHWC 1x5x6x7x2 w2x3x2x2x3 s1,2,1 d1,1,1 VALID lattice:2",
    "conv1d float32 NWC 2x9x4 w3x4x3 s2 d1 SAME lattice:3",
)


def test_each_operation_is_tensorflow_s_own_function_in_every_mode() -> None:
    others = (
        "conv2d_transpose float32 NHWC 2x8x9x4 w3x2x4x3 s2,2 d1,1 SAME lattice:4",
        "conv2d_backprop_filter float32 NHWC 2x9x8x4 w3x2x4x3 s2,1 d1,1 1,2,0,1 lattice:5",
        "conv3d_backprop_input float32 NDHWC 1x5x6x7x2 w2x3x2x2x3 s1,2,1 d1,1,1 SAME lattice:6",
        "separable_conv2d float32 NHWC 1x9x8x4 w3x2x4x2 p8x3 s1,1 d1,1 SAME small:7",
    )
    modes = ["kernel", "from-numpy", "function"]
    with Workers() as workers:
        worker = workers.start("tensorflow", environment(onednn=False))
        for token in (*FAMILY, *others):
            case = parse(token).case
            found = yardsticks.prepare(worker, token, modes)
            assert found.result is not None, found.cannot
            assert agreement.gauge(case, *case.arrays()).largest(found.result) == 0
            assert all(worker.call("calibrate", mode, 1e-4) >= 1 for mode in modes)


@pytest.mark.parametrize("token", FAMILY)
def test_channels_first_are_turned_for_any_operation(token: str) -> None:
    last = parse(token).case
    batch, *sizes, channels = last.input_shape
    case = replace(last, data_format="NCHW", input_shape=(batch, channels, *sizes))
    requests = Requests(Subject("npconv:conv2d"))
    given = requests.prepare(case.token(), ["kernel"])
    turned = requests.prepare(case.token(), ["kernel"], True)
    np.testing.assert_array_equal(turned, given)


@pytest.mark.usefixtures("no_tensorflow")
def test_another_operation_goes_to_the_function_beside_the_subject() -> None:
    [row] = measured(parse(FAMILY[0]))
    assert row.agreement.verdict == "bit-identical"
    assert row.ratios
    assert not row.beside  # ten lines are conv2d's
    [wrong] = measured(parse(FAMILY[0]), subject=HERE + "nhwc_only")
    assert wrong.agreement.verdict == "DISAGREES"
    [none] = measured(parse(FAMILY[1]), subject=HERE + "nothing")
    assert none.agreement.failed == "NotImplementedError: nothing at all"


@pytest.mark.usefixtures("no_tensorflow")
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int32"])
def test_prepared_filters_stand_beside_plain_calls(dtype: str) -> None:
    layer = parse(TOKEN.replace("float32", dtype))
    [row] = measured(layer, beside=("prepared",))
    assert row.beside["prepared"].refused == ""
    assert row.ratios["prepared"].ratio > 0


@pytest.mark.parametrize("able", [True, False])
@pytest.mark.parametrize("setting", [None, "0", "1"])
def test_a_second_tensorflow_is_there_only_where_the_first_has_no_onednn(
    setting: str | None, able: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Told:
        """A TensorFlow that is without oneDNN as installed, or cannot have it at all."""

        def __init__(self, variables: dict[str, str | None]) -> None:
            self._opts = variables.get("TF_ENABLE_ONEDNN_OPTS", setting)

        def call(self, request: str) -> dict[str, str]:
            onednn = "on" if able and self._opts == "1" else "off"
            return {"tensorflow": "9", "onednn": onednn}

    class Some:
        """Stands for `Workers`."""

        def start(self, name: str, variables: dict[str, str | None]) -> Told:
            return Told(variables)

    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    if setting:
        monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", setting)
    build = tensorflow_build.Build("9", True, "SSE41")
    monkeypatch.setattr(tensorflow_build, "ask", lambda _: build)
    found: Any = Some()
    block = yardsticks.describe(yardsticks.start(found))
    given = f" (TF_ENABLE_ONEDNN_OPTS={setting})" if setting else ""
    on = able and setting == "1"
    how = "with oneDNN, SSE41" if on else "without oneDNN (Eigen)"
    expected = {INSTALLED: f"TensorFlow 9 as installed{given}: {how}"}
    if able and not on:
        expected[FORCED] = "TensorFlow 9 with oneDNN forced on, SSE41"
    assert block["yardsticks"] == expected
    assert block["onednn"] == ("on" if on else "off")
    assert block["onednn_instruction_set"] == ("SSE41" if able else "none")


@pytest.mark.usefixtures("no_tensorflow")
def test_every_admissible_algorithm_is_timed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "chooses.py").write_text(CHOOSES)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(
        layers,
        "every",
        lambda: [parse(TOKEN.replace("x2 ", "x1 ", 1).replace("3x3x2", "3x3x1"))],
    )
    how = {"subject": "chooses:conv2d", "algorithms": True}
    [row] = measured(parse(TOKEN), **how)
    assert row.chosen == "tiles"
    assert {ALGORITHM + name for name in ("banded", "tiles")} <= set(row.ratios)
    assert row.regret is not None
    [half] = measured(parse(TOKEN.replace("float32", "float16")), **how)
    assert half.chosen == "halves"  # which only another dtype has
    assert ALGORITHM + "halves" in half.ratios
    [bad] = measured(parse(TOKEN), subject="chooses:wrong", algorithms=True)
    assert bad.agreement.verdict == "DISAGREES"
    assert bad.agreement.failed == "banded: its result is beyond the bound"
    assert not bad.ratios


def test_npconv_takes_each_algorithm_that_it_names() -> None:
    taken: dict[str, str] = {}
    with Workers() as workers:
        free = workers.start("npconv:conv2d", {"NPCONV_ALGORITHM": None})
        for layer in layers.every():
            token = layer.case.token()
            taken.setdefault(measure.family(free.call("algorithm", token)), token)
        assert len(taken) > 2
        for name, token in taken.items():
            forced = workers.start("npconv:conv2d", {"NPCONV_ALGORITHM": name})
            assert measure.family(forced.call("algorithm", token)) == name


@pytest.mark.usefixtures("no_tensorflow")
def test_first_calls_are_timed_in_processes_of_their_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(first, "PROCESSES", 2)
    [row] = measured(parse(TOKEN), subject=HERE + "counts", first=True)
    assert not row.ratios
    assert {side: len(calls) for side, calls in row.first_microseconds.items()} == {
        SUBJECT: 2,
        KERNEL: 2,
    }
    for one, *others in row.first_microseconds[SUBJECT]:
        assert len(others) == 2
        assert one >= 1e5  # a later one would not have slept
    assert cli.main(["speed", "--first", "--row", TOKEN, *SHORT]) == 0
    assert "First call of a new shape" in capsys.readouterr().out
