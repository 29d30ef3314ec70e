"""npconv's precision "fast": the standard's bits, or a fast algorithm within its proven bound.

Each layer is computed by the function and by `npconv.Convolution`, which prepares filters and so
takes Winograd's algorithm more often.  Other bits than the standard's tell that one was taken, as
Winograd's may be for 3x3 kernels at stride 1, in float32 and, inside, in halves, and an FFT in
float32 and float64 where each filter reads one channel.  The bounds are the suite's own
(`parity.oracles.winograd`): of F(2,3) where there are no more than two rows and columns of outputs,
so that small integers are exact, of F(4,3) elsewhere, and of FFTs of up to 2**18 numbers.  What is
not finite is the standard's.  To bound an output of F(4,3) takes the work of 64: a few filters,
which are drawn, stand for all.
"""

from __future__ import annotations

from collections.abc import Mapping
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
from parity.model.error import Error, Normwise, parse
from parity.model.geometry import Geometry
from parity.model.subject import Scope
from parity.oracles import bounds
from parity.oracles.compare import assert_exact, assert_special, explain
from parity.oracles.winograd import takes

FOUR, TWO = parse("winograd:F(4,3):0,±1/2,±2"), parse("winograd:F(2,3):0,±1")
FFT = Normwise(20 * 18 + 1 + 3)
# Images, rows, channels, filters: where it pays with prepared filters, in the call, and never.
PREPARED = (
    *((3, 8, 128, 64), (8, 8, 64, 64), (1, 8, 256, 128), (1, 14, 128, 128), (16, 4, 64, 128)),
    *((16, 2, 256, 128), (2, 6, 256, 128), (1, 14, 256, 64)),
)
CALLED = ((1, 56, 64, 64), (3, 28, 128, 32), (4, 28, 64, 64), (2, 40, 64, 64))
LARGE = ((1, 48, 2, 31), (1, 50, 2, 29))  # of each channel, by kernels so long
SMALL = ((2, 7, 3, 8), (1, 9, 32, 32), (3, 5, 8, 40), (16, 2, 256, 128))
KINDS = ("normal", "normal", "bounded", "bounded", "small", "lattice", "special")
FILTERS = 2
BYTES = 16


def strategy(dtype: str, scope: Scope) -> SearchStrategy[Case]:
    """Draw layers, most of them such that it pays to take the algorithm."""
    return built(BYTES, lambda dials: assembled(dials, dtype, scope))


def assembled(dials: Dials, dtype: str, scope: Scope) -> Case:
    """Return the case that `BYTES` dials say."""
    large = LARGE if scope.has("groups") else SMALL
    where = dials.pick((SMALL, PREPARED, PREPARED, PREPARED, PREPARED, CALLED, large))
    if dtype in ("float64", "int32"):
        where = large if where is large else SMALL
    batch, rows, channels, filters = dials.pick(where)
    kernel, stride, dilation = dials.pick(((3, 1, 1), (3, 2, 1), (2, 1, 2)))
    depth = channels
    if where is LARGE:
        kernel, depth, filters = filters, 1, channels
    elif where is not SMALL:
        kernel = 3
    plain = Axis(0, kernel)
    if where is SMALL and scope.has("strides") and scope.has("dilations"):
        plain = Axis(0, kernel, stride, dilation)
    padding, fewer = dials.pick(paddings(scope)), dials.pick((0, 0, 1)) if rows > 2 else 0
    around = 2 if padding == "explicit" else 0
    axes = []
    for outputs in (rows, rows - fewer):
        inside = (outputs - 1) * plain.stride + plain.reach - 2 * around
        size = outputs * plain.stride if padding == "SAME" else max(1, inside)
        axes.append(plain._replace(size=size, before=around, after=around))
    images = batch if scope.has("batches") else 1
    return Geometry((images,), tuple(axes), channels, depth, filters).case(
        padding,
        dials.pick((scope.formats[0], *scope.formats)),
        dtype=dtype,
        kind=dials.pick(("small", "lattice") if dtype == "int32" else KINDS),
        seed=dials.seed(),
    )


def check(case: Case, conv2d: Conv2d) -> Told:
    """Hold the function, and the prepared filters, to the standard's bits or to the bound."""
    import npconv

    def prepared(input: Array, filters: Array, **arguments: Any) -> Array:
        return npconv.Convolution(filters, **arguments, precision="fast")(input)

    function = partial(conv2d, precision="fast")
    return compared(case, conv2d, {"conv2d": function, "Convolution": prepared})


def compared(case: Case, standard: Conv2d, roads: Mapping[str, Conv2d]) -> Told:
    """Compare what the roads make of a case with the standard's bits, and then with the bound."""
    x, w = case.arrays()
    expected = case.call_on(standard, x, w)
    telling, ratios = int(np.count_nonzero(expected)), {}
    error = _error(case)
    same = error is None or (error is TWO and case.kind == "small")
    for name, road in roads.items():
        got = case.call_on(road, x, w)
        if same or got.tobytes() == expected.tobytes():
            assert_exact(case=case, got=got, expected=expected, names=(name, "standard"))
        else:
            ratios[name], telling = _held(case, x, w, got, error)
    taken = "an FFT" if error is FFT else "Winograd's"
    return Told(expected.size, telling, ratios, tuple(f"{name} takes {taken}" for name in ratios))


def _error(case: Case) -> Error:
    """Return the bound of what may be taken for a layer; None where that is the standard's road."""
    it, single = Geometry.of(case), case.dtype != "float64"
    if takes(FOUR, case) and single:
        return TWO if max(it.outputs) <= 2 else FOUR
    wide = case.dtype in ("float32", "float64")
    return FFT if wide and it.depth == 1 and {*case.strides, *case.dilations} == {1} else None


def _held(case: Case, x: Array, w: Array, got: Array, error: Error) -> tuple[float, int]:
    """Hold a few filters' outputs to the bound; return |error| / bound, and how many tell."""
    few = np.random.default_rng(case.seed).permutation(w.shape[-1])[:FILTERS]
    few = few if Geometry.of(case).groups == 1 else np.arange(w.shape[-1])
    part = replace(case, filters_shape=(*w.shape[:-1], len(few)))
    allowed = bounds.allow(part, x, w[..., few], flush=False, error=error)
    strict = replace(allowed, spoiled=np.zeros(allowed.spoiled.shape, bool))
    mine = np.ascontiguousarray(np.take(got, few, -1 if case.data_format == "NHWC" else -3))
    try:
        ratio = assert_special(case=part, got=mine, allowed=strict, name="npconv, fast")
    except AssertionError as wrong:
        raise AssertionError(f"filters {few.tolist()}: {wrong}\nwhole: {explain(case)}") from wrong
    return ratio, tight(allowed)


CLAIM = Claim(
    name="fast",
    statement="npconv's precision \"fast\": the standard's bits, or within a proven bound.",
    dtypes=(*FLOATS, "int32"),
    strategy=strategy,
    check=check,
    admits=lambda case: case.operation == "conv2d",
    examples=20,
    telling=10,
    classes=lambda case: (case.dtype, case.kind),
    minima=lambda scope: (
        {
            "Convolution takes Winograd's": 0.06,
            "conv2d takes Winograd's": 0.01,
            "conv2d takes an FFT": 0.01,
        }
        if "float32" in scope.dtypes
        else {}
    ),
    operations=("conv2d",),
)
