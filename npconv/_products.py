"""The products that results of an operation sum, gathered for some results by themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import prod

import numpy as np

from npconv._attributes import Array, Layout, Shape
from npconv._engine.plan import parts
from npconv._geometry import Axis, Geometry
from npconv._operation import Operation


class Products:
    """Of an operation's two arrays, of finite float64, and its result's shape; padding is zeros.

    ``each`` is how many there are for a result, zeros beyond the images' borders among them.
    """

    def __init__(
        self, operation: Operation, geometry: Geometry, layout: Layout, shape: Shape,
        known: Array, other: Array,
    ) -> None:  # fmt: skip
        self.shape, self._arrays = shape, (known, other)
        self._operation, self._geometry = operation, geometry
        self._first = not layout.endswith("C")
        groups, depth, gives = geometry.groups, geometry.filter_channels, operation.gives
        self._split = depth, geometry.out_channels // groups
        if gives == "filters":
            self._left, self._right = self._last(known), self._last(other)
            self._positions = self._right.shape[:-2]
            self.each = prod(self._positions)
            return
        images, filters = (known, other) if gives == "output" else (other, known)
        self._left = self._last(images)
        self._right = filters.reshape(-1, depth, groups, self._split[1])  # (taps, D, groups, F)
        self._positions = geometry.kernel
        self.each = prod(self._positions) * self._left.shape[-1]

    def _last(self, array: Array) -> Array:
        """Return a view of images or outputs as (N, *sizes, groups, channels / groups)."""
        place = -1 - len(self._geometry.axes)
        array = np.moveaxis(array, place, -1) if self._first else array
        groups = self._geometry.groups
        return array.reshape(-1, *array.shape[place:-1], groups, array.shape[-1] // groups)

    def cut(self, count: int) -> Iterator[tuple[Array, ...]]:
        """Yield both arrays in up to so many parts, whose sums add up to those of the whole."""
        gives, channels = self._operation.gives, -1 - len(self._geometry.axes) * self._first
        axes = {"output": (channels, -2), "input": (-1, channels), "filters": (0, 0)}[gives]
        if self._geometry.groups > 1 and gives != "filters":
            yield self._arrays
            return
        both = [np.moveaxis(x, axis, 0) for x, axis in zip(self._arrays, axes, strict=True)]
        for lo, hi in parts(len(both[0]), count):
            pairs = zip(both, axes, strict=True)
            yield tuple(np.moveaxis(one[lo:hi], 0, axis) for one, axis in pairs)

    def gross(self) -> Array:
        """Return what no sum of magnitudes exceeds, as an array that fits the result's shape.

        By Cauchy and Schwarz: the norms of all that a sum may read. The factor is for the roundings
        of up to 2**31 squares, of which none underflows.
        """
        gives, right = self._operation.gives, self._right
        if gives == "filters":
            squares = map(np.square, (self._left, right))
            one, other = (some.sum(tuple(range(some.ndim - 2))) for some in squares)
            bound = one[:, :, np.newaxis] * other[:, np.newaxis]  # (groups, D, F)
            bound = bound if self._operation.depthwise else bound.transpose(1, 0, 2)
            bound = bound.reshape(self.shape[-2:])
        else:
            left = self._left
            if left.shape[-1] < 8:  # short sums take long
                pixels = left.shape[-1] * max(left.max(), -left.min()) ** 2
            else:
                pixels = np.einsum("...c,...c->...", left, left).max()
            norms = np.einsum(
                "tdgf,tdgf->gf" if gives == "output" else "tdgf,tdgf->gd", right, right
            )
            bound = norms.ravel() * (pixels * prod(self._positions))
            bound = bound.reshape(-1, *[1] * len(self._geometry.axes)) if self._first else bound
        root: Array = np.sqrt(bound)
        return root * (1 + 2.0**-20)

    def pairs(self, places: Array) -> tuple[Array, Array]:
        """Return both factors of the products of results at flat indices, (results, each)."""
        depth, each = self._split
        position = np.unravel_index(np.arange(prod(self._positions)), self._positions)
        found = [one[:, np.newaxis] for one in np.unravel_index(places, self.shape)]
        if self._operation.gives == "filters":
            *taps, channel, filters = found
            if self._operation.depthwise:  # (*kernel, C, multiplier)
                group, channel = channel, np.zeros_like(channel)
            else:
                group, filters = np.divmod(filters, each)
            image, *outputs = position
            pixels, inside = self._along(_pixels, outputs, taps)
            left = self._left[(image, *pixels, group, channel)] * inside
            return left, self._right[(image, *outputs, group, filters)]
        axes = len(self._geometry.axes)
        channel = found.pop(-1 - axes if self._first else -1)
        image = np.ravel_multi_index(found[:-axes], self.shape[: len(found) - axes])
        if self._operation.gives == "output":
            group, filters = np.divmod(channel, each)
            pixels, inside = self._along(_pixels, found[-axes:], position)
            right = self._right.transpose(2, 3, 0, 1)[group[:, 0], filters[:, 0]]
        else:
            group, channel = np.divmod(channel, depth)
            pixels, inside = self._along(_outputs, found[-axes:], position)
            right = self._right.transpose(2, 1, 0, 3)[group[:, 0], channel[:, 0]]
        left = self._left[(image, *pixels, group)] * inside[..., np.newaxis]
        return left.reshape(len(places), -1), right.reshape(len(places), -1)

    def _along(
        self, meet: Callable[..., tuple[Array, Array]], ones: Sequence[Array], taps: Sequence[Array]
    ) -> tuple[list[Array], Array]:
        """Say what meets what under taps, as indices along each axis, and where it is inside."""
        found, inside = [], np.array(True)
        for axis, one, tap in zip(self._geometry.axes, ones, taps, strict=True):
            index, fits = meet(axis, axis.dilation if self._operation.phased else 1, one, tap)
            found.append(index * fits)
            inside = inside & fits
        return found, inside


def _pixels(axis: Axis, unit: int, outputs: Array, taps: Array) -> tuple[Array, Array]:
    """Say which pixel an output meets under a tap, and where it is one of the image.

    Strides count in phases of `unit` pixels: outputs begin at 0, 1, ..., unit - 1, unit * stride.
    """
    block, rest = np.divmod(outputs, unit)
    found = block * (axis.stride * unit) + rest + taps * axis.dilation - axis.before
    return found, (found >= 0) & (found < axis.size)


def _outputs(axis: Axis, unit: int, pixels: Array, taps: Array) -> tuple[Array, Array]:
    """Say which output meets a pixel under a tap, and where there is one."""
    block, rest = np.divmod(pixels + axis.before - taps * axis.dilation, axis.stride * unit)
    found = block * unit + rest
    return found, (rest < unit) & (found >= 0) & (found < axis.outputs)
