"""conv1d, conv3d, convolution, atrous_conv2d, depthwise_conv2d and separable_conv2d."""

from __future__ import annotations

import math
import warnings
from itertools import product

import numpy as np
import pytest
from builders import (
    DTYPES,
    EXAMPLES,
    LAYOUTS,
    assert_same,
    axes,
    definition,
    integers,
    lattice,
    read_only,
)  # fmt: skip
from hypothesis import given
from hypothesis import strategies as st

import npconv

LAST = {1: "NWC", 2: "NHWC", 3: "NDHWC"}
AXES = {"conv1d": [1], "conv3d": [3], "convolution": [1, 2, 3]}
FAMILY = ["conv1d", "conv3d", "convolution", "atrous_conv2d", "depthwise_conv2d"]
ALIKE = ["conv1d", "convolution", "atrous_conv2d", "depthwise_conv2d"]


def zeros(*shape, dtype="float32"):
    return np.zeros(shape, dtype)


def in_phases(x, w, strides, padding, dilations):
    """Depthwise with its strides in the phases of its dilation, as TensorFlow composes it.

    Pads; pads that make every phase equally long; a VALID convolution of each; all interleaved.
    """
    kernel, pads = w.shape[:2], padding
    if isinstance(padding, str):
        totals = [(kernel[i] - 1) * dilations[i] * (padding == "SAME") for i in (0, 1)]
        pads = [(total // 2, total - total // 2) for total in totals]
    rest = [-(x.shape[1 + i] + sum(pads[i])) % dilations[i] for i in (0, 1)]
    grown = [(pads[i][0], pads[i][1] + rest[i]) for i in (0, 1)]
    padded = np.pad(x, [(0, 0), *grown, (0, 0)])
    flat = w.reshape(*kernel, 1, -1)
    phases = {
        (p, q): definition(padded[:, p :: dilations[0], q :: dilations[1]], flat, strides, "VALID")
        for p, q in product(*map(range, dilations))
    }
    rows, columns = phases[0, 0].shape[1:3]
    whole = np.empty((len(x), rows * dilations[0], columns * dilations[1], flat.shape[3]), x.dtype)
    for (p, q), result in phases.items():
        whole[:, p :: dilations[0], q :: dilations[1]] = result
    outputs = [n - e for n, e in zip(whole.shape[1:3], rest, strict=True)]
    assert min(outputs) >= 0
    return whole[:, : outputs[0], : outputs[1]]


def depthwise(x, w, strides, padding, dilations):
    if max(strides) > 1 < max(dilations):
        return in_phases(x, w, strides, padding, dilations)
    return definition(x, w.reshape(*w.shape[:2], 1, -1), strides, padding, dilations)


@st.composite
def calls(draw, name, dtype):
    """Positional arguments, and what the function must give: all of it exact."""
    count = draw(st.sampled_from(AXES.get(name, [2])))
    padding = draw(st.sampled_from(["SAME", "VALID", "EXPLICIT"]))
    drawn = [draw(axes(padding)) for _ in range(count)]
    sizes, kernel, strides, dilations, pads = map(list, zip(*drawn, strict=True))
    phased = name == "depthwise_conv2d" and max(strides) > 1 < max(dilations)
    if name == "atrous_conv2d" or phased:  # at other strides these sizes could be refused
        sizes = [n + k * d for n, k, d in zip(sizes, kernel, dilations, strict=True)]
        strides = strides if phased else [1] * count
    groups, ci, each = draw(st.integers(1, 3)), draw(st.integers(1, 2)), draw(st.integers(0, 2))
    lead = draw(st.lists(st.integers(1, 2), min_size=1, max_size=3))
    channels, deep = groups * ci, name == "depthwise_conv2d"
    filters = (*kernel, channels, each) if deep else (*kernel, ci, groups * each)
    x, w = lattice((*lead, *sizes, channels), filters, dtype, draw(st.integers(0, 2**32)))

    images = x.reshape(math.prod(lead), *sizes, channels)
    law = depthwise if deep else definition
    explicit = padding == "EXPLICIT"
    expected = law(images, w, strides, pads if explicit else padding, dilations)
    expected = expected.reshape(*lead, *expected.shape[1:])

    first = name != "atrous_conv2d" and draw(st.booleans())

    def ordered(values, other):
        return [other, other, *values] if first else [other, *values, other]

    def steps(values):
        forms = [values, tuple(values), np.array(values), ordered(values, 1)]
        return draw(st.sampled_from(forms + ([values[0]] if len({*values}) == 1 else [])))

    if first:
        x, expected = np.moveaxis(x, -1, -1 - count), np.moveaxis(expected, -1, -1 - count)
    padding = ordered(pads, (0, 0)) if explicit else padding
    contiguous = draw(st.booleans())
    x, w = np.ascontiguousarray(x) if contiguous else x, LAYOUTS["Fortran"](w)
    if name == "atrous_conv2d":
        return (x, w, steps(dilations), padding), expected
    layout = LAST[count][0] + "C" + LAST[count][1:-1] if first else LAST[count]
    return (x, w, steps(strides), padding, layout, steps(dilations)), expected


@pytest.mark.filterwarnings("ignore:When dilation rate")
@pytest.mark.parametrize("name", FAMILY)
@given(data=st.data(), dtype=st.sampled_from([*DTYPES]))
def test_any_call(name, data, dtype):
    arguments, expected = data.draw(calls(name, dtype))
    expected = np.where(expected == 0, np.zeros((), expected.dtype), expected)  # no -0.0
    function = getattr(npconv, name)
    arguments = [read_only(arguments[0]), read_only(arguments[1]), *arguments[2:]]
    result = function(*arguments)
    assert result.flags.c_contiguous
    assert_same(result, expected)
    out = np.full(result.shape, 7, result.dtype)
    assert function(*arguments, out=out) is out
    assert_same(out, expected)
    EXAMPLES[name] += 1


@given(data=st.data(), dtype=st.sampled_from([*DTYPES]))
def test_separable_is_depthwise_then_pointwise(data, dtype):
    (x, w, strides, padding, layout, dilations), _ = data.draw(calls("depthwise_conv2d", dtype))
    x, w = (integers(a.shape, dtype, seed, most=2) for seed, a in enumerate((x, w)))
    channels = w.shape[2] * w.shape[3]
    groups = (
        data.draw(st.sampled_from([g for g in range(1, channels + 1) if channels % g == 0]))
        if channels
        else 1
    )
    points = integers((1, 1, channels // groups, 2 * groups), dtype, 2)
    arguments = w, points, strides, padding, layout, dilations
    if not channels:
        with pytest.raises(ValueError, match="pointwise_filter: in_channels must be positive"):
            npconv.separable_conv2d(x, *arguments)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        middle = npconv.depthwise_conv2d(x, w, *arguments[2:])
    expected = npconv.conv2d(middle, points, 1, "VALID", layout)
    out = np.full(expected.shape, 7, expected.dtype)
    assert_same(npconv.separable_conv2d(x, *arguments), expected)
    assert npconv.separable_conv2d(x, *arguments, out=out) is out
    assert_same(out, expected)


@pytest.mark.parametrize("wrong", [lambda w: w.swapaxes(2, 3).reshape(w.shape), lambda w: w[::-1]])
def test_a_planted_error_is_found_out(wrong):
    x, w = lattice((2, 7, 6, 3), (2, 3, 3, 2), "float32")
    expected = depthwise(x, w, (2, 1), "SAME", (1, 3))
    with pytest.warns(UserWarning, match="^When dilation rate"):
        assert_same(npconv.depthwise_conv2d(x, w, (2, 1), "SAME", None, (1, 3)), expected)
    with (
        pytest.warns(UserWarning, match="^When dilation rate"),
        pytest.raises(AssertionError),
    ):
        assert_same(npconv.depthwise_conv2d(x, wrong(w), (2, 1), "SAME", None, (1, 3)), expected)


def test_strides_count_in_each_phase_of_a_depthwise_dilation():
    x, w = np.arange(1.0, 10).reshape(1, 9, 1, 1), np.array([1.0, 0]).reshape(2, 1, 1, 1)
    message = (
        r"^When dilation rate is greater than 1, then all values of strides must be 1\. .*"
        r"dilations=2 and strides=\(2, 1\).*npconv\.conv2d\(input, filter\.reshape\(2, 1, 1, 1\)"
    )
    with pytest.warns(UserWarning, match=message) as caught:
        result = npconv.depthwise_conv2d(x, w, (2, 1), "VALID", dilations=2)
    assert [one.filename for one in caught] == [__file__]
    assert result.ravel().tolist() == [1, 2, 5]
    assert npconv.conv2d(x, w, (2, 1), "VALID", dilations=2).ravel().tolist() == [1, 3, 5, 7]
    point = np.ones((1, 1, 1, 1))
    assert_same(npconv.separable_conv2d(x, w, point, (2, 1), "VALID", None, 2), result)  # silently


def test_a_phase_without_pixels_is_padding_that_is_multiplied():
    x, w = np.ones((1, 1, 1, 1)), np.array([np.inf, 1.0, 1.0]).reshape(3, 1, 1, 1)
    with pytest.warns(UserWarning, match="^When dilation rate"):
        result = npconv.depthwise_conv2d(x, w, (2, 1), [[0, 0], [2, 6], [0, 0], [0, 0]], None, 3)
    with np.errstate(invalid="ignore"):
        assert_same(result, in_phases(x, w, (2, 1), [(2, 6), (0, 0)], (3, 3)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_phases_of_many_tiles(dtype):
    x, w = lattice((2, 60, 61, 40), (3, 2, 40, 2), dtype)
    expected = in_phases(x, w, (1, 2), "SAME", (2, 3))
    with pytest.warns(UserWarning, match="^When dilation rate"):
        result = npconv.depthwise_conv2d(x, w, (1, 2), "SAME", None, (2, 3))
    assert_same(result, np.where(expected == 0, np.zeros((), x.dtype), expected))


def test_a_separable_intermediate_is_rounded():
    ones = np.ones((1, 1, 2049, 1), np.float16)
    taps, point = np.ones((1, 2049, 1, 1), np.float16), np.full((1, 1, 1, 1), 0.5, np.float16)
    result = npconv.separable_conv2d(ones, taps, point, 1, "VALID")
    assert result.item() == 1024  # 2049 is none of float16's numbers, 2048 is


def test_depthwise_takes_what_is_empty():
    assert npconv.depthwise_conv2d(zeros(1, 4, 4, 0), zeros(2, 2, 0, 3), 1, "SAME").shape[-1] == 0
    result = npconv.depthwise_conv2d(np.ones((1, 4, 4, 2)), np.ones((0, 2, 2, 1)), 1, "VALID")
    assert result.shape == (1, 5, 3, 2)
    assert not result.any()


def test_conv3d_same_begins_at_the_first_pixel():
    x = np.arange(1.0, 6).reshape(1, 5, 1, 1, 1)
    assert npconv.conv3d(x, np.ones((1, 1, 1, 1, 1)), (5, 1, 1), "SAME").item() == 1


@pytest.mark.parametrize("name", ALIKE)
def test_dtypes_must_be_equal_and_lists_take_the_others(name):
    count = AXES.get(name, [2])[0]
    x, w = np.ones((1, *[3] * count, 1)), np.ones((*[2] * count, 1, 1), np.float32)
    function, total = getattr(npconv, name), 2.0**count
    with pytest.raises(TypeError, match=r"expected dtype float64 as the (input|value)'s, received"):
        function(x, w, 1, "VALID")
    for arguments in ((x, w.tolist()), (x.tolist(), w), (x.astype(int).tolist(), w)):
        result = function(*arguments, 1, "VALID")
        assert result.dtype == next(a.dtype for a in arguments if isinstance(a, np.ndarray))
        assert (result == total).all()
    with pytest.raises(TypeError, match="expected dtype int32 as the"):
        function(x.astype(np.int32), w.tolist(), 1, "VALID")
    swapped = x.astype(x.dtype.newbyteorder("S"))
    assert (function(swapped, w.astype(x.dtype), 1, "VALID") == total).all()


def test_conv3d_casts_its_filters_within_their_kind():
    x, w = np.ones((1, 2, 2, 2, 1), np.float32), np.ones((2, 2, 2, 1, 1), int)
    assert npconv.conv3d(x, w, 1, "VALID").dtype == np.float32
    with pytest.raises(TypeError, match=r"^filters: expected dtype int32 as the input's, or"):
        npconv.conv3d(x.astype(np.int32), w.astype(float), 1, "VALID")


def test_one_axis_is_taken_by_the_names_of_two():
    x, w = lattice((2, 3, 9), (2, 3, 4), "float32")
    assert_same(npconv.conv1d(x, w, 1, "SAME", "NCHW"), npconv.conv1d(x, w, 1, "SAME", "NCW"))
    x = x.swapaxes(1, 2)
    assert_same(npconv.conv1d(x, w, 1, "SAME", "NHWC"), npconv.conv1d(x, w, 1, "SAME", None))
