"""The first grid: which geometries are small, and which of them a run compares."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import compress, product
from typing import Any, NamedTuple

import numpy as np

from parity.model import geometry
from parity.model.case import Case
from parity.model.subject import DTYPES, FORMATS, Scope

Pair = tuple[int, ...]
Pads = tuple[int, ...]

LATTICE = 20
"""Of every dtype but the first: each LATTICE-th geometry, and all of one channel and one filter."""


class Step(NamedTuple):
    """What of a call is independent of its arrays."""

    strides: Pair
    dilations: Pair
    padding: str | Pads


class Group(NamedTuple):
    """Calls that share their arrays: one of them, in NHWC, and the steps of all."""

    first: Case
    steps: tuple[Step, ...]

    def cases(self, data_format: str) -> list[Case]:
        """Return every call as a case; the data depend on the shapes alone."""
        first = self.first
        if data_format == "NCHW":
            batch, height, width, channels = first.input_shape
            shape = (batch, channels, height, width)
            first = replace(first, input_shape=shape, data_format=data_format)
        return [replace(first, **step._asdict()) for step in self.steps]


@dataclass(frozen=True)
class Grid:
    """Every geometry within some limits; `of` gives those of a subject.

    The first dtype is compared on every geometry, the others as `LATTICE` says; of both one in
    `every`, spread over all axes.  Heights and widths differ, so that no fault can hide behind a
    square; a width of 8 gives two outputs to the longest kernel at the longest stride.  The
    paddings: SAME, VALID, pads on all sides, unequal pads, and pads that hold whole windows.
    """

    dtypes: tuple[str, ...] = DTYPES
    formats: tuple[str, ...] = FORMATS
    heights: tuple[int, ...] = (1, 2, 3, 4, 5, 6)
    widths: tuple[int, ...] = (1, 2, 3, 5, 8)
    kernels: tuple[int, ...] = (1, 2, 3)
    channels: tuple[int, ...] = (1, 2, 3)
    strides: tuple[int, ...] = (1, 2, 3)
    unequal_strides: bool = True
    dilations: tuple[int, ...] = (1, 2)
    paddings: tuple[str, ...] = ("SAME", "VALID", "even", "uneven", "window")
    groups: bool = True
    batches: bool = True
    empties: bool = True
    every: int = 1

    @classmethod
    def of(cls, scope: Scope, every: int = 1) -> Grid:
        """Return the part of the grid that lies within `scope`."""
        whole = cls()
        return cls(
            dtypes=tuple(one for one in DTYPES if one in scope.dtypes),  # float32 first
            formats=scope.formats,
            strides=whole.strides if scope.has("strides") else (1,),
            unequal_strides=scope.has("unequal strides"),
            dilations=whole.dilations if scope.has("dilations") else (1,),
            paddings=tuple(
                name
                for name in whole.paddings
                if name == "VALID" or scope.has("SAME" if name == "SAME" else "explicit")
            ),
            groups=scope.has("groups"),
            batches=scope.has("batches"),
            empties=scope.has("empties"),
            every=every,
        )

    def images(self) -> list[tuple[int, int, Pair]]:
        """Return every height, width and kernel."""
        return list(product(self.heights, self.widths, product(self.kernels, self.kernels)))

    def channel_numbers(self) -> list[tuple[int, int, int]]:
        """Return every (in_channels, groups, out_channels) of which groups divides both others."""
        return [
            (ins, groups, outs)
            for ins, outs in product(self.channels, self.channels)
            for groups in (self.channels if self.groups else (1,))
            if ins % groups == 0 == outs % groups
        ]

    def steps(self) -> list[tuple[Pair, Pair, str]]:
        """Return every pair of strides, of dilations, and padding."""
        strides = [
            (rows, columns)
            for rows, columns in product(self.strides, self.strides)
            if rows == columns or self.unequal_strides
        ]
        return list(product(strides, product(self.dilations, self.dilations), self.paddings))

    def chosen(self) -> Iterator[Group]:
        """Yield what is compared, the whole grid in the first dtype before the others."""
        numbers = self.channel_numbers()
        for salt, dtype in enumerate(self.dtypes):
            for place, (height, width, kernel) in enumerate(self.images()):
                places, steps = _valid(self, height, width, kernel)
                for number, (ins, groups, outs) in enumerate(numbers):
                    seed = place * len(numbers) + number
                    one_in = self.every * (LATTICE if salt and (ins, outs) != (1, 1) else 1)
                    # Another sub-lattice for every dtype.
                    kept = scattered(places + np.uint64(salt * 10**9 + seed * 1000)) < 1 / one_in
                    if kept.any():
                        first = Case(
                            input_shape=(1 + seed % 2 if self.batches else 1, height, width, ins),
                            filters_shape=(*kernel, ins // groups, outs),
                            dtype=dtype,
                            kind="distinct",
                            seed=seed,
                        )
                        yield Group(first, tuple(compress(steps, kept)))

    def left_out(self) -> int:
        """Return how many combinations of the first dtype are no valid calls (or not asked for)."""
        every = len(self.steps())
        missing = sum(every - len(_valid(self, *image)[1]) for image in self.images())
        return missing * len(self.channel_numbers()) * len(self.formats)


@cache
def _valid(grid: Grid, height: int, width: int, kernel: Pair) -> tuple[Any, list[Step]]:
    """Return every valid step, and before them their places among all steps."""
    found: dict[int, Step] = {}
    for place, (strides, dilations, padding) in enumerate(grid.steps()):
        rows, columns = (
            (size - 1) * dilation + 1 for size, dilation in zip(kernel, dilations, strict=True)
        )
        explicit: dict[str, Pads] = {
            "even": (1, 1, 1, 1),
            "uneven": (0, 2, 1, 0),
            # The first windows lie in the top pad, and the last in the right one at some strides.
            "window": (rows, 1, 0, columns),
        }
        step = Step(strides, dilations, explicit.get(padding, padding))
        case = Case((1, height, width, 1), (*kernel, 1, 1), **step._asdict())
        if min(geometry.output_geometry(case)[0]) >= (0 if grid.empties else 1):
            found[place] = step
    return np.array(list(found), np.uint64), list(found.values())


def scattered(numbers: Any) -> Any:
    """Return a number in [0, 1) for each integer, without any pattern (SplitMix64).

    A stride through the grid, were it long, would see only some combinations of axis values.
    """
    mixed = (numbers + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (mixed ^ (mixed >> np.uint64(31))) / 2.0**64
