"""The engine takes any number of spatial axes: one and three, against the definition."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
from builders import DTYPES, EXAMPLES, assert_same, axes, definition, lattice
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from layers import ALGORITHMS

from npconv._engine import multiply as engine
from npconv._engine.multiply import right_multiply
from npconv._geometry import Axis, Geometry

LAYERS = {
    "im2col, 1": ((3, 3600, 40), (5, 20, 60), (2,), "SAME", (3,)),
    "im2col, 3": ((2, 12, 13, 14, 16), (3, 2, 3, 16, 24), (1, 1, 1), "SAME", (1, 2, 1)),
    "block-Toeplitz, 1": ((2, 50000, 1), (256, 1, 2), (4,), "VALID", (1,)),
    "block-Toeplitz, 3": ((9, 14, 20, 22, 2), (3, 3, 3, 1, 4), (1, 2, 1), "SAME", (1, 1, 1)),
    "kn2row, 1": ((2, 12000, 64), (9, 64, 2), (1,), "SAME", (2,)),
    "kn2row, 3": ((3, 12, 13, 14, 64), (3, 2, 3, 64, 2), (1, 1, 1), "SAME", (1, 2, 1)),
    "depthwise, 1": ((2, 5000, 48), (7, 1, 96), (2,), "SAME", (3,)),
    "depthwise, 3": ((2, 10, 20, 24, 32), (3, 3, 2, 1, 32), (1, 2, 3), "SAME", (2, 1, 2)),
}


def multiplied(x, w, strides, padding, dilations):
    """By the engine, into memory that holds something else."""
    (_, *sizes, channels), (*kernel, filter_channels, out_channels) = x.shape, w.shape
    pads = [padding] * len(kernel) if isinstance(padding, str) else padding
    resolved = map(Axis.resolve, sizes, kernel, strides, dilations, pads)
    geometry = Geometry(tuple(resolved), channels, filter_channels, out_channels)
    out = np.full((len(x), *geometry.outputs, out_channels), 77, x.dtype)
    with np.errstate(all="ignore"):
        right_multiply(x, w.reshape(-1, out_channels), geometry, out)
    return geometry, out


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("layer", "forced"), [(one, one.partition(",")[0]) for one in LAYERS], indirect=["forced"]
)
def test_layers_of_many_tiles(layer, forced, dtype):
    input_shape, filters_shape, *attributes = LAYERS[layer]
    x, w = lattice(input_shape, filters_shape, dtype, seed=len(layer))
    geometry, result = multiplied(x, w, *attributes)
    plan = engine.choose(geometry, len(x), x.dtype)
    assert plan.algorithm == forced
    assert len(list(plan.tiles())) > 1
    assert_same(result, definition(x, w, *attributes))


@st.composite
def convolutions(draw, dtype):
    """Arrays and attributes of some axes, each small, with at least one output."""
    padding = draw(st.sampled_from(["SAME", "VALID", "EXPLICIT"]))
    count = draw(st.sampled_from([1, 3]))
    drawn = [draw(axes(padding)) for _ in range(count)]
    groups, ci, each = (draw(st.integers(1, 3)) for _ in range(3))
    sizes, kernel, strides, dilations, pads = zip(*drawn, strict=True)
    shapes = (draw(st.integers(1, 3)), *sizes, groups * ci), (*kernel, ci, each * groups)
    arrays = lattice(*shapes, dtype, draw(st.integers(0, 2**32)), draw(st.booleans()))
    return *arrays, strides, pads if padding == "EXPLICIT" else padding, dilations


@pytest.mark.parametrize("forced", ALGORITHMS, indirect=True)
@pytest.mark.parametrize("dtype", ["float16", "float32", "int32"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_convolution(forced, dtype, data):
    x, w, *attributes = data.draw(convolutions(dtype))
    expected = definition(x, w, *attributes)
    if prod(expected.shape) and x.size:  # of nothing, nothing is multiplied
        assert_same(multiplied(x, w, *attributes)[1], expected)
        EXAMPLES[f"{forced}, 1 and 3 axes"] += 1
