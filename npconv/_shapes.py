"""Which shapes fit together: the rules about sizes, in exact integers.

The rules are those of ``tf.nn.conv2d`` on a CPU without oneDNN.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from npconv._attributes import INT32_MAX, Padding, Pair, in_nhwc_order, in_order
from npconv._geometry import Axis, Geometry
from npconv._types import Format, Shape


@lru_cache(maxsize=1024)
def resolve(
    input_shape: Shape,
    filters_shape: Shape,
    strides: Pair,
    padding: Padding,
    layout: Format,
    dilations: Pair,
) -> tuple[Geometry, Shape]:
    """Check the shapes of a call; return its geometry and the shape of its result."""
    if len(input_shape) < 4:
        raise ValueError(
            f"input: expected at least four dimensions ({', '.join(layout)}), "
            f"received shape {input_shape}"
        )
    if len(filters_shape) != 4:
        raise ValueError(
            "filters: expected four dimensions (height, width, in_channels, out_channels), "
            f"received shape {filters_shape}"
        )
    lead, image = input_shape[:-3], input_shape[-3:]
    # TensorFlow folds the leading dimensions by reshape(-1), which passes over a 0 among them where
    # the image is empty too, and then cannot unfold a result that is not empty.
    blind = len(lead) > 1 and 0 in image
    batch = prod(size for size in lead if size) if blind else prod(lead)
    _, rows, columns, channels = in_nhwc_order((batch, *image), layout)
    _check_limits(input_shape, (batch, rows, columns, channels), filters_shape)
    height, width, filter_channels, out_channels = filters_shape
    if filter_channels == 0:
        raise ValueError(f"filters: in_channels must be positive, received shape {filters_shape}")
    if channels % filter_channels:
        raise ValueError(
            f"filters: in_channels must divide the input's {channels} channels, "
            f"received {filter_channels} (input {input_shape}, filters {filters_shape})"
        )
    both = (padding, padding) if isinstance(padding, str) else padding
    geometry = Geometry(
        Axis.resolve(rows, height, strides[0], dilations[0], both[0]),
        Axis.resolve(columns, width, strides[1], dilations[1], both[1]),
        channels,
        filter_channels,
        out_channels,
    )
    check_outputs(geometry, f"filters: shape {filters_shape}")
    result: Shape = (geometry.rows.outputs, geometry.columns.outputs, out_channels)
    if blind and 0 in lead and 0 not in result:
        raise ValueError(
            f"input: leading dimensions {lead} and an image {image} that are both empty cannot "
            f"give results of shape {result}, received shape {input_shape}"
        )
    if len(lead) > 1 and max(result) > INT32_MAX:
        raise ValueError(
            f"input: with leading dimensions {lead} the result must not have a dimension beyond "
            f"{INT32_MAX}, received shape {input_shape} for a result of shape {result}"
        )
    out_shape = lead + (result if layout == "NHWC" else (result[2], *result[:2]))
    if 0 not in out_shape and 0 not in input_shape:
        if not isinstance(padding, str) and max(*padding[0], *padding[1]) >= INT32_MAX:
            pads = in_order([*padding[0]], [*padding[1]], [0, 0], layout)
            raise ValueError(f"padding: pads must be less than {INT32_MAX}, received {pads}")
        _check_windows(geometry, filters_shape)
    return geometry, out_shape


def _check_limits(input_shape: Shape, image: Shape, filters_shape: Shape) -> None:
    for name, size in zip(("batch", "height", "width", "channels"), image, strict=True):
        if size >= INT32_MAX:
            raise ValueError(
                f"input: {name} must be less than {INT32_MAX}, received shape {input_shape}"
            )
    if max(filters_shape[:3]) >= INT32_MAX or filters_shape[3] > INT32_MAX:
        raise ValueError(
            f"filters: sizes must be less than {INT32_MAX}, received shape {filters_shape}"
        )


def check_outputs(geometry: Geometry, received: str) -> None:
    """Raise ValueError, showing `received`, where TensorFlow finds the kernel too large."""
    for side, axis in (("height", geometry.rows), ("width", geometry.columns)):
        if axis.outputs < 0:
            raise ValueError(
                f"{received} does not fit: along the {side}, {axis.kernel} taps at dilation "
                f"{axis.dilation} reach over {(axis.kernel - 1) * axis.dilation + 1} pixels, the "
                f"input has {axis.size} and {axis.before} + {axis.after} of padding; at stride "
                f"{axis.stride} the output would have size {axis.outputs}"
            )


def _check_windows(geometry: Geometry, filters_shape: Shape) -> None:
    """Check what TensorFlow checks only where something is to be multiplied."""
    groups = geometry.groups
    if not geometry.rows.kernel or not geometry.columns.kernel:
        raise ValueError(f"filters: must not be empty, received shape {filters_shape}")
    if geometry.out_channels % groups:
        raise ValueError(
            f"filters: out_channels must be a multiple of the {groups} groups "
            f"({geometry.in_channels} channels of the input / {geometry.filter_channels} of the "
            f"filters), received shape {filters_shape}"
        )


def check_bytes(names: str, shape: Shape, dtype: np.dtype[Any]) -> None:
    """Raise ValueError, naming `names`, if no array of this shape can exist in any memory."""
    if prod(size for size in shape if size) * dtype.itemsize > sys.maxsize:
        raise ValueError(
            f"{names}: the result would have shape {shape} of {dtype}, "
            f"and no array has more than {sys.maxsize} bytes"
        )
