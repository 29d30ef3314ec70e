"""Pictures by matplotlib: SVG of its own, in the reader's light or dark colours.

Matplotlib knows no CSS: a picture is drawn in the light colours, which become variables in the
end.  What can be hovered gets its title then, too.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from cycler import cycler
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MultipleLocator

COLOURS = {
    "ink": ("#1c2733", "#e4eaf0"),
    "dim": ("#5b6b7a", "#9dacba"),
    "card": ("#f4f6f8", "#1b232c"),
    "rule": ("#dde3e8", "#313c47"),
    "good": ("#177a50", "#58c795"),
    "bad": ("#b8402a", "#f0806a"),
    "blue": ("#2a5fb0", "#82b1f2"),
    "brown": ("#8a5a10", "#dcab5c"),
}
"""Light and dark, by the names of the CSS variables."""
INK, DIM, CARD, RULE, GOOD, BAD, BLUE, BROWN = (light for light, _ in COLOURS.values())
_LIGHT, _DARK = (
    ":root{" + "".join(f"--{name}:{pair[dark]};" for name, pair in COLOURS.items()) + "}"
    for dark in (0, 1)
)
THEME = f"{_LIGHT}@media(prefers-color-scheme:dark){{{_DARK}}}"
"""The style sheet that gives the variables their values."""
FONT = "system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif"
_STYLE = (
    f"{THEME}svg text{{font-family:{FONT}}}"
    ".tip path{pointer-events:all}.tip:hover path{fill:var(--dim)!important;opacity:.18}"
)
LOOK: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text
    "figure.dpi": 72,  # a point is a pixel
    "figure.facecolor": CARD,
    "axes.facecolor": "none",
    "axes.edgecolor": RULE,
    "axes.labelcolor": DIM,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": cycler(linestyle=("-", "--", ":"))
    * cycler(color=(GOOD, BLUE, BAD, BROWN, DIM, INK)),
    "figure.constrained_layout.w_pad": 0.17,
    "figure.constrained_layout.h_pad": 0.1,
    "font.size": 12,
    "grid.color": RULE,
    "legend.frameon": False,
    "text.color": INK,
    "xtick.color": DIM,
    "ytick.color": DIM,
}
QUANTILES = (0.01, 0.25, 0.5, 0.75, 0.99, 1)
_SIDES = {"subject": GOOD, "TensorFlow": BLUE}


class Spread(NamedTuple):
    """Errors of a kernel, or tolerances, as shares of one bound: a row of `shares`.

    ``quantiles`` are those of ``QUANTILES``, ``own`` is the mean of the kernel's own bound.
    """

    name: str
    quantiles: tuple[float, ...]
    own: float | None = None


class Point(NamedTuple):
    """A point of `history`: what a series was in a version, with its interval if it has one."""

    series: str
    version: str
    value: float
    low: float | None = None
    high: float | None = None


@mpl.rc_context(LOOK)
def history(points: Sequence[Point], title: str, *, log: bool = False) -> str:
    """Return a line a series over versions, which stand in the order of their first points."""
    versions = list(dict.fromkeys(one.version for one in points))
    series = list(dict.fromkeys(one.series for one in points))
    figure = Figure((850 / 72, (300 + 16 * (len(series) + 1) // 2) / 72), layout="constrained")
    axes = figure.add_subplot(title=title)
    if log:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xticks(range(len(versions)), versions)
    axes.grid(axis="y", which="both")
    tips: dict[str, str] = {}
    for name in series:
        mine = [one for one in points if one.series == name]
        at, values = [versions.index(one.version) for one in mine], [one.value for one in mine]
        [line] = axes.plot(at, values, label=name)
        for x, one in zip(at, mine, strict=True):
            between = f" ({one.low:.3g} to {one.high:.3g})" if one.low and one.high else ""
            [dot] = axes.plot([x], [one.value], "o", color=line.get_color())
            tip(tips, dot, f"{name}, {one.version}: {one.value:.3g}{between}")
            if one.low is not None and one.high is not None:
                axes.vlines(x, one.low, one.high, color=line.get_color())
    figure.legend(loc="outside lower left", ncols=2)
    return svg(figure, title, tips)


@mpl.rc_context(LOOK | {"font.size": 11})
def histogram(
    title: str, bins: Mapping[str, Mapping[int, int]], labels: Mapping[str, str], per_octave: int
) -> str:
    """Return how many outputs have which error / bound: bin b begins at 2**(b / per_octave)."""
    low = max(min((b for one in bins.values() for b in one), default=-8), -16 * per_octave)
    numbers = range(low, per_octave + 1)  # up to twice the bound
    figure = Figure((380 / 72, 240 / 72), layout="constrained")
    axes = figure.add_subplot(yticks=[])
    axes.set_title(title, loc="left", weight="bold")
    edges = [b / per_octave for b in numbers]
    for side, found in bins.items():
        heights = [found.get(b, 0) for b in numbers[:-1]]
        colour = _SIDES[side]
        axes.stairs(heights, edges, color=colour, lw=1.6, label=labels[side])
        axes.stairs(heights, edges, color=colour, fill=True, alpha=0.16)
    axes.xaxis.set_major_locator(MultipleLocator(2))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda octave, _: _power(round(octave))))
    axes.axvline(0, color=INK, lw=1)
    axes.set_ylim(bottom=0)
    axes.spines.left.set_visible(False)
    axes.annotate(
        "the bound", (0, 1), (4, -2), ("data", "axes fraction"), "offset points", va="top"
    )
    figure.legend(loc="outside lower left")
    return svg(figure, f"Errors of {title}", {})


@mpl.rc_context(LOOK | {"font.size": 11})
def positions(
    title: str, planes: Mapping[str, Sequence[Sequence[float]]], labels: Mapping[str, str]
) -> str:
    """Return the mean error at each position of the output, for both sides."""
    figure = Figure((380 / 72, 230 / 72), layout="constrained")
    largest = max(float(np.max(plane)) for plane in planes.values()) or 1.0
    pictures = figure.subplots(1, len(planes))
    figure.suptitle(title, x=0.02, ha="left", weight="bold")
    for axes, (side, plane) in zip(pictures, planes.items(), strict=True):
        axes.set_title(labels[side], size=11, loc="left")
        axes.set(xticks=[], yticks=[])
        drawn = axes.imshow(plane, vmin=0, vmax=largest, interpolation="none", cmap="viridis")
    figure.colorbar(drawn, ax=pictures, location="bottom", label="mean error / bound", aspect=40)
    return svg(figure, f"Where the errors of {title} lie", {})


@mpl.rc_context(LOOK)
def shares(rows: Sequence[Spread], title: str) -> str:
    """Return where the errors of each row lie, in shares of one bound, and its own bound."""
    figure = Figure((850 / 72, (110 + 38 * len(rows)) / 72), layout="constrained")
    axes = figure.add_subplot(yticks=range(len(rows)), xscale="log")
    axes.set_yticklabels([row.name for row in rows], color=INK)
    axes.set_xscale("log", base=2)
    axes.grid(axis="x")
    axes.axvline(1, color=INK, lw=1.2)
    axes.spines.left.set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    tips: dict[str, str] = {}
    for y, row in enumerate(rows):
        colour = BROWN if row.own is None else GOOD if row.name.startswith("npconv") else BLUE
        low, first, middle, third, high, most = row.quantiles
        axes.hlines(y, low, most, color=colour, lw=1.5)
        bar = axes.hlines(y, first, third, color=colour, lw=9, alpha=0.5)
        axes.plot([middle], [y], "|", color=colour, ms=14, mew=2)
        axes.plot([most], [y], "o", color=colour, ms=5)
        tip(tips, bar, f"{row.name}: median {middle:.2g}, 99 % {high:.2g}, largest {most:.2g}")
        if row.own is not None:
            axes.plot([row.own], [y], marker=5, color=BAD, ms=9, ls="")
    axes.set_xlabel("error / bound of float32 sums")
    return svg(figure, title, tips)


def tip(tips: dict[str, str], artist: Artist, words: str) -> None:
    """Give what is drawn a title, shown where it is hovered."""
    key = f"tip-{len(tips)}"
    artist.set_gid(key)
    tips[key] = words


def svg(figure: Figure, title: str, tips: Mapping[str, str]) -> str:
    """Return a figure as an SVG with the theme's colours, a title and the titles of `tips`."""
    file = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": title}):
        figure.savefig(file, format="svg", metadata={"Date": None})
    text = file.getvalue()
    body = text[text.index("<defs>", text.index("</metadata>")) :]
    # What takes room and says nothing, in tags alone: text has decimals of its own.
    body = re.sub(r"(\.\d\d)\d+(?=[^<>]*>)", r"\1", body)
    body = re.sub(r"font-family: [^;]*; | transform=\"rotate\(-0 [^\"]*\"| \n", "", body)
    for name, (light, _) in COLOURS.items():
        body = body.replace(light, f"var(--{name})")
    width, height = (round(72 * side) for side in figure.get_size_inches())

    def titled(group: re.Match[str]) -> str:
        words = tips.get(group[1])
        return "<g>" if words is None else f'<g class="tip"><title>{escape(words)}</title>'

    body = re.sub(r'<g id="([^"]*)">', titled, body)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
        f' viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style>\n{body}"
    )


def _power(octave: int) -> str:
    """Write a power of two."""
    digits = str(octave).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return "1" if octave == 0 else f"2{digits}"
