"""Sums of products, tap by tap, of whatever a convolution multiplies: exact values, magnitudes.

Memory stays near that of the output whatever its size.  Nothing here is shared with npconv.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from parity.model.axis import Axis
from parity.model.case import Array, Case
from parity.model.geometry import Geometry


def summed(
    case: Case, *arrays: Array, multiply: Callable[[Array, Array], Array] = np.matmul
) -> Array:
    """Sum the products of a case's two arrays in their dtype, which may be Python's integers."""
    return of_laid(case, *laid(case, *arrays), multiply)


def laid(case: Case, one: Array, other: Array) -> tuple[Array, Array]:
    """Return two arrays with batch, axes and channels in this order, zeros around images."""
    place, gives = -1 - case.of.axes, case.of.gives
    arrays = [one, other]
    images = [0] if gives != "filters" else [0, 1]
    for number in images:
        array = arrays[number]
        array = array if case.data_format == "NHWC" else np.moveaxis(array, place, -1)
        arrays[number] = array.reshape(-1 if array.size else 0, *array.shape[place:])
    if gives != "input":
        n, *sizes, channels = arrays[0].shape
        axes = list(zip(sizes, case.axes(), strict=True))
        longer = (size + axis.before + axis.after for size, axis in axes)
        inside = (slice(axis.before, axis.before + size) for size, axis in axes)
        padded = np.zeros((n, *longer, channels), arrays[0].dtype)  # with Python's 0 for integers
        padded[(slice(None), *inside)] = arrays[0]
        arrays[0] = padded
    return arrays[0], arrays[1]


def of_laid(
    case: Case, one: Array, other: Array, multiply: Callable[[Array, Array], Array] = np.matmul
) -> Array:
    """Sum the products of what `laid` has laid, tap by tap: it needs little memory.

    The gradient of images is added up where an output has seen them: nothing but real products.
    """
    it, gives = Geometry.of(case), case.of.gives
    batch, kernel = math.prod(it.lead), [axis.kernel for axis in it.axes]
    of_group = it.filters // it.groups
    padded = [axis.size + axis.before + axis.after for axis in it.axes]
    # What is computed, by groups: (G, N, *outputs, F), (N, *padded, C) or (*kernel, G, D, F).
    shape = {
        "output": (it.groups, batch, *it.outputs, of_group),
        "input": (batch, *padded, it.channels),
        "filters": (*kernel, it.groups, it.depth, of_group),
    }[gives]
    total = np.zeros(shape, one.dtype)
    images, y = (total, one) if gives == "input" else (one, other if gives == "filters" else total)
    if gives != "output":
        y = np.moveaxis(y.reshape(*y.shape[:-1], it.groups, -1), -2, 0) if y.size else y
    filters = None if gives == "filters" else other.reshape(*kernel, it.depth, it.groups, -1)
    for tap in np.ndindex(*kernel) if one.size and other.size and total.size else ():
        place = _seen(it.axes, tap)
        seen = images[place]
        by_group = np.moveaxis(seen.reshape(*seen.shape[:-1], it.groups, it.depth), -2, 0)
        if filters is None:
            rows = by_group.reshape(it.groups, -1, it.depth).swapaxes(1, 2)
            total[tap] = multiply(rows, y.reshape(it.groups, -1, of_group))
            continue
        taps = filters[tap].swapaxes(0, 1)  # (G, D, F)
        taps = taps.reshape(it.groups, *[1] * len(kernel), it.depth, of_group)
        if gives == "output":
            total += multiply(by_group, taps)
        else:
            found = multiply(y, taps.swapaxes(-1, -2))  # (G, N, *outputs, D)
            images[place] += np.moveaxis(found, 0, -2).reshape(seen.shape)
    if gives == "filters":
        return np.moveaxis(total, -3, -2).reshape(case.filters_shape)
    if gives == "input":
        inside = (slice(axis.before, axis.before + axis.size) for axis in it.axes)
        result = total[(slice(None), *inside)]
        result = result.reshape(*it.lead, *result.shape[1:])
    else:
        result = np.moveaxis(total, 0, -2).reshape(*it.lead, *it.outputs, it.filters)
    return np.moveaxis(result, -1, -1 - len(kernel)) if case.data_format == "NCHW" else result


def _seen(axes: tuple[Axis, ...], tap: tuple[int, ...]) -> tuple[Any, ...]:
    """Return which padded pixels all outputs have under a tap."""
    if any(axis.interleaved for axis in axes):
        firsts = ([axis.first(output) for output in range(axis.outputs)] for axis in axes)
        starts = [np.array(found, int) for found in firsts]
        pixels = (
            found + at * axis.dilation for found, at, axis in zip(starts, tap, axes, strict=True)
        )
        return (slice(None), *np.ix_(*pixels))
    ranges = zip(
        axes, (at * axis.dilation for axis, at in zip(axes, tap, strict=True)), strict=True
    )
    return (
        slice(None),
        *(slice(at, at + (a.outputs - 1) * a.stride + 1, a.stride) for a, at in ranges),
    )


def multiplied_by_ieee_rules(one: Array, other: Array) -> Array:
    """Multiply matrices by NumPy's own loops: a BLAS may pass over zeros that meet a NaN."""
    product: Array = np.einsum("...mk,...kn->...mn", one, other)
    return product
