"""Nothing below imports what stands above, nothing goes in a circle, and counting is quick."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

SUITE = Path(__file__).parents[1]
ROOMS = (
    "model", "mutants", "store", "engine", "rules", "oracles", "ledger", "examples", "claims",
    "cli", "search", "sweep", "subjects", "clients", "speed", "vectors", "theorems",
    "report", "suite",
)  # fmt: skip
"""Each may import from those before it; a command (command.py) from all."""
FILES = {
    ".".join(("parity", *file.relative_to(SUITE).with_suffix("").parts)): file
    for file in sorted(SUITE.rglob("*.py"))
    if file.parent != SUITE and "tests" not in file.parts
}


def imported(module: str) -> set[str]:
    """Return the modules of parity that come with `module`, not those that functions import."""
    found: set[str] = set()
    for node in ast.parse(FILES[module].read_text()).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            inside = {f"{node.module}.{one.name}" for one in node.names}
            found |= {one if one in FILES else node.module for one in inside}
        elif isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
    return {one for one in found if one.startswith("parity.")}


@pytest.mark.parametrize("module", [one for one in FILES if not one.endswith(".command")])
def test_a_room_imports_from_those_below(module: str) -> None:
    rank = ROOMS.index(module.split(".")[1])
    above = {one for one in imported(module) if ROOMS.index(one.split(".")[1]) > rank}
    assert not above


def test_no_circle() -> None:
    assert len(list(TopologicalSorter({one: imported(one) for one in FILES}).static_order())) > 90


def test_what_counts_and_prints_does_not_import_tensorflow() -> None:
    light = (
        *("parity.__main__", "parity.claims", "parity.claims.tally", "parity.claims.trust"),
        *("parity.cli.summary", "parity.cli.options", "parity.cli.replay", "parity.search.command"),
    )
    script = f"import sys, {', '.join(light)}; sys.exit('tensorflow' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True, cwd=SUITE.parent, timeout=60)
