"""The HTML page, made from the report."""

from __future__ import annotations

from pathlib import Path

import jinja2
from markupsafe import Markup
from rich.console import Console
from rich.table import Table
from rich.text import Text

from parity import claims
from parity.report import forest, photographs, plots
from parity.report.document import Report
from parity.report.errors import BINS_PER_OCTAVE, SIDES, Errors
from parity.speed import command as speed
from parity.speed import tables
from parity.speed.agreement import AGREEING
from parity.speed.records import TOO_BUSY
from parity.speed.rows import FORCED, NOISE, PLAIN
from parity.speed.statistics import LOOKS
from parity.theorems.command import summary

_OUTCOMES = {
    "agreement": "they agree",
    "disagreement": "they DISAGREE",
    "mistrusted": "MISTRUSTED: too little was compared",
}
FLAGS = {
    "drift": "the ratio moved from the first half of the rounds to the second",
    "bimodal": "times of the subject or of TensorFlow fall into two clusters",
    "noisy": "TensorFlow differs from itself",
    "wide": "the budget ended before the intervals of the ratio and of the noise were"
    " narrower than 5 %",
}
"""What speaks against trusting a row."""
_CLASSES = {"red": "bad", "green": "good", "yellow": "doubt"}
_MOST_PICTURES = 6


def render(report: Report) -> str:
    """Return the page."""
    engine = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    engine.filters |= {"table": table, "share": _share, "lines": _lines}
    shown = {one.name: one for one in reversed(report.real_input) if one.after}
    return engine.get_template("page.html.jinja").render(
        report=report,
        proof=report.proof,
        summary=summary,
        speed=report.speed,
        theme=Markup(plots.THEME),
        outcome=_OUTCOMES[report.verdict],
        is_npconv=report.speed.settings.subject.startswith("npconv:"),
        agreeing=AGREEING,
        names={"forced": FORCED, "noise": NOISE, "plain": PLAIN},
        yardsticks=list(
            dict.fromkeys(name for row in report.real_input for name in row.agreement.yardsticks)
        ),
        real_notes=photographs.notes(report.real_input),
        pictures=list(shown.values())[: -_MOST_PICTURES - 1 : -1],
        histograms=[_histogram(one, report) for one in report.proof.errors],
        positions=[_positions(one, report) for one in report.proof.errors],
        forest=Markup(forest.draw(report.speed)),
        statements={claim.name: claim.statement for claim in claims.CLAIMS.values()},
        tables=[one for one in tables.all_of(report.speed) if isinstance(one, Table)],
        notes=tables.notes(report.speed.rows),
        doubt=speed.doubtful(report.speed),
        flags=FLAGS,
        looks=LOOKS,
        busy=TOO_BUSY,
    )


def table(found: Table) -> Markup:
    """Return a table of the terminal for the page, with its markup's colours."""
    marks = ['<td class="n">' if one.justify == "right" else "<td>" for one in found.columns]
    heads = [
        Markup(mark.replace("td", "th")) + _lines(str(one.header))
        for mark, one in zip(marks, found.columns, strict=True)
    ]
    rows = [
        Markup("").join(
            Markup(mark) + _marked(str(one)) for mark, one in zip(marks, row, strict=True)
        )
        for row in zip(*(column.cells for column in found.columns), strict=True)
    ]
    if found.show_header:
        rows.insert(0, Markup("").join(heads))
    return Markup('<div class="wide"><table>{}\n{}\n</table></div>').format(
        Markup("<caption>{}</caption>").format(found.title or ""),
        Markup("\n").join(Markup("<tr>") + row for row in rows),
    )


def _lines(text: str) -> Markup:
    return Markup("<br>").join(text.split("\n"))


def _marked(text: str) -> Markup:
    """Return the terminal's markup as spans with the page's classes."""
    made = Markup("")
    for words, style, _ in Text.from_markup(text, end="").render(Console()):
        color = style.color.name if style and style.color else ""
        looks = {
            "b": style and style.bold,
            "dim": style and style.dim,
            _CLASSES.get(color, ""): color,
        }
        classes = " ".join(name for name, worn in looks.items() if name and worn)
        written = _lines(words)
        made += (
            Markup('<span class="{}">{}</span>').format(classes, written) if classes else written
        )
    return made


def _histogram(one: Errors, report: Report) -> Markup:
    labels = {
        side: f"{name}, nearer in {100 * one.nearer[side] / one.outputs:.1f} % of the outputs"
        for side, name in _sides(report).items()
    }
    bins = {side: one.bins(side) for side in SIDES}
    return Markup(plots.histogram(one.dtype, bins, labels, BINS_PER_OCTAVE))


def _positions(one: Errors, report: Report) -> Markup:
    return Markup(plots.positions(one.dtype, one.by_position, _sides(report)))


def _sides(report: Report) -> dict[str, str]:
    names = (report.speed.settings.subject.partition(":")[0], "TensorFlow")
    return dict(zip(SIDES, names, strict=True))


def _share(value: float | None) -> str:
    """Write an error as a share of its bound."""
    if value is None:
        return "-"
    return "0" if value == 0 else f"{value:.2g}"
