"""Where blocks of outputs, planes of taps and windows lie in the arrays that algorithms make.

Arrays are recorded: shapes and strides, which may be symbolic, and what is done with them.
"""

from __future__ import annotations

from itertools import zip_longest
from math import prod
from types import SimpleNamespace
from typing import Any

from npconv._engine import toeplitz
from npconv._geometry import Axis, Geometry
from parity.theorems.symbolic import both, product_grows
from parity.theorems.theorem import INTEGER, NATURAL, POSITIVE, Check, modelled, theorem


class Steps:
    """How far apart elements lie: so many times each stride of an array, whatever these are."""

    def __init__(self, *times: Any) -> None:
        self.times = times

    def __add__(self, other: Steps | int) -> Steps:
        pairs = zip_longest(
            self.times, other.times if isinstance(other, Steps) else (), fillvalue=0
        )
        return Steps(*(one + more for one, more in pairs))

    __radd__ = __add__

    def __mul__(self, by: Any) -> Steps:
        return Steps(*(one * by for one in self.times))

    __rmul__ = __mul__

    def equals(self, other: Steps) -> Any:
        """State that both are one, for any strides."""
        pairs = zip_longest(self.times, other.times, fillvalue=0)
        return both(*(one == another for one, another in pairs))


class Recorded:
    """An array of which shape and strides are known, and what is written to it."""

    dtype = None

    def __init__(self, shape: tuple[Any, ...], strides: tuple[Any, ...] = ()) -> None:
        self.shape = shape
        self.strides = strides or tuple(
            Steps(*(int(i == j) for j in range(len(shape)))) for i in range(len(shape))
        )
        self.written: list[tuple[Any, Any]] = []

    def reshape(self, *shape: Any) -> Recorded:
        """Return the same in another shape, of which the strides are other ones."""
        return Recorded(shape)

    def __setitem__(self, index: Any, value: Any) -> None:
        self.written.append((index, value))

    def place(self, *index: Any) -> Steps:
        """Return where an element lies."""
        pairs = zip(index, self.strides, strict=True)
        return sum((step * i for i, step in pairs), start=Steps())


def _along(rank: int, values: dict[str, Any], name: str) -> tuple[Any, ...]:
    return tuple(values[f"{name}{i}"] for i in range(rank))


@theorem(
    "npconv._engine.toeplitz._widened",
    size=NATURAL, kernel=POSITIVE, stride=POSITIVE, dilation=POSITIVE, before=INTEGER,
    after=INTEGER, outputs=POSITIVE, side=POSITIVE, output=NATURAL, tap=NATURAL,
)  # fmt: skip
def blocks_read_what_their_outputs_read(
    check: Check, size: Any, kernel: Any, stride: Any, dilation: Any, before: Any,
    after: Any, outputs: Any, side: Any, output: Any, tap: Any,
) -> None:  # fmt: skip
    """Output b of a block reads under tap b * stride + k what the original does under tap k.

    There are blocks for all outputs, none has no output, and the pads are as before at the
    beginning, and no more than the last block needs at the end, unless it needs none.
    """
    check.assume(both(output < outputs, tap < kernel))
    if dilation > 1:
        check.assume(kernel == 1)  # else a block is one output
    axis = Axis(size, kernel, stride, dilation, before, after, outputs)
    wide = toeplitz._widened(axis, side)
    block, place = divmod(output, side)
    check.lemma(product_grows(place, side, stride))
    check.lemma(product_grows(place - 1, side, stride))
    moved = place * stride + tap
    check.holds(both(moved >= 0, moved < wide.kernel), "the tap is one of the block's")
    check.holds(both(block >= 0, block < wide.outputs), "the block is one of them")
    check.holds((wide.outputs - 1) * side < outputs, "no block is without outputs")
    pixel = output * stride + tap * dilation - before
    reads = block * wide.stride + moved * wide.dilation - wide.before
    check.holds(reads == pixel, "it reads the pixel")
    check.holds(wide.before == before, "pads at the beginning are kept")
    if side > 1:
        over = (wide.outputs - 1) * wide.stride + wide.kernel - size - before
        check.holds(both(wide.after >= over, wide.after >= 0), "pads at the end are enough")
        check.holds((wide.after == 0) | (wide.after == over), "and no more")


_AXES = {
    **{f"{name}{i}": POSITIVE for name in ("kernel", "stride", "side") for i in range(3)},
    **{f"{name}{i}": NATURAL for name in ("tap", "place") for i in range(3)},
}


@theorem(
    "npconv._engine.toeplitz.spread",
    rank=(1, 2, 3), channels=POSITIVE, groups=POSITIVE, filters=POSITIVE,
    channel=NATURAL, group=NATURAL, number=NATURAL, **_AXES,
)  # fmt: skip
def filters_stand_where_their_outputs_read(
    check: Check, rank: int, channels: Any, groups: Any, filters: Any,
    channel: Any, group: Any, number: Any, **axes: Any,
) -> None:  # fmt: skip
    """The filter of output b of a block stands b * stride taps further; all else is zeros.

    Weight (*k, c, group, *b, filter) of the view that is written is element (*(b * stride + k), c,
    group, *b, filter) of the result, and within it. No two are one: b is part of the element.
    """
    kernel, strides, block = (_along(rank, axes, name) for name in ("kernel", "stride", "side"))
    taps, places = _along(rank, axes, "tap"), _along(rank, axes, "place")
    for index, limit in zip((*taps, *places), (*kernel, *block), strict=True):
        check.assume(index < limit)
    check.assume(both(channel < channels, group < groups, number < filters))
    pairs = zip(kernel, strides, strict=True)
    along = tuple(Axis(1, size, stride, 1, 0, 0, 1) for size, stride in pairs)
    geometry = Geometry(along, groups * channels, channels, groups * filters)
    made: list[Recorded] = []

    def zeros(shape: tuple[Any, ...], dtype: Any) -> Recorded:
        made.append(Recorded(shape))
        return made[-1]

    def strided(array: Any, shape: tuple[Any, ...], strides: tuple[Any, ...]) -> Recorded:
        made.append(Recorded(shape, strides))
        return made[-1]

    check.holds(geometry.groups == groups, "the groups")
    check.holds(groups * filters // groups == filters, "the filters of one")
    flat = Recorded((prod(kernel) * channels, groups * filters))
    with modelled(toeplitz, np=SimpleNamespace(zeros=zeros), as_strided=strided):
        toeplitz.spread(flat, geometry, block)  # type: ignore[arg-type]
    result, view = made
    moved = [b * stride + k for b, stride, k in zip(places, strides, taps, strict=True)]
    for one, b, side, stride, size in zip(
        moved, places, block, strides, result.shape, strict=False
    ):
        check.lemma(product_grows(b, side, stride))
        check.holds(both(one >= 0, one < size), "the tap is one of the widened filter's")
    rest = (channel, group, *places, number)
    check.holds(
        view.place(*taps, *rest).equals(result.place(*moved, *rest)), "it is the element there"
    )
