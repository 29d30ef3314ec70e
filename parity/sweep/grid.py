"""The first grid: which geometries are small, and which of them a run compares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import compress, product
from typing import Any, NamedTuple

import numpy as np

from parity.model.axis import Axis
from parity.model.case import Case
from parity.model.operation import OPERATIONS, Operation
from parity.model.subject import DTYPES, FORMATS, Scope
from parity.oracles import eigen
from parity.oracles.bounds import HALVES

Pair = tuple[int, ...]
Pads = tuple[int, ...]
Values = tuple[int, ...]

WHOLE = ("float32", "float64")
"""The dtypes of every geometry, one of them in one data format and the other in the other."""
LATTICE = 20
"""Of every other dtype: each LATTICE-th geometry, and all of one channel and one filter."""
ALONE = 8
"""Of what TensorFlow does not compute: each ALONE-th geometry of those."""


class Step(NamedTuple):
    """What of a call is independent of its arrays."""

    strides: Pair
    dilations: Pair
    padding: str | Pads


class Group(NamedTuple):
    """Calls that share their arrays: one in NHWC, the steps of all, and their data formats."""

    first: Case
    steps: tuple[Step, ...]
    formats: tuple[str, ...] = FORMATS

    @property
    def size(self) -> int:
        """How many geometries these are."""
        return len(self.steps) * len(self.formats)

    def cases(self, data_format: str) -> list[Case]:
        """Return every call as a case; the data depend on the shapes alone."""
        first = self.first
        if data_format == "NCHW":
            batch, *image, channels = first.input_shape
            shape = (batch, channels, *image)
            first = replace(first, input_shape=shape, data_format=data_format)
        return [replace(first, **step._asdict()) for step in self.steps]


@dataclass(frozen=True)
class Grid:
    """Every geometry within some limits; `of` gives those of a subject.

    Every geometry that TensorFlow computes is compared in float32 and float64 (`sides`), in other
    dtypes as `LATTICE` says; what TensorFlow does not compute as `ALONE` says; of all one in
    `every`, spread over all axes.
    Heights and widths differ, so that no fault can hide behind a square; a width of 8 gives two
    outputs to the longest kernel at the longest stride.  The paddings: SAME, VALID, pads on all
    sides, unequal pads, and pads that hold whole windows.

    `sizes`, `kernels`, `strides` and `dilations` have the values of each axis; `combined` is how
    many of the `channel_numbers` an image meets, others each time, 0 for all.
    """

    operation: str = "conv2d"
    dtypes: tuple[str, ...] = DTYPES
    formats: tuple[str, ...] = FORMATS
    sizes: tuple[Values, ...] = ((1, 2, 3, 4, 5, 6), (1, 2, 3, 5, 8))
    kernels: tuple[Values, ...] = ((1, 2, 3), (1, 2, 3))
    channels: Values = (1, 2, 3)
    combined: int = 0
    strides: tuple[Values, ...] = ((1, 2, 3), (1, 2, 3))
    unequal_strides: bool = True
    dilations: tuple[Values, ...] = ((1, 2), (1, 2))
    paddings: tuple[str, ...] = ("SAME", "VALID", "even", "uneven", "window")
    groups: bool = True
    batches: bool = True
    empties: bool = True
    every: int = 1

    @classmethod
    def of(cls, scope: Scope, every: int = 1) -> Grid:
        """Return the part of the grid of an operation that lies within `scope`."""
        axes = scope.of.axes
        whole = cls() if scope.operation == "conv2d" else cls(**_OF_AXES[axes])
        if not scope.of.strides:  # room for more of the others
            whole = replace(whole, combined=0, dilations=((1, 2, 3),) * axes)
        ones = ((1,),) * axes
        return replace(
            whole,
            operation=scope.operation,
            dtypes=tuple(one for one in DTYPES if one in scope.dtypes),  # float32 first
            formats=scope.formats,
            strides=whole.strides if scope.has("strides") else ones,
            unequal_strides=scope.has("unequal strides"),
            dilations=whole.dilations if scope.has("dilations") else ones,
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

    def images(self) -> list[tuple[Pair, Pair]]:
        """Return every image and kernel."""
        return list(product(product(*self.sizes), product(*self.kernels)))

    def channel_numbers(self) -> list[tuple[int, int, int]]:
        """Return every (in_channels, groups, out_channels) of which groups divides both others.

        Of depthwise operations every number of channels and multiplier.
        """
        if OPERATIONS[self.operation].depthwise:
            return [(ins, ins, ins * by) for ins, by in product(self.channels, self.channels)
                    if ins == 1 or self.groups]  # fmt: skip
        return [
            (ins, groups, outs)
            for ins, outs in product(self.channels, self.channels)
            for groups in (self.channels if self.groups else (1,))
            if ins % groups == 0 == outs % groups
        ]

    def steps(self) -> list[tuple[Pair, Pair, str]]:
        """Return every combination of strides, of dilations, and padding."""
        strides = [
            each for each in product(*self.strides) if self.unequal_strides or len({*each}) == 1
        ]
        dilations = product(*self.dilations)
        return list(product(strides, dilations, self.paddings))

    def chosen(self) -> Iterator[Group]:
        """Yield what is compared, the whole grid in the first dtype before the others."""
        of, numbers = OPERATIONS[self.operation], self.channel_numbers()
        for dtype in self.dtypes:
            salt = 0 if dtype in whole(self.dtypes) else self.dtypes.index(dtype)
            for place, (image, kernel) in enumerate(self.images()):
                places, steps = _valid(self, image, kernel)
                for number in self._combined(place, len(numbers)):
                    ins, groups, outs = numbers[number]
                    seed = place * len(numbers) + number
                    one_in = self.every * (LATTICE if salt and (ins, outs) != (1, 1) else 1)
                    shares = _shares(self, dtype, groups)[places] / one_in
                    # Another sub-lattice for every dtype.
                    kept = scattered(places + np.uint64(salt * 10**9 + seed * 1000)) < shares
                    if not kept.any():
                        continue
                    first = Case(
                        input_shape=(1 + seed % 2 if self.batches else 1, *image, ins),
                        filters_shape=(
                            *kernel,
                            *((ins, outs // ins) if of.depthwise else (ins // groups, outs)),
                        ),
                        dtype=dtype,
                        kind=_kind(of, dtype, seed),
                        seed=seed,
                        strides=(1,) * of.axes,
                        operation=self.operation,
                        pointwise=_pointwise(outs, seed) if len(of.arrays) > 2 else None,
                    )
                    for formats, mine in sides(self, dtype, places + np.uint64(seed * 1000)):
                        if (kept & mine).any():
                            yield from _by_arrays(first, compress(steps, kept & mine), formats)

    def left_out(self) -> int:
        """Return how many combinations of the first dtype are no valid calls (or not asked for)."""
        every = len(self.steps())
        missing = sum(every - len(_valid(self, *image)[1]) for image in self.images())
        return missing * (self.combined or len(self.channel_numbers())) * len(self.formats)

    def _combined(self, place: int, count: int) -> list[int]:
        """Return which of `count` channel numbers the image at a place meets."""
        chances = scattered(np.arange(count, dtype=np.uint64) + np.uint64(place * 10**6))
        return sorted(np.argsort(chances)[: self.combined or count].tolist())


_OF_AXES: dict[int, dict[str, Any]] = {
    1: {
        "sizes": (tuple(range(1, 17)),),
        "kernels": ((1, 2, 3, 4),),
        "strides": ((1, 2, 3, 4, 5),),
        "dilations": ((1, 2, 3),),
    },
    2: {"sizes": ((1, 2, 3, 4, 5, 6), (3, 8)), "combined": 3},
    3: {
        "sizes": ((1, 3, 4), (2, 5), (4,)),
        "kernels": ((1, 2), (1, 3), (1, 2)),
        "strides": ((1, 2, 3), (1, 2, 3), (1, 3)),
        "dilations": ((1, 2), (1, 2), (1,)),
        "combined": 6,
    },
}
"""What is another than in conv2d's grid, by the axes of the other operations."""


