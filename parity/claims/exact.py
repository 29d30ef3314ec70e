"""Where the arithmetic is exact in every order, both sides give the same bits.

Integers small enough that no sum of products is rounded, and int32 over its whole range, modulo
2**32.
"""

from __future__ import annotations

import numpy as np

from parity.claims.check import sides, sums_in_halves
from parity.claims.claim import Claim, Told
from parity.examples.strategies import of_kinds
from parity.model import data
from parity.model.case import Case, Conv2d
from parity.model.subject import DTYPES
from parity.oracles import bounds
from parity.oracles.compare import assert_exact


def admits(case: Case) -> bool:
    """Say whether the sums of `case` are exact."""
    return case.kind in data.EXACT or case.dtype == "int32"


def check(case: Case, conv2d: Conv2d) -> Told:
    """Compare both sides with the exact sums, rounded once."""
    arrays = case.arrays()
    expected = bounds.integers(case, *arrays)
    asked = []
    for name, function in sides(case, conv2d, *arrays):
        if sums_in_halves(case, name) and not bounds.exact_in_halves(case, *arrays):
            continue
        assert_exact(case=case, got=function(*arrays), expected=expected, names=(name, "exact"))
        asked.append(name)
    answered = ("TensorFlow answers",) if len(asked) > 1 else ()
    return Told(expected.size, int(np.count_nonzero(expected)), classes=answered)


CLAIM = Claim(
    name="exact",
    statement="Integers: every output bit for bit; int32 over its full range, modulo 2**32.",
    dtypes=DTYPES,
    strategy=of_kinds("lattice", int32=("lattice", "bounded", "special")),
    check=check,
    admits=admits,
    examples=1900,
    telling=10,
)
