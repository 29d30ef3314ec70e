"""FFT, which precision="fast" may take for large kernels on one channel each."""

from __future__ import annotations

import threading
import tracemalloc

import numpy as np
import pytest
from builders import DTYPES, EXAMPLES, LAYOUTS, assert_same, definition, integers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import npconv
from npconv._engine import fft, scratch
from npconv._engine import multiply as engine

FORCED = pytest.mark.parametrize("forced", ["FFT"], indirect=True)
MIB = 2**20
# Input, filters: several blocks and tiles, edges that are cut, images, channels, several filters.
LAYERS = [
    ((2, 61, 70, 1), (9, 7, 1, 1)),
    ((1, 130, 90, 6), (31, 31, 1, 6)),
    ((3, 40, 9, 2), (5, 9, 1, 8)),
    ((1, 700, 20, 1), (101, 3, 1, 3)),
    ((1, 1, 1, 1), (1, 1, 1, 1)),
]


def fast(x, w, padding="SAME", **more):
    return npconv.conv2d(x, w, 1, padding, precision="fast", **more)


def allowed(x, w, exact):
    """The proven bound: ERROR |x|_2 |w|_1 of image's channel and filter, then one rounding.

    ``exact`` are sums in float64; those of rounded products are off by less than n u |x| * |w|.
    """
    x, w = x.astype(np.float64), np.abs(w.astype(np.float64))
    norms = np.sqrt(np.square(x).sum((1, 2), keepdims=True))  # (N, 1, 1, C)
    of_filters = w.sum((0, 1, 2)).reshape(x.shape[3], -1)
    error = fft.ERROR * (norms[..., np.newaxis] * of_filters).reshape(len(x), 1, 1, -1)
    return error + np.abs(exact) * 2.0**-24 * (1 + 2**-20) + 2.0**-126


@FORCED
@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("padding", ["SAME", [[0, 0], [3, 40], [12, 0], [0, 0]]])
def test_integers_of_float64_are_within_the_bound(layer, forced, padding):
    """Their sums are exact, so that nothing but the FFT's own error is seen."""
    x, w = (integers(shape, "float64", seed, 2**20) for seed, shape in enumerate(layer))
    pairs = padding if isinstance(padding, str) else padding[1:3]
    exact = definition(x, w, (1, 1), pairs)
    result = fast(x, w, padding)
    assert npconv.explain(x, w, 1, padding, precision="fast").algorithm == forced
    bound = allowed(x, w, np.zeros(()))
    assert (np.abs(result - exact) <= bound).all()
    told = npconv.error_bound(x, w, 1, padding, precision="fast")
    assert (told >= npconv.error_bound(x, w, 1, padding)).all()
    if np.prod(layer[0]) > 1:  # there the one product is exact
        assert (told >= 0.99 * (bound - 2.0**-126)).all()


def test_any_call_is_within_the_bound_and_the_same_everywhere(monkeypatch, threads):
    monkeypatch.setattr(engine, "_FORCED", "FFT")
    engine.choose.cache_clear()

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(data=st.data())
    def check(data):
        pad = st.integers(0, 9)
        pairs = [[data.draw(pad), data.draw(pad)] for _ in range(2)]
        pads = data.draw(st.sampled_from(["SAME", "VALID", [[0, 0], *pairs, [0, 0]]]))
        kernel = [data.draw(st.integers(1, 12)) for _ in range(2)]
        sizes = [data.draw(st.integers(length, length + 40)) for length in kernel]
        n, c, more = (data.draw(st.integers(1, most)) for most in (3, 5, 3))
        rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
        x = rng.standard_normal((n, *sizes, c)).astype(np.float32)
        w = rng.standard_normal((*kernel, 1, c * more)).astype(np.float32)
        result = fast(x, w, pads)
        given_pairs = pads if isinstance(pads, str) else pads[1:3]
        exact = definition(x.astype(np.float64), w.astype(np.float64), (1, 1), given_pairs)
        assert (np.abs(result - exact) <= allowed(x, w, exact)).all()
        threads(data.draw(st.integers(1, 4)))
        out = np.empty(result.shape[::-1], np.float32).T
        layout = LAYOUTS[data.draw(st.sampled_from(sorted(LAYOUTS)))]
        assert fast(layout(x), w, pads, out=out) is out
        assert_same(np.ascontiguousarray(out), result)
        layer = npconv.Convolution(w, 1, pads, precision="fast")
        assert_same(layer(x), result)
        assert_same(layer(x), result)
        EXAMPLES["FFT within its bound"] += 1

    check()
    engine.choose.cache_clear()


