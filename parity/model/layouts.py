"""The memory layouts in which a case may hand over its arrays: the same values, other strides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def fortran(array: Array) -> Array:
    """First axis fastest."""
    return np.asfortranarray(array)


def reversed_(array: Array) -> Array:
    """Every stride negative."""
    turned = np.flip(array).copy()
    return np.flip(turned)


def sliced(array: Array) -> Array:
    """Every other element of the last axis of something larger, the rest filled with rubbish."""
    wider = np.full((*array.shape[:-1], 2 * array.shape[-1] + 1), 99, array.dtype)
    view = wider[..., 1::2]
    view[...] = array
    return view


def unaligned(array: Array) -> Array:
    """Start one byte after where an element may start."""
    buffer = np.empty(array.nbytes + 1, np.uint8)
    view: Array = buffer[1:].view(array.dtype).reshape(array.shape)
    view[...] = array
    return view


def read_only(array: Array) -> Array:
    """Refuse to be written to."""
    kept = array.copy()
    kept.flags.writeable = False
    return kept


def byte_swapped(array: Array) -> Array:
    """Bytes in the order that is not this machine's (bfloat16 has but one)."""
    if array.dtype.kind not in "fi":
        return array
    return array.astype(array.dtype.newbyteorder("S"))


LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "C": lambda array: array,
    "F": fortran,
    "reversed": reversed_,
    "sliced": sliced,
    "unaligned": unaligned,
    "readonly": read_only,
    "swapped": byte_swapped,
}
"""Every one gives an array equal to the one it is given."""
