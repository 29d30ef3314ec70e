"""Memory beyond the inputs and the result is bounded, whatever the layer."""

from __future__ import annotations

import threading
import tracemalloc

import numpy as np
import pytest
from builders import DTYPES

import npconv
from npconv._engine import scratch as engine

MIB = 2**20
PYTHONS = 300_000  # bytes of objects, threads among them; a buffer of a tile takes more
# A plain copy of each: the guard's would be counted.
pytestmark = pytest.mark.unguarded

MODES = "SAME", "VALID"
PADDED = [[0, 0], [2**20, 2**20], [2**20, 2**20], [0, 0]]
PADDED_BY_500 = [[0, 0], [500, 2], [0, 900], [0, 0]]
LAYERS = {  # input, filters, strides, dilations, paddings other than both SAME and VALID
    "3x3x64": ((1, 226, 226, 64), (3, 3, 64, 64), 1, 1),
    "pointwise": ((1, 400, 400, 64), (1, 1, 64, 32), 1, 1),
    "one-channel": ((1, 2000, 2000, 1), (5, 5, 1, 2), 1, 1),
    "one-channel-many-images": ((5000, 28, 28, 1), (5, 5, 1, 6), 1, 1),
    "few-channels-in-groups": ((3, 150, 150, 64), (3, 3, 4, 64), 1, 1),
    "depthwise": ((1, 300, 300, 64), (3, 3, 1, 64), 1, 1),
    "depthwise-multiplier": ((3, 150, 150, 64), (3, 3, 1, 256), 2, 1),
    "depthwise-31x31": ((1, 56, 56, 384), (31, 31, 1, 384), 1, 1),
    "depthwise-wide-dilation": ((1, 3, 143, 64), (19, 33, 1, 320), (3, 2), (5, 101), "SAME"),
    "depthwise-rows-beyond-a-band": ((1, 40, 600, 256), (9, 1, 1, 256), 1, 1),
    "groups": ((1, 200, 200, 64), (3, 3, 16, 64), 1, 1),
    "groups-in-shares": ((1, 7, 7, 4096), (3, 3, 256, 4096), 1, 1),
    "kernel-covers": ((1, 600, 700, 4), (600, 700, 4, 2), 1, 1, "VALID"),
    "kernel-covers-many-channels": ((1, 20, 20, 4096), (20, 20, 4096, 2), 1, 1, "VALID"),
    "stride-1000": ((1, 3000, 4000, 3), (7, 7, 3, 8), 1000, 1),
    "stride-1000-whole-kernel": ((1, 2100, 2100, 3), (400, 3, 3, 2), 1000, 1, "VALID"),
    "dilation-500": ((1, 2000, 2000, 2), (3, 3, 2, 4), 100, 500),
    "dilation-in-padding": ((2, 20, 20, 64), (3, 3, 64, 64), 2**19, 2**19, PADDED),
    "stride-in-padding": ((2, 20, 20, 64), (3, 3, 64, 64), 2**15 - 1, 1, PADDED),
    "depthwise-in-padding": ((2, 20, 20, 64), (3, 3, 1, 64), 2**15 - 1, 1, PADDED),
    "wide": ((1, 3, 1_000_000, 2), (3, 3, 2, 4), 1, 1),
    "tall": ((1, 1_000_000, 3, 2), (3, 3, 2, 4), 1, 1),
    "large-batch": ((5000, 8, 8, 8), (3, 3, 8, 8), 1, 1),
    "large-batch-many-channels": ((300, 7, 7, 512), (1, 3, 512, 32), 1, 1),
    "few-filters": ((1, 200, 200, 256), (3, 3, 256, 2), 1, 1),
    "few-filters-many-channels": ((1, 2, 2, 32768), (3, 3, 32768, 28), 1, 1, "SAME"),
    "few-filters-wide-dilation": ((9, 3, 14, 256), (31, 3, 256, 1), 1, (1, 100), "SAME"),
    "taps-apart": ((1, 14, 2000, 256), (7, 40, 256, 3), (1, 50), (1, 9), "SAME"),
    "few-channels-taps-apart": ((16, 14, 300, 3), (2, 5, 3, 3), (3, 50), (2, 1), PADDED_BY_500),
    "depthwise-stride-1000": ((1, 3000, 3000, 8), (3, 3, 1, 8), 1000, 1),
    "many-channels": ((1, 4, 4, 100_000), (3, 3, 100_000, 2), 1, 1),
    "many-filters": ((1, 8, 8, 2), (3, 3, 2, 100_000), 1, 1),
    "filters-in-shares": ((1, 14, 14, 512), (3, 3, 512, 512), 1, 1),
}


def scratch(x, w, strides, padding, dilations=1, **more):
    """Peak bytes beyond the inputs and the result, of a call that finds no memory kept."""
    return scratch_of(npconv.conv2d, x, w, strides, padding, dilations=dilations, **more)


