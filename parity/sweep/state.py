"""What a sweep has done so far, in a file, so that an interrupted one can go on."""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from parity.model.subject import Scope
from parity.sweep.fingerprint import fingerprint
from parity.sweep.layers import Grids
from parity.sweep.worker import Found

FORMAT = "parity sweep 2"
_COUNTS = (
    "block",
    "compared",
    "outputs",
    "nonzero",
    "not_supported",
    "unanswered",
    "disagreements",
)
_SECONDS = ("wall", "cpu")
_LISTS = ("listed", "refused", "failed")


def header(scope: Scope, grids: Grids, skipped: Collection[Path] = ()) -> dict[str, Any]:
    """Return what two runs must have in common for the one to go on where the other stopped."""
    return {"format": FORMAT, "grids": grids.document(), **fingerprint(scope, skipped)}


class StateError(ValueError):
    """A file that is not the state of this sweep."""


class State:
    """The blocks that are done; kept in `path`, one line each, if there is a path.

    Parameters
    ----------
    path
        The file, or None.
    scope, grids
        Whose conv2d, and what is compared.

    Raises
    ------
    StateError
        If the file cannot be used, is no state, or that of another sweep.
    """

    def __init__(self, path: Path | None, scope: Scope, grids: Grids) -> None:
        self.done: dict[int, Found] = {}
        self._file = None
        if path is None:
            return
        mine = json.dumps(header(scope, grids, [path])) + "\n"
        try:
            text = path.read_bytes().decode() if path.exists() else ""
            # The last line may have been cut off.
            whole = text[: text.rfind("\n") + 1]
            if not whole and not mine.startswith(text):
                raise StateError(f"{path} is not the state of a sweep")
            first, *rest = whole.split("\n")[:-1] or [mine]
            _compare(path, first, mine)
            geometries = {block.number: size for block, size in grids.sizes.items()}
            for number, line in enumerate(rest, 2):
                try:
                    found = _found(json.loads(line), geometries)
                except (ValueError, RecursionError) as error:
                    raise StateError(f"{path}, line {number}: {error}") from error
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
    except (ValueError, RecursionError):
        theirs = None
    if not isinstance(theirs, dict) or theirs.get("format") != FORMAT:
        raise StateError(f"{path} is not the state of a sweep")
    here = json.loads(mine)
    changed = [name for name in (*here, *theirs) if theirs.get(name) != here.get(name)]
    if changed:
        name = changed[0]
        raise StateError(
            f"{path} is the state of another sweep: {name} is {theirs.get(name)!r} there and"
            f" {here.get(name)!r} here"
        )


def _found(document: Any, geometries: Mapping[int, int]) -> Found:
    """Rebuild `Found` from what a line of the file says.

    Raises
    ------
    ValueError
        If it says anything else.
    """
    names = {*_COUNTS, *_SECONDS, *_LISTS, "classes"}
    if not isinstance(document, dict) or document.keys() != names:
        raise ValueError(f"expected an object with {', '.join(sorted(names))}")
    for name in _COUNTS:
        if not _is_count(document[name]):
            raise ValueError(f"{name}: expected a number of things, received {document[name]!r}")
    for name in _SECONDS:
        value = document[name]
        if type(value) not in (int, float) or not 0 <= value < math.inf:
            raise ValueError(f"{name}: expected seconds, received {value!r}")
    for name in _LISTS:
        if not _is_listing(document[name]):
            raise ValueError(f"{name}: expected pairs of token and reason")
    classes = document["classes"]
    if not isinstance(classes, dict) or not all(map(_is_count, classes.values())):
        raise ValueError("classes: expected numbers of geometries")
    pairs = {name: [(token, reason) for token, reason in document[name]] for name in _LISTS}
    found = Found(**document | pairs | {"classes": Counter(classes)})
    told = found.compared + found.not_supported + found.unanswered
    if told != geometries.get(found.block):
        raise ValueError(
            f"block {found.block}: {told} geometries,"
            f" the grid has {geometries.get(found.block, 'no such block')}"
        )
    return found


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_listing(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(pair, list) and len(pair) == 2 and all(isinstance(one, str) for one in pair)
        for pair in value
    )
