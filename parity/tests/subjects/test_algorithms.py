"""Kernels by fast algorithms: judged within the bound that they say, refused by any other."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from parity.__main__ import main
from parity.claims import CLAIMS, admitting
from parity.claims.check import Subject, failure
from parity.model.case import DTYPES, Case
from parity.model.error import parse
from parity.model.subject import Scope
from parity.mutants import textbook
from parity.mutants.textbook import Textbook
from parity.mutants.winograd import BY, convolve, kernel
from parity.oracles import bounds
from parity.search.algorithms import algorithm
from parity.search.campaign import Record
from parity.search.looks import looks_like
from parity.tests.subjects import lavin

SUBJECT = ["--subject", "parity.tests.subjects.lavin:conv2d"]
TOKEN = "float32 NHWC 2x9x7x3 w3x3x3x4 s1,1 d1,1 SAME {}:3"
SAID = (
    "its error exceeds what any order of summation can make; it lies within the bound of Winograd's"
    " F(4,3) with points 0,±1,±2: if that is the algorithm, say --error winograd:F(4,3):0,±1,±2"
)
WHOLE = Case.parse(TOKEN.format("lattice"))


@pytest.mark.parametrize(("error", "code"), [(lavin.POINTS, 0), ("componentwise", 1)])
def test_a_campaign_agrees_within_its_bound_and_with_no_other(
    error: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "fuzz.json"
    given = [*SUBJECT, "--error", error, "--seed", "1", "--turns", "24", "--jobs", "1"]
    given += ["--claims", "exact,bounded", "--dtypes", "float32,float16"]
    given += ["--store", str(tmp_path / "store"), "--output", str(output)]
    main(["fuzz", *given])
    record = msgspec.json.decode(output.read_bytes(), type=Record)
    assert record.exit_code in (code, 3 if not code else 1), record.doubts
    assert bool(record.failures) == bool(code)
    shown = capsys.readouterr().out
    assert (f"held to {error}" in shown) == (not code)
    assert (f"looks like: {SAID}" in shown) == bool(code)


@pytest.mark.parametrize("kind", ["lattice", "bounded"])
def test_a_token_is_judged_both_ways(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    token = TOKEN.format(kind)
    assert main(["replay", token, *SUBJECT, "--error", lavin.POINTS]) == 0
    assert "DISAGREES" not in capsys.readouterr().out
    if kind == "lattice":
        assert main(["replay", token, *SUBJECT]) == 1
        assert f"looks like: {SAID}" in capsys.readouterr().out


def test_points_with_a_narrower_bound_are_held_to_it() -> None:
    """Errors of 1.5 times the bound of 0,±1/2,±2 lie, in most places, within that of 0,±1,±2."""
    case = replace(WHOLE, kind="normal")
    narrow, wide = parse("winograd:F(4,3):0,±1/2,±2"), parse(lavin.POINTS)
    allowed, other = (
        bounds.allow(case, *case.arrays(), flush=False, error=one) for one in (narrow, wide)
    )
    planted = np.where(1.6 * allowed.bound < other.bound, 1.5 * allowed.bound, 0)
    assert np.count_nonzero(planted) > planted.size / 2

    def off(*_: Any, **__: Any) -> Any:
        return (allowed.value + planted).astype(DTYPES[case.dtype])

    bounded = CLAIMS["bounded"]
    assert failure(bounded, case, Subject(off, Scope(subject="a:b", error=str(narrow))))
    assert failure(bounded, case, Subject(off, Scope(subject="a:b", error=str(wide)))) is None


def test_every_claim_that_admits_a_case_holds_within_the_bound() -> None:
    scope = Scope(subject="parity.tests.subjects.lavin:conv2d", error=lavin.POINTS)
    subject = Subject(lavin.conv2d, scope)
    for dtype in ("float32", "float64", "float16"):
        for kind in ("lattice", "bounded", "special"):
            case = replace(WHOLE, dtype=dtype, kind=kind)
            for claim in admitting(case, scope):
                assert failure(claim, case, subject) is None, (claim.name, case.token())


def test_what_is_said_of_a_failure() -> None:
    assert looks_like(lavin.conv2d, WHOLE, Scope()) == SAID
    assert looks_like(lavin.conv2d, WHOLE, Scope(error=lavin.POINTS)) == ""
    two = kernel("winograd:F(4,3):0,±1/2,±2")
    assert algorithm(two, WHOLE) == SAID  # whose bound is narrower


def test_nothing_is_said_of_other_failures() -> None:
    def half_products(x: Any, w: Any, *call: Any, **named: Any) -> Any:
        return textbook(x.astype("f2").astype(x.dtype), w, *call, **named)

    early = Textbook(convolve=partial(convolve, by=BY, early=1))
    for other in (half_products, early, textbook):
        assert algorithm(other, replace(WHOLE, kind="normal")) == ""
    assert algorithm(lavin.conv2d, replace(WHOLE, strides=(2, 2))) == ""
