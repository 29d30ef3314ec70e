"""Which calls a scope asks a subject about, wrong ones among them.

A wrong call lies outside where it holds anything that the subject does without: how a kernel
without strides refuses a stride of 0, or one without float64 an array of it, is its own affair.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from parity.model.call import data_order, described, read, spatial, steps
from parity.model.case import DTYPES
from parity.model.operation import OPERATIONS, Operation
from parity.model.subject import FORMATS, Scope
from parity.model.written import Arguments


def within(arguments: Arguments, scope: Scope) -> bool:
    """Say whether a call lies within what a subject claims to support.

    Parameters
    ----------
    arguments
        Keyword arguments of the scope's operation; an array may be a pair of shape and name of a
        dtype.
    scope
        What the subject claims.
    """
    arrays = [arguments.get(name) for name in scope.of.arrays]
    layouts = {name for array in arrays for name in _layouts(array)}
    dtypes = {described(array)[1] for array in arrays} & set(DTYPES)
    order = data_order(arguments.get("data_format"), scope.of)
    return (
        dtypes <= set(scope.dtypes)
        and {one for one in FORMATS if one == order} <= set(scope.formats)
        and layouts <= set(scope.layouts)
        and all(map(scope.has, needed(arguments, scope.of)))
    )


def needed(arguments: Arguments, of: Operation = OPERATIONS["conv2d"]) -> Iterator[str]:
    """Name the features (`parity.model.subject.FEATURES`) that a call uses, or gets wrong."""
    order = data_order(arguments.get("data_format"), of) or "NHWC"
    strides, padding = arguments.get(of.strides), arguments.get("padding")
    ones = (1,) * of.axes
    if steps(strides, order, of.axes) != ones:
        yield "strides"
    if _unequal(strides, order, of.axes):
        yield "unequal strides"
    if steps(arguments.get(of.dilations), order, of.axes) != ones:
        yield "dilations"
    if isinstance(padding, (str, bytes)):
        if padding in ("SAME", b"SAME"):
            yield "SAME"
        if padding in ("EXPLICIT", b"EXPLICIT"):
            yield "explicit"
    elif np.iterable(padding):
        yield "explicit"
    image, kernel = (described(arguments.get(name))[0] for name in of.arrays[:2])
    case = read(arguments, of.name)
    if 0 in (*(image or ()), *(kernel or ()), *(case.output_shape if case else ())):
        yield "empties"
    rank = of.axes + 2
    if image is None or len(image) < rank:
        return
    if len(image) > rank and of.gives == "output":
        yield "rank5"
    if math.prod(image[: -of.axes - 1]) != 1:
        yield "batches"
    channels = image[-of.axes - 1] if order == "NCHW" else image[-1]
    depth = kernel[-2] if kernel and len(kernel) == rank else 0
    if case:
        channels, depth = case.channels, case.filters_shape[-2]
    if not of.depthwise and 0 < depth < channels and channels % depth == 0:
        yield "groups"


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


def _unequal(value: Any, order: str, axes: int) -> bool:
    """Say whether two steps, right or wrong ones, stand for two axes."""
    if isinstance(value, Iterator):
        return True  # they may be
    found = list(value) if np.iterable(value) else []
    found = spatial(found, order) if len(found) == axes + 2 else found
    return len(found) == axes and any(
        one is not found[0] and bool(one != found[0]) for one in found
    )
