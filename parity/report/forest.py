"""The forest plot: one line a layer, its ratio on a log axis with its interval.

Layers stand in groups, one for each net and setting of threads, under their geometric mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator, FormatStrFormatter, NullLocator
from matplotlib.transforms import blended_transform_factory

from parity.model.case import Case
from parity.report import plots
from parity.report.plots import BAD, BLUE, BROWN, DIM, GOOD, INK, RULE
from parity.speed.records import Line, Mean, Row, Speed
from parity.speed.rows import FORCED, KERNEL, NOISE, PLAIN, SUBJECT
from parity.speed.statistics import Ratio
from parity.speed.tables import digits

_WIDTH, _ROW, _HEAD, _FOOT = 850, 19, 128, 96
_LEFT, _RIGHT = 195, 560  # the axis; names stand left of it, figures right
_NARROW = 505  # the axis's right end where there is a second yardstick
_SECOND, _PLAIN, _RATIO, _OURS, _THEIRS, _PEAK = 552, 616, 666, 726, 780, 834  # ends of columns
_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
_VERDICTS: dict[str | None, str] = {"faster": GOOD, "slower": BAD, "same": DIM, "withheld": DIM}
_BESIDE = ((FORCED, _SECOND, BLUE), (PLAIN, _PLAIN, BROWN))
_MARKS = (
    ("tf.function", "o", DIM, "ratio to tf.function"),
    (FORCED, "s", BLUE, "ratio to TF + oneDNN"),
    (PLAIN, "x", BROWN, "ten lines of NumPy / TF"),
)
_BAND = "TF against itself (noise)"
_MEAN = "geometric mean of the group"
_TITLE = "Time of the subject / time of TensorFlow as installed, a layer a line"


@mpl.rc_context(plots.LOOK)
def draw(speed: Speed) -> str:
    """Return the plot of a speed document as an SVG of its own."""
    y = 0.0
    lines: dict[float, Line] = {}
    rows: dict[float, Row] = {}
    for line in (line for line in speed.summary if line.means):
        y += 1.3
        lines[y] = line
        for row in (row for row in speed.timed if row.group == line.group):
            y += 1
            rows[y] = row
        y += 0.4
    bottom = y + 0.4
    height = _HEAD + _ROW * bottom + _FOOT
    right = _NARROW if any(FORCED in row.ratios for row in speed.timed) else _RIGHT
    figure = Figure((_WIDTH / 72, height / 72))
    wide, high = (right - _LEFT) / _WIDTH, _ROW * bottom / height
    axes = figure.add_axes((_LEFT / _WIDTH, _FOOT / height, wide, high))
    axes.set_ylim(bottom, 0)
    _axis(axes, speed.timed)
    _draw_marks(axes, rows, lines)
    write = _Columns(figure, axes)
    _head(write, speed)
    tips: dict[str, str] = {}
    for y, line in lines.items():
        write.band(y, _told_mean(line), tips)
        net = write(16, y, line.net, ha="left", weight="bold")
        setting = f", {line.group.setting}"
        axes.annotate(setting, (1, 0), xycoords=net, va="bottom", color=DIM)
        write(_RATIO, y, f"{line.means['kernel'].ratio:.2f}", weight="bold")
        for name, column, colour in _BESIDE:
            if name in line.means:
                write(column, y, f"{line.means[name].ratio:.2f}", color=colour)
    for y, row in rows.items():
        kernel = row.ratios["kernel"]
        write.band(y, _told(row), tips)
        times = f"{row.count} \N{MULTIPLICATION SIGN} " if row.count > 1 else ""
        write(_LEFT - 10, y, times + row.name)
        write(_RATIO, y, f"{kernel.ratio:.2f}", color=_VERDICTS[kernel.verdict], weight="bold")
        write(_OURS, y, digits(row.gflops[SUBJECT]))
        write(_THEIRS, y, digits(row.gflops[KERNEL]), color=DIM)
        if row.peak_share:
            write(_PEAK, y, percent(row.peak_share[SUBJECT]))
        for name, column, colour in _BESIDE:
            if name in row.ratios:
                write(column, y, f"{row.ratios[name].ratio:.2f}", color=colour)
    figure.legend(
        title="median ratio of paired times, bar: 95 % interval",
        alignment="left",
        loc="lower left",
        ncols=3,
        labelcolor=DIM,
        borderaxespad=1,
    )
    return plots.svg(figure, _TITLE, tips)


def percent(share: float) -> str:
    """Write a share, with a decimal where it is small.

    Examples
    --------
    >>> percent(0.0049), percent(0.423)
    ('0.5 %', '42 %')
    """
    return f"{100 * share:.{1 if share < 0.01 else 0}f} %"


def _axis(axes: Axes, timed: Sequence[Row]) -> None:
    kernels = [row.ratios["kernel"] for row in timed]
    ends = [0.5, 2.0, *(one.low for one in kernels), *(one.high for one in kernels)]
    ends += [row.ratios[name].ratio for row in timed for name, *_ in _MARKS if name in row.ratios]
    low = max((tick for tick in _TICKS if tick <= min(ends)), default=_TICKS[0])
    high = min((tick for tick in _TICKS if tick >= max(ends)), default=_TICKS[-1])
    axes.set(xscale="log", xlim=(low, high), yticks=[])
    axes.xaxis.set_major_locator(FixedLocator([tick for tick in _TICKS if low <= tick <= high]))
    axes.xaxis.set_major_formatter(FormatStrFormatter("%g"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.set_axisbelow(True)
    axes.grid(axis="x")
    axes.spines[:].set_visible(False)
    axes.axvline(1, color=INK, lw=1.2, zorder=1)


def _draw_marks(axes: Axes, rows: Mapping[float, Row], lines: Mapping[float, Line]) -> None:
    """Draw the rows' bands, marks and intervals, and those of the means."""
    noise = [row.ratios[NOISE] for row in rows.values()]
    widths, lows = [one.high - one.low for one in noise], [one.low for one in noise]
    axes.barh(list(rows), widths, left=lows, height=0.74, color=RULE, label=_BAND)
    for name, mark, colour, label in _MARKS:
        found = {y: row.ratios[name].ratio for y, row in rows.items() if name in row.ratios}
        if name != "tf.function":
            found |= {y: one.means[name].ratio for y, one in lines.items() if name in one.means}
        if found:
            ratios = list(found.values())
            looks: dict[str, Any] = {"mfc": "none", "ms": 6.5, "mew": 1.4, "ls": "none"}
            axes.plot(ratios, list(found), mark, color=colour, label=label, **looks)
    kernels = {y: row.ratios["kernel"] for y, row in rows.items()}
    for verdict, colour in _VERDICTS.items():
        some = {y: one for y, one in kernels.items() if one.verdict == verdict}
        _intervals(axes, some, "o", colour, str(verdict))
    _intervals(axes, {y: line.means["kernel"] for y, line in lines.items()}, "D", INK, _MEAN)


