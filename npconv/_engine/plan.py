"""The planner: how large the tiles of the patches matrix are.

A pure function of integers, so that the same call always runs the same way.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from npconv._geometry import Geometry

Range = tuple[int, int]

# Bytes of a band, of a tile of patches, and of its products, each at the most: small enough for the
# last-level cache, and large enough that waking BLAS's threads and packing the filters, once a
# tile, cost little.
BUFFER_BYTES = 4 << 20


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


class Plan(NamedTuple):
    """The blocks that a convolution is cut into, and the bytes that the largest of them takes.

    ``tile`` holds the sizes of a ``Tile``, ``taps`` those of ``Taps``; ``whole_tile`` and
    ``whole_taps`` the totals.
    """

    tile: tuple[int, int, int, int, int]
    taps: tuple[int, int, int]
    whole_tile: tuple[int, int, int, int, int]
    whole_taps: tuple[int, int, int]
    band_bytes: int
    patches_bytes: int
    product_bytes: int

    @property
    def reads(self) -> int:
        """Number of elements of the whole patches matrix."""
        batch, rows, columns, groups, _ = self.whole_tile
        return batch * rows * columns * groups * prod(self.whole_taps)

    @property
    def in_one_sum(self) -> bool:
        """Whether a tile takes the whole kernel at once."""
        return self.taps == self.whole_taps

    def each_tile(self) -> Iterator[Tile]:
        """Yield the tiles; together they cover every output once."""
        return map(Tile._make, _blocks(self.whole_tile, self.tile))

    def each_taps(self) -> Iterator[Taps]:
        """Yield the blocks of the kernel; together they cover every tap once."""
        return map(Taps._make, _blocks(self.whole_taps, self.taps))


@lru_cache(maxsize=1024)
def plan(geometry: Geometry, batch: int, itemsize: int) -> Plan:
    """Choose the blocks of a convolution.

    Parameters
    ----------
    geometry : Geometry
        Of a convolution with at least one output, one tap and one channel.
    batch : int
        Number of images.
    itemsize : int
        Bytes of an element of the patches and of the product.

    Returns
    -------
    Plan

    Examples
    --------
    >>> from npconv._geometry import Axis, Geometry
    >>> axis = Axis.resolve(56, 3, 1, 1, "SAME")
    >>> plan(Geometry(axis, axis, 64, 64, 64), batch=1, itemsize=4).tile
    (1, 28, 56, 1, 64)
    """
    rows, columns = geometry.rows, geometry.columns
    budget = BUFFER_BYTES // itemsize

    # The kernel is cut only where a single patch exceeds the buffer, channels last.
    channels = min(geometry.filter_channels, budget)
    kernel_columns = min(columns.kernel, max(1, budget // channels))
    kernel_rows = min(rows.kernel, max(1, budget // (channels * kernel_columns)))
    patch = kernel_rows * kernel_columns * channels

    group_channels = geometry.out_channels // geometry.groups
    out_channels = min(group_channels, budget)
    groups = min(geometry.groups, max(1, budget // max(patch, out_channels)))

    outputs = budget // (groups * max(patch, out_channels))

    tile_columns = _even(columns.outputs, outputs)
    tile_rows = _even(rows.outputs, outputs // tile_columns)
    tile_batch = _even(batch, outputs // (tile_rows * tile_columns))

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

    positions = groups * tile_batch * tile_rows * tile_columns
    return Plan(
        (tile_batch, tile_rows, tile_columns, groups, out_channels),
        (kernel_rows, kernel_columns, channels),
        (batch, rows.outputs, columns.outputs, geometry.groups, group_channels),
        (rows.kernel, columns.kernel, geometry.filter_channels),
        band * itemsize,
        positions * kernel_rows * kernel_columns * channels * itemsize,
        positions * out_channels * itemsize,
    )


def _even(total: int, most: int) -> int:
    """Return the size of equal parts of `total`, none larger than `most`."""
    parts = -(-total // max(1, most))
    return -(-total // parts)


def _blocks(totals: tuple[int, ...], sizes: tuple[int, ...]) -> Iterator[tuple[Range, ...]]:
    """Yield the ranges of each block, the last axis running fastest."""
    if totals == sizes:  # also where no axis is left
        yield tuple((0, total) for total in totals)
        return
    for start in range(0, totals[0], sizes[0]):
        block = (start, min(start + sizes[0], totals[0]))
        for others in _blocks(totals[1:], sizes[1:]):
            yield (block, *others)
