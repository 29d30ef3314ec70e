"""Ordinary layers: what kernels branch on, each combined with each, bit for bit.

The factors are those of `parity.examples.layers`.  Kind, kernel, strides, dilation and padding are
chosen first; then the sizes in an order that is drawn, each among the values for which a layer of
least cost still fits.  So whatever comes first is restrained by little, and every two sizes come
first in some order: the limits on costs, which keep an example at a few milliseconds, make no pair
rare.

The values are weighted: 3x3, strides of 2, whole multiples of 8 and 16 and batches of 8 are
what fast paths are written for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from itertools import permutations
from typing import Any

import numpy as np
from hypothesis.strategies import SearchStrategy

from parity.claims import exact, large
from parity.claims.claim import Claim, Told
from parity.examples.layers import CHANNELS, Details, case, smallest, values
from parity.examples.levels import levels, possible
from parity.examples.pairs import Coverage
from parity.examples.strategies import Dials, built
from parity.model.case import Case, Conv2d
from parity.model.subject import DTYPES, Scope
from parity.oracles import eigen
from parity.oracles.compare import assert_exact

WEIGHTS: Mapping[str, Mapping[Any, int]] = {
    "kind": {"none": 7, "few": 2, "many": 2, "depthwise": 3, "multiplied": 3},
    "kernel": {(1, 1): 4, (2, 2): 3, (3, 3): 5, (5, 5): 3, (7, 7): 4, (1, 7): 2, (7, 1): 2},
    # One and three channels have no groups (but depthwise), which most of these layers have.
    "in_channels": {near: 3 for near, _ in CHANNELS.values()}
    | {1: 9, 3: 12, 256: 2, 2305: 2, 4608: 2},
    "out_channels": {near: 3 for near, _ in CHANNELS.values()} | {1: 4, 3: 5},
    "rows": {1: 2, 8: 2, 16: 2},
    "columns": {1: 2, 8: 2, 16: 2},
    "batch": {1: 5, 8: 4, 9: 3},
    "strides": {(1, 1): 3, (2, 2): 4},
    "dilation": {1: 2},
}
"""How often a value stands among those that are drawn, where that is not once."""
SIZES = ("in_channels", "out_channels", "rows", "columns", "batch")
ORDERS = tuple(
    (*first, *(name for name in SIZES if name not in first)) for first in permutations(SIZES, 2)
)
"""The orders in which sizes are chosen: every two come first in some."""
_KINDS = {"int32": ("lattice", "bounded"), "float16": ("lattice", "finite")}
BYTES = 21
"""How many decisions make a case; the last four are its seed."""


def strategy(dtype: str, scope: Scope) -> SearchStrategy[Case]:
    """Draw layers; they shrink towards one pixel under one tap."""
    return built(BYTES, lambda dials: assembled(dials, dtype, scope))


def assembled(dials: Dials, dtype: str, scope: Scope) -> Case:
    """Return the case that `BYTES` dials say."""
    of = _weighted(scope)
    fixed: dict[str, Any] = {
        factor: dials.pick(of[factor])
        for factor in ("kind", "kernel", "strides", "dilation", "padding")
    }
    order = dials.pick(ORDERS)
    drawn = {factor: dials.below(256) for factor in SIZES}
    for factor in order:
        fixed[factor] = _fitting(fixed, factor, of[factor], drawn[factor])
    layer = smallest(fixed)
    assert layer is not None  # each value was chosen among those that fit
    details = Details(
        groups=dials.below(256),
        spare=(dials.below(256), dials.below(256)),
        pads=dials.below(256),
        data_format=dials.pick((scope.formats[0], *scope.formats)),
        dtype=dtype,
        kind=dials.pick(_KINDS.get(dtype, ("lattice",))),
        seed=dials.seed(),
    )
    made = case(layer, details, scope.operation)
    if made.operation == "separable_conv2d":
        middle = made.output_shape[-1 if made.data_format == "NHWC" else 1]
        made = replace(made, pointwise=(middle, fixed["out_channels"]), kind="small")
    return made


def _fitting(fixed: Mapping[str, Any], factor: str, choice: tuple[Any, ...], drawn: int) -> Any:
    """Return one of the values of `choice` that fit to `fixed`."""
    value = choice[drawn % len(choice)]
    if smallest({**fixed, factor: value}) is None:  # seldom: do not try all of them before
        fitting = [one for one in choice if smallest({**fixed, factor: one}) is not None]
        value = fitting[drawn % len(fitting)]
    return value


@cache
def _weighted(scope: Scope) -> dict[str, tuple[Any, ...]]:
    return {
        factor: tuple(one for one in of for _ in range(WEIGHTS.get(factor, {}).get(one, 1)))
        for factor, of in values(scope).items()
    }


def check(case: Case, conv2d: Conv2d) -> Told:
    """Compare both sides bit for bit: no order of exact sums gives others."""
    if case.operation != "conv2d":  # whose halves TensorFlow rounds
        return replace(exact.check(case, conv2d), levels=levels(case))
    x, w = case.arrays()
    theirs = case.call_on(eigen.conv2d, x, w)
    ours = case.call_on(conv2d, x, w)
    assert_exact(case=case, got=ours, expected=theirs, names=("subject", "TensorFlow"))
    return Told(theirs.size, int(np.count_nonzero(theirs)), levels=levels(case))


def coverage(scope: Scope) -> Coverage:
    """Return which levels and pairs a run within `scope` has to meet, and how rare they are.

    The rarest level is one of 16 examples, the rarest pair one of 400 to 500
    (parity/tests/examples/test_layers.py measures them, in every scope).
    """
    return Coverage(*possible(scope), level=1 / 30, pair=1 / 650)


CLAIM = Claim(
    name="layers",
    statement="Ordinary layers, all that kernels branch on combined: bit for bit.",
    dtypes=DTYPES,
    strategy=strategy,
    check=check,
    admits=large.admits,
    examples=3000,
    telling=10,
    share=4,  # what kernels are wrong on, and the most conditions to meet together
    minima=lambda scope: {},
    coverage=coverage,
)
