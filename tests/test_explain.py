"""How `explain` shows a call: in the REPL, in a notebook, and what it says of groups and bits."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

import npconv
from npconv._drawing import _FIRST, _LAST, _PADS

LAYERS = {
    "SAME, stride 2": ((1, 8, 8, 3), (3, 3, 3, 8), 2, "SAME"),
    "stem": ((1, 224, 224, 3), (7, 7, 3, 64), 2, "SAME"),
    "asymmetrical pads": ((1, 6, 9, 2), (3, 2, 2, 4), 1, [[0, 0], [1, 3], [0, 4], [0, 0]]),
    "dilation": ((1, 12, 14, 1), (3, 3, 1, 1), 1, "VALID", "NHWC", [2, 4]),
    "NCHW": ((2, 3, 16, 20), (5, 5, 3, 4), 1, "SAME", "NCHW"),
    "1x1": ((1, 14, 14, 256), (1, 1, 256, 64), 1, "SAME"),
    "huge": ((1, 10**5, 10**6, 3), (3, 3, 3, 8), 1, "SAME"),
    "huge kernel": ((1, 500, 60, 1), (301, 2**20, 1, 1), 1, "SAME"),
    "huge pads": ((1, 2, 2, 1), (2, 2, 1, 1), 2**30, [[0, 0], [2**30, 2**30], [0, 0], [0, 0]]),
    "a line": ((1, 1, 1000, 3), (1, 9, 3, 4), 1, "SAME"),
    "one output": ((1, 5, 5, 1), (5, 5, 1, 1), 1, "VALID"),
    "no image": ((0, 8, 8, 3), (3, 3, 3, 4), 1, "SAME"),
    "no pixel": ((1, 0, 8, 3), (3, 3, 3, 4), 1, "SAME"),
    "no output": ((1, 2, 8, 3), (3, 3, 3, 4), 1, "VALID"),
    "no channel": ((1, 5, 8, 0), (3, 3, 3, 4), 1, "SAME"),
}


def drawn(layer):
    html = npconv.explain(*layer)._repr_html_()
    root = ElementTree.fromstring(html)  # well-formed, as XML too
    return html, root


def boxes(root, sign):
    """Where the rectangles of all paths lie of which an attribute holds `sign`."""
    number = r"(-?[\d.]+)"
    found = []
    for path in root.iter("{http://www.w3.org/2000/svg}path"):
        if sign in path.attrib.values():
            pattern = rf"M{number} {number}h{number}v{number}"
            found += [tuple(map(float, box)) for box in re.findall(pattern, path.get("d"))]
    return found


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_a_notebook_shows_a_picture_and_the_text(layer):
    html, root = drawn(layer)
    assert root.find("pre").text == repr(npconv.explain(*layer))
    assert len(html) < 40_000
    assert not re.search(r"<script|<style|href|nan|inf", html.replace("information", ""))
    width, height = map(float, root[0].get("viewBox").split()[2:])
    assert 0 < width < 800
    assert 0 < height < 400
    for x, y, across, down in boxes(root, "currentColor") + boxes(root, _PADS):
        assert min(x, y, across, down) >= -1
        assert x + across <= width
        assert y + down <= height


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_pads_and_windows_are_drawn_where_there_are_some(layer):
    said = npconv.explain(*layer)
    html, root = drawn(layer)
    assert ("zeros around" in html) == any(said.pads)
    positions = said.patches_shape[0] if said.patches_shape[1] else 0
    assert bool(boxes(root, _FIRST)) == (positions > 0)
    assert bool(boxes(root, _LAST)) == (positions > 1)


def test_where_the_windows_lie():
    """Cells of 22: a window of 3 x 3 at (0, 0), the last at (6, 6) of 8 x 8 with a pad of one."""
    _, root = drawn(LAYERS["SAME, stride 2"])
    assert boxes(root, _FIRST)[0] == (0, 0, 66, 66)
    assert boxes(root, _LAST)[0] == (132, 132, 66, 66)
    assert boxes(root, _PADS)[:2] == [(0, 0, 198, 198), (0, 0, 176, 176)]
    _, root = drawn(LAYERS["dilation"])
    taps = boxes(root, _FIRST)[:9]
    cell = taps[0][2]
    expected = [(4 * j * cell, 2 * i * cell) for i in range(3) for j in range(3)]
    np.testing.assert_allclose([tap[:2] for tap in taps], expected, atol=0.5)


def test_the_repl_shows_the_text():
    said = npconv.explain((1, 8, 8, 32), (3, 3, 8, 4), 1, "SAME")
    assert repr(said) == str(said)
    lines = dict(re.split(r"  +", line, maxsplit=1) for line in repr(said).splitlines())
    assert lines["output"] == "(1, 8, 8, 4)"
    assert lines["groups"].startswith("4 of 8 channels")
    assert lines["algorithm"] == said.algorithm
    assert lines["tiles"] == said.tiles
    assert lines["same bits"] == said.bits


def test_it_takes_the_very_call():
    x, w = np.ones((1, 5, 6, 3), np.float32), np.ones((3, 3, 3, 4), np.float32)
    out = np.empty((1, 5, 6, 4), np.float32)
    call = (x, w, 1, "SAME", "NHWC", None, "name")
    assert npconv.explain(*call, out=out).output_shape == npconv.conv2d(*call, out=out).shape
    for wrong in (np.empty((1, 5, 6, 5), np.float32), x, out.astype("float64"), 1):
        with pytest.raises((TypeError, ValueError)) as ours:
            npconv.explain(*call, out=wrong)
        with pytest.raises((TypeError, ValueError)) as theirs:
            npconv.conv2d(*call, out=wrong)
        assert (ours.type, str(ours.value)) == (theirs.type, str(theirs.value))


@pytest.mark.parametrize(
    "layer",
    [
        ((1, 8, 8, 3), (3, 3, 3, 8)),
        ((2, 64, 64, 32), (3, 3, 1, 32)),
        ((1, 9, 9, 64), (1, 1, 64, 8)),
    ],
)
def test_the_algorithm_is_a_name(layer):
    said = npconv.explain(*layer, 1, "SAME")
    assert re.fullmatch(r"[\w -]+", said.algorithm)
    assert re.search(r"\d+ x \d+ x \d+ outputs at once", said.tiles)


def test_it_is_honest_about_bits():
    shapes = (1, 8, 8, 3), (3, 3, 3, 8)
    for part in ("threads", "BLAS", "batch"):
        assert part in npconv.explain(*shapes, 1, "SAME").bits
    assert npconv.explain(*shapes, 1, "SAME", dtype="int32").bits == "always"
    assert "cores" not in repr(npconv.explain(*shapes, 1, "SAME")) + npconv.Explanation.__doc__
