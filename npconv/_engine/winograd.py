"""Winograd: 3x3 filters at stride 1 by fewer multiplications, for ``precision="fast"``.

The output is cut into blocks of m x m, each computed from (m + 2) x (m + 2) pixels: transformed,
multiplied by the transformed filters, one product of matrices for each of the (m + 2)**2 values,
and transformed back. Each transform is one product, too, by a Kronecker product of the matrices of
``_winograd``: BLAS took four to ten tenths of the time of additions of whole slices.

What is not finite, in the input or the filters, or by overflow on the way, leaves infinity or NaN
in all outputs of its block: zeros are multiplied as well. The tile's result does not stand then.
"""

from __future__ import annotations

from fractions import Fraction
from math import prod
from typing import Any

import numpy as np

from npconv._blocks import reach
from npconv._engine import threads
from npconv._engine.casting import cast_bytes, copy
from npconv._engine.kept import Kept, made
from npconv._engine.numbers import numbers
from npconv._engine.plan import MOVED, Plan, Tile, Work, largest, parts, pieces
from npconv._engine.scratch import Array, Scratch
from npconv._engine.toeplitz import scatter, widened
from npconv._geometry import Geometry, Range
from npconv._patches import fill
from npconv._winograd import transforms

_TAPS = 3  # along each axis
_PANEL = 64  # filters that stand side by side: BLAS reads so few of them without packing
_FLOAT32, _FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)
_GAP = 16  # elements between rows, which are else often a power of two apart, and evict each other
_LEAST = 32  # channels, and filters: with fewer, other algorithms have less to do
# In multiply-adds of BLAS that take as long:
_READ = 12  # to read an element of the filters, once a call
_PACKED = 20  # to pack one for im2col as well
_TRANSFORMED = 120  # to transform one, where that is not kept
_CALL = 2_000_000  # to do all that does not grow
_AT_ONCE = 1 << 20  # bytes of filters in float64 that are transformed at once


