"""The bounds of fast algorithms: exact matrices, brute force, planted errors, spoiled tiles."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest

from parity.claims.check import Subject
from parity.model.case import DTYPES, Array, Case
from parity.model.error import Normwise, Winograd, parse
from parity.model.subject import Scope
from parity.mutants.winograd import kernel
from parity.oracles import bounds
from parity.oracles.compare import assert_special, assert_within_bound
from parity.oracles.sums import laid
from parity.oracles.winograd import exactly, farther, matrices, roundings, takes
from parity.tests.subjects import lavin

OPTIONS = (
    "winograd:F(2,3):0,±1",
    "winograd:F(4,3):0,±1,±2",
    "winograd:F(4,3):0,±5/8,±3/2",
    "winograd:F(6,3):0,±1,±2,±1/2",
    "winograd:F(2,5):0,±1/3,±2",
)
SMALL = Case((1, 6, 7, 2), (3, 3, 2, 2), padding="SAME", kind="normal", seed=3)


def winograd(text: str) -> Winograd:
    found = parse(text)
    assert isinstance(found, Winograd)
    return found


LAVIN = winograd(lavin.POINTS)


@pytest.mark.parametrize("text", OPTIONS)
def test_the_matrices_convolve_exactly(text: str) -> None:
    error = winograd(text)
    a, b, g = matrices(error)
    for pixel, out, tap in product(range(error.tile), range(error.outputs), range(error.taps)):
        found = sum(a[i, out] * b[pixel, i] * g[i, tap] for i in range(error.tile))
        assert found == (pixel == out + tap)


def test_constants_that_are_rounded_are_counted() -> None:
    assert exactly(winograd(OPTIONS[0]), np.float32) == [True, True, True]
    assert exactly(LAVIN, np.float32) == [True, True, False]  # 1/6
    assert exactly(winograd(OPTIONS[4]), np.float32) == [False, False, False]  # 1/3 in all
    assert exactly(winograd(OPTIONS[2]), np.float16) == [False] * 3  # 125/512 squared
    # 2 of 2 and 2 of 2 pixels, 3 of 3 taps, 3 of 4 rows, two channels.
    assert roundings(winograd(OPTIONS[0]), SMALL, np.float32) == 2**2 + 3**2 + 2 + 3**2
    assert roundings(LAVIN, SMALL, np.float32) == 4**2 + 3**2 + 2 + 5**2 + 3


@pytest.mark.parametrize("text", OPTIONS[:3])
def test_gross_is_the_largest_of_all_tiles_by_fractions(text: str) -> None:
    """By the definition: |A|^T (sum_c |G||w||G|^T . |B|^T|x||B|) |A|, of an output in any place."""
    error, case = winograd(text), SMALL
    x, w = (np.abs(one).astype(object) for one in case.arrays())
    x, w = (np.vectorize(Fraction)(one.astype(float)) for one in (x, w))
    a, b, g = (np.abs(one) for one in matrices(error))
    images, filters = laid(case, *(one.astype(float) for one in case.arrays()))
    limits = bounds.limits(np.dtype(np.float32))
    found = farther(error, case, np.abs(images), filters, limits)
    assert found is not None
    around = 1 + error.tile
    padded = np.pad(x, [(0, 0), (around, around), (around, around), (0, 0)])
    for row, column, filter in ((0, 0, 0), (3, 4, 1), (5, 6, 0)):
        largest = Fraction(0)
        for place in product(range(error.outputs), repeat=2):
            top, left = (at - p + around - 1 for at, p in zip((row, column), place, strict=True))
            tile = padded[0, top : top + error.tile, left : left + error.tile]
            total = sum((g @ w[..., c, filter] @ g.T) * (b.T @ tile[..., c] @ b) for c in range(2))
            largest = max(largest, (a.T @ total @ a)[place])
        assert found.gross[0, row, column, filter] == pytest.approx(float(largest), rel=1e-12)


def orders(error: Winograd, case: Case, x: Array, w: Array) -> list[Array]:
    """Compute the first tile of an image of its size, densely and axis by axis, in float32."""
    a, b, g = (one.astype(np.float32) for one in matrices(error))
    u = np.einsum("ik,jl,klcf->ijcf", g, g, w)  # (n, n, C, F)
    dense = np.einsum("si,tj->ijst", b, b), np.einsum("io,jp->opij", a, a)
    at_once = np.einsum("ijst,stc->ijc", dense[0], x[0])
    by_axis = np.einsum("tj,itc->ijc", b, np.einsum("si,stc->itc", b, x[0]))
    found = []
    for v, step in product((at_once, by_axis), (1, -1)):
        m = np.einsum("ijc,ijcf->ijf", v[..., ::step], u[:, :, ::step])
        found += [
            np.einsum("opij,ijf->opf", dense[1], m),
            np.einsum("jp,ojf->opf", a, np.einsum("io,ijf->ojf", a, m)),
        ]
    return found


@pytest.mark.parametrize("text", OPTIONS)
def test_every_order_lies_within_the_bound(text: str) -> None:
    error, worst = winograd(text), 0.0
    for seed in range(12):
        kernel = (error.taps, error.taps, 3, 2)
        case = Case((1, error.tile, error.tile, 3), kernel, kind="bounded", seed=seed)
        x, w = case.arrays()
        allowed = bounds.allow(case, x, w, flush=False, error=error)
        for got in orders(error, case, x, w):
            ratio = assert_within_bound(case=case, got=got[None], allowed=allowed, name="")
            worst = max(worst, ratio)
    assert worst > 1e-4, "the bound is so loose that this shows nothing"


@pytest.mark.parametrize("text", [*OPTIONS[:2], "normwise:40"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_an_error_just_beyond_the_bound_is_found(text: str, dtype: str) -> None:
    case = Case((1, 6, 7, 2), (3, 3, 2, 2), padding="SAME", kind="normal", dtype=dtype)
    error = parse(text)
    assert error is not None
    arrays = case.arrays()
    allowed = bounds.allow(case, *arrays, flush=False, error=error)
    direct = bounds.allow(case, *arrays, flush=False)
    assert (allowed.bound >= direct.bound).all()
    got = allowed.value.astype(DTYPES[dtype])
    at = np.unravel_index(np.argmax(got.astype(float)), got.shape)
    limit = allowed.value[at] + allowed.bound[at]
    got[at] = limit  # rounded up or down
    bits = got.view(f"i{got.dtype.itemsize}")
    bits[at] -= got[at].astype(limit.dtype) > limit
    assert 0.5 < assert_within_bound(case=case, got=got, allowed=allowed, name="got") <= 1
    bits[at] += 1
    assert got[at].astype(limit.dtype) < limit + 0.01 * allowed.bound[at] or dtype in bounds.HALVES
    with pytest.raises(AssertionError, match="outside the bound: 1 of"):
        assert_within_bound(case=case, got=got, allowed=allowed, name="got")


def test_which_layers_an_algorithm_may_take() -> None:
    plain = "{} NHWC 1x5x5x2 w3x3x2x4 s1,1 d1,1 SAME normal:0"
    for token, taken in (
        (plain.format("float32"), True),
        (plain.format("float16"), True),
        (plain.format("int32"), False),
        (plain.format("float32").replace("s1,1", "s2,1"), False),
        (plain.format("float32").replace("d1,1", "d1,2"), False),
        (plain.format("float32").replace("w3x3", "w5x5"), False),
        (plain.format("float32").replace("w3x3", "w3x1"), False),
        ("float32 NHWC 1x5x5x2 w1x1x2x4 s3,3 d1,1 SAME normal:0", False),
        ("float32 NHWC 0x5x5x2 w3x3x2x4 s1,1 d1,1 SAME normal:0", False),
        ("conv1d float32 NWC 1x9x2 w3x2x4 s1 d1 SAME normal:0", True),
        ("conv3d float32 NDHWC 1x4x4x4x1 w3x3x3x1x2 s1,1,1 d1,1,1 SAME normal:0", True),
        ("depthwise_conv2d float32 NCHW 1x2x5x5 w3x3x2x2 s1,1 d1,1 SAME normal:0", True),
        ("conv2d_transpose float32 NHWC 1x5x5x2 w3x3x2x4 s1,1 d1,1 SAME normal:0", False),
    ):
        case = Case.parse(token)
        assert takes(LAVIN, case) is taken, token
        arrays = case.arrays()
        with np.errstate(over="ignore"):
            wider = bounds.allow(case, *arrays, flush=False, error=LAVIN).bound
            direct = bounds.allow(case, *arrays, flush=False).bound
        assert bool((wider > direct).any()) is taken
        assert takes(None, case) is False
    assert takes(Normwise(5), Case((1, 5, 5, 2), (5, 1, 2, 2), strides=(2, 1)))


@pytest.mark.parametrize("strange", [np.nan, np.inf, 3e38])
def test_what_is_not_finite_spoils_its_tiles_and_no_other(strange: float) -> None:
    case = Case((1, 20, 20, 1), (3, 3, 1, 2), kind="normal")
    x, w = case.arrays()
    x[0, 10, 10, 0] = strange
    allowed = bounds.allow(case, x, w, flush=False, error=LAVIN)
    spoiled = np.zeros((18, 18), bool)
    spoiled[5:14, 5:14] = True  # every tile of 4 outputs that reads the pixel, wherever it begins
    assert (allowed.spoiled[0] == spoiled[..., None]).all()
    direct = bounds.allow(case, x, w, flush=False)
    strangers = [direct.nan, direct.positive | direct.open, direct.negative]
    with np.errstate(over="ignore"):
        right = np.select(strangers, [np.nan, np.inf, -np.inf], direct.value).astype(np.float32)
    assert_special(case=case, got=right, allowed=allowed, name="got")
    for at, value in (((0, 9, 9, 0), np.nan), ((0, 5, 5, 0), np.nan), ((0, 13, 5, 1), -np.inf)):
        got = right.copy()
        got[at] = value
        assert_special(case=case, got=got, allowed=allowed, name="got")
    for at, value in (((0, 4, 9, 1), np.nan), ((0, 14, 9, 0), np.inf), ((0, 3, 3, 0), 1e3)):
        got = right.copy()
        got[at] = value
        with pytest.raises(AssertionError, match="1 of 648 outputs differ"):
            assert_special(case=case, got=got, allowed=allowed, name="got")


@pytest.mark.parametrize("strange", [np.nan, np.inf])
def test_a_tile_may_not_be_cleaned(strange: float) -> None:
    case = Case((1, 8, 8, 1), (3, 3, 1, 1), kind="normal")
    x, w = case.arrays()
    x[0, 4, 4, 0] = strange
    allowed = bounds.allow(case, x, w, flush=False, error=LAVIN)
    clean = case.call_on(lavin.conv2d, np.nan_to_num(x, posinf=0), w)
    with pytest.raises(AssertionError, match=r"must be (nan|inf): [79] of 36"):
        assert_special(case=case, got=clean, allowed=allowed, name="got")


def test_a_weight_that_is_not_finite_spoils_its_filter() -> None:
    x, w = SMALL.arrays()
    w[1, 1, 0, 1] = np.inf
    allowed = bounds.allow(SMALL, x, w, flush=False, error=LAVIN)
    assert (allowed.spoiled == np.array([False, True])).all()
    image = bounds.allow(SMALL, x, w, flush=False, error=Normwise(9))
    assert (image.spoiled == np.array([False, True])).all()


def by_fft(case: Case, x: Array, w: Array) -> Array:
    """Convolve, channels last, VALID and stride 1, by NumPy's FFT."""
    sizes = [one + other - 1 for one, other in zip(x.shape[1:3], w.shape[:2], strict=True)]
    images = np.fft.rfft2(x, sizes, axes=(1, 2))  # (N, H, W, C)
    filters = np.fft.rfft2(w[::-1, ::-1], sizes, axes=(0, 1))  # (H, W, C, F)
    whole = np.fft.irfft2(np.einsum("nhwc,hwcf->nhwf", images, filters), sizes, axes=(1, 2))
    found: Array = whole[:, w.shape[0] - 1 : x.shape[1], w.shape[1] - 1 : x.shape[2]]
    return found.astype(x.dtype)


