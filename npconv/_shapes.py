"""Which shapes fit together: the rules about sizes, in exact integers."""

from __future__ import annotations

import sys
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from npconv._attributes import INT32_MAX, Layout, Padding, Shape, channels_last, show_pads
from npconv._geometry import Axis, Geometry
from npconv._operation import COUNTS, SIDES, Operation
from npconv._phases import apart, in_phases


@lru_cache(maxsize=1024)
def resolve(
    operation: Operation, input_shape: Shape, filters_shape: Shape,
    strides: Shape, padding: Padding, layout: Layout, dilations: Shape,
) -> tuple[Geometry, Shape]:  # fmt: skip
    """Check the shapes of a call; return its geometry and the shape of its result."""
    source, rank = operation.input, operation.axes + 2
    if len(input_shape) < rank or (len(input_shape) > rank and not operation.folds):
        least = "at least " if operation.folds else ""
        form = f"{least}{COUNTS[rank]} dimensions ({', '.join(layout)})"
        raise wrong_shape(f"{source}: expected {form}", input_shape)
    check_filters(operation, filters_shape)
    lead, image = input_shape[: 1 - rank], input_shape[1 - rank :]
    # TensorFlow folds the leading dimensions by reshape(-1), which passes over a 0 among them where
    # the image is empty too, and then cannot unfold a result that is not empty.
    blind = len(lead) > 1 and 0 in image
    batch = prod(size for size in lead if size) if blind else prod(lead)
    sizes = _, *pixels, channels = channels_last((batch, *image), layout)
    for name, size in zip(("batch", *SIDES[operation.axes], "channels"), sizes, strict=True):
        if size >= INT32_MAX:
            raise wrong_shape(f"{source}: {name} must be less than {INT32_MAX}", input_shape)
    if max(filters_shape[:-1]) >= INT32_MAX or filters_shape[-1] > INT32_MAX:
        form = f"{operation.filters}: sizes must be less than {INT32_MAX}"
        raise wrong_shape(form, filters_shape)
    *kernel, filter_channels, out_channels = filters_shape
    check_channels(operation, channels, input_shape, filters_shape)
    if operation.depthwise:
        filter_channels, out_channels = 1, channels * out_channels
    pads = (padding,) * len(kernel) if isinstance(padding, str) else padding
    axes = tuple(map(Axis.resolve, pixels, kernel, strides, dilations, pads))
    geometry = Geometry(axes, channels, filter_channels, out_channels)
    if operation.phased and apart(geometry):
        geometry = geometry._replace(axes=tuple(map(in_phases, axes, pads)))
    check_outputs(geometry, f"{operation.filters}: shape {filters_shape}")
    result: Shape = (*geometry.outputs, out_channels)
    if blind and 0 in lead and 0 not in result:
        empty = f"leading dimensions {lead} and an image {image} that are both empty"
        raise wrong_shape(f"{source}: {empty} cannot give results of shape {result}", input_shape)
    if len(lead) > 1 and max(result) > INT32_MAX:
        raise ValueError(
            f"{source}: with leading dimensions {lead} the result must not have a dimension beyond "
            f"{INT32_MAX}, received shape {input_shape} for a result of shape {result}"
        )
    out_shape = lead + (result if layout.endswith("C") else (result[-1], *result[:-1]))
    if 0 in out_shape or 0 in input_shape:
        return geometry, out_shape
    # The rest TensorFlow checks only where something is to be multiplied.
    if not isinstance(padding, str) and max(map(max, padding)) >= INT32_MAX:
        shown = show_pads(padding, layout)
        raise ValueError(f"padding: pads must be less than {INT32_MAX}, received {shown}")
    if 0 in kernel and not operation.depthwise:
        raise wrong_shape(f"{operation.filters}: must not be empty", filters_shape)
    if out_channels % geometry.groups:
        form = f"{operation.channels[1]} must be a multiple of the {geometry.groups} groups"
        why = f"({channels} channels of the {source} / {filter_channels} of the filters)"
        raise wrong_shape(f"{operation.filters}: {form} {why}", filters_shape)
    return geometry, out_shape


def wrong_shape(expected: str, shape: Shape) -> ValueError:
    """Return the error that says what was expected, and the shape that was received."""
    return ValueError(f"{expected}, received shape {shape}")


def check_filters(operation: Operation, shape: Shape) -> None:
    """Raise ValueError if filters have another number of dimensions than the operation's."""
    if len(shape) != operation.axes + 2:
        form = ", ".join((*SIDES[operation.axes], *operation.channels))
        count = COUNTS[operation.axes + 2]
        raise wrong_shape(f"{operation.filters}: expected {count} dimensions ({form})", shape)


def check_channels(
    operation: Operation, channels: int, input_shape: Shape, filters_shape: Shape
) -> None:
    """Raise ValueError if the filters do not read so many channels of the input."""
    name, source, got = operation.channels[0], operation.input, filters_shape[-2]
    if operation.depthwise:
        expected = f"{name} must be the {source}'s {channels} channels"
        fits = got == channels
    elif got == 0:
        raise wrong_shape(f"{operation.filters}: {name} must be positive", filters_shape)
    else:
        expected = f"{name} must divide the {source}'s {channels} channels"
        fits = channels % got == 0
    if not fits:
        received = f"{got} ({source} {input_shape}, {operation.filters} {filters_shape})"
        if operation.depthwise and got and channels % got == 0:
            received += f", of which conv2d makes {channels // got} groups"
        raise ValueError(f"{operation.filters}: {expected}, received {received}")


def check_outputs(geometry: Geometry, received: str) -> None:
    """Raise ValueError, showing `received`, where TensorFlow finds the kernel too large."""
    for side, axis in zip(SIDES[len(geometry.axes)], geometry.axes, strict=True):
        if axis.outputs < 0:
            raise ValueError(
                f"{received} does not fit: along the {side}, {axis.kernel} taps at dilation "
                f"{axis.dilation} reach over {(axis.kernel - 1) * axis.dilation + 1} pixels, the "
                f"input has {axis.size} and {axis.before} + {axis.after} of padding; at stride "
                f"{axis.stride} the output would have size {axis.outputs}"
            )


def check_bytes(names: str, shape: Shape, dtype: np.dtype[Any]) -> None:
    """Raise ValueError, naming `names`, if no array of this shape can exist in any memory."""
    if prod(size for size in shape if size) * dtype.itemsize > sys.maxsize:
        most = f"no array has more than {sys.maxsize} bytes"
        raise ValueError(f"{names}: the result would have shape {shape} of {dtype}, and {most}")
