"""Every algorithm, forced wherever it is admissible, gives what the definition gives."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

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
    special_values,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import npconv
from npconv._engine import multiply as engine
from npconv._engine import planner
from npconv._engine.arithmetic import Float

ALGORITHMS = ["tiles", "banded", "joined groups", "shifted adds", "depthwise"]
# A layer that each of them can compute, large enough for several tiles.
LAYERS = {
    "tiles": ((2, 40, 50, 16), (3, 3, 16, 24), (1, 1), "SAME"),
    "tiles, the image itself": ((1, 60, 60, 32), (1, 1, 32, 48), (1, 1), "SAME"),
    "tiles, filters beyond a buffer": ((1, 7, 7, 300), (3, 3, 300, 380), (1, 1), "SAME"),
    "tiles, such filters in groups": ((2, 3, 4, 500), (3, 2, 250, 502), (1, 1), "SAME"),
    "banded": ((3, 61, 67, 1), (5, 4, 1, 3), (1, 1), "SAME"),
    "banded, strides": ((1, 90, 91, 3), (7, 7, 3, 4), (2, 3), "VALID"),
    "banded, groups": ((1, 60, 61, 8), (3, 3, 2, 8), (1, 1), "SAME"),
    "joined groups": ((1, 50, 50, 32), (3, 3, 4, 32), (1, 1), "SAME"),
    "joined groups, stride": ((1, 50, 51, 16), (3, 2, 2, 48), (2, 1), "SAME"),
    "shifted adds": ((1, 70, 60, 64), (3, 5, 64, 2), (1, 1), "SAME"),
    "depthwise": ((2, 56, 57, 96), (3, 3, 1, 96), (1, 1), "SAME"),
    "depthwise, strides": ((1, 80, 81, 64), (5, 3, 1, 128), (2, 3), "SAME"),
}


@pytest.fixture
def forced(request, monkeypatch):
    """Force the algorithm that the test is parametrized by."""
    monkeypatch.setattr(planner, "_FORCED", request.param)
    planner.choose.cache_clear()
    yield request.param
    planner.choose.cache_clear()


def name_of(layer):
    return layer.partition(",")[0]


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


@pytest.mark.parametrize(
    ("layer", "forced"), [(one, name_of(one)) for one in LAYERS], indirect=["forced"]
)
@pytest.mark.parametrize("dtype", DTYPES)
def test_layers_of_many_tiles(layer, forced, dtype):
    input_shape, filters_shape, strides, padding = LAYERS[layer]
    x, w = lattice(input_shape, filters_shape, dtype, seed=len(layer))
    assert used(x, w, strides, padding).startswith(forced)
    expected = definition(x, w, strides, padding)
    expected = np.where(expected == 0, np.zeros((), x.dtype), expected)
    assert_same(npconv.conv2d(x, w, strides, padding), expected)
    out = np.empty((*expected.shape[:3], 2 * expected.shape[3]), x.dtype)[..., ::2]
    assert_same(np.ascontiguousarray(npconv.conv2d(x, w, strides, padding, out=out)), expected)


@pytest.mark.parametrize(
    ("layer", "forced"), [(one, name_of(one)) for one in LAYERS], indirect=["forced"]
)
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("share", [1e-4, 0.02])
def test_what_is_not_finite_changes_nothing_else(layer, forced, dtype, share, monkeypatch):
    """Zeros that an algorithm adds must not meet an infinity."""
    input_shape, filters_shape, strides, padding = LAYERS[layer]
    x = special_values(input_shape, dtype, 1, share)
    w = special_values(filters_shape, dtype, 2, 0)
    result = npconv.conv2d(x, w, strides, padding)
    monkeypatch.setattr(planner, "_FORCED", "tiles")
    planner.choose.cache_clear()
    assert_same(result, npconv.conv2d(x, w, strides, padding))


@pytest.mark.parametrize("forced", ["banded", "joined groups"], indirect=True)
def test_an_infinity_in_any_tile_is_seen(forced):
    """Tiles end in any order, on several threads; one of them is enough."""
    input_shape, filters_shape, strides, padding = LAYERS[f"{forced}"]
    x, w = np.ones(input_shape, "float32"), np.ones(filters_shape, "float32")
    for row in range(0, input_shape[1], 7):
        for value in (np.inf, np.nan):
            x[0, row, 30, 0] = value
            broken = ~np.isfinite(npconv.conv2d(x, w, strides, padding))
            assert broken[0].any(axis=(1, 2)).sum() <= filters_shape[0]
            assert broken[0].any(axis=(0, 2)).sum() <= filters_shape[1]
            assert broken.any()
            x[0, row, 30, 0] = 1


@pytest.mark.parametrize("cores", [1, 3, 64], indirect=True)
@pytest.mark.parametrize("dtype", ["float16", "float32", "int32"])
def test_tiles_cut_for_other_machines(cores, dtype):
    for input_shape, filters_shape, strides, padding in LAYERS.values():
        x, w = lattice(input_shape, filters_shape, dtype, seed=cores)
        assert_same(npconv.conv2d(x, w, strides, padding), definition(x, w, strides, padding))
        explained = npconv.explain(x, w, strides, padding)
        filters = {"int32": 16, "float16": 4}.get(dtype, 0) * w.size  # as they are multiplied
        assert explained.thread_bytes <= explained.scratch_bytes <= 16 * 2**20 + filters


@pytest.mark.usefixtures("cores")
@pytest.mark.parametrize("forced", ALGORITHMS, indirect=True)
def test_no_product_is_larger_than_planned(forced, monkeypatch):
    """By its size is decided whether BLAS is held to one thread."""
    multiplied = []
    multiply = Float.multiply

    def recorded(self, patches, weights, out, scratch):
        multiplied.append(math.prod((*patches.shape[-2:], weights[0].shape[-1])))
        multiply(self, patches, weights, out, scratch)

    monkeypatch.setattr(Float, "multiply", recorded)
    small = [((1, 2, 12, 1288), (4, 1, 1288, 2), (1, 1), "SAME"),
             ((1, 9, 9, 3), (3, 3, 3, 4), (1, 1), "SAME"),
             ((1, 12, 12, 16), (3, 3, 4, 16), (1, 1), "SAME")]  # fmt: skip
    plans = []
    run = engine._run
    monkeypatch.setattr(engine, "_run", lambda plan, *rest: plans.append(plan) or run(plan, *rest))
    for input_shape, filters_shape, strides, padding in (*LAYERS.values(), *small):
        x, w = lattice(input_shape, filters_shape, "float32")
        npconv.conv2d(x, w, strides, padding)
        assert max(multiplied, default=1) <= math.prod(plans[-1].product)
        assert not plans[-1].light or max(multiplied, default=1) <= 2**18
        multiplied.clear()
    assert any(plan.light for plan in plans)


def test_the_planner_chooses_each_where_it_is_meant_to():
    chosen = {
        "tiles (the image": ((1, 56, 56, 64), (1, 1, 64, 256), 1),
        "tiles:": ((1, 56, 56, 64), (3, 3, 64, 64), 1),
        "banded": ((50, 100, 100, 1), (11, 11, 1, 1), 1),
        "depthwise": ((1, 112, 112, 32), (3, 3, 1, 32), 1),
        "shifted adds": ((1, 64, 64, 256), (3, 3, 256, 1), 1),
    }
    for name, (input_shape, filters_shape, strides) in chosen.items():
        assert used(input_shape, filters_shape, strides, "SAME").startswith(name), name
    grouped = used((1, 56, 56, 128), (3, 3, 4, 128), 1, "SAME")
    assert grouped.startswith(("joined groups", "banded"))


def test_the_environment_forces_an_algorithm():
    code = "import npconv; print(npconv.explain((9, 30, 30, 1), (5, 5, 1, 1), 1, 'SAME').algorithm)"
    root = Path(npconv.__file__).parent.parent
    for name in ("tiles", "banded"):
        environment = {**os.environ, "NPCONV_ALGORITHM": name}
        run = subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            capture_output=True,
            text=True,
            cwd=root,
            env=environment,
        )
        assert run.stdout.startswith(name)


def test_an_unknown_algorithm_in_the_environment_is_named():
    environment = {**os.environ, "NPCONV_ALGORITHM": "winograd"}
    run = subprocess.run(
        [sys.executable, "-c", "import npconv"],
        check=False,
        capture_output=True,
        text=True,
        cwd=Path(npconv.__file__).parent.parent,
        env=environment,
    )
    assert run.returncode == 1
    assert "NPCONV_ALGORITHM: expected one of tiles, banded" in run.stderr
    assert "received 'winograd'" in run.stderr
