"""The values count, not where they lie: any memory layout gives the same bits and is left alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis.strategies import SearchStrategy

from parity import corners
from parity.case import Array, Case, Conv2d
from parity.claims import exact
from parity.claims.claim import Claim, Told
from parity.compare import explain
from parity.strategies import cases
from parity.subject import DTYPES, Scope


def strategy(dtype: str, scope: Scope) -> SearchStrategy[Case]:
    """Draw cases of integers in every memory layout of the scope."""
    return cases([dtype], ["lattice"], scope, layouts=True)


def check(case: Case, conv2d: Conv2d) -> Told:
    """Do what ``exact`` does; see that inputs are as before and the result is no view of them."""
    handed: list[Array] = []
    kept: list[Any] = []

    def watched(input: Array, filters: Array, **arguments: Any) -> Array:
        handed[:] = [input, filters]
        kept[:] = [_state(input), _state(filters)]
        result: Array = conv2d(input, filters, **arguments)
        kept.append(result)
        return result

    told = exact.check(case, watched)
    result = kept.pop()
    for name, array, before in zip(("input", "filters"), handed, kept, strict=True):
        if _state(array) != before:
            raise AssertionError(f"the subject changes its {name}\n{explain(case)}")
        if np.may_share_memory(result, array):
            raise AssertionError(f"the result is a view of the {name}\n{explain(case)}")
    return told


def _state(array: Array) -> tuple[Any, ...]:
    return array.tobytes(), array.shape, array.strides, array.dtype.str, str(array.flags)


CLAIM = Claim(
    name="layouts",
    statement="Any memory layout gives the same bits; inputs are left as they were.",
    dtypes=DTYPES,
    strategy=strategy,
    check=check,
    admits=exact.admits,
    examples=800,
    telling=10,
    minima=lambda scope: corners.minima(scope, layouts=True),
)
