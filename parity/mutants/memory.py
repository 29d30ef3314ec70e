"""Faults of memory: how arrays lie, and who owns them."""

from __future__ import annotations

from typing import Any

import numpy as np

from parity.model.case import Array
from parity.mutants.mutant import misread, slip
from parity.mutants.textbook import RIGHT, Arguments

LAID_OUT = "float32 NHWC 1x2x2x1 w1x1x1x1 s1,1 d1,1 VALID distinct:0 x:{} w:C"
PLAIN = "float32 NHWC 1x1x1x1 w1x1x1x1 s1,1 d1,1 VALID distinct:0"
_kept: dict[Any, Array] = {}  # by two mutants, from call to call


@misread("read", LAID_OUT.format("F"))
def fortran_by_buffer(array: Any) -> Array:
    """A Fortran-ordered array is read as its memory goes on."""
    values = RIGHT.read(array)
    return values.ravel("K").reshape(values.shape) if values.flags.f_contiguous else values


@misread("read", LAID_OUT.format("reversed"))
def reversed_by_buffer(array: Any) -> Array:
    """Negative strides are taken for positive ones."""
    values = RIGHT.read(array)
    return np.flip(values, tuple(axis for axis, step in enumerate(values.strides) if step < 0))


@misread("read", LAID_OUT.format("sliced"))
def sliced_by_buffer(array: Any) -> Array:
    """A slice is read from its first element on as if it were contiguous."""
    values = RIGHT.read(array)
    steps = values.strides or (0,)
    if not values.size or steps[-1] != 2 * values.itemsize or min(steps) < values.itemsize:
        return values
    packed = np.empty(values.shape, values.dtype).strides
    return np.lib.stride_tricks.as_strided(values, strides=packed)


@misread("read", LAID_OUT.format("swapped"))
def swapped_by_buffer(array: Any) -> Array:
    """Bytes in the other order are read in this machine's."""
    values = np.asarray(array)
    return values.view(values.dtype.newbyteorder("="))


@slip("accepted", PLAIN)
def input_overwritten(call: Arguments) -> Arguments:
    """The input serves as scratch: its first pixel is left changed."""
    values = np.asarray(RIGHT.accepted(call).input)
    kept = values.copy()
    if values.flags.writeable:
        values[..., :1] = 0
    return call._replace(input=kept)


@slip("accepted", "float32 NHWC 1x1x2x1 w1x2x1x1 s1,1 d1,1 VALID distinct:0")
def filters_left_flipped(call: Arguments) -> Arguments:
    """The filters are flipped in place and not turned back."""
    values = np.asarray(RIGHT.accepted(call).filters)
    kept = values.copy()
    if values.flags.writeable:
        values[...] = kept[::-1, ::-1]
    return call._replace(filters=kept)


@slip("result", "float32 NHWC 1x2x2x1 w1x1x1x1 s1,1 d1,1 VALID ones:0")
def identity_is_view(images: Array, kernels: Array, call: Arguments, layout: str) -> Array:
    """A single 1x1 filter of weight 1 gives the input itself."""
    result = RIGHT.result(images, kernels, call, layout)
    single = kernels.shape == (1, 1, 1, 1) and kernels.all()
    return images if single and np.array_equal(result, images) else result


@slip("as_asked", PLAIN)
def buffer_kept(result: Array, layout: str) -> Array:
    """The next call of the same shape and dtype overwrites the result."""
    fresh = RIGHT.as_asked(result, layout)
    kept = _kept.setdefault((fresh.shape, fresh.dtype), fresh)
    kept[...] = fresh
    return kept


@slip("flattened", PLAIN)
def weights_kept(kernels: Array, groups: int) -> Array:
    """Flattened filters are kept for the next call with filters of that shape and dtype."""
    weights = RIGHT.flattened(kernels, groups)
    return _kept.setdefault((kernels.shape, groups, kernels.dtype), weights)
