"""Transposes and gradients: against sums tap by tap, and by the law that makes them adjoint."""

from __future__ import annotations

import re

import numpy as np
import pytest
from builders import (
    DTYPES,
    EXAMPLES,
    FLOATS,
    LAYOUTS,
    assert_same,
    axes,
    definition,
    integers,
    pads_of,
    special_values,
)
from hypothesis import given
from hypothesis import strategies as st

import npconv

FIRST = {1: "NCW", 2: "NCHW", 3: "NCDHW"}
TRANSPOSES = ["conv1d_transpose", "conv2d_transpose", "conv3d_transpose"]


def gradients(x, w, y, strides, padding, dilations):
    """By input and by filters, summed tap by tap in float64 or int64; padding is zeros, and kept.

    The gradient by the padding is computed too, and thrown away.
    """
    wide = np.int64 if x.dtype.kind == "i" else np.float64
    (*kernel, ci, co), sizes, every = w.shape, x.shape[1:-1], slice(None)
    pairs = [padding] * len(kernel) if isinstance(padding, str) else padding
    pads = [pads_of(*one) for one in zip(sizes, kernel, strides, dilations, pairs, strict=True)]
    ends = [
        (count - 1) * s + (k - 1) * d + 1
        for count, s, k, d in zip(y.shape[1:-1], strides, kernel, dilations, strict=True)
    ]
    room = [max(pad[0] + size, end) for pad, size, end in zip(pads, sizes, ends, strict=True)]
    inside = [slice(pad[0], pad[0] + size) for pad, size in zip(pads, sizes, strict=True)]
    groups = x.shape[-1] // ci
    images = np.zeros((len(x), *room, groups, ci), wide)
    images[(every, *inside)] = x.reshape(*x.shape[:-1], groups, ci)
    by_x, by_w = np.zeros_like(images), np.zeros((*kernel, ci, groups, co // groups), wide)
    outer = y.astype(wide).reshape(*y.shape[:-1], groups, co // groups)
    taps = w.astype(wide).reshape(by_w.shape)
    with np.errstate(all="ignore"):
        for tap in np.ndindex(*kernel) if y.size else ():
            at = [
                slice(k * d, k * d + (count - 1) * s + 1, s)
                for k, d, count, s in zip(tap, dilations, y.shape[1:-1], strides, strict=True)
            ]
            by_x[(every, *at)] += np.einsum("...go,cgo->...gc", outer, taps[tap])
            seen = images[(every, *at)].reshape(-1, groups, ci)
            by_w[tap] += np.einsum("pgc,pgo->cgo", seen, outer.reshape(-1, *outer.shape[-2:]))
        by_x = by_x[(every, *inside)].reshape(x.shape)
        return by_x.astype(x.dtype), by_w.reshape(w.shape).astype(x.dtype)


def long(padding):
    """The padding of the axes with that of batch and channels."""
    return padding if isinstance(padding, str) else [(0, 0), *padding, (0, 0)]


def both(x, w, y, strides, padding, dilations, *, depthwise=False, places=(None, None)):
    """Both gradients by the public functions; for one axis those of images of one row."""
    if len(strides) == 1:
        x, y, w, strides, dilations = (
            x[:, None],
            y[:, None],
            w[None],
            (1, *strides),
            (1, *dilations),
        )
        padding = padding if isinstance(padding, str) else ((0, 0), *padding)
        by_x, by_w = both(x, w, y, strides, padding, dilations, depthwise=depthwise)
        return by_x[:, 0], by_w[0]
    name = "depthwise_conv2d" if depthwise else f"conv{len(strides)}d"
    by_input, by_filters = (
        getattr(npconv, f"{name}_backprop_{one}") for one in ("input", "filter")
    )
    channels = x.shape[-1]
    filters = w.reshape(*w.shape[:-2], channels, w.shape[-1] // channels) if depthwise else w
    options = {"strides": strides, "padding": long(padding), "dilations": dilations}
    by_x = by_input(x.shape, filters, y, **options, out=places[0])
    by_w = by_filters(x, filters.shape, y, **options, out=places[1])
    return by_x, by_w.reshape(w.shape)


def shape_of(w, x, depthwise):
    """The shape of filters as the functions take them."""
    channels = x.shape[-1]
    return (*w.shape[:-2], channels, w.shape[-1] // channels) if depthwise else w.shape


@st.composite
def convolutions(draw, dtype):
    """Input, filters, gradient by the output, and attributes of a convolution of 1 to 3 axes."""
    padding = draw(st.sampled_from(["SAME", "VALID", "EXPLICIT"]))
    drawn = [draw(axes(padding)) for _ in range(draw(st.sampled_from([1, 2, 2, 3])))]
    groups, ci, each = (draw(st.integers(1, 3)) for _ in range(3))
    if groups == 1 and draw(st.booleans()):
        each = 64  # many filters have their products added up
    sizes, kernel, strides, dilations, pads = zip(*drawn, strict=True)
    padding = pads if padding == "EXPLICIT" else padding
    seed = draw(st.integers(0, 2**32))
    x = integers((draw(st.integers(0, 3)), *sizes, groups * ci), dtype, seed, 2)
    w = integers((*kernel, ci, each * groups), dtype, seed + 1, 2)
    shape = definition(x, w, strides, padding, dilations).shape
    return x, w, integers(shape, dtype, seed + 2, 2), strides, padding, dilations


def is_depthwise(w, strides, padding, dilations):
    """Whether it may be asked as one, which strides and dilates at once in a way of its own."""
    return w.shape[-2] == 1 and w.ndim < 5 and not max(strides) > 1 < max(dilations)


@pytest.mark.parametrize("dtype", ["float16", "float32", "int32"])
@given(data=st.data())
def test_any_convolution(dtype, data):
    call = x, w, *_ = data.draw(convolutions(dtype))
    depthwise = is_depthwise(w, *call[3:])
    for one, other in zip(both(*call, depthwise=depthwise), gradients(*call), strict=True):
        assert one.dtype == x.dtype
        np.testing.assert_array_equal(one, other)
    EXAMPLES["gradients, 1 to 3 axes"] += 1


@given(data=st.data())
def test_adjoint(data):
    """<conv(x, w), y> = <x, its gradient> = <w, its gradient>, exactly on integers."""
    call = x, w, y, *attributes = data.draw(convolutions("float64"))
    by_x, by_w = both(*call)
    output = npconv.convolution(x, w, attributes[0], long(attributes[1]), dilations=attributes[2])
    assert (output * y).sum() == (x * by_x).sum() == (w * by_w).sum()


@given(data=st.data())
def test_transposes(data):
    """Each is the gradient by the input, for arrays that stand for an output."""
    call = x, w, y, strides, padding, dilations = data.draw(convolutions("float32"))
    expected, count, sizes = gradients(*call)[0], len(strides), x.shape[1:-1]
    transpose = getattr(npconv, TRANSPOSES[count - 1])
    short = w.shape[-2] == x.shape[-1] and data.draw(st.booleans())  # batch and channels follow
    shape = sizes if short else np.array(x.shape)
    result = transpose(y, w, shape, strides, long(padding), dilations=dilations)
    np.testing.assert_array_equal(result, expected)
    pads = padding if isinstance(padding, str) else [(0, 0), (0, 0), *padding]
    shape = sizes if short else [len(x), x.shape[-1], *sizes]
    result = transpose(np.moveaxis(y, -1, 1), w, shape, strides, pads, FIRST[count], dilations)
    assert result.flags.c_contiguous
    np.testing.assert_array_equal(np.moveaxis(result, 1, -1), expected)
    if strides == (1, 1):
        result = npconv.atrous_conv2d_transpose(y, w, x.shape, dilations, long(padding))
        np.testing.assert_array_equal(result, expected)


LAYERS = {  # input, filters, stride, dilation: of several blocks, shares and threads
    "3x3": ((2, 40, 41, 24), (3, 3, 24, 48), 1, 1),
    "strides": ((1, 60, 61, 24), (4, 4, 24, 32), 2, 1),
    "pointwise": ((2, 40, 40, 32), (1, 1, 32, 192), 1, 1),
    "few pixels": ((2, 7, 7, 64), (3, 3, 64, 256), 1, 1),
    "few channels": ((1, 90, 91, 3), (7, 7, 3, 32), 2, 1),
    "kernel is stride": ((2, 64, 64, 3), (16, 16, 3, 96), 16, 1),
    "groups": ((2, 40, 40, 32), (3, 3, 8, 64), 1, 2),
    "depthwise": ((3, 56, 57, 144), (3, 3, 1, 144), 1, 1),
    "depthwise, strides": ((2, 60, 61, 48), (5, 5, 1, 96), 2, 1),
}


def layer_of(name, dtype):
    input_shape, filters_shape, stride, dilation = LAYERS[name]
    x, w = integers(input_shape, dtype, 1, 1), integers(filters_shape, dtype, 2, 1)
    sizes = (-(-size // stride) for size in input_shape[1:-1])
    y = integers((len(x), *sizes, w.shape[-1]), dtype, 3, 1)
    return x, w, y, (stride, stride), "SAME", (dilation, dilation)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", LAYERS)
def test_layers(name, dtype):
    """Sums are exact in any order, and halves rounded once."""
    call = layer_of(name, dtype)
    for one, other in zip(both(*call, depthwise="depth" in name), gradients(*call), strict=True):
        assert_same(one + one.dtype.type(0), other + one.dtype.type(0))


@pytest.mark.parametrize("name", LAYERS)
def test_same_bits_on_any_number_of_threads(name, threads):
    x, w, y, *attributes = layer_of(name, "float32")
    rng = np.random.default_rng(5)
    arrays = [rng.standard_normal(one.shape, np.float32) for one in (x, w, y)]
    results = both(*arrays, *attributes, depthwise="depth" in name)
    for count in (1, 3):
        threads(count)
        again = both(*arrays, *attributes, depthwise="depth" in name)
        for one, other in zip(results, again, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", ["3x3", "few pixels", "kernel is stride", "depthwise"])
def test_all_of_int32_wraps(name):
    call = layer_of(name, "int32")
    for i, one in enumerate(call[:3]):
        one[...] = integers(one.shape, "int32", i, 2**31 - 1)
    for one, other in zip(
        both(*call, depthwise=name == "depthwise"), gradients(*call), strict=True
    ):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_halves_are_summed_in_float32(dtype):
    """4,096 ones, which sums in the half type itself would not count."""
    one, image = np.ones((1, 1, 1, 1), DTYPES[dtype]), np.ones((1, 64, 64, 1), DTYPES[dtype])
    taps = image.reshape(64, 64, 1, 1)
    assert npconv.conv2d_backprop_filter(image, one.shape, image, 1, "SAME").ravel() == 4096
    assert npconv.conv2d_transpose(image, taps, [64, 64], 1).max() == 4096
    wide = npconv.conv2d_transpose(image, np.full_like(taps, np.inf), [64, 64], 1)
    assert np.isinf(wide.astype(float)).all()


@pytest.mark.parametrize("dtype", FLOATS)
@given(data=st.data())
def test_non_finite(dtype, data):
    """By the input there are real products only; by the filters padding is zeros, multiplied."""
    x, w, y, *attributes = data.draw(convolutions(dtype))
    seed, share = data.draw(st.integers(0, 2**32)), data.draw(st.sampled_from([0.03, 0.3]))
    x, w, y = (special_values(one.shape, dtype, seed + i, share) for i, one in enumerate((x, w, y)))
    depthwise = is_depthwise(w, *attributes) and data.draw(st.booleans())
    results = both(x, w, y, *attributes, depthwise=depthwise)
    for one, other in zip(results, gradients(x, w, y, *attributes), strict=True):
        if x.size == 0:  # of nothing, the gradients are zeros
            assert not one.any()
            continue
        zero = one.dtype.type(0)  # the sign of a zero is that of a sum
        assert_same(one + zero, other + zero)


def test_infinite_taps_leave_borders_alone():
    """Also in large images: the convolution of a phase pads, and is then done in another way."""
    y, w = np.ones((1, 40, 40, 4), np.float32), np.ones((3, 3, 4, 4), np.float32)
    w[0, 0] = np.inf
    result = npconv.conv2d_transpose(y, w, [40, 40], 1)
    assert np.isinf(result[:, :-1, :-1]).all()
    assert (result[:, -1, 1:-1] == 24).all()
    assert (result[:, 1:-1, -1] == 24).all()


@pytest.mark.parametrize("layout", sorted(LAYOUTS.keys() - {"read-only", "__array__", "masked"}))
@pytest.mark.parametrize("name", ["3x3", "few pixels", "groups", "depthwise"])
@pytest.mark.parametrize("dtype", ["float16", "float32", "int32"])
def test_layouts(name, layout, dtype):
    """Of all arrays and of what is given as out."""
    x, w, y, *attributes = layer_of(name, dtype)
    x, y = (np.ascontiguousarray(one[:1, :7, :7]) for one in (x, y))
    depthwise = name == "depthwise"
    shapes = x.shape, shape_of(w, x, depthwise)
    places = [LAYOUTS[layout](np.full(shape, 9, w.dtype)) for shape in shapes]
    arrays = [LAYOUTS[layout](one) for one in (x, w, y)]
    both(*arrays, *attributes, depthwise=depthwise, places=places)
    for one, other in zip(places, gradients(x, w, y, *attributes), strict=True):
        np.testing.assert_array_equal(np.asarray(one).reshape(other.shape), other)


IMAGE, TAPS = np.ones((1, 3, 3, 2), np.float32), np.ones((3, 3, 1, 2), np.float32)
TRANSPOSE = {"input": IMAGE, "filters": TAPS, "output_shape": [1, 3, 3, 1], "strides": 1}
FILTER = {"input": IMAGE, "filter_sizes": [2, 2, 2, 4], "out_backprop": np.ones((1, 2, 2, 4)),
          "strides": 1, "padding": "VALID"}  # fmt: skip
REFUSED = [
    # Changes of a call, and the message.
    ({"output_shape": [1, 7, 6, 1], "strides": 2},
     "output_shape: expected a height of 5 or 6, whose convolution gives input's 3, received (1,"),
    ({"output_shape": [5, 10], "strides": [2, 3]}, "a width of 7 to 9"),
    ({"output_shape": [3, 4]}, "a width of 3, whose"),
    ({"output_shape": [3, 3], "padding": [[0, 0], [9, 0], [1, 1], [0, 0]]}, "a height of none"),
    ({"output_shape": [2, 3, 3, 1]},
     "input: expected shape (2, 3, 3, 2), as output_shape (2, 3, 3, 1) and filters of shape (3, 3"),
    ({"output_shape": [3]}, "output_shape: expected a sequence of 2 or 4 integers, received 1"),
    ({"output_shape": [1, -3, 3, 1]}, "output_shape: sizes must not be negative"),
    ({"output_shape": [1, 3, 3, 3]}, "filters: in_channels must be a multiple of the 3 groups"),
    ({"filters": np.ones((3, 3, 2, 2))}, "filters: out_channels must divide the output_shape's 1"),
    ({"input": IMAGE[0]}, "input: expected four dimensions (N, H, W, C), received shape (3, 3, 2)"),
    ({"filters": TAPS[0]}, "filters: expected four dimensions (height, width, out_channels, in_"),
    ({"out": np.ones((1, 3, 3, 2), np.float32)}, "out: expected shape (1, 3, 3, 1)"),
    ({"out": IMAGE[..., :1]}, "out: expected memory of its own, received some of that of input"),
]  # fmt: skip
WRONG_TYPES = [
    ({"output_shape": [1.0, 3, 3, 1]}, "output_shape: expected integers"),
    ({"output_shape": None}, "output_shape: expected a sequence of 2 or 4 integers, received None"),
    ({"filters": TAPS.astype(np.int32)}, "input: expected dtype int32 as the filters's, or one"),
    ({"filters": TAPS.astype(np.int8)}, "filters: expected dtype float16, bfloat16"),
]
REFUSED_FILTERS = [
    ({"filter_sizes": [3, 2, 2, 4]},
     "out_backprop: expected shape (1, 1, 2, 4), as filter_sizes (3, 2, 2, 4) and input of shape "),
    ({"filter_sizes": [9, 2, 2, 4]}, "filter_sizes: shape (9, 2, 2, 4) does not fit"),
    ({"filter_sizes": [2, 2]}, "filter_sizes: expected a sequence of 4 integers, received 2"),
    ({"filter_sizes": [2, 2, 3, 4]}, "filter_sizes: in_channels must divide the input's 2"),
    ({"input": IMAGE[None]}, "input: expected four dimensions (N, H, W, C)"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "message"), REFUSED)
def test_refused_transposes(change, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}" if ":" in message else message):
        npconv.conv2d_transpose(**TRANSPOSE | change)


@pytest.mark.parametrize(("change", "message"), WRONG_TYPES)
def test_wrong_types(change, message):
    with pytest.raises(TypeError, match=f"^{re.escape(message)}"):
        npconv.conv2d_transpose(**TRANSPOSE | change)


@pytest.mark.parametrize(("change", "message"), REFUSED_FILTERS)
def test_refused_filter_gradients(change, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        npconv.conv2d_backprop_filter(**FILTER | change)


def test_arrays_of_one_dtype():
    """Those of conv1d_transpose and atrous_conv2d_transpose; of the others one is cast."""
    series = IMAGE[0].astype(float)
    with pytest.raises(TypeError, match=r"^input: expected dtype float32 as the filters's"):
        npconv.conv1d_transpose(series, TAPS[0], [3], 1)
    assert npconv.conv1d_transpose(series.tolist(), TAPS[0], [3], 1).dtype == np.float32
    assert npconv.conv2d_transpose(series[None], TAPS, [3, 3], 1).dtype == np.float32
    assert npconv.conv2d_backprop_filter(**FILTER).dtype == np.float32


@pytest.mark.parametrize("padding", ["SAME", "VALID", [[0, 0], [2, 1], [0, 0], [0, 0]]])
def test_every_size_that_gives_the_input(padding):
    """Accepted are just the sizes whose forward output is the input's, and nothing else."""
    for stride, taps, outputs in np.ndindex(4, 5, 4):
        w, y = np.ones((taps + 1, 1, 1, 1)), np.ones((1, outputs, 1, 1))
        for size in range(20):
            try:
                shape = npconv.conv2d(np.ones((1, size, 1, 1)), w, (stride + 1, 1), padding).shape
            except ValueError:
                shape = None
            try:
                npconv.conv2d_transpose(y, w, [size, 1], (stride + 1, 1), padding)
            except ValueError:
                assert shape != y.shape
            else:
                assert shape == y.shape


def test_empty_gradients_are_zeros():
    x, w = np.ones((1, 3, 4, 1)), np.ones((4, 1, 1, 2))
    y = npconv.conv2d(x, w, 2, "VALID")
    assert y.size == 0
    dirty = np.full(w.shape, 9.0)
    assert not npconv.conv2d_backprop_filter(x, w.shape, y, 2, "VALID", out=dirty).any()
    assert not npconv.conv2d_backprop_input(x.shape, w, y, 2, "VALID").any()
    assert (
        npconv.conv2d_transpose(y, w, [0, 3, 4, 1], 2, "VALID", out=np.ones((0, 3, 4, 1))).size == 0
        if len(y) == 0
        else True
    )


@pytest.mark.filterwarnings("ignore:When dilation rate")
@pytest.mark.parametrize("dtype", ["float16", "float32", "int32"])
@given(data=st.data())
def test_depthwise_strides_count_in_phases_of_the_dilation(dtype, data):
    pair = st.tuples(st.integers(1, 3), st.integers(1, 3))
    strides, dilations, kernel, (channels, each), spare = (data.draw(pair) for _ in range(5))
    reach = [(k - 1) * d for k, d in zip(kernel, dilations, strict=True)]
    sizes = [2 * one + many for one, many in zip(reach, spare, strict=True)]
    x = integers((2, *sizes, channels), dtype, 0, 2)
    w = integers((*kernel, channels, each), dtype, 1, 2)
    steps = {"strides": strides, "dilations": dilations}
    steps["padding"] = data.draw(st.sampled_from(["SAME", "VALID"]))
    y = npconv.depthwise_conv2d(x, w, **steps)
    outer = integers(y.shape, dtype, 2, 2)
    by_x = npconv.depthwise_conv2d_backprop_input(x.shape, w, outer, **steps)
    by_w = npconv.depthwise_conv2d_backprop_filter(x, w.shape, outer, **steps)
    forms = {
        int(np.vdot(one.astype(float), other.astype(float)))
        for one, other in ((y, outer), (x, by_x), (w, by_w))
    }
    assert len(forms) == 1
