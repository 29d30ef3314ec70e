"""Blocks: how a convolution is cut into tiles of outputs and, where need be, into parts of a sum.

Pure functions of integers, so that the same call always runs the same way.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from npconv._geometry import Geometry

Range = tuple[int, int]

_FEW = 64  # tiles, or blocks of a kernel, that are worth keeping


class Tile(NamedTuple):
    """A block of outputs: ranges of images, rows, columns, groups, and out_channels of a group."""

    batch: Range
    rows: Range
    columns: Range
    groups: Range
    out_channels: Range


class Taps(NamedTuple):
    """A block of the kernel: ranges of its rows, its columns, and in_channels of a group."""

    rows: Range
    columns: Range
    channels: Range


@dataclass(frozen=True)
class Blocks:
    """The blocks that a convolution is cut into.

    ``tile`` holds the sizes of a ``Tile``, ``taps`` those of ``Taps``; ``whole_tile`` and
    ``whole_taps`` the totals. ``band`` is the number of elements that the largest tile and block
    of the kernel read.
    """

    tile: tuple[int, int, int, int, int]
    taps: tuple[int, int, int]
    whole_tile: tuple[int, int, int, int, int]
    whole_taps: tuple[int, int, int]
    band: int

    @cached_property
    def reads(self) -> int:
        """Number of elements of the whole patches matrix."""
        batch, rows, columns, groups, _ = self.whole_tile
        return batch * rows * columns * groups * prod(self.whole_taps)

    @cached_property
    def in_one_sum(self) -> bool:
        """Whether a tile takes the whole kernel at once."""
        return self.taps == self.whole_taps

    @cached_property
    def tiles(self) -> int:
        """Number of tiles."""
        return _count(self.whole_tile, self.tile)

    @cached_property
    def sums(self) -> int:
        """Number of blocks of the kernel, whose sums are added up in each tile."""
        return _count(self.whole_taps, self.taps)

    @cached_property
    def single(self) -> bool:
        """Whether there is one tile, that takes the whole kernel at once."""
        return self.tiles == 1 and self.in_one_sum

    @cached_property
    def filters_once(self) -> bool:
        """Whether each tile covers all positions, so that a filter is used in but one tile."""
        return self.tile[:3] == self.whole_tile[:3]

    @cached_property
    def gathers_filters(self) -> bool:
        """Whether the filters' rows of a block of taps do not follow each other in memory."""
        rows, columns, channels = self.taps
        parts = channels < self.whole_taps[2]
        return (rows > 1 and (parts or columns < self.whole_taps[1])) or (columns > 1 and parts)

    @cached_property
    def fullness(self) -> float:
        """Size of the average tile, as a share of the largest."""
        return prod(self.whole_tile) / (self.tiles * prod(self.tile))

    @cached_property
    def positions(self) -> int:
        """Number of rows of the patches matrix in the largest tile, of each group."""
        return prod(self.tile[:3])

    @cached_property
    def patches(self) -> int:
        """Number of elements of the patches of the largest tile."""
        return self.positions * self.tile[3] * prod(self.taps)

    @cached_property
    def products(self) -> int:
        """Number of outputs of the largest tile."""
        return self.positions * self.tile[3] * self.tile[4]

    def each_tile(self) -> Iterable[Tile]:
        """Return the tiles; together they cover every output once, the last axis running fastest.

        Where they are few they are made once.
        """
        return self._few_tiles or map(Tile._make, _blocks(self.whole_tile, self.tile))

    def each_taps(self) -> Iterable[Taps]:
        """Return the blocks of the kernel; together they cover every tap once."""
        return self._few_taps or map(Taps._make, _blocks(self.whole_taps, self.taps))

    @cached_property
    def _few_tiles(self) -> tuple[Tile, ...]:
        few = self.tiles <= _FEW
        return tuple(map(Tile._make, _blocks(self.whole_tile, self.tile))) if few else ()

    @cached_property
    def _few_taps(self) -> tuple[Taps, ...]:
        few = self.sums <= _FEW
        return tuple(map(Taps._make, _blocks(self.whole_taps, self.taps))) if few else ()


