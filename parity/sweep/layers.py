"""The second grid: the ordinary layers of a covering array; and both grids as one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from parity.examples.layers import Details, case
from parity.model.case import Case
from parity.model.subject import DTYPES, Scope
from parity.sweep.covering import PLAIN, TRIPLES, covering
from parity.sweep.grid import Block, Grid, LayerBlock, Shapes, Step, scattered

SHARE = 5
"""Of every dtype but the first: each SHARE-th layer."""


@dataclass(frozen=True)
class Layers:
    """The layers within some limits that meet what `parity.sweep.covering` says.

    Attributes
    ----------
    dtypes
        The first is compared on every layer, the others as `SHARE` says.
    formats, without
        What the subject claims to support, and what it does not.
    every
        Compare one layer in so many: each is as likely to be kept as any other, and nothing is
        complete any more.
    """

    dtypes: tuple[str, ...] = DTYPES
    formats: tuple[str, ...] = Scope().formats
    without: frozenset[str] = frozenset()
    every: int = 1

    @classmethod
    def of(cls, scope: Scope, every: int = 1) -> Layers:
        """Return the part of the grid that lies within `scope`."""
        dtypes = tuple(one for one in DTYPES if one in scope.dtypes)  # float32 first
        return cls(dtypes, scope.formats, scope.without, every)

    def blocks(self) -> list[LayerBlock]:
        """Return the tasks, numbered after those of the first grid."""
        layers = covering(Scope(without=self.without))
        after = len(Grid(self.dtypes).blocks())
        found: list[LayerBlock] = []
        places = np.arange(len(layers), dtype=np.uint64)
        for salt, dtype in enumerate(self.dtypes):
            one_in = self.every * (SHARE if salt else 1)
            kept = scattered(places + np.uint64(salt * 10**9)) < 1 / one_in
            # What no kernel asks for varies from layer to layer without any pattern.
            chances = (scattered(places + np.uint64(10**12)) * 2**32).astype(int)
            for place in np.flatnonzero(kept).tolist():
                chance = int(chances[place])
                spare = (chance >> 8 & 255, chance >> 16 & 255)
                details = Details(groups=chance & 255, spare=spare, pads=chance >> 24)
                made = case(layers[place], details)
                number = after + salt * len(layers) + place
                found.append(_block(number, dtype, place, made))
        return found

    def geometries(self, block: LayerBlock) -> Iterator[tuple[Shapes, list[Step]]]:
        """Yield what `block` compares, as `Grid.geometries` does."""
        yield block.shapes, [block.step]

    def sizes(self) -> dict[LayerBlock, int]:
        """Return how many cases are compared in each block."""
        return dict.fromkeys(self.blocks(), len(self.formats))

    def document(self) -> dict[str, Any]:
        """Return the limits as JSON knows them."""
        limits = asdict(self) | {"without": sorted(self.without)}
        plain = [f"{' x '.join(names[1:])} without groups" for names in PLAIN]
        complete = ["every pair", *(" x ".join(names) for names in TRIPLES), *plain]
        return {
            **{name: list(one) if isinstance(one, tuple) else one for name, one in limits.items()},
            "share": SHARE,
            "complete": complete if self.every == 1 else [],
        }


def _block(number: int, dtype: str, seed: int, made: Case) -> LayerBlock:
    batch, height, width, channels = made.input_shape
    *kernel, depth, filters = made.filters_shape
    return LayerBlock(
        number=number,
        dtype=dtype,
        height=height,
        width=width,
        kernel=(kernel[0], kernel[1]),
        shapes=Shapes(batch, channels, channels // depth, filters, seed),
        step=Step(made.strides, made.dilations, made.padding),
    )


Task = tuple[Grid, Block] | tuple[Layers, LayerBlock]


@dataclass(frozen=True)
class Grids:
    """The small geometries and the ordinary layers.

    Attributes
    ----------
    small, layers
        The two grids, of the same subject.
    """

    small: Grid
    layers: Layers

    @classmethod
    def of(cls, scope: Scope, every: int = 1) -> Grids:
        """Return the part of both grids that lies within `scope`."""
        return cls(Grid.of(scope, every), Layers.of(scope, every))

    @cached_property
    def sizes(self) -> dict[Block | LayerBlock, int]:
        """How many cases are compared in each block; the layers, which are few, come first."""
        return dict((*self.layers.sizes().items(), *self.small.sizes().items()))

    def tasks(self) -> list[Task]:
        """Return every block with the grid that it is of, in the order of `sizes`."""
        return [
            (self.small, block) if isinstance(block, Block) else (self.layers, block)
            for block in self.sizes
        ]

    def document(self) -> dict[str, Any]:
        """Return the limits as JSON knows them."""
        return {"small": self.small.document(), "layers": self.layers.document()}
