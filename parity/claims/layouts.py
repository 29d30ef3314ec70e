"""The values count, not where they lie: any memory layout gives the same bits and is left alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from parity.claims import exact
from parity.claims.claim import Claim, Told
from parity.examples import corners
from parity.examples.strategies import of_kinds
from parity.model.case import Array, Case, Conv2d
from parity.model.subject import DTYPES
from parity.oracles.compare import explain

# The simplest layer of ones changes nothing, which invites a result that is no copy.
_KINDS = ("ones", "lattice", "lattice")


def check(case: Case, conv2d: Conv2d) -> Told:
    """Do what ``exact`` does; see that the arrays are left alone, and so is the first result.

    A second call must not write to what the first has returned, as one would that keeps its
    output's memory.
    """

    def watched(*leading: Any, **arguments: Any) -> Array:
        named = dict(zip(case.of.leading, leading, strict=True)) | arguments
        given = {name: named[name] for name in case.of.arrays}
        before = {name: _state(array) for name, array in given.items()}
        result: Array = conv2d(*leading, **arguments)
        for name, array in given.items():
            if _state(array) != before[name]:
                raise AssertionError(f"the subject changes its {name}\n{explain(case)}")
            if np.may_share_memory(result, array):
                raise AssertionError(f"the result is a view of the {name}\n{explain(case)}")
        first = result.tobytes()
        second: Array = conv2d(*leading, **arguments)
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
    strategy=of_kinds(*_KINDS, "lattice", int32=(*_KINDS, "bounded"), layouts=True),
    check=check,
    admits=exact.admits,
    examples=800,
    telling=10,
    minima=lambda scope: corners.minima(scope, layouts=True),
)