def test_an_fft_lies_within_its_bound_and_beyond_that_of_sums() -> None:
    beyond = worst = 0.0
    for seed in range(8):
        case = Case((2, 15, 17, 3), (5, 4, 3, 2), kind="bounded", dtype="float64", seed=seed)
        x, w = case.arrays()
        got = by_fft(case, x, w)
        # t = 9 for 19 x 20 numbers: 20 t + C + 3.
        allowed = bounds.allow(case, x, w, flush=False, error=Normwise(186))
        worst = max(worst, assert_within_bound(case=case, got=got, allowed=allowed, name="fft"))
        direct = bounds.allow(case, x, w, flush=False)
        finite = direct.bound > 0
        error = np.abs(got - direct.value)[finite] / direct.bound[finite]
        beyond = max(beyond, float(error.max()))
    assert beyond > 1
    assert worst > 1e-3


def test_results_within_the_bound_become_exact_and_others_stay() -> None:
    case = Case((1, 8, 8, 2), (3, 3, 2, 2), kind="lattice", seed=4)
    x, w = case.arrays()
    exact = bounds.integers(case, x, w)
    allowed = bounds.allow(case, x, w, flush=False, error=LAVIN)
    scope = Scope(subject="somebody:conv2d", error=str(LAVIN))
    shares = np.resize([0.9, -0.9, 1.2, -1.2], exact.shape)
    given = (exact + shares * np.maximum(allowed.bound, np.spacing(exact))).astype(exact.dtype)
    off = np.abs(given - exact.astype(float)) > allowed.bound
    answers: list[Any] = [given]
    subject = Subject(lambda *_, **__: answers[-1], scope)
    found = case.call_on(subject, x, w)
    assert found is given
    assert (found[~off] == exact[~off]).all()
    assert 0 < off.sum() < off.size
    assert (found[off] != exact[off]).all()
    answers.append(given.astype(np.float64))  # of another dtype: somebody else tells
    assert case.call_on(subject, x, w) is answers[-1]
    normal = Case((1, 8, 8, 2), (3, 3, 2, 2), kind="normal")
    answers.append(np.zeros(normal.output_shape, np.float32))
    assert not case.call_on(subject, *normal.arrays()).any()
    answers.append(exact + 1)
    told = case.call_on(Subject(lambda *_, **__: exact + 1, Scope()), x, w)
    assert (told == exact + 1).all()


def test_a_right_kernel_lies_within_the_bound_in_every_place() -> None:
    for text, size in product(OPTIONS[1:3], (6, 7, 9)):
        for dtype in ("float32", "float64", "bfloat16"):
            case = Case((1, size, size + 2, 3), (3, 3, 3, 2), padding="SAME", dtype=dtype,
                        kind="bounded", seed=size)  # fmt: skip
            x, w = case.arrays()
            allowed = bounds.allow(case, x, w, flush=False, error=parse(text))
            got = case.call_on(kernel(text), x, w)
            assert_within_bound(case=case, got=got, allowed=allowed, name="kernel")
