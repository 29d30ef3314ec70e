"""The levels of a layer: what is counted of its factors, coarse enough that all pairs are met.

Two layers of one level may have different values: ``kernel row`` is 1x2 to 1x7.  A number of
channels has two levels: which of `parity.examples.layers.NEAR` it is near, and what it is beside
it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from functools import cache
from itertools import combinations, product

from parity.examples.layers import CHANNELS, KINDS, VALUES, groups, smallest, values
from parity.examples.pairs import Pair, pairs_of
from parity.model.case import Case
from parity.model.geometry import Geometry
from parity.model.subject import Scope

Levels = tuple[str, ...]

_TERMS = (140, 600)
_OUTPUTS = (32, 64, 128)
_NEAR = (1, 4, 8, 16, 32)
_OFF = {-1: "one less", 0: "itself", 1: "one more"}


def levels(case: Case) -> Levels:
    """Return the level of each factor of `case`."""
    it = Geometry.of(case)
    return (
        *_filtering((it.rows.kernel, it.columns.kernel), it.channels, it.groups, it.filters),
        *_image(it.rows.outputs, it.columns.outputs),
        _strides(case.strides[-2 % len(case.strides)], case.strides[-1]),
        f"dilation {max(case.dilations)}",
        _batch(it.lead[0]),
        f"padding {case.padding if isinstance(case.padding, str) else 'explicit'}",
        case.data_format,
    )


@cache
def possible(scope: Scope) -> tuple[frozenset[str], frozenset[Pair]]:
    """Return all levels and all pairs of them that layers within `scope` can have.

    Groups and channels decide together which pairs there are, and so do rows and columns;
    everything else can be combined with everything.
    """
    of = values(scope)
    parts: list[set[Levels]] = [
        set(_filterings(scope)),
        {_image(rows, columns) for rows, columns in product(of["rows"], of["columns"])},
        {(_strides(*strides),) for strides in of["strides"]},
        {(f"dilation {dilation}",) for dilation in of["dilation"]},
        {(_batch(batch),) for batch in of["batch"]},
        {(f"padding {padding}",) for padding in of["padding"]},
        {(data_format,) for data_format in scope.formats},
    ]
    alone = [frozenset(level for found in part for level in found) for part in parts]
    pairs = {pair for part in parts for found in part for pair in pairs_of(found)}
    for one, other in combinations(alone, 2):
        pairs |= {pair for two in product(one, other) for pair in pairs_of(two)}
    return frozenset().union(*alone), frozenset(pairs)


def _filterings(scope: Scope) -> Iterator[Levels]:
    """Yield the levels of every kernel under every kind with all channels that fit."""
    of = values(scope)
    for kind, kernel in product(of["kind"], of["kernel"]):
        for ins, outs in product(of["in_channels"], of["out_channels"]):
            fixed = {"kind": kind, "kernel": kernel, "in_channels": ins, "out_channels": outs}
            if (layer := smallest(fixed)) is not None:
                for number in layer.groups():
                    yield _filtering(kernel, layer.channels, number, outs)


def _filtering(kernel: tuple[int, int], channels: int, number: int, filters: int) -> Levels:
    rows, columns = kernel
    shape = f"{rows}x{columns}" if rows == columns else "row" if rows == 1 else "column"
    depth = channels // number
    return (
        f"kernel {shape if rows == columns or 1 in kernel else 'other'}",
        f"groups {_kind(channels, number, filters)}",
        *_channels("in_channels", channels),
        *_channels("out_channels", filters),
        f"terms {_bucket(rows * columns * depth, _TERMS)}",
    )


@cache
def _kind(channels: int, number: int, filters: int) -> str:
    return next((kind for kind in KINDS if number in groups(kind, channels, filters)), "other")


def _channels(name: str, number: int) -> Levels:
    if number not in CHANNELS:
        return (f"{name} other",)
    near, off = CHANNELS[number]
    return f"{name} near {near}", f"{name} {off}"


def _image(rows: int, columns: int) -> Levels:
    return (
        *_size("rows", rows),
        *_size("columns", columns),
        f"outputs {_bucket(rows * columns, _OUTPUTS)}",
    )


def _size(name: str, size: int) -> Levels:
    if size not in VALUES["rows"]:
        return (f"{name} other",)
    near = next(one for one in _NEAR if size - one in _OFF)
    return f"{name} near {near}", f"{name} {_OFF[size - near]}"


def _strides(rows: int, columns: int) -> str:
    return f"strides {rows if rows == columns else 'unequal'}"


def _batch(batch: int) -> str:
    return f"batch {batch if batch in (1, 8, 9) else '2 to 7' if batch < 8 else 'more'}"


def _bucket(number: int, limits: tuple[int, ...]) -> str:
    """Name the first of `limits` that `number` does not exceed."""
    place = bisect_left(limits, number)
    return f"to {limits[place]}" if place < len(limits) else "more"
