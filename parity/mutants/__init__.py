"""Wrong implementations, which the suite must find out, and the right ones that they come from.

``parity.mutants:floor_for_ceil`` names a subject; so does ``parity.mutants:textbook``, the right
conv2d, and ``parity.mutants:conv3d``, the right one of any other operation.
"""

from __future__ import annotations

from parity.model.error import COMPONENTWISE
from parity.model.operation import FAMILY
from parity.mutants import (  # noqa: F401 - each registers its mutants
    arguments,
    arithmetic,
    dimensions,
    fast_paths,
    filters,
    geometry,
    gradients,
    memory,
    padding,
    tiles,
    variants,
    winograd,
)
from parity.mutants.book import Book
from parity.mutants.family import Family
from parity.mutants.mutant import MUTANTS, Mutant
from parity.mutants.textbook import RIGHT as textbook  # noqa: N811 - the name of a subject

__all__ = ["CONTROLS", "MUTANTS", "Mutant", "control", "textbook"]

CONTROLS: dict[str, Book] = {
    "textbook": textbook,
    "winograd_textbook": winograd.CONTROL,
    **{name: Family(name) for name in FAMILY},
}
"""The right ones by their names: conv2d's, then those of the family, which have the operation's."""


def control(operation: str, error: str = COMPONENTWISE) -> str:
    """Return the name of the right one of an operation, which is held to `error`."""
    asked = operation, error
    return next(name for name, one in CONTROLS.items() if (one.operation, one.error) == asked)


def __getattr__(name: str) -> Book:
    if name in MUTANTS:
        return MUTANTS[name].function
    if name in CONTROLS:
        return CONTROLS[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
