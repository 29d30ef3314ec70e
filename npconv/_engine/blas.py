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
        own = [one for one in every if any(_lies(one.filepath, folder) for folder in homes)]
        return [_library(one) for one in own or every]
    except Exception:  # a BLAS that cannot be asked is one that cannot be held
        return []


def _lies(path: str, folder: Path) -> bool:
    return Path(path).resolve().is_relative_to(folder)


def _library(one: Any) -> Library:
    get, set_ = one.get_num_threads, one.set_num_threads
    # Without the detours of threadpoolctl, which lets but one thread at a time set OpenBLAS's
    # number, and passes over the others without a word.
    for prefix, suffix in product(("", "scipy_"), ("", "64_", "_64")):
        name = f"{prefix}openblas_{{}}_num_threads{suffix}"
        if hasattr(one.dynlib, name.format("set")):
            get, set_ = (getattr(one.dynlib, name.format(way)) for way in ("get", "set"))
    return Library(get, set_, getattr(one, "threading_layer", "") == "openmp")


class _Held:
    """Libraries whose numbers of threads hold for the process, or for one thread.

    The first to come notes what it found, the last to leave restores it.
    """

    def __init__(self, libraries: list[Library]) -> None:
        self._libraries = libraries
        self._holders: set[object] = set()
        self._found: list[int | None] | None = None

    def counts(self) -> list[int | None]:
        """Return the numbers of threads as the users of BLAS set them."""
        return self._found or [one.get() for one in self._libraries]

    def hold(self, holder: object) -> None:
        self._holders.add(holder)  # first: from now on nobody else restores
        found = self.counts()
        if self._found is None:  # else a call came in between
            self._found = found
        self._set(most=1)

    def let_go(self, holder: object) -> None:
        self._holders.discard(holder)
        if not self._holders:
            self.restore()
            self._found = None

    def restore(self) -> None:
        self._set()

    def _set(self, *, most: int | None = None) -> None:
        for one, count in zip(self._libraries, self._found or (), strict=False):
            if count and count > 1:
                one.set(most or count)


class Blas:
    """NumPy's BLAS: how many threads it has, and holding it to one while anybody multiplies.

    Ctrl-C, or a call from a signal handler, may come between any two lines: each may be run once
    more.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()  # a finalizer or signal handler may call conv2d anywhere
        self._everywhere: _Held | None = None
        self._per_thread: list[Library] = []
        self._here = threading.local()

    def _held(self) -> list[_Held]:
        """Return what there is to hold, for all threads and for this one; called with the lock."""
        if self._everywhere is None:
            libraries = find()
            self._per_thread = [one for one in libraries if one.per_thread]
            self._everywhere = _Held([one for one in libraries if not one.per_thread])
        if not self._per_thread:
            return [self._everywhere]
        here: _Held = self._here.__dict__.setdefault("held", _Held(self._per_thread))
        return [self._everywhere, here]

    def threads(self) -> int:
        """Return how many threads BLAS has been set to, by whoever uses it."""
        with self.lock:
            counts = [count for held in self._held() for count in held.counts() if count]
            return max(counts, default=0) or cores()

    def hold(self, holder: object) -> int:
        """Hold BLAS to one thread until ``let_go``; return to how many it was set."""
        with self.lock:
            for held in self._held():
                held.hold(holder)
            return self.threads()

    def limit(self) -> None:
        """Hold BLAS to one thread in a thread of our own, where the number is each thread's."""
        for one in self._per_thread:
            one.set(1)

    def let_go(self, holder: object) -> None:
        """Restore what was found, if nobody else holds BLAS; more than once does no harm."""
        with self.lock:
            for held in self._held():
                held.let_go(holder)

    def release(self) -> None:
        """Restore what was found, whoever held it, and whoever has the lock."""
        if self._everywhere is not None:
            for held in self._held():
                held.restore()


def cores() -> int:
    """Return on how many cores this process may run, as far as the system says."""
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):
        return os.cpu_count() or 1
