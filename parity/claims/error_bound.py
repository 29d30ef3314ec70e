"""No result lies beyond npconv.error_bound, and that is what the suite derives by itself.

The two bounds share no code.  npconv's is of the exact value, and of any way to treat subnormal
numbers; the suite's is of its own sums, whose unit is 2**-29 of float32's and 2**-11 of float64's,
and of one way.  So where no input is subnormal npconv's has to be the larger of the suite's two,
and elsewhere no less; each but for the roundings of the suite's sums, of which a separable
convolution has two.  In one thing they differ: how many products make a pixel's gradient.  The
suite counts the taps that may lie on a pixel, npconv no more than there are outputs.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from hypothesis.strategies import SearchStrategy, integers

from parity.claims import fast
from parity.claims.check import sides, sums_in_halves
from parity.claims.claim import Claim, Told
from parity.claims.default_build import NAME, excuse, harmful
from parity.engine import note
from parity.examples.strategies import cases
from parity.ledger.rows import ROWS, TAKEN
from parity.model.case import Array, Case, Conv2d
from parity.model.subject import DTYPES, Scope
from parity.oracles import bounds, onednn
from parity.oracles.bounds import FLUSHED, Allowed
from parity.oracles.compare import explain

LAYERS = 40
"""One of so many examples of conv2d is a layer for Winograd's algorithm."""
MANY = 32
"""Filters that only layers have."""


def admits(case: Any) -> bool:
    """Say whether `case` is one; special values of separable convolutions are those of two."""
    return isinstance(case, Case) and (case.kind != "special" or case.pointwise is None)


def _drawn(dtype: str, scope: Scope) -> SearchStrategy[Case]:
    """Draw all kinds of data that `admits` takes, and at times a layer for Winograd's algorithm."""
    special = () if scope.operation == "separable_conv2d" else ("special",)
    plain = cases([dtype], ("bounded", "bounded", "lattice", *special), scope)
    if scope.operation != "conv2d" or dtype in ("float64", "int32"):
        return plain
    layers = fast.strategy(dtype, scope)
    return integers(1, LAYERS).flatmap(lambda turn: layers if turn == LAYERS else plain)


def check(case: Case, conv2d: Conv2d) -> Told:
    """Hold every side to the bound of what it computes, and the bounds to one another."""
    import npconv

    arrays = case.arrays()
    if case.operation == "conv2d" and case.filters_shape[-1] >= MANY:
        return _of_layer(case, conv2d, *arrays)
    function = partial(npconv.error_bound, getattr(npconv, case.operation))

    def bound(**formats: str) -> Array:
        return case.call_on(partial(function, **formats), *arrays)

    permitted = bounds.allowances(case, *arrays)
    own, blur = bound(), 2.0 ** (-10 if case.dtype == "float64" else -28)
    telling = _agree(case, own, permitted, blur, arrays)
    ratios = {}
    for precision in ("standard", "fast", "exact"):
        got = case.call_on(partial(conv2d, precision=precision), *arrays)
        limit, side = bound(precision=precision), f"npconv {precision}"
        ratios[side] = _held(case, side, got, limit, permitted[False], blur * own)
    for side, computed in sides(case, conv2d, *arrays):
        if side == note.ORACLE:
            limit = bound(accumulate=case.dtype) if sums_in_halves(case, side) else own
            ratios[side] = _held(
                case, side, computed(*arrays), limit, permitted[False], blur * own, permitted[True]
            )
    if case.operation == "conv2d":
        ratios |= _of_onednn(case, own, permitted, blur, arrays)
    return Told(own.size, telling, ratios)


def _of_layer(case: Case, conv2d: Conv2d, x: Array, w: Array) -> Told:
    """Hold npconv's fast results to their bound, of the first and the last filter."""
    import npconv

    def prepared(input: Array, filters: Array, **arguments: Any) -> Array:
        return npconv.Convolution(filters, **arguments, precision="fast")(input)

    def ends(function: Conv2d) -> Array:
        result, place = case.call_on(function, x, w), -1 if case.data_format == "NHWC" else -3
        return np.take(result, [0, -1], place)

    part, few = replace(case, filters_shape=(*w.shape[:-1], 2)), w[..., [0, -1]]
    exact = bounds.allow(part, x, few, flush=False)
    limit = ends(partial(npconv.error_bound, precision="fast"))
    off = 2.0**-28 * part.call_on(npconv.error_bound, x, few)
    roads: dict[str, Conv2d] = {
        "npconv fast": partial(conv2d, precision="fast"),
        "npconv prepared": prepared,
    }
    ratios = {
        side: _held(part, side, ends(road), limit, exact, off) for side, road in roads.items()
    }
    return Told(limit.size, int(np.count_nonzero(limit > 0)), ratios, ("layers",))


