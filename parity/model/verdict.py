"""What a run ends with: the exit codes of every command, and the words for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

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


AGREES, DISAGREES, DOUBTED, LEFT_OUT = "agrees", "DISAGREES", "MISTRUSTED", "left out"


@dataclass(frozen=True)
class Part:
    """One thing that a run has asked, as a claim or a mutant, and what came of it, in words."""

    name: str
    said: str = ""
    status: str = AGREES


@dataclass(frozen=True)
class Verdict:
    """What a command ends with: its exit code, what it was about, and the parts."""

    exit_code: int
    title: str = ""
    parts: tuple[Part, ...] = ()

    @classmethod
    def of(
        cls,
        exit_code: int,
        title: str,
        *,
        agreeing: Iterable[tuple[str, str]] = (),
        failures: Iterable[tuple[str, str]] = (),
        doubts: Iterable[str] = (),
        left_out: Iterable[tuple[str, str]] = (),
    ) -> Self:
        """Return the verdict with these parts, each a name and what is said of it."""
        parts = [Part(*one) for one in agreeing]
        parts += [Part(*one, DISAGREES) for one in failures]
        parts += [Part("trust", doubt, DOUBTED) for doubt in doubts]
        parts += [Part(*one, LEFT_OUT) for one in left_out]
        if exit_code and all(part.status in (AGREES, LEFT_OUT) for part in parts):
            parts.append(Part("exit code", str(exit_code), DISAGREES))
        return cls(exit_code, title, tuple(parts))
