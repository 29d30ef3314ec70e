"""What a sweep has done so far, in a file, so that an interrupted one can go on."""

from __future__ import annotations

import json
import os
from hashlib import blake2b
from importlib import util
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from parity import subject
from parity.speed import machine
from parity.sweep.layers import Grids
from parity.sweep.worker import Found


def header(grids: Grids) -> dict[str, Any]:
    """Return what two runs must have in common for the one to go on where the other stopped."""
    return {
        "format": "parity sweep 2",
        "grids": grids.document(),
        "subject": subject.name(),
        "source": _source(subject.name()),
        "numpy": np.__version__,
        "tensorflow": machine.tensorflow(),
    }


class StateError(ValueError):
    """A file that is not the state of this sweep."""


class State:
    """The blocks that are done; kept in `path`, one line each, if there is a path.

    Raises
    ------
    StateError
        If the file cannot be used, or is that of another grid or subject.
    """

    def __init__(self, path: Path | None, grids: Grids) -> None:
        self.done: dict[int, Found] = {}
        self._file = None
        if path is None:
            return
        mine = json.dumps(header(grids)) + "\n"
        try:
            text = path.read_bytes().decode() if path.exists() else ""
            # The last line may have been cut off.
            whole = text[: text.rfind("\n") + 1]
            first, *rest = whole.splitlines() or [mine]
            _compare(path, first, mine)
            for line in rest:
                found = Found.parse(json.loads(line))
                self.done[found.block] = found
            self._file = path.open("r+" if whole else "w", encoding="utf-8")
            self._file.truncate(len(whole.encode()))
            self._file.seek(0, os.SEEK_END)
            self._file.write("" if whole else mine)
        except (OSError, UnicodeDecodeError) as error:
            raise StateError(f"{path}: {error}") from error

    def add(self, found: Found) -> None:
        """Remember a block."""
        self.done[found.block] = found
        if self._file is not None:
            self._file.write(json.dumps(found.document()) + "\n")
            self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()


def _compare(path: Path, first: str, mine: str) -> None:
    """Raise StateError unless the headers `first` and `mine` say the same."""
    try:
        theirs = json.loads(first)
        changed = [name for name, one in json.loads(mine).items() if theirs.get(name) != one]
    except (ValueError, AttributeError):
        raise StateError(f"{path} is not the state of a sweep") from None
    if changed:
        name = changed[0]
        raise StateError(
            f"{path} is the state of another sweep: {name} is {theirs.get(name)!r} there and"
            f" {json.loads(mine)[name]!r} here"
        )


def _source(name: str) -> str:
    """Return a checksum over the files of the subject's package: versions lag behind edits."""
    package = name.partition(":")[0].partition(".")[0]
    spec = util.find_spec(package)
    checksum = blake2b(digest_size=8)
    if spec is not None and spec.origin is not None:
        origin = Path(spec.origin)
        files = [origin]
        if spec.submodule_search_locations:
            files = sorted(origin.parent.rglob("*.py")) + sorted(origin.parent.rglob("*.so"))
        for file in files:
            checksum.update(file.read_bytes())
    return checksum.hexdigest()
