"""`conv2d` and its family equal the naive loops bit for bit wherever arithmetic is exact."""

from __future__ import annotations

import numpy as np
import pytest
from builders import DTYPES, EXAMPLES, assert_same, calls, definition, integers, lattice
from family import FORWARD, GRADIENTS, random_call
from hypothesis import given
from hypothesis import strategies as st

import npconv


@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data())
def test_any_call(dtype, data):
    arguments = data.draw(calls(dtype))
    expected = npconv.reference.conv2d(**arguments)
    result = npconv.conv2d(**arguments)
    assert_same(result, expected)
    out = np.full(result.shape, 7, result.dtype)
    assert npconv.conv2d(**arguments, out=out) is out
    assert_same(out, expected)
    EXAMPLES[f"conv2d against the reference, {dtype}"] += 1


LAYERS = {
    "3x3": ((2, 40, 60, 32), (3, 3, 32, 24), (1, 1), (1, 1), "SAME"),
    "3x3-valid": ((1, 70, 70, 16), (3, 3, 16, 48), (1, 1), (1, 1), "VALID"),
    "stem": ((1, 96, 96, 3), (7, 7, 3, 16), (2, 2), (1, 1), "SAME"),
    "pointwise": ((1, 40, 40, 64), (1, 1, 64, 32), (1, 1), (1, 1), "SAME"),
    "pointwise-stride": ((1, 41, 41, 64), (1, 1, 64, 32), (2, 3), (1, 1), "VALID"),
    "dilated": ((1, 50, 50, 16), (3, 3, 16, 8), (1, 1), (5, 7), "SAME"),
    "dilated-stride": ((1, 80, 80, 8), (3, 3, 8, 8), (3, 2), (2, 4), [(3, 0), (0, 5)]),
    "one-channel": ((3, 120, 130, 1), (11, 11, 1, 1), (1, 1), (1, 1), "VALID"),
    "one-channel-many-filters": ((1, 90, 90, 1), (5, 5, 1, 64), (1, 1), (1, 1), "SAME"),
    "many-channels-one-filter": ((1, 30, 30, 256), (3, 3, 256, 1), (1, 1), (1, 1), "SAME"),
    "groups": ((1, 40, 40, 32), (3, 3, 8, 16), (1, 1), (1, 1), "SAME"),
    "depthwise": ((1, 50, 50, 48), (3, 3, 1, 48), (1, 1), (1, 1), "SAME"),
    "depthwise-stride": ((2, 50, 50, 24), (5, 5, 1, 48), (2, 2), (1, 1), "SAME"),
    "kernel-covers": ((2, 30, 30, 16), (30, 30, 16, 12), (1, 1), (1, 1), "VALID"),
    "kernel-exceeds": ((1, 20, 20, 8), (35, 35, 8, 4), (1, 1), (1, 1), "SAME"),
    "wide": ((1, 2, 5000, 4), (2, 9, 4, 8), (1, 1), (1, 1), "VALID"),
    "tall": ((1, 5000, 2, 4), (9, 2, 4, 8), (1, 1), (1, 1), "SAME"),
    "skips": ((1, 200, 200, 4), (2, 2, 4, 8), (7, 9), (1, 1), "VALID"),
    "small-batch": ((200, 6, 6, 8), (3, 3, 8, 8), (1, 1), (1, 1), "SAME"),
    "huge-padding": ((1, 3, 3, 2), (3, 3, 2, 4), (1, 1), (1, 1), [(90, 0), (0, 120)]),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("data_format", ["NHWC", "NCHW"])
def test_layers_of_many_tiles(layer, dtype, data_format):
    """Sizes that no naive loop can walk, against the formula summed tap by tap."""
    input_shape, filters_shape, strides, dilations, padding = LAYERS[layer]
    # halves must hold the input exactly, the sum is rounded once on both sides
    x, w = lattice(input_shape, filters_shape, dtype, seed=len(layer))
    expected = definition(x, w, strides, padding, dilations)
    if not isinstance(padding, str):
        padding = [(0, 0), *padding, (0, 0)]
        if data_format == "NCHW":
            padding = [padding[i] for i in (0, 3, 1, 2)]
    if data_format == "NCHW":
        x, expected = np.ascontiguousarray(np.moveaxis(x, 3, 1)), np.moveaxis(expected, 3, 1)
    result = npconv.conv2d(x, w, strides, padding, data_format, dilations)
    # a zero sum is +0.0, whatever the signs of its terms
    assert_same(result, np.where(expected == 0, np.zeros((), x.dtype), expected))


@pytest.mark.parametrize("dtype", DTYPES)
def test_leading_dimensions_are_a_batch(dtype):
    x, w = integers((2, 3, 1, 2, 7, 8, 4), dtype), integers((3, 3, 2, 6), dtype, 1)
    flat = npconv.conv2d(x.reshape(12, 7, 8, 4), w, 2, "SAME")
    assert_same(npconv.conv2d(x, w, 2, "SAME"), flat.reshape(2, 3, 1, 2, 4, 4, 6))


@pytest.mark.filterwarnings("ignore:When dilation rate")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [*FORWARD, *GRADIENTS])
def test_the_family(name, dtype):
    computed = 0
    for seed in range(60):
        arguments, named = random_call(name, dtype, 100 * seed)
        expected = getattr(npconv.reference, name)(*arguments, **named)
        assert_same(
            getattr(npconv, name)(*arguments, **named), expected, f"{name}, seed {100 * seed}"
        )
        computed += bool(expected.any())
    assert computed > 30
