"""Tokens, data and snippets."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from parity.examples.strategies import cases
from parity.model.case import DTYPES, Case
from parity.model.data import KINDS
from parity.model.script import script

EXAMPLE = "float32 NHWC 1x5x5x3 w3x3x3x2 s2,1 d1,1 SAME lattice:7"
EXACT = {"float16": 24, "bfloat16": 24, "float32": 24, "float64": 53, "int32": 31}


@given(cases(kinds=tuple(KINDS)))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_a_token_holds_the_whole_case(case: Case) -> None:
    assert Case.parse(case.token()) == case


def test_a_token_reads_as_documented() -> None:
    case = Case((1, 5, 5, 3), (3, 3, 3, 2), (2, 1), "SAME", seed=7)
    assert case.token() == EXAMPLE
    padded = EXAMPLE.replace("SAME", "1,2,0,3")
    assert Case.parse(padded).padding == (1, 2, 0, 3)
    assert Case.parse(padded).arguments()["padding"] == [[0, 0], [1, 2], [0, 3], [0, 0]]
    turned = Case.parse(padded.replace("NHWC", "NCHW")).arguments()["padding"]
    assert turned == [[0, 0], [0, 0], [1, 2], [0, 3]]


@pytest.mark.parametrize(
    "text",
    ["", EXAMPLE[:-1], EXAMPLE + "x", EXAMPLE.replace("float32", "float8"),
     EXAMPLE.replace("lattice", "grid"), EXAMPLE.replace("SAME", "1,2,3"),
     EXAMPLE.replace("NHWC", "NHCW"), EXAMPLE.replace("1x5x5x3", "5x5x3")],
)  # fmt: skip
def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a case token"):
        Case.parse(text)


@given(cases(kinds=tuple(KINDS)))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_data_are_reproducible_and_of_the_right_form(case: Case) -> None:
    first, second = case.arrays(), case.arrays()
    for one, two, shape in zip(first, second, (case.input_shape, case.filters_shape), strict=True):
        assert one.dtype == DTYPES[case.dtype]
        assert one.shape == shape
        assert one.tobytes() == two.tobytes()


@given(cases(kinds=("lattice",)))
@settings(max_examples=500, deadline=None, derandomize=True)
def test_the_lattice_is_exact_in_every_order(case: Case) -> None:
    x, w = (array.astype(np.float64) for array in case.arrays())
    assert np.array_equal(x, np.rint(x))
    assert np.array_equal(w, np.rint(w))
    largest = np.abs(x).max(initial=0) * np.abs(w).max(initial=0)
    assert case.terms * largest <= 2 ** EXACT[case.dtype]


@pytest.mark.parametrize("kind", ["distinct", "finite"])
def test_numbers_that_come_again_have_no_period(kind: str) -> None:
    # 512 weights for 12,288 taps: with a period of 512 all four taps were equal.
    case = Case((1, 7, 67, 64), (2, 2, 64, 48), dtype="float32", kind=kind)
    x, w = case.arrays()
    taps = w.reshape(4, -1)
    assert len(np.unique(w)) < w.size / 20
    assert max(np.mean(taps[0] == other) for other in taps[1:]) < 0.02
    assert x.all()
    assert w.all()
    assert case.terms * np.abs(x).max() * np.abs(w).max() <= 2**24
    counts = np.unique(w, return_counts=True)[1]
    assert counts.max() - counts.min() <= 1


def test_finite_sums_of_float16_are_finite_and_others_are_those_of_distinct() -> None:
    for terms in (1, 64, 1000, 4609):
        case = Case((1, 1, 9, terms), (1, 1, terms, 5), dtype="float16", kind="finite", seed=terms)
        x, w = (array.astype(np.float64) for array in case.arrays())
        assert terms * np.abs(x).max() * np.abs(w).max() <= 65504
        assert x.all()
        assert w.all()
    for dtype in set(DTYPES) - {"float16"}:
        case = Case((1, 5, 5, 3), (3, 3, 3, 2), dtype=dtype, kind="finite")
        for one, other in zip(case.arrays(), replace(case, kind="distinct").arrays(), strict=True):
            assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
def test_bounded_data_cover_several_magnitudes(dtype: str) -> None:
    spans = []
    for seed in range(40):
        case = Case((1, 9, 9, 2), (1, 1, 2, 1), dtype=dtype, kind="bounded", seed=seed)
        x = np.abs(case.arrays()[0].astype(np.float64))
        assert np.isfinite(x).all()
        spans.append(x.max() / x[x > 0].min())
    assert max(spans) > 2**8


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_special_data_hold_every_special_value(dtype: str) -> None:
    info = np.finfo(np.float32) if dtype == "bfloat16" else np.finfo(DTYPES[dtype])
    tiny = float(info.smallest_normal)
    seen = set()
    for seed in range(80):
        case = Case((1, 9, 9, 2), (3, 3, 2, 2), dtype=dtype, kind="special", seed=seed)
        for array in case.arrays():
            x = array.astype(np.float64)
            seen |= {"nan"} if np.isnan(x).any() else set()
            seen |= {"inf"} if (x == np.inf).any() else set()
            seen |= {"-inf"} if (x == -np.inf).any() else set()
            seen |= {"-0"} if (np.signbit(x) & (x == 0)).any() else set()
            seen |= {"subnormal"} if ((np.abs(x) < tiny) & (x != 0)).any() else set()
            seen |= {"huge"} if (np.abs(x[np.isfinite(x)]) > float(info.max) / 3).any() else set()
    assert seen == {"nan", "inf", "-inf", "-0", "subnormal", "huge"}


def test_snippets_run_without_the_suite_and_show_both_results() -> None:
    tokens = (
        EXAMPLE,
        "bfloat16 NCHW 2x2x5x5 w3x2x1x2 s1,2 d2,1 1,2,0,3 special:3",
        "float64 NHWC 0x1x5x5x3 w3x3x3x2 s2,1 d1,1 VALID bounded:7",
        "int32 NCHW 1x1x3x3 w2x2x1x1 s1,1 d1,1 SAME bounded:2",
    )
    scripts = [script(Case.parse(token), "npconv:conv2d") for token in tokens]
    assert not any("parity" in script for script in scripts)
    ran = f"for script in {scripts!r}:\n    exec(script, {{}})\n    print('next')"
    command = [sys.executable, "-W", "ignore", "-c", ran]
    said = subprocess.check_output(command, text=True, cwd=Path(__file__).parents[3], timeout=120)
    for result in said.split("next\n")[: len(tokens)]:
        lines = result.splitlines()
        theirs, ours = lines[: len(lines) // 2], lines[len(lines) // 2 :]
        assert theirs
        assert theirs == ours
