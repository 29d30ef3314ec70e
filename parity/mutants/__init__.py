"""Wrong implementations of conv2d, which the suite must find out, and the right one they come from.

``parity.mutants:floor_for_ceil`` names a subject, and so does ``parity.mutants:textbook``.
"""

from __future__ import annotations

from parity.mutants import (  # noqa: F401 - each registers its mutants
    arguments,
    arithmetic,
    dimensions,
    fast_paths,
    filters,
    geometry,
    memory,
    padding,
    tiles,
)
from parity.mutants.mutant import MUTANTS, Mutant
from parity.mutants.textbook import RIGHT as textbook  # noqa: N811 - the name of a subject
from parity.mutants.textbook import Textbook

__all__ = ["MUTANTS", "Mutant", "textbook"]


def __getattr__(name: str) -> Textbook:
    if name in MUTANTS:
        return MUTANTS[name].conv2d
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
