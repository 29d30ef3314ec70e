"""Buffers that tiles are made in, kept from call to call so that their pages stay in place."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

_KEPT_BYTES = 4 << 20  # larger buffers, which only few shapes need, are given back
_ALIGNMENT = 64  # a cache line, and the widest vectors

_kept = threading.local()
_era = object()  # scratch of an earlier one is given back


class Scratch:
    """The buffers of one thread, one a name, made when first needed.

    ``holds`` says what the patches in their buffer are of; None for nothing in particular.
    """

    def __init__(self) -> None:
        self.holds: object = None
        self._era = _era
        self._buffers: dict[str, Array] = {}

    def take(self, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        """Return an uninitialised contiguous array; it lasts until `name` is taken again."""
        size = dtype.itemsize
        for length in shape:
            size *= length
        buffer = self._buffers.get(name)
        if buffer is None or buffer.nbytes < size:
            buffer = None  # and out of the buffers, so that it never lives beside the next
            self._buffers.pop(name, None)
            buffer = np.empty(size + _ALIGNMENT, np.uint8)
            start = -buffer.ctypes.data % _ALIGNMENT
            buffer = self._buffers[name] = buffer[start : start + size]
        return np.ndarray(shape, dtype, buffer)

    def keep(self) -> None:
        """Give back what is not worth keeping, and leave the rest to the thread's next call."""
        self.holds = None
        for name, buffer in tuple(self._buffers.items()):
            if buffer.nbytes > _KEPT_BYTES:
                del self._buffers[name]
        _kept.scratch = self


def take_scratch() -> Scratch:
    """Return this thread's scratch, or another where a call within a call already has it."""
    scratch: Scratch | None = _kept.__dict__.pop("scratch", None)
    return Scratch() if scratch is None or scratch._era is not _era else scratch


def forget() -> None:
    """Let every thread begin its next call without any memory kept."""
    global _era
    _era = object()
