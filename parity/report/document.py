"""The report: one typed record, which is written as JSON, read back and drawn as a page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from parity.ledger.command import Ledger
from parity.model import verdict
from parity.model.verdict import Part, Verdict
from parity.mutants.command import Hunt
from parity.report.errors import Errors
from parity.report.photographs import Compared
from parity.report.samples import Samples
from parity.search.campaign import Record
from parity.speed import command as speed_command
from parity.speed.agreement import DISAGREES, NOT_COMPARED
from parity.speed.records import Speed
from parity.sweep.found import Swept
from parity.sweep.run import exit_code
from parity.theorems.records import Proved


@dataclass(frozen=True)
class Proof:
    """What was compared; failures and doubts are those of the errors by output.

    `parts` are the exit codes; ledger and theorems are those of npconv alone.
    """

    parts: dict[str, int]
    sweep: Swept
    campaign: Record
    errors: list[Errors]
    failures: list[str]
    doubts: list[str]
    mutants: Hunt
    ledger: Ledger | None
    theorems: Proved | None

    @property
    def verdict(self) -> str:
        """What all parts come to, in a word."""
        return verdict.VERDICTS[verdict.worst(self.parts.values())]


@dataclass(frozen=True)
class Report:
    """Everything that the page shows; of a quick one as little as possible was run."""

    created: Annotated[datetime, msgspec.Meta(tz=True)]
    exit_code: int
    quick: bool
    real_input: list[Compared]
    proof: Proof
    speed: Speed
    parts: dict[str, int]
    format: Literal["parity report 5"] = "parity report 5"

    @property
    def verdict(self) -> str:
        """What all parts come to, in a word."""
        return verdict.VERDICTS[self.exit_code]

    def told(self) -> Verdict:
        """Return the verdict with that of each part."""
        words = (verdict.AGREES, verdict.DISAGREES, "", verdict.DOUBTED)
        parts = [
            Part(name, verdict.VERDICTS[code], words[code]) for name, code in self.parts.items()
        ]
        return Verdict(self.exit_code, f"report: {self.verdict}", tuple(parts))


def joined(
    sweep: Swept, campaign: Record, hunt: Hunt, samples: Samples, theorems: Proved | None,
    speed: Speed, *, quick: bool,
) -> Report:  # fmt: skip
    """Join what the report is made of, and say what comes of it.

    One part that disagrees makes it disagreement; else one that is mistrusted, or a photograph or
    layer without any comparison, makes it mistrusted.  A campaign of a `quick` report need not have
    reached every class of examples: what it has compared must agree.
    """
    explored = campaign.exit_code
    only_unreached = set(campaign.doubts) <= set(campaign.unreached) and campaign.total.examples
    if quick and only_unreached and explored == verdict.MISTRUSTED:
        explored = verdict.AGREEMENT
    codes = {
        "sweep": exit_code(sweep),
        "campaign": explored,
        "mutants": hunt.exit_code,
        "errors by output": verdict.verdict(samples.failures, samples.doubts),
    }
    if samples.ledger:
        codes["ledger"] = samples.ledger.exit_code
    if theorems:
        codes["theorems"] = theorems.exit_code
    compared = dict(codes)
    verdicts = [one.agreement.verdict for one in samples.real_input] or [NOT_COMPARED]
    wrong, unclear = (
        [one for one in verdicts if one == word] for word in (DISAGREES, NOT_COMPARED)
    )
    codes |= {
        "photographs": verdict.verdict(wrong, unclear),
        "layers": speed_command.exit_code(speed),
    }
    return Report(
        created=datetime.now(UTC).replace(microsecond=0),
        exit_code=verdict.worst(codes.values()),
        quick=quick,
        real_input=samples.real_input,
        proof=Proof(
            compared,
            sweep,
            campaign,
            samples.errors,
            samples.failures,
            samples.doubts,
            hunt,
            samples.ledger,
            theorems,
        ),
        speed=speed,
        parts=codes,
    )


def write(report: Report, path: Path) -> None:
    """Write a report as JSON."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n")


def read(path: Path) -> Report:
    """Read a report, and check it.

    Raises
    ------
    msgspec.ValidationError
        Naming the place and what is expected there.
    """
    return msgspec.json.decode(path.read_bytes(), type=Report)
