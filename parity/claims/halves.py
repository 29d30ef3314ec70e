"""float16 and bfloat16 are a float32 convolution rounded once, on both sides.

Bit for bit that of the same function, unless another order of the float32 sums rounds otherwise.
What that convolution may be is bounded by the claim ``bounded``, its special values by ``special``.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial

import numpy as np

from parity.claims.bounded import flushes
from parity.claims.check import scope_of, sides, sums_in_halves
from parity.claims.claim import Claim, Told
from parity.claims.special import COMPARED
from parity.engine import note
from parity.examples.strategies import of_kinds
from parity.model.case import Array, Case, Conv2d
from parity.model.error import Error
from parity.oracles import bounds
from parity.oracles.bounds import HALVES
from parity.oracles.compare import assert_rounded


def admits(case: Case) -> bool:
    """Say whether `case` holds halves."""
    return case.dtype in HALVES


def check(case: Case, conv2d: Conv2d) -> Told:
    """Compare each side's half with a float32 convolution of the same values.

    That is its own, but of a subject that does not claim float32 the exact sums, rounded to it.
    """
    arrays = case.arrays()
    wide = [one.astype(np.float32) for one in arrays]

    @cache
    def allowed(error: Error = None) -> dict[bool, bounds.Allowed]:
        return bounds.allowances(replace(case, dtype="float32"), *wide, error=error)

    for name, function in sides(case, conv2d, *arrays):
        if sums_in_halves(case, name):
            continue
        got = function(*arrays)
        if name == note.ORACLE or "float32" in scope_of(conv2d).dtypes:
            single = function(*wide)
        else:
            single = _sums(allowed()[flushes(case, conv2d)])
        error = None if name == note.ORACLE else scope_of(conv2d).bound
        may_be = partial(allowed, error)
        assert_rounded(case=case, got=got, single=single, allowed=may_be, name=name)
    # Telling: the rounding had something to do.
    rounded = (got.astype(np.float32) != single) & ~np.isnan(single)
    return Told(got.size, int(np.count_nonzero(rounded)))


def _sums(allowed: bounds.Allowed) -> Array:
    """Return the exact sums in float32; what is not settled may be anything."""
    special = (allowed.zero, allowed.nan, allowed.positive, allowed.negative)
    with np.errstate(all="ignore"):
        value = np.select(special, [0, np.nan, np.inf, -np.inf], allowed.value)
        return value.astype(np.float32)


CLAIM = Claim(
    name="halves",
    operations=COMPARED,
    statement="float16 and bfloat16: a float32 convolution, rounded once.",
    dtypes=HALVES,
    strategy=of_kinds("bounded", "lattice", "special"),
    check=check,
    admits=admits,
    examples=2100,
    telling=8,
)
