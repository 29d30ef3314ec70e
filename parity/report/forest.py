"""The forest plot: one line a layer, its ratio on a log axis with its interval.

Layers stand in groups, one for each net and setting of threads.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from parity.speed.rows import FORCED, KERNEL, PLAIN, SUBJECT, TOO_BUSY, group
from parity.speed.tables import digits

_ROW = 19
_HEAD = 136
_WIDTH = 850
_LEFT, _RIGHT = 195, 560  # the axis; names stand left of it, figures right
_NARROW = 505  # the axis's right end where there is a second yardstick
_SECOND = 552  # its column
_PLAIN, _RATIO, _OURS, _THEIRS, _PEAK = 616, 666, 726, 780, 834  # right ends of the columns
_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
_COLOURS = {"faster": "#177a50", "slower": "#b8402a", "same": "#5b6b7a", "withheld": "#5b6b7a"}
_INK, _DIM, _PAPER, _RULE = "#1c2733", "#5b6b7a", "#fbfcfd", "#dde3e8"
_BLUE = "#2a5fb0"  # the second yardstick
_BROWN = "#8a5a10"  # ten lines of NumPy


@dataclass(frozen=True)
class _Axis:
    low: float
    high: float
    right: float

    def x(self, ratio: float) -> float:
        share = math.log(ratio / self.low) / math.log(self.high / self.low)
        return round(_LEFT + min(max(share, 0), 1) * (self.right - _LEFT), 1)


def draw(speed: dict[str, Any]) -> str:
    """Return the plot of a speed document as an SVG of its own, 850 px wide.

    It paints its own background, so that it is legible on light and dark pages.
    """
    timed = [row for row in speed["rows"] if "ratios" in row]
    axis = _axis(timed)
    body, y = [], _HEAD
    for line in speed["summary"]:
        rows = [row for row in timed if group(row) == group(line)]
        y += 12
        body += _heading(line, rows, axis, y)
        body += _beside(line["beside"], "geometric_mean", axis, y)
        y += 6
        for row in rows:
            y += _ROW
            body += _row(row, axis, y)
        y += 24
    height = y + 70
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}"'
        f' height="{height}" role="img" font-size="12" fill="{_INK}" font-family="system-ui,'
        ' -apple-system, Segoe UI, Helvetica, Arial, sans-serif">'
    )
    return "\n".join(
        [
            opening,
            "<title>Time of the subject / time of TensorFlow as installed, a layer a line</title>",
            f'<rect width="{_WIDTH}" height="{height}" rx="8" fill="{_PAPER}"/>',
            *_head(speed),
            *_grid(axis, y - 10),
            *body,
            *_legend(
                height - 52,
                peak=any("peak_share" in row for row in timed),
                second=axis.right == _NARROW,
            ),
            "</svg>",
        ]
    )


def _axis(rows: list[dict[str, Any]]) -> _Axis:
    ends = [row["ratios"]["kernel"][end] for row in rows for end in ("low", "high")]
    ends += [row["ratios"]["tf.function"]["ratio"] for row in rows]
    second, plain = (
        [row["ratios"][name]["ratio"] for row in rows if name in row["ratios"]]
        for name in (FORCED, PLAIN)
    )
    ends += second + plain
    low, high = min([*ends, 0.5]), max([*ends, 2.0])
    return _Axis(
        max((tick for tick in _TICKS if tick <= low), default=_TICKS[0]),
        min((tick for tick in _TICKS if tick >= high), default=_TICKS[-1]),
        _NARROW if second else _RIGHT,
    )


def _head(speed: dict[str, Any]) -> list[str]:
    doubt = any((row.get("other_work") or 0) > TOO_BUSY for row in speed["rows"])
    peak = any("peak_share" in row for row in speed["rows"])
    machine = speed["machine"]
    subject = speed["settings"]["subject"].replace(":", ".")
    blas = f"{machine['blas']} ({machine['blas_architecture']} kernels)"
    hardware = f"{machine['cpu']}, {machine['cores']} cores; NumPy {machine['numpy']}, {blas}"
    first, *second = machine["yardsticks"].values()
    return [
        _text(16, 28, f"Time of {subject} / time of tf.nn.conv2d, eager", "title"),
        _text(16, 46, hardware, "dim"),
        f'<circle cx="20" cy="58" r="3.5" fill="{_INK}"/>',
        _text(30, 62, first, "dim"),
        *([*_square(20, 74), _text(30, 78, second[0], "dim")] if second else []),
        *([_text(_PEAK, 28, "busy machine: not to be trusted", "slower", "end")] if doubt else []),
        *([_text(_SECOND, 102, "+oneDNN", "second", "end")] if second else []),
        _text(_PLAIN, 102, "ten lines", "plain", "end"),
        _text(_PLAIN, 118, "/ TF", "plain", "end"),
        _text(_RATIO, 118, "ratio", "dim", "end"),
        _text((_OURS + _THEIRS) / 2 - 14, 102, "GFLOP/s", "dim", "middle"),
        _text(_OURS, 118, speed["settings"]["subject"].partition(":")[0], "dim", "end"),
        _text(_THEIRS, 118, "TF", "dim", "end"),
        *([_text(_PEAK, 102, "of GEMM", "dim", "end")] if peak else []),
        *([_text(_PEAK, 118, "peak", "dim", "end")] if peak else []),
    ]


def _heading(line: dict[str, Any], rows: list[dict[str, Any]], axis: _Axis, y: float) -> list[str]:
    """Return a group's name, its geometric mean, and the GEMM peak if it is one for all rows."""
    mean, again = line["geometric_mean"]["kernel"], line["geometric_mean"]["A/A"]
    ends = line["geometric_mean_interval"]["kernel"]
    low, high = axis.x(ends["low"]), axis.x(ends["high"])
    between = f"{ends['low']:.2f} to {ends['high']:.2f}"
    note = f"geometric mean {mean:.2f} ({between}); TensorFlow / itself {again:.2f}"
    peaks = {
        digits(row["gflops"][KERNEL] / row["peak_share"][KERNEL])
        for row in rows
        if "peak_share" in row
    }
    setting = escape(group(line).setting)
    threads = f'<tspan font-weight="400" fill="{_DIM}">, {setting}</tspan>'
    return [
        f"<g><title>{escape(note)}</title>",
        _text(16, y + 4, line["net"], "bold").replace("</text>", f"{threads}</text>"),
        _line(low, max(high, low + 1), y, y, _INK, 2.5),
        *_diamond(axis.x(mean), y),
        _text(_RATIO, y + 4, f"{mean:.2f}", "bold", "end"),
        *(_text(_PEAK, y + 4, f"peak {peak}", "dim", "end") for peak in peaks if len(peaks) == 1),
        "</g>",
    ]


