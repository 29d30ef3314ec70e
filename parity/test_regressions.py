"""Claim: every case of regressions.txt holds.  These run before any other test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from parity import test_bounded, test_exact, test_halves, test_special
from parity.case import Case

LINES = Path(__file__).with_name("regressions.txt").read_text().splitlines()
TOKENS = [line for line in LINES if line.strip() and not line.startswith("#")]


@pytest.mark.parametrize("token", TOKENS)
def test_regression(token: str, conv2d: Any) -> None:
    case = Case.parse(token)
    if case.kind == "lattice" or case.dtype == "int32":
        test_exact.check(case, conv2d)
    elif case.kind == "bounded":
        test_bounded.check(case, conv2d)
    else:
        test_special.check(case, conv2d)
    if case.dtype in ("float16", "bfloat16"):
        test_halves.check(case, conv2d)
