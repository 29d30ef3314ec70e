"""Every way to a smaller structure: what a reduction tries.

A move changes one number of a structure, or several where one alone cannot go: an image keeps its
outputs when the kernel over it shrinks, channels keep their number when their groups become one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product
from typing import Any

from parity.model.axis import Axis
from parity.model.subject import DTYPES, FORMATS
from parity.search.structure import PADDINGS, Structure

Lesser = Callable[[int], Sequence[int]]
Move = Callable[[Structure, Lesser], Iterator[Structure]]
_EVERY = 64
"""Up to here every lesser number is tried, so that faults at multiples end at the least one."""


def roughly(value: int) -> Sequence[int]:
    """Return the powers of two below `value`, ascending, and its half."""
    few = {1, *(2**power for power in range(value.bit_length())), value // 2}
    return sorted(one for one in few if 1 <= one < value)


def closely(value: int) -> Sequence[int]:
    """Return enough numbers below `value`, ascending, to end at a threshold or a multiple.

    All small ones, the powers of two and their neighbours, and `value` less each power of two, once
    and thrice: taken again and again these steps are a bisection that one answer does not mislead.
    """
    powers = [2**power for power in range(value.bit_length())]
    many = {*range(1, _EVERY + 1), *range(value - 8, value)}
    many |= {power + aside for power in powers for aside in (-1, 0, 1)}
    many |= {value - times * power for power in powers for times in (1, 3)}
    return sorted(one for one in many if 1 <= one < value)


def _bare(it: Structure, _: Lesser) -> Iterator[Structure]:
    """Leave one output: of one tap and channel, or of the kernel, or of the channels."""
    if 0 in (*it.lead, *(axis.size for axis in it.axes), it.groups, it.filters):
        return
    kernel = tuple(Axis(axis.kernel, axis.kernel) for axis in it.axes)
    plain = it._replace(lead=(1,), axes=(Axis(1),) * len(it.axes), padding="VALID")
    single = plain._replace(groups=1, depth=1, filters=1)
    for bare in (single, single._replace(axes=kernel), plain):
        yield from (bare._replace(data_format="NHWC"), bare)


def _leads(it: Structure, lesser: Lesser) -> Iterator[Structure]:
    yield it._replace(lead=(math.prod(it.lead),))
    for place, size in enumerate(it.lead):
        before, after = it.lead[:place], it.lead[place + 1 :]
        if before or after:
            yield it._replace(lead=before + after)
        for less in lesser(size):
            yield it._replace(lead=(*before, less, *after))


def _channels(it: Structure, lesser: Lesser) -> Iterator[Structure]:
    for less in lesser(max(it.depth, it.filters)):  # kept equal
        yield it._replace(depth=less, filters=less)
    for less in lesser(it.filters):
        yield it._replace(filters=less)
    for less in lesser(it.depth):
        yield it._replace(depth=less)


def _groups(it: Structure, lesser: Lesser) -> Iterator[Structure]:
    if it.groups > 1:  # one of them, or one in place of all
        for depth, filters in product((1, it.groups), repeat=2):
            yield it._replace(groups=1, depth=depth * it.depth, filters=filters * it.filters)
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
        axes = tuple(axis._replace(before=0, after=0) for axis in it.axes)
        yield from _either(it, it._replace(padding=padding, axes=axes))


def _axes(name: str, it: Structure, lesser: Lesser) -> Iterator[Structure]:
    """Lessen `name`, a field of `Axis`, on all axes or on one."""
    found = [getattr(axis, name) for axis in it.axes]
    every = range(len(found))
    alone = ([place] for place in every) if len(found) > 1 else ()
    for places in (every, *alone):
        value = max(found[place] for place in places)
        nothing = [0] if value and name in ("before", "after") else []
        for less in (*nothing, *lesser(value)):
            number: dict[str, Any] = {name: less}
            changed = (
                axis._replace(**number) if place in places else axis
                for place, axis in enumerate(it.axes)
            )
            other = it._replace(axes=tuple(changed))
            yield from [other] if name == "size" else _either(it, other)


def _folds(it: Structure, _: Lesser) -> Iterator[Structure]:
    """Move the outputs, or the taps, of one dimension to another: only their number may count."""
    axes = tuple(axis._replace(kernel=1) for axis in it.axes)
    depth = math.prod(axis.kernel for axis in it.axes) * it.depth
    yield from _either(it, it._replace(axes=axes, depth=depth))
    if len(axes) != 2:
        return
    batch, (down, across) = math.prod(it.lead), _outputs(it)
    for lead, *outputs in (
        ((1,), down, batch * across),
        ((1,), batch * down, across),
        (it.lead, 1, down * across),
    ):
        axes = tuple(
            _with_outputs(axis, it.padding, number)
            for axis, number in zip(it.axes, outputs, strict=True)
        )
        yield it._replace(lead=lead, axes=axes)


MOVES: tuple[Move, ...] = (
    _bare,
    _leads,
    _groups,
    _channels,
    *(partial(_axes, name) for name in ("size", "kernel", "dilation", "stride")),
    _arguments,
    *(partial(_axes, name) for name in ("before", "after")),
    _folds,
)
"""Every way to a smaller structure; what they yield may be invalid, or no smaller."""


def _either(it: Structure, other: Structure) -> Iterator[Structure]:
    """Yield `other` with images that have the outputs of `it`, or the size, along each axis."""
    ways = [
        (_with_outputs(axis, other.padding, outputs), axis)
        for axis, outputs in zip(other.axes, _outputs(it), strict=True)
    ]
    for axes in product(*ways):
        yield other._replace(axes=axes)


def _with_outputs(axis: Axis, padding: str, outputs: int) -> Axis:
    """Return `axis` with the smallest image that has `outputs`."""
    last = (outputs - 1) * axis.stride
    size = last + 1 if padding == "SAME" else last + axis.reach - axis.before - axis.after
    return axis._replace(size=max(1, size))


def _outputs(it: Structure) -> tuple[int, ...]:
    """Return the outputs along each axis."""
    axes = (axis.padded_as_same() if it.padding == "SAME" else axis for axis in it.axes)
    return tuple(axis.outputs for axis in axes)
