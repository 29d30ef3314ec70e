"""A small process that watches another: says what a dying one was doing, ends one that hangs.

``python -m parity.engine.watcher DESCRIPTOR PID SECONDS SUBJECT``; the process that is watched
writes a byte to the watcher's standard input before it ends by itself.
"""

from __future__ import annotations

import mmap
import os
import select
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from parity.engine import note
from parity.engine.note import Limit, Note
from parity.model.settings import Settings
from parity.model.subject import Scope


class Watcher:
    """The watcher of this process, which writes its note where the watcher reads it.

    Parameters
    ----------
    settings
        How long a call may take, and whose it may be.
    """

    def __init__(self, settings: Settings) -> None:
        size = mmap.PAGESIZE * -(-len(bytes(Note())) // mmap.PAGESIZE)
        with tempfile.TemporaryFile() as file:
            file.truncate(size)
            note.write_to(Note.from_buffer(mmap.mmap(file.fileno(), size)))
            command = [
                *(str(file.fileno()), str(os.getpid())),
                *(str(settings.call_seconds), settings.scope.subject),
            ]
            self._process = subprocess.Popen(
                [sys.executable, "-m", "parity.engine.watcher", *command],
                stdin=subprocess.PIPE,
                pass_fds=[file.fileno()],
                cwd=Path(__file__).parents[2],
            )

    def dismiss(self) -> None:
        """End the watcher: this process is about to end by itself."""
        self._process.communicate(b".")


def main(descriptor: int, pid: int, call_seconds: float, subject: str) -> None:
    """Watch the process `pid` until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the other one sees to Ctrl-C
    watched = Note.from_buffer(mmap.mmap(descriptor, 0))
    limit = Limit(watched, call_seconds)
    while not select.select([sys.stdin], [], [], limit.tick)[0]:
        if limit.exceeded():
            _tell(watched, subject, f"no answer within {call_seconds:g} s")
            os.kill(pid, signal.SIGKILL)
            return
    if not os.read(sys.stdin.fileno(), 1):
        _tell(watched, subject, "the process has ended")


def _tell(watched: Note, subject: str, what: str) -> None:
    """Say on stderr whose call ran and how to run it again, if one did."""
    side, example = watched.read()
    if not side:
        return
    from parity.cli import replay
    from parity.engine import jobs

    lines = [f"DISAGREES: {what}" if side == note.SUBJECT else f"MISTRUSTED: {what}"]
    lines[0] += f", in a call of {jobs.WHOSE[side]}, during {example}"
    if "::" not in example:  # a token, not the name of a test
        lines.append(replay.command(example, Scope(subject=subject)))
    print("", *lines, sep="\n", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4])
