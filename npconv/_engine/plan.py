"""Plans: how a convolution is computed, from its shapes and dtype alone, never from the machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any, TypeVar

from npconv._engine.tiles import Tile, tiles

if TYPE_CHECKING:
    from npconv._engine.scratch import Scratch
    from npconv._geometry import Geometry

T = TypeVar("T")
Work = Callable[[Tile, "Scratch"], bool]
"""Computes a tile; says whether its result stands."""

TILE_BYTES = 2 << 20  # of patches: 1 to 3 MiB took the same time, within 3 %
PIECES = 4  # of what is worth sharing: two threads finish together, also where one is disturbed
MOVED = 16  # multiply-adds of BLAS that take as long as copying an element
_WORTH_SHARING = 15_000_000  # multiply-adds: about twice the time of handing over
TOTAL_BYTES = 15 << 20  # of all threads of a call, if there is a choice
_FEW = 128  # tiles that are worth keeping


@dataclass(frozen=True, eq=False)
class Plan:
    """How a convolution is computed.

    Attributes
    ----------
    algorithm : str
    geometry : Geometry
        Of the convolution that is cut; for block-Toeplitz filters, one of larger strides.
    batch : int
    pieces, shares : int
        Into how many runs the outputs, and into how many ranges the channels are cut.
    buffers : mapping of str to int
        Bytes of each thread's buffers.
    shared : int
        Bytes that the threads share.
    product : int
        Multiply-adds of the largest product that BLAS computes.
    block : tuple of int
        Neighbouring outputs along each axis that a patch serves, where these are several.
    sums : int
        Into how many parts each sum is cut.
    """

    algorithm: str
    geometry: Geometry
    batch: int
    pieces: int
    shares: int
    buffers: Mapping[str, int]
    shared: int
    product: int
    block: tuple[int, ...] = ()
    sums: int = 1
    _known: dict[Any, Any] = field(default_factory=dict, repr=False)

    def tiles(self) -> Iterable[Tile]:
        """Return the tiles, which cover every output once."""
        return self._few or self._tiles()

    def _tiles(self) -> Iterable[Tile]:
        shape, outputs = self.geometry, (self.batch, *self.geometry.outputs)
        return tiles(outputs, shape.out_channels, shape.groups, self.pieces, self.shares)

    @cached_property
    def _few(self) -> tuple[Tile, ...]:
        return tuple(self._tiles()) if self.pieces * self.shares <= _FEW else ()

    def once(self, key: Any, work_out: Callable[[], Iterable[T]]) -> tuple[T, ...]:
        """Return what is worked out: each time, where the tiles are too many to keep it."""
        known: tuple[T, ...] | None = self._known.get(key)
        if known is None:
            known = tuple(work_out())
            if self.pieces * self.shares <= _FEW:
                self._known[key] = known
        return known

    @cached_property
    def light(self) -> bool:
        """Whether BLAS would use one thread anyway: OpenBLAS does, up to 2**18 multiply-adds."""
        return self.pieces * self.shares == 1 and self.product <= 1 << 18

    @cached_property
    def most_threads(self) -> int:
        """Over how many threads the tiles, and the memory, allow the work to be spread."""
        memory = (TOTAL_BYTES - self.shared) // max(1, sum(self.buffers.values()))
        return max(1, min(self.pieces * self.shares, memory))

    def scratch_bytes(self, threads: int) -> int:
        """Return the bytes that a call takes beyond its arguments and its result."""
        return self.shared + min(threads, self.most_threads) * sum(self.buffers.values())


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