def scratch_of(function, *arguments, **more):
    engine._kept = threading.local()
    tracemalloc.start()
    try:
        result = function(*arguments, **more)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return peak - (0 if "out" in more else result.nbytes)


def ones(shape, dtype="float32"):
    return np.ones(shape, DTYPES[dtype])


@pytest.mark.parametrize(
    ("layer", "padding"),
    [
        pytest.param(layer, padding, id=f"{layer}-{padding if padding in MODES else 'padded'}")
        for layer, (*_, last) in LAYERS.items()
        for padding in (MODES if isinstance(last, int) else (last,))
    ],
)
def test_at_most_16_mib(layer, padding, threads):
    """On as many threads as find room."""
    input_shape, filters_shape, strides, dilations, *_ = LAYERS[layer]
    threads(8)
    said = npconv.explain(input_shape, filters_shape, strides, padding, dilations=dilations)
    used = scratch(ones(input_shape), ones(filters_shape), strides, padding, dilations)
    assert used <= 16 * MIB, f"{used / MIB:.1f} MiB"
    assert used <= said.scratch_bytes + MIB, "explain promised less"
    assert said.thread_bytes <= said.scratch_bytes <= 16 * MIB


@pytest.mark.parametrize(
    ("function", "shapes"),
    [
        (npconv.separable_conv2d, [(2, 112, 112, 64), (3, 3, 64, 1), (1, 1, 64, 128)]),
        (npconv.depthwise_conv2d, [(2, 112, 112, 64), (3, 3, 64, 2)]),
        (npconv.conv3d, [(1, 16, 56, 56, 16), (3, 3, 3, 16, 32)]),
    ],
)
def test_the_family(function, shapes):
    """What is between the two convolutions of a separable one counts, too."""
    said = npconv.explain(function, *shapes, 1, "SAME").scratch_bytes
    used = scratch_of(function, *map(ones, shapes), 1, "SAME")
    assert said / 4 < used <= said + PYTHONS


def test_16_megapixels():
    """Into memory that both calls share, because fresh memory is what takes the time."""
    x, w = ones((1, 4000, 4000, 3)), ones((7, 7, 3, 8))
    memory = np.empty(4000 * 4000 * 8, np.float32)
    for padding, size in (("SAME", 4000), ("VALID", 3994)):
        out = memory[: size * size * 8].reshape(1, size, size, 8)
        used = scratch(x, w, 1, padding, out=out)
        assert used <= 16 * MIB, f"{padding}: {used / MIB:.1f} MiB"
        assert (out[0, ::500, 10:-10:500] >= 84).all()  # at least 4 * 7 * 3 taps were summed


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("data_format", ["NHWC", "NCHW"])
def test_every_dtype_and_format(dtype, data_format):
    """Converted tile by tile, not as a whole (the image takes 24 MiB in float16)."""
    shape = (1, 448, 448, 64) if data_format == "NHWC" else (1, 64, 448, 448)
    x, w = ones(shape, dtype), ones((3, 3, 64, 8), dtype)
    used = scratch(x, w, 1, "SAME", data_format=data_format)
    assert used <= 16 * MIB, f"{used / MIB:.1f} MiB"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("input_shape", "filters_shape", "dilations"),
    [
        ((1, 7, 7, 2048), (1, 1, 2048, 4096), 1),
        ((1, 7, 7, 1024), (3, 3, 1024, 1024), 1),
        ((1, 7, 7, 4096), (3, 3, 256, 4096), 1),
        ((1, 7, 7, 1024), (3, 3, 1024, 2048), (1, 1009)),
    ],
)
def test_filters_are_not_converted_whole_where_each_is_used_once(
    input_shape, filters_shape, dilations, dtype
):
    """Converted part by part; all of them would take 32 MiB as float32, and more."""
    x, w = ones(input_shape, dtype), ones(filters_shape, dtype)
    used = scratch(x, w, 1, "SAME", dilations)
    assert used <= 16 * MIB, f"{used / MIB:.1f} MiB"
    said = npconv.explain(x, w, 1, "SAME", dilations=dilations).scratch_bytes
    assert used <= said + PYTHONS, "explain promised less"


def test_a_buffer_is_given_back_before_a_larger_one_is_made():
    kept = engine.Scratch()
    tracemalloc.start()
    try:
        kept.take("patches", (1 << 20,), np.dtype(np.float32))
        tracemalloc.reset_peak()
        kept.take("patches", ((1 << 20) + 1,), np.dtype(np.float32))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5 * MIB


@pytest.mark.parametrize(
    "arrange",
    [np.asfortranarray, lambda a: a[:, ::-1, ::-1], lambda a: a.astype(">f4")],
    ids=["Fortran", "negative", "big-endian"],
)
def test_other_layouts_are_not_copied_whole(arrange):
    x, w = arrange(ones((1, 512, 512, 32))), ones((3, 3, 32, 8))
    used = scratch(x, w, 1, "SAME")
    assert used <= 16 * MIB, f"{used / MIB:.1f} MiB"
    out = np.empty((1, 512, 512, 16), np.float32)[..., ::2]
    used = scratch(x, w, 1, "SAME", out=out)
    assert used <= 16 * MIB, f"{used / MIB:.1f} MiB"


