"""Worker processes: their messages, their crashes, and that none is left over."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from parity.engine import jobs, note
from parity.engine.jobs import Crash, Send

ROOT = Path(__file__).parents[3]
HERE = "parity.tests.engine.test_jobs"


def told(target: str, tasks: list[Any], number: int, **options: Any) -> tuple[Any, list[Crash]]:
    messages: list[Any] = []
    crashes = jobs.run(
        f"{HERE}:{target}", tasks, number, lambda job, one: messages.append((job, one)), **options
    )
    assert multiprocessing.active_children() == []
    return messages, crashes


def twice(task: int, send: Send) -> None:
    send(task)
    send(2 * task)


def environment(task: str, send: Send) -> None:
    send((os.environ.get(task), os.getpid(), "tensorflow" in sys.modules))


def troubled(task: str, send: Send) -> None:
    send.note(f"before {task}")
    send(task)
    if task == "signal":
        os.kill(os.getpid(), signal.SIGSEGV)
    if task == "status":
        os._exit(3)
    if task == "exit":
        sys.exit(4)
    if task == "raise":
        raise ZeroDivisionError("as it must")
    if task == "unsendable":
        send(lambda: None)
    if task == "long":
        send.note("ä" * note.BYTES)
        os.abort()
    send.note("")


def sleeping(task: str, send: Send) -> None:
    send(os.getpid())
    time.sleep(60)


def test_every_task_is_run_once_and_its_messages_arrive_in_order() -> None:
    messages, crashes = told("twice", list(range(20)), 2)
    assert crashes == []
    assert {job for job, _ in messages} <= {0, 1}
    for job in (0, 1):
        mine = [one for number, one in messages if number == job]
        assert [2 * one for one in mine[::2]] == mine[1::2]
        assert mine[::2] == sorted(mine[::2])  # tasks are handed out in order
    firsts = sorted(one for job in (0, 1) for one in [m for n, m in messages if n == job][::2])
    assert firsts == list(range(20))


def test_no_tasks_need_no_workers() -> None:
    assert told("twice", [], 4) == ([], [])


def test_the_environment_of_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARITY_SUBJECT", "some:thing")
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    before = dict(os.environ)
    messages, _ = told("environment", ["PARITY_SUBJECT", *jobs.ENVIRONMENT], 1)
    assert [value for _, (value, _, _) in messages] == ["some:thing", "3", "1", "1"]
    assert {pid for _, (_, pid, _) in messages} != {os.getpid()}
    assert not any(loaded for _, (_, _, loaded) in messages)
    assert dict(os.environ) == before


CRASHES = {
    "signal": (-signal.SIGSEGV, "killed by SIGSEGV"),
    "status": (3, "ended with exit status 3"),
    "exit": (4, "ended with exit status 4"),
    "raise": (None, "ZeroDivisionError: as it must"),
    "unsendable": (None, "pickle"),
    "long": (-signal.SIGABRT, "killed by SIGABRT"),
}


def test_a_crash_names_its_task_and_note() -> None:
    tasks = ["fine", *CRASHES, "fine"]
    messages, crashes = told("troubled", tasks, 1)
    assert [one for _, one in messages] == tasks  # those after a crash are run all the same
    assert [crash.task for crash in crashes] == list(CRASHES)
    for crash, (status, reason) in zip(crashes, CRASHES.values(), strict=True):
        assert (crash.job, crash.status) == (0, status)
        assert reason in crash.reason
        assert ("Traceback" in crash.traceback) == (status is None)
    notes = [crash.note for crash in crashes]
    assert notes[:-1] == [f"before {task}" for task in CRASHES][:-1]
    assert notes[-1].startswith("ääää")
    assert len(notes[-1].encode()) <= note.BYTES + 1  # cut in the middle of a character


def test_after_too_many_crashes_nothing_more_is_handed_out() -> None:
    messages, crashes = told("troubled", ["raise", "status", "raise", "fine"], 1, most_crashes=2)
    assert [crash.task for crash in crashes] == ["raise", "status"]
    assert [one for _, one in messages] == ["raise", "status"]


def test_a_target_that_is_not_there_is_reported() -> None:
    _, [crash] = told("nowhere", [1], 1)
    assert "AttributeError" in crash.reason


def test_what_a_listener_raises_ends_the_workers() -> None:
    pids: list[int] = []

    def stop(job: int, message: int) -> None:
        pids.append(message)
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        jobs.run(f"{HERE}:sleeping", [1, 2, 3], 2, stop)
    assert multiprocessing.active_children() == []
    assert not alive(pids[0])


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_workers_end_with_their_parent(sent: signal.Signals) -> None:
    script = (
        "import signal\n"
        "from parity import jobs\n"
        # A shell's background jobs ignore SIGINT, and so do their children.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"jobs.run('{HERE}:sleeping', [1, 2], 2, lambda job, pid: print(pid, flush=True))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        cwd=ROOT, start_new_session=True, text=True,
    ) as parent:  # fmt: skip
        assert parent.stdout is not None
        assert parent.stderr is not None
        pids = [int(parent.stdout.readline()) for _ in range(2)]
        if sent == signal.SIGINT:
            os.killpg(parent.pid, sent)  # as a terminal does it
        else:
            parent.kill()
        said = parent.stderr.read()
        assert parent.wait(timeout=20) == -sent
    assert said.count("KeyboardInterrupt") == (sent == signal.SIGINT)  # the workers are silent
    until = time.monotonic() + 10
    while any(map(alive, pids)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(map(alive, pids))


def alive(pid: int) -> bool:
    """Say whether a process runs; a zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def calling(task: str, send: Send) -> None:
    """Do in a call what `task` says."""
    side, what = task.split()
    send.note(f"example of {side}")
    if what == "fine":
        time.sleep(2.5)  # not in a call: as long as it likes
    for _ in range(2):
        with note.calling(note.SUBJECT if side == "subject" else note.ORACLE):
            with note.calling(note.ORACLE):  # a call within a call belongs to the outer one
                time.sleep(1.2 if what == "fine" else 0)  # two such calls are no long one
            if what == "hangs":
                time.sleep(60)
            if what == "dies":
                os.kill(os.getpid(), signal.SIGSEGV)
            if what == "leaves":
                sys.exit(4)
    if what == "ends":
        os._exit(5)
    send("done")


