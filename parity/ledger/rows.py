"""The rows of divergences.toml: where npconv deliberately differs from TensorFlow.

Every row shows itself by calls, together with what each side makes of them; the outcome is one
line, so that a row that no longer differs, or differs otherwise, is found out.  A predicate says
for which calls the row holds.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np

from parity.ledger.facts import Facts
from parity.ledger.predicates import INSTEAD, PREDICATES
from parity.model import written
from parity.model.written import Arguments
from parity.oracles.onednn import Killed, Machine

LEDGER = Path(__file__).with_name("divergences.toml")
KILLED = "killed"
TAKEN = "taken"
OTHER = "other values"
_VERDICTS: dict[str, type[Exception]] = {"TypeError": TypeError, "ValueError": ValueError}


Functions = Callable[[str], Callable[..., Any]]
"""What the calls shown may call, of npconv or of TensorFlow, by its name."""


class Shown(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One call and its outcome on either side.

    Attributes
    ----------
    call
        Of an operation or ``extract_patches``, as `parity.model.written` reads it.
    tensorflow, npconv
        What `outcome` says of it; "other values" of TensorFlow are any but npconv's.
    native, capped
        Of TensorFlow with oneDNN: the instruction sets, as ``ONEDNN_MAX_CPU_ISA`` names them, on
        which TensorFlow was seen to do so, by CPUs that have no wider one and by CPUs that were
        kept to it.
    versions
        The TensorFlow versions in which that was seen; none for all that the row lists.
    """

    call: str
    tensorflow: str
    npconv: str
    native: tuple[str, ...] = ()
    capped: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()

    def seen_on(self, machine: Machine) -> bool:
        """Say whether it was seen on the instruction set of `machine`, native or capped alike."""
        return machine.instruction_set in (self.native if machine.how == "native" else self.capped)

    @property
    def unsafe(self) -> bool:
        """Whether TensorFlow may write to, or read, memory that is not the call's own."""
        return self.tensorflow in (KILLED, OTHER)

    def by_tensorflow(self, got: str) -> bool:
        """Say whether an outcome is TensorFlow's as it is written."""
        if self.tensorflow == OTHER:
            return sort(got) == TAKEN and got != self.npconv
        return got == self.tensorflow


