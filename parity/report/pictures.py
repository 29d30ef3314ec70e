"""The pictures of the proof: histograms of errors, and errors over the output's positions."""

from __future__ import annotations

import math
from typing import Any

from parity.report.errors import BINS_PER_OCTAVE, SIDES

_COLOURS = {"subject": "#177a50", "TensorFlow": "#3b6fb6"}
_INK, _DIM, _PAPER, _RULE = "#1c2733", "#5b6b7a", "#fbfcfd", "#dde3e8"
_WIDTH, _HEIGHT = 380, 226
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 366, 40, 160
_CELL = 7


def histogram(errors: dict[str, Any], subject: str) -> str:
    """Return an SVG: how many outputs have which error, as a share of the proven bound."""
    names = {"subject": subject, "TensorFlow": "TensorFlow"}
    bins = {
        side: {int(b): n for b, n in errors["histogram"][side].items() if b != "exact"}
        for side in SIDES
    }
    low = min((b for one in bins.values() for b in one), default=-8)
    low = max(low, -16 * BINS_PER_OCTAVE)
    highest = max((n for one in bins.values() for n in one.values()), default=1)
    step = (_RIGHT - _LEFT) / (BINS_PER_OCTAVE - low)  # up to twice the bound

    def x(b: float) -> float:
        return round(_LEFT + (b - low) * step, 1)

    body = [_text(16, 22, errors["dtype"], "bold")]
    for octave in range(math.ceil(low / BINS_PER_OCTAVE), 2):
        if octave % 2 == 0:
            place = x(octave * BINS_PER_OCTAVE)
            body.append(_line(place, _TOP, place, _BOTTOM, _INK if octave == 0 else _RULE))
            label = "1" if octave == 0 else f"2{_superscript(octave)}"
            body.append(_text(place, _BOTTOM + 16, label, "dim", "middle"))
    body.append(_text(x(0), _TOP - 4, "the bound", "dim", "middle"))
    for side in SIDES:
        points = []
        for b in range(low, BINS_PER_OCTAVE):
            y = round(_BOTTOM - (_BOTTOM - _TOP - 8) * bins[side].get(b, 0) / highest, 1)
            points += [f"{x(b)},{y}", f"{x(b + 1)},{y}"]
        outline = " ".join([f"{_LEFT},{_BOTTOM}", *points, f"{_RIGHT},{_BOTTOM}"])
        colour = _COLOURS[side]
        body.append(
            f'<polygon points="{outline}" fill="{colour}" fill-opacity="0.16" stroke="{colour}"'
            ' stroke-width="1.6" stroke-linejoin="round"/>'
        )
    for number, side in enumerate(SIDES):
        y = _BOTTOM + 36 + 15 * number
        nearer = 100 * errors["nearer"][side] / errors["outputs"]
        body.append(
            f'<rect x="{_LEFT}" y="{y - 8}" width="10" height="8" fill="{_COLOURS[side]}"/>'
        )
        words = f"{names[side]}, nearer in {nearer:.1f} % of the outputs"
        body.append(_text(_LEFT + 16, y, words))
    return _svg(_WIDTH, _HEIGHT, f"Errors of {errors['dtype']}", body)


def heatmap(errors: dict[str, Any], subject: str) -> str:
    """Return an SVG: the mean error at each position of the output, for both sides."""
    names = {"subject": subject, "TensorFlow": "TensorFlow"}
    planes = errors["by_position"]
    largest = max(value for side in SIDES for row in planes[side] for value in row) or 1.0
    body = [_text(16, 22, errors["dtype"], "bold")]
    columns = len(planes["subject"][0])
    for number, side in enumerate(SIDES):
        left = 16 + number * (columns * _CELL + 16)
        body.append(_text(left, 40, names[side], "dim"))
        for i, row in enumerate(planes[side]):
            for j, value in enumerate(row):
                body.append(
                    f'<rect x="{left + j * _CELL}" y="{48 + i * _CELL}" width="{_CELL}"'
                    f' height="{_CELL}" fill="{_shade(value / largest)}"/>'
                )
    rows = len(planes["subject"])
    height = 48 + rows * _CELL + 26
    scale = f"mean error / bound: white 0, darkest {largest:.3g}"
    body.append(_text(16, height - 8, scale, "dim"))
    return _svg(32 + 2 * columns * _CELL + 16, height, f"Errors of {errors['dtype']}", body)


def _shade(share: float) -> str:
    """Mix white and a dark blue."""
    mixed = (round(255 + (end - 255) * share) for end in (18, 52, 110))
    return "#" + "".join(f"{one:02x}" for one in mixed)


def _superscript(number: int) -> str:
    return str(number).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _line(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{colour}"/>'


def _text(x: float, y: float, words: str, style: str = "", anchor: str = "start") -> str:
    looks = {"": "", "bold": ' font-weight="600" font-size="14"', "dim": f' fill="{_DIM}"'}[style]
    words = words.replace("&", "&amp;").replace("<", "&lt;")
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}"{looks}>{words}</text>'


def _svg(width: float, height: float, title: str, body: list[str]) -> str:
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
        f' height="{height}" role="img" font-size="11" fill="{_INK}" font-family="system-ui,'
        ' -apple-system, Segoe UI, Helvetica, Arial, sans-serif">'
    )
    paper = f'<rect width="{width}" height="{height}" rx="8" fill="{_PAPER}"/>'
    return "\n".join([opening, f"<title>{title}</title>", paper, *body, "</svg>"])
