"""Threads of our own, each multiplying its own tiles, with BLAS held to one thread meanwhile.

NumPy releases the interpreter's lock where it copies and where it multiplies, so that both scale.
Which thread does which tile changes nothing about the result.

Ctrl-C may come between any two lines of the thread that calls, and a signal handler or finalizer
may call again from there. So nothing is counted: what is done may be done once more, and it is.
"""

from __future__ import annotations

import ctypes
import os
import threading
import warnings
from collections.abc import Callable, Iterable
from contextlib import suppress
from operator import index
from queue import SimpleQueue
from typing import Any, TypeVar

import numpy as np

from npconv._engine.blas import Blas
from npconv._engine.scratch import Scratch, take_scratch

T = TypeVar("T")

_MOST_SEATS = 256  # that wait for a helper, most of them of calls that have ended


def _find_core() -> Callable[[], int] | None:
    """Return the C library's ``sched_getcpu``, where threads can be moved as well."""
    try:
        os.sched_setaffinity  # noqa: B018
        core: Callable[[], int] = ctypes.CDLL(None).sched_getcpu
    except (AttributeError, OSError, TypeError):
        return None
    return core


_core = _find_core()


def _keep_away(core: int) -> None:
    """Keep this thread, a helper, away from the core of its caller, which stays free to move.

    Linux likes to wake a thread where it was woken from, and for tens of milliseconds both then
    take turns on that core. With another process on the other one, ResNet-50 took 0.97 of
    TensorFlow's time without this, and 0.74 with it.
    """
    if core < 0 or getattr(_here, "avoided", -1) == core:
        return
    with suppress(OSError, AttributeError):
        others = os.sched_getaffinity(os.getpid()) - {core}
        if others:
            os.sched_setaffinity(0, others)
            _here.avoided = core


