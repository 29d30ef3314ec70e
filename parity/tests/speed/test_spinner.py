"""What takes a core takes it only when it is wanted, and never outlives the command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from parity.speed import spinner
from parity.speed.processes import Workers

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

COMMAND = """
import time
from parity.speed.processes import Workers
with Workers() as workers:
    spinner = workers.spinner()
    with spinner.spinning():
        print(spinner.pid, flush=True)
        time.sleep(60)
"""


def state(pid: int) -> str:
    """Return "R" of a process that runs, "T" of one that is stopped, "" of none."""
    try:
        found = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return ""
    return "" if found in "ZX" else found


def becomes(pid: int, expected: str) -> bool:
    """Wait until a process is in a state."""
    end = time.monotonic() + 20
    while state(pid) != expected and time.monotonic() < end:
        time.sleep(0.01)
    return state(pid) == expected


def test_it_runs_only_inside_spinning_and_is_killed_by_an_interrupt() -> None:
    def interrupted() -> None:
        with Workers() as workers:
            one = workers.spinner()
            pids.append(one.pid)
            assert becomes(one.pid, "T")
            assert os.getsid(one.pid) == one.pid
            with one.spinning():
                assert becomes(one.pid, "R")
                assert os.sched_getaffinity(one.pid) == os.sched_getaffinity(0)
            assert becomes(one.pid, "T")
            with one.spinning():
                raise KeyboardInterrupt

    pids: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert state(pids[0]) == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_it_does_not_outlive_the_command_however_that_ends(number: signal.Signals) -> None:
    root = Path(spinner.__file__).parents[3]
    command = [sys.executable, "-c", COMMAND]
    with subprocess.Popen(
        command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, process_group=0
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert becomes(pid, "R")
        os.killpg(parent.pid, number)
        assert parent.wait(20) != 0
        assert becomes(pid, "")


def test_one_that_does_not_start_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(OSError, match="did not start"):
        spinner.Spinner()