def _intervals(
    axes: Axes, found: Mapping[float, Ratio | Mean], mark: str, colour: str, label: str
) -> None:
    if found:
        lows, highs = [one.low for one in found.values()], [one.high for one in found.values()]
        axes.hlines(list(found), lows, highs, color=colour, lw=2.5)
        ratios = [one.ratio for one in found.values()]
        axes.plot(ratios, list(found), mark, color=colour, ms=8, ls="none", label=label)


def _head(write: _Columns, speed: Speed) -> None:
    """Write what was measured, and the columns' names."""
    machine, subject = speed.machine, speed.settings.subject
    blas = f"{machine.blas} ({machine.blas_architecture} kernels)"
    said = [
        f"{machine.cpu}, {machine.cores} cores; NumPy {machine.numpy}, {blas}",
        *machine.yardsticks.values(),
    ]
    package, whose = subject.partition(":")[0], "tf.nn.conv2d"
    ours = subject.replace(":", ".")
    if any(Case.parse(row.token).operation != "conv2d" for row in speed.timed):
        ours, whose = f"functions of {package}", "TensorFlow's"
    title = f"Time of {ours} / time of {whose}, eager"
    write.line(20, title, size=15, weight="bold")
    for number, sentence in enumerate(said):
        write.line(42 + 16 * number, sentence, color=DIM)
    if any(row.withheld for row in speed.timed):
        write.line(
            20, "busy machine: not to be trusted", x=_PEAK, ha="right", color=BAD, weight="bold"
        )
    columns = [
        (_PLAIN, "ten lines\n/ TF", BROWN),
        (_RATIO, "ratio", DIM),
        (_OURS, f"GFLOP/s\n{package}", DIM),
        (_THEIRS, "TF", DIM),
    ]
    if any(FORCED in row.ratios for row in speed.timed):
        columns.append((_SECOND, "+oneDNN", BLUE))
    if any(row.peak_share for row in speed.timed):
        columns.append((_PEAK, "of GEMM\npeak", DIM))
    for column, words, colour in columns:
        write(column, -0.25, words, color=colour, va="bottom")
    for side, words, verdict in ((-1, "◀ faster", "faster"), (1, "slower ▶", "slower")):
        write.axes.annotate(
            words,
            (1, -1.3),
            (side * 12, 0),
            textcoords="offset points",
            annotation_clip=False,
            ha="right" if side < 0 else "left",
            color=_VERDICTS[verdict],
            weight="bold",
        )


class _Columns:
    """Text in the picture: columns in pixels from the left, lines in rows of the axes."""

    def __init__(self, figure: Figure, axes: Axes) -> None:
        self._figure, self.axes = figure, axes
        self._place = blended_transform_factory(figure.transFigure, axes.transData)

    def __call__(self, column: float, y: float, words: str, **looks: Any) -> Text:
        looks = {"ha": "right", "va": "center_baseline", "transform": self._place} | looks
        return self.axes.text(column / _WIDTH, y, words, **looks)

    def line(self, y: float, words: str, *, x: float = 16, **looks: Any) -> None:
        """Write in pixels from the top."""
        height = 72 * self._figure.get_figheight()
        self._figure.text(x / _WIDTH, 1 - y / height, words, **looks)

    def band(self, y: float, words: str, tips: dict[str, str]) -> None:
        """Have `words` shown where a row is hovered."""
        whole = Rectangle(
            (0.01, y - 0.5),
            0.98,
            1,
            fill=False,
            lw=0,
            transform=self._place,
            clip_on=False,
            zorder=9,
        )
        plots.tip(tips, self.axes.add_patch(whole), words)


def _told(row: Row) -> str:
    """Return what a reader asks of a row."""
    kernel = row.ratios["kernel"]
    return (
        f"{row.net}: {row.name}\n"
        f"ratio {_between(kernel)}, {kernel.verdict};"
        f" TensorFlow / itself {_between(row.ratios[NOISE])}\n{row.token}"
    )


def _told_mean(line: Line) -> str:
    return (
        f"{line.group.title}, {line.layers} layers\n"
        f"geometric mean {_between(line.means['kernel'])};"
        f" TensorFlow / itself {line.means[NOISE].ratio:.2f}"
    )


def _between(ratio: Ratio | Mean) -> str:
    return f"{ratio.ratio:.2f} ({ratio.low:.2f} to {ratio.high:.2f})"
