"""Which cases are exported: the corner classes, so many drawn ones, or the layers of a net."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from math import prod
from typing import NamedTuple

import numpy as np

from parity.examples.corners import classes, minima, within
from parity.examples.strategies import BYTES, MORE, Dials, assembled, of_family
from parity.model.case import Case
from parity.model.geometry import Geometry
from parity.model.subject import Scope
from parity.model.verdict import WrongCall
from parity.speed.layers import Layer

_KINDS = ("bounded", "normal", "lattice", "special")
_DRAWS, _CANDIDATES, _ELEMENTS = 4000, 8, 300


_EMPTY = ("empty output", "empty input", "outputs of nothing")


class Chosen(NamedTuple):
    """A case, a short name for it and why it is there."""

    case: Case
    name: str
    why: str


def kinds(scope: Scope) -> tuple[str, ...]:
    """Return the kinds of data, in turn; a separable convolution's inf and NaN are of two."""
    return _KINDS[:3] if scope.operation == "separable_conv2d" else _KINDS


def corners(scope: Scope, seed: int, most: int) -> Iterator[Chosen | str]:
    """Yield a case of each corner class and kind of data in each dtype, or say which has none.

    Of the first drawn ones that whose number of elements is nearest to some hundred.
    """
    names = [name for name in minima(scope) if name not in scope.formats]
    wanted = [(name, _KINDS[place % 3]) for place, name in enumerate((*scope.formats, *names))]
    for dtype in scope.dtypes:
        for name, kind in (*wanted, *((f"{kind} data", kind) for kind in kinds(scope))):
            full = replace(scope, without=scope.without | {"empties"})
            drawn = _drawn(scope if name in _EMPTY else full, dtype, kind, seed, name)
            met = (
                case
                for case, _ in zip(drawn, range(_DRAWS), strict=False)
                if elements(case) <= most and (name.endswith("data") or name in classes(case))
            )
            if found := [case for case, _ in zip(met, range(_CANDIDATES), strict=False)]:
                nearest = min(found, key=lambda case: abs(elements(case) - _ELEMENTS))
                yield Chosen(nearest, name, f"corner class: {name}")
            else:
                yield f"{scope.operation} {dtype}: {name}"


def drawn(scope: Scope, seed: int, most: int, number: int) -> Iterator[Chosen]:
    """Yield `number` cases, dtypes and kinds of data in turn."""
    for place in range(number):
        turn, which = divmod(place, len(scope.dtypes))
        kind = kinds(scope)[turn % len(kinds(scope))]
        for case in _drawn(scope, scope.dtypes[which], kind, seed, f"drawn {place}"):
            if elements(case) <= most:
                yield Chosen(case, str(place), f"drawn, {kind} data")
                break


def of_layer(layer: Layer, dtype: str, seed: int, most: int) -> Chosen:
    """Return a layer as a case of at most `most` elements, images and then channels halved.

    Raises
    ------
    WrongCall
        If it has more even so.
    """
    whole = replace(layer.case, dtype=dtype, seed=seed)
    case = cut(whole, most)
    why = f"layer {layer.net}: {layer.name}"
    return Chosen(case, layer.name, why if case == whole else f"{why}; cut from {whole.token()}")


def cut(case: Case, most: int) -> Case:
    """Halve batch, images and channels until there are at most `most` elements."""
    while elements(case) > most:
        it = Geometry.of(case)
        lead, axes = it.lead, it.axes
        sizes = {"groups": it.groups, "depth": it.depth, "filters": it.filters // it.groups}
        largest = max(sizes, key=lambda name: sizes[name])
        if prod(lead) > 1:
            lead = (1,) * len(lead)
        elif any(axis.size > 4 * axis.reach for axis in axes):
            axes = tuple(a._replace(size=max(-(-a.size // 2), min(a.size, a.reach))) for a in axes)
        elif sizes[largest] > 1 and not case.pointwise:
            sizes[largest] = -(-sizes[largest] // 2)
        else:
            raise WrongCall(
                f"{elements(case)} elements are left of {case.token()}, --elements allows {most}:"
                " raise it or leave the layer out"
            )
        groups, depth, filters = sizes.values()
        padding = case.padding if isinstance(case.padding, str) else "explicit"
        data = {"dtype": case.dtype, "kind": case.kind, "seed": case.seed}
        smaller = Geometry(lead, axes, groups * depth, depth, groups * filters)
        case = smaller.case(padding, case.data_format, case.operation, **data)
    return case


def elements(case: Case) -> int:
    """Return how many elements input, filters and output have together."""
    return prod(case.input_shape) + prod(case.filters_shape) + prod(case.output_shape)


def _drawn(scope: Scope, dtype: str, kind: str, seed: int, salt: str) -> Iterator[Case]:
    """Yield cases without end; what else is exported with them changes none."""
    salted = zlib.crc32(f"{scope.operation} {dtype} {salt}".encode())
    rng = np.random.Generator(np.random.PCG64([seed, salted]))
    for _ in count():
        dials = Dials(rng.bytes(BYTES + MORE))
        case = assembled(dials, [dtype], [kind], scope, layouts=False)
        case = case if scope.operation == "conv2d" else of_family(case, dials, scope)
        if within(case, scope):
            yield case
