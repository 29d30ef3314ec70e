"""The README's table of differences is the ledger's."""

from __future__ import annotations

from pathlib import Path

from parity.ledger import Divergence, load

README = Path(__file__).parents[2] / "README.md"


def line(row: Divergence) -> str:
    name = f"[`{row.id}`]({row.url})" if row.url else f"`{row.id}`"
    return f"| {name} | {row.tensorflow} | {row.npconv} |"


def test_the_readme_lists_every_divergence() -> None:
    shown = [one for one in README.read_text().splitlines() if one.startswith(("| `", "| [`"))]
    assert shown == [line(row) for row in load().values()]
