"""precision="exact": the correctly rounded value of the exact sum, by rational arithmetic."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
from builders import DTYPES, FLOATS, LAYOUTS, run_python
from family import FORWARD, GRADIENTS, random_call
from hypothesis import given
from hypothesis import strategies as st

import npconv
from npconv import _exact, reference
from parity.rules import ROWS

FORMATS = {  # digits, exponents of the least number and of the largest numbers
    "float16": (11, -24, 15), "bfloat16": (8, -133, 127),
    "float32": (24, -149, 127), "float64": (53, -1074, 1023),
}  # fmt: skip
NAMES = [name for name in (*FORWARD, *GRADIENTS) if name != "separable_conv2d"]
LIMB = 16  # bits: sums of up to 2**21 products of two such are exact in float64


def rounded(total, name):
    """Round a rational by IEEE's rule; Fraction's own rounding is to even."""
    digits, least, most = FORMATS[name]
    if not total:
        return 0.0
    exponent = total.numerator.bit_length() - total.denominator.bit_length()
    exponent -= Fraction(2) ** exponent > abs(total)
    unit = Fraction(2) ** max(exponent - digits + 1, least)
    value = round(total / unit) * unit
    return math.copysign(
        float(value) if abs(value) < 2 ** (most + 1) else math.inf, 1 if total > 0 else -1
    )


def limbs(array):
    """Finite floats as whole numbers of LIMB bits: the sum of limb i * 2**(unit + LIMB * i)."""
    whole = [Fraction(value) for value in array.astype(np.float64).ravel().tolist()]
    unit = -max((value.denominator.bit_length() - 1 for value in whole), default=0)
    numbers = [int(value / Fraction(2) ** unit) for value in whole]
    parts = []
    while any(numbers):
        signs = [-1 if number < 0 else 1 for number in numbers]
        some = [sign * (abs(number) % 2**LIMB) for number, sign in zip(numbers, signs, strict=True)]
        parts.append(np.array(some, np.float64).reshape(array.shape))
        numbers = [
            sign * (abs(number) >> LIMB) for number, sign in zip(numbers, signs, strict=True)
        ]
    return parts or [np.zeros(array.shape)], unit


def rationals(function, one, other):
    """The exact sums of an operation, from naive loops whose every sum is exact."""
    (ones, unit), (others, other_unit) = limbs(one), limbs(other)
    total = None
    for i, a in enumerate(ones):
        for j, b in enumerate(others):
            sums = np.vectorize(Fraction, otypes="O")(function(a, b))
            sums = sums * Fraction(2) ** (unit + other_unit + LIMB * (i + j))
            total = sums if total is None else total + sums
    return total


def assert_rounded(result, totals, name):
    expected = np.array([rounded(total, name) for total in totals.ravel()]).reshape(totals.shape)
    expected = expected.astype(DTYPES[name])
    assert result.dtype == expected.dtype
    assert result.tobytes() == expected.tobytes()


def floats(shape, name, rng, kind):
    """Floats whose sums are ordinary, or ties, or next to nothing."""
    digits = FORMATS[name][0]
    if kind == "normal":
        return rng.standard_normal(shape).astype(DTYPES[name])
    signs = rng.choice([-1.0, 1.0], shape)
    if kind == "ties":
        exponents = rng.choice([0, 0, 1, -digits, -digits - 1, 1 - digits], shape)
        beyond = rng.random(shape) < 0.02
        exponents = np.where(beyond, max(-3 * digits, FORMATS[name][1]), exponents)
        return (signs * np.exp2(exponents)).astype(DTYPES[name])
    return (signs * rng.choice(rng.uniform(1, 2, 3), shape)).astype(DTYPES[name])


def drawn(name, dtype, seed, kind):
    """A function of an operation's two arrays, and these: filled with floats of a kind."""
    rng = np.random.default_rng(seed)
    arguments, named = random_call(name, dtype, seed)
    places = [i for i, one in enumerate(arguments) if isinstance(one, np.ndarray) and one.ndim > 1]
    arrays = [floats(arguments[i].shape, dtype, rng, kind) for i in places]
    laid = sorted(LAYOUTS.keys() - {"masked", "__array__", "channels-first", "negative"})
    layouts = [LAYOUTS[laid[i]] for i in rng.integers(len(laid), size=2)]

    def call(function, one, other, **precision):
        given = list(arguments)
        for place, array in zip(places, (one, other), strict=True):
            given[place] = array
        return function(*given, **named, **precision)

    return call, [layout(array) for layout, array in zip(layouts, arrays, strict=True)]