class _Job:
    """Tiles that several threads take from one end until none is left or one has failed.

    The tiles are never all in memory at once. A context: it is left when no helper writes to the
    result any more, and BLAS is let go.
    """

    def __init__(self, tiles: Iterable[T], work: Callable[[T, Scratch], bool]) -> None:
        self.seats: list[_Seat] = []
        self.stands = True  # as long as all results do
        self.error: BaseException | None = None  # of a helper
        self._tiles = iter(tiles)
        self._work: Callable[[Any, Scratch], bool] = work
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is not None:
            self.error = None  # which is not raised, and whose traceback holds this job
        self.finish()
        _blas.let_go(self)

    def run(self, scratch: Scratch) -> None:
        """Compute tiles until none is left."""
        try:
            while True:
                with self._lock:
                    tile = next(self._tiles, None)
                if tile is None:
                    return
                if not self._work(tile, scratch):
                    self.stands = False
                    self.stop()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Let nobody begin another tile."""
        self._tiles = iter(())

    def finish(self) -> None:
        """Wait for the helpers, whatever happens meanwhile: they write to the result."""
        try:
            for seat in self.seats:
                seat.give_up()
        except BaseException:  # Ctrl-C; kept in no variable, which its traceback would hold
            self.stop()
            self.finish()
            raise


class _Seat:
    """A place for one helper at a job, which the helper takes or the caller gives up."""

    def __init__(self, job: _Job) -> None:
        self.job: _Job | None = job
        self._core = -1 if _core is None else _core()
        self._taken: dict[str, str] = {}
        self._left = False
        self._leaving = threading.Lock()
        self._leaving.acquire()

    def take(self) -> None:
        """Help with the job, unless the caller has finished without."""
        job = self.job
        if job is None or self._taken.setdefault("by", "helper") != "helper":
            return
        try:
            _here.helping = True
            _keep_away(self._core)
            _blas.limit()
            scratch = take_scratch()
            try:
                job.run(scratch)
            finally:
                scratch.keep()
        except BaseException as error:
            job.error = error
        finally:
            del job  # an error's traceback holds this frame
            _here.helping = False
            self.leave()

    def leave(self) -> None:
        """Let the caller go on."""
        self._left = True
        self._leaving.release()

    def abandon(self) -> None:
        """Let the caller fail, in a forked child, where the helper at this place is not."""
        if self.job is not None and not self._left:
            self.job.error = RuntimeError("forked during a call: its other threads are not there")
            self.job.stop()
            self.leave()

    def give_up(self) -> None:
        """Return when no helper is at this place, and none will be."""
        if self._taken.setdefault("by", "caller") == "helper":
            while not self._left:
                self._leaving.acquire()
        self.job = None  # the seat may wait for long until a helper finds it empty


class _Pool:
    """Daemon threads that wait for jobs, as many as were ever wanted at once."""

    def __init__(self) -> None:
        self.taken: set[_Seat] = set()
        self._seats: SimpleQueue[_Seat] = SimpleQueue()
        self._threads = 0

    def ask(self, job: _Job, helpers: int) -> None:
        """Have a job helped with, by as many threads as the system allows."""
        while self._threads < helpers:
            try:
                threading.Thread(target=self._serve, name="npconv", daemon=True).start()
            except RuntimeError:  # "can't start new thread"
                break
            self._threads += 1
        room = _MOST_SEATS - self._seats.qsize()  # else all are busy, and it keeps growing
        for _ in range(min(helpers, self._threads, room)):
            seat = _Seat(job)
            job.seats.append(seat)
            self._seats.put(seat)

    def _serve(self) -> None:
        with np.errstate(all="ignore"):
            while True:
                seat = self._seats.get()
                self.taken.add(seat)
                seat.take()
                self.taken.discard(seat)
                del seat  # what it holds must not live until the next one


def each(tiles: Iterable[T], work: Callable[[T, Scratch], bool], most: int) -> bool:
    """Compute all tiles, in any order, on up to `most` threads; say whether all results stand."""
    if getattr(_here, "helping", False):  # from a finalizer: BLAS is held, and who waits for this
        return alone(tiles, work)  # thread may have all locks
    job = _Job(tiles, work)
    with job, job, job:  # Ctrl-C, twice, may keep two of them from being left
        found = _blas.hold(job)
        _pool.ask(job, min(most, _threads or found) - 1)
        scratch = take_scratch()
        try:
            job.run(scratch)
        finally:
            scratch.keep()
    if job.error is not None:
        error, job.error = job.error, None
        try:
            raise error
        finally:
            del error
    return job.stands


def alone(tiles: Iterable[T], work: Callable[[T, Scratch], bool]) -> bool:
    """Do the same in this thread, whatever BLAS is set to."""
    scratch = take_scratch()
    try:
        for tile in tiles:  # noqa: SIM110 - all() takes longer
            if not work(tile, scratch):
                return False
        return True
    finally:
        scratch.keep()


_blas = Blas()
_pool = _Pool()
_here = threading.local()


def _before_fork() -> None:
    _blas.lock.acquire()  # nobody is within BLAS's own lock, which the child would find taken


def _after_fork_in_parent() -> None:
    _blas.lock.release()


def _after_fork() -> None:
    """Begin anew: a forked child has no helpers, and locks as they happened to be."""
    global _blas, _pool
    _blas.release()
    for seat in _pool.taken:
        seat.abandon()
    _blas, _pool = Blas(), _Pool()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork,
    )


def get_num_threads() -> int:
    """Return how many threads ``conv2d`` may use.

    Returns
    -------
    int
        What ``set_num_threads`` set; else the environment's ``NPCONV_NUM_THREADS`` as it was when
        npconv was imported, unless it is ``0`` or ``auto``; else as many as NumPy's BLAS is set to.

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
    _threads = None if threads is None else _count(threads)


def _count(value: Any) -> int:
    try:
        count = index(value)
    except TypeError:
        raise TypeError(f"threads: expected an integer or None, received {value!r}") from None
    if count < 1:
        raise ValueError(f"threads: expected at least 1, received {count}")
    return count


def _from_environment(text: str) -> int | None:
    """Read NPCONV_NUM_THREADS; what it cannot be only warns, so that npconv can be imported."""
    text = text.strip().lower()
    if text in ("", "0", "auto"):
        return None
    if text.isdecimal() and len(text) < 10:
        return int(text)
    warnings.warn(
        f"NPCONV_NUM_THREADS: expected a positive integer, 0 or 'auto', received {text!r}; "
        "it is passed over",
        RuntimeWarning,
        stacklevel=2,
    )
    return None


_threads = _from_environment(os.environ.get("NPCONV_NUM_THREADS", ""))