@pytest.mark.parametrize(
    ("strides", "padding", "dilations"),
    [
        (1, "SAME", 2**31 - 1),
        (2**31 - 1, "SAME", 1),
        (2**31 - 1, "SAME", 2**31 - 1),
        (2**31 - 1, "VALID", 1),
        (2**30, [[0, 0], [2**30, 2**30], [2**30, 2**30], [0, 0]], 1),
        (2**28, [[0, 0], [2**30, 2**30], [2**30, 2**30], [0, 0]], 2**27),
        (1, "SAME", 1_000_003),
    ],
    ids=str,
)
def test_huge_numbers_cost_nothing(strides, padding, dilations):
    used = scratch(ones((1, 20, 20, 2)), ones((3, 3, 2, 4)), strides, padding, dilations)
    assert used <= 8 * MIB, f"{used / MIB:.1f} MiB"


def test_empty_leading_dimension_takes_nothing():
    x = np.empty((0, 2**31 - 2, 1, 1), np.float32)
    assert scratch(x, ones((1, 1, 1, 1)), 1, "VALID") <= MIB
    x = np.empty((2**31 - 2, 0, 1, 1), np.float32)
    assert scratch(x, ones((1, 1, 1, 1)), 1, "VALID") <= MIB


@pytest.mark.parametrize(
    "arguments",
    [
        {"padding": [[0, 0], [2**40, 0], [2**40, 0], [0, 0]]},
        {"padding": [[0, 0], [2**31, 0], [0, 0], [0, 0]], "strides": 2**31 - 1},
        {"padding": [[0, 0], [2**100, 0], [0, 0], [0, 0]]},
        {"strides": 2**31},
        {"strides": [1] * 1000},
        {"dilations": range(10**9)},
        {"strides": range(10**12)},
        {"padding": "VALID", "dilations": 2**31 - 1},
        {"filters": np.broadcast_to(np.float32(1), (3, 3, 1, 2**31))},
        {"filters": np.broadcast_to(np.float32(1), (2**31, 3, 2, 1))},
        {"filters": np.broadcast_to(np.float64(1), (3, 3, 3, 2**40))},
        {"filters": np.broadcast_to(np.float64(1), (2**20, 2**20, 3, 2))},
        {"input": np.broadcast_to(np.float32(1), (1, 2**31 - 1, 5, 2))},
        {"input": np.broadcast_to(np.float32(1), (1, 2**20, 2**20, 2)), "padding": "same"},
        {"input": np.broadcast_to(np.int64(1), (1, 2**20, 2**20, 2))},
    ],
    ids=lambda a: ", ".join(f"{k}={getattr(v, 'shape', v)}"[:40] for k, v in a.items()),
)
def test_a_rejected_call_allocates_nothing(arguments):
    call = {"input": ones((1, 5, 5, 2)), "filters": ones((3, 3, 2, 2)), "strides": 1,
            "padding": "SAME", **arguments}  # fmt: skip
    tracemalloc.start()
    try:
        with pytest.raises((ValueError, TypeError)) as caught:
            npconv.conv2d(**call)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MIB
    assert len(str(caught.value)) < 1000


@pytest.mark.unguarded
@pytest.mark.parametrize(
    ("input_shape", "filters_shape"),
    [((1, 64, 64, 64), (64, 64, 64, 1)), ((4, 150, 150, 32), (1, 1, 32, 16))],
    ids=["kernel-covers", "1x1"],
)
def test_patches_that_are_the_input_are_not_copied(input_shape, filters_shape):
    assert scratch(ones(input_shape), ones(filters_shape), 1, "VALID") < 100_000


@pytest.mark.unguarded
@pytest.mark.parametrize(
    ("input_shape", "filters_shape", "strides", "dilations", "dtype", "value"),
    [
        ((3, 85, 18, 64), (31, 7, 64, 64), [1, 2], [2, 101], "float64", 1),
        ((4, 82, 78, 512), (3, 3, 64, 512), [1, 19], [1, 2], "float64", 1),
        ((3, 21, 2, 1127), (3, 2, 1127, 225), 1, [1, 101], "int32", 2**31 - 1),
        ((1, 2, 2, 32768), (3, 3, 32768, 28), 1, 1, "float16", 1),
    ],
)
def test_blocks_of_the_filters_are_counted(
    input_shape, filters_shape, strides, dilations, dtype, value
):
    x = np.full(input_shape, value, DTYPES[dtype])
    w = np.full(filters_shape, value, DTYPES[dtype])
    said = npconv.explain(x, w, strides, "SAME", dilations=dilations).scratch_bytes
    scratch(x, w, strides, "SAME", dilations)  # what Python keeps of the tiles is not counted
    assert scratch(x, w, strides, "SAME", dilations) <= said + PYTHONS