@pytest.mark.parametrize("kind", ["normal", "ties", "cancelling"])
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", NAMES)
def test_every_function_rounds_the_rational_sum(name, dtype, kind, monkeypatch):
    for seed in range(3):
        call, arrays = drawn(name, dtype, seed, kind)
        totals = rationals(partial(call, getattr(reference, name)), *arrays)
        assert_rounded(call(getattr(npconv, name), *arrays, precision="exact"), totals, dtype)
        with monkeypatch.context() as patched:
            patched.setattr(_exact, "_GATHERED", 4)
            patched.setattr(_exact, "_LONG", 4)
            patched.setattr(_exact, "_CHUNK", 4)
            patched.setattr(_exact, "_FEW", 0)
            assert_rounded(call(getattr(npconv, name), *arrays, precision="exact"), totals, dtype)


@pytest.mark.parametrize("dtype", FLOATS)
def test_separable_convolutions_round_in_between(dtype):
    rng = np.random.default_rng(0)
    shapes = (2, 4, 5, 3), (3, 2, 3, 2), (1, 1, 6, 4)
    x, taps, points = (floats(shape, dtype, rng, "normal") for shape in shapes)
    between = npconv.depthwise_conv2d(x, taps, 1, "SAME", precision="exact")
    expected = npconv.conv2d(between, points, 1, "VALID", precision="exact")
    result = npconv.separable_conv2d(x, taps, points, 1, "SAME", precision="exact")
    assert result.tobytes() == expected.tobytes()


def dot(ones, others, name, **how):
    """The convolution of one pixel by one filter."""
    x = np.array(ones, np.float64).astype(DTYPES[name]).reshape(1, 1, 1, -1)
    w = np.array(others, np.float64).astype(DTYPES[name]).reshape(1, 1, -1, 1)
    how.setdefault("precision", "exact")
    return npconv.conv2d(x, w, 1, "VALID", **how)[0, 0, 0]


def _pairs(name):
    bits = np.dtype(DTYPES[name]).itemsize * 8

    def number(value):
        return float(np.array(value, f"u{bits // 8}").view(DTYPES[name]))

    numbers = st.integers(0, 2**bits - 1).map(number)
    near = st.sampled_from([1.0, -1.0, 1.5, 0.0, -0.0, 2.0 ** -FORMATS[name][0]])
    return st.lists(st.tuples(near | numbers, near | numbers), min_size=1, max_size=6)


@pytest.mark.parametrize("name", FLOATS)
@given(data=st.data())
def test_sums_of_any_numbers(name, data):
    pairs = data.draw(_pairs(name))
    ones, others = zip(*pairs, strict=True)
    result = dot(ones, others, name)
    if all(map(math.isfinite, (*ones, *others))):
        totals = np.array([sum(Fraction(a) * Fraction(b) for a, b in pairs)], object)
        assert_rounded(result, totals, name)
        return
    signs = [
        [math.copysign(bool(a), a) if math.isfinite(a) else a for a in some]
        for some in (ones, others)
    ]
    total = sum(a * b for a, b in zip(*signs, strict=True))
    if math.isfinite(total):
        raise AssertionError("an infinity was lost")
    expected = np.array([math.nan if math.isnan(total) else total]).astype(DTYPES[name])
    assert result.tobytes() == expected.tobytes()  # of NaN, too


