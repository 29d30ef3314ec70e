"""What became of a task, and on which machine."""

from __future__ import annotations

import platform
import signal
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Generic, TypeVar

from parity.engine import note
from parity.model import machine

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Crash:
    """How a task ended that raised, or that took its process with it.

    The note is the example that was last noted, the side whose call ran then; the status is that of
    the process, negative for a signal and None if the task raised.
    """

    note: str
    side: str
    reason: str
    status: int | None = None
    traceback: str = ""

    @classmethod
    def raised(cls, example: str, traceback: str) -> Crash:
        """Return that of a task that raised."""
        reason = traceback.strip().rpartition("\n")[2]
        return cls(example, "", reason, traceback=traceback)

    @classmethod
    def died(cls, example: str, side: str, status: int, overdue: float) -> Crash:
        """Return that of a process, killed if its call was `overdue` after so many seconds."""
        reason = f"ended with exit status {status}"
        if status < 0:
            names = {one.value: one.name for one in signal.Signals}
            reason = f"killed by {names.get(-status, f'signal {-status}')}"
        if overdue:
            reason = f"no answer within {overdue:g} s"
        where = f"in a call of {note.WHOSE[side]}" if side else "outside any call"
        return cls(example, side, f"{reason}, {where}", status)

    @property
    def of_subject(self) -> bool:
        """Whether it was a call of the subject that ended the process or did not end itself."""
        return self.status is not None and self.side == note.SUBJECT

    def __str__(self) -> str:
        during = f", during {self.note}" if self.note else ""
        return f"{self.reason}{during}\n{self.traceback}".rstrip()


@dataclass(frozen=True)
class Outcome(Generic[T, R]):
    """What became of a task: its result, or None and how it crashed; and where that was."""

    task: T
    result: R | None
    crash: Crash | None
    machine: str


@cache
def this_machine() -> str:
    """Name this machine, its CPU and the versions of what decides a result."""
    versions = f"Python {platform.python_version()}, NumPy {version('numpy')}"
    return f"{platform.node()}: {machine.cpu()[0]}, {versions}, TensorFlow {machine.tensorflow()}"
