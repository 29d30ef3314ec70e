"""What the store keeps, as typed records."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

from parity.model import machine
from parity.model.subject import Scope

FAILED = "failed: "
"""What the reason of a token begins with that has failed."""


@dataclass(frozen=True)
class Interesting:
    """An example worth checking first next time: of each reason one, that of the largest ratio.

    The reason is the claim, the dtype and a class, or whose |error| / bound was `ratio`.
    """

    token: str
    why: str
    ratio: float = 0.0

    @property
    def failed(self) -> bool:
        """Whether it has failed."""
        return self.why.startswith(FAILED)


@dataclass(frozen=True)
class Count:
    """What one run has compared of one claim, or of the sweep, in one dtype."""

    claim: str
    dtype: str
    examples: int
    outputs: int


@dataclass(frozen=True)
class Failure:
    """A disagreement: what replays it, what differs and, if known, what it looks like."""

    claim: str
    token: str
    reason: str
    looks_like: str = ""


@dataclass(frozen=True)
class Timing:
    """The ratio of the subject's time to another's on one layer, and the ratio's interval."""

    layer: str
    token: str
    beside: str
    ratio: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of a command: whose conv2d, in which surroundings, and what came of it.

    `versions` begin with that of the subject's package; `when` it ended is in UTC; the exit code
    is one of `parity.model.verdict`.
    """

    what: str
    subject: str
    scope: str
    versions: Mapping[str, str]
    machine: str
    when: str
    seconds: float
    exit_code: int
    seed: int | None = None
    counts: tuple[Count, ...] = ()
    failures: tuple[Failure, ...] = ()
    timings: tuple[Timing, ...] = ()

    @classmethod
    def of(cls, scope: Scope, **what: Any) -> Run:
        """Return the record of a run that ends here and now; `what` are the other fields."""
        return cls(
            subject=scope.subject,
            scope=str(scope),
            versions=versions(scope.subject),
            machine=f"{machine.cpu()[0]}, {machine.cores()} cores",
            when=datetime.now(UTC).isoformat(timespec="seconds"),
            **what,
        )


def versions(subject: str) -> dict[str, str]:
    """Return the versions of what decides an outcome; the subject has been imported."""
    package = subject.partition(":")[0].partition(".")[0]
    return {
        package: str(getattr(sys.modules.get(package), "__version__", "unknown")),
        **{name: metadata.version(name) for name in ("numpy", "ml_dtypes")},
        "tensorflow": machine.tensorflow(),
        "python": platform.python_version(),
    }
