"""``error_bound``: held against the reference loops, sums in fractions and planted errors."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from builders import DTYPES, FLOATS
from family import FORWARD, GRADIENTS, floats, random_call

import npconv
from npconv import _bounds, reference
from npconv._engine.multiply import ALGORITHMS
from npconv._formats import Format

FAMILY = [*FORWARD, *GRADIENTS]
UNIT = {"float16": 2.0**-11, "bfloat16": 2.0**-8, "float32": 2.0**-24, "float64": 2.0**-53}
TINY = {"float32": 2.0**-126, "float64": 2.0**-1022}


def wide(arguments):
    """The same arrays in the widest float there is."""
    return [
        one.astype(np.float64) if isinstance(one, np.ndarray) and one.ndim > 2 else one
        for one in arguments
    ]


@pytest.mark.parametrize("dtype", FLOATS[:3])
@pytest.mark.parametrize("name", FAMILY)
def test_every_order_of_sums_stays_within_it(name, dtype):
    """The loops sum in another order than the engine; float64's sums are the exact ones."""
    function, largest = getattr(npconv, name), 0.0
    for seed in range(12):
        arguments, named = floats(name, dtype, seed)
        bound = npconv.error_bound(function, *arguments, **named)
        exact = function(*wide(arguments), **named)
        assert bound.dtype == np.float64
        assert bound.shape == exact.shape
        for one in (function, getattr(reference, name)):
            error = np.abs(one(*arguments, **named).astype(np.float64) - exact)
            assert (error <= bound).all(), (seed, one)
            largest = max(largest, np.max(error / np.where(bound, bound, 1), initial=0))
    assert largest > 0.01


@pytest.mark.parametrize("precision", ["standard", "fast", "exact"])
@pytest.mark.parametrize("name", FAMILY)
def test_integers_have_no_error(name, precision):
    arguments, named = random_call(name, "int32", 3)
    bound = npconv.error_bound(getattr(npconv, name), *arguments, **named, precision=precision)
    assert bound.shape == getattr(npconv, name)(*arguments, **named).shape
    assert not bound.any()


def one_sum(x, w, given=np.float32, **named):
    """The bound of a single sum of products."""
    shape = 1, 1, 1, len(x)
    x, w = (np.asarray(one, np.float64).astype(given) for one in (x, w))
    filters = w.reshape(*shape[:2], len(x), 1)
    return npconv.error_bound(x.reshape(shape), filters, 1, "VALID", **named).item()


def test_the_formula():
    """gamma_n g + n t (1 + gamma_n), but for what the bound's own rounding adds."""
    x, w = [3.0, -5, 0.5, 7], [2.0, 1, -9, 0.25]
    g, n, u = 6 + 5 + 4.5 + 1.75, 4, UNIT["float32"]
    gamma = n * u / (1 - n * u)
    assert one_sum(x, w) == pytest.approx(gamma * g, rel=1e-9)
    tiny = one_sum(np.multiply(x, 2.0**-80), np.multiply(w, 2.0**-80))
    assert tiny == pytest.approx(gamma * g * 2.0**-160 + n * TINY["float32"] * (1 + gamma))


@pytest.mark.parametrize("narrow", ["float16", "bfloat16"])
def test_narrow_sums_have_room_for_any_number_of_terms(narrow):
    x = np.ones(5000)
    n, u = 5000, UNIT[narrow]
    assert n * u > 1
    assert one_sum(x, x, accumulate=narrow) == pytest.approx(n * u * n, rel=1e-3)


@pytest.mark.parametrize(("dtype", "digits"), [("float16", 11), ("bfloat16", 8)])
def test_halves_are_rounded_once(dtype, digits):
    x = [1, 2.0**-5]
    bound = one_sum(x, [1, 1], given=DTYPES[dtype])
    value, sums = 1 + 2.0**-5, 2 * UNIT["float32"] * (1 + 2.0**-5)
    assert bound == pytest.approx(2.0**-digits * value + sums, rel=1e-4)


