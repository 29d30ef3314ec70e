"""Turns are really taken, and no process is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parity.model import machine
from parity.speed.processes import StartError, Worker, WorkerError, Workers, environment

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

# Subjects that need no TensorFlow; workers import this module by its file's name.
FOLDER = str(Path(__file__).parent)
HERE = {"PYTHONPATH": FOLDER}


def echo(x: Any, w: Any, **arguments: Any) -> Any:
    return x + w


def spin(x: Any, w: Any, **arguments: Any) -> Any:
    """Report the state of another process, given by its id, as seen while this one runs."""
    return np.array([ord(state(int(x)))])


def fail(x: Any, w: Any, **arguments: Any) -> Any:
    raise KeyError("planted")


def sleep(x: Any, w: Any, **arguments: Any) -> None:
    time.sleep(60)


def die(x: Any, w: Any, **arguments: Any) -> Any:
    os._exit(3)


def state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def start(workers: Workers, name: str) -> Worker:
    return workers.start(f"test_processes:{name}", HERE)


@linux
def test_only_the_one_whose_turn_it_is_runs() -> None:
    with Workers() as workers:
        first, second = start(workers, "echo"), start(workers, "spin")
        assert (state(first.pid), state(second.pid)) == ("T", "T")
        assert chr(int(second.call("run", first.pid, 0, {})[0])) == "T"
        assert chr(int(second.call("run", second.pid, 0, {})[0])) in "RS"
        assert first.call("run", 2, 3, {}) == 5
        assert (state(first.pid), state(second.pid)) == ("T", "T")


@linux
def test_an_exception_leaves_no_child() -> None:
    pids: list[int] = []

    def broken() -> None:
        with Workers() as workers:
            pids.extend(start(workers, "echo").pid for _ in range(2))
            raise RuntimeError("planted")

    with pytest.raises(RuntimeError, match="planted"):
        broken()
    assert len(pids) == 2
    assert all(map(gone, pids))


@linux
def test_a_worker_that_raises_says_so_and_is_stopped_again() -> None:
    with Workers() as workers:
        worker = start(workers, "fail")
        with pytest.raises(WorkerError, match="planted"):
            worker.call("run", 1, 2, {})
        assert state(worker.pid) == "T"
        worker.call("ready")
    assert gone(worker.pid)


@linux
def test_a_worker_that_dies_is_reported_and_reaped() -> None:
    with Workers() as workers:
        worker = start(workers, "die")
        with pytest.raises(WorkerError, match="status 3"):
            worker.call("run", 1, 2, {})
    assert gone(worker.pid)


@linux
def test_a_worker_that_takes_too_long_is_killed() -> None:
    with Workers() as workers:
        worker = start(workers, "sleep")
        with pytest.raises(WorkerError, match="no answer"):
            worker.call("run", 1, 2, {}, timeout=0.05)
        assert state(worker.pid) == "T"
    assert gone(worker.pid)


@linux
def test_workers_die_with_a_parent_that_is_killed() -> None:
    script = (
        "import sys, time\n"
        "from parity.speed.processes import Workers\n"
        "workers = Workers()\n"
        f"worker = workers.start('test_processes:echo', {HERE!r})\n"
        "print(worker.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    root = str(Path(__file__).resolve().parents[3])
    paths = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": paths},
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert state(pid) == "T"
        parent.send_signal(signal.SIGKILL)
    end = time.monotonic() + 10
    # Whoever inherits the orphan may leave it unreaped for a while.
    while not gone(pid) and state(pid) != "Z" and time.monotonic() < end:
        time.sleep(0.01)
    assert gone(pid) or state(pid) == "Z"


def test_a_subject_that_is_not_there_is_an_error() -> None:
    with Workers() as workers, pytest.raises(StartError, match="no_such_module"):
        workers.start("no_such_module:conv2d")


def test_a_dead_worker_is_replaced_by_one_of_the_same_kind() -> None:
    with Workers() as workers:
        worker = start(workers, "die")
        with pytest.raises(WorkerError, match="status 3") as error:
            worker.call("run", 1, 2, {})
        assert error.value.reason == "died with status 3 during run"
        assert not worker.usable
        again = workers.renewed(worker)
        assert again.pid != worker.pid
        assert workers.renewed(again) is again
        again.call("ready")


def test_an_error_has_a_reason_in_a_line() -> None:
    with Workers() as workers:
        worker = start(workers, "fail")
        with pytest.raises(WorkerError) as error:
            worker.call("run", 1, 2, {})
        assert worker.usable
        assert error.value.reason == "KeyError: 'planted'"
        assert error.value.of_subject


def test_tensorflow_is_as_the_environment_says_unless_it_is_forced() -> None:
    assert "TF_ENABLE_ONEDNN_OPTS" not in environment()
    assert environment(onednn=False)["TF_ENABLE_ONEDNN_OPTS"] == "0"
    assert environment(onednn=True)["TF_ENABLE_ONEDNN_OPTS"] == "1"
    assert environment(threads=1)["OPENBLAS_NUM_THREADS"] == "1"
    assert "OPENBLAS_NUM_THREADS" not in environment()


def test_the_machine_block_has_the_environment_of_what_is_timed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    monkeypatch.setenv("NPCONV_ALGORITHM", "tiles")
    found = machine.describe().environment
    assert found["TF_ENABLE_ONEDNN_OPTS"] == "0"
    assert found["NPCONV_ALGORITHM"] == "tiles"
