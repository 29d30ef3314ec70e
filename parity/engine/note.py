"""What a process is doing: the example, and whose call runs, in memory that may outlive it.

A parent that shares the memory (`parity.engine.children`, `parity.engine.watcher`) still reads it
when the process has died or hangs.  Nothing here imports NumPy.
"""

from __future__ import annotations

import ctypes
import functools
import time
from collections.abc import Callable
from types import TracebackType
from typing import ParamSpec, TypeVar

SUBJECT, ORACLE = "subject", "TensorFlow"
"""Whose call may run."""
WHOSE = {SUBJECT: "the subject", ORACLE: "TensorFlow"}
BYTES = 4096
_TICK = 1.0  # seconds between two looks, at the most

P = ParamSpec("P")
R = TypeVar("R")


class Note(ctypes.Structure):
    """How many calls it has begun, whose runs ("" for none), and the example's token, cut."""

    _fields_ = (
        ("calls", ctypes.c_uint64),
        ("side", ctypes.c_char * 16),
        ("example", ctypes.c_char * BYTES),
    )

    def read(self) -> tuple[str, str]:
        """Return side and example."""
        return self.side.decode(), self.example.decode(errors="replace")


_mine = Note()


def write_to(shared: Note) -> None:
    """Write to `shared` from now on."""
    global _mine
    _mine = shared


def example(token: str) -> None:
    """Say which example is checked."""
    _mine.example = token.encode()[: BYTES - 1]


class calling:  # noqa: N801 - used as a statement
    """Say for a `with` statement whose call runs; a call within a call belongs to the outer one.

    What is raised remembers it, for `raised_by`.  A process that ends here leaves the note as it
    is.
    """

    def __init__(self, side: str) -> None:
        self._side = side

    def __enter__(self) -> None:
        self._outer = bool(_mine.side)
        if not self._outer:
            _mine.calls += 1
            _mine.side = self._side.encode()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._outer or not (error is None or isinstance(error, Exception)):
            return
        _mine.side = b""
        if error is not None:
            blame(self._side, error)


def calls_of(side: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a function: each of its calls is noted as that of `side`."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def noted(*arguments: P.args, **keywords: P.kwargs) -> R:
            with calling(side):
                return function(*arguments, **keywords)

        return noted

    return decorate


def blame(side: str, error: BaseException) -> BaseException:
    """Return `error`, which remembers that `side` raised it."""
    error.__dict__["raised_by"] = side
    return error


def raised_by(error: BaseException) -> str:
    """Return whose call raised `error`; "" if it was none, as where a comparison raised."""
    side: str = error.__dict__.get("raised_by", "")
    return side


class Limit:
    """How long a call may take, watched from another process.

    Only time during which this process runs as well counts: a machine that sleeps hangs no call.
    """

    def __init__(self, note: Note, seconds: float) -> None:
        self._note = note
        self.seconds = seconds
        self.tick = min(_TICK, seconds / 4)
        self._calls, self._waited, self._looked = -1, 0.0, time.monotonic()

    def exceeded(self) -> bool:
        """Say whether one call has been running for too long; to be asked every `tick` seconds."""
        now = time.monotonic()
        passed, self._looked = min(now - self._looked, 2 * self.tick), now
        if not self._note.side or self._note.calls != self._calls:
            self._calls, self._waited = self._note.calls, 0.0
        else:
            self._waited += passed
        return self._waited > self.seconds