def test_inputs_that_are_rounded():
    """Only those that are no numbers of the format count."""
    third, u = np.float32(1 / 3), 2.0**-11
    plain = one_sum([third, 1], [1, 1])
    assert one_sum([0.25, 1], [1, 1], multiply="tfloat32") == one_sum([0.25, 1], [1, 1])
    found = one_sum([third, 1], [1, 1], multiply="tfloat32")
    assert found == pytest.approx(plain + u * third, rel=1e-3)
    both = one_sum([third], [third], multiply="bfloat16")
    assert both == pytest.approx(third**2 * ((1 + 2.0**-8) ** 2 - 1), rel=1e-3)
    assert one_sum([1e30], [1], multiply="float16") == np.inf


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_subnormals_may_be_flushed(dtype):
    """Beforehand, so that large products are lost, and afterwards."""
    least, tiny = TINY[dtype] / 4, TINY[dtype]
    assert one_sum([least, 1], [2.0**90, 1], given=dtype) >= least * 2.0**90
    root = 2.0 ** (np.log2(tiny) / 2 - 1)
    assert one_sum([root], [root], given=dtype) >= root**2
    assert one_sum([4 * least, 1], [2.0**90, 1], given=dtype) < tiny * 2.0**80 + 2.0**-20


def test_eight_bits_in_thirty_two_are_exact():
    x, w = np.full((1, 3, 3, 9), -128, np.int8), np.full((3, 3, 9, 1), 127, np.int8)
    assert not npconv.error_bound(x, w, 1, "SAME").any()
    scaled = npconv.error_bound(x, w, 1, "SAME", accumulate="int32", dtype="float32")
    values = npconv.conv2d(x.astype(np.int32), w.astype(np.int32), 1, "SAME")
    np.testing.assert_allclose(scaled, np.abs(values) * UNIT["float32"], rtol=1e-6)
    large = np.full((1, 1, 1, 2), 2**16, np.int32)
    wraps = npconv.error_bound(large, large.reshape(1, 1, 2, 1), 1, "SAME", dtype="float32")
    assert wraps < np.inf
    sums = {"dtype": "float32", "accumulate": "int32"}
    assert npconv.error_bound(large, large.reshape(1, 1, 2, 1), 1, "SAME", **sums) == np.inf


def test_what_is_no_number_and_what_overflows():
    x, w = np.ones((1, 1, 6, 1), np.float32), np.ones((1, 2, 1, 1), np.float32)
    x[0, 0, 0], x[0, 0, 2:4] = np.inf, 3e38
    bound = npconv.error_bound(x, w, 1, "VALID").ravel()
    assert np.isnan(bound[0])
    assert (bound[[2]] == np.inf).all()
    assert np.isfinite(bound[[1, 3, 4]]).all()
    w[0, 0] = np.nan  # also over padding
    assert np.isnan(npconv.error_bound(x, w, 1, [[0, 0], [0, 0], [1, 0], [0, 0]])[..., 0, :]).all()
    halves = np.full((1, 1, 1, 2), 200, np.float16)
    assert npconv.error_bound(halves, halves.reshape(1, 1, 2, 1), 1, "VALID") == np.inf


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", FAMILY)
def test_zeros_have_no_error(name, dtype):
    arguments, named = random_call(name, dtype, 5)
    arguments = [
        0 * one if isinstance(one, np.ndarray) and one.ndim > 2 else one for one in arguments
    ]
    for precision in ("standard", "fast", "exact"):
        bound = npconv.error_bound(getattr(npconv, name), *arguments, **named, precision=precision)
        assert not bound.any()


