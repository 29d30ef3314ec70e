"""What README.md and PARITY.md say of the suite is so."""

from __future__ import annotations

from pathlib import Path

from parity import claims
from parity.ledger.rows import ROWS, Divergence
from parity.model import subject
from parity.model.layouts import LAYOUTS
from parity.mutants import MUTANTS

README = Path(__file__).parents[3] / "README.md"
PARITY = README.with_name("PARITY.md")


def line(row: Divergence) -> str:
    name = f"[`{row.id}`]({row.url})" if row.url else f"`{row.id}`"
    return f"| {name} | {row.tensorflow} | {row.npconv} |"


def test_the_readme_lists_every_divergence() -> None:
    shown = [one for one in README.read_text().splitlines() if one.startswith(("| `", "| [`"))]
    assert shown == [line(row) for row in ROWS]


def test_every_claim_feature_and_layout_is_explained() -> None:
    text = PARITY.read_text()
    for name in claims.CLAIMS:
        assert f"| `{name}` |" in text
    features = [name.replace(" ", "-") for name in subject.FEATURES]
    for name in (*features, *subject.DTYPES, *subject.FORMATS, *LAYOUTS):
        assert name in text


def test_the_mutants_are_counted_right() -> None:
    for page in (README, PARITY):
        assert f"{len(MUTANTS)} wrong" in " ".join(page.read_text().split())


def test_the_examples_by_claim_are_those_that_pytest_draws() -> None:
    lines = [line.split("|") for line in README.read_text().splitlines()]
    told = {cells[1].strip(): cells[2].strip() for cells in lines if len(cells) == 5}
    for claim in claims.CLAIMS.values():
        assert told[claim.name] == f"{claim.examples * len(claim.dtypes):,}"