CALLS = {
    "subject hangs": (note.SUBJECT, "no answer within 2 s, in a call of the subject"),
    "oracle hangs": (note.ORACLE, "no answer within 2 s, in a call of TensorFlow"),
    "subject dies": (note.SUBJECT, "killed by SIGSEGV, in a call of the subject"),
    "oracle dies": (note.ORACLE, "killed by SIGSEGV, in a call of TensorFlow"),
    "subject leaves": (note.SUBJECT, "ended with exit status 4, in a call of the subject"),
    "subject ends": ("", "ended with exit status 5, outside any call"),
}


def test_a_call_that_hangs_is_ended_and_whose_call_it_was_is_told() -> None:
    tasks = ["subject fine", *CALLS, "oracle fine"]
    messages, crashes = told("calling", tasks, 2, call_seconds=2)
    assert [one for _, one in messages] == ["done", "done"]
    assert {crash.task for crash in crashes} == set(CALLS)
    for crash in crashes:
        side, reason = CALLS[crash.task]
        assert (crash.side, crash.reason) == (side, reason)
        assert crash.of_subject == (side == note.SUBJECT)
        assert str(crash) == f"{reason}, during example of {crash.task.split()[0]}"


def test_after_a_crash_the_task_that_is_given_comes_next() -> None:
    def again(crash: Crash) -> str | None:
        return {"signal": "status", "status": "fine again"}.get(crash.task)

    messages, crashes = told("troubled", ["signal", "raise", "fine"], 1, after_crash=again)
    assert [one for _, one in messages] == ["signal", "status", "fine again", "raise", "fine"]
    assert [crash.task for crash in crashes] == ["signal", "status", "raise"]
