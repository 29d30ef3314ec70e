"""The rows of the rest of the family: of each function what all take alike, and its own rules."""

from __future__ import annotations

from collections.abc import Iterator

from parity.model.operation import FAMILY
from parity.rules.family import arrays, attributes, sizes
from parity.rules.row import Row

_RULES = (
    *(attributes.signature, attributes.steps, attributes.paddings, attributes.data_formats),
    *(arrays.dtypes, arrays.ranks, arrays.channels),
    *(sizes.outputs, sizes.gradients, sizes.written, sizes.empties),
)


def rows() -> Iterator[Row]:
    """Return the rows of every function, by function and rule."""
    for name in FAMILY:
        for rule in _RULES:
            yield from rule(name)
    yield from arrays.of_other_ranks()