@pytest.mark.parametrize("name", FLOATS)
def test_planted_sums(name):
    digits, least, most = FORMATS[name]
    half, tiny, largest = 2.0**-digits, 2.0**least, 2.0**most * (2 - 2.0 ** (1 - digits))
    edge = 2.0 ** (most - digits)  # half of the largest numbers' unit
    below = max(2.0 ** (-digits * 2), tiny)
    rows = [
        ([1, half], [1, 1]),  # ties
        ([1 + 2 * half, half], [1, 1]),
        ([1, half, below], [1, 1, below]),
        ([1, half, below], [1, 1, -below]),
        ([-1, -half, below], [1, 1, below]),
        ([largest, edge], [1, 1]),  # overflow
        ([largest, edge, -below], [1, 1, below]),
        ([-largest, -edge], [1, 1]),
        ([largest, largest, -largest], [1, 1, 1]),  # on the way only
        ([largest, -largest, below], [largest, largest, 1]),
        ([tiny], [0.5]),  # ties at the lower end
        ([-tiny], [0.5]),
        ([tiny, tiny], [0.5, tiny]),
        ([3 * tiny], [0.5]),
        ([-tiny], [tiny]),
        ([tiny, -tiny], [tiny, tiny]),  # zeros
        ([-0.0], [1]),
        ([1, -1], [1, 1]),
        ([-0.0, 0.0], [1, -1]),
        ([1, half, -1], [1, half, 1]),  # cancellation
        ([1 + 2 * half, -1, -2 * half], [1 + 2 * half, 1 + 2 * half, 1]),
    ]
    for ones, others in rows:
        total = sum(Fraction(a) * Fraction(b) for a, b in zip(ones, others, strict=True))
        expected = np.array([rounded(total, name)]).astype(DTYPES[name])
        result = dot(ones, others, name)
        assert result.tobytes() == expected.tobytes(), (ones, others, result, expected)


@pytest.mark.parametrize("sign", [-1, 1])
def test_near_ties_that_left_out_slices_turn(sign):
    for a in range(20, 70, 4):
        for b in range(max(4, 60 - a), 92 - a, 4):
            ones, others = (
                [1, 2.0**-53, 2.0**-47, 2.0**-a],
                [1, 1, -sign * 2.0**-48, sign * 2.0**-b],
            )
            assert dot(ones, others, "float64") == (1 if sign < 0 else 1 + 2.0**-52), (a, b)


@pytest.mark.parametrize("name", FLOATS)
def test_the_same_bits_in_any_batch_order_layout_and_on_any_threads(name, threads):
    rng = np.random.default_rng(5)
    x, w = (floats(shape, name, rng, "normal") for shape in ((8, 6, 6, 70), (3, 3, 70, 5)))
    how = {"strides": 1, "padding": "SAME", "precision": "exact"}
    expected = npconv.conv2d(x, w, **how)
    order = rng.permutation(70)
    threads(1)
    found = [
        npconv.conv2d(x[..., order], w[:, :, order], **how),
        np.concatenate([npconv.conv2d(one[None], w, **how) for one in x]),
        npconv.conv2d(np.moveaxis(x, -1, 1), w, data_format="NCHW", **how).transpose(0, 2, 3, 1),
        npconv.conv2d(x[::-1, ::-1], w[::-1], **how)[::-1, ::-1],
        npconv.Convolution(w, **how)(x),
        npconv.conv2d(x, w, out=np.empty_like(expected), **how),
    ]
    for result in found:
        assert np.ascontiguousarray(result).tobytes() == expected.tobytes()


MADE = """
import hashlib, numpy as np, npconv
from threadpoolctl import threadpool_info
rng, digest = np.random.default_rng(1), hashlib.sha256()
for dtype, kernel in (("float32", 3), ("float32", 1), ("float64", 3), ("float16", 2)):
    x = rng.standard_normal((2, 9, 9, 96)).astype(dtype)
    w = rng.standard_normal((kernel, kernel, 96, 40)).astype(dtype)
    y = npconv.conv2d(x, w, 1, "SAME", precision="exact")
    digest.update(y.tobytes())
    digest.update(npconv.conv2d_backprop_input(
        x.shape, w, y, 1, "SAME", precision="exact").tobytes())
    digest.update(npconv.conv2d_backprop_filter(
        x, w.shape, y, 1, "SAME", precision="exact").tobytes())
print(digest.hexdigest(), [one.get("architecture") for one in threadpool_info()])
"""