@pytest.mark.parametrize("dtype", FLOATS)
def test_exact_is_rounded_once(dtype):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1, 1, 40, 7)).astype(DTYPES[dtype])
    w = rng.standard_normal((1, 1, 7, 1)).astype(DTYPES[dtype])
    bound = npconv.error_bound(x, w, 1, "VALID", precision="exact").ravel()
    pairs = ([Fraction(float(one)) for one in row] for row in x.reshape(40, 7))
    taps = [Fraction(float(one)) for one in w.ravel()]
    values = [sum(a * b for a, b in zip(row, taps, strict=True)) for row in pairs]
    for value, own in zip(values, bound, strict=True):
        assert UNIT[dtype] * abs(value) / 2 <= own <= UNIT[dtype] * abs(value) * (1 + 2.0**-20)


def test_separable_carries_the_first_error_on():
    x, d = np.full((1, 1, 1, 1), 3, np.float32), np.ones((1, 1, 1, 2), np.float32)
    p = np.array([4, -4], np.float32).reshape(1, 1, 2, 1)
    bound = npconv.error_bound(npconv.separable_conv2d, x, d, p, 1, "VALID").item()
    u = UNIT["float32"]
    first = u * 3
    assert bound == pytest.approx(8 * first + 2 * u * 24, rel=1e-5)
    exact = npconv.error_bound(npconv.separable_conv2d, x, d, p, 1, "VALID", precision="exact")
    assert exact.item() == pytest.approx(8 * first, rel=1e-5)  # of the sum 0


