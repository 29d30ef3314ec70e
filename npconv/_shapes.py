"""Which shapes fit together: the rules about sizes, in exact integers."""

from __future__ import annotations

import sys
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from npconv._attributes import INT32_MAX, Format, Padding, Pair, Shape, in_nhwc_order, show_pads
from npconv._geometry import Axis, Geometry


@lru_cache(maxsize=1024)
def resolve(
    input_shape: Shape, filters_shape: Shape,
    strides: Pair, padding: Padding, layout: Format, dilations: Pair,
) -> tuple[Geometry, Shape]:  # fmt: skip
    """Check the shapes of a call; return its geometry and the shape of its result."""
    if len(input_shape) < 4:
        dimensions = ", ".join(layout)
        raise wrong_shape(f"input: expected at least four dimensions ({dimensions})", input_shape)
    check_filters(filters_shape)
    lead, image = input_shape[:-3], input_shape[-3:]
    # TensorFlow folds the leading dimensions by reshape(-1), which passes over a 0 among them where
    # the image is empty too, and then cannot unfold a result that is not empty.
    blind = len(lead) > 1 and 0 in image
    batch = prod(size for size in lead if size) if blind else prod(lead)
    sizes = _, rows, columns, channels = in_nhwc_order((batch, *image), layout)
    for name, size in zip(("batch", "height", "width", "channels"), sizes, strict=True):
        if size >= INT32_MAX:
            raise wrong_shape(f"input: {name} must be less than {INT32_MAX}", input_shape)
    height, width, filter_channels, out_channels = filters_shape
    if max(filters_shape[:3]) >= INT32_MAX or out_channels > INT32_MAX:
        raise wrong_shape(f"filters: sizes must be less than {INT32_MAX}", filters_shape)
    if filter_channels == 0:
        raise wrong_shape("filters: in_channels must be positive", filters_shape)
    if channels % filter_channels:
        got = f"{filter_channels} (input {input_shape}, filters {filters_shape})"
        expected = f"in_channels must divide the input's {channels} channels"
        raise ValueError(f"filters: {expected}, received {got}")
    both = (padding, padding) if isinstance(padding, str) else padding
    high = Axis.resolve(rows, height, strides[0], dilations[0], both[0])
    wide = Axis.resolve(columns, width, strides[1], dilations[1], both[1])
    geometry = Geometry((high, wide), channels, filter_channels, out_channels)
    check_outputs(geometry, f"filters: shape {filters_shape}")
    result: Shape = (high.outputs, wide.outputs, out_channels)
    if blind and 0 in lead and 0 not in result:
        empty = f"leading dimensions {lead} and an image {image} that are both empty"
        raise wrong_shape(f"input: {empty} cannot give results of shape {result}", input_shape)
    if len(lead) > 1 and max(result) > INT32_MAX:
        raise ValueError(
            f"input: with leading dimensions {lead} the result must not have a dimension beyond "
            f"{INT32_MAX}, received shape {input_shape} for a result of shape {result}"
        )
    out_shape = lead + (result if layout == "NHWC" else (result[2], *result[:2]))
    if 0 in out_shape or 0 in input_shape:
        return geometry, out_shape
    # The rest TensorFlow checks only where something is to be multiplied.
    if not isinstance(padding, str) and max(*padding[0], *padding[1]) >= INT32_MAX:
        pads = show_pads(*padding, layout)
        raise ValueError(f"padding: pads must be less than {INT32_MAX}, received {pads}")
    if not height or not width:
        raise wrong_shape("filters: must not be empty", filters_shape)
    if out_channels % geometry.groups:
        expected = f"out_channels must be a multiple of the {geometry.groups} groups"
        why = f"({channels} channels of the input / {filter_channels} of the filters)"
        raise wrong_shape(f"filters: {expected} {why}", filters_shape)
    return geometry, out_shape


def wrong_shape(expected: str, shape: Shape) -> ValueError:
    """Return the error that says what was expected, and the shape that was received."""
    return ValueError(f"{expected}, received shape {shape}")


def check_filters(shape: Shape) -> None:
    """Raise ValueError if filters have another number of dimensions than four."""
    if len(shape) != 4:
        form = "(height, width, in_channels, out_channels)"
        raise wrong_shape(f"filters: expected four dimensions {form}", shape)


def check_outputs(geometry: Geometry, received: str) -> None:
    """Raise ValueError, showing `received`, where TensorFlow finds the kernel too large."""
    for side, axis in zip(("height", "width"), geometry.axes, strict=True):
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
