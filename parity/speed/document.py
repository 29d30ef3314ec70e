"""The JSON file of a measurement: its schema, reading and writing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema


def _schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(__file__).with_name(name).read_text(encoding="utf-8"))
    return found


SCHEMA = _schema("speed.schema.json")
REGRET = _schema("regret.schema.json")
"""Of the other document, which ``--all-algorithms`` writes."""
QUESTIONS = _schema("questions.schema.json")


def check(document: dict[str, Any], schema: dict[str, Any] = SCHEMA) -> None:
    """Validate a document.

    Raises
    ------
    jsonschema.ValidationError
        Naming the place and the rule that is broken.
    """
    jsonschema.Draft202012Validator(schema).validate(document)


def write(document: dict[str, Any], path: Path, schema: dict[str, Any] = SCHEMA) -> None:
    """Check a document and write it."""
    check(document, schema)
    path.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def read(path: Path, schema: dict[str, Any] = SCHEMA) -> dict[str, Any]:
    """Read a document, and check it.

    Raises
    ------
    ValueError
        If there is no such file, or it is not what the schema says.
    """
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        check(found, schema)
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path}: {error}") from error
    except jsonschema.ValidationError as error:
        raise ValueError(f"{path}: {error.json_path}: {error.message[:200]}") from error
    return found
