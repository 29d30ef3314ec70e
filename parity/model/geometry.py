"""Where the windows of a case lie: its axes with their pads, and how many outputs they give."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

from parity.model.axis import Axis
from parity.model.case import Case
from parity.model.operation import OPERATIONS

Pads = tuple[int, ...]


class Geometry(NamedTuple):
    """The sizes of a case, whatever the order of its axes; the pads are those of SAME as well."""

    lead: tuple[int, ...]
    axes: tuple[Axis, ...]
    channels: int
    depth: int
    filters: int

    @classmethod
    def of(cls, case: Case) -> Self:
        """Return the geometry of `case`."""
        depth, filters = case.filters_shape[-2:]
        if OPERATIONS[case.operation].depthwise:
            depth, filters = 1, depth * filters
        return cls(case.lead, case.axes(), case.channels, depth, filters)

    @property
    def rows(self) -> Axis:
        """The last axis but one; a single row where there is none."""
        return self.axes[-2] if len(self.axes) > 1 else Axis(1)

    @property
    def columns(self) -> Axis:
        """The last axis."""
        return self.axes[-1]

    @property
    def groups(self) -> int:
        """Groups of channels; 1 where there are no channels."""
        return max(1, self.channels // max(1, self.depth))

    @property
    def outputs(self) -> tuple[int, ...]:
        """Outputs along each axis."""
        return tuple(axis.outputs for axis in self.axes)

    @property
    def pads(self) -> Pads:
        """Zeros before and after each axis: top, bottom, left, right."""
        return tuple(pad for axis in self.axes for pad in (axis.before, axis.after))

    def case(self, padding: str, data_format: str, operation: str = "conv2d", **data: Any) -> Case:
        """Return the case of this geometry; ``explicit`` takes the pads of the axes."""
        image = (*(axis.size for axis in self.axes), self.channels)
        if data_format == "NCHW":
            image = (image[-1], *image[:-1])
        depthwise = OPERATIONS[operation].depthwise
        of_filter = (self.channels, self.filters // max(1, self.channels))
        return Case(
            input_shape=(*self.lead, *image),
            filters_shape=(
                *(axis.kernel for axis in self.axes),
                *(of_filter if depthwise else (self.depth, self.filters)),
            ),
            strides=tuple(axis.stride for axis in self.axes),
            padding=self.pads if padding == "explicit" else padding,
            data_format=data_format,
            dilations=tuple(axis.dilation for axis in self.axes),
            operation=operation,
            **data,
        )


def output_geometry(case: Case) -> tuple[tuple[int, ...], Pads]:
    """Return the outputs along each axis, and the pads before and after each."""
    it = Geometry.of(case)
    return it.outputs, it.pads


def output_shape(case: Case) -> tuple[int, ...]:
    """Return the shape of the convolution's output in the order of the case's data_format."""
    return case.output_shape
