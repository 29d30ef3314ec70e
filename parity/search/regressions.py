"""The examples that have shown a fault once: every run checks them first."""

from __future__ import annotations

from pathlib import Path

REGRESSIONS = Path(__file__).with_name("regressions.txt")


def regressions() -> list[str]:
    """Return their tokens."""
    lines = REGRESSIONS.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]
