"""Failures that are known: told, but no disagreement; an entry that fails no longer is one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Generic, NamedTuple, Protocol, TypeVar

import msgspec

from parity.model.verdict import WrongCall


class Known(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A failure that is known: of one example, by its token, or of a claim in one dtype or all."""

    reason: str
    token: str = ""
    claim: str = ""
    dtype: str = ""
    url: str = ""

    def covers(self, claim: str, token: str) -> bool:
        """Say whether it is about what failed."""
        if self.token:
            return token == self.token
        return claim == self.claim and self.dtype in ("", token.partition(" ")[0])

    def __str__(self) -> str:
        return " ".join(filter(None, (self.token, self.claim, self.dtype)))


class _File(msgspec.Struct, forbid_unknown_fields=True):
    known: list[Known]


class Failed(Protocol):
    """Anything that names the claim that failed, and the example."""

    @property
    def claim(self) -> str:
        """The claim; "" where the process ended."""

    @property
    def token(self) -> str:
        """The example."""


F = TypeVar("F", bound=Failed)


class Judged(NamedTuple, Generic[F]):
    """The failures that nobody knew, those that are known, and the entries that fail no longer."""

    new: list[F]
    known: list[F]
    gone: list[Known]


def read(path: Path) -> tuple[Known, ...]:
    """Return the entries of a file: ``[[known]]``, each with a reason and a token or a claim.

    Raises
    ------
    WrongCall
        If it cannot be read, or an entry is none.
    """
    try:
        found = msgspec.toml.decode(path.read_bytes(), type=_File).known
    except (OSError, ValueError) as error:
        raise WrongCall(f"--known {path}: {error}") from error
    for entry in found:
        if bool(entry.token) == bool(entry.claim):
            raise WrongCall(f"--known {path}: each entry has a token or a claim: {entry}")
    return tuple(found)


def judged(
    known: Sequence[Known], failures: Iterable[F], asked: Callable[[Known], bool]
) -> Judged[F]:
    """Hold failures against what is known; `asked` says which entries this run had to meet."""
    listed = list(failures)
    covered = [any(one.covers(found.claim, found.token) for one in known) for found in listed]
    return Judged(
        [found for found, is_known in zip(listed, covered, strict=True) if not is_known],
        [found for found, is_known in zip(listed, covered, strict=True) if is_known],
        [
            one
            for one in known
            if asked(one) and not any(one.covers(found.claim, found.token) for found in listed)
        ],
    )
