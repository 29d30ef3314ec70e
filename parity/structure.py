"""Structures smaller than a case's: what a reduction tries, and which of two is the smaller.

A structure is a case without its data.  Every move changes one of its numbers, or several where one
alone cannot go: an image keeps its outputs when the kernel over it shrinks, channels keep their
number when their groups become one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple, Self

from parity import bounds
from parity.case import Case
from parity.strategies import Axis
from parity.subject import DTYPES, FORMATS

_PADDINGS = ("VALID", "SAME", "explicit")
_EVERY = 64
"""Up to here every lesser number is tried, so that faults at multiples end at the least one."""


class Structure(NamedTuple):
    """A case without its data.

    Attributes
    ----------
    leads, batch
        The dimensions before rows, columns and channels: those above rank 4, and the last.
    rows, columns
        The two axes; their pads are 0 unless the padding is explicit.
    groups, depth, filters
        Groups, and the input and output channels of each.
    padding
        "VALID", "SAME" or "explicit".
    data_format, dtype
        As those of a case.
    """

    leads: tuple[int, ...]
    batch: int
    rows: Axis
    columns: Axis
    groups: int
    depth: int
    filters: int
    padding: str
    data_format: str
    dtype: str

    @classmethod
    def of(cls, case: Case) -> Self:
        """Return the structure of `case`."""
        *lead, one, two, three = case.input_shape
        height, width, channels = (
            (one, two, three) if case.data_format == "NHWC" else (two, three, one)
        )
        tall, wide, depth, filters = case.filters_shape
        pads = (0, 0, 0, 0) if isinstance(case.padding, str) else case.padding
        groups = channels // depth
        return cls(
            leads=tuple(lead[:-1]),
            batch=lead[-1],
            rows=Axis(height, tall, case.strides[0], case.dilations[0], *pads[:2]),
            columns=Axis(width, wide, case.strides[1], case.dilations[1], *pads[2:]),
            groups=groups,
            depth=depth,
            filters=filters // max(1, groups),
            padding=case.padding if isinstance(case.padding, str) else "explicit",
            data_format=case.data_format,
            dtype=case.dtype,
        )

    def case(self, like: Case) -> Case:
        """Return the case of this structure that has the kind, seed and layouts of `like`."""
        rows, columns, channels = self.rows, self.columns, self.groups * self.depth
        image = (rows.size, columns.size, channels)
        if self.data_format == "NCHW":
            image = (channels, rows.size, columns.size)
        filters = max(1, self.groups) * self.filters
        return replace(
            like,
            input_shape=(*self.leads, self.batch, *image),
            filters_shape=(rows.kernel, columns.kernel, self.depth, filters),
            strides=(rows.stride, columns.stride),
            dilations=(rows.dilation, columns.dilation),
            padding=(*rows[4:], *columns[4:]) if self.padding == "explicit" else self.padding,
            data_format=self.data_format,
            dtype=self.dtype,
            input_only=None,
            filters_only=None,
        )


def order(case: Case) -> tuple[int, ...]:
    """Return by what cases are ordered, the smaller the simpler.

    First the arguments: rank, padding, data format, groups or none, dilations, strides, pads and
    dtype.  Of cases alike in these, the fewer elements in input, filters and output, then the fewer
    products.  Natural numbers, ordered as words are: no chain of ever smaller ones is endless.
    """
    it = Structure.of(case)
    return (
        len(it.leads),
        _PADDINGS.index(it.padding),
        FORMATS.index(it.data_format),
        int(it.groups > 1),
        sum(case.dilations),
        sum(case.strides),
        0 if isinstance(case.padding, str) else sum(case.padding),
        DTYPES.index(it.dtype),
        math.prod(case.input_shape)
        + math.prod(case.filters_shape)
        + math.prod(bounds.output_shape(case)),
        products(case),
        *(math.prod(it.leads), it.batch, *it.rows, *it.columns, it.groups, it.filters, it.depth),
    )


def products(case: Case) -> int:
    """Return how many products the outputs of `case` sum, those with padding included."""
    return math.prod(bounds.output_shape(case)) * case.terms


Lesser = Callable[[int], Iterator[int]]
Move = Callable[[Structure, Lesser], Iterator[Structure]]


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
            yield _axes(it, it.rows._replace(size=less), it.columns._replace(size=less))
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
    for padding in _PADDINGS[: _PADDINGS.index(it.padding)]:
        other = it._replace(
            padding=padding,
            rows=it.rows._replace(before=0, after=0),
            columns=it.columns._replace(before=0, after=0),
        )
        yield _axes(
            other,
            _with_outputs(other.rows, padding, _outputs(it.rows, it.padding)),
            _with_outputs(other.columns, padding, _outputs(it.columns, it.padding)),
        )
        yield other


def _steps(name: str) -> Move:
    """Return the move that lessens `name`, a field of `Axis`, on both axes or on one."""

    def move(it: Structure, lesser: Lesser) -> Iterator[Structure]:
        rows, columns = it.rows, it.columns
        for less in lesser(max(getattr(rows, name), getattr(columns, name))):
            yield from _either(it, rows._replace(**{name: less}), columns._replace(**{name: less}))
        for less in lesser(getattr(rows, name)):
            yield from _either(it, rows._replace(**{name: less}), columns)
        for less in lesser(getattr(columns, name)):
            yield from _either(it, rows, columns._replace(**{name: less}))

    return move


def _pads(it: Structure, lesser: Lesser) -> Iterator[Structure]:
    if it.padding != "explicit":
        return
    for name in ("before", "after"):
        for less in (0, *lesser(max(getattr(it.rows, name), getattr(it.columns, name)))):
            for rows, columns in (
                (it.rows._replace(**{name: less}), it.columns._replace(**{name: less})),
                (it.rows._replace(**{name: less}), it.columns),
                (it.rows, it.columns._replace(**{name: less})),
            ):
                yield from _either(it, rows, columns)


def _folds(it: Structure, _: Lesser) -> Iterator[Structure]:
    """Move the outputs, or the taps, of one dimension to another: only their number may count."""
    taps = it.rows.kernel * it.columns.kernel
    rows, columns = it.rows._replace(kernel=1), it.columns._replace(kernel=1)
    yield from _either(it._replace(depth=taps * it.depth), rows, columns)
    down, across = _outputs(it.rows, it.padding), _outputs(it.columns, it.padding)
    rows = _with_outputs(it.rows, it.padding, it.batch * down)
    columns = _with_outputs(it.columns, it.padding, it.batch * across)
    yield it._replace(batch=1, columns=columns)
    yield it._replace(batch=1, rows=rows)
    yield _axes(
        it,
        _with_outputs(it.rows, it.padding, 1),
        _with_outputs(it.columns, it.padding, down * across),
    )


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


def _axes(it: Structure, rows: Axis, columns: Axis) -> Structure:
    return it._replace(rows=rows, columns=columns)


def _either(it: Structure, rows: Axis, columns: Axis) -> Iterator[Structure]:
    """Give the axes images that keep their outputs, then such that keep their size."""
    yield _axes(it, _keeping_outputs(it, rows, it.rows), _keeping_outputs(it, columns, it.columns))
    yield _axes(it, rows, columns)


def _keeping_outputs(it: Structure, axis: Axis, before: Axis) -> Axis:
    return axis if axis == before else _with_outputs(axis, it.padding, _outputs(before, it.padding))


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
