"""The optional contenders compute convolutions, or say that they do not."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
import threadpoolctl

from parity.model.case import Case
from parity.speed import beside, limits, recipes
from parity.speed.agreement import gauge
from parity.speed.limits import CASTS, COPY, PRODUCT, Limits
from parity.speed.measure import last_line
from parity.speed.processes import StartError, WorkerError, Workers
from parity.speed.recipes import TEN_LINES

TOKENS = [
    "float32 NHWC 2x9x8x4 w3x2x2x6 s1,1 d1,1 SAME normal:1",
    "float32 NHWC 1x9x8x4 w3x2x2x6 s2,1 d1,2 SAME normal:1",
    "float64 NCHW 1x4x7x7 w3x3x4x5 s1,1 d1,1 1,2,0,1 normal:2",
    "float32 NHWC 1x11x11x4 w3x3x4x8 s3,2 d1,1 VALID normal:0",
    "int32 NHWC 1x6x6x3 w3x3x1x6 s1,1 d1,1 SAME normal:4",
    "float32 NHWC 2x9x8x3 w3x2x1x6 s2,3 d1,1 SAME normal:4",
    "float64 NHWC 1x9x8x3 w3x2x1x3 s1,1 d2,3 VALID normal:4",
]
# Whose packages the suite itself needs; the others are tried where they are installed.
ALWAYS = (TEN_LINES, "scipy", "loop")


def load(name: str) -> beside.Beside:
    try:
        return beside.load(name)
    except ImportError:
        if name in ALWAYS:
            raise
        pytest.skip(f"{name} is not installed")


def result(name: str, token: str) -> tuple[Case, Any]:
    case = Case.parse(token)
    return case, load(name).run(*case.arrays(), case.arguments())


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("name", beside.ALL)
def test_what_a_contender_does_is_a_convolution(name: str, token: str) -> None:
    if name == "scipy" and " s1,1 d1,1 " not in token:
        with pytest.raises(ValueError, match="stride 1"):
            result(name, token)
    elif name == "onnxruntime" and not token.startswith("float32"):
        with pytest.raises(Exception, match=r"NOT_IMPLEMENTED|INVALID_GRAPH"):
            result(name, token)
    else:
        case, found = result(name, token)
        assert gauge(case, *case.arrays()).largest(found) <= 1


@pytest.mark.parametrize("name", [TEN_LINES, "pytorch", "jax"])
def test_bfloat16_goes_in_and_comes_out(name: str) -> None:
    case, found = result(name, "bfloat16 NHWC 1x6x6x3 w3x3x1x6 s1,1 d1,1 SAME normal:4")
    assert gauge(case, *case.arrays()).largest(found) <= 1


@pytest.mark.parametrize(
    ("name", "fits", "larger"),
    [
        ("loop", "1x100x100x1 w10x10x1x1", "1x100x101x1 w10x10x1x1"),
        ("scipy", "1x500x600x1 w10x10x1x1", "1x500x601x1 w10x10x1x1"),
    ],
)
def test_slow_contenders_leave_large_layers_alone(name: str, fits: str, larger: str) -> None:
    for shapes, refused in ((fits, False), (larger, True)):
        case = Case.parse(f"float32 NHWC {shapes} s1,1 d1,1 SAME normal:0")
        bind, arguments = beside.load(name).bind, case.arguments()
        if refused:
            with pytest.raises(ValueError, match="multiply-adds"):
                bind("kernel", *case.arrays(), arguments)
        else:
            bind("kernel", *case.arrays(), arguments)


@pytest.mark.parametrize(("dtype", "itemsize"), [("float16", 4), ("float32", 4), ("int32", 8)])
def test_ten_lines_leave_layers_alone_whose_patches_are_too_large(
    dtype: str, itemsize: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = Case.parse(f"{dtype} NHWC 2x9x8x4 w3x2x2x6 s2,1 d1,2 VALID normal:1")
    size = 2 * 4 * 6 * 3 * 2 * 4 * itemsize
    for most, refused in ((size, False), (size - 1, True)):
        monkeypatch.setattr(recipes, "MOST_BYTES_OF_PATCHES", most)
        with pytest.raises(ValueError, match="the patches take") if refused else nullcontext():
            beside.load(TEN_LINES).bind("kernel", *case.arrays(), case.arguments())


def test_what_is_not_there_cannot_be_started_and_says_why() -> None:
    with Workers() as workers, pytest.raises(StartError) as error:
        workers.start("abacus")
    assert last_line(error.value).startswith("no contender 'abacus'; there are ten lines, ")
    with Workers() as workers, pytest.raises(WorkerError) as refusal:
        workers.start("scipy").call("prepare", TOKENS[1], ["kernel"])
    assert last_line(refusal.value) == "only at stride 1 and dilation 1"


def recorded(monkeypatch: pytest.MonkeyPatch, *names: str) -> dict[str, list[Any]]:
    """Return what NumPy's functions of these names will have written, as copies."""
    written: dict[str, list[Any]] = {name: [] for name in names}

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


