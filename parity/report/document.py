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


def build(results: list[Result], speed: dict[str, Any], proof: dict[str, Any]) -> dict[str, Any]:
    """Join the real input's results, a speed document and the proof.

    Raises
    ------
    jsonschema.ValidationError
        If the document is not what the schema says.
    """
    real = [result.row() for result in results]
    slow = [row["agreement"]["verdict"] != "DISAGREES" for row in speed["rows"]]
    document = {
        "format": "npconv parity report 2",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "agrees": all(row["agrees"] for row in real) and all(slow) and proof["exit_code"] != 1,
        "real_input": real,
        "proof": proof,
        "speed": speed,
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
    # The part on speed is also a file of its own, and has a schema of its own.
    speed = Resource.from_contents(speed_document.SCHEMA)
    registry: Registry[Any] = Registry().with_resource(speed_document.SCHEMA["$id"], speed)
    jsonschema.Draft202012Validator(schema, registry=registry).validate(document)
