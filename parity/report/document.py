"""The report: one typed record, which is written as JSON, read back and drawn as a page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from parity.model import verdict
from parity.report.errors import Errors
from parity.report.photographs import Compared
from parity.report.samples import Samples
from parity.speed.agreement import DISAGREES, NOT_COMPARED
from parity.speed.records import Speed
from parity.sweep.run import exit_code


class Attributes(dict[str, Any]):
    """A part that is not yet a record."""

    def __getattr__(self, name: str) -> Any:
        return attributes(self[name])


def attributes(part: Any) -> Any:
    return Attributes(part) if isinstance(part, dict) else part


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

    exit_code: int
    verdict: str
    sweep: Any
    campaign: Any
    errors: list[Errors]
    failures: list[str]
    doubts: list[str]
    mutants: Any
    ledger: Any


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

    created: datetime
    exit_code: int
    verdict: str
    quick: bool
    real_input: list[Compared]
    proof: Proof
    speed: Speed
    format: Literal["parity report 4"] = "parity report 4"


def proved(sweep: Any, campaign: Any, mutants: Any, samples: Samples, *, quick: bool) -> Proof:
    """Say what comes of everything that is compared.

    A campaign of a `quick` report need not have reached every class of examples: what it has
    compared must agree.
    """
    codes = [
        exit_code(sweep),
        campaign.exit_code,
        verdict.verdict(samples.failures, samples.doubts),
        mutants.exit_code,
        samples.ledger.exit_code if samples.ledger else verdict.AGREEMENT,
    ]
    only_unreached = set(campaign.doubts) <= set(campaign.unreached) and campaign.total.examples
    if quick and only_unreached and campaign.exit_code == verdict.MISTRUSTED:
        codes[1] = verdict.AGREEMENT
    worst = verdict.worst(codes)
    return Proof(
        exit_code=worst,
        verdict=verdict.VERDICTS[worst],
        sweep=sweep,
        campaign=campaign,
        errors=samples.errors,
        failures=samples.failures,
        doubts=samples.doubts,
        mutants=mutants,
        ledger=samples.ledger,
    )


def joined(
    real_input: list[Compared], proof: Proof, speed: Speed, *, quick: bool = False
) -> Report:
    """Join what the report is made of, and say what comes of it.

    One part that disagrees makes it disagreement; else one that is mistrusted, or a photograph or
    layer without any comparison, makes it mistrusted.
    """
    agreements = [one.agreement for one in real_input] + [row.agreement for row in speed.rows]
    verdicts = [one.verdict for one in agreements]
    wrong = [one for one in verdicts if one == DISAGREES]
    unclear = [one for one in verdicts if one == NOT_COMPARED]
    if not real_input:
        unclear.append(NOT_COMPARED)
    code = verdict.worst([verdict.verdict(wrong, unclear), proof.exit_code])
    return Report(
        created=datetime.now(UTC).replace(microsecond=0),
        exit_code=code,
        verdict=verdict.VERDICTS[code],
        quick=quick,
        real_input=real_input,
        proof=proof,
        speed=speed,
    )
