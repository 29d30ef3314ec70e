"""Plans: how a convolution is computed, from its shapes and dtype alone, never from the machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import prod

from npconv._engine.scratch import Scratch
from npconv._engine.tiles import Tile, tiles
from npconv._geometry import Geometry

Work = Callable[[Tile, Scratch], bool]
"""Computes a tile; says whether its result stands."""

TILE_BYTES = 2 << 20  # of patches: 1 to 3 MiB took the same time, within 3 %
PIECES = 4  # of what is worth sharing: two threads finish together, also where one is disturbed
MOVED = 16  # multiply-adds of BLAS that take as long as copying an element
_WORTH_SHARING = 15_000_000  # multiply-adds: about twice the time of handing over
_TOTAL_BYTES = 15 << 20  # of all threads of a call, if there is a choice
_FEW = 128  # tiles that are worth keeping


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
        memory = (_TOTAL_BYTES - self.shared) // max(1, self.thread_bytes)
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
        count = max(PIECES, count)
        count += -count % PIECES
    return min(count, positions)
