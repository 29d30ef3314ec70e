"""Claim: float16 and bfloat16 are a float32 convolution rounded once, bit for bit, on both sides.

What that convolution may be is bounded in test_bounded.py, its special values in test_special.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from parity import tensorflow_oracle
from parity.case import DTYPES, Case
from parity.compare import assert_exact
from parity.strategies import cases
from parity.tally import prove


def check(case: Case, conv2d: Any) -> tuple[int, int]:
    """Compare each side's half with its own float32 convolution of the same values."""
    x, w = case.arrays()
    half = DTYPES[case.dtype]
    for name, function in (("TensorFlow", tensorflow_oracle.conv2d), ("npconv", conv2d)):
        got = case.call_on(function, x, w)
        single = case.call_on(function, x.astype(np.float32), w.astype(np.float32))
        with np.errstate(all="ignore"):
            expected = single.astype(half)
        names = (name, f"{name}'s float32 convolution rounded once")
        assert_exact(case=case, got=got, expected=expected, names=names)
    # Telling: the rounding had something to do.
    return got.size, int(((got.astype(np.float32) != single) & ~np.isnan(single)).sum())


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("kind", ["lattice", "bounded", "special"])
def test_halves_are_rounded_once(dtype: str, kind: str, conv2d: Any) -> None:
    strategy = cases(dtypes=[dtype], kinds=[kind])
    telling = 4 if kind == "lattice" else 12
    prove(
        f"halves {kind}",
        dtype,
        strategy,
        lambda case: check(case, conv2d),
        examples=700,
        telling=telling,
    )
