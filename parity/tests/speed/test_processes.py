"""Turns are really taken, and no process is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from parity.model import machine
from parity.model.case import Case
from parity.speed import turns, worker
from parity.speed.processes import StartError, WorkerError, Workers, environment
from parity.speed.records import Times
from parity.speed.statistics import LEAST_ROUNDS, LOOKS
from parity.speed.turns import Contender
from parity.speed.worker import Requests
from parity.tests.speed.subjects import HERE, state

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
TOKEN = "float32 NHWC 1x4x4x2 w1x1x2x3 s1,1 d1,1 VALID normal:0"
PREPARE = ("prepare", TOKEN, ["kernel"])
PARENT = """
# A shell's background jobs ignore SIGINT, and so do their children.
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
import time
from parity.speed.processes import Workers
workers = Workers()
spinner, stopped = workers.start("limits"), workers.start("limits")
spinner.begin("spin")
with spinner.running():
    print(spinner.pid, stopped.pid, flush=True)
    time.sleep(60)
"""


def becomes(pid: int, expected: str) -> bool:
    """Wait until a process is in a state."""
    end = time.monotonic() + 20
    while state(pid) not in expected and time.monotonic() < end:
        time.sleep(0.01)
    return state(pid) in expected


@linux
def test_only_the_one_whose_turn_it_is_runs_and_none_is_left_behind() -> None:
    def interrupted() -> None:
        with Workers() as workers:
            first = workers.start("npconv:conv2d")
            second = workers.start(HERE + "watch", {"WATCHED": str(first.pid)})
            pids.extend(workers.pids)
            assert [state(pid) for pid in pids] == ["T", "T"]
            watched, own = second.call(*PREPARE)
            assert watched == "T"
            assert own in "RS"
            assert first.call(*PREPARE).shape == (1, 4, 4, 3)
            assert [state(pid) for pid in pids] == ["T", "T"]
            raise KeyboardInterrupt

    pids: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [state(pid) for pid in pids] == ["", ""]


@linux
def test_what_takes_a_core_runs_only_when_it_is_wanted_as_another_program_does() -> None:
    with Workers() as workers:
        spinner = workers.start("limits")
        spinner.begin("spin")
        assert becomes(spinner.pid, "T")
        assert os.getsid(spinner.pid) == spinner.pid
        with spinner.running():
            taken = machine.cores_taken(spinner.pid)
            assert becomes(spinner.pid, "R")
            assert os.sched_getaffinity(spinner.pid) == os.sched_getaffinity(0)
            end = time.monotonic() + 20
            while not taken() and time.monotonic() < end:
                time.sleep(0.05)
            assert taken() > 0
        assert becomes(spinner.pid, "T")


@linux
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_worker_outlives_the_command_however_that_ends(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as parent:
        assert parent.stdout is not None
        spinning, stopped = map(int, parent.stdout.readline().split())
        assert becomes(spinning, "R")
        assert becomes(stopped, "T")
        parent.send_signal(number)
        assert parent.wait(20) != 0
    # Whoever inherits an orphan may leave it unreaped for a while.
    assert becomes(spinning, "")
    assert becomes(stopped, "")


@linux
@pytest.mark.parametrize(
    ("name", "reason", "lives"),
    [
        ("fail", "KeyError: 'planted'", True),
        ("dies_in_nchw", "died with status 7 during prepare", False),
        ("sleep", "no answer to prepare in 0.05 s", False),
    ],
)
def test_a_failure_is_told_in_a_line_and_the_next_call_has_a_process(
    name: str, reason: str, lives: bool
) -> None:
    token = "float32 NCHW 1x2x4x4 w1x1x2x3 s1,1 d1,1 VALID normal:0"
    with Workers() as workers:
        one = workers.start(HERE + name)
        before = one.pid
        with pytest.raises(WorkerError) as error:
            one.call("prepare", token, ["kernel"], timeout=0.05 if name == "sleep" else 60.0)
        assert error.value.reason == reason
        assert error.value.of_subject
        assert one.usable is lives
        assert len(workers.pids) == lives
        one.call("ready")
        assert (one.pid == before) is lives
        assert state(one.pid) == "T"
    assert state(before) == state(one.pid) == ""


def test_a_subject_that_is_not_there_is_an_error() -> None:
    with Workers() as workers, pytest.raises(StartError, match="no_such_module"):
        workers.start("no_such_module:conv2d")


def test_tensorflow_is_as_the_environment_says_unless_it_is_forced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert "TF_ENABLE_ONEDNN_OPTS" not in environment()
    assert environment(onednn=False)["TF_ENABLE_ONEDNN_OPTS"] == "0"
    assert environment(onednn=True)["TF_ENABLE_ONEDNN_OPTS"] == "1"
    assert environment(threads=1)["OPENBLAS_NUM_THREADS"] == "1"
    assert "OPENBLAS_NUM_THREADS" not in environment()
    monkeypatch.setenv("NPCONV_ALGORITHM", "im2col")
    found = machine.describe(environment(onednn=False, threads=3)).environment
    assert found["NPCONV_ALGORITHM"] == "im2col"
    assert found["TF_ENABLE_ONEDNN_OPTS"] == "0"
    assert found["OMP_NUM_THREADS"] == "3"


class Fake:
    """A worker that gives planted times and notes what it was asked."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self._seconds = seconds

    def call(self, request: str, *arguments: object) -> float:
        """Answer as `parity.speed.worker` would."""
        self.asked.append((request, *arguments))
        time.sleep(self._seconds)
        return 7 if request == "calibrate" else float(len(self.asked))


