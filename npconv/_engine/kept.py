"""What is made of filters before they multiply: in every call, or kept for the next ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from npconv._engine.scratch import Array

_MOST = 8  # for as many sizes of the input, or ranges of integers

Kept = dict[tuple[Any, ...], Any]
"""What was made of some filters, by how. Threads may make the same at once; none changes it."""
T = TypeVar("T")


def made(kept: Kept | None, make: Callable[..., T], weights: Array, *how: Any) -> T:
    """Return ``make(weights, *how)``."""
    if kept is None:
        return make(weights, *how)
    found: T | None = kept.get((make, *how))
    if found is None:
        found = make(weights, *how)
        if len(kept) >= _MOST:
            kept.clear()
        kept[make, *how] = found
    return found
