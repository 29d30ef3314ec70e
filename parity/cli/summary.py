"""Tables of what a run has compared, for the terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table

from parity.claims.tally import Count, classes, total


def counts_table(counts: Iterable[Count], title: str) -> Table:
    """Return examples, outputs and the largest errors by claim and dtype."""
    listed = sorted(counts, key=lambda count: count.claim)
    table = Table(title=title)
    table.add_column("claim")
    table.add_column("dtype")
    for heading in ("examples", "distinct", "outputs", "telling"):
        table.add_column(heading, justify="right")
    table.add_column("not supported", justify="right")
    table.add_column("largest error / bound")
    for count in listed:
        ratios = ", ".join(f"{side} {one:.3f}" for side, (one, _) in sorted(count.largest.items()))
        cells = *total([count]), count.not_supported.examples
        table.add_row(count.claim, count.dtype, *(f"{one:,}" for one in cells), ratios)
    cells = *total(listed), sum(count.not_supported.examples for count in listed)
    table.add_section()
    table.add_row("all", "", *(f"{one:,}" for one in cells), "")
    return table


def classes_table(counts: Iterable[Count], title: str) -> Table:
    """Return the examples of each corner class, all claims and dtypes together."""
    table = Table(title=title)
    for _ in range(3):
        table.add_column("class")
        table.add_column("examples", justify="right")
    cells = [(name, f"{number:,}") for name, number in classes(counts).items()]
    rows = -(-len(cells) // 3)
    cells += [("", "")] * (3 * rows - len(cells))
    for row in range(rows):
        table.add_row(*(text for cell in cells[row::rows] for text in cell))
    return table
