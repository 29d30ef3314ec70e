"""npconv's precision "fast": the standard's bits, or Winograd's algorithm within its proven bound.

Each layer is computed by the function and by `npconv.Convolution`, which prepares filters and so
takes the algorithm more often.  Bits other than the standard's say that it was taken: that is
right for 3x3 kernels at stride 1, in float32 and, inside, in halves.  The bound is the suite's own
(`parity.oracles.winograd`), of F(2,3) where there are no more than two rows and columns of outputs,
so that small integers are exact, and of F(4,3) elsewhere; what is not finite follows the standard.

To bound an output takes as much work as 64 of them: a few filters, which are drawn, stand for all.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from hypothesis.strategies import SearchStrategy

from parity.claims.bounded import FLOATS, tight
from parity.claims.claim import Claim, Told
from parity.examples.strategies import Dials, built, paddings
from parity.model.axis import Axis
from parity.model.case import Array, Case, Conv2d
from parity.model.error import parse
from parity.model.geometry import Geometry
from parity.model.subject import Scope
from parity.oracles import bounds
from parity.oracles.compare import assert_exact, assert_special, explain
from parity.oracles.winograd import takes

FOUR, TWO = parse("winograd:F(4,3):0,±1/2,±2"), parse("winograd:F(2,3):0,±1")
PAID = (  # images, rows, channels, filters: where it pays with prepared filters
    *((3, 8, 128, 64), (8, 8, 64, 64), (1, 8, 256, 128), (1, 14, 128, 128), (16, 4, 64, 128)),
    *((16, 2, 256, 128), (2, 6, 256, 128), (1, 14, 256, 64)),
)
FIRST = ((1, 56, 64, 64), (3, 28, 128, 32), (4, 28, 64, 64), (2, 40, 64, 64))
"""Where it pays with filters that are transformed in the call."""
SMALL = ((2, 7, 3, 8), (1, 9, 32, 32), (3, 5, 8, 40))
KINDS = ("normal", "normal", "bounded", "bounded", "small", "lattice", "special")
FILTERS = 2
BYTES = 16


def strategy(dtype: str, scope: Scope) -> SearchStrategy[Case]:
    """Draw layers, most of them such that it pays to take the algorithm."""
    return built(BYTES, lambda dials: assembled(dials, dtype, scope))


def assembled(dials: Dials, dtype: str, scope: Scope) -> Case:
    """Return the case that `BYTES` dials say."""
    paid = dtype not in ("float64", "int32")
    which = dials.pick((SMALL, PAID, PAID, PAID, PAID, FIRST) if paid else (SMALL, PAID[5:6]))
    batch, rows, channels, filters = dials.pick(which)
    batch = batch if scope.has("batches") else 1
    other = dials.below(3) if which is SMALL else 0  # no layer for the algorithm
    kernel, stride, dilation = ((3, 1, 1), (3, 2, 1), (2, 1, 2))[other]
    stride = stride if scope.has("strides") else 1
    dilation = dilation if scope.has("dilations") else 1
    padding = dials.pick(paddings(scope))
    fewer = dials.pick((0, 0, 1)) if rows > 2 else 0
    axes = []
    for outputs in (rows, rows - fewer):
        axis = Axis(outputs * stride, kernel, stride, dilation)
        if padding != "SAME":
            around = (2, 1) if padding == "explicit" else (0, 0)
            size = (outputs - 1) * stride + axis.reach - sum(around)
            axis = axis._replace(size=max(1, size), before=around[0], after=around[1])
        axes.append(axis)
    whole = Geometry((batch,), tuple(axes), channels, channels, filters)
    kind = dials.pick(KINDS[4:6] if dtype == "int32" else KINDS)
    layout = dials.pick((scope.formats[0], *scope.formats))
    return whole.case(padding, layout, dtype=dtype, kind=kind, seed=dials.seed())


def admits(case: Case) -> bool:
    """Say whether `case` is a convolution whose bits are the same whenever it is computed."""
    return case.operation == "conv2d"


def check(case: Case, conv2d: Conv2d) -> Told:
    """Hold the function and the prepared filters to the standard's bits, or to the bound."""
    import npconv

    def prepared(input: Array, filters: Array, **arguments: Any) -> Array:
        return npconv.Convolution(filters, **arguments, precision="fast")(input)

    roads: dict[str, Conv2d] = {
        "conv2d": partial(conv2d, precision="fast"),
        "Convolution": prepared,
    }
    return compared(case, conv2d, roads)


def compared(case: Case, standard: Conv2d, roads: dict[str, Conv2d]) -> Told:
    """Compare what the roads make of a case with the standard's bits, and then with the bound."""
    x, w = case.arrays()
    expected = case.call_on(standard, x, w)
    found, telling, ratios = [], int(np.count_nonzero(expected)), {}
    for name, road in roads.items():
        got = case.call_on(road, x, w)
        names = name, "precision 'standard'"
        if _same(got, expected):
            assert_exact(case=case, got=got, expected=expected, names=names)
            continue
        small = max(Geometry.of(case).outputs) <= 2
        if not takes(FOUR, case) or case.dtype == "float64" or (small and case.kind in _INTEGERS):
            assert_exact(case=case, got=got, expected=expected, names=names)
        ratios[name], telling = _held(case, x, w, got, two=small)
        found.append(f"{name} takes Winograd's")
    return Told(expected.size, telling, ratios, tuple(found))


_INTEGERS = {"small", "ones"}
"""Kinds whose integers leave room for quarters."""


def _same(one: Array, other: Array) -> bool:
    """Say whether two results have the same values, any NaN being any other."""
    equal = one.dtype == other.dtype and np.array_equal(one, other, equal_nan=one.dtype.kind != "i")
    return bool(equal)


def _held(case: Case, x: Array, w: Array, got: Array, *, two: bool) -> tuple[float, int]:
    """Hold a few filters' outputs to the bound; return |error| / bound, and how many tell."""
    rng = np.random.default_rng(case.seed)
    few = np.sort(rng.permutation(w.shape[-1])[:FILTERS])
    place = -1 if case.data_format == "NHWC" else -3
    part = replace(case, filters_shape=(*w.shape[:-1], len(few)))
    allowed = bounds.allow(part, x, w[..., few], flush=False, error=TWO if two else FOUR)
    strict = replace(allowed, spoiled=np.zeros(allowed.spoiled.shape, bool))
    mine = np.ascontiguousarray(np.take(got, few, place))
    try:
        ratio = assert_special(case=part, got=mine, allowed=strict, name="npconv, fast")
    except AssertionError as error:
        raise AssertionError(f"filters {few.tolist()}: {error}\nwhole: {explain(case)}") from error
    return ratio, tight(allowed)


CLAIM = Claim(
    name="fast",
    statement="npconv's precision \"fast\": the standard's bits, or within Winograd's bound.",
    dtypes=(*FLOATS, "int32"),
    strategy=strategy,
    check=check,
    admits=admits,
    examples=24,
    telling=10,
    classes=lambda case: (case.dtype, case.kind),
    minima=lambda scope: (
        {"Convolution takes Winograd's": 0.06, "conv2d takes Winograd's": 0.01}
        if "float32" in scope.dtypes
        else {}
    ),
    operations=("conv2d",),
)