@pytest.mark.parametrize("forced", ["Winograd F(2x2, 3x3)", "Winograd F(4x4, 3x3)"], indirect=True)
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_winograd_has_a_bound_of_its_own(forced, layout):
    """gamma_k g_W, from loops over fractions; halves are rounded once more."""
    rng, form = np.random.default_rng(1), ALGORITHMS[forced]
    x = rng.integers(-9, 9, (2, 7, 6, 2)).astype(np.float32)
    w = rng.integers(-9, 9, (3, 3, 2, 3)).astype(np.float32)
    a, b, g = (np.abs(one) for one in form.transforms)
    m, padded = form.outputs, np.abs(np.pad(x, [(0, 0), (1, 9), (1, 9), (0, 0)])).astype(int)
    total = np.zeros((2, 12, 12, 3))
    for n, i, j, o in np.ndindex(2, 12 // m, 12 // m, 3):
        block = padded[n, i * m : i * m + m + 2, j * m : j * m + m + 2]
        values = sum(
            (g @ np.abs(w[..., c, o]).astype(int) @ g.T) * (b.T @ block[..., c] @ b)
            for c in range(2)
        )
        total[n, i * m : i * m + m, j * m : j * m + m, o] = (a.T @ values @ a).astype(float)
    k = form.transforms.roundings(2) * UNIT["float32"]
    call = x if layout == "NHWC" else np.moveaxis(x, -1, 1), w, 1, "SAME", layout
    bound = npconv.error_bound(*call, precision="fast")
    expected = k / (1 - k) * total[:, :7, :6]
    expected = expected if layout == "NHWC" else np.moveaxis(expected, -1, 1)
    np.testing.assert_allclose(bound, expected, rtol=1e-9)
    assert (bound > npconv.error_bound(*call)).all()
    wide = npconv.error_bound(call[0].astype(float), *call[1:], precision="fast")
    assert (wide == npconv.error_bound(call[0].astype(float), *call[1:])).all()


@pytest.mark.parametrize("forced", ["Winograd F(2x2, 3x3)", "Winograd F(4x4, 3x3)"], indirect=True)
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_winograd_stays_within_it(forced, dtype):
    rng = np.random.default_rng(2)
    for scale in (0, -70):  # the products of the latter are subnormal
        scale = scale if dtype != "float16" else 0
        x, w = (
            (rng.standard_normal(shape) * 2.0**scale).astype(DTYPES[dtype])
            for shape in ((2, 1, 9, 8, 5), (3, 3, 5, 4))
        )
        exact = npconv.conv2d(x.astype(float), w.astype(float), 1, "SAME")
        result = npconv.conv2d(x, w, 1, "SAME", precision="fast")
        bound = npconv.error_bound(x, w, 1, "SAME", precision="fast")
        assert (np.abs(result.astype(float) - exact) <= bound).all()
        if dtype == "float32" and not scale:  # it was Winograd
            assert (result != npconv.conv2d(x, w, 1, "SAME")).any()


@pytest.mark.parametrize(("shape", "filters"), [((3, 8, 8, 128), 64), ((3, 8, 8, 8), 8)])
def test_fast_is_as_far_off_as_the_engine_may_be(shape, filters):
    """Also where only prepared filters take Winograd's algorithm."""
    rng = np.random.default_rng(4)
    x = rng.standard_normal(shape).astype(np.float32)
    w = rng.standard_normal((3, 3, shape[-1], filters)).astype(np.float32)
    layer = npconv.Convolution(w, 1, "SAME", precision="fast")
    fast = (layer(x) != npconv.conv2d(x, w, 1, "SAME")).any()
    assert fast == (filters == 64)
    bound = npconv.error_bound(x, w, 1, "SAME", precision="fast")
    larger = bound > npconv.error_bound(x, w, 1, "SAME")
    assert larger.all() if fast else not larger.any()
    exact = npconv.conv2d(x.astype(float), w.astype(float), 1, "SAME")
    assert (np.abs(layer(x) - exact) <= bound).all()


def worst(lost):
    """Two arrays, and how far the plainest float32 kernel comes from their sum of products."""
    n = 64
    if lost == "digits":  # 1 and products of half its last digit, each of which is lost
        x = np.array([1.0] + [2.0**-24] * (n - 1), np.float32)
        w = np.ones(n, np.float32)
    else:  # products just below the normal range, in a kernel that flushes them
        x = np.full(n, 2.0**-63 - 2.0**-86, np.float32)
        w = np.full(n, 2.0**-63, np.float32)
    total = np.float32(0)
    for one, other in zip(x, w, strict=True):
        product = one * other
        total += product if abs(product) >= TINY["float32"] else np.float32(0)
    exact = sum(Fraction(float(a)) * Fraction(float(b)) for a, b in zip(x, w, strict=True))
    return x, w, float(abs(Fraction(float(total)) - exact))


@pytest.mark.parametrize("lost", ["digits", "subnormals"])
def test_the_worst_kernel_comes_near(lost):
    x, w, error = worst(lost)
    assert 0.98 <= error / one_sum(x, w) <= 1


@pytest.mark.parametrize(
    ("planted", "lost"), [("half", "digits"), ("fewer", "digits"), ("no underflow", "subnormals")]
)
def test_planted_bounds_that_are_too_small_are_found(planted, lost, monkeypatch):
    own = _bounds._roundings
    if planted == "half":
        monkeypatch.setattr(_bounds, "_roundings", lambda n, unit: own(n, unit) / 2)
    elif planted == "fewer":
        monkeypatch.setattr(_bounds, "_roundings", lambda n, unit: own(n // 2, unit))
    else:
        unit, _, most = _bounds.FORMATS["float32"]
        monkeypatch.setitem(_bounds.FORMATS, "float32", Format(unit, 0.0, most))
    x, w, error = worst(lost)
    assert error > one_sum(x, w)


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"accumulate": "float8"}, "accumulate: expected one of float16, .*, received 'float8'"),
        ({"multiply": 7}, "multiply: .* received 7"),
        ({"dtype": "tfloat32"}, "dtype: "),
        ({"dtype": np.int8}, "dtype: "),
        ({"accumulate": "int32"}, "accumulate: expected floats for floats"),
        ({"precision": "best"}, "precision: "),
    ],
)
def test_errors_say_what_is_allowed(named, message):
    image, box = np.ones((1, 3, 3, 1), np.float32), np.ones((2, 2, 1, 1), np.float32)
    with pytest.raises((TypeError, ValueError), match=message):
        npconv.error_bound(image, box, 1, "SAME", **named)
    with pytest.raises(TypeError, match="function: expected one of conv2d"):
        npconv.error_bound(np.dot, image, box, 1, "SAME")
