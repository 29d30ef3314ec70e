"""Where the windows of a case lie: its axes with their pads, and how many outputs they give."""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Self

from parity.model.case import Case

Pair = tuple[int, int]
Pads = tuple[int, int, int, int]


class Axis(NamedTuple):
    """Rows or columns: the image, what slides over it, and the pads around it."""

    size: int
    kernel: int = 1
    stride: int = 1
    dilation: int = 1
    before: int = 0
    after: int = 0

    @property
    def reach(self) -> int:
        """Pixels from the first to the last tap."""
        return (self.kernel - 1) * self.dilation + 1

    @property
    def outputs(self) -> int:
        """Windows that fit; rounded towards zero, as TensorFlow does, where none does."""
        return math.trunc(
            (self.size + self.before + self.after - self.reach + self.stride) / self.stride
        )

    def padded_as_same(self) -> Axis:
        """Return the axis with the pads of SAME, the odd one at the end."""
        outputs = -(-self.size // self.stride)
        total = max(0, (outputs - 1) * self.stride + self.reach - self.size)
        return self._replace(before=total // 2, after=total - total // 2)


class Geometry(NamedTuple):
    """The sizes of a case, whatever the order of its axes; the pads are those of SAME as well."""

    lead: tuple[int, ...]
    rows: Axis
    columns: Axis
    channels: int
    depth: int
    filters: int

    @classmethod
    def of(cls, case: Case) -> Self:
        """Return the geometry of `case`."""
        *lead, one, two, three = case.input_shape
        height, width, channels = (
            (one, two, three) if case.data_format == "NHWC" else (two, three, one)
        )
        kernel_rows, kernel_columns, depth, filters = case.filters_shape
        down, across = case.strides
        top, bottom, left, right = (0,) * 4 if isinstance(case.padding, str) else case.padding
        rows = Axis(height, kernel_rows, down, case.dilations[0], top, bottom)
        columns = Axis(width, kernel_columns, across, case.dilations[1], left, right)
        if case.padding == "SAME":
            rows, columns = rows.padded_as_same(), columns.padded_as_same()
        return cls(tuple(lead), rows, columns, channels, depth, filters)

    @property
    def groups(self) -> int:
        """Groups of channels; 1 where there are no channels."""
        return max(1, self.channels // max(1, self.depth))

    @property
    def outputs(self) -> Pair:
        """Rows and columns of the output."""
        return self.rows.outputs, self.columns.outputs

    @property
    def pads(self) -> Pads:
        """Top, bottom, left, right."""
        return (*self.rows[4:], *self.columns[4:])

    def case(self, padding: str, data_format: str, **data: Any) -> Case:
        """Return the case of this geometry; ``explicit`` takes the pads of the axes."""
        image = (self.rows.size, self.columns.size, self.channels)
        if data_format == "NCHW":
            image = (image[2], *image[:2])
        return Case(
            input_shape=(*self.lead, *image),
            filters_shape=(self.rows.kernel, self.columns.kernel, self.depth, self.filters),
            strides=(self.rows.stride, self.columns.stride),
            padding=self.pads if padding == "explicit" else padding,
            data_format=data_format,
            dilations=(self.rows.dilation, self.columns.dilation),
            **data,
        )


def output_geometry(case: Case) -> tuple[Pair, Pads]:
    """Return the output's rows and columns, and the pads top, bottom, left and right."""
    it = Geometry.of(case)
    return it.outputs, it.pads


def output_shape(case: Case) -> tuple[int, ...]:
    """Return the shape of the output in the order of the case's data_format."""
    it = Geometry.of(case)
    if case.data_format == "NCHW":
        return (*it.lead, it.filters, *it.outputs)
    return (*it.lead, *it.outputs, it.filters)