def test_the_same_bits_by_any_kernel_of_blas():
    found, names = set(), ["Haswell", "Prescott"]
    known = np.show_config("dicts")["SIMD Extensions"].get("found", ())
    if {"AVX512_SKX", "X86_V4"} & set(known):  # as NumPy calls AVX-512
        names.append("SkylakeX")
    kernels, plain = set(), "import numpy as np; np.ones((162, 864)) @ np.ones((864, 40))"
    for name in names:
        if run_python(plain, OPENBLAS_CORETYPE=name).returncode:
            continue  # on some virtual machines OpenBLAS dies of kernels that are not the CPU's
        run = run_python(MADE, OPENBLAS_CORETYPE=name)
        assert run.returncode == 0, run.stderr
        digest, _, kernel = run.stdout.strip().partition(" ")
        found.add(digest)
        kernels.add(kernel)
    assert len(found) == 1, kernels


def test_int32_is_as_always():
    x = np.random.default_rng(0).integers(-(2**31), 2**31, (1, 4, 4, 2)).astype(np.int32)
    expected = npconv.conv2d(x, x[:, :2, :2].reshape(2, 2, 2, 1), 1, "SAME")
    result = npconv.conv2d(x, x[:, :2, :2].reshape(2, 2, 2, 1), 1, "SAME", precision="exact")
    assert result.tobytes() == expected.tobytes()


def test_state_and_arguments_stay_as_they_are():
    with np.errstate(all="raise"):
        before = np.geterr()
        assert dot([1e300, 1e300], [1e300, -1e300], "float64") == 0
        assert dot([1e30, np.inf], [1e30, 0], "float32").view(np.int32) == 0x7FC00000
        assert np.geterr() == before


def test_results_are_written_to_out():
    x, w = np.ones((2, 3, 1, 4, 5, 2)), np.full((2, 2, 2, 3), 0.1)
    out = np.full((2, 3, 1, 4, 5, 3), 7.0)[..., ::-1]
    assert npconv.conv2d(x, w, 1, "SAME", out=out, precision="exact") is out
    expected = npconv.conv2d(x, w, 1, "SAME", precision="exact")
    assert (out == expected).all()
    with pytest.raises(ValueError, match="out: expected shape"):
        npconv.conv2d(x, w, 1, "VALID", out=out, precision="exact")
    with pytest.raises(ValueError, match="out: expected memory of its own"):
        npconv.conv2d(out, w[..., :1, :], 1, "SAME", out=out, precision="exact")


def test_filters_of_a_layer_are_cast_to_the_input_dtype():
    w = np.random.default_rng(0).standard_normal((3, 3, 2, 4))
    layer = npconv.Convolution(w, 1, "SAME", precision="exact")
    x = np.random.default_rng(1).standard_normal((1, 5, 5, 2)).astype(np.float32)
    expected = npconv.conv2d(x, w.astype(np.float32), 1, "SAME", precision="exact")
    assert layer(x).tobytes() == expected.tobytes()
    with pytest.raises(ValueError, match=r"did you mean input\[np.newaxis\]"):
        layer(x[0])


def test_calls_are_refused_in_the_same_words():
    refused = [row for row in ROWS if row.verdict != "ok"]
    for row in refused[::3]:
        arguments, errors = row.call(), []
        for precision in ("standard", "exact"):
            with pytest.raises((TypeError, ValueError)) as caught:
                getattr(npconv, row.operation)(**arguments, precision=precision)
            errors.append((caught.type, str(caught.value)))
        assert errors[0] == errors[1]
    assert len(refused) > 500


@pytest.mark.parametrize("planted", ["gamma", "ulp"])
def test_planted_errors_are_found(planted, monkeypatch):
    """A certificate whose bound is 0, and a result that is one number off."""
    if planted == "gamma":
        monkeypatch.setattr(_exact, "gamma", lambda terms: 0.0)
    wrong = 0
    for seed in range(40):
        call, arrays = drawn("conv2d", "float32", seed, "ties")
        result = call(npconv.conv2d, *arrays, precision="exact")
        if planted == "ulp" and result.size:
            result.view(np.int32).flat[-1] += 1
        totals = rationals(partial(call, reference.conv2d), *arrays)
        try:
            assert_rounded(result, totals, "float32")
        except AssertionError:
            wrong += 1
    assert wrong
