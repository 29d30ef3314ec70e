"""npconv's precision "exact" gives the exact sum, rounded once, bit for bit.

The sums are those of `parity.oracles.rational`, in Python's integers.  Nothing else may show in the
bits: each case is computed once more with its channels in another order, one image after the other,
or from C arrays on one thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from parity.claims.bounded import FLOATS
from parity.claims.claim import Claim, Told
from parity.examples import corners
from parity.examples.strategies import of_kinds
from parity.model.case import Array, Case, Conv2d
from parity.oracles import rational
from parity.oracles.compare import assert_exact, explain

Exact = Callable[..., Array]


def admits(case: Case) -> bool:
    """Say whether `case` holds floats; any will do."""
    return case.dtype in FLOATS


def check(case: Case, conv2d: Conv2d) -> Told:
    """Compare two calls with the exact sums."""
    del conv2d  # the claim is about npconv's own functions
    import npconv

    def exact(*leading: Any, **named: Any) -> Array:
        result: Array = getattr(npconv, case.operation)(*leading, **named, precision="exact")
        return result

    return compared(case, exact)


def compared(case: Case, exact: Exact) -> Told:
    """Compare what `exact` makes of a case, as it is and in another form, with the exact sums."""
    arrays = case.arrays()
    expected = rational.rounded(case, *arrays)
    for form, result in (("exact", case.call_on(exact, *arrays)), _again(case, exact, *arrays)):
        names = (form, "the exact sums, rounded once")
        assert_exact(case=case, got=result, expected=expected, names=names)
        if result.tobytes() != expected.tobytes():  # NaN has one form, too
            raise AssertionError(f"a NaN is not the quiet one\n{explain(case)}")
    return Told(expected.size, int(np.count_nonzero(expected)))


def _again(case: Case, exact: Exact, *arrays: Array) -> tuple[str, Array]:
    """Compute a case in another form, whose sums are the same."""
    import npconv

    place = -1 if case.data_format == "NHWC" else -1 - case.of.axes
    plain = case.of.gives == "output" and not case.of.depthwise
    if plain and case.seed % 3 == 0 and case.filters_shape[-2] == case.channels:
        order = np.random.default_rng(case.seed).permutation(case.channels)
        mixed = np.take(arrays[0], order, place), np.take(arrays[1], order, -2)
        return "exact, of permuted channels", case.call_on(exact, *mixed)
    if case.of.gives == "output" and case.seed % 3 == 1 and arrays[0].shape[0] > 1:
        images = (case.call_on(exact, one[np.newaxis], *arrays[1:]) for one in arrays[0])
        return "exact, image by image", np.concatenate(list(images))
    threads = npconv.get_num_threads()
    npconv.set_num_threads(1)
    try:
        return "exact, of C arrays", case.call_on(exact, *map(np.ascontiguousarray, arrays))
    finally:
        npconv.set_num_threads(threads)


CLAIM = Claim(
    name="rounded",
    statement='npconv\'s precision "exact": the exact sum, rounded once, whatever the order.',
    dtypes=FLOATS,
    strategy=of_kinds(
        "ties", "cancelling", "bounded", "normal", "special", "lattice", layouts=True
    ),
    check=check,
    admits=admits,
    examples=200,
    telling=10,
    minima=lambda scope: corners.minima(scope, layouts=True),
)
