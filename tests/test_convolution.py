"""Prepared filters give the bits of plain calls, whoever calls, and whatever came before."""

from __future__ import annotations

import copy
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from builders import DTYPES, EXAMPLES, FLOATS, LAYOUTS, assert_same, calls, special_values
from hypothesis import given
from hypothesis import strategies as st
from layers import FORCED_LAYERS, LAYERS

import npconv
from npconv import _convolution
from npconv._engine import depthwise, im2col, kept, kn2row, toeplitz
from npconv._engine.numbers import Numbers


def random(shape, dtype, seed=0):
    """Numbers whose sums are rounded: another order of summation would show."""
    rng = np.random.default_rng(seed)
    if dtype == "int32":
        return rng.integers(-(2**31), 2**31, shape, dtype=np.int32)
    return rng.standard_normal(shape).astype(DTYPES[dtype])


def assert_bits(actual, expected):
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    assert actual.tobytes() == expected.tobytes()


@FORCED_LAYERS
@pytest.mark.parametrize("dtype", DTYPES)
def test_layers_of_every_algorithm(layer, forced, dtype):
    input_shape, filters_shape, strides, padding, _ = LAYERS[layer]
    w = random(filters_shape, dtype)
    prepared = npconv.Convolution(w, strides, padding)
    for seed, batch in enumerate((input_shape[0], input_shape[0], 1)):
        x = random((batch, *input_shape[1:]), dtype, seed + 1)
        expected = npconv.conv2d(x, w, strides, padding)
        assert_bits(prepared(x), expected)
        out = np.empty(expected.shape[::-1], x.dtype).T
        assert prepared(x, out=out) is out
        assert_bits(np.ascontiguousarray(out), expected)


@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data())
def test_any_call(dtype, data):
    arguments = data.draw(calls(dtype))
    expected = npconv.conv2d(**arguments)
    x = arguments.pop("input")
    prepared = npconv.Convolution(**arguments)
    for _ in range(2):
        assert_same(prepared(x), expected)
    EXAMPLES["prepared filters"] += 1


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [(1, 1, 24, 1), (1, 1, 24, 10), (3, 3, 8, 12)])
def test_filters_of_any_memory(layout, shape):
    x, w = random((1, 9, 8, 24), "float32"), LAYOUTS[layout](random(shape, "float32", 1))
    assert_bits(npconv.Convolution(w, 1, "SAME")(x), npconv.conv2d(x, w, 1, "SAME"))


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("first", [False, True])
def test_one_two_and_three_axes(axes, first):
    plain = [npconv.conv1d, npconv.conv2d, npconv.conv3d][axes - 1]
    data_format = ["NCW", "NCHW", "NCDHW"][axes - 1] if first else None
    sizes, kernel = (30, 9, 10)[:axes], (3, 2, 2)[:axes]
    shape = (2, 8, *sizes) if first else (2, *sizes, 8)
    x, w = random(shape, "float32"), random((*kernel, 4, 6), "float32", 1)
    call = w, 2, "SAME", data_format
    assert_bits(npconv.Convolution(*call)(x), plain(x, *call))


@pytest.mark.parametrize("dtype", FLOATS)
def test_the_dtype_is_that_of_each_input(dtype):
    w = random((3, 3, 4, 5), "float64")
    prepared = npconv.Convolution(w, 1, "VALID")
    for name in (dtype, "float32", dtype):
        x = random((2, 9, 8, 4), name)
        assert_bits(prepared(x), npconv.conv2d(x, w, 1, "VALID"))
    with pytest.raises(TypeError, match="filters: expected dtype int32 as the input's"):
        prepared(np.ones((2, 9, 8, 4), np.int32))


def test_integers_of_any_range_in_any_order():
    x, w = random((1, 20, 20, 8), "int32"), random((3, 3, 8, 16), "int32")
    for shift in (0, 12, 30):
        prepared = npconv.Convolution(w >> shift, 1, "SAME")
        for other in (0, 30, 12, 0, 12, 30):
            assert_bits(prepared(x >> other), npconv.conv2d(x >> other, w >> shift, 1, "SAME"))


@pytest.mark.parametrize("dtype", FLOATS)
def test_what_is_not_finite_changes_nothing_else(dtype):
    input_shape, filters_shape, strides, padding, _ = LAYERS["block-Toeplitz"]
    w = special_values(filters_shape, dtype, 2, 0)
    prepared = npconv.Convolution(w, strides, padding)
    for share in (0, 1e-3, 0, 0.02):
        x = special_values(input_shape, dtype, 1, share)
        assert_same(prepared(x), npconv.conv2d(x, w, strides, padding))


def test_later_changes_of_the_filters_do_not_matter():
    x, w = random((1, 9, 9, 4), "float32"), random((3, 3, 4, 5), "float32")
    expected = npconv.conv2d(x, w, 1, "SAME")
    prepared = npconv.Convolution(w, 1, "SAME")
    w[...] = np.nan
    assert_bits(prepared(x), expected)


