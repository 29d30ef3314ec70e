"""Tasks in processes: what becomes of each, and that no process is left over."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from parity.engine import Outcome, note, run, server
from parity.model.settings import Settings
from parity.model.verdict import WrongCall

ROOT = Path(__file__).parents[3]
SETTINGS = Settings(jobs=2, path=(str(ROOT),), call_seconds=2)


def does(settings: Settings, task: str) -> Any:
    """Do what `task` says: whose call, if any, and what happens in it."""
    side, _, what = task.rpartition(" ")
    note.example(f"example of {task}")
    if side == "no long call":
        time.sleep(1.5 * settings.call_seconds)
    for _ in range(2):
        with note.calling(side or note.SUBJECT), note.calling(note.ORACLE):
            # A call within a call belongs to the outer one; two calls are no long one.
            time.sleep(0.6 * settings.call_seconds if side == "two calls" else 0)
            if what == "hangs":
                time.sleep(60)
            if what == "dies":
                os.kill(os.getpid(), signal.SIGSEGV)
            if what == "leaves":
                os._exit(0)
    if what == "ends":
        os._exit(5)
    if what == "raises":
        raise ZeroDivisionError("as it must")
    if what == "function":
        return lambda: None
    if what == "long":
        note.example("ä" * note.BYTES)
        os.abort()
    return os.getpid(), dict(os.environ), "tensorflow" in sys.modules


def result(outcome: Outcome[str, Any]) -> Any:
    assert outcome.result is not None, outcome.crash
    return outcome.result


def heard(tasks: Any, settings: Settings = SETTINGS, **options: Any) -> list[Outcome[str, Any]]:
    found: list[Outcome[str, Any]] = []
    run(does, tasks, settings, found.append, **options)
    return found


ENDS = {
    "subject hangs": (note.SUBJECT, "no answer within 2 s, in a call of the subject"),
    "TensorFlow hangs": (note.ORACLE, "no answer within 2 s, in a call of TensorFlow"),
    "subject dies": (note.SUBJECT, "killed by SIGSEGV, in a call of the subject"),
    "TensorFlow dies": (note.ORACLE, "killed by SIGSEGV, in a call of TensorFlow"),
    "subject leaves": (note.SUBJECT, "ended with exit status 0, in a call of the subject"),
    "ends": ("", "ended with exit status 5, outside any call"),
    "raises": ("", "ZeroDivisionError: as it must"),
    "function": ("", "pickle"),
}


def test_each_task_ends_alone_and_it_is_told_how() -> None:
    fine = ["no long call", "two calls", "fine"]
    outcomes = heard([*fine, *ENDS, *fine])
    assert sorted(one.task for one in outcomes) == sorted([*fine, *ENDS, *fine])
    for one in outcomes:
        if one.task in fine:
            assert one.crash is None
            assert one.result is not None
            continue
        side, reason = ENDS[one.task]
        assert one.crash is not None
        assert (one.result, one.crash.side) == (None, side)
        assert reason in one.crash.reason
        assert one.crash.note == f"example of {one.task}"
        assert one.crash.of_subject == (side == note.SUBJECT)
        assert bool(one.crash.traceback) == (one.crash.status is None)


def test_workers_are_forked_from_what_has_imported_tensorflow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = dict(os.environ)
    outcomes = heard(["fine"] * 4, replace(SETTINGS, jobs=1))
    assert dict(os.environ) == before
    pid, environment, imported = result(outcomes[0])
    assert imported
    assert server.ENVIRONMENT.items() <= environment.items()
    assert {result(one)[0] for one in outcomes} == {pid}  # one process takes one task after another
    assert pid != os.getpid()
    assert "NumPy" in outcomes[0].machine
    monkeypatch.setattr(psutil.Process, "num_threads", lambda _: 2)
    with pytest.raises(RuntimeError, match="a process of 2 threads"):
        server.forked()


def test_a_long_note_is_cut_in_the_middle_of_a_character() -> None:
    [one] = heard(["long"])
    assert one.crash is not None
    assert one.crash.note.startswith("ääää")
    assert len(one.crash.note.encode()) <= note.BYTES + 1


def test_tasks_are_taken_when_they_are_needed_and_what_follows_comes_first() -> None:
    taken: list[str] = []
    seen: list[str] = []

    def tasks() -> Iterator[str]:
        for task in ("first", "second", "third"):
            taken.append(task)
            yield task

    def follow(outcome: Outcome[str, Any]) -> list[str]:
        seen.append(outcome.task)
        assert len(taken) <= len(seen)
        return ["next", "and next"] if outcome.task == "first" else []

    run(does, tasks(), replace(SETTINGS, jobs=1), follow)
    assert seen == ["first", "next", "and next", "second", "third"]


def test_after_too_many_crashes_nothing_more_is_begun() -> None:
    one = replace(SETTINGS, jobs=1)
    assert [o.task for o in heard(["raises", "ends", "fine"], one, most_crashes=2)] == [
        "raises",
        "ends",
    ]
    assert heard([]) == []


def waits(settings: Settings, task: str) -> None:
    Path(task).write_text(str(os.getpid()))
    time.sleep(60)


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_what_a_listener_raises_ends_the_processes(tmp_path: Path) -> None:
    pids: list[int] = []

    def stop(outcome: Outcome[str, Any]) -> None:
        pids.append(result(outcome)[0])
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        run(does, ["fine", "subject hangs"], replace(SETTINGS, call_seconds=60), stop)
    assert not any(map(alive, pids))


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_processes_end_with_their_parent(sent: signal.Signals, tmp_path: Path) -> None:
    files = [tmp_path / "a", tmp_path / "b"]
    script = (
        "import signal\n"
        f"from {__name__} import *\n"
        # A shell's background jobs ignore SIGINT, and so do their children.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"run(waits, {list(map(str, files))}, SETTINGS, print)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stderr=subprocess.PIPE,
        cwd=ROOT, start_new_session=True, text=True,
    ) as parent:  # fmt: skip
        assert parent.stderr is not None
        while not all(file.exists() and file.read_text() for file in files):
            assert parent.poll() is None
            time.sleep(0.05)
        pids = [int(file.read_text()) for file in files]
        pids += [psutil.Process(pids[0]).ppid()]  # what they are forked from
        if sent == signal.SIGINT:
            os.killpg(parent.pid, sent)  # as a terminal does it
        else:
            parent.kill()
        said = parent.stderr.read()
        assert parent.wait() == -sent
    assert said.count("KeyboardInterrupt") == (sent == signal.SIGINT)  # the others are silent
    while any(map(alive, pids)):  # or the test never ends
        time.sleep(0.05)


def test_nobody_at_the_address_of_a_cluster_is_a_wrong_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("parity.engine.cluster.SECONDS", 0.2)
    with pytest.raises(WrongCall, match=r"--cluster tcp://127\.0\.0\.1:1: "):
        heard(["fine"], replace(SETTINGS, cluster="tcp://127.0.0.1:1"))


def test_a_worker_of_a_cluster_that_goes_away_loses_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Tasks kill their processes, and one worker is killed: each task is told once, and rightly."""
    distributed = pytest.importorskip("distributed")
    monkeypatch.chdir(tmp_path)
    import dask

    options: dict[str, Any] = {"threads_per_worker": 1, "dashboard_address": "127.0.0.1:0"}
    with (
        dask.config.set({"distributed.worker.daemon": False}),
        distributed.LocalCluster(n_workers=2, env={"PYTHONPATH": str(ROOT)}, **options) as cluster,
    ):
        workers = [worker.pid for worker in cluster.workers.values()]
        found: list[Outcome[str, Any]] = []

        def hear(outcome: Outcome[str, Any]) -> None:
            found.append(outcome)
            if len(found) == 3:
                os.kill(workers[0], signal.SIGKILL)

        deaths = ["subject dies", "TensorFlow dies", "raises"]
        tasks = ["fine", *deaths, *[f"task {n}" for n in range(10)], *deaths]
        run(does, tasks, replace(SETTINGS, cluster=cluster.scheduler_address), hear)
    assert sorted(one.task for one in found) == sorted(tasks)
    for one in found:
        side, reason = ENDS.get(one.task, ("", ""))
        assert (one.crash is None) == (not reason), one
        assert one.crash is None or (one.crash.side, one.crash.reason) == (side, reason)
