"""Gradients of a convolution, transposes among them: their arguments, then their computation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from npconv._arguments import check_out, read_arrays
from npconv._attributes import Array, Layout, read_precision, wrong
from npconv._checking import check_call
from npconv._exact import exact
from npconv._filter_gradients import filter_gradient
from npconv._geometry import Geometry
from npconv._gradients import input_gradient
from npconv._operation import OPERATIONS, Operation
from npconv._phases import Part, by_dilation


def backward(name: str, given: Mapping[str, Any]) -> Array:
    """Return the gradient that an operation gives, from its arguments by their names."""
    operation, flag = OPERATIONS[name], given.get("use_cudnn_on_gpu", True)
    if not isinstance(flag, bool):  # by position it stands where others have data_format
        raise wrong("use_cudnn_on_gpu: expected a bool", flag, TypeError)
    if read_precision(given["precision"]) == "exact":

        def standard(given: Mapping[str, Any]) -> Array:
            return backward(name, {**given, "precision": "standard"})

        return exact(operation, given, standard)
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


def _last(array: Array, layout: Layout) -> Array:
    """Return a view of an array in a layout whose channels are last."""
    return array if layout.endswith("C") else np.moveaxis(array, 1, -1)


def _grouped(filters: Array, operation: Operation, geometry: Geometry) -> Array:
    """Return a view of filters as (*kernel, C / groups, groups, OC / groups)."""
    if operation.depthwise:
        return filters[..., np.newaxis, :, :]
    return filters.reshape(*filters.shape[:-1], geometry.groups, -1)