def _grid(axis: _Axis, bottom: float) -> list[str]:
    lines = []
    for tick in _TICKS:
        if axis.low <= tick <= axis.high:
            colour = _INK if tick == 1 else _RULE
            lines.append(_line(axis.x(tick), axis.x(tick), 124, bottom, colour, 1.2))
            lines.append(
                _text(axis.x(tick), 118, f"{tick:g}", "bold" if tick == 1 else "dim", "middle")
            )
    one = axis.x(1)
    if one - _LEFT > 90:
        lines.append(_text(one - 24, 102, "◀ faster", "faster", "end"))
    if axis.right - one > 90:
        lines.append(_text(one + 24, 102, "slower ▶", "slower"))
    return lines


def _row(row: dict[str, Any], axis: _Axis, y: float) -> list[str]:
    kernel, noise = row["ratios"]["kernel"], row["ratios"]["A/A"]
    colour = _COLOURS[kernel["verdict"]]
    left, right = axis.x(noise["low"]), axis.x(noise["high"])
    count = f"{row['count']} \N{MULTIPLICATION SIGN} " if row["count"] > 1 else ""
    low, high = axis.x(kernel["low"]), axis.x(kernel["high"])
    function = axis.x(row["ratios"]["tf.function"]["ratio"])
    share = [percent(row["peak_share"][SUBJECT])] if "peak_share" in row else []
    return [
        f"<g><title>{escape(row['token'])}</title>",
        _text(_LEFT - 10, y + 4, count + row["name"], "", "end"),
        # The band is what TensorFlow shows against itself in the same rounds.
        _line(left, max(right, left + 1), y, y, _RULE, 14),
        *_ring(function, y),
        *_beside(row["ratios"], "ratio", axis, y),
        _line(low, max(high, low + 1), y, y, colour, 2.5),
        f'<circle cx="{axis.x(kernel["ratio"])}" cy="{y}" r="4" fill="{colour}"/>',
        _text(_RATIO, y + 4, f"{kernel['ratio']:.2f}", kernel["verdict"], "end"),
        _text(_OURS, y + 4, digits(row["gflops"][SUBJECT]), "", "end"),
        _text(_THEIRS, y + 4, digits(row["gflops"][KERNEL]), "dim", "end"),
        *(_text(_PEAK, y + 4, one, "", "end") for one in share),
        "</g>",
    ]


