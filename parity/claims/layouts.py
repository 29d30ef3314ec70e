"""The values count, not where they lie: any memory layout gives the same bits and is left alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis.strategies import SearchStrategy

from parity.claims import exact
from parity.claims.claim import Claim, Told
from parity.examples import corners
from parity.examples.strategies import cases
from parity.model.case import Array, Case, Conv2d
from parity.model.subject import DTYPES, Scope
from parity.oracles.compare import explain


def strategy(dtype: str, scope: Scope) -> SearchStrategy[Case]:
    """Draw cases of integers in every memory layout of the scope."""
    # The simplest layer of ones changes nothing, which invites a result that is no copy.
    kinds = ("ones", "lattice", "lattice", "bounded" if dtype == "int32" else "lattice")
    return cases([dtype], kinds, scope, layouts=True)


def check(case: Case, conv2d: Conv2d) -> Told:
    """Do what ``exact`` does; see that the arrays are left alone, and so is the first result.

    A second call must not write to what the first has returned, as one would that keeps its
    output's memory.
    """

    def watched(input: Array, filters: Array, **arguments: Any) -> Array:
        given = {"input": input, "filters": filters}
        before = {name: _state(array) for name, array in given.items()}
        result: Array = conv2d(input, filters, **arguments)
        for name, array in given.items():
            if _state(array) != before[name]:
                raise AssertionError(f"the subject changes its {name}\n{explain(case)}")
            if np.may_share_memory(result, array):
                raise AssertionError(f"the result is a view of the {name}\n{explain(case)}")
        first = result.tobytes()
        second: Array = conv2d(input, filters, **arguments)
        if np.may_share_memory(result, second) or result.tobytes() != first:
            raise AssertionError(f"a second call writes to the first result\n{explain(case)}")
        return result

    return exact.check(case, watched)


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