@FORCED
@pytest.mark.parametrize("slip", ["kernel", "place", "tap", "digits"])
def test_a_planted_error_is_beyond_the_bound(forced, slip, monkeypatch):
    whole = fft._transformed
    x, w = (integers(shape, "float64", seed, 2**20) for seed, shape in enumerate(LAYERS[0]))
    exact = definition(x, w)
    turned = {
        "kernel": lambda *how: np.conj(whole(*how)),
        "place": lambda weights, *how: whole(np.roll(weights, 1, 0), *how),
        "tap": lambda weights, *how: whole(weights * (np.arange(63) < 62)[:, None], *how),
        "digits": lambda *how: whole(*how) * (1 + 2.0**-33),
    }
    monkeypatch.setattr(fft, "_transformed", turned[slip])
    assert not (np.abs(fast(x, w) - exact) <= allowed(x, w, np.zeros(()))).all()


@FORCED
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_what_is_not_finite_is_as_in_standard(forced, dtype, value):
    for which in (0, 1):
        for layer in LAYERS[:3]:
            arrays = [integers(shape, dtype, seed, 2) for seed, shape in enumerate(layer)]
            arrays[which].reshape(-1)[-1 - which] = value
            assert_same(fast(*arrays), npconv.conv2d(*arrays, 1, "SAME"))


@FORCED
def test_overflow_on_the_way_is_not_in_the_result(forced):
    x, w = np.full((1, 40, 40, 1), 1e306), np.zeros((9, 9, 1, 1))
    w[4, 4] = 1
    assert_same(fast(x, w), x)


@FORCED
@pytest.mark.unguarded
@pytest.mark.parametrize("count", [1, 8])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_memory_is_bounded_and_as_explained(forced, dtype, count, threads):
    threads(count)
    for layer in [
        *LAYERS,
        ((9, 256, 256, 1), (31, 31, 1, 1)),
        ((1, 90, 90, 70), (31, 31, 1, 140)),
        ((1, 500, 500, 1), (120, 120, 1, 2)),
        ((1, 40, 40, 1), (9, 9, 1, 500)),
    ]:
        said = npconv.explain(*layer, 1, "SAME", precision="fast", dtype=dtype)
        assert said.thread_bytes <= said.scratch_bytes <= 16 * MIB
        x, w = (np.ones(shape, dtype) for shape in layer)
        prepared = npconv.Convolution(w, 1, "SAME", precision="fast")
        prepared(x)
        for call in (lambda x=x, w=w: fast(x, w), lambda x=x, layer=prepared: layer(x)):
            scratch._kept = threading.local()
            tracemalloc.start()
            try:
                result = call()
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            assert peak - result.nbytes <= said.scratch_bytes + MIB, layer


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (((50, 100, 100, 1), (31, 31, 1, 1), 1, "VALID"), "FFT"),
        (((1, 1024, 1024, 1), (127, 127, 1, 1), 1, "SAME"), "FFT"),
        (((1, 56, 56, 128), (31, 31, 1, 128), 1, "SAME"), "FFT"),
        (((50, 100, 100, 1), (11, 11, 1, 1), 1, "VALID"), "block-Toeplitz"),
        (((1, 100, 100, 1), (31, 31, 1, 1), 2, "VALID"), "block-Toeplitz"),
        (((1, 56, 56, 128), (7, 7, 1, 128), 1, "SAME"), "depthwise"),
        (((1, 900, 900, 1), (600, 600, 1, 1), 1, "SAME"), "im2col"),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_it_is_chosen_where_it_pays(arguments, name, dtype):
    said = npconv.explain(*arguments, dtype=dtype, precision="fast")
    assert said.algorithm == name or name != "FFT" != said.algorithm
    assert npconv.explain(*arguments, dtype=dtype).algorithm != "FFT"
    for other in ("float16", "int32"):
        assert npconv.explain(*arguments, dtype=other, precision="fast").algorithm != "FFT"


def test_depthwise_conv2d_is_standard():
    x, w = (integers(shape, "float32", 1) for shape in ((1, 56, 56, 64), (31, 31, 64, 1)))
    call = x, w, (1, 1, 1, 1), "SAME"
    assert "FFT" not in npconv.explain(npconv.depthwise_conv2d, *call, precision="fast").algorithm
    as_groups = npconv.explain(x, w.reshape(31, 31, 1, 64), 1, "SAME", precision="fast")
    assert as_groups.algorithm == "FFT"
    result = npconv.depthwise_conv2d(*call, precision="fast")
    assert_same(result, npconv.depthwise_conv2d(*call))
    assert result.dtype == DTYPES["float32"]
