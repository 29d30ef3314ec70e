"""Claim: every row of divergences.toml still differs, exactly as written, and none is missing.

A row that has not been seen on the CPU at hand passes; the summary says what becomes of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from parity.ledger import command as ledger_command
from parity.ledger import rows as ledger


@pytest.fixture(scope="module")
def live() -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in ledger_command.checked()}


@pytest.mark.parametrize("name", ledger.load())
def test_differs_as_written(
    name: str, live: dict[str, dict[str, Any]], record_property: Callable[[str, object], None]
) -> None:
    row = live[name]
    assert not row["stale"], row["status"]
    if "seen here" in row["status"]:
        record_property("ledger", f"{name}: {row['status']}")
    for line in row["data"]:
        record_property("ledger", line)


def test_no_rule_differs_without_a_row() -> None:
    assert list(ledger_command.missing()) == []
