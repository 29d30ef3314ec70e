"""What a run ends with: the exit codes of every command, and the words for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

AGREEMENT, DISAGREEMENT, WRONG_CALL, MISTRUSTED = range(4)
"""The exit codes of every command."""
INTERRUPTED = 130
"""That of a command that Ctrl-C has ended: what a shell says of SIGINT."""
VERDICTS = {
    AGREEMENT: "agreement",
    DISAGREEMENT: "disagreement",
    MISTRUSTED: "mistrusted",
    INTERRUPTED: "interrupted",
}


class WrongCall(ValueError):  # noqa: N818 - not what went wrong here
    """A command cannot do what its arguments say; `parity.__main__` prints why."""


def verdict(failures: Sequence[Any], doubts: Sequence[Any]) -> int:
    """Return the exit code of a run: what failed counts before what is in doubt."""
    if failures:
        return DISAGREEMENT
    return MISTRUSTED if doubts else AGREEMENT


def worst(codes: Iterable[int]) -> int:
    """Return the exit code of a run of several parts, which may not end with a wrong call."""
    found = set(codes)
    return next((code for code in (DISAGREEMENT, MISTRUSTED) if code in found), AGREEMENT)
