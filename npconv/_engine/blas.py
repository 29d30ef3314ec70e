"""NumPy's BLAS and its threads."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np


class _Library(NamedTuple):
    """How one BLAS library is asked for its threads, and told."""

    get: Callable[[], int | None]
    set: Callable[[int], object]


def _libraries() -> list[_Library]:
    """Find NumPy's BLAS: what its wheel brought, or else any that this process has loaded."""
    from threadpoolctl import ThreadpoolController

    every = ThreadpoolController().select(user_api="blas").lib_controllers
    home = Path(np.__file__).resolve().parent
    homes = (home, home.with_name("numpy.libs"))
    own = [one for one in every if any(_lies(one.filepath, place) for place in homes)]
    found = []
    for one in own or every:
        library = _Library(one.get_num_threads, one.set_num_threads)
        # threadpoolctl lets but one thread at a time set OpenBLAS's number, and passes over the
        # others without a word; here the last caller restores what the first one changed.
        for prefix, suffix in product(("", "scipy_"), ("", "64_", "_64")):
            name = f"{prefix}openblas_{{}}_num_threads{suffix}"
            if hasattr(one.dynlib, name.format("set")):
                library = _Library(
                    getattr(one.dynlib, name.format("get")), getattr(one.dynlib, name.format("set"))
                )
        found.append(library)
    return found


def _lies(path: str, folder: Path) -> bool:
    return Path(path).resolve().is_relative_to(folder)


class Blas:
    """NumPy's BLAS: how many threads it has, and holding it to one while anybody multiplies.

    The limit is the process's, so calls share it: the first to come notes what it found, the last
    to leave restores it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: list[_Library] | None = None
        self._holders = 0
        self._found: list[int | None] = []

    def _ask(self) -> list[int | None]:
        """Return the numbers of threads as the users of BLAS set them; called with the lock."""
        if self._known is None:
            self._known = _libraries()
        return self._found if self._holders else [one.get() for one in self._known]

    def _set(self, counts: Iterable[int | None]) -> None:
        for one, count in zip(self._known or (), counts, strict=True):
            if count:
                one.set(count)

    def threads(self) -> int:
        """Return how many threads BLAS has been set to, by whoever uses it."""
        with self._lock:
            return _most(self._ask())

    def __enter__(self) -> int:
        with self._lock:
            self._found = self._ask()
            self._holders += 1  # before anything is set: a child that is forked now restores it
            if self._holders == 1:
                try:
                    self._set(1 if count else None for count in self._found)
                except BaseException:  # Ctrl-C
                    self._let_go()
                    raise
            return _most(self._found)

    def __exit__(self, *exception: object) -> None:
        with self._lock:
            self._let_go()

    def _let_go(self) -> None:
        if self._holders == 1:
            self._set(self._found)
        self._holders -= 1

    @property
    def held_once(self) -> bool:
        """Whether one call alone holds it."""
        return self._holders == 1

    def release(self) -> None:
        """Restore what was found, whoever held it."""
        if self._holders:
            self._set(self._found)


def _most(counts: list[int | None]) -> int:
    return max([count for count in counts if count], default=0) or os.cpu_count() or 1
