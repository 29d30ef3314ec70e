"""The grid: which geometries are small, and which of them a run compares."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from parity.model import geometry
from parity.model.case import Case
from parity.model.subject import DTYPES, FORMATS, Scope

Pads = tuple[int, int, int, int]

# Heights and widths differ, so that no fault can hide behind a square; a width of 8 gives two
# outputs to the longest kernel at the longest stride.
HEIGHTS = (1, 2, 3, 4, 5, 6)
WIDTHS = (1, 2, 3, 5, 8)
KERNELS = (1, 2, 3)
STRIDES = (1, 2, 3)
DILATIONS = (1, 2)
# SAME, VALID, pads on all sides, unequal pads, and pads that hold whole windows.
PADDINGS = ("SAME", "VALID", "even", "uneven", "window")
CHANNELS = (1, 2, 3)
LATTICE = 20
"""Of every dtype but the first: each LATTICE-th geometry, and all of one channel and one filter."""


class Block(NamedTuple):
    """What one task compares: one dtype, height, width and kernel, under everything else."""

    number: int
    dtype: str
    height: int
    width: int
    kernel: tuple[int, int]


class Step(NamedTuple):
    """What is independent of the arrays."""

    strides: tuple[int, int]
    dilations: tuple[int, int]
    padding: str | Pads


class Shapes(NamedTuple):
    """One pair of arrays, without the order of the dimensions."""

    batch: int
    in_channels: int
    groups: int
    out_channels: int
    seed: int


class LayerBlock(NamedTuple):
    """What one task of the second grid compares: one layer in one dtype."""

    number: int
    dtype: str
    height: int
    width: int
    kernel: tuple[int, int]
    shapes: Shapes
    step: Step


@dataclass(frozen=True)
class Grid:
    """Every geometry within some limits; `of` gives the limits of a subject.

    Attributes
    ----------
    dtypes
        The first is compared on every geometry, the others as `LATTICE` says.
    formats, strides, unequal_strides, dilations, paddings, groups, batches, empties
        What the subject claims to support.
    every
        Compare one geometry in so many, spread over every axis.
    """

    dtypes: tuple[str, ...] = DTYPES
    formats: tuple[str, ...] = FORMATS
    strides: tuple[int, ...] = STRIDES
    unequal_strides: bool = True
    dilations: tuple[int, ...] = DILATIONS
    paddings: tuple[str, ...] = PADDINGS
    groups: bool = True
    batches: bool = True
    empties: bool = True
    every: int = 1

    @classmethod
    def of(cls, scope: Scope, every: int = 1) -> Grid:
        """Return the part of the grid that lies within `scope`."""
        return cls(
            dtypes=tuple(one for one in DTYPES if one in scope.dtypes),  # float32 first
            formats=scope.formats,
            strides=STRIDES if scope.has("strides") else STRIDES[:1],
            unequal_strides=scope.has("unequal strides"),
            dilations=DILATIONS if scope.has("dilations") else DILATIONS[:1],
            paddings=tuple(
                name
                for name in PADDINGS
                if name == "VALID" or scope.has("SAME" if name == "SAME" else "explicit")
            ),
            groups=scope.has("groups"),
            batches=scope.has("batches"),
            empties=scope.has("empties"),
            every=every,
        )

    def blocks(self) -> list[Block]:
        """Return the tasks, the whole grid in the first dtype before the others."""
        axes = product(self.dtypes, HEIGHTS, WIDTHS, product(KERNELS, KERNELS))
        return [Block(number, *axis) for number, axis in enumerate(axes)]

    def stride_pairs(self) -> list[tuple[int, int]]:
        """Return the strides of rows and columns."""
        return [
            (rows, columns)
            for rows, columns in product(self.strides, self.strides)
            if rows == columns or self.unequal_strides
        ]

    def channels(self) -> list[tuple[int, int, int]]:
        """Return every (in_channels, groups, out_channels) of which groups divides both others."""
        return [
            (ins, groups, outs)
            for ins, outs in product(CHANNELS, CHANNELS)
            for groups in (CHANNELS if self.groups else (1,))
            if ins % groups == 0 == outs % groups
        ]

    def geometries(self, block: Block) -> Iterator[tuple[Shapes, list[Step]]]:
        """Yield each pair of shapes with the steps under which it is compared, at least one."""
        valid = _valid_steps(self, block.height, block.width, block.kernel)
        positions = np.array([position for position, _ in valid], np.uint64)
        steps = [step for _, step in valid]
        combinations = self.channels()
        place = block.number % (len(HEIGHTS) * len(WIDTHS) * len(KERNELS) ** 2)
        for number, (ins, groups, outs) in enumerate(combinations):
            seed = place * len(combinations) + number
            one_in = self.every
            if block.dtype != self.dtypes[0] and (ins, outs) != (1, 1):
                one_in *= LATTICE
            # Another sub-lattice for every dtype.
            salt = self.dtypes.index(block.dtype) * 10**9
            kept = scattered(positions + np.uint64(salt + seed * 1000)) < 1 / one_in
            if kept.any():
                batch = 1 + seed % 2 if self.batches else 1
                shapes = Shapes(batch, ins, groups, outs, seed)
                yield shapes, [step for step, wanted in zip(steps, kept, strict=True) if wanted]

    def cases(self, block: Block) -> Iterator[Case]:
        """Yield every case of a block in the order in which it is compared."""
        for shapes, steps in self.geometries(block):
            for step in steps:
                for data_format in self.formats:
                    yield case(block, shapes, step, data_format)

    def sizes(self) -> dict[Block, int]:
        """Return how many geometries are compared in each block, where there is any."""
        found: dict[Block, int] = {}
        for block in self.blocks():
            if steps := sum(len(steps) for _, steps in self.geometries(block)):
                found[block] = steps * len(self.formats)
        return found

    def left_out(self) -> int:
        """Return how many combinations of the first dtype are no valid calls (or not asked for)."""
        per_shapes = len(self.stride_pairs()) * len(self.dilations) ** 2 * len(self.paddings)
        kernels = product(KERNELS, KERNELS)
        missing = sum(
            per_shapes - len(_valid_steps(self, height, width, kernel))
            for height, width, kernel in product(HEIGHTS, WIDTHS, kernels)
        )
        return missing * len(self.channels()) * len(self.formats)

    def document(self) -> dict[str, Any]:
        """Return the limits as JSON knows them."""
        axes = {
            "heights": HEIGHTS,
            "widths": WIDTHS,
            "kernel": KERNELS,
            "channels": CHANNELS,
            "lattice": LATTICE,
        }
        document: dict[str, Any] = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in (axes | asdict(self)).items()
        }
        return document


def case(block: Block | LayerBlock, shapes: Shapes, step: Step, data_format: str) -> Case:
    """Return one geometry as a case; its data depend on the shapes alone."""
    image = (block.height, block.width, shapes.in_channels)
    if data_format == "NCHW":
        image = (shapes.in_channels, block.height, block.width)
    return Case(
        input_shape=(shapes.batch, *image),
        filters_shape=(*block.kernel, shapes.in_channels // shapes.groups, shapes.out_channels),
        strides=step.strides,
        padding=step.padding,
        data_format=data_format,
        dilations=step.dilations,
        dtype=block.dtype,
        kind="finite" if isinstance(block, LayerBlock) else "distinct",  # its sums are longer
        seed=shapes.seed,
    )


@lru_cache(maxsize=1024)
def _valid_steps(
    grid: Grid, height: int, width: int, kernel: tuple[int, int]
) -> list[tuple[int, Step]]:
    """Return every valid step with its place among all steps."""
    found: list[tuple[int, Step]] = []
    dilation_pairs = product(grid.dilations, grid.dilations)
    pairs = product(grid.stride_pairs(), dilation_pairs, grid.paddings)
    for place, (strides, dilations, padding) in enumerate(pairs):
        reaches = tuple(
            (size - 1) * dilation + 1 for size, dilation in zip(kernel, dilations, strict=True)
        )
        step = Step(strides, dilations, _pads(padding, reaches))
        block = Block(0, grid.dtypes[0], height, width, kernel)
        outputs, _ = geometry.output_geometry(case(block, Shapes(1, 1, 1, 1, 0), step, "NHWC"))
        if min(outputs) >= (0 if grid.empties else 1):
            found.append((place, step))
    return found


def _pads(name: str, reaches: tuple[int, ...]) -> str | Pads:
    """Return a padding: (top, bottom, left, right) where it is explicit."""
    explicit = {
        "even": (1, 1, 1, 1),
        "uneven": (0, 2, 1, 0),
        # The first windows lie in the top pad, and the last in the right one at some strides.
        "window": (reaches[0], 1, 0, reaches[1]),
    }
    return explicit.get(name, name)


def scattered(numbers: Any) -> Any:
    """Return a number in [0, 1) for each integer, without any pattern (SplitMix64).

    A stride through the grid, were it long, would see only some combinations of axis values.
    """
    mixed = (numbers + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (mixed ^ (mixed >> np.uint64(31))) / 2.0**64
