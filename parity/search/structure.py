"""The structure of a case, which is all of it but its data, and which of two is the smaller."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple, Self

from parity.model.case import Case
from parity.model.geometry import Axis, output_shape
from parity.model.subject import DTYPES, FORMATS

PADDINGS = ("VALID", "SAME", "explicit")


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
        PADDINGS.index(it.padding),
        FORMATS.index(it.data_format),
        int(it.groups > 1),
        sum(case.dilations),
        sum(case.strides),
        0 if isinstance(case.padding, str) else sum(case.padding),
        DTYPES.index(it.dtype),
        math.prod(case.input_shape) + math.prod(case.filters_shape) + math.prod(output_shape(case)),
        products(case),
        *(math.prod(it.leads), it.batch, *it.rows, *it.columns, it.groups, it.filters, it.depth),
    )


def products(case: Case) -> int:
    """Return how many products the outputs of `case` sum, those with padding included."""
    return math.prod(output_shape(case)) * case.terms