class Winograd:
    """F(m x m, 3 x 3) as an algorithm, with filters that are `prepared` or are not.

    Of the `points`, 0 and infinity are left out.
    """

    def __init__(self, outputs: int, points: tuple[Fraction, ...], *, prepared: bool) -> None:
        self.NAME = f"Winograd F({outputs}x{outputs}, 3x3)"
        self.prepared = prepared
        self.outputs = outputs
        self.side = outputs + _TAPS - 1
        self.values = self.side**2  # of a block
        self.transforms = transforms(outputs, _TAPS, (Fraction(0), *points))
        a, b, g = (one.astype(np.float64) for one in self.transforms)
        self._forth = np.kron(b, b).T.astype(np.float32)  # (side**2, side**2)
        self._back = np.kron(a, a).T.astype(np.float32)  # (m**2, side**2)
        self._filters = np.kron(g, g)  # (side**2, 9)

    def admits(self, geometry: Geometry) -> bool:
        """Say whether it can compute a convolution."""
        plain = [axis[1:4] == (_TAPS, 1, 1) for axis in geometry.axes]  # kernel, stride, dilation
        return geometry.groups == 1 and len(plain) == 2 and all(plain)

    def pays(self, geometry: Geometry, batch: int) -> bool:
        """Say whether it is to be taken: where it takes less time than im2col, by a margin."""
        columns = geometry.out_channels + MOVED
        filters = geometry.terms * geometry.out_channels
        standard = batch * prod(geometry.outputs) * geometry.terms * columns + _PACKED * filters
        enough = min(geometry.in_channels, geometry.out_channels) >= _LEAST
        return enough and self.admits(geometry) and 5 * self.effort(geometry, batch) < 4 * standard

    def effort(self, geometry: Geometry, batch: int) -> int:
        """Return how many multiply-adds of BLAS take as long."""
        blocks = batch * prod(self._widened(geometry).outputs)
        filters = self.values * geometry.in_channels * geometry.out_channels
        each = blocks + (_READ if self.prepared else _READ + _TRANSFORMED)
        return _CALL + filters * each + blocks * sum(self._moved(geometry))

    def _moved(self, geometry: Geometry) -> tuple[int, int]:
        """Return the same of a block, before and after it is multiplied by the filters."""
        values, outputs = self.values, self.outputs**2
        forth = MOVED * (2 * values + outputs) + values * values
        back = MOVED * 2 * (values + outputs) + values * outputs
        return geometry.in_channels * forth, geometry.out_channels * back

    def _widened(self, geometry: Geometry) -> Geometry:
        """Return the convolution whose patches the blocks are computed from, of panels of filters.

        A patch is what a block reads.
        """
        wide = widened(geometry, (self.outputs, self.outputs))
        return wide._replace(out_channels=-(-geometry.out_channels // _PANEL))

    def plan(self, geometry: Geometry, batch: int, dtype: np.dtype[Any]) -> Plan:
        """Cut a convolution into tiles of blocks, and of panels of filters."""
        wide, size = self._widened(geometry), _FLOAT32.itemsize
        channels, panels = geometry.in_channels, wide.out_channels
        width, blocks = -(-geometry.out_channels // panels), batch * prod(wide.outputs)
        outputs = self.outputs**2
        filters = self.values * channels * panels * width
        forth, back = self._moved(geometry)
        effort = self.values * channels * geometry.out_channels + forth + back
        row = sum(self._lengths(1, channels, panels * width).values())
        # Half of the effort, since products are smaller, and two tiles better than four; 3 MiB of
        # both buffers together.
        count = pieces(wide, batch, effort // 2, 2 * row * size // 3)
        count, shares = min(
            ((-(-count // share), share) for share in range(1, min(count, panels) + 1)),
            key=lambda cut: blocks * cut[1] * forth + _READ * filters * cut[0],
        )
        sides = largest((batch, *wide.outputs), count)
        rows, columns = prod(sides), -(-panels // shares) * width
        lengths = self._lengths(rows, channels, columns)
        band = sides[0] * wide.pixels(*sides[1:]) * channels * size
        made = largest((channels,), self._makings(channels, geometry.out_channels))[0]
        made *= 0 if self.prepared else geometry.out_channels * _FLOAT64.itemsize
        buffers = {
            "band": max(band, _TAPS**2 * made),
            "values": max(lengths["values"] * size, self.values * made),
            "transformed": lengths["transformed"] * size,
            "cast": cast_bytes(dtype, outputs * rows * columns),
        }
        shared = 0 if self.prepared else filters * size
        sizes = (channels * self.values**2, channels * width, columns * self.values * outputs)
        block = self.outputs, self.outputs
        product = rows * max(sizes)
        return Plan(self.NAME, wide, batch, count, shares, buffers, shared, product, block)

    def prepare(
        self, plan: Plan, images: Array, weights: Array, out: Array,
        geometry: Geometry, kept: Kept | None,
    ) -> Work:  # fmt: skip
        """Return the work on a tile; see ``im2col.prepare``."""
        arithmetic = numbers(images, weights, geometry, kept)
        filters = made(kept, self._made, weights, plan.geometry.out_channels)
        channels, width, size = geometry.in_channels, filters.shape[-1], self.values
        whole = ((0, self.side), (0, self.side), (0, channels))

        def work(tile: Tile, scratch: Scratch) -> bool:
            band = tile.known.get(self.NAME)
            if band is None:
                band = tile.known[self.NAME] = reach(plan.geometry, tile.outputs, (0, 1), whole)
            pixels = scratch.take("band", band.shape, _FLOAT32)
            pixels = fill(pixels, band, images, scratch)[0]  # (n, *pixels, C)
            own = filters[:, slice(*tile.channels)]
            sides = tuple(hi - lo for lo, hi in tile.outputs)
            rows, columns = prod(sides), own.shape[1] * width

            one, other = (
                scratch.take(name, (length,), _FLOAT32)
                for name, length in self._lengths(rows, channels, columns).items()
            )
            values = _rows(one, size, rows * channels)
            copy(self._windows(pixels, sides), values.reshape(self.side, self.side, *sides, -1))
            transformed = _rows(other, size, rows * channels)
            arithmetic.multiply(self._forth, (values,), transformed, scratch)
            products = _rows(one, size, rows * columns)
            arithmetic.multiply(
                transformed.reshape(size, 1, rows, channels),
                (own,),
                # (values, rows, panels, width) -> (values, panels, rows, width)
                products.reshape(size, rows, -1, width).transpose(0, 2, 1, 3),
                scratch,
            )
            sums = _rows(other, len(self._back), rows * columns)
            arithmetic.multiply(self._back, (products,), sums, scratch)
            if not np.isfinite(sums @ np.zeros(sums.shape[1], np.float32)).all():
                return False
            # (m, m, n, rows, columns, o) -> (n, rows, m, columns, m, o)
            sums = sums.reshape(self.outputs, self.outputs, *sides, columns)
            sums = sums.transpose(2, 3, 0, 4, 1, 5)
            first = tile.channels[0] * width
            target = out[..., first : first + columns]
            scatter(sums[..., : target.shape[-1]], tile.outputs, plan.block, target, scratch)
            return True

        return work

    def _windows(self, pixels: Array, sides: tuple[int, ...]) -> Array:
        """Return what the blocks read: (n, *pixels, C) -> (side, side, n, rows, columns, C)."""
        image, row, pixel, item = pixels.strides
        steps = row * self.outputs, pixel * self.outputs
        shape = self.side, self.side, *sides, pixels.shape[-1]
        return np.ndarray(shape, pixels.dtype, pixels, 0, (row, pixel, image, *steps, item))

    def _lengths(self, rows: int, channels: int, columns: int) -> dict[str, int]:
        """Return the elements of both buffers: what is transformed, and what it was made of."""
        before, after = rows * channels + _GAP, rows * columns + _GAP
        return {
            "values": self.values * max(before, after),
            "transformed": max(self.values * before, self.outputs**2 * after),
        }

    def _makings(self, channels: int, filters: int) -> int:
        """Return into how many ranges the channels are cut to transform filters."""
        size = (self.values + _TAPS**2) * channels * filters * _FLOAT64.itemsize
        return -(-size // _AT_ONCE)

    def _made(self, weights: Array, panels: int) -> Array:
        """Transform filters: (9 * C, OC) -> (side**2, panels, C, width), rounded once."""
        size, channels, filters = self.values, len(weights) // _TAPS**2, weights.shape[1]
        width = -(-filters // panels)
        result = np.zeros((size, panels, channels, width), np.float32)
        taps = weights.reshape(_TAPS**2, channels, filters)

        def work(block: Range, scratch: Scratch) -> bool:
            own = taps[:, slice(*block)]
            wide = scratch.take("band", own.shape, _FLOAT64)
            np.copyto(wide, own)
            product = scratch.take("values", (size, *own.shape[1:]), _FLOAT64)
            np.matmul(self._filters, wide.reshape(_TAPS**2, -1), out=product.reshape(size, -1))
            for panel in range(panels):
                place = product[..., panel * width : (panel + 1) * width]
                result[:, panel, slice(*block), : place.shape[-1]] = place
            return True

        blocks = parts(channels, self._makings(channels, filters))
        threads.each(blocks, work, 1)  # two take as long; and BLAS is held to one
        return result


def _rows(buffer: Array, count: int, length: int) -> Array:
    """Return rows in a buffer, with gaps between them."""
    return buffer[: count * (length + _GAP)].reshape(count, -1)[:, :length]


_HALF, _ONE, _TWO = Fraction(1, 2), Fraction(1), Fraction(2)
# Of the dyadic points of F(4, 3), the proven bound is least with these: 6.6 to 10 times that of
# direct sums; 7.5 to 11 with 0, 5/8, 3/2, and 31 to 48 with 0, 1, 2. Both Kronecker products are
# exact in float32.
POINTS = {4: (_HALF, -_HALF, _TWO, -_TWO), 2: (_ONE, -_ONE)}
FORMS = {
    prepared: [Winograd(m, POINTS[m], prepared=prepared) for m in POINTS]
    for prepared in (False, True)
}


def forms(geometry: Geometry, batch: int, *, prepared: bool) -> list[Winograd]:
    """Return the forms, of least effort first."""
    return sorted(FORMS[prepared], key=lambda form: form.effort(geometry, batch))
