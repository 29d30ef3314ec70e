"""A small process that watches another: says what a dying one was doing, ends one that hangs."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from multiprocessing.connection import Connection

from parity.engine import note
from parity.engine.note import Limit, Note
from parity.model.settings import Settings

_CONTEXT = multiprocessing.get_context("spawn")


class Watcher:
    """The watcher of this process, which writes its note where the watcher reads it."""

    def __init__(self, settings: Settings) -> None:
        shared: Note = _CONTEXT.RawValue(Note)
        note.write_to(shared)
        self._pipe, theirs = _CONTEXT.Pipe()
        arguments = shared, theirs, os.getpid(), settings
        self._process = _CONTEXT.Process(target=_watch, args=arguments, daemon=True)
        with theirs:
            self._process.start()

    def dismiss(self) -> None:
        """End the watcher: this process is about to end by itself."""
        self._pipe.send("dismissed")
        self._process.join()


def _watch(watched: Note, pipe: Connection, pid: int, settings: Settings) -> None:
    """Watch the process `pid` until it dismisses this one, or ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the other one sees to Ctrl-C
    limit = Limit(watched, settings.call_seconds)
    while not pipe.poll(limit.tick):
        if limit.exceeded():
            _tell(watched, settings, f"no answer within {settings.call_seconds:g} s")
            os.kill(pid, signal.SIGKILL)
            return
    try:
        pipe.recv()
    except EOFError:
        _tell(watched, settings, "the process has ended")


def _tell(watched: Note, settings: Settings, what: str) -> None:
    """Say on stderr whose call ran and how to run it again, if one did."""
    side, example = watched.read()
    if not side:
        return
    from parity.cli import replay

    lines = [f"DISAGREES: {what}" if side == note.SUBJECT else f"MISTRUSTED: {what}"]
    lines[0] += f", in a call of {note.WHOSE[side]}, during {example}"
    if "::" not in example:  # a token, not the name of a test
        lines.append(replay.command(example, settings.scope))
    print("", *lines, sep="\n", file=sys.stderr, flush=True)
