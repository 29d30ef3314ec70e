"""Threads of our own, each multiplying its own tiles, with BLAS held to one thread meanwhile.

NumPy releases the interpreter's lock where it copies and where it multiplies, so that both scale.
Which thread does which tile changes nothing about the result: the tiles are cut by shape, dtype
and the machine's cores, whatever the number of threads.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from operator import index
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

import numpy as np

from npconv._engine import cores
from npconv._engine.blas import Blas
from npconv._engine.scratch import Scratch, take_scratch

T = TypeVar("T")


class _Job(Generic[T]):
    """Tasks that several threads take from one end until none is left or one has failed.

    The tasks are never all in memory at once.
    """

    __slots__ = ("_error", "_helpers", "_left", "_lock", "_seats", "_tasks", "_work")

    def __init__(
        self,
        tasks: Iterable[T],
        work: Callable[[T, Scratch], None],
        helpers: int,
    ) -> None:
        self._tasks = iter(tasks)
        self._lock = threading.Lock()
        self._work = work
        self._helpers = helpers
        self._seats = deque(range(helpers))  # for helpers that have not come yet
        self._left: SimpleQueue[None] = SimpleQueue()  # one for each helper that came and went
        self._error: BaseException | None = None

    def run(self, scratch: Scratch) -> None:
        """Compute tasks until none is left."""
        try:
            while True:
                with self._lock:
                    task = next(self._tasks, None)
                if task is None:
                    return
                self._work(task, scratch)
        except BaseException:
            with self._lock:
                self._tasks = iter(())  # the others need not go on
            raise

    def help(self) -> None:
        """Run in a helper, unless the caller has finished without it."""
        try:
            self._seats.pop()
        except IndexError:
            return
        scratch = None
        try:
            scratch = take_scratch()
            self.run(scratch)
        except BaseException as error:
            self._error = error
        finally:
            self._left.put(None)  # the caller may go on
            if scratch is not None:
                scratch.keep()

    def finish(self) -> None:
        """Wait for the helpers, whatever happened to the caller; raise what one of them met."""
        joined = self._helpers
        while self._seats:
            try:
                self._seats.pop()
            except IndexError:
                break
            joined -= 1
        # Looking again and again would take the interpreter's lock from the very helpers.
        while joined:
            try:
                self._left.get()
                joined -= 1
            except BaseException as error:  # Ctrl-C: they still write to the result
                self._error = error
        if self._error is not None:
            raise self._error


class _Pool:
    """Daemon threads that wait for jobs, as many as were ever wanted at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: SimpleQueue[_Job[Any]] = SimpleQueue()
        self.threads: list[int] = []  # native ids

    def grow(self, helpers: int) -> int:
        """Have at least so many, if the system allows it; return how many of them there are."""
        if len(self.threads) < helpers:
            with self._lock, suppress(RuntimeError):  # "can't start new thread"
                while len(self.threads) < helpers:
                    thread = threading.Thread(target=self._serve, name="npconv", daemon=True)
                    thread.start()
                    self.threads.append(thread.native_id or 0)
        return min(helpers, len(self.threads))

    def ask(self, job: _Job[Any], helpers: int) -> None:
        """Have a job helped with."""
        for _ in range(helpers):
            self._jobs.put(job)

    def _serve(self) -> None:
        with np.errstate(all="ignore"):
            while True:
                job = self._jobs.get()
                job.help()
                del job  # its arrays must not live until the next one


_blas = Blas()
_pool = _Pool()
_threads: int | None = None


def _after_fork() -> None:
    """Begin anew: a forked child has no helpers, and locks as they happened to be."""
    global _blas, _pool
    _blas.release()
    _blas, _pool = Blas(), _Pool()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def get_num_threads() -> int:
    """Return how many threads ``conv2d`` may use.

    Returns
    -------
    int
        What ``set_num_threads`` set; else the environment's ``NPCONV_NUM_THREADS`` as it was when
        npconv was imported; else as many as NumPy's BLAS is set to.

    Examples
    --------
    >>> import npconv
    >>> npconv.set_num_threads(2)
    >>> npconv.get_num_threads()
    2
    >>> npconv.set_num_threads(None)
    """
    return _blas.threads() if _threads is None else _threads


def set_num_threads(threads: int | None) -> None:
    """Set how many threads ``conv2d`` may use, in this process.

    The result is the same, bit for bit, for any number. While a call multiplies, NumPy's BLAS is
    held to one thread, because npconv's own threads do the work; it is as it was afterwards. Both
    hold for a BLAS that threadpoolctl knows: OpenBLAS, MKL, BLIS, not Apple's Accelerate.

    Parameters
    ----------
    threads : int or None
        At least 1, the caller's own among them; None for as many as NumPy's BLAS is set to.

    Raises
    ------
    TypeError
        If `threads` is no integer.
    ValueError
        If it is less than 1.

    Examples
    --------
    >>> import npconv
    >>> npconv.set_num_threads(1)
    >>> npconv.set_num_threads(None)
    """
    global _threads
    _threads = None if threads is None else _count("threads", threads)


def _count(name: str, value: Any) -> int:
    try:
        count = index(value)
    except TypeError:
        raise TypeError(f"{name}: expected an integer or None, received {value!r}") from None
    if count < 1:
        raise ValueError(f"{name}: expected at least 1, received {count}")
    return count


def _from_environment(text: str) -> int | None:
    """Read NPCONV_NUM_THREADS."""
    if not text.strip():
        return None
    if not text.strip().isdecimal() or int(text) < 1:
        raise ValueError(f"NPCONV_NUM_THREADS: expected a positive integer, received {text!r}")
    return int(text)


_threads = _from_environment(os.environ.get("NPCONV_NUM_THREADS", ""))


def each(tasks: Iterable[T], work: Callable[[T, Scratch], None], most: int, *, light: bool) -> None:
    """Call ``work(task, scratch)`` for each task, on several threads where there are several.

    Parameters
    ----------
    tasks : iterable
    work : callable
        Independent of the order; it may raise.
    most : int
        Threads that it may be spread over.
    light : bool
        Whether BLAS would use one thread anyway.
    """
    if light:
        _run(tasks, work)
        return
    with _blas as found:
        helpers = _pool.grow(min(most, _threads or found) - 1)
        if helpers < 1:
            _run(tasks, work)
            return
        job = _Job(tasks, work, helpers)
        scratch = take_scratch()
        allowed: set[int] = set()
        try:
            if _blas.held_once:  # with other callers, cores are better left to the system
                allowed = cores.keep_apart(_pool.threads)
            _pool.ask(job, helpers)
            job.run(scratch)
        finally:
            try:
                job.finish()
            finally:
                cores.let_go(allowed)
                scratch.keep()


def _run(tasks: Iterable[T], work: Callable[[T, Scratch], None]) -> None:
    scratch = take_scratch()
    try:
        for task in tasks:
            work(task, scratch)
    finally:
        scratch.keep()
