"""What an error beyond that of sums in any order looks like: that of Winograd's algorithm."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from parity.claims import bounded, exact
from parity.model.case import Array, Case, Conv2d
from parity.model.error import Error, Winograd, parse
from parity.oracles import bounds
from parity.oracles.compare import assert_special
from parity.oracles.winograd import exactly, takes

USUAL = ("F(2,3):0,±1", "F(4,3):0,±1,±2", "F(6,3):0,±1,±2,±1/2")
"""The points that are in use, mostly with the widest bound; fewer outputs first."""
KINDS = ("small", "lattice", "normal")
DRAWS = 4


def algorithm(conv2d: Conv2d, case: Case) -> str:
    """Say within which algorithm's bound a subject's results lie, that are wrong on `case`.

    It is called on data of every kind, all of which have to lie there, and one of which no order
    of summation may explain; "" if that is not so.  Small integers have to come out exact just if
    the algorithm's constants are: a kernel that rounds what it multiplies is no such algorithm.
    """
    usual = [parse(f"winograd:{one}") for one in USUAL]
    usual = [one for one in usual if takes(one, case)]
    plain = replace(case, input_only=None, filters_only=None)
    draws = [replace(plain, kind=kind, seed=seed) for kind in KINDS for seed in range(DRAWS)]
    try:
        heard = [(one, case.call_on(conv2d, *one.arrays())) for one in [case, *draws] if usual]
    except Exception:
        return ""
    if all(_holds(None, *one, conv2d) for one in heard):
        return ""
    small = all(_holds(None, *one, conv2d) for one in heard if one[0].kind == "small")
    for error in usual:
        assert isinstance(error, Winograd)
        if all(exactly(error, np.float32)) != small and case.dtype not in bounds.HALVES:
            continue
        if all(_holds(error, *one, conv2d) for one in heard):
            name = f"F({error.outputs},{error.taps}) with points {error.spelled}"
            return (
                "its error exceeds what any order of summation can make; it lies within the bound"
                f" of Winograd's {name}: if that is the algorithm, say --error {error}"
            )
    return ""


def _holds(error: Error, case: Case, got: Array, conv2d: Conv2d) -> bool:
    """Say whether a result is right: to the bit where sums in any order are, or within a bound."""
    arrays = case.arrays()
    if error is None and exact.admits(case):
        return got.tobytes() == bounds.integers(case, *arrays).tobytes()
    flush = bounded.flushes(case, conv2d)
    allowed = bounds.allow(case, *arrays, flush=flush, error=error)
    try:
        assert_special(case=case, got=got, allowed=allowed, name="")
    except AssertionError:
        return False
    return True
