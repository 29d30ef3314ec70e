"""The cases of golden vectors, corner classes, drawn ones or layers, and what is right for them."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from math import prod
from typing import Any, NamedTuple

import numpy as np

from parity.examples.corners import classes, minima, within
from parity.examples.strategies import BYTES, MORE, Dials, assembled, of_family
from parity.model.case import DTYPES, Array, Case
from parity.model.geometry import Geometry
from parity.model.subject import Scope
from parity.oracles import bounds
from parity.oracles.compare import assert_special
from parity.oracles.eigen import answers
from parity.speed.layers import Layer

_KINDS = ("bounded", "normal", "lattice", "special")
_EMPTY = ("empty output", "empty input", "outputs of nothing")
_DRAWS, _FOUND, _ELEMENTS, _MOST = 4000, 8, 300, 2000
_CHANNELS = 8


class Chosen(NamedTuple):
    """A case, a word for it and why it is there; None if none was drawn."""

    case: Case | None
    word: str
    why: str


def corners(scope: Scope, seed: int) -> Iterator[Chosen]:
    """Choose for each dtype a case of each corner class, and one of each kind of data."""
    for dtype in scope.dtypes:
        for place, name in enumerate((*minima(scope), *kinds(scope))):
            kind = name if name in _KINDS else _KINDS[place % 3]
            of = scope if name in _EMPTY else replace(scope, without=scope.without | {"empties"})
            drawn = _drawn(of, dtype, kind, seed, name)
            met = islice((one for one in drawn if name in (kind, *classes(one))), _FOUND)
            nearest = min(met, key=lambda one: abs(elements(one) - _ELEMENTS), default=None)
            yield Chosen(nearest, f"{dtype} {name}", f"corner class {name}")


def drawn(scope: Scope, seed: int, number: int) -> Iterator[Chosen]:
    """Choose so many drawn cases, dtypes and kinds of data in turn."""
    for place in range(number):
        turn, which = divmod(place, len(scope.dtypes))
        kind, dtype = kinds(scope)[turn % len(kinds(scope))], scope.dtypes[which]
        case = next(_drawn(scope, dtype, kind, seed, f"drawn {place}"), None)
        yield Chosen(case, f"{dtype} {place}", f"drawn, {kind} data")


def of_layer(layer: Layer, dtype: str, seed: int) -> Chosen:
    """Choose a layer, cut down: few channels, and images with the same pixels left over."""
    case = replace(layer.case, dtype=dtype, seed=seed)
    it = Geometry.of(case)
    groups, depth = min(it.groups, _CHANNELS), min(it.depth, _CHANNELS)
    filters = groups * min(it.filters // it.groups, _CHANNELS)
    least = [2 * axis.reach + (axis.size - 2 * axis.reach) % axis.stride for axis in it.axes]
    axes = tuple(a._replace(size=min(a.size, b)) for a, b in zip(it.axes, least, strict=True))
    small = Geometry((1,), axes, groups * depth, depth, filters)
    padding = case.padding if isinstance(case.padding, str) else "explicit"
    data = {"dtype": dtype, "kind": case.kind, "seed": seed}
    cut = small.case(padding, case.data_format, case.operation, **data)
    why = f"{layer.net}, {layer.name}: cut from {case.token()}"
    return Chosen(cut, f"{dtype} {layer.name}", why)


def kinds(scope: Scope) -> tuple[str, ...]:
    """Return the kinds of data: a separable convolution's inf and NaN are of two."""
    return _KINDS[:3] if scope.operation == "separable_conv2d" else _KINDS


def elements(case: Case) -> int:
    """Return how many elements input, filters and output have together."""
    return prod(case.input_shape) + prod(case.filters_shape) + prod(case.output_shape)


def _drawn(scope: Scope, dtype: str, kind: str, seed: int, salt: str) -> Iterator[Case]:
    """Draw small cases that TensorFlow computes, the same ones whatever else is drawn."""
    salted = zlib.crc32(f"{scope.operation} {dtype} {salt}".encode())
    rng = np.random.Generator(np.random.PCG64([seed, salted]))
    for _ in range(_DRAWS):
        dials = Dials(rng.bytes(BYTES + MORE))
        case = assembled(dials, [dtype], [kind], scope, layouts=False)
        case = case if scope.operation == "conv2d" else of_family(case, dials, scope)
        if within(case, scope) and elements(case) <= _MOST and answers(case):
            yield case


def arrays(case: Case, formats: dict[str, str]) -> dict[str, Array]:
    """Return inputs, output and bound of a case by their names.

    The output is npconv's exact one, held to this suite's own sums, which share nothing with it;
    the bound is npconv's, for kernels of these formats, made one around the output.
    """
    import npconv

    given = case.arrays()
    function: Callable[..., Any] = getattr(npconv, case.operation)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what TensorFlow thinks of its own arguments
        output = case.call_on(partial(function, precision="exact"), *given)
        spread: Callable[..., Any] = npconv.error_bound
        bound = case.call_on(partial(spread, function, **formats), *given)
    kept = bounds.allow(case, *given, flush=False)
    assert_special(case=case, got=output, allowed=kept, name="npconv's exact result")
    if case.dtype != "int32":
        of = bounds.limits(DTYPES[case.dtype])
        output = np.where(np.isnan(output), np.array(np.nan, output.dtype), output)
        size = np.abs(output.astype(np.float64))
        with np.errstate(all="ignore"):
            # The output's own rounding, and a little more for those of who checks; few digits, so
            # that where BLAS sums in another order the last of them is the same.
            around = bound + np.maximum(size * of.eps, of.smallest_subnormal).astype(float) / 2
            digits, power = np.frexp(around * (1 + 2.0**-40))
            around = np.maximum(around, np.ldexp(np.ceil(digits * 2**11), power - 11))
            bound = np.where((bound > 0) & np.isfinite(size), around, bound)
            # What flushes a subnormal number makes a NaN of its product with an infinity.
            tiny = any(((one != 0) & (abs(one) < of.smallest_normal)).any() for one in given)
            bound = np.where(tiny & np.isinf(size), np.inf, bound)
    return dict(zip(case.of.arrays, given, strict=True)) | {"output": output, "bound": bound}
