"""Gradients of a convolution, transposes among them: their arguments, then their computation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from npconv._arguments import Checked, check, check_dtypes, check_out, read_arrays
from npconv._attributes import (
    Array,
    Layout,
    Padding,
    Shape,
    channels_last,
    read_attributes,
    read_precision,
    read_sizes,
    wrong,
)
from npconv._exact import exact
from npconv._filter_gradients import filter_gradient
from npconv._geometry import Axis, Geometry
from npconv._gradients import input_gradient
from npconv._operation import COUNTS, OPERATIONS, SIDES, Operation
from npconv._phases import Part, by_dilation
from npconv._shapes import check_bytes, check_filters, resolve, wrong_shape

Known = tuple[Shape, np.dtype[Any]]


def backward(name: str, given: Mapping[str, Any]) -> Array:
    """Return the gradient that an operation gives, from its arguments by their names."""
    if read_precision(given["precision"]) == "exact":

        def standard(given: Mapping[str, Any]) -> Array:
            return backward(name, {**given, "precision": "standard"})

        return exact(OPERATIONS[name], given, standard)
    operation, flag = OPERATIONS[name], given.get("use_cudnn_on_gpu", True)
    if not isinstance(flag, bool):  # by position it stands where others have data_format
        raise wrong("use_cudnn_on_gpu: expected a bool", flag, TypeError)
    arrays, out = read_arrays(operation, given), given["out"]
    first, second = ((one.shape, one.dtype) for one in arrays)
    dtype, geometry, shape, layout = check_call(operation, given, first, second)
    if out is None:
        out = np.empty(shape, dtype)
    else:
        check_out(out, shape, dtype, dict(zip(operation.arrays, arrays, strict=True)))
    result = out.view(np.ndarray)
    if not all(one.size for one in (out, *arrays)):
        result[...] = 0
        return out  # type: ignore[no-any-return]
    with np.errstate(), np.errstate(all="ignore"):  # see conv2d
        own, outer = (one.astype(dtype, copy=False) for one in arrays)
        outer = _last(outer, layout)
        parts = by_dilation(geometry) if operation.phased else []
        if operation.gives == "input":
            filters, images = _grouped(own, operation, geometry), _last(result, layout)
            if parts:
                images[...] = 0
            for part in parts or [Part(geometry, (...,), (), (...,))]:
                target = images[part.source]
                if target.size:
                    input_gradient(outer[part.target], filters, part.geometry, target)
        else:
            filters, images = _grouped(result, operation, geometry), _last(own, layout)
            if parts:
                _add_up(images, outer, parts, filters)
            else:
                filter_gradient(images, outer, geometry, filters)
    return out  # type: ignore[no-any-return]


def _add_up(images: Array, gradient: Array, parts: list[Part], out: Array) -> None:
    """Write the sum of the gradients of some convolutions by their filters, rounded once."""
    sums = np.dtype(np.float32) if out.dtype.itemsize == 2 else out.dtype
    images, gradient = images.astype(sums), gradient.astype(sums)
    total, one = np.zeros(out.shape, sums), np.empty(out.shape, sums)
    for part in parts:
        filter_gradient(images[part.source], gradient[part.target], part.geometry, one)
        total += one
    np.copyto(out, total, casting="unsafe")


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


def _last(array: Array, layout: Layout) -> Array:
    """Return a view of an array in a layout whose channels are last."""
    return array if layout.endswith("C") else np.moveaxis(array, 1, -1)


def _grouped(filters: Array, operation: Operation, geometry: Geometry) -> Array:
    """Return a view of filters as (*kernel, C / groups, groups, OC / groups)."""
    if operation.depthwise:
        return filters[..., np.newaxis, :, :]
    return filters.reshape(*filters.shape[:-1], geometry.groups, -1)
