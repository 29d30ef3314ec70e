"""The contenders compute convolutions, or say that they do not; the bounds do their work."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import threadpoolctl

from parity.model.case import Array, Case
from parity.speed import layers, limits, recipes
from parity.speed.agreement import Gauge, gauge
from parity.speed.beside import CONTENDERS, Beside
from parity.speed.limits import CASTS, COPY, PRODUCT, Limits
from parity.speed.processes import StartError, Workers
from parity.speed.recipes import TEN_LINES
from parity.subjects.channels_first import read

TOKENS = [
    "float32 NHWC 2x9x8x4 w3x2x2x6 s1,1 d1,1 SAME normal:1",
    "float32 NHWC 1x9x8x4 w3x2x2x6 s2,1 d1,2 SAME normal:1",
    "float64 NCHW 1x4x7x7 w3x3x4x5 s1,1 d1,1 1,2,0,1 normal:2",
    "float32 NHWC 1x11x11x4 w3x3x4x8 s3,2 d1,1 VALID normal:0",
    "int32 NHWC 1x6x6x3 w3x3x1x6 s1,1 d1,1 SAME normal:4",
]
STACK = "float64 NHWC 3x12x11x1 w5x4x1x1 s1,1 d1,1 VALID lattice:0"
SIMPLE = {
    "scipy.signal.convolve": STACK,
    "scipy.signal.fftconvolve": STACK,
    "scipy.ndimage.convolve": STACK,
    "view_as_windows": "float32 NHWC 1x16x15x1 w3x2x1x2 s1,1 d1,1 VALID lattice:0",
}
"""What the contenders of the questions can do."""
GENERAL = [name for name in CONTENDERS if name not in (*SIMPLE, "np.dot")]
# Whose packages the suite itself needs; the others are tried where they are installed.
ALWAYS = (TEN_LINES, "scipy", "loop", *SIMPLE)


def result(name: str, token: str) -> tuple[Case, Array]:
    try:
        one = Beside(name)
    except ImportError:
        if name in ALWAYS:
            raise
        pytest.skip(f"{name} is not installed")
    case = Case.parse(token)
    return case, one.run(case, *case.arrays())


def scale(name: str, case: Case) -> Gauge:
    x, w = case.arrays()
    found = gauge(case, x, w)
    more = CONTENDERS[name].allowed(read(x, w, **case.arguments()))
    return replace(found, allowed=found.allowed + more)


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("name", GENERAL)
def test_what_a_contender_does_is_a_convolution(name: str, token: str) -> None:
    if name == "scipy" and " s1,1 d1,1 " not in token:
        with pytest.raises(ValueError, match="stride 1"):
            result(name, token)
    elif name == "onnxruntime" and not token.startswith("float32"):
        with pytest.raises(Exception, match=r"NOT_IMPLEMENTED|INVALID_GRAPH"):
            result(name, token)
    else:
        case, found = result(name, token)
        assert scale(name, case).largest(found) <= 1


@pytest.mark.parametrize("name", SIMPLE)
def test_what_a_question_s_contender_does_is_its_convolution(name: str) -> None:
    case, found = result(name, SIMPLE[name])
    assert scale(name, case).largest(found) <= 1
    if "fft" not in name and name != "scipy.signal.convolve":
        assert gauge(case, *case.arrays()).largest(found) == 0
    for other in (TOKENS[3], STACK.replace("lattice", "normal").replace("w5x4x1x1", "w5x4x1x2")):
        with pytest.raises(ValueError, match="only"):
            result(name, other)


@pytest.mark.parametrize("token", [STACK, STACK.replace("float64", "float32")])
def test_the_bound_of_the_fft_is_held_and_finds_an_error(token: str) -> None:
    case, found = result("scipy.signal.fftconvolve", token)
    held = scale("scipy.signal.fftconvolve", case)
    error = float(np.abs(found - held.exact).max())
    assert 0 < error < float(held.allowed)
    for share, right in ((0.99, True), (1.01, False)):
        wrong = held.exact + share * held.allowed
        assert (replace(held, dtype=wrong.dtype).largest(wrong) <= 1) is right


def test_the_bound_of_fast_is_held_and_finds_an_error() -> None:
    token = "float32 NHWC 2x40x41x48 w3x3x48x40 s1,1 d1,1 1,0,2,3 normal:1"
    case, found = result("fast", token)
    plain, held = gauge(case, *case.arrays()), scale("fast", case)
    assert held.largest(found) <= 1
    assert (held.allowed > plain.allowed).all()
    assert not np.array_equal(found, result("prepared", token)[1]), "it took no other algorithm"
    wrong = found.copy()
    wrong.flat[7] += 2 * held.allowed.flat[7]
    assert held.largest(wrong) > 1
    for other in (token.replace("float32", "float64"), token.replace(" s1,1", " s2,1")):
        case = Case.parse(other)
        assert (scale("fast", case).allowed == gauge(case, *case.arrays()).allowed).all()


def test_the_dense_layer_is_no_convolution_and_checks_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    token = "float32 NHWC 1x32x32x3 w2x2x3x10 s2,2 d1,1 VALID lattice:0"
    _, found = result("np.dot", token)
    assert found is None
    real = np.dot
    monkeypatch.setattr(np, "dot", lambda one, other: real(one, other) + 1)
    with pytest.raises(ValueError, match=r"np\.dot is not exact"):
        result("np.dot", token)


def test_what_is_not_there_cannot_be_started_and_says_why() -> None:
    with Workers() as workers, pytest.raises(StartError) as error:
        workers.start("abacus")
    assert error.value.reason.startswith("ValueError: no contender 'abacus'; there are ten lines, ")


def test_the_questions_name_contenders_that_there_are() -> None:
    chosen = layers.read("questions") + layers.read("questions_large")
    assert len(chosen) == 12
    assert {name for layer in chosen for name in layer.beside} == {*SIMPLE, "np.dot", "loop"}
    assert not any("questions" in layer.net for layer in layers.every())


@pytest.mark.parametrize("name", [TEN_LINES, "pytorch", "jax"])
def test_bfloat16_goes_in_and_comes_out(name: str) -> None:
    case, found = result(name, "bfloat16 NHWC 1x6x6x3 w3x3x1x6 s1,1 d1,1 SAME normal:4")
    assert scale(name, case).largest(found) <= 1


@pytest.mark.parametrize(
    ("name", "limit", "most", "said"),
    [
        ("loop", "MOST_OF_LOOP", 2 * 9 * 8 * 6, "outputs"),
        ("scipy", "MOST_OF_SCIPY", 2 * 9 * 8 * 6 * 3 * 2 * 2, "multiply-adds"),
        (TEN_LINES, "MOST_BYTES_OF_PATCHES", 2 * 9 * 8 * 3 * 2 * 4 * 4, "the patches take"),
    ],
)
def test_slow_contenders_leave_large_layers_alone(
    name: str, limit: str, most: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = Case.parse(TOKENS[0])
    for given, refused in ((most, False), (most - 1, True)):
        monkeypatch.setattr(recipes, limit, given)
        with pytest.raises(ValueError, match=said) if refused else nullcontext():
            x, w = case.arrays()
            Beside(name).bind("kernel", case, x, w)


def recorded(monkeypatch: pytest.MonkeyPatch, *names: str) -> dict[str, list[Array]]:
    """Return what NumPy's functions of these names will have written, as copies."""
    written: dict[str, list[Array]] = {name: [] for name in names}

    def watch(name: str) -> None:
        original = getattr(np, name)

        def call(*arguments: Any, **options: Any) -> Any:
            result = original(*arguments, **options)
            written[name].append(np.array(arguments[0] if result is None else result))
            return result

        monkeypatch.setattr(np, name, call)

    for name in names:
        watch(name)
    return written


