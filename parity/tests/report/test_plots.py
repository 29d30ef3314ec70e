"""The pictures: well-formed, in both themes' colours, with a title where something is hovered."""

from __future__ import annotations

from xml.etree import ElementTree

from parity.report import plots
from parity.report.plots import Point

SVG = "{http://www.w3.org/2000/svg}"
BINS = {"subject": {-9: 3, -4: 4}, "TensorFlow": {-9: 5, 1: 2}}
NAMES = {"subject": "<ours>", "TensorFlow": "TensorFlow"}


def read(svg: str) -> ElementTree.Element:
    """Parse a picture that stands alone and has no colour but the theme's."""
    assert "url(http" not in svg
    body = svg.partition("</style>")[2]
    assert not any(light in body for light, _ in plots.COLOURS.values())
    for name in plots.COLOURS:
        assert svg.count(f"--{name}:#") == 2  # light and dark
    return ElementTree.fromstring(svg)


def texts(root: ElementTree.Element) -> list[str]:
    return ["".join(one.itertext()) for one in root.iter(f"{SVG}text")]


def tips(root: ElementTree.Element) -> list[str]:
    return [str(one.findtext(f"{SVG}title")) for one in root.iter(f"{SVG}g") if one.get("class")]


def test_the_history_names_every_point() -> None:
    points = [Point("a", "1.0", 2.0, 1.5, 2.5), Point("<b>", "1.0", 3.0), Point("a", "1.1", 0.123)]
    root = read(plots.history(points, "<title>", log=True))
    assert root.findtext(f"{SVG}title") == "<title>"
    assert {"1.0", "1.1", "a", "<b>"} <= set(texts(root))
    assert sorted(tips(root)) == ["<b>, 1.0: 3", "a, 1.0: 2 (1.5 to 2.5)", "a, 1.1: 0.123"]


def test_the_histogram_shows_the_bound_and_both_sides() -> None:
    root = read(plots.histogram("float32", BINS, NAMES, 2))
    assert {"float32", "<ours>", "TensorFlow", "the bound", "1", "2⁻⁴"} <= set(texts(root))


def test_the_positions_share_a_scale() -> None:
    planes = {"subject": [[0.0, 0.5]], "TensorFlow": [[0.25, 1.0]]}
    root = read(plots.positions("float32", planes, NAMES))
    assert len(root.findall(f".//{SVG}image")) == 3  # both sides, and the bar of colours
    assert {"0.0", "1.0", "mean error / bound"} <= set(texts(root))
