"""Processes that take tasks one by one; one that dies or hangs loses its own task only."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import traceback
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from queue import SimpleQueue
from threading import Lock
from typing import Any, Generic

from parity.engine import note, server
from parity.engine.note import Limit, Note
from parity.engine.outcome import Crash, Outcome, R, T, this_machine
from parity.model.settings import Settings

# multiprocessing looks at the children of all threads whenever one of them starts another.
_PROCESSES = Lock()


class Children(Generic[T, R]):
    """So many child processes, each called by a thread.

    Parameters
    ----------
    function, settings
        What each task is given to: ``function(settings, task)``, which returns its result.
    number
        How many processes; they start when they are needed.
    """

    def __init__(
        self, function: Callable[[Settings, T], R], settings: Settings, number: int
    ) -> None:
        server.start()
        self.width = number
        self._all = [_Child(function, settings) for _ in range(number)]
        self._free: SimpleQueue[_Child[T, R]] = SimpleQueue()
        for child in self._all:
            self._free.put(child)
        self._threads = ThreadPoolExecutor(number)

    def submit(self, task: T) -> Future[Outcome[T, R]]:
        """Run a task as soon as a process is free."""
        return self._threads.submit(self._call, task)

    def outcome(self, future: Future[Outcome[T, R]]) -> Outcome[T, R]:
        """Return what became of a task."""
        return future.result()

    def close(self) -> None:
        """End the processes, also those that have a task."""
        for child in self._all:
            child.close()
        self._threads.shutdown(cancel_futures=True)

    def _call(self, task: T) -> Outcome[T, R]:
        child = self._free.get()
        try:
            return Outcome(task, *child.call(task), this_machine())
        finally:
            self._free.put(child)


class _Child(Generic[T, R]):
    """A process, replaced when it has died, the pipe to it and the memory shared with it."""

    def __init__(self, function: Callable[[Settings, T], R], settings: Settings) -> None:
        self._function, self._settings = function, settings
        self._process: Any = None
        self._closed = False

    def call(self, task: T) -> tuple[R | None, Crash | None]:
        """Return the result of a task, or how it crashed."""
        if self._process is None:
            self._start()
        overdue = 0.0
        # One that has just died cannot take it; its sentinel tells.
        with suppress(BrokenPipeError, ConnectionResetError):
            self._pipe.send(task)
        while not wait([self._pipe, self._process.sentinel], self._limit.tick):
            if self._limit.exceeded():
                overdue = self._settings.call_seconds
                self._process.kill()
        with suppress(EOFError, OSError):  # it died, perhaps in the middle of its answer
            if self._pipe.poll():
                raised, answer = self._pipe.recv()
                if raised:
                    return None, Crash.raised(self._note.read()[1], answer)
                result: R = pickle.loads(answer)  # our own bytes, from a process of our own
                return result, None
        with _PROCESSES:
            self._process.join()
            status, self._process = self._process.exitcode, None
        self._pipe.close()
        side, example = self._note.read()
        return None, Crash.died(example, side, status, overdue)

    def close(self) -> None:
        """End the process for good."""
        with _PROCESSES:
            self._closed = True
            if self._process is not None:
                self._process.kill()
                self._process.join()

    def _start(self) -> None:
        self._note: Note = server.CONTEXT.RawValue(Note)
        self._limit = Limit(self._note, self._settings.call_seconds)
        self._pipe, theirs = server.CONTEXT.Pipe()
        arguments = self._function, self._settings, theirs, self._note
        process = server.CONTEXT.Process(target=_work, args=arguments)
        with theirs, _PROCESSES:
            if self._closed:
                raise RuntimeError("the run has ended")
            process.start()
            self._process = process


def _work(
    function: Callable[[Settings, T], R], settings: Settings, pipe: Connection, shared: Note
) -> None:
    """Take and run tasks until the pipe closes."""
    server.die_with(os.getppid())
    parent = parent_process()
    if parent is None or not parent.is_alive():
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    note.write_to(shared)
    sys.path[:0] = [folder for folder in settings.path if folder not in sys.path]
    with suppress(EOFError, ConnectionError):
        while True:
            task = pipe.recv()
            note.example("")
            answer: tuple[bool, Any]
            try:
                server.forked()
                answer = False, pickle.dumps(function(settings, task))
            except Exception:
                answer = True, traceback.format_exc()
            pipe.send(answer)