def take(fake: Fake, **how: Any) -> Times:
    contenders = {name: Contender(fake, f"mode {name}") for name in "abc"}
    defaults = {"seed": 1, "rounds": 12, "seconds": 60.0, "enough": lambda times: False}
    return turns.take(contenders, **{**defaults, **how})


def test_every_round_gives_each_contender_one_sample_in_changing_order() -> None:
    fake, again = Fake(), Fake()
    times = take(fake, rounds=40)
    assert {name: len(sample) for name, sample in times.items()} == dict.fromkeys("abc", 40)
    modes = [f"mode {name}" for name in "abc"]
    assert fake.asked[:3] == [("calibrate", mode, turns.SAMPLE_SECONDS) for mode in modes]
    order = [request[1] for request in fake.asked[3:]]
    assert set(fake.asked[3:]) == {("sample", mode, 7) for mode in modes}
    rounds = [tuple(order[at : at + 3]) for at in range(0, len(order), 3)]
    assert all(sorted(names) == modes for names in rounds)
    assert len(set(rounds)) == 6
    assert take(again, rounds=40) == times


@pytest.mark.parametrize(("needed", "rounds"), [(1, 8), (8, 8), (9, 20), (20, 20), (21, 30)])
def test_rounds_end_at_a_look_when_enough_is_known(needed: int, rounds: int) -> None:
    seen: list[int] = []

    def enough(times: Times) -> bool:
        seen.append(len(times["a"]))
        return len(times["a"]) >= needed

    counted: list[None] = []
    times = take(Fake(), rounds=30, enough=enough, on_round=lambda: counted.append(None))
    assert len(times["a"]) == len(times["b"]) == len(counted) == rounds
    assert seen == [look for look in LOOKS if look <= rounds]


def test_fewer_rounds_than_an_interval_needs_are_not_taken() -> None:
    assert [len(take(Fake(), rounds=most)["a"]) for most in (1, 6, 7)] == [LEAST_ROUNDS, 6, 7]
    assert len(take(Fake(0.001), seconds=0.0)["a"]) == LEAST_ROUNDS


class Counted:
    """An implementation whose call fills a sample alone; it counts by mode."""

    def __init__(self) -> None:
        self.calls: dict[str, int] = {}

    def describe(self) -> dict[str, str | int]:
        """Return nothing."""
        return {}

    def bind(self, mode: str, case: Case, *arrays: Any) -> Callable[[], None]:
        """Return a call that counts itself."""

        def call() -> None:
            self.calls[mode] = self.calls.get(mode, 0) + 1

        return call

    def run(self, case: Case, *arrays: Any) -> Any:
        """Return nothing."""


def test_every_mode_is_warmed_up_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    implementation = Counted()
    requests = Requests(implementation)
    modes = ["kernel", "from-numpy", "function", "product alone"]
    requests.prepare(TOKEN, modes)
    for mode in modes:
        assert requests.calibrate(mode, 0.0) == 1
        assert implementation.calls[mode] == 2
        requests.sample(mode, 1)
        assert implementation.calls[mode] == 4
    timed: list[int] = []

    def fake(call: Any, repeats: int) -> float:
        timed.append(repeats)
        return float(repeats) if len(timed) > 1 else 100.0 * repeats  # the first are slow

    monkeypatch.setattr(worker, "timed", fake)
    assert requests.sample("kernel", 1000) == 1.0
    assert timed == [100, 1000]


def test_the_first_call_is_not_counted_when_calls_are(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = iter([0.5, *[1e-3] * 10_000])
    clock = [0.0]

    def call() -> None:
        clock[0] += next(taken)

    requests = Requests(Counted())
    requests._calls = {"kernel": call}
    monkeypatch.setattr("time.perf_counter", lambda: clock[0])
    assert requests.calibrate("kernel", 0.02) == 20


def test_the_memory_of_a_call_is_its_peak_beyond_the_result() -> None:
    with Workers() as workers:
        found = workers.start(HERE + "hungry").call("memory", TOKEN)
    assert found == pytest.approx(5 << 20, rel=0.01)


def test_three_calls_are_timed_of_which_the_first_is_the_first_of_its_shape_there() -> None:
    with Workers() as workers:
        one = workers.start(HERE + "counts")
        one.call("prepare", TOKEN.replace("4x4", "5x5"), ["kernel"])
        first, *others = one.call("first", TOKEN)
        again = one.call("first", TOKEN)
    assert len(others) == 2
    assert len(again) == 3
    assert first >= 0.1  # a later one would not have slept