@pytest.mark.parametrize("copied", [lambda one: pickle.loads(pickle.dumps(one)), copy.deepcopy])
@pytest.mark.parametrize("dtype", DTYPES)
def test_pickled(copied, dtype):
    for order in "CF":
        w = np.asarray(random((1, 1, 64, 32), dtype), order=order)
        x, strides = random((1, 30, 31, 64), dtype), [[0, 0], [1, 2], [0, 1], [0, 0]]
        prepared = npconv.Convolution(w, 1, strides)
        expected = prepared(x)
        assert len(pickle.dumps(prepared)) < w.nbytes + 2000
        assert_bits(copied(prepared)(x), expected)
        assert repr(copied(prepared)) == repr(prepared)


def test_eight_threads_at_once(threads):
    threads(2)
    w = random((3, 3, 2, 16), "float16")
    inputs = [random((n, h, 40, 2), "float16", n) for n in (1, 2, 3) for h in (11, 40)]
    expected = [npconv.conv2d(x, w, 1, "SAME") for x in inputs]
    prepared, together = npconv.Convolution(w, 1, "SAME"), threading.Barrier(8)

    def run(seed):
        together.wait()
        order = np.random.default_rng(seed).permutation(len(inputs) * 5) % len(inputs)
        return [(i, prepared(inputs[i])) for i in order]

    with ThreadPoolExecutor(8) as pool:
        for results in pool.map(run, range(8)):
            for i, result in results:
                assert_bits(result, expected[i])


@FORCED_LAYERS
@pytest.mark.parametrize("dtype", ["bfloat16", "int32"])
def test_nothing_is_made_of_filters_twice(layer, forced, dtype, monkeypatch):
    made = []
    for module in (depthwise, im2col, kn2row, toeplitz):
        for name in ("_repeated", "operands", "_operands"):
            if hasattr(module, name):
                make = getattr(module, name)
                monkeypatch.setattr(module, name, lambda *a, of=make: made.append(of) or of(*a))
    prepare = Numbers.prepare
    monkeypatch.setattr(Numbers, "prepare", lambda *a: made.append(0) or prepare(*a))
    input_shape, filters_shape, strides, padding, _ = LAYERS[layer]
    x, w = random(input_shape, dtype), random(filters_shape, dtype)
    prepared = npconv.Convolution(w, strides, padding)
    prepared(x)
    assert made
    made.clear()
    prepared(x)
    assert not made
    npconv.conv2d(x, w, strides, padding)
    assert made


def test_what_is_kept_is_bounded(monkeypatch):
    monkeypatch.setattr(_convolution, "_MOST_CHECKED", 5)
    w = random((3, 3, 1, 16), "float16")
    prepared = npconv.Convolution(w, 1, "SAME")
    for columns in range(5, 25):
        x = random((1, 9, columns, 16), "float16")
        assert_bits(prepared(x), npconv.conv2d(x, w, 1, "SAME"))
        (_, of_dtype), *others = prepared._cast.values()
        assert 0 < len(of_dtype) <= kept._MOST
        assert 0 < len(prepared._checked) <= 5
        assert not others


def test_repr():
    prepared = npconv.Convolution(
        np.ones((2, 3, 4, 5)), [1, 1, 2, 1], [[0, 0], [0, 0], [1, 0], [2, 1]], "NCHW", (1, 3)
    )
    pads = "((0, 0), (0, 0), (1, 0), (2, 1))"
    assert repr(prepared) == (
        f"Convolution(filters (2, 3, 4, 5) float64, (2, 1), {pads}, 'NCHW', (1, 3))"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.ones((3, 4)), 1, "SAME"), "filters: expected three, four or five dimensions"),
        ((np.ones((2,) * 6), 1, "SAME"), "filters: expected three, four or five dimensions"),
        ((np.ones((3, 3, 4, 5), complex), 1, "SAME"), "received complex128"),
        ((np.ones((3, 3, 4, 5)), 0, "SAME"), "strides: expected steps from 1"),
        ((np.ones((3, 3, 4, 5)), 1, "same"), "padding: expected 'SAME', 'VALID'"),
        ((np.ones((3, 3, 4, 5)), 1, "SAME", "NWC"), "data_format: expected the string 'NHWC'"),
        ((np.ones((3, 3, 4, 5)), 1, "SAME", None, 1.5), "dilations: expected an integer"),
    ],
)
def test_wrong_arguments_are_named_at_once(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        npconv.Convolution(*arguments)


def test_wrong_inputs_are_named():
    prepared = npconv.Convolution(np.ones((3, 3, 4, 5), np.float32), 1, "SAME")
    x = np.ones((2, 9, 8, 4), np.float32)
    wrong = [
        (x[0], None, "input: expected at least four dimensions"),
        (x[..., :3], None, "in_channels must divide the input's 3 channels"),
        (x.astype(complex), None, "input: expected dtype float16"),
        (x.transpose(0, 3, 1, 2), None, "did you mean data_format='NCHW'"),
        (x, np.ones((2, 9, 8, 4), np.float32), "out: expected shape"),
        (x, np.ones((2, 9, 8, 5)), "out: expected dtype float32"),
    ]
    for value, out, message in wrong:
        for _ in range(2):
            with pytest.raises((TypeError, ValueError), match=message):
                prepared(value, out=out)
    same = np.ones((1, 9, 8, 5), np.float32)
    with pytest.raises(ValueError, match="out: expected memory of its own"):
        npconv.Convolution(np.ones((3, 3, 5, 5)), 1, "SAME")(same, out=same)
