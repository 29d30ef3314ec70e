"""The JSON file of a measurement: its schema, reading and writing."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, NoReturn

import jsonschema


def _schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(__file__).with_name(name).read_text(encoding="utf-8"))
    return found


SCHEMA = _schema("speed.schema.json")
REGRET = _schema("regret.schema.json")
"""Of the other document, which ``--all-algorithms`` writes."""
FIRST = _schema("first.schema.json")
"""Of the one that ``--first`` writes."""
QUESTIONS = _schema("questions.schema.json")
VERSION = 2
"""Of all four: another version's figures mean something else."""


def check(document: dict[str, Any], schema: dict[str, Any] = SCHEMA) -> None:
    """Validate a document.

    Raises
    ------
    jsonschema.ValidationError
        Naming the place and the rule that is broken.
    """
    jsonschema.Draft202012Validator(schema).validate(document)


def write(document: dict[str, Any], path: Path, schema: dict[str, Any] = SCHEMA) -> None:
    """Check a document and write it, with the schema's version."""
    document = {"schema": VERSION, **document}
    check(document, schema)
    path.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def read(path: Path, schema: dict[str, Any] = SCHEMA) -> dict[str, Any]:
    """Read a document, and check it.

    Raises
    ------
    ValueError
        If there is no such file, it is no JSON, of another version, or not what the schema says.
    """
    try:
        found: dict[str, Any] = json.loads(
            path.read_text(encoding="utf-8"), parse_float=_finite, parse_constant=_no_number
        )
        _check_version(found)
        check(found, schema)
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error
    except RecursionError as error:
        raise ValueError(f"{path}: nested too deeply") from error
    except jsonschema.ValidationError as error:
        raise ValueError(f"{path}: {error.json_path}: {error.message[:200]}") from error
    return found


def _check_version(found: Any) -> None:
    if not isinstance(found, dict):
        raise ValueError(f"must be an object; received {type(found).__name__}")
    if "schema" not in found:
        raise ValueError(f"has no version of its schema, must be {VERSION}; measure again")
    if found["schema"] != VERSION:
        received = str(found["schema"])[:40]
        raise ValueError(f"version {received} of the schema, must be {VERSION}; measure again")


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _no_number(text)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"not a finite number: {text}")
