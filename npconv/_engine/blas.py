"""NumPy's BLAS and its threads."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np


class Library(NamedTuple):
    """How one BLAS library is asked for its threads, and told.

    Where ``per_thread``, as with OpenMP, the number holds for the thread alone that sets it.
    """

    get: Callable[[], int | None]
    set: Callable[[int], object]
    per_thread: bool


def find() -> list[Library]:
    """Find NumPy's BLAS: what its wheel brought, or else any that this process has loaded.

    None is found where threadpoolctl is missing, or fails.
    """
    try:
        from threadpoolctl import ThreadpoolController

        every = ThreadpoolController().select(user_api="blas").lib_controllers
        home = Path(np.__file__).resolve().parent
        homes = (home, home.with_name("numpy.libs"))
        paths = [Path(one.filepath).resolve() for one in every]
        own = [
            one
            for one, path in zip(every, paths, strict=True)
            if any(path.is_relative_to(folder) for folder in homes)
        ]
        return [_library(one) for one in own or every]
    except Exception:  # a BLAS that cannot be asked is one that cannot be held
        return []


def _library(one: Any) -> Library:
    get, set_ = one.get_num_threads, one.set_num_threads
    # Without the detours of threadpoolctl, which lets but one thread at a time set OpenBLAS's
    # number, and passes over the others without a word.
    for prefix, suffix in product(("", "scipy_"), ("", "64_", "_64")):
        name = f"{prefix}openblas_{{}}_num_threads{suffix}"
        if hasattr(one.dynlib, name.format("set")):
            get, set_ = (getattr(one.dynlib, name.format(way)) for way in ("get", "set"))
    return Library(get, set_, getattr(one, "threading_layer", "") == "openmp")


class Blas:
    """NumPy's BLAS: how many threads it has, and holding it to one while anybody multiplies.

    The limit is the process's, so calls share it: the first to come notes what it found, the last
    to leave restores it. Ctrl-C may come between any two lines: each may be run once more.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a finalizer or signal handler may call conv2d anywhere
        self._libraries: list[Library] | None = None
        self._holders: set[object] = set()
        self._found: list[int | None] | None = None

    def _ask(self) -> list[int | None]:
        """Return the numbers of threads as the users of BLAS set them; called with the lock."""
        if self._libraries is None:
            self._libraries = find()
        return self._found or [one.get() for one in self._libraries]

    def threads(self) -> int:
        """Return how many threads BLAS has been set to, by whoever uses it."""
        with self._lock:
            return _most(self._ask())

    def hold(self, holder: object) -> int:
        """Hold BLAS to one thread until ``let_go``; return to how many it was set."""
        with self._lock:
            self._found = found = self._ask()
            self._holders.add(holder)  # before anything is set: from now on it can be restored
            self.limit()
            return _most(found)

    def limit(self) -> None:
        """Set BLAS to one thread, as each thread must where the number is its own."""
        for one, count in zip(self._libraries or (), self._found or (), strict=False):
            if count and count > 1:
                one.set(1)

    def let_go(self, holder: object) -> None:
        """Restore what was found, if nobody else holds BLAS; more than once does no harm."""
        with self._lock:
            if holder in self._holders:
                self._restore(last=len(self._holders) == 1)
                self._holders.discard(holder)
            if not self._holders:
                self._found = None

    def _restore(self, *, last: bool = True) -> None:
        for one, count in zip(self._libraries or (), self._found or (), strict=False):
            if count and count > 1 and (last or one.per_thread):
                one.set(count)

    def release(self) -> None:
        """Restore what was found, whoever held it."""
        self._restore()


def _most(counts: list[int | None]) -> int:
    return max([count for count in counts if count], default=0) or cores()


def cores() -> int:
    """Return on how many cores this process may run, as far as the system says."""
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):
        return os.cpu_count() or 1