class Divergence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A deliberate difference.

    Attributes
    ----------
    id
        The name by which tests, tables and its predicate refer to it.
    tensorflow, npconv, why
        One sentence each, for readers.
    build
        "eigen" for TensorFlow without oneDNN, "onednn" for what only TensorFlow with it does.
    versions
        The TensorFlow versions in which it was seen.
    shown
        At least one call that shows it.
    unpredicated
        Why there is no predicate, where there is none.
    verdict
        What npconv makes of those calls where TensorFlow takes them, or "" where the row is not
        about what is taken.
    url
        An issue about it, or "".
    at_times
        "killed" if the process also dies of it, but not each time; "" otherwise.
    """

    id: str
    tensorflow: str
    npconv: str
    why: str
    build: Literal["eigen", "onednn"]
    versions: tuple[str, ...]
    shown: tuple[Shown, ...]
    unpredicated: str = ""
    verdict: Literal["", "TypeError", "ValueError"] = ""
    url: str = ""
    at_times: Literal["", "killed"] = ""

    def __post_init__(self) -> None:
        onednn = self.build == "onednn"
        versions = {name for one in self.shown for name in one.versions}
        for wrong, reason in (
            (not self.shown, "it needs a reproducer"),
            (any(one.tensorflow == one.npconv for one in self.shown), "it shows no difference"),
            (
                any(bool(one.native + one.capped) != onednn for one in self.shown),
                "what it shows with oneDNN, and nothing else, needs where it was seen",
            ),
            (not versions <= {*self.versions}, "it shows a version that it does not list"),
            (
                (self.id in PREDICATES) == bool(self.unpredicated),
                "it needs a predicate or the reason why it has none",
            ),
        ):
            if wrong:
                raise ValueError(f"divergence {self.id}: {reason}")

    @property
    def error(self) -> type[Exception] | None:
        """The class of `verdict`."""
        return _VERDICTS.get(self.verdict)

    def holds(self, call: Facts) -> bool:
        """Say whether the row is about a call."""
        return self.id in PREDICATES and bool(PREDICATES[self.id](call))

    def instead(self, call: Facts) -> Arguments:
        """Return the arguments with which TensorFlow is asked what npconv has to make of it."""
        return INSTEAD[self.id](call) if self.id in INSTEAD else {}

    def lists(self, version: str) -> bool:
        """Say whether the row is about the TensorFlow of this version, such as 2.22.0rc0."""
        return release(version) in self.versions

    def shown_in(self, version: str) -> list[Shown]:
        """Return what shows the row in the TensorFlow of this version."""
        return [one for one in self.shown if release(version) in (one.versions or self.versions)]

    def sorts(self, version: str) -> set[str]:
        """Return what TensorFlow does there (see `sort`): the row excuses nothing else."""
        found = {sort(one.tensorflow) for one in self.shown_in(version)}
        return found | {self.at_times} - {""} if found else found

    def seen_on(self, machine: Machine, version: str) -> bool:
        """Say whether a part of it was seen with that oneDNN in the TensorFlow of this version."""
        return any(one.seen_on(machine) for one in self.shown_in(version))


def load(text: str) -> tuple[Divergence, ...]:
    """Read a ledger.

    Raises
    ------
    ValueError
        If an id occurs twice, or a row says what it may not.
    """
    rows = msgspec.convert(tomllib.loads(text)["divergence"], tuple[Divergence, ...])
    if len({row.id for row in rows}) < len(rows):
        raise ValueError(f"a row needs an id of its own: {[row.id for row in rows]}")
    return rows


def release(version: str) -> str:
    """Return 2.22 for the versions 2.22.1, 2.22.0rc0 and the like."""
    return ".".join(re.findall(r"\d+", version)[:2])


def excuse(
    rows: Sequence[Divergence], arguments: Arguments, found: str, *, version: str, machine: Machine
) -> Divergence | None:
    """Return the row that excuses what TensorFlow with oneDNN makes of a call, None if none.

    On whichever machine: a row may show where it has not been seen yet, which is told, not held
    against anyone; but one that was seen there goes before.

    Parameters
    ----------
    rows
        The ledger.
    arguments
        Of conv2d.
    found
        What TensorFlow does, and should not: "killed", the class of what it raises, or "taken",
        where its result is another.
    version
        Of TensorFlow; a row holds for the versions that it lists.
    machine
        On which that was found.
    """
    call = Facts(arguments)
    fitting = (
        row
        for row in rows
        if found in row.sorts(version)
        and (row.build == "onednn" or found != TAKEN)  # the values of both are held alike
        and row.holds(call)
    )
    return min(
        fitting,
        key=lambda row: row.build == "onednn" and not row.seen_on(machine, version),
        default=None,
    )


def outcome(call: str, of: Functions) -> str:
    """Run a call and say in one line what comes of it.

    Returns
    -------
    str
        The class of what was raised, "killed" if that is `Killed`, or the dtype and shape of the
        result, with its values where they are at most nine.
    """
    name, arguments = written.call(call)
    try:
        result = np.asarray(of(name)(**arguments))
    except Killed:
        return KILLED
    except Exception as error:  # whatever it is: its class is the outcome
        return type(error).__name__
    shape = "x".join(map(str, result.shape))
    values = f" {result.ravel().tolist()}" if 0 < result.size <= 9 else ""
    return f"{result.dtype.name} {shape}{values}"


def sort(said: str) -> str:
    """Return "killed", the class of what was raised, or "taken" for what `outcome` says."""
    return TAKEN if " " in said else said


ROWS = load(LEDGER.read_text(encoding="utf-8"))
