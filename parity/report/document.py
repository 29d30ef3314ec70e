"""The report's data: one JSON document, checked against its schema before it is written."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
from referencing import Registry, Resource

from parity.model import verdict
from parity.report.real_input import Result
from parity.speed import command as speed_command
from parity.speed import document as speed_document
from parity.speed.agreement import DISAGREES, NOT_COMPARED

_SCHEMA = Path(__file__).with_name("report.schema.json")
# These parts are also files of their own, and have schemas of their own.
_PARTS = {
    "speed.schema.json": speed_document.SCHEMA,
    "questions.schema.json": speed_document.QUESTIONS,
    "regret.schema.json": speed_document.REGRET,
}


def build(
    results: list[Result],
    speed: dict[str, Any],
    proof: dict[str, Any],
    *,
    quick: bool = False,
    questions: dict[str, Any] | None = None,
    regret: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Join what the report is made of, and say what comes of it.

    One part that disagrees makes it disagreement; else one that is mistrusted, or a real input or
    layer without any comparison, makes it mistrusted.

    Parameters
    ----------
    results
        Of the real input.
    speed, proof
        The documents on the layers' times and on the proof.
    quick
        Whether as little as possible was run.
    questions, regret
        The documents on the four questions and on the planner's regret, if there are any.

    Raises
    ------
    jsonschema.ValidationError
        If the document is not what the schema says.
    """
    real = [result.row() for result in results]
    verdicts = [result.agreement.verdict for result in results] or [NOT_COMPARED]
    codes = [
        verdict.verdict(*([v for v in verdicts if v == one] for one in (DISAGREES, NOT_COMPARED))),
        speed_command.verdict(speed),
        proof["exit_code"],
        verdict.verdict([] if questions is None or questions["agree"] else [questions], []),
        verdict.verdict([row for row in regret["rows"] if row["disagree"]] if regret else [], []),
    ]
    code = verdict.worst(codes)
    optional = {"questions": questions, "regret": regret}
    document = {
        "format": "parity report 3",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "exit_code": code,
        "verdict": verdict.VERDICTS[code],
        "quick": quick,
        "real_input": real,
        "proof": proof,
        "speed": speed,
        **{name: part for name, part in optional.items() if part is not None},
    }
    check(document)
    return document


def check(document: dict[str, Any]) -> None:
    """Validate a report.

    Raises
    ------
    jsonschema.ValidationError
        Naming the place and the rule that is broken.
    """
    schema = json.loads(_SCHEMA.read_text(encoding="utf-8"))
    registry: Registry[Any] = Registry().with_resources(
        (name, Resource.from_contents(part)) for name, part in _PARTS.items()
    )
    jsonschema.Draft202012Validator(schema, registry=registry).validate(document)
