"""Another program that takes a core: a process that computes without end, stopped when not wanted.

It has a session of its own and may run on any core, as what another user runs. It ends with the
set of workers it belongs to; should its parent die first, the kernel ends it (on Linux).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from parity.engine.server import die_with

_ROOT = Path(__file__).resolve().parents[2]


class Spinner:
    """A process that takes a core inside `spinning`, and nothing elsewhere."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "parity.speed.spinner", str(os.getpid())],
            cwd=_ROOT,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        try:
            if not (self._process.stdout and self._process.stdout.readline()):
                raise OSError("the process that takes a core did not start")
            self._process.send_signal(signal.SIGSTOP)
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @contextmanager
    def spinning(self) -> Iterator[None]:
        """Let it run meanwhile."""
        self._process.send_signal(signal.SIGCONT)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGSTOP)

    def close(self) -> None:
        """Kill the process, stopped or not, and reap it."""
        self._process.kill()
        self._process.communicate()


if __name__ == "__main__":
    die_with(int(sys.argv[1]))
    print("spinning", flush=True)
    while True:
        pass
