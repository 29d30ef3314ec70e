"""Plans: how a convolution is computed, from its shapes and dtype alone, never from the machine.

They cut it into tiles, runs of outputs that are computed at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

from npconv._engine.scratch import Scratch
from npconv._geometry import Geometry, Range

TILE_BYTES = 2 << 20  # of patches: 1 to 3 MiB took the same time, within 3 %
_PIECES = 4  # of much work: two threads finish together, also where one is disturbed
MOVED = 16  # multiply-adds of BLAS that take as long as copying an element
_WORTH_SHARING = 12_000_000  # multiply-adds: about twice the time of handing over; in two tiles,
_MUCH = 60_000_000  # until so many: a further tile costs some 20 us
TOTAL_BYTES = 15 << 20  # of all threads of a call, if there is a choice
_FEW = 128  # tiles that are worth keeping


class Tile(NamedTuple):
    """A run of outputs, in the order of the result, by a range of its channels.

    ``outputs`` are ranges of the images and along each axis, ``start:stop`` the same as rows of the
    patches matrix. Where there are several groups, ``channels`` are whole ones. What an algorithm
    works out about a tile is ``known`` for as long as the tile is kept.
    """

    outputs: tuple[Range, ...]
    start: int
    stop: int
    channels: Range
    known: dict[object, Any]

    @property
    def place(self) -> tuple[slice, ...]:
        """Where the tile lies in the output."""
        return *[slice(*one) for one in self.outputs], slice(*self.channels)


Work = Callable[[Tile, Scratch], bool]
"""Computes a tile; says whether its result stands."""


def parts(size: int, count: int) -> list[Range]:
    """Cut a size into so many equal ranges, as far as it can be; the last is the largest.

    >>> parts(10, 4)
    [(0, 2), (2, 5), (5, 7), (7, 10)]
    """
    count = max(1, min(size, count))
    return [(i * size // count, (i + 1) * size // count) for i in range(count)]


def runs(sizes: tuple[int, ...], count: int) -> Iterator[tuple[Range, ...]]:
    """Cut a box into at least so many runs, as far as it can be: each follows the one before.

    >>> [run[1] for run in runs((1, 4, 5), 2)]
    [(0, 2), (2, 4)]
    """
    if count <= 1 or not sizes:
        yield tuple((0, size) for size in sizes)
        return
    for one in parts(sizes[0], count):
        for others in runs(sizes[1:], -(-count // sizes[0])):
            yield (one, *others)


def largest(sizes: tuple[int, ...], count: int) -> tuple[int, ...]:
    """Return the sizes of the largest of ``runs``.

    >>> largest((1, 10, 5), 4)
    (1, 3, 5)
    """
    sides = []
    for size in sizes:
        sides.append(-(-size // max(1, min(size, count))))
        count = -(-count // size)
    return tuple(sides)


def tiles(
    outputs: tuple[int, ...], channels: int, groups: int, pieces: int, shares: int
) -> Iterator[Tile]:
    """Cut the outputs, images first, into `pieces` runs, and the channels of each into `shares`.

    >>> [tile[1:4] for tile in tiles((1, 4, 5), 8, groups=1, pieces=2, shares=2)]
    [(0, 10, (0, 4)), (10, 20, (0, 4)), (0, 10, (4, 8)), (10, 20, (4, 8))]
    """
    unit = channels // groups if groups > 1 else 1
    for lo, hi in parts(channels // unit, shares):  # outermost: a thread may hold a run's patches
        stop = 0
        for run in runs(outputs, pieces):
            start, stop = stop, stop + prod(b - a for a, b in run)
            yield Tile(run, start, stop, (lo * unit, hi * unit), {})


@dataclass(eq=False)
class Plan:
    """How a convolution is computed."""

    algorithm: str
    geometry: Geometry  # of what is cut: for block-Toeplitz filters, one of larger strides
    batch: int
    pieces: int  # runs into which the outputs are cut
    shares: int  # ranges into which the channels are cut
    buffers: Mapping[str, int]  # bytes of each thread's
    shared: int  # bytes that the threads share
    product: int  # multiply-adds of the largest product that BLAS computes
    block: tuple[int, ...] = ()  # neighbouring outputs that a patch serves, where it is several
    sums: int = 1  # parts into which each sum is cut

    def __post_init__(self) -> None:
        count, self.thread_bytes = self.pieces * self.shares, sum(self.buffers.values())
        self._kept = tuple(self._tiles()) if count <= _FEW else ()
        # Where BLAS would use one thread anyway: OpenBLAS does, up to 2**18 multiply-adds.
        self.light = count == 1 and self.product <= 1 << 18
        memory = (TOTAL_BYTES - self.shared) // max(1, self.thread_bytes)
        self.most_threads = max(1, min(count, memory))

    def tiles(self) -> Iterable[Tile]:
        """Return the tiles, which cover every output once."""
        return self._kept or self._tiles()

    def _tiles(self) -> Iterable[Tile]:
        shape, outputs = self.geometry, (self.batch, *self.geometry.outputs)
        return tiles(outputs, shape.out_channels, shape.groups, self.pieces, self.shares)

    def scratch_bytes(self, threads: int) -> int:
        """Return the bytes that a call takes beyond its arguments and its result."""
        return self.shared + min(threads, self.most_threads) * self.thread_bytes


def pieces(geometry: Geometry, batch: int, effort: int, position_bytes: int) -> int:
    """Say into how many runs the outputs are cut, by what each position needs.

    `effort` counts the multiply-adds of BLAS that take as long.
    """
    positions = batch * prod(geometry.outputs)
    count = -(-positions * position_bytes // TILE_BYTES)
    if positions * effort >= _WORTH_SHARING or count > 1:
        least = _PIECES if positions * effort >= _MUCH or count > 2 else 2
        count = max(least, count)
        count += -count % least
    return min(count, positions)
