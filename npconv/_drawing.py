"""A call as a picture: the padded image with its first and last window, the patches matrix beside.

Inline SVG without a script or a style sheet; lines and letters take the colour of the page's text.
"""

from __future__ import annotations

from math import prod

from npconv._geometry import Axis, Geometry

_PADS, _FIRST, _LAST = "#f59e0b", "#3b82f6", "#16a34a"
_ROOM = 230  # for each side of the image
_GAP = 3  # pixels of the image that stand for what is left out of a long side
_MOST = 24  # pixels of the image that are drawn at each end of a long side


class _Side:
    """One side of the padded image: where its pixels lie in the picture.

    A short side is drawn pixel by pixel. Of a long one the middle is left out, so that the windows
    at its ends keep their pixels; where these are too long for that it is drawn to scale.
    """

    def __init__(self, axis: Axis) -> None:
        self.axis, self.last = axis, max(0, axis.outputs - 1) * axis.stride
        self.image = range(axis.before, axis.before + axis.size)
        self.length = length = self.image.stop + axis.after
        head = max(axis.before, (axis.kernel - 1) * axis.dilation + 1) + 2
        tail = length - min(self.last, self.image.stop) + 1
        self.cut = max(head, tail) <= _MOST and length > max(head + tail + _GAP, 30)
        self.gap = (head, length - tail) if self.cut else (length, length)
        self.cell = 1.0
        self.cell = min(22.0, _ROOM / max(1.0, self.at(length)))

    def at(self, pixel: int) -> float:
        """Return where `pixel` of the padded image begins."""
        head, tail = self.gap
        beyond = min(pixel - head, _GAP) + max(0, pixel - tail) if pixel > head else 0
        return self.cell * (min(pixel, head) + beyond)

    def spans(self, start: int) -> list[tuple[float, float]]:
        """Return where the taps of the window at `start` lie, and their lengths."""
        taps, step, length = self.axis.kernel, self.axis.dilation, 1
        if step == 1 or taps > _MOST:  # one area
            taps, length = 1, (taps - 1) * step + 1
        pixels = [start + tap * step for tap in range(taps)]
        return [(self.at(p), max(2.0, self.at(p + length) - self.at(p))) for p in pixels]

    def lines(self) -> list[float]:
        """Return where pixels meet, if there is room to show it."""
        head, tail = self.gap if self.cell >= 4 else (0, self.length)
        return [self.at(p) for p in (*range(1, head + 1), *range(tail, self.length))]


def _path(boxes: list[tuple[float, float, float, float]], style: str) -> str:
    """Return rectangles (x, y, width, height) as one path."""
    d = "".join(f"M{x:.1f} {y:.1f}h{w:.1f}v{h:.1f}h{-w:.1f}z" for x, y, w, h in boxes)
    return f'<path d="{d}" {style}/>'


def draw(geometry: Geometry, batch: int) -> str:
    """Return the picture of a convolution of `batch` images, along its last two axes."""
    rows, columns = map(_Side, (Axis(1, 1, 1, 1, 0, 0, 1), *geometry.axes)[-2:])
    scale = min(rows.cell, columns.cell)
    for side in (rows, columns):  # square pixels, unless a side would all but vanish
        side.cell = max(scale, side.cell * min(1.0, 70 / max(1.0, side.at(side.length))))
    height, width = rows.at(rows.length), columns.at(columns.length)
    x, y = columns.at(columns.image.start), rows.at(rows.image.start)
    image = (x, y, columns.at(columns.image.stop) - x, rows.at(rows.image.stop) - y)
    grid = [(x, 0.0, 0.0, height) for x in columns.lines()]
    grid += [(0.0, y, width, 0.0) for y in rows.lines()]
    gaps = [(columns.at(columns.gap[0]), 0.0, _GAP * columns.cell, height)] * columns.cut
    gaps += [(0.0, rows.at(rows.gap[0]), width, _GAP * rows.cell)] * rows.cut
    positions = batch * prod(geometry.outputs)
    depth = prod(geometry.kernel) * geometry.in_channels
    left, longer = max(width, 170) + 40, max(depth, positions, 1)
    across, high = (max(110.0, 200 * side / longer) for side in (depth, positions))
    line, floor = min(16.0, max(8.0, high / max(positions, 1))), max(height, high) + 18
    frame = 'fill="none" stroke="currentColor"'
    parts = [
        _path([(0, 0, width, height), image], f'fill="{_PADS}" fill-opacity=".5"'),
        _path(grid, f'{frame} stroke-opacity=".2"'),
        _path(gaps, 'fill="currentColor" fill-opacity=".2" fill-rule="nonzero"'),
        _path([image, (left, 0, across, high)], frame),
    ]
    notes = ["orange: zeros around them"] * ((width, height) != image[2:])
    notes += ["grey: left out"] * (rows.cut or columns.cut)
    sizes = batch, *(axis.size for axis in geometry.axes)
    texts = [
        (0.0, floor, f"{' x '.join(f'{size:,}' for size in sizes)} pixels"),
        (0.0, floor + 15, ", ".join(notes)),
        (left, floor, f"patches: {positions:,} rows, {depth:,} columns"),
    ]
    ends = ((_FIRST, "first", 0, 0, 0.0), (_LAST, "last", rows.last, columns.last, high - line))
    for colour, name, row, column, y in ends[: min(2, positions) if depth else 0]:
        tall, wide = rows.spans(row), columns.spans(column)
        (x0, _), (y0, _) = wide[0], tall[0]
        fill = f'fill="{colour}" fill-opacity=".55"'
        parts += [
            _path([(x, y, w, h) for y, h in tall for x, w in wide], fill),
            _path([(x0, y0, sum(wide[-1]) - x0, sum(tall[-1]) - y0)],
                  f'fill="none" stroke="{colour}" stroke-width="2"'),
            _path([(left, y, across, line)], fill),
        ]  # fmt: skip
        texts.append((left + across + 6, y + line - 1, f"{name} output"))
    parts += [f'<text x="{x:.1f}" y="{y:.1f}">{text}</text>' for x, y, text in texts]
    box = f"-2 -2 {max(left + across + 80, left + 240):.0f} {floor + 24:.0f}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" width="{box.split()[2]}" '
        f'font-family="sans-serif" font-size="12" fill="currentColor" fill-rule="evenodd" '
        f'style="max-width:100%">{"".join(parts)}</svg>'
    )