@pytest.mark.parametrize("token", TOKENS[:4])
def test_the_bounds_do_the_work_of_the_convolution(
    token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = Case.parse(token)
    x, w = case.arrays()
    calls = [Limits().bind(mode, case, x, w) for mode in (PRODUCT, COPY)]
    exact = gauge(case, x, w).exact.astype(float)
    if case.data_format == "NCHW":
        exact = np.moveaxis(exact, 1, 3)
    written = recorded(monkeypatch, "matmul", "copyto")
    for call in calls:
        call()
    groups = x.shape[1 if case.data_format == "NCHW" else 3] // w.shape[2]
    assert len(written["matmul"]) == groups
    whole = np.concatenate(written["matmul"], axis=1).reshape(exact.shape)
    np.testing.assert_allclose(whole, exact, rtol=1e-4, atol=1e-5)
    if groups == 1:  # the patches hold every value that a product needs
        [patches] = written["copyto"]
        filters = w.reshape(-1, w.shape[3]).astype(patches.dtype)
        again = patches.reshape(-1, len(filters)) @ filters
        np.testing.assert_allclose(again.reshape(exact.shape), exact, rtol=1e-4, atol=1e-5)


def test_threads_copy_the_same_patches_a_piece_each(monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case.parse(TOKENS[0])
    x, w = case.arrays()
    written = recorded(monkeypatch, "copyto")["copyto"]
    pools = [{"user_api": "blas", "num_threads": 3}]
    monkeypatch.setattr(threadpoolctl, "threadpool_info", lambda: pools)
    for piece in (limits.PIECE, 1):
        monkeypatch.setattr(limits, "PIECE", piece)
        Limits().bind(COPY, case, x, w)()
    whole, *pieces = written
    assert len(pieces) == 3
    values = np.concatenate([one.reshape(-1) for one in pieces])
    np.testing.assert_array_equal(np.sort(values), np.sort(whole.reshape(-1)))


@pytest.mark.parametrize(
    ("dtype", "sizes"), [("bfloat16", [2, 4, 4]), ("int32", [4, 8, 8]), ("float64", [])]
)
def test_casts_pass_over_all_that_is_in_another_dtype(
    dtype: str, sizes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    case = Case.parse(f"{dtype} NHWC 1x9x8x4 w3x2x2x6 s2,1 d1,2 SAME normal:1")
    assert limits.modes(case) == (PRODUCT, COPY, *([CASTS] if sizes else []))
    x, w = case.arrays()
    written = recorded(monkeypatch, "copyto")
    Limits().bind(CASTS, case, x, w)()
    if sizes:
        assert [one.size for one in written["copyto"]] == [x.size, w.size, 1 * 5 * 8 * 6]
        assert sorted(one.itemsize for one in written["copyto"]) == sizes


def test_what_has_no_bound_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case.parse("float32 NHWC 1x8x8x16 w3x3x16x2 s1,1 d1,1 SAME normal:0")
    bind = Limits().bind
    for most, refused in ((8 * 8 * 9 * 16 * 4, False), (8 * 8 * 9 * 16 * 4 - 1, True)):
        monkeypatch.setattr(limits, "MOST_BYTES", most)
        with pytest.raises(ValueError, match="the patches take") if refused else nullcontext():
            x, w = case.arrays()
            bind(COPY, case, x, w)
    depthwise = Case.parse(TOKENS[4])
    x, w = depthwise.arrays()
    with pytest.raises(ValueError, match="one channel"):
        bind(PRODUCT, depthwise, x, w)
