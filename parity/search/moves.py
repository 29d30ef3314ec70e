"""Every way to a smaller structure: what a reduction tries.

A move changes one number of a structure, or several where one alone cannot go: an image keeps its
outputs when the kernel over it shrinks, channels keep their number when their groups become one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import product

from parity.model.geometry import Axis
from parity.model.subject import DTYPES, FORMATS
from parity.search.structure import PADDINGS, Structure

Lesser = Callable[[int], Iterator[int]]
Move = Callable[[Structure, Lesser], Iterator[Structure]]
_AXES = ("rows", "columns")
_EVERY = 64
"""Up to here every lesser number is tried, so that faults at multiples end at the least one."""


def roughly(value: int, least: int = 1) -> Iterator[int]:
    """Yield the powers of two below `value`, ascending, and its half."""
    few = {least, *(2**power for power in range(value.bit_length())), value // 2}
    yield from sorted(one for one in few if least <= one < value)


def closely(value: int, least: int = 1) -> Iterator[int]:
    """Yield enough numbers below `value`, ascending, to end at a threshold or a multiple.

    All small ones, the powers of two and their neighbours, and `value` less each power of two, once
    and thrice: taken again and again these steps are a bisection that one answer does not mislead.
    """
    powers = [2**power for power in range(value.bit_length())]
    many = {*range(least, min(value, _EVERY + 1)), *range(value - 8, value)}
    many |= {power + aside for power in powers for aside in (-1, 0, 1)}
    many |= {value - times * power for power in powers for times in (1, 3)}
    yield from sorted(one for one in many if least <= one < value)


def _bare(it: Structure, _: Lesser) -> Iterator[Structure]:
    """Leave one output: of one tap and channel, or of the kernel, or of the channels."""
    if 0 in (*it.leads, it.batch, it.rows.size, it.columns.size, it.groups, it.filters):
        return
    one = Axis(1, 1, 1, 1, 0, 0)
    tall, wide = (Axis(axis.kernel, axis.kernel, 1, 1, 0, 0) for axis in (it.rows, it.columns))
    plain = it._replace(leads=(), batch=1, rows=one, columns=one, padding="VALID")
    single = plain._replace(groups=1, depth=1, filters=1)
    for bare in (single, single._replace(rows=tall, columns=wide), plain):
        yield from (bare._replace(data_format="NHWC"), bare)


def _rank(it: Structure, _: Lesser) -> Iterator[Structure]:
    for batch in (it.batch, it.batch * math.prod(it.leads)):
        yield it._replace(leads=(), batch=batch)
    for place in range(len(it.leads)):
        yield it._replace(leads=it.leads[:place] + it.leads[place + 1 :])


def _lead(it: Structure, lesser: Lesser) -> Iterator[Structure]:
    for place, size in enumerate(it.leads):
        for less in lesser(size):
            yield it._replace(leads=(*it.leads[:place], less, *it.leads[place + 1 :]))


def _batch(it: Structure, lesser: Lesser) -> Iterator[Structure]:
    for less in lesser(it.batch):
        yield it._replace(batch=less)


def _image(it: Structure, lesser: Lesser) -> Iterator[Structure]:
    for less in lesser(max(it.rows.size, it.columns.size)):  # kept square
        if less < min(it.rows.size, it.columns.size):
            rows, columns = it.rows._replace(size=less), it.columns._replace(size=less)
            yield it._replace(rows=rows, columns=columns)
    for less in lesser(it.rows.size):
        yield it._replace(rows=it.rows._replace(size=less))
    for less in lesser(it.columns.size):
        yield it._replace(columns=it.columns._replace(size=less))


def _channels(it: Structure, lesser: Lesser) -> Iterator[Structure]:
    for less in lesser(max(it.depth, it.filters)):  # kept equal
        yield it._replace(depth=less, filters=less)
    for less in lesser(it.filters):
        yield it._replace(filters=less)
    for less in lesser(it.depth):
        yield it._replace(depth=less)


def _groups(it: Structure, lesser: Lesser) -> Iterator[Structure]:
    if it.groups > 1:  # one of them, or one in place of all
        for depth in (it.depth, it.groups * it.depth):
            for filters in (it.filters, it.groups * it.filters):
                yield it._replace(groups=1, depth=depth, filters=filters)
    for less in lesser(it.groups):
        yield it._replace(groups=less)
        # Wider groups, where the channels count and not how many of them a group has.
        if it.groups % less == 0:
            wider = it.groups // less
            yield it._replace(groups=less, depth=wider * it.depth)
            yield it._replace(groups=less, depth=wider * it.depth, filters=wider * it.filters)


def _arguments(it: Structure, _: Lesser) -> Iterator[Structure]:
    """Simplify data format, dtype and padding; the image keeps its outputs or its size."""
    for data_format in FORMATS[: FORMATS.index(it.data_format)]:
        yield it._replace(data_format=data_format)
    for dtype in DTYPES[: DTYPES.index(it.dtype)]:
        yield it._replace(dtype=dtype)
    for padding in PADDINGS[: PADDINGS.index(it.padding)]:
        other = it._replace(
            padding=padding,
            rows=it.rows._replace(before=0, after=0),
            columns=it.columns._replace(before=0, after=0),
        )
        yield from _either(it, other)


def _steps(name: str) -> Move:
    """Return the move that lessens `name`, a field of `Axis`, on both axes or on one."""

    def move(it: Structure, lesser: Lesser) -> Iterator[Structure]:
        down, across = getattr(it.rows, name), getattr(it.columns, name)
        for axes, value in ((_AXES, max(down, across)), (_AXES[:1], down), (_AXES[1:], across)):
            for less in lesser(value):
                yield from _either(it, _with_steps(it, axes, name, less))

    return move


def _pads(it: Structure, lesser: Lesser) -> Iterator[Structure]:
    if it.padding == "explicit":
        for name in ("before", "after"):
            down, across = getattr(it.rows, name), getattr(it.columns, name)
            for axes, value in ((_AXES, max(down, across)), (_AXES[:1], down), (_AXES[1:], across)):
                for less in (0, *lesser(value)):
                    yield from _either(it, _with_steps(it, axes, name, less))


def _folds(it: Structure, _: Lesser) -> Iterator[Structure]:
    """Move the outputs, or the taps, of one dimension to another: only their number may count."""
    taps = it.rows.kernel * it.columns.kernel
    pointwise = _with_steps(it, _AXES, "kernel", 1)
    yield from _either(it, pointwise._replace(depth=taps * it.depth))
    down, across = _outputs(it.rows, it.padding), _outputs(it.columns, it.padding)
    rows = _with_outputs(it.rows, it.padding, it.batch * down)
    columns = _with_outputs(it.columns, it.padding, it.batch * across)
    yield it._replace(batch=1, columns=columns)
    yield it._replace(batch=1, rows=rows)
    rows = _with_outputs(it.rows, it.padding, 1)
    columns = _with_outputs(it.columns, it.padding, down * across)
    yield it._replace(rows=rows, columns=columns)


MOVES: tuple[Move, ...] = (
    _bare,
    _batch,
    _groups,
    _channels,
    _image,
    _steps("kernel"),
    _steps("dilation"),
    _steps("stride"),
    _rank,
    _lead,
    _arguments,
    _pads,
    _folds,
)
"""Every way to a smaller structure; what they yield may be invalid, or no smaller."""


def _with_steps(it: Structure, axes: tuple[str, ...], name: str, value: int) -> Structure:
    """Return `it` with `value` in the field `name` of its axes."""
    changed = {axis: getattr(it, axis)._replace(**{name: value}) for axis in axes}
    return it._replace(**changed)


def _either(it: Structure, other: Structure) -> Iterator[Structure]:
    """Yield `other` with images that have the outputs of `it`, or the size, in rows and columns."""
    ways = [
        (_with_outputs(axis, other.padding, _outputs(before, it.padding)), axis)
        for axis, before in ((other.rows, it.rows), (other.columns, it.columns))
    ]
    for rows, columns in product(*ways):
        yield other._replace(rows=rows, columns=columns)


def _with_outputs(axis: Axis, padding: str, outputs: int) -> Axis:
    """Return `axis` with the smallest image that has `outputs`."""
    last = (outputs - 1) * axis.stride
    size = last + 1 if padding == "SAME" else last + axis.reach - axis.before - axis.after
    return axis._replace(size=max(1, size))


def _outputs(axis: Axis, padding: str) -> int:
    if padding == "SAME":
        return -(-axis.size // axis.stride)
    spare = axis.before + axis.size + axis.after - axis.reach
    return math.trunc((spare + axis.stride) / axis.stride)
