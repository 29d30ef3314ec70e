"""Reader of divergences.toml: where npconv deliberately differs from TensorFlow.

Every row shows itself by expressions, together with what each side makes of them; the outcome is
one line, so that a row that no longer differs, or differs otherwise, is found out.  A predicate
says for which calls the row holds.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from inspect import signature
from pathlib import Path
from typing import Any, Literal

import numpy as np

import npconv
from parity.ledger import predicates
from parity.model.case import DTYPES
from parity.oracles.onednn import Killed, Machine

LEDGER = Path(__file__).with_name("divergences.toml")
BUILDS = ("eigen", "onednn")
VERDICTS = ("", "TypeError", "ValueError")
KILLED = "killed"
TAKEN = "taken"


@dataclass(frozen=True)
class Shown:
    """One expression and its outcome on either side.

    Attributes
    ----------
    expression
        Python over ``np``, ``conv2d`` and ``extract_patches``; ``bfloat16`` is ml_dtypes'.
    tensorflow, npconv
        What `outcome` says of it, or "killed" where the process does not survive.
    native, capped
        Of TensorFlow with oneDNN: the instruction sets, as ``ONEDNN_MAX_CPU_ISA`` names them, on
        which TensorFlow was seen to do so, by CPUs that have no wider one and by CPUs that were
        kept to it.
    versions
        The TensorFlow versions in which that was seen; "" for all that the row lists.
    """

    expression: str
    tensorflow: str
    npconv: str
    native: tuple[str, ...] = ()
    capped: tuple[str, ...] = ()
    versions: str = ""

    def seen_on(self, machine: Machine) -> bool:
        """Say whether it was seen on the instruction set of `machine`, native or capped alike."""
        return machine.instruction_set in (self.native if machine.how == "native" else self.capped)


@dataclass(frozen=True)
class Divergence:
    """A deliberate difference.

    Attributes
    ----------
    id
        The name by which tests and tables refer to it.
    tensorflow, npconv, why
        One sentence each, for readers.
    build
        "eigen" for TensorFlow without oneDNN, "onednn" for what only TensorFlow with it does.
    versions
        The TensorFlow versions in which it was seen.
    shown
        At least one expression that shows it.
    predicate
        The calls of conv2d that it is about; see `parity.ledger.predicates`.
    unpredicated
        Why there is no predicate, where there is none.
    verdict
        What npconv makes of those calls where TensorFlow takes them: "TypeError", "ValueError",
        or "" where the row is not about what is taken.
    instead
        The arguments, as a dict, with which TensorFlow is asked what npconv has to make of such
        a call; "" for none.
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
    versions: str
    shown: tuple[Shown, ...]
    predicate: str = ""
    unpredicated: str = ""
    verdict: str = ""
    instead: str = ""
    url: str = ""
    at_times: str = ""

    def holds(self, arguments: Mapping[str, Any]) -> bool:
        """Say whether the row is about the call of conv2d with these arguments."""
        return bool(self.predicate) and predicates.holds(self.predicate, arguments)

    def lists(self, version: str) -> bool:
        """Say whether the row is about the TensorFlow of this version, such as 2.22.0rc0."""
        return release(version) in _listed(self.versions)

    def shown_in(self, version: str) -> list[Shown]:
        """Return what shows the row in the TensorFlow of this version."""
        return [
            one for one in self.shown if release(version) in _listed(one.versions or self.versions)
        ]

    def sorts(self, version: str) -> set[str]:
        """Return what TensorFlow does there (see `sort`): the row excuses nothing else."""
        found = {sort(one.tensorflow) for one in self.shown_in(version)}
        return found | {self.at_times} - {""} if found else found

    def seen_on(self, machine: Machine, version: str) -> bool:
        """Say whether a part of it was seen with that oneDNN in the TensorFlow of this version."""
        return any(one.seen_on(machine) for one in self.shown_in(version))


