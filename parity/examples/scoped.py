"""Which calls a scope asks a subject about, wrong ones among them.

A wrong call lies outside where it holds anything that the subject does without: how a kernel
without strides refuses a stride of 0, or one without float64 an array of it, is its own affair.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from parity.model import geometry
from parity.model.call import described, read, spatial, steps
from parity.model.case import DTYPES
from parity.model.subject import FORMATS, Scope
from parity.model.written import ARRAYS, Arguments


def within(arguments: Arguments, scope: Scope) -> bool:
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
    dtypes = {described(array)[1] for array in arrays} & set(DTYPES)
    order = _order(arguments)
    return (
        dtypes <= set(scope.dtypes)
        and {one for one in FORMATS if one == order} <= set(scope.formats)
        and layouts <= set(scope.layouts)
        and all(map(scope.has, needed(arguments)))
    )


def needed(arguments: Arguments) -> Iterator[str]:
    """Name the features (`parity.model.subject.FEATURES`) that a call uses, or gets wrong."""
    order = _order(arguments)
    strides, padding = arguments.get("strides"), arguments.get("padding")
    if steps(strides, order) != (1, 1):
        yield "strides"
    if _unequal(strides, order):
        yield "unequal strides"
    if steps(arguments.get("dilations"), order) != (1, 1):
        yield "dilations"
    if isinstance(padding, (str, bytes)):
        if padding in ("SAME", b"SAME"):
            yield "SAME"
        if padding in ("EXPLICIT", b"EXPLICIT"):
            yield "explicit"
    elif np.iterable(padding):
        yield "explicit"
    image, kernel = (described(arguments.get(name))[0] for name in ARRAYS)
    case = read(arguments)
    if 0 in (
        *(image or ()),
        *(kernel or ()),
        *(geometry.Geometry.of(case).outputs if case else ()),
    ):
        yield "empties"
    if image is None or len(image) < 4:
        return
    if len(image) > 4:
        yield "rank5"
    if math.prod(image[:-3]) != 1:
        yield "batches"
    channels = image[-3] if order == "NCHW" else image[-1]
    if kernel and len(kernel) == 4 and 0 < kernel[2] < channels and channels % kernel[2] == 0:
        yield "groups"


def _order(arguments: Arguments) -> Any:
    given = arguments.get("data_format")
    return "NHWC" if given is None else given


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


def _unequal(value: Any, order: Any) -> bool:
    """Say whether two steps, right or wrong ones, stand for rows and columns."""
    if isinstance(value, Iterator):
        return True  # they may be
    found = list(value) if np.iterable(value) else []
    found = spatial(found, order) if len(found) == 4 else found
    return len(found) == 2 and found[0] is not found[1] and bool(found[0] != found[1])