def _beside(found: dict[str, Any], key: str, axis: _Axis, y: float) -> list[str]:
    """Return marks and figures of the second yardstick and of ten lines, where they were timed."""
    made = []
    marks = ((FORCED, _square, _SECOND, "second"), (PLAIN, _cross, _PLAIN, "plain"))
    for name, mark, column, style in marks:
        if name in found:
            ratio = found[name][key]
            made += mark(axis.x(ratio), y)
            made.append(_text(column, y + 4, f"{ratio:.2f}", style, "end"))
    return made


def percent(share: float) -> str:
    """Write a share, with a decimal where it is small.

    Examples
    --------
    >>> percent(0.0049), percent(0.423)
    ('0.5 %', '42 %')
    """
    return f"{100 * share:.{1 if share < 0.01 else 0}f} %"


def _ring(x: float, y: float) -> list[str]:
    return [f'<circle cx="{x}" cy="{y}" r="3" fill="none" stroke="{_DIM}" stroke-width="1.2"/>']


def _square(x: float, y: float) -> list[str]:
    place = f'x="{x - 3.5}" y="{y - 3.5}" width="7" height="7"'
    return [f'<rect {place} fill="none" stroke="{_BLUE}" stroke-width="1.6"/>']


def _cross(x: float, y: float) -> list[str]:
    path = f"M{x - 3.5} {y - 3.5}l7 7m0 -7l-7 7"
    return [f'<path d="{path}" fill="none" stroke="{_BROWN}" stroke-width="1.6"/>']


def _line(x1: float, x2: float, y1: float, y2: float, colour: str, width: float) -> str:
    ends = f'x1="{x1}" x2="{x2}" y1="{y1}" y2="{y2}"'
    return f'<line {ends} stroke="{colour}" stroke-width="{width}"/>'


def _diamond(x: float, y: float) -> list[str]:
    return [f'<path d="M{x - 7} {y}L{x} {y - 5}L{x + 7} {y}L{x} {y + 5}Z" fill="{_INK}"/>']


def _legend(y: float, *, peak: bool, second: bool) -> list[str]:
    note = "of GEMM peak: of the best np.matmul, large matrices, same threads"
    return [
        f'<circle cx="22" cy="{y - 4}" r="4" fill="{_INK}"/>',
        _text(32, y, "median ratio of paired times, bar: 95 % interval"),
        f'<rect x="325" y="{y - 11}" width="22" height="14" fill="{_RULE}"/>',
        _text(353, y, "TensorFlow against itself (noise)"),
        *_diamond(571, y - 4),
        _text(584, y, "geometric mean of the group"),
        *_ring(22, y + 14),
        _text(32, y + 18, "ratio to tf.function"),
        *_cross(171, y + 14),
        _text(181, y + 18, "ten lines of NumPy / TF"),
        *([*_square(331, y + 14), _text(341, y + 18, "to TF + oneDNN")] if second else []),
        *([_text(22, y + 36, note, "dim")] if peak else []),
    ]


def _text(x: float, y: float, words: str, style: str = "", anchor: str = "start") -> str:
    looks = {
        "": "",
        "bold": ' font-weight="600"',
        "title": ' font-weight="600" font-size="15"',
        "dim": f' fill="{_DIM}"',
        "second": f' fill="{_BLUE}"',
        "plain": f' fill="{_BROWN}"',
        **{word: f' fill="{colour}" font-weight="600"' for word, colour in _COLOURS.items()},
    }
    place = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text x="{x}" y="{y}"{place}{looks[style]}>{escape(words)}</text>'