def load(path: Path = LEDGER) -> dict[str, Divergence]:
    """Read the ledger.

    Raises
    ------
    ValueError
        If an id occurs twice, a build or a verdict is unknown, or a row shows nothing or no
        difference, or has not either a predicate or the reason why there is none, or says
        otherwise what is not allowed.
    """
    rows: dict[str, Divergence] = {}
    for fields in tomllib.loads(path.read_text(encoding="utf-8"))["divergence"]:
        row = Divergence(**fields | {"shown": tuple(map(_shown, fields["shown"]))})
        if row.id in rows or row.build not in BUILDS or not row.shown:
            raise ValueError(
                f"divergence {row.id}: needs an id of its own, a build and a reproducer"
            )
        if any(one.tensorflow == one.npconv for one in row.shown):
            raise ValueError(f"divergence {row.id}: shows no difference")
        if any(bool(one.native + one.capped) != (row.build == "onednn") for one in row.shown):
            raise ValueError(
                f"divergence {row.id}: all that it shows with oneDNN, and nothing else, needs an"
                " instruction set on which it was seen"
            )
        if not {name for one in row.shown for name in _listed(one.versions)} <= {
            *_listed(row.versions)
        }:
            raise ValueError(f"divergence {row.id}: shows a version that it does not list")
        if row.at_times not in ("", KILLED):
            raise ValueError(f"divergence {row.id}: at_times has to be {KILLED!r} or nothing")
        if bool(row.predicate) == bool(row.unpredicated) or row.verdict not in VERDICTS:
            raise ValueError(
                f"divergence {row.id}: needs a predicate or the reason why it has none, and a"
                f" verdict among {VERDICTS}"
            )
        rows[row.id] = row
    return rows


def rows() -> tuple[Divergence, ...]:
    """Return the rows of the ledger, or of the one that ``PARITY_LEDGER`` names."""
    return _rows(Path(os.environ.get("PARITY_LEDGER", LEDGER)))


def release(version: str) -> str:
    """Return 2.22 for the versions 2.22.1, 2.22.0rc0 and the like."""
    return ".".join(re.findall(r"\d+", version)[:2])


def _listed(versions: str) -> list[str]:
    return versions.split(", ") if versions else []


def _shown(fields: dict[str, Any]) -> Shown:
    """Read one line of a row; TOML has lists where `Shown` has tuples."""
    for how in ("native", "capped"):
        names = fields.get(how, [])
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ValueError(f"{how} has to be a list of instruction sets, not {names!r}")
        fields = fields | {how: tuple(names)}
    return Shown(**fields)


@cache
def _rows(path: Path) -> tuple[Divergence, ...]:
    return tuple(load(path).values())


def excuse(
    arguments: Mapping[str, Any], found: str, *, version: str, machine: Machine
) -> Divergence | None:
    """Return the row that excuses what TensorFlow with oneDNN makes of a call, None if none.

    On whichever machine: a row may show where it has not been seen yet, which is told, not held
    against anyone; but one that was seen there goes before.

    Parameters
    ----------
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
    fitting = (
        row
        for row in rows()
        if found in row.sorts(version)
        and (row.build == "onednn" or found != TAKEN)  # the values of both are held alike
        and row.holds(arguments)
    )
    return min(
        fitting,
        key=lambda row: row.build == "onednn" and not row.seen_on(machine, version),
        default=None,
    )


def outcome(
    expression: str, conv2d: Callable[..., Any], extract_patches: Callable[..., Any]
) -> str:
    """Evaluate `expression` and say in one line what came of it.

    Returns
    -------
    str
        The class of what was raised, "killed" if that is `Killed`, or the dtype and shape of the
        result, with its values where they are at most four.
    """
    try:
        result = np.asarray(_evaluated(expression, conv2d, extract_patches))
    except Killed:
        return KILLED
    except Exception as error:  # whatever it is: its class is the outcome
        return type(error).__name__
    shape = "x".join(map(str, result.shape))
    values = f" {result.ravel().tolist()}" if 0 < result.size <= 4 else ""
    return f"{result.dtype.name} {shape}{values}"


def sort(said: str) -> str:
    """Return "killed", the class of what was raised, or "taken" for what `outcome` says."""
    return TAKEN if " " in said else said


def calls(expression: str) -> list[dict[str, Any]]:
    """Return the arguments of every call of conv2d that `expression` makes."""
    made: list[dict[str, Any]] = []

    def conv2d(*given: Any, **named: Any) -> None:
        call = signature(npconv.conv2d).bind(*given, **named)
        call.apply_defaults()
        made.append({name: call.arguments[name] for name in predicates.ARGUMENTS})

    with suppress(Exception):  # there is no result, whatever the expression does with it
        _evaluated(expression, conv2d, lambda *_: None)
    return made


def _evaluated(expression: str, conv2d: Any, extract_patches: Any) -> Any:
    names = {"np": np, "conv2d": conv2d, "extract_patches": extract_patches}
    return eval(expression, {**names, "bfloat16": DTYPES["bfloat16"]})
