"""precision="fast": Winograd where it pays, within its proven bound, and standard elsewhere."""

from __future__ import annotations

import threading
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from builders import (
    DTYPES,
    EXAMPLES,
    LAYOUTS,
    assert_same,
    definition,
    integers,
    pads_of,
    special_values,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import npconv
from npconv._engine import multiply as engine
from npconv._engine import scratch
from npconv._engine.winograd import FORMS, POINTS, Winograd
from npconv._winograd import transforms

F4, F2 = FORMS[True]
NAMES = [form.NAME for form in (F4, F2)]
EVERY_FORM = pytest.mark.parametrize("forced", NAMES, indirect=True)
UNIT, TINY = 2.0**-24, 2.0**-126
MIB = 2**20
# Input, filters: several tiles and panels of filters, edges that are cut, a batch, few of each.
LAYERS = [
    ((1, 56, 56, 64), (3, 3, 64, 64)),
    ((2, 41, 38, 33), (3, 3, 33, 70)),
    ((1, 7, 9, 128), (3, 3, 128, 200)),
    ((5, 6, 5, 3), (3, 3, 3, 2)),
    ((1, 1, 1, 1), (3, 3, 1, 1)),
    ((9, 2, 3, 40), (3, 3, 40, 65)),
]
EVERY_LAYER = pytest.mark.parametrize("layer", LAYERS)


def fast(x, w, padding="SAME", **more):
    return npconv.conv2d(x, w, 1, padding, precision="fast", **more)


def normal(layer, dtype="float32", seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype(DTYPES[dtype]) for shape in layer]


def form_of(name):
    return engine.ALGORITHMS[name]


def allowed(x, w, padding, form):
    """How far F(m x m, 3 x 3) in float32 may lie from the exact sums.

    |y^ - y| <= gamma_k g, g = |A|^T (sum of |G||w||G|^T . |B|^T|x||B| by c) |A|, where k roundings
    lie on the way: a row of kron(B, B), exact in float32, has nz**2 non-zeros, and a sum of so many
    products as many roundings; filters are rounded once, and in float64 by less than once more; C
    products are summed, and then those of kron(A, A). What is flushed is off by less than TINY.
    """
    (a, b, g), m = (np.abs(one.astype(np.float64)) for one in form.transforms), form.outputs
    pairs = [padding] * 2 if isinstance(padding, str) else padding[1:3]
    axes = [
        pads_of(*one, 1, 1, pair) for *one, pair in zip(x.shape[1:3], (3, 3), pairs, strict=True)
    ]
    blocks = [-(-outputs // m) for *_, outputs in axes]
    pads = [
        (axis[0], m * count + 2 - size - axis[0])
        for axis, count, size in zip(axes, blocks, x.shape[1:3], strict=True)
    ]
    pixels = np.pad(np.abs(x.astype(np.float64)), [(0, 0), *pads, (0, 0)])
    u = np.einsum("ip,jq,ijco->pqco", g.T, g.T, np.abs(w.astype(np.float64)))
    nz = [int(np.count_nonzero(one, axis=0).max()) ** 2 for one in (a, b)]
    size, flushed = np.empty((2, len(x), *blocks, m, m, w.shape[3]))
    for i, j in np.ndindex(*blocks):
        block = pixels[:, m * i : m * i + m + 2, m * j : m * j + m + 2]
        v = np.einsum("ip,jq,nijc->npqc", b, b, block)
        products = np.einsum("npqc,pqco->npqo", v, u)
        around = np.einsum("npqc,pqco->npqo", v + nz[1] * TINY, u + TINY) - products
        around += 2 * len(v[0, 0, 0]) * TINY
        size[:, i, j] = np.einsum("pi,qj,npqo->nijo", a, a, products)
        flushed[:, i, j] = np.einsum("pi,qj,npqo->nijo", a, a, around) + nz[0] * TINY
    k = sum(nz) + 2 + x.shape[3]
    assert k == form.transforms.roundings(x.shape[3])
    gamma = k * UNIT / (1 - k * UNIT)
    # (n, rows, columns, m, m, o) -> (n, rows * m, columns * m, o)
    whole = (gamma * size + (1 + gamma) * flushed).transpose(0, 1, 3, 2, 4, 5)
    whole = whole.reshape(len(x), m * blocks[0], m * blocks[1], -1)
    return whole[:, : axes[0][2], : axes[1][2]]


def exact(x, w, padding):
    """Sums in float64, whose own error is less than a millionth of what is allowed."""
    pairs = padding if isinstance(padding, str) else padding[1:3]
    return definition(x.astype(np.float64), w.astype(np.float64), (1, 1), pairs)


def assert_within(result, x, w, padding, form):
    error = np.abs(result.astype(np.float64) - exact(x, w, padding))
    assert (error <= allowed(x, w, padding, form)).all()


@given(data=st.data())
def test_transforms_are_exact_filters(data):
    """Of any points: y = A.T @ ((G @ w) * (B.T @ x)) is the filter itself, in fractions."""
    m, r = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 4))
    points = st.fractions(-3, 3, max_denominator=8)
    drawn = data.draw(st.lists(points, min_size=m + r - 2, max_size=m + r - 2, unique=True))
    rows = st.fractions(-9, 9, max_denominator=9)
    x = np.array(data.draw(st.lists(rows, min_size=m + r - 1, max_size=m + r - 1)))
    w = np.array(data.draw(st.lists(rows, min_size=r, max_size=r)))
    a, b, g = transforms(m, r, tuple(drawn))
    result = a.T @ ((g @ w) * (b.T @ x))
    assert list(result) == [sum(x[i + j] * w[j] for j in range(r)) for i in range(m)]
    EXAMPLES["Winograd's transforms"] += 1


@pytest.mark.parametrize("form", [F4, F2], ids=NAMES)
def test_transforms_of_pixels_and_sums_are_exact_in_float32(form):
    for one, used in ((form.transforms.a, form._back), (form.transforms.b, form._forth)):
        wide = np.kron(one, one).T
        assert used.dtype == np.float32
        assert all(Fraction(float(x)) == y for x, y in zip(used.ravel(), wide.ravel(), strict=True))


@EVERY_FORM
@EVERY_LAYER
@pytest.mark.parametrize("padding", ["SAME", [[0, 0], [3, 0], [2, 5], [0, 0]]])
def test_layers_are_within_the_bound(layer, forced, padding):
    x, w = normal(layer)
    assert npconv.explain(x, w, 1, padding, precision="fast").algorithm == forced
    assert_within(fast(x, w, padding), x, w, padding, form_of(forced))


def test_any_call_is_within_the_bound_and_the_same_everywhere(monkeypatch, threads):
    """Any size, pads, batch, layout and memory; the same bits on threads, in `out`, prepared."""

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(data=st.data())
    def check(data):
        name = data.draw(st.sampled_from(NAMES))
        monkeypatch.setattr(engine, "_FORCED", name)
        engine.choose.cache_clear()
        pad = st.integers(0, 4)
        pairs = [[data.draw(pad), data.draw(pad)] for _ in range(2)]
        pads = data.draw(st.sampled_from(["SAME", "VALID", [[0, 0], *pairs, [0, 0]]]))
        sizes = [data.draw(st.integers(3, 19)) for _ in range(2)]
        n, c, o = (data.draw(st.integers(1, most)) for most in (3, 20, 80))
        x, w = normal(((n, *sizes, c), (3, 3, c, o)), seed=data.draw(st.integers(0, 2**32)))
        x *= np.float32(2.0) ** data.draw(st.sampled_from([0, 0, 0, 100, -100, -130]))
        result = fast(x, w, pads)
        assert_within(result, x, w, pads, form_of(name))
        threads(data.draw(st.integers(1, 4)))
        layout = LAYOUTS[data.draw(st.sampled_from(sorted(LAYOUTS)))]
        out = np.empty(result.shape[::-1], np.float32).T
        assert fast(layout(x), w, pads, out=out) is out
        assert_same(np.ascontiguousarray(out), result)
        layer = npconv.Convolution(w, 1, pads, precision="fast")
        assert_same(layer(x), result)
        assert_same(layer(x), result)
        first = pads if isinstance(pads, str) else [pads[0], pads[3], *pads[1:3]]
        turned = fast(np.ascontiguousarray(np.moveaxis(x, 3, 1)), w, first, data_format="NCHW")
        assert_same(np.ascontiguousarray(np.moveaxis(turned, 1, 3)), result)
        EXAMPLES["fast within its bound"] += 1

    check()
    engine.choose.cache_clear()


MATRICES = pytest.mark.parametrize("matrix", ["_forth", "_back", "_filters"])


def assert_seen(monkeypatch, form, matrix, wrong):
    with monkeypatch.context() as planted:
        planted.setattr(form, matrix, wrong)
        x, w = normal(LAYERS[3])
        with pytest.raises(AssertionError):
            assert_within(fast(x, w), x, w, "SAME", form)


@EVERY_FORM
@MATRICES
def test_a_wrong_sign_is_beyond_the_bound(forced, matrix, monkeypatch):
    """By a factor of 50 and more, wherever it is."""
    form = form_of(forced)
    whole = getattr(form, matrix)
    for number in np.flatnonzero(whole)[::7]:
        wrong = whole.copy()
        wrong.flat[number] *= -1
        assert_seen(monkeypatch, form, matrix, wrong)


@EVERY_FORM
@MATRICES
def test_a_rounded_point_is_beyond_the_bound(forced, matrix, monkeypatch):
    """In one of three matrices; in all of them it would be another point, and right."""
    form = form_of(forced)
    for number, point in enumerate(POINTS[form.outputs]):
        points = list(POINTS[form.outputs])
        points[number] = point * Fraction(257, 256)
        other = Winograd(form.outputs, tuple(points), prepared=True)
        assert_seen(monkeypatch, form, matrix, getattr(other, matrix))


@pytest.mark.parametrize("forced", [F2.NAME], indirect=True)
@EVERY_LAYER
def test_f2_is_exact_for_integers_with_room_for_quarters(layer, forced):
    """Filters become quarters of up to 9/4 w, and 9 sums of C products with up to 4 x are added.

    Those are multiples of 1/4 below 2**22: 9 C (9/4) w 4 x <= 2**22.
    """
    channels = layer[0][3]
    most = int((2**22 / (81 * channels)) ** 0.5)
    x, w = integers(layer[0], "float32", 1, most), integers(layer[1], "float32", 2, most)
    np.testing.assert_array_equal(fast(x, w), definition(x, w))


@pytest.mark.parametrize("forced", [F4.NAME], indirect=True)
def test_f4_divides_by_15_and_is_not_exact_for_integers(forced):
    x, w = (integers(shape, "float32", seed) for seed, shape in enumerate(LAYERS[0]))
    assert (fast(x, w) != definition(x, w)).any()


@EVERY_FORM
@EVERY_LAYER
@pytest.mark.parametrize("share", [1e-4, 0.01])
@pytest.mark.parametrize("where", [(0,), (1,), (0, 1)], ids=["input", "filters", "both"])
def test_what_is_not_finite_is_as_in_standard(layer, forced, share, where):
    arrays = [integers(shape, "float32", seed, 2) for seed, shape in enumerate(layer)]
    for seed in where:
        arrays[seed] = special_values(layer[seed], "float32", seed, share)
        arrays[seed].reshape(-1)[-1] = np.inf
    assert_same(fast(*arrays), npconv.conv2d(*arrays, 1, "SAME"))


@EVERY_FORM
@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_one_value_anywhere_is_seen(forced, value):
    """In a corner, where most outputs of its block are cut off, and in the midst of a tile."""
    x, w = (integers(shape, "float32", seed, 2) for seed, shape in enumerate(LAYERS[1]))
    for place in ((0, 0, 0, 0), (1, 40, 37, 32), (0, 20, 37, 1), (1, 13, 13, 7)):
        broken = x.copy()
        broken[place] = value
        assert_same(fast(broken, w), npconv.conv2d(broken, w, 1, "SAME"))


@EVERY_FORM
def test_overflow_on_the_way_is_not_in_the_result(forced):
    """Transformed pixels, their products, or sums exceed float32, where direct sums do not."""
    x, w = np.zeros((1, 12, 12, 2), np.float32), np.zeros((3, 3, 2, 3), np.float32)
    x[:, ::2, :, 0], w[:, 1, 0] = 3e38, 0.25
    x[:, 1::2, :, 0] = -3e38
    assert_same(fast(x, w), npconv.conv2d(x, w, 1, "SAME"))
    assert np.isfinite(fast(x, w)).all()
    x[..., 0], w[...] = 3e38, 1  # and here those do, too
    assert_same(fast(x, w), npconv.conv2d(x, w, 1, "SAME"))
    assert np.isinf(fast(x, w)).any()


@EVERY_FORM
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_halves_are_computed_in_float32_and_rounded_once(forced, dtype):
    for layer in LAYERS[:3]:
        x, w = normal(layer, dtype)
        wide = fast(x.astype(np.float32), w.astype(np.float32))
        assert_same(fast(x, w), wide.astype(DTYPES[dtype]))


@EVERY_FORM
@pytest.mark.unguarded
@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("count", [1, 8])
def test_memory_is_bounded_and_as_explained(forced, dtype, count, threads):
    threads(count)
    for layer in [
        *LAYERS[:3],
        ((1, 200, 210, 64), (3, 3, 64, 64)),
        ((1, 9, 9, 2), (3, 3, 2, 9000)),
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
            assert peak - result.nbytes <= said.scratch_bytes + MIB


@pytest.mark.parametrize(
    ("arguments", "named", "name"),
    [
        (((1, 224, 224, 64), (3, 3, 64, 64), 1, "SAME"), {}, F4.NAME),
        (((1, 112, 112, 64), (3, 3, 64, 128), (1, 1), "VALID"), {}, F4.NAME),
        (((8, 56, 56, 128), (3, 3, 128, 128), 1, "SAME"), {"dtype": "float16"}, F4.NAME),
        (((1, 64, 224, 224), (3, 3, 64, 64), 1, "SAME", "NCHW"), {}, F4.NAME),
        (((1, 7, 7, 512), (3, 3, 512, 512), 1, "SAME"), {}, "im2col"),
        (((1, 224, 224, 64), (3, 3, 64, 64), 2, "SAME"), {}, "im2col"),
        (((1, 224, 224, 64), (3, 3, 64, 64), 1, "SAME", "NHWC", 2), {}, "im2col"),
        (((1, 224, 224, 64), (3, 3, 32, 64), 1, "SAME"), {}, "im2col"),
        (((1, 224, 224, 64), (5, 5, 64, 64), 1, "SAME"), {}, "im2col"),
        (((1, 224, 224, 64), (3, 3, 64, 64), 1, "SAME"), {"dtype": "float64"}, "im2col"),
        (((1, 224, 224, 64), (3, 3, 64, 64), 1, "SAME"), {"dtype": "int32"}, "im2col"),
        (((1, 224, 224, 3), (3, 3, 3, 64), 1, "SAME"), {}, "im2col"),
        (((1, 224, 224, 64), (3, 3, 64, 2), 1, "SAME"), {}, "kn2row"),
    ],
)
def test_it_is_chosen_where_it_pays(arguments, named, name):
    assert npconv.explain(*arguments, **named, precision="fast").algorithm == name
    assert "Winograd" not in npconv.explain(*arguments, **named).algorithm


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        (((1, 28, 28, 128), (3, 3, 128, 128)), F4.NAME),
        (((1, 14, 14, 256), (3, 3, 256, 256)), F2.NAME),
        (((1, 7, 7, 512), (3, 3, 512, 512)), F2.NAME),
        (((1, 2, 2, 32), (3, 3, 32, 32)), "im2col"),
    ],
)
def test_prepared_filters_pay_more_often(layer, name):
    geometry = npconv.explain(*layer, 1, "SAME").geometry
    how = geometry, layer[0][0], np.dtype(np.float32)
    assert engine.choose(*how, fast=True, prepared=True).algorithm == name
    assert engine.choose(*how, fast=True).algorithm == "im2col"


def test_everything_else_is_standard():
    x, w = normal(((2, 40, 40, 64), (3, 3, 64, 64)))
    for function, arguments in (
        (npconv.conv2d_transpose, (x, w, x.shape, 1)),
        (npconv.conv2d_backprop_input, (x.shape, w, x, 1, "SAME")),
        (npconv.conv3d, (x[None], w[None], 1, "SAME")),
        (npconv.depthwise_conv2d, (x, w[..., :1], (1, 1, 1, 1), "SAME")),
        (npconv.conv2d, (x.astype(np.float64), w, 1, "SAME")),
    ):
        assert_same(function(*arguments, precision="fast"), function(*arguments))
