"""The report: one typed record, which is written as JSON, read back and drawn as a page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from parity.ledger.command import Ledger
from parity.model import verdict
from parity.mutants.command import Hunt
from parity.report.errors import Errors
from parity.report.photographs import Compared
from parity.report.samples import Samples
from parity.search.campaign import Record
from parity.speed import command as speed_command
from parity.speed.agreement import DISAGREES, NOT_COMPARED
from parity.speed.records import Speed
from parity.sweep.found import Swept

Code = Literal[0, 1, 3]
Word = Literal["agreement", "disagreement", "mistrusted"]


@dataclass(frozen=True)
class Proof:
    """What was compared and found out.

    Attributes
    ----------
    failures, doubts
        What disagrees in the errors by output, and what could not be told of them.
    ledger
        None where the subject is not npconv, which it is about.
    """

    exit_code: Code
    verdict: Word
    sweep: Swept
    campaign: Record
    errors: list[Errors]
    failures: list[str]
    doubts: list[str]
    mutants: Hunt
    ledger: Ledger | None


@dataclass(frozen=True)
class Report:
    """Everything that the page shows.

    Attributes
    ----------
    quick
        Whether as little as possible was run: see the counts.
    real_input
        The photographs within the subject's scope; a report of none is mistrusted.
    """

    created: Annotated[datetime, msgspec.Meta(tz=True)]
    exit_code: Code
    verdict: Word
    quick: bool
    real_input: list[Compared]
    proof: Proof
    speed: Speed
    format: Literal["parity report 4"] = "parity report 4"


def proved(sweep: Swept, campaign: Record, hunt: Hunt, samples: Samples, *, quick: bool) -> Proof:
    """Say what comes of everything that is compared.

    A campaign of a `quick` report need not have reached every class of examples: what it has
    compared must agree.
    """
    codes = [
        sweep.exit_code,
        campaign.exit_code,
        verdict.verdict(samples.failures, samples.doubts),
        hunt.exit_code,
        samples.ledger.exit_code if samples.ledger else verdict.AGREEMENT,
    ]
    only_unreached = set(campaign.doubts) <= set(campaign.unreached) and campaign.total.examples
    if quick and only_unreached and campaign.exit_code == verdict.MISTRUSTED:
        codes[1] = verdict.AGREEMENT
    code, word = _worst(codes)
    return Proof(
        code,
        word,
        sweep,
        campaign,
        samples.errors,
        samples.failures,
        samples.doubts,
        hunt,
        samples.ledger,
    )


def joined(
    real_input: list[Compared], proof: Proof, speed: Speed, *, quick: bool = False
) -> Report:
    """Join what the report is made of, and say what comes of it.

    One part that disagrees makes it disagreement; else one that is mistrusted, or a photograph or
    layer without any comparison, makes it mistrusted.
    """
    verdicts = [one.agreement.verdict for one in real_input] or [NOT_COMPARED]
    wrong, unclear = (
        [one for one in verdicts if one == word] for word in (DISAGREES, NOT_COMPARED)
    )
    code, word = _worst(
        [verdict.verdict(wrong, unclear), proof.exit_code, speed_command.exit_code(speed)]
    )
    now = datetime.now(UTC).replace(microsecond=0)
    return Report(now, code, word, quick, real_input, proof, speed)


def _worst(codes: list[int]) -> tuple[Code, Word]:
    code = verdict.worst(codes)
    return msgspec.convert((code, verdict.VERDICTS[code]), tuple[Code, Word])


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
