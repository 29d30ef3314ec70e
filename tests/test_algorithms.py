"""Every algorithm, forced wherever it can compute a call, gives what the definition gives."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
from builders import (
    DTYPES,
    EXAMPLES,
    FLOATS,
    assert_same,
    calls,
    definition,
    lattice,
    run_python,
    special_values,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from layers import ALGORITHMS, FORCED_LAYERS, LAYERS

import npconv
from npconv._engine import multiply as engine
from npconv._engine.numbers import Numbers


def used(x, w, strides, padding):
    return npconv.explain(x, w, strides, padding).algorithm


@pytest.mark.parametrize("forced", ALGORITHMS, indirect=True)
@pytest.mark.parametrize("dtype", DTYPES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_call(forced, dtype, data):
    arguments = data.draw(calls(dtype))
    assert_same(npconv.conv2d(**arguments), npconv.reference.conv2d(**arguments))
    EXAMPLES[f"{forced} against the reference"] += 1


@FORCED_LAYERS
@pytest.mark.parametrize("dtype", DTYPES)
def test_layers_of_many_tiles(layer, forced, dtype):
    input_shape, filters_shape, strides, padding, cut = LAYERS[layer]
    x, w = lattice(input_shape, filters_shape, dtype, seed=len(layer))
    assert used(x, w, strides, padding).startswith(forced)
    assert cut in str(npconv.explain(input_shape, filters_shape, strides, padding))
    expected = definition(x, w, strides, padding)
    assert_same(npconv.conv2d(x, w, strides, padding), expected)
    for out in (
        np.empty((*expected.shape[:3], 2 * expected.shape[3]), x.dtype)[..., ::2],
        np.empty(expected.shape[::-1], x.dtype).T,
    ):
        assert npconv.conv2d(x, w, strides, padding, out=out) is out
        assert_same(np.ascontiguousarray(out), expected)


@FORCED_LAYERS
def test_channels_first(layer, forced):
    input_shape, filters_shape, strides, padding, _ = LAYERS[layer]
    x, w = lattice(input_shape, filters_shape, "float32", seed=len(layer))
    expected = npconv.conv2d(x, w, strides, padding)
    first = np.ascontiguousarray(np.moveaxis(x, 3, 1))
    result = npconv.conv2d(first, w, strides, padding, "NCHW")
    assert_same(np.ascontiguousarray(np.moveaxis(result, 1, 3)), expected)


@FORCED_LAYERS
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("share", [1e-4, 0.02])
def test_what_is_not_finite_changes_nothing_else(layer, forced, dtype, share, monkeypatch):
    """Zeros that an algorithm adds must not meet an infinity."""
    input_shape, filters_shape, strides, padding, _ = LAYERS[layer]
    x = special_values(input_shape, dtype, 1, share)
    w = special_values(filters_shape, dtype, 2, 0)
    result = npconv.conv2d(x, w, strides, padding)
    monkeypatch.setattr(engine, "_FORCED", "im2col")
    engine.choose.cache_clear()
    assert_same(result, npconv.conv2d(x, w, strides, padding))


@pytest.mark.parametrize("forced", ["block-Toeplitz"], indirect=True)
def test_an_infinity_in_any_tile_is_seen(forced):
    """Tiles end in any order, on several threads; one of them is enough."""
    input_shape, filters_shape, strides, padding, _ = LAYERS[forced]
    x, w = np.ones(input_shape, "float32"), np.ones(filters_shape, "float32")
    for row in range(0, input_shape[1], 7):
        for value in (np.inf, np.nan):
            x[0, row, 30, 0] = value
            broken = ~np.isfinite(npconv.conv2d(x, w, strides, padding))
            assert broken[0].any(axis=(1, 2)).sum() <= filters_shape[0]
            assert broken[0].any(axis=(0, 2)).sum() <= filters_shape[1]
            assert broken.any()
            x[0, row, 30, 0] = 1


@pytest.mark.parametrize("forced", ALGORITHMS, indirect=True)
def test_no_product_is_larger_than_planned(forced, monkeypatch):
    """By its size is decided whether BLAS is held to one thread."""
    multiplied, plans = [], []
    multiply, run = Numbers.multiply, engine._run

    def recorded(self, patches, weights, out, scratch):
        multiplied.append(prod((*patches.shape[-2:], weights[0].shape[-1])))
        multiply(self, patches, weights, out, scratch)

    monkeypatch.setattr(Numbers, "multiply", recorded)
    monkeypatch.setattr(engine, "_run", lambda plan, *rest: plans.append(plan) or run(plan, *rest))
    small = [((1, 2, 12, 1288), (4, 1, 1288, 2), (1, 1), "SAME"),
             ((1, 9, 9, 3), (3, 3, 3, 4), (1, 1), "SAME"),
             ((1, 12, 12, 16), (3, 3, 4, 16), (1, 1), "SAME")]  # fmt: skip
    for input_shape, filters_shape, strides, padding, *_ in (*LAYERS.values(), *small):
        x, w = lattice(input_shape, filters_shape, "float32")
        npconv.conv2d(x, w, strides, padding)
        assert max(multiplied, default=1) <= plans[-1].product
        assert not plans[-1].light or max(multiplied, default=1) <= 2**18
        multiplied.clear()
    assert any(plan.light for plan in plans)
    assert any(plan.algorithm == forced for plan in plans)


@pytest.mark.parametrize(
    ("name", "input_shape", "filters_shape"),
    [
        ("im2col", (1, 56, 56, 64), (1, 1, 64, 256)),
        ("im2col", (1, 56, 56, 64), (3, 3, 64, 64)),
        ("block-Toeplitz", (50, 100, 100, 1), (11, 11, 1, 1)),
        ("block-Toeplitz", (1, 56, 56, 128), (3, 3, 4, 128)),
        ("depthwise", (1, 112, 112, 32), (3, 3, 1, 32)),
        ("kn2row", (1, 64, 64, 256), (3, 3, 256, 1)),
    ],
)
def test_each_is_chosen_where_it_is_meant_to_be(name, input_shape, filters_shape):
    assert used(input_shape, filters_shape, 1, "SAME").startswith(name)


def test_the_environment_forces_an_algorithm():
    code = "import npconv; print(npconv.explain((9, 30, 30, 1), (5, 5, 1, 1), 1, 'SAME').algorithm)"
    for name in ("im2col", "block-Toeplitz"):
        assert run_python(code, NPCONV_ALGORITHM=name).stdout.startswith(name)


def test_an_unknown_algorithm_in_the_environment_is_named():
    run = run_python("import npconv", NPCONV_ALGORITHM="winograd")
    assert run.returncode == 1
    assert "NPCONV_ALGORITHM: expected one of depthwise, block-Toeplitz" in run.stderr
    assert "received 'winograd'" in run.stderr
