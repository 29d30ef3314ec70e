"""The structure of a case, which is all of it but its data, and which of two is the smaller."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple, Self

from parity.model.axis import Axis
from parity.model.case import Case
from parity.model.geometry import Geometry
from parity.model.subject import DTYPES, FORMATS

PADDINGS = ("VALID", "SAME", "explicit")


class Structure(NamedTuple):
    """A case without its data.

    Attributes
    ----------
    lead
        The dimensions before rows, columns and channels, one or more.
    axes
        Rows and columns, or whatever there is; with the pads of SAME as well, as the case had them.
    groups, depth, filters
        Groups, and the input and output channels of each.
    padding
        One of `PADDINGS`.
    data_format, dtype
        As those of a case.
    """

    lead: tuple[int, ...]
    axes: tuple[Axis, ...]
    groups: int
    depth: int
    filters: int
    padding: str
    data_format: str
    dtype: str

    @classmethod
    def of(cls, case: Case) -> Self:
        """Return the structure of `case`."""
        it = Geometry.of(case)
        groups = it.channels // it.depth
        filters = it.filters // max(1, groups)
        padding = case.padding if isinstance(case.padding, str) else "explicit"
        sizes = it.lead, it.axes, groups, it.depth, filters
        return cls(*sizes, padding, case.data_format, case.dtype)

    def case(self, like: Case) -> Case:
        """Return the case of this structure that has the kind, seed and layouts of `like`."""
        filters = max(1, self.groups) * self.filters
        channels = self.groups * self.depth
        it = Geometry(self.lead, self.axes, channels, self.depth, filters)
        made = it.case(
            self.padding,
            self.data_format,
            like.operation,
            dtype=self.dtype,
            kind=like.kind,
            seed=like.seed,
            input_layout=like.input_layout,
            filters_layout=like.filters_layout,
        )
        if like.pointwise is None:
            return made
        return replace(made, pointwise=(max(1, filters), like.pointwise[1]))


def order(case: Case) -> tuple[int, ...]:
    """Return by what cases are ordered, the smaller the simpler.

    First the arguments: rank, padding, data format, groups or none, dilations, strides, pads and
    dtype.  Of cases alike in these, the fewer elements in input, filters and output, then the fewer
    products.  Natural numbers, ordered as words are: no chain of ever smaller ones is endless.
    """
    it = Structure.of(case)
    arrays = case.input_shape, case.filters_shape, case.output_shape
    return (
        len(it.lead),
        PADDINGS.index(it.padding),
        FORMATS.index(it.data_format),
        int(it.groups > 1),
        sum(case.dilations),
        sum(case.strides),
        0 if isinstance(case.padding, str) else sum(case.padding),
        DTYPES.index(it.dtype),
        sum(map(math.prod, arrays)),
        case.products,
        *(*it.lead, *(number for axis in it.axes for number in axis), it.groups, it.filters),
        it.depth,
    )
