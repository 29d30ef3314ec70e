"""Checking a call of any function of the family: what it computes, of which sizes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from npconv._arguments import Checked, check, check_dtypes
from npconv._attributes import (
    Layout,
    Padding,
    Shape,
    channels_last,
    read_attributes,
    read_sizes,
)
from npconv._geometry import Axis
from npconv._operation import COUNTS, SIDES, Operation
from npconv._shapes import check_bytes, check_filters, resolve, wrong_shape

Known = tuple[Shape, np.dtype[Any]]


def check_call(
    operation: Operation, given: Mapping[str, Any], known: Known, other: Known, source: str = ""
) -> Checked:
    """Check all but the memory of a call whose arguments are `given` by their names.

    Of the arrays there are shapes and dtypes; what is `known` decides the dtype, or `source`.
    """
    attributes = operation.attributes(given)
    if operation.gives == "output":
        return check(operation, *known, *other, *attributes, source=source)
    (shape, own), (outer, dtype) = known, other
    array, gradient = operation.arrays
    dtype = check_dtypes({source or array: own, gradient: dtype}, alike=operation.alike)
    read = steps, pads, layout, spacing = read_attributes(operation, *attributes)
    if len(outer) != len(layout):
        form = f"{COUNTS[len(layout)]} dimensions ({', '.join(layout)})"
        raise wrong_shape(f"{gradient}: expected {form}", outer)
    name, sizes = operation.sizes, given[operation.sizes]
    if operation.gives == "input":
        check_filters(operation, shape)
        result = _input_shape(operation, sizes, shape, outer, *read)
        shapes = result, shape
    else:
        result = read_sizes(name, sizes, (len(layout),))
        shapes = shape, result
    geometry, outputs = resolve(operation, *shapes, steps, pads, layout, spacing)
    if outputs != outer:
        form = f"shape {outputs}, as {name} {result} and {array} of shape {shape} give"
        raise wrong_shape(f"{gradient}: expected {form}", outer)
    check_bytes(name, result, dtype)
    return dtype, geometry, result, layout


def _input_shape(
    operation: Operation, sizes: Any, filters: Shape, outer: Shape,
    strides: Shape, padding: Padding, layout: Layout, dilations: Shape,
) -> Shape:  # fmt: skip
    """Return the shape of an input, along each axis one that gives as many outputs as there are."""
    name, axes = operation.input, operation.axes
    short = [axes] if name == "output_shape" else []
    shape = read_sizes(name, sizes, [*short, len(layout)])
    batch, *outputs, _ = channels_last(outer, layout)
    if len(shape) == axes:
        first = not layout.endswith("C")
        shape = batch, *filters[-2:-1] * first, *shape, *filters[-2:-1] * (not first)
    pads = (padding,) * axes if isinstance(padding, str) else padding
    possible = list(map(Axis.sizes, outputs, filters, strides, dilations, pads))
    inner = channels_last(shape, layout)[1:-1]
    if operation.phased and max(strides) > 1 < max(dilations):  # the outputs of any size tell
        return shape
    for side, size, count, (least, most) in zip(SIDES[axes], inner, outputs, possible, strict=True):
        if not least <= size <= most:
            between = " or " if most == least + 1 else " to "
            form = between.join(map(str, sorted({least, most}))) if most >= 0 else "none"
            why = f"whose convolution gives {operation.gradient}'s {count}"
            raise ValueError(f"{name}: expected a {side} of {form}, {why}, received {shape}")
    return shape
