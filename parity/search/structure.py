"""The structure of a case, which is all of it but its data, and which of two is the smaller."""

from __future__ import annotations

import math
from typing import NamedTuple, Self

from parity.model.case import Case
from parity.model.geometry import Axis, Geometry, output_shape
from parity.model.subject import DTYPES, FORMATS

PADDINGS = ("VALID", "SAME", "explicit")


class Structure(NamedTuple):
    """A case without its data.

    Attributes
    ----------
    lead
        The dimensions before rows, columns and channels, one or more.
    rows, columns
        The two axes; with the pads of SAME as well, as the case had them.
    groups, depth, filters
        Groups, and the input and output channels of each.
    padding
        One of `PADDINGS`.
    data_format, dtype
        As those of a case.
    """

    lead: tuple[int, ...]
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
        it = Geometry.of(case)
        groups = it.channels // it.depth
        filters = it.filters // max(1, groups)
        padding = case.padding if isinstance(case.padding, str) else "explicit"
        sizes = it.lead, it.rows, it.columns, groups, it.depth, filters
        return cls(*sizes, padding, case.data_format, case.dtype)

    def case(self, like: Case) -> Case:
        """Return the case of this structure that has the kind, seed and layouts of `like`."""
        filters = max(1, self.groups) * self.filters
        channels = self.groups * self.depth
        it = Geometry(self.lead, self.rows, self.columns, channels, self.depth, filters)
        return it.case(
            self.padding,
            self.data_format,
            dtype=self.dtype,
            kind=like.kind,
            seed=like.seed,
            input_layout=like.input_layout,
            filters_layout=like.filters_layout,
        )


def order(case: Case) -> tuple[int, ...]:
    """Return by what cases are ordered, the smaller the simpler.

    First the arguments: rank, padding, data format, groups or none, dilations, strides, pads and
    dtype.  Of cases alike in these, the fewer elements in input, filters and output, then the fewer
    products.  Natural numbers, ordered as words are: no chain of ever smaller ones is endless.
    """
    it = Structure.of(case)
    arrays = case.input_shape, case.filters_shape, output_shape(case)
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
        products(case),
        *(*it.lead, *it.rows, *it.columns, it.groups, it.filters, it.depth),
    )


def products(case: Case) -> int:
    """Return how many products the outputs of `case` sum, those with padding included."""
    return math.prod(output_shape(case)) * case.terms
