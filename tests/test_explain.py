"""How `explain` shows a call: in the REPL, in a notebook, and what it says of groups and bits."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from builders import DTYPES
from family import FORWARD, GRADIENTS, random_call

import npconv
from npconv import _conv2d, _gradients
from npconv._drawing import _FIRST, _LAST, _PADS
from npconv._engine import multiply

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


FAMILY = {
    "conv1d": (npconv.conv1d, (2, 30, 3), (5, 3, 4), 2, "SAME"),
    "conv3d": (npconv.conv3d, (2, 9, 8, 7, 3), (2, 3, 4, 3, 4), 1, "SAME"),
    "depthwise": (npconv.depthwise_conv2d, (1, 9, 9, 3), (3, 3, 3, 2), 2, "SAME"),
    "phases": (npconv.depthwise_conv2d, (1, 9, 9, 3), (3, 3, 3, 2), 2, "SAME", None, [2, 3]),
    "transpose": (npconv.conv2d_transpose, (1, 5, 5, 2), (3, 3, 4, 2), (1, 10, 10, 4), 2),
    "filter gradient": (
        npconv.conv2d_backprop_filter, (1, 10, 10, 4), (3, 3, 4, 2), (1, 5, 5, 2), 2, "SAME"),
}  # fmt: skip


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


@pytest.mark.parametrize("layer", (LAYERS | FAMILY).values(), ids=LAYERS | FAMILY)
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


@pytest.mark.filterwarnings("ignore:When dilation rate")
@pytest.mark.parametrize("name", [*FORWARD, *GRADIENTS])
def test_it_takes_the_very_call_of_any_function(name):
    function = getattr(npconv, name)
    for seed in range(40):
        dtype = list(DTYPES)[seed % len(DTYPES)]
        arguments, named = random_call(name, dtype, 1000 + seed)
        said = npconv.explain(function, *arguments, **named)
        result = function(*arguments, **named)
        assert said.output_shape == result.shape
        assert (said.bits == "always") == (dtype == "int32" or said.algorithm == "none")
        assert (said.multiply_adds == 0) == (said.algorithm == "none")
        assert said.multiply_adds or not result.any()
        shapes = [one.shape if isinstance(one, np.ndarray) and one.ndim > 2 else one
                  for one in arguments[:3]]  # fmt: skip
        assert npconv.explain(function, *shapes, *arguments[3:], **named, dtype=dtype) == said


@pytest.fixture
def convolved(monkeypatch):
    """Multiply-adds of each convolution that runs."""
    sums = []

    def counting(images, weights, geometry, out, *kept, **how):
        sums.append(len(out) * np.prod(geometry.outputs) * weights.size)
        multiply.right_multiply(images, weights, geometry, out, *kept, **how)

    for module in (_conv2d, _gradients):
        monkeypatch.setattr(module, "right_multiply", counting)
    return sums


@pytest.mark.filterwarnings("ignore:When dilation rate")
@pytest.mark.parametrize("name", ["depthwise_conv2d", "separable_conv2d", "conv2d_transpose"])
def test_the_convolutions_it_names_are_those_that_run(name, convolved):
    function, several = getattr(npconv, name), 0
    for seed in range(40):
        arguments, named = random_call(name, "float32", 2000 + seed)
        said = npconv.explain(function, *arguments, **named)
        if "added up" in said.becomes or said.algorithm == "none":
            continue
        convolved.clear()
        function(*arguments, **named)
        assert sum(convolved) == said.multiply_adds
        several_named = re.match(r"(\d+) (stride-1 )?convolution", said.becomes)
        count = int(several_named[1]) if several_named else 1
        assert len(convolved) == count + (name == "separable_conv2d")
        several += count > 1
    assert several > 5


BECOMES = {
    "four phases": (
        npconv.conv2d_transpose, [(1, 5, 5, 2), (3, 3, 4, 2), (1, 10, 10, 4), 2],
        "4 stride-1 convolutions of the gradient, taps 2x2, 2x1, 1x2, 1x1"),
    "one, at stride 1": (
        npconv.conv2d_backprop_input, [(1, 5, 5, 2), (3, 3, 2, 4), (1, 5, 5, 4), 1, "SAME"],
        "1 stride-1 convolution of the gradient, taps 3x3"),
    "pixels that are skipped": (
        npconv.conv1d_transpose, [(1, 5, 2), (2, 4, 2), (1, 15, 4), 3],
        "2 stride-1 convolutions of the gradient, taps 1"),
    "many channels to few": (
        npconv.conv2d_transpose, [(4, 9, 9, 512), (4, 4, 9, 512), (4, 18, 18, 9), 2],
        "the gradient times all 16 taps, added up where they meet"),
    "seven kinds": (
        npconv.conv3d_transpose, [(1, 2, 2, 2, 1), (3, 3, 3, 1, 1), (1, 4, 4, 4, 1), 2],
        ("8 stride-1 convolutions of the gradient, taps "
        "2x2x2, 2x2x1, 2x1x2, 2x1x1, 1x2x2, 1x2x1, ...")),
    "filters": (
        npconv.conv2d_backprop_filter, [(1, 5, 5, 2), (3, 3, 2, 4), (1, 5, 5, 4), 1, "SAME"],
        "the patches matrix, transposed, times the gradient"),
    "depthwise": (
        npconv.depthwise_conv2d, [(1, 5, 5, 2), (3, 3, 2, 4), 1, "SAME"],
        "conv2d with filter.reshape(3, 3, 1, 8)"),
    "phases of a dilation": (
        npconv.depthwise_conv2d, [(1, 9, 9, 2), (3, 3, 2, 4), 2, "SAME", None, [2, 3]],
        "6 convolutions, one for each phase of the dilations"),
    "separable": (
        npconv.separable_conv2d, [(1, 5, 5, 2), (3, 3, 2, 1), (1, 1, 2, 7), 1, "SAME"],
        ("conv2d with depthwise_filter.reshape(3, 3, 1, 2), rounded, "
        "then conv2d with pointwise_filter")),
    "itself": (npconv.conv2d, [(1, 5, 5, 2), (3, 3, 2, 4), 1, "SAME"], ""),
    "nothing": (npconv.conv2d_transpose, [(0, 5, 5, 2), (3, 3, 4, 2), (0, 10, 10, 4), 2], ""),
}  # fmt: skip


@pytest.mark.parametrize("case", BECOMES)
def test_what_a_call_becomes(case):
    function, arguments, text = BECOMES[case]
    said = npconv.explain(function, *arguments)
    assert said.becomes == text
    assert ("becomes" in repr(said)) == bool(text)


# Each evaluated by PyTorch 2.13, with the results of npconv.
TORCH = {
    "conv1d": (
        npconv.conv1d, [(2, 9, 3), (3, 3, 4), 1, "SAME"],
        ("F.conv1d(input.permute(0, 2, 1), filters.permute(2, 1, 0), padding=(1,))"
        ".permute(0, 2, 1)")),
    "depthwise": (
        npconv.depthwise_conv2d, [(1, 3, 9, 9), (3, 3, 3, 2), 1, "VALID", "NCHW"],
        "F.conv2d(input, filter.permute(2, 3, 0, 1).flatten(0, 1).unsqueeze(1), groups=3)"),
    "phases of a dilation": (
        npconv.depthwise_conv2d, [(1, 9, 9, 2), (3, 3, 2, 4), 2, "SAME", None, 2],
        "none: its strides do not count in each phase of a dilation"),
    "separable": (
        npconv.separable_conv2d, [(1, 2, 5, 5), (3, 3, 2, 1), (1, 1, 2, 7), 1, "SAME", "NCHW"],
        ("F.conv2d(F.conv2d(input, depthwise_filter.permute(2, 3, 0, 1).flatten(0, 1)"
        ".unsqueeze(1), padding=(1, 1), groups=2), pointwise_filter.permute(3, 2, 0, 1))")),
    "transpose": (
        npconv.conv2d_transpose, [(1, 2, 5, 5), (4, 4, 3, 2), (1, 3, 10, 10), 2, "SAME", "NCHW"],
        "F.conv_transpose2d(input, filters.permute(3, 2, 0, 1), padding=(1, 1), stride=(2, 2))"),
    "transpose, output_padding": (
        npconv.conv2d_transpose, [(1, 2, 5, 5), (3, 3, 3, 2), [12, 11], 2, "VALID", "NCHW"],
        ("F.conv_transpose2d(input, filters.permute(3, 2, 0, 1), output_padding=(1, 0), "
        "stride=(2, 2))")),
    "transpose, cut": (
        npconv.conv2d_transpose, [(1, 2, 5, 5), (3, 3, 3, 2), [10, 9], 2, "SAME", "NCHW"],
        "F.conv_transpose2d(input, filters.permute(3, 2, 0, 1), stride=(2, 2))[..., 0:10, 1:10]"),
    "input gradient": (
        npconv.conv3d_backprop_input,
        [(1, 2, 4, 4, 4), (3, 3, 3, 1, 4), (1, 4, 4, 4, 4), 1, "SAME", "NCDHW"],
        ("torch.nn.grad.conv3d_input((1, 2, 4, 4, 4), filter.permute(4, 3, 0, 1, 2), out_backprop, "
        "padding=(1, 1, 1), groups=2)")),
    "filter gradient": (
        npconv.depthwise_conv2d_backprop_filter,
        [(1, 3, 6, 6), (3, 3, 3, 2), (1, 6, 3, 3), 2, "SAME", "NCHW"],
        ("torch.nn.grad.conv2d_weight(F.pad(input, (0, 1, 0, 1)), (6, 1, 3, 3), out_backprop, "
        "stride=(2, 2), groups=3).unflatten(0, (3, 2)).squeeze(2).permute(2, 3, 0, 1)")),
}  # fmt: skip


@pytest.mark.parametrize("case", TORCH)
def test_the_call_of_pytorch(case):
    function, arguments, text = TORCH[case]
    assert npconv.explain(function, *arguments).torch_call == text


def test_refusals_are_those_of_the_function():
    x, w, y = np.ones((1, 5, 5, 2)), np.ones((3, 3, 4, 2)), np.ones((1, 5, 5, 3))
    for function, arguments in [
        (npconv.conv2d_transpose, (x, w, (1, 11, 10, 4), 2)),
        (npconv.conv2d_transpose, (x, w, (1, 10, 10, 4), 0)),
        (npconv.conv2d_backprop_filter, (x, (3, 3, 2, 4), y, 1, "SAME")),
        (npconv.depthwise_conv2d, (x, w, 1, "SAME")),
        (npconv.depthwise_conv2d, (x, np.ones((3, 3, 2, 1), np.float32), 1, "SAME")),
        (npconv.separable_conv2d, (x, np.ones((3, 3, 2, 1)), w, 1, "SAME")),
        (npconv.conv1d, (x[0], w[0], 1, "FULL")),
    ]:
        with pytest.raises((TypeError, ValueError)) as theirs:
            function(*arguments)
        with pytest.raises((TypeError, ValueError)) as ours:
            npconv.explain(function, *arguments)
        assert (ours.type, str(ours.value)) == (theirs.type, str(theirs.value))
    out = np.empty((1, 9, 9, 4))
    with pytest.raises(ValueError, match="out: expected shape"):
        npconv.explain(npconv.conv2d_transpose, x, w, (1, 10, 10, 4), 2, out=out)
    with pytest.raises(TypeError, match="function: expected one of conv2d, conv1d"):
        npconv.explain(np.convolve, x, w)
    with pytest.raises(TypeError, match="dtype: "):
        npconv.explain(npconv.conv1d, (1, 5, 2), (3, 2, 2), 1, "SAME", dtype="floating")


def test_shapes_take_the_dtype_of_an_array():
    taps = np.ones((3, 3, 2, 1), np.int32)
    assert npconv.explain(npconv.depthwise_conv2d, (1, 5, 5, 2), taps, 1, "SAME").bits == "always"
    said = npconv.explain(npconv.conv2d_transpose, (1, 5, 5, 1), taps, (1, 5, 5, 2), 1)
    assert said.bits == "always"
