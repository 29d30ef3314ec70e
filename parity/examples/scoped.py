"""Which calls a scope asks a subject about, wrong ones among them.

A wrong call lies outside where it holds anything that the subject does without: how a kernel
without strides refuses a stride of 0, or one without float64 an array of it, is its own affair.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from parity.ledger.predicates import as_index
from parity.model.case import DTYPES
from parity.model.subject import FORMATS, Scope
from parity.model.written import ARRAYS

Pair = tuple[int, int]


def within(arguments: dict[str, Any], scope: Scope) -> bool:
    """Say whether a call lies within what a subject claims to support.

    Parameters
    ----------
    arguments
        Keyword arguments of conv2d; an array may be a pair of shape and name of a dtype.
    scope
        What the subject claims.
    """
    arrays = [arguments.get(name) for name in ARRAYS]
    layouts = {name for array in arrays for name in _layouts(array)}
    dtypes = {_described(array)[1] for array in arrays} & set(DTYPES)
    data_format = arguments.get("data_format")
    formats = {one for one in FORMATS if one == ("NHWC" if data_format is None else data_format)}
    return (
        dtypes <= set(scope.dtypes)
        and formats <= set(scope.formats)
        and layouts <= set(scope.layouts)
        and all(map(scope.has, needed(arguments)))
    )


def needed(arguments: dict[str, Any]) -> Iterator[str]:
    """Name the features (`parity.model.subject.FEATURES`) that a call uses, or gets wrong."""
    channels_first = arguments.get("data_format") == "NCHW"
    written = arguments.get("strides")
    written = list(written) if isinstance(written, Iterator) else written
    strides = _plane(written, channels_first=channels_first)
    dilations = _plane(arguments.get("dilations"), channels_first=channels_first)
    padding = arguments.get("padding")
    if strides != (1, 1):
        yield "strides"
    if _unequal(written, channels_first=channels_first):
        yield "unequal strides"
    if dilations != (1, 1):
        yield "dilations"
    if isinstance(padding, (str, bytes)):
        if padding in ("SAME", b"SAME"):
            yield "SAME"
        if padding in ("EXPLICIT", b"EXPLICIT"):
            yield "explicit"
    elif np.iterable(padding):
        yield "explicit"
    image, kernel = (_described(arguments.get(name))[0] for name in ARRAYS)
    if 0 in (*(image or ()), *(kernel or ())):
        yield "empties"
    if image is None or len(image) < 4:
        return
    if len(image) > 4:
        yield "rank5"
    if math.prod(image[:-3]) != 1:
        yield "batches"
    if kernel is None or len(kernel) != 4:
        return
    *plane, channels = (*image[-2:], image[-3]) if channels_first else image[-3:]
    if 0 < kernel[2] < channels and channels % kernel[2] == 0:
        yield "groups"
    pads = _pads(padding, channels_first=channels_first)
    if pads and strides and dilations and min(*strides, *dilations, *kernel[:2]) > 0:
        for size, taps, stride, dilation, around in zip(
            plane, kernel[:2], strides, dilations, pads, strict=True
        ):
            if math.trunc((size + around - (taps - 1) * dilation - 1 + stride) / stride) == 0:
                yield "empties"


def _described(array: Any) -> tuple[tuple[int, ...] | None, str]:
    """Return the shape and the name of the dtype of what stands for an array, if it has any."""
    if isinstance(array, tuple) and len(array) == 2 and isinstance(array[1], str):
        return array
    if array is None:
        return None, ""
    try:
        values = np.asarray(array)
    except ValueError:  # ragged
        return None, ""
    return values.shape, values.dtype.name


def _layouts(array: Any) -> Iterator[str]:
    """Name how an array lies in memory."""
    if isinstance(array, np.ndarray):
        if not array.dtype.isnative:
            yield "swapped"
        if not array.flags.writeable:
            yield "readonly"
        if not array.flags.aligned:
            yield "unaligned"
        if not array.flags.c_contiguous:
            yield "F" if array.flags.f_contiguous else "sliced"


def _plane(value: Any, *, channels_first: bool) -> Pair | None:
    """Return the steps of rows and columns; None where they are not written as such."""
    if value is None:
        return 1, 1
    try:
        if not np.iterable(value):
            return (step := as_index(value)), step
        steps = [as_index(step) for step in value]
    except TypeError:
        return None
    if len(steps) == 4:
        row = 2 if channels_first else 1
        if steps[:row] + steps[row + 2 :] != [1, 1]:
            return None
        steps = steps[row : row + 2]
    return (steps[0], steps[-1]) if len(steps) in (1, 2) else None


def _unequal(value: Any, *, channels_first: bool) -> bool:
    """Say whether two steps, right or wrong ones, stand for rows and columns."""
    steps = list(value) if np.iterable(value) else []
    if len(steps) == 4:
        steps = steps[2:] if channels_first else steps[1:3]
    return len(steps) == 2 and steps[0] is not steps[1] and bool(steps[0] != steps[1])


def _pads(padding: Any, *, channels_first: bool) -> Pair | None:
    """Return how many zeros lie around rows and columns; None for SAME and what is no padding."""
    if isinstance(padding, (str, bytes)):
        return (0, 0) if padding in ("VALID", b"VALID") else None
    try:
        rows, columns = list(padding)[2:4] if channels_first else list(padding)[1:3]
        return sum(map(as_index, rows)), sum(map(as_index, columns))
    except (TypeError, ValueError):
        return None
