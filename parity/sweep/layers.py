"""The second grid: the ordinary layers of a covering array; and both grids as one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import numpy as np

from parity.examples.layers import Details, case
from parity.model.subject import DTYPES, FORMATS, Scope
from parity.sweep.covering import PLAIN, TRIPLES, covering
from parity.sweep.grid import Grid, Group, Step, scattered, sides, whole

SHARE = 5
"""Of every dtype but float32 and float64: each SHARE-th layer."""
GEOMETRIES, LAYERS = 1400, 150
"""What a block of each grid has at least: about a second's work."""


@dataclass(frozen=True)
class Layers:
    """The layers within some limits that meet what `parity.sweep.covering` says.

    Each layer is compared in float32 and float64 (`parity.sweep.grid.sides`), in others as `SHARE`
    says; of all one in `every`, each as likely to be kept as any other, and nothing is complete any
    more.
    """

    dtypes: tuple[str, ...] = DTYPES
    formats: tuple[str, ...] = FORMATS
    without: frozenset[str] = frozenset()
    every: int = 1

    def chosen(self) -> Iterator[Group]:
        """Yield what is compared, all layers in the first dtype before the others."""
        layers = covering(Scope(without=self.without))
        places = np.arange(len(layers), dtype=np.uint64)
        # What no kernel asks for varies from layer to layer without any pattern.
        chances = (scattered(places + np.uint64(10**12)) * 2**32).astype(int).tolist()
        for dtype in self.dtypes:
            salt = 0 if dtype in whole(self.dtypes) else self.dtypes.index(dtype)
            one_in = self.every * (SHARE if salt else 1)
            kept = scattered(places + np.uint64(salt * 10**9)) < 1 / one_in
            kind = "uniform" if dtype == "float64" else "finite"
            for formats, mine in sides(self, dtype, places):
                for place in np.flatnonzero(kept & mine).tolist():
                    pads, columns, rows, groups = chances[place].to_bytes(4)
                    sizes = groups, (rows, columns), pads
                    details = Details(*sizes, dtype=dtype, kind=kind, seed=place)
                    made = case(layers[place], details)
                    step = Step(made.strides, made.dilations, made.padding)
                    yield Group(made, (step,), formats)

    @property
    def complete(self) -> tuple[str, ...]:
        """What is met in all values."""
        plain = [f"{' x '.join(names[1:])} without groups" for names in PLAIN]
        every = ("every pair", *(" x ".join(names) for names in TRIPLES), *plain)
        return every if self.every == 1 and self.dtypes else ()


class Block(NamedTuple):
    """What one task compares: some groups of one grid in one dtype, on the subject of `scope`."""

    number: int
    dtype: str
    groups: tuple[Group, ...]
    of_layers: bool = False
    scope: Scope = Scope()

    @property
    def size(self) -> int:
        """How many geometries are compared."""
        return sum(group.size for group in self.groups)

    def without(self, token: str) -> Block:
        """Return the block but for the group that the case of `token` is of, if it is of one."""
        left = (
            group
            for group in self.groups
            if not any(case.token() == token for one in group.formats for case in group.cases(one))
        )
        return self._replace(groups=tuple(left))


@dataclass(frozen=True)
class Grids:
    """The small geometries of one operation or several, and the ordinary layers of conv2d."""

    scopes: tuple[Scope, ...]
    small: tuple[Grid, ...]
    layers: Layers

    @classmethod
    def of(cls, *scopes: Scope, every: int = 1) -> Grids:
        """Return the part of the grids that lies within `scopes`, each of another operation."""
        small = tuple(Grid.of(scope, every) for scope in scopes)
        first = scopes[0]
        # The claim `layers` has those of the others.
        dtypes = small[0].dtypes if first.operation == "conv2d" else ()
        return cls(scopes, small, Layers(dtypes, first.formats, first.without, every))

    def blocks(self) -> list[Block]:
        """Return the tasks; those of the layers, which are few, come first."""
        parts: list[tuple[Scope, Grid | Layers]] = [*zip(self.scopes, self.small, strict=True)]
        parts.append((self.scopes[0], self.layers))
        blocks: list[Block] = []
        for scope, grid in parts:
            of_layers = grid is self.layers
            size = LAYERS if of_layers else GEOMETRIES
            for dtype, groups in groupby(grid.chosen(), lambda group: group.first.dtype):
                for part in _cut(groups, size):
                    block = Block(len(blocks), dtype, part, of_layers, scope)
                    blocks.append(block)
        return sorted(blocks, key=lambda block: not block.of_layers)


def _cut(groups: Iterable[Group], size: int) -> Iterator[tuple[Group, ...]]:
    part: list[Group] = []
    for group in groups:
        part.append(group)
        if sum(one.size for one in part) >= size:
            yield tuple(part)
            part = []
    if part:
        yield tuple(part)
