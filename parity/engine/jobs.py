"""Run tasks in worker processes, and say what a process was doing when it died.

A worker takes one task at a time.  What it sends arrives at the parent; its note
(`parity.engine.note`)
lies in memory that both share, so that the parent still reads it after the worker has died, and
sees a call that never ends.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.connection import Connection, wait
from typing import Any

from parity.engine import note
from parity.engine.note import Limit, Note
from parity.model.settings import Settings

# The workers share the cores: more threads in each would only wait for one another.
ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "3", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
WHOSE = {note.SUBJECT: "the subject", note.ORACLE: "TensorFlow"}
_PATIENCE = 10.0  # seconds for a worker without tasks to end by itself

# Workers import TensorFlow, whose threads do not survive a fork.
_SPAWN = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class Crash:
    """A task that raised, or that took its process with it.

    Attributes
    ----------
    job
        The number of the worker, from 0.
    task
        The task.
    note
        The example that the task last noted.
    status
        The exit status of the process, negative for a signal; None if the task raised.
    traceback
        Of what the task raised.
    side
        Whose call ran when the process ended: `note.SUBJECT`, `note.ORACLE` or nobody's, "".
    overdue
        The seconds that the call was given, if the process was killed because it took longer.
    """

    job: int
    task: Any
    note: str
    status: int | None = None
    traceback: str = ""
    side: str = ""
    overdue: float = 0.0

    @property
    def of_subject(self) -> bool:
        """Whether it was a call of the subject that ended the process or did not end itself."""
        return self.status is not None and self.side == note.SUBJECT

    @property
    def reason(self) -> str:
        """What happened, in a few words."""
        if self.status is None:
            return self.traceback.strip().rpartition("\n")[2]
        whose = f"in a call of {WHOSE[self.side]}" if self.side else "outside any call"
        return f"{self._ending}, {whose}"

    @property
    def _ending(self) -> str:
        assert self.status is not None
        if self.overdue:
            return f"no answer within {self.overdue:g} s"
        if self.status < 0:
            try:
                return f"killed by {signal.Signals(-self.status).name}"
            except ValueError:
                return f"killed by signal {-self.status}"
        return f"ended with exit status {self.status}"

    def document(self) -> dict[str, Any]:
        """Return what happened as JSON knows it."""
        said = {"job": self.job, "note": self.note, "side": self.side, "reason": self.reason}
        return said | {"traceback": self.traceback}

    def __str__(self) -> str:
        during = f", during {self.note}" if self.note else ""
        return f"{self.reason}{during}\n{self.traceback}".rstrip()


class Send:
    """How a task speaks to the parent."""

    def __init__(self, pipe: Connection[Any, Any]) -> None:
        self._pipe = pipe

    def __call__(self, message: Any) -> None:
        """Send a message, anything that can be pickled."""
        self._pipe.send(("message", message))

    def note(self, text: str) -> None:
        """Leave the token of what is about to run for a `Crash`."""
        note.example(text)


def run(
    target: str,
    tasks: Sequence[Any],
    settings: Settings,
    on_message: Callable[[int, Any], None],
    *,
    most_crashes: int | None = None,
    after_crash: Callable[[Crash], Any] = lambda _: None,
) -> list[Crash]:
    """Call ``target(settings, task, send)`` for every task, each in a process of its own.

    A process that dies is replaced; its task is not tried again.  Whatever is raised here, also
    KeyboardInterrupt, kills the workers first.

    Parameters
    ----------
    target
        ``module:function``; it is given the settings, a task and a `Send`.
    tasks
        Anything that can be pickled; handed out in this order.
    settings
        How many processes, each with ``ENVIRONMENT`` in its environment, and how long one call of
        the subject or of TensorFlow may take before its process is killed.
    on_message
        Called here with the worker's number and each message that it sent.
    most_crashes
        After so many crashes no more tasks are handed out; by default all are.
    after_crash
        Called here with each crash; what it returns, unless None, is the next task.

    Returns
    -------
    list of Crash
        The tasks that raised or killed their process.
    """
    left = deque(tasks)
    crashes: list[Crash] = []
    working: list[_Worker] = []
    ending: list[_Worker] = []

    def more() -> bool:
        return bool(left) and (most_crashes is None or len(crashes) < most_crashes)

    def crashed(crash: Crash) -> None:
        crashes.append(crash)
        task = after_crash(crash)
        if task is not None:
            left.appendleft(task)

    def employ(worker: _Worker) -> None:
        if more():
            worker.begin(left.popleft())
            working.append(worker)
        else:
            worker.pipe.close()
            ending.append(worker)

    try:
        for job in range(min(settings.jobs, len(left))):
            employ(_Worker(job, target, settings))
        while working:
            tick = min(one.limit.tick for one in working)
            ready = wait([sign for worker in working for sign in worker.signs()], tick)
            for worker in [one for one in working if set(one.signs()) & set(ready)]:
                dead = worker.process.sentinel in ready
                for kind, content in worker.received(everything=dead):
                    if kind == "message":
                        on_message(worker.job, content)
                    else:
                        worker.busy = False
                        if kind == "failed":
                            crashed(worker.crash(traceback=content))
                if dead:
                    worker.process.join()
                    if worker.busy:
                        crashed(worker.crash(status=worker.process.exitcode))
                    worker.pipe.close()
                    working.remove(worker)
                    if more():
                        employ(_Worker(worker.job, target, settings))
                elif not worker.busy:
                    working.remove(worker)
                    employ(worker)
            for worker in working:
                if worker.limit.exceeded():
                    worker.overdue = settings.call_seconds
                    worker.process.kill()
        for worker in ending:
            worker.process.join(_PATIENCE)
    finally:
        for worker in working + ending:
            worker.process.kill()
            worker.process.join()
    return crashes


class _Worker:
    """A process, the pipe to it and the memory shared with it."""

    def __init__(self, job: int, target: str, settings: Settings) -> None:
        self.job = job
        self.busy = False
        self.overdue = 0.0
        self._task: Any = None
        self._note: Note = _SPAWN.RawValue(Note)
        self.limit = Limit(self._note, settings.call_seconds)
        self.pipe, theirs = _SPAWN.Pipe()
        arguments = target, settings, theirs, self._note, os.getpid()
        self.process = _SPAWN.Process(target=_work, args=arguments)
        with _surroundings():
            self.process.start()
        theirs.close()

    def begin(self, task: Any) -> None:
        """Hand over a task."""
        self._task = task
        self.busy = True
        self._note.example = b""
        # A worker that has just died cannot take it; its sentinel tells.
        with suppress(BrokenPipeError, ConnectionResetError):
            self.pipe.send(task)

    def signs(self) -> tuple[Any, ...]:
        """Return what becomes ready when the worker speaks and when it dies."""
        return self.pipe, self.process.sentinel

    def received(self, *, everything: bool) -> list[tuple[str, Any]]:
        """Return one message that has come, or everything that a dead worker has said."""
        found: list[tuple[str, Any]] = []
        with suppress(EOFError, OSError):  # it died in the middle of a message
            while (everything or not found) and self.pipe.poll():
                found.append(self.pipe.recv())
        return found

    def crash(self, *, status: int | None = None, traceback: str = "") -> Crash:
        """Return what became of the task."""
        side, example = self._note.read()
        return Crash(self.job, self._task, example, status, traceback, side, self.overdue)


def die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent dies (on Linux)."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
        if os.getppid() != parent:
            sys.exit("the parent died first")


def _work(
    target: str, settings: Settings, pipe: Connection[Any, Any], shared: Note, parent: int
) -> None:
    """Take and run tasks until the pipe closes."""
    die_with(parent)
    # Ctrl-C reaches every process of a terminal; the parent sees to the workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    note.write_to(shared)
    send = Send(pipe)
    module, _, function = target.partition(":")
    with suppress(EOFError, ConnectionError):
        while True:
            task = pipe.recv()
            try:
                getattr(import_module(module), function)(settings, task, send)
            except Exception:
                pipe.send(("failed", traceback.format_exc()))
            else:
                pipe.send(("done", None))


@contextmanager
def _surroundings() -> Iterator[None]:
    """Let a process start with `ENVIRONMENT` and with SIGINT blocked until it ignores it."""
    before = {name: os.environ.get(name) for name in ENVIRONMENT}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    os.environ.update(ENVIRONMENT)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
