"""A result has the same bits on any number of threads, and on any machine's number of cores."""

from __future__ import annotations

import os

import numpy as np
import pytest
from builders import DTYPES
from layers import FORCED_LAYERS, LAYERS
from threadpoolctl import threadpool_limits

import npconv
from npconv._engine import multiply as engine

# Too small to be shared, so that BLAS is not held to one thread; the last just so.
SMALL = {
    "im2col, small": ((1, 9, 9, 3), (3, 3, 3, 4), (1, 1), "SAME"),
    "im2col, just not shared": ((1, 16, 16, 8), (4, 4, 8, 8), (1, 1), "SAME"),
}


def drawn(layer, dtype):
    """Numbers whose sums are rounded, so that their order shows."""
    rng = np.random.default_rng(3)
    return [(100 * rng.standard_normal(one)).astype(DTYPES[dtype]) for one in layer[:2]]


@FORCED_LAYERS
@pytest.mark.parametrize("dtype", DTYPES)
def test_any_number_of_threads(threads, layer, forced, dtype):
    x, w = drawn(LAYERS[layer], dtype)
    _, _, strides, padding, _ = LAYERS[layer]
    threads(1)
    expected = npconv.conv2d(x, w, strides, padding).tobytes()
    for count in (2, 3, 4, 7, 2):
        threads(count)
        assert npconv.conv2d(x, w, strides, padding).tobytes() == expected


@pytest.mark.parametrize("dtype", DTYPES)
def test_any_number_of_cores_and_of_threads_of_blas(monkeypatch, dtype):
    """Neither asked when a call is planned, nor when it is computed."""
    results = set()
    for cores in (1, 2, 3, 5, 64, 128):
        monkeypatch.setattr(os, "cpu_count", lambda cores=cores: cores)
        monkeypatch.setattr(os, "process_cpu_count", lambda cores=cores: cores, raising=False)
        monkeypatch.setattr(
            os, "sched_getaffinity", lambda _, cores=cores: set(range(cores)), raising=False
        )
        engine.choose.cache_clear()
        with threadpool_limits(min(cores, 4), user_api="blas"):
            result = b""
            for layer in [*LAYERS.values(), *SMALL.values()]:
                x, w = drawn(layer, dtype)
                result += npconv.conv2d(x, w, *layer[2:4]).tobytes()
        results.add(result)
    assert len(results) == 1


def test_a_sum_in_another_order_shows():
    """The planted error: these numbers do tell one order from another."""
    for dtype in ("float32", "float64"):
        x, w = drawn(LAYERS["im2col"], dtype)
        result = npconv.conv2d(x, w, 1, "SAME")
        assert npconv.conv2d(x[..., ::-1], w[:, :, ::-1], 1, "SAME").tobytes() != result.tobytes()