@pytest.mark.parametrize("token", TOKENS)
def test_the_bounds_do_the_work_of_the_convolution(
    token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = Case.parse(token)
    x, w = case.arrays()
    calls = [Limits().bind(mode, x, w, case.arguments()) for mode in (PRODUCT, COPY)]
    exact = gauge(case, x, w).exact.astype(float)
    if case.data_format == "NCHW":
        exact = np.moveaxis(exact, 1, 3)
    written = recorded(monkeypatch, "matmul", "einsum", "copyto")
    for call in calls:
        call()
    groups = x.shape[1 if case.data_format == "NCHW" else 3] // w.shape[2]
    if groups > 1 == w.shape[2]:
        assert not written["matmul"]
        sums = [one.reshape(*exact.shape[:3], groups) for one in written["einsum"]]
        whole = np.stack(sums, axis=-1).reshape(exact.shape)
    else:
        assert not written["einsum"]
        assert len(written["matmul"]) == groups
        whole = np.concatenate(written["matmul"], axis=1).reshape(exact.shape)
    np.testing.assert_allclose(whole, exact, rtol=1e-4, atol=1e-5)
    # The patches hold every value that a product needs: multiplied at once they give the same.
    if groups == 1:
        [patches] = written["copyto"]
        again = patches.reshape(-1, w[..., 0].size) @ w.reshape(-1, w.shape[3]).astype(
            patches.dtype
        )
        np.testing.assert_allclose(again.reshape(exact.shape), exact, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "token", [TOKENS[0], "float32 NHWC 1x1x40x4 w1x3x4x8 s1,1 d1,1 SAME normal:0"]
)
def test_threads_copy_the_same_patches_a_piece_each(
    token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = Case.parse(token)
    x, w = case.arrays()
    written = recorded(monkeypatch, "copyto")["copyto"]
    pools = [{"user_api": "blas", "num_threads": 3}]
    monkeypatch.setattr(threadpoolctl, "threadpool_info", lambda: pools)
    for piece in (limits.PIECE, 1):
        monkeypatch.setattr(limits, "PIECE", piece)
        Limits().bind(COPY, x, w, case.arguments())()
    whole, *pieces = written
    assert len(pieces) == 3
    values = np.concatenate([one.reshape(-1) for one in pieces])
    np.testing.assert_array_equal(np.sort(values), np.sort(whole.reshape(-1)))


@pytest.mark.parametrize(
    ("dtype", "sizes"),
    [("float16", [2, 4, 4]), ("bfloat16", [2, 4, 4]), ("int32", [4, 8, 8]), ("float64", [])],
)
def test_casts_pass_over_all_that_is_in_another_dtype(
    dtype: str, sizes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    case = Case.parse(f"{dtype} NHWC 1x9x8x4 w3x2x2x6 s2,1 d1,2 SAME normal:1")
    assert limits.modes(case) == (PRODUCT, COPY, *([CASTS] if sizes else []))
    x, w = case.arrays()
    written = recorded(monkeypatch, "copyto")
    Limits().bind(CASTS, x, w, case.arguments())()
    if sizes:
        assert [one.size for one in written["copyto"]] == [x.size, w.size, 1 * 5 * 8 * 6]
        assert sorted(one.itemsize for one in written["copyto"]) == sizes


def test_patches_beyond_256_mib_are_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case.parse("float32 NHWC 1x64x64x16 w3x3x16x2 s1,1 d1,1 SAME normal:0")
    x, w = case.arrays()
    size = 64 * 64 * 9 * 16 * 4
    monkeypatch.setattr(limits, "MOST_BYTES", size)
    Limits().bind(COPY, x, w, case.arguments())
    monkeypatch.setattr(limits, "MOST_BYTES", size - 1)
    with pytest.raises(ValueError, match="the patches take 2 MiB"):
        Limits().bind(COPY, x, w, case.arguments())
