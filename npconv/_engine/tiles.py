"""Tiles: runs of outputs that are computed at once. Pure integers, of shapes alone."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any, NamedTuple

from npconv._geometry import Range


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
    known: dict[str, Any]

    @property
    def place(self) -> tuple[slice, ...]:
        """Where the tile lies in the output."""
        return *[slice(*one) for one in self.outputs], slice(*self.channels)


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
    [(0, 10, (0, 4)), (0, 10, (4, 8)), (10, 20, (0, 4)), (10, 20, (4, 8))]
    """
    unit = channels // groups if groups > 1 else 1
    ranges = [(lo * unit, hi * unit) for lo, hi in parts(channels // unit, shares)]
    stop = 0
    for run in runs(outputs, pieces):
        start, stop = stop, stop + prod(hi - lo for lo, hi in run)
        for one in ranges:
            yield Tile(run, start, stop, one, {})
