"""The report's data: one JSON document, checked against its schema before it is written."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
from referencing import Registry, Resource

from parity.real_input import Result
from parity.speed import document as speed_document

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
    questions: dict[str, Any] | None = None,
    regret: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Join what the report is made of; every part has to agree.

    Parameters
    ----------
    results
        Of the real input.
    speed, proof
        The documents on the layers' times and on the proof.
    questions, regret
        The documents on the four questions and on the planner's regret, if there are any.

    Raises
    ------
    jsonschema.ValidationError
        If the document is not what the schema says.
    """
    real = [result.row() for result in results]
    parts = [
        all(row["agrees"] for row in real),
        all(row["agreement"]["verdict"] != "DISAGREES" for row in speed["rows"]),
        proof["exit_code"] != 1,
        questions is None or questions["agree"],
        regret is None or not any(row["disagree"] for row in regret["rows"]),
    ]
    optional = {"questions": questions, "regret": regret}
    document = {
        "format": "npconv parity report 2",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "agrees": all(parts),
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