def _kind(of: Operation, dtype: str, seed: int) -> str:
    """Return the kind of data; of halves that TensorFlow sums in halves each other is small."""
    in_halves = dtype in HALVES and not of.wide_halves
    if dtype == "float64" and len(of.arrays) == 2:
        return "uniform"
    return "small" if len(of.arrays) > 2 or (in_halves and seed // 2 % 2) else "distinct"


def _pointwise(middle: int, seed: int) -> tuple[int, int]:
    """Return in and out channels of pointwise filters, of two groups where there can be."""
    groups = 2 if middle % 2 == 0 and seed % 3 == 0 else 1
    return middle // groups, groups * (1 + seed // 2 % 2)


def whole(dtypes: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of some dtypes of which a grid is whole."""
    return tuple(one for one in WHOLE if one in dtypes) or dtypes[:1]


def sides(grid: Any, dtype: str, places: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield data formats, and which of some places are compared in them in one dtype.

    Where a grid is whole in both dtypes and has both formats, each place has one pair of them and
    the two that are left over are another's, without a pattern.
    """
    both = whole(grid.dtypes)
    if dtype not in both or len(both) == 1 or len(grid.formats) == 1:
        yield grid.formats, np.ones(len(places), bool)
        return
    crossed = scattered(places + np.uint64(10**13)) < 0.5
    for number, name in enumerate(grid.formats):
        yield (name,), crossed == (number == both.index(dtype))


def _by_arrays(first: Case, steps: Iterable[Step], formats: tuple[str, ...]) -> Iterator[Group]:
    """Yield the calls by what they are given: the arrays of a gradient depend on its step."""
    if first.of.gives == "output":
        yield Group(first, tuple(steps), formats)
    else:
        yield from (Group(first, (step,), formats) for step in steps)


@cache
def _valid(grid: Grid, image: Pair, kernel: Pair) -> tuple[Any, list[Step]]:
    """Return every valid step, and before them their places among all steps."""
    of, found = OPERATIONS[grid.operation], dict[Step, int]()
    for place, (strides, dilations, padding) in enumerate(grid.steps()):
        interleaved = of.interleaves(strides, dilations)
        axes = [
            _axis(Axis(*one, interleaved=interleaved), padding, number % 2)
            for number, one in enumerate(zip(image, kernel, strides, dilations, strict=True))
        ]
        if min(outputs for outputs, _ in axes) >= (0 if grid.empties else 1):
            pads = tuple(pad for _, both in axes for pad in both)
            named = padding in ("SAME", "VALID")
            step = Step(strides, dilations, padding if named else pads)
            found.setdefault(step, place)  # on a single axis two paddings may be equal
    return np.array(list(found.values()), np.uint64), list(found)


@cache
def _axis(axis: Axis, padding: str, number: int) -> tuple[int, Pads]:
    """Return the outputs of an axis under a padding, and its pads; `number` is 0 or 1."""
    if padding == "SAME":
        axis = axis.padded_as_same()
    pads = {
        "even": (1, 1),
        "uneven": ((0, 2), (1, 0))[number],
        # The first windows lie in the top pad, and the last in the right one at some strides.
        "window": ((axis.reach, 1), (0, axis.reach))[number],
    }.get(padding, (axis.before, axis.after))
    return axis._replace(before=pads[0], after=pads[1]).outputs, pads


@cache
def _shares(grid: Grid, dtype: str, groups: int) -> Any:
    """Return of each step the share that is kept: less of what TensorFlow does not compute."""
    of, axes, found = OPERATIONS[grid.operation], len(grid.sizes), []
    for strides, dilations, padding in grid.steps():
        case = Case(
            (1, *[24] * axes, groups),
            (*[2] * axes, *((groups, 1) if of.depthwise else (1, groups))),
            strides,
            padding if padding in ("SAME", "VALID") else (1,) * (2 * axes),
            dilations=dilations,
            dtype=dtype,
            operation=grid.operation,
        )
        found.append(1.0 if eigen.answers(case) else 1 / ALONE)
    return np.array(found)


def scattered(numbers: Any) -> Any:
    """Return a number in [0, 1) for each integer, without any pattern (SplitMix64).

    A stride through the grid, were it long, would see only some combinations of axis values.
    """
    mixed = (numbers + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (mixed ^ (mixed >> np.uint64(31))) / 2.0**64
