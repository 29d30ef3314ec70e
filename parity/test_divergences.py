"""Claim: every row of divergences.toml still differs, exactly as written, and none is missing."""

from __future__ import annotations

from typing import Any

import pytest

from parity import ledger, ledger_command, subject

pytestmark = pytest.mark.skipif(not subject.is_npconv(), reason="the ledger is npconv's")


@pytest.fixture(scope="module")
def live() -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in ledger_command.checked()}


@pytest.mark.parametrize("name", ledger.load())
def test_differs_as_written(name: str, live: dict[str, dict[str, Any]]) -> None:
    assert not live[name]["stale"], live[name]["status"]


def test_no_rule_differs_without_a_row() -> None:
    assert list(ledger_command.missing()) == []
