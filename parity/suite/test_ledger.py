"""Claim: every row of divergences.toml still differs, exactly as written, and none is missing.

A row that has not been seen on the CPU at hand passes; the summary says what becomes of it.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from parity.ledger import command
from parity.ledger.rows import ROWS, Divergence


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_differs_as_written(
    row: Divergence, record_property: Callable[[str, object], None]
) -> None:
    found = command.checked(row)
    assert not found.stale, found.status
    if "seen here" in found.status:
        record_property("ledger", f"{row.id}: {found.status}")
    for line in found.data:
        record_property("ledger", line)


def test_no_rule_differs_without_a_row() -> None:
    assert list(command.missing()) == []