def cut(
    geometry: Geometry,
    batch: int,
    budget: int,
    *,
    pieces: int = 1,
    parts: int = 1,
    most: int | None = None,
    patch: int | None = None,
) -> Blocks:
    """Cut a convolution so that no buffer of a tile exceeds a budget.

    Parameters
    ----------
    geometry : Geometry
        Of a convolution with at least one output, one tap and one channel.
    batch : int
        Number of images.
    budget : int
        Elements of a band, of a tile of patches, and of its products, each at the most.
    pieces, parts : int
        Into how many the rows of all images, and the out_channels of a group, are cut, at the
        least, as far as there are so many.
    most, patch : int or None
        Out_channels of a group, and elements of a patch, at the most; None for `budget`.

    Returns
    -------
    Blocks

    Examples
    --------
    >>> from npconv._geometry import Axis, Geometry
    >>> axis = Axis.resolve(56, 3, 1, 1, "SAME")
    >>> cut(Geometry(axis, axis, 64, 64, 64), batch=1, budget=2**18).tile
    (1, 8, 56, 1, 64)
    """
    rows, columns = geometry.rows, geometry.columns

    # The kernel is cut only where a single patch is too large, channels last.
    longest = min(budget, patch or budget)
    channels = min(geometry.filter_channels, longest)
    kernel_columns = min(columns.kernel, max(1, longest // channels))
    kernel_rows = min(rows.kernel, max(1, longest // (channels * kernel_columns)))
    terms = kernel_rows * kernel_columns * channels

    group_channels = geometry.out_channels // geometry.groups
    out_channels = min(-(-group_channels // parts), budget, most or budget)
    groups = min(geometry.groups, max(1, min(budget // out_channels, longest // terms)))

    outputs = min(
        budget // (groups * max(terms, out_channels)),
        -(-batch * rows.outputs // pieces) * columns.outputs,
    )
    tile_columns = even(columns.outputs, outputs)
    tile_rows = even(rows.outputs, outputs // tile_columns)
    tile_batch = even(batch, outputs // (tile_rows * tile_columns))

    def reach() -> tuple[int, int]:
        """Return the rows and columns of the band."""
        return (
            rows.span((0, tile_rows), (0, kernel_rows)).length,
            columns.span((0, tile_columns), (0, kernel_columns)).length,
        )

    # Strides or dilations may be so wide that the band is mostly pixels that nobody reads. With
    # one tap at a time it holds only those that are, no more than the patches.
    while (band := groups * tile_batch * prod(reach()) * channels) > budget:
        if reach()[0] > tile_rows * kernel_rows:
            kernel_rows = 1
        else:
            kernel_columns = 1
    # The filters of some columns in several rows are copied, to lie side by side.
    copied = kernel_rows * kernel_columns * channels * groups * out_channels
    if kernel_columns < columns.kernel and copied > budget:
        kernel_rows = 1
        band = groups * tile_batch * prod(reach()) * channels
    return Blocks(
        (tile_batch, tile_rows, tile_columns, groups, out_channels),
        (kernel_rows, kernel_columns, channels),
        (batch, rows.outputs, columns.outputs, geometry.groups, group_channels),
        (rows.kernel, columns.kernel, geometry.filter_channels),
        band,
    )


def even(total: int, most: int) -> int:
    """Return the size of equal parts of `total`, none larger than `most`.

    >>> even(10, 6), even(10, 100), even(10, 0)
    (5, 10, 1)
    """
    parts = -(-total // max(1, most))
    return -(-total // parts)


def _count(totals: tuple[int, ...], sizes: tuple[int, ...]) -> int:
    return prod(-(-total // size) for total, size in zip(totals, sizes, strict=True))


def _blocks(totals: tuple[int, ...], sizes: tuple[int, ...]) -> Iterator[tuple[Range, ...]]:
    """Yield the ranges of each block, the last axis running fastest."""
    if totals == sizes:  # also where no axis is left
        yield tuple((0, total) for total in totals)
        return
    for start in range(0, totals[0], sizes[0]):
        block = (start, min(start + sizes[0], totals[0]))
        for others in _blocks(totals[1:], sizes[1:]):
            yield (block, *others)