def _of_onednn(
    case: Case, own: Array, permitted: dict[bool, Allowed], blur: float, arrays: tuple[Array, ...]
) -> dict[str, float]:
    """Hold TensorFlow with oneDNN to the bound, but for what the ledger has of it."""
    arguments = {**dict(zip(case.of.arrays, arrays, strict=True)), **case.arguments()}
    try:
        got = case.call_on(onednn.conv2d, *arrays)
        ratio = _held(case, NAME, got, own, permitted[False], blur * own, permitted[True])
    except (onednn.Killed, onednn.Refused):
        return {}
    except AssertionError:
        if excuse(arguments, TAKEN, ROWS) is None:
            raise
        return {}
    finally:
        if harmful(arguments, ROWS):
            onednn.renew()
    return {NAME: ratio}


def _held(
    case: Case, side: str, got: Array, limit: Array, exact: Allowed, off: Array,
    seen: Allowed | None = None,
) -> float:  # fmt: skip
    """Demand a result within `limit` of the exact value, which the suite's may be `off`.

    What is no number has to be so as `seen`, by a side that flushes subnormals.  Returns the
    largest |error| / bound.
    """
    seen = seen or exact
    if got.shape != limit.shape:
        raise AssertionError(f"{side}: shape {got.shape}, expected {limit.shape}\n{explain(case)}")
    wide = exact.value.dtype if exact.value.dtype.kind == "f" else np.dtype(np.float64)
    value = got.astype(wide)
    with np.errstate(all="ignore"):
        error = np.abs(value - exact.value)
        beyond = np.isfinite(limit) & ~(error <= limit + off)
        ratio = np.maximum(error - off, 0) / np.where(limit > 0, limit, np.inf)
    strange = (
        (seen.nan & ~np.isnan(value))
        | (seen.positive & (value != np.inf))
        | (seen.negative & (value != -np.inf))
    )
    _raise_where(case, beyond | (np.isnan(limit) & strange), side, value, exact.value, limit)
    return float(np.max(ratio, where=np.isfinite(limit), initial=0))


def _agree(
    case: Case, own: Array, permitted: dict[bool, Allowed], blur: float, arrays: tuple[Array, ...]
) -> int:
    """Demand the suite's bound of npconv; return how many outputs it tells of."""
    kept = permitted[False]
    if case.dtype == "int32":
        _raise_where(case, own != 0, "npconv's bound", own, kept.bound, own)
        return int(np.count_nonzero(kept.value))
    calm = np.ones(own.shape, bool)
    theirs = np.zeros_like(kept.bound)
    for allowed in permitted.values():
        calm &= allowed.finite | allowed.zero
        with np.errstate(all="ignore"):
            spread = np.where(allowed.zero, 0, allowed.bound) + np.abs(allowed.value - kept.value)
        theirs = np.maximum(theirs, spread)
    strange = [one.nan | one.positive | one.negative | one.open for one in permitted.values()]
    loose = np.isnan(own) & ~(strange[0] | strange[1])
    loose |= (kept.open & np.isfinite(own)) | (calm & ~np.isfinite(own) & (case.kind == "bounded"))
    _raise_where(case, loose, "npconv's bound", own, theirs, own)
    told = calm & np.isfinite(own)
    with np.errstate(all="ignore"):
        small = told & ~(own * (1 + blur) >= theirs * _fewer(case))
        large = told & ~(own <= theirs * (1 + blur))
    if any((bounds.flushed(one) != one).any() for one in arrays if case.dtype in FLUSHED):
        large[...] = False  # each of them may be flushed, not all or none
    _raise_where(case, small | large, "npconv's bound", own, theirs, own)
    return int(np.count_nonzero(told & (own > 0)))


def _fewer(case: Case) -> float:
    """Return the share of the products that the suite counts which a pixel's gradient has."""
    if case.of.gives != "input":
        return 1.0
    shares = []
    for axis in case.axes():
        apart = axis.stride // math.gcd(axis.stride, axis.dilation)
        apart = axis.stride if axis.interleaved else apart
        shares.append(min(axis.outputs, -(-axis.kernel // apart)) / axis.meetings)
    # gamma_n grows a little faster than n: by n u, which is largest in float32.
    return math.prod(shares) * (1 - 2 * case.terms * 2.0**-24)


def _raise_where(
    case: Case, wrong: Array, side: str, got: Array, expected: Array, limit: Array
) -> None:
    if wrong.any():
        at = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise AssertionError(
            f"{side}: {int(wrong.sum())} of {wrong.size} outputs are wrong, the first at {at}\n"
            f"  got: {got[at]!r}\n  expected: {expected[at]!r}\n  error_bound: {limit[at]!r}\n"
            f"{explain(case)}"
        )


CLAIM = Claim(
    name="error_bound",
    statement="npconv.error_bound: no result beyond it, and the suite's own bound is the same.",
    dtypes=DTYPES,
    strategy=_drawn,
    check=check,
    admits=admits,
    examples=60,
    telling=10,
)
