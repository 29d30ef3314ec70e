"""The products that results of an operation sum, gathered one result after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from math import prod

import numpy as np

from npconv._attributes import Array, Shape
from npconv._geometry import Axis, Geometry, Range
from npconv._operation import Operation

Pairs = Callable[[], Iterator[tuple[Array, Array]]]
_MOST = 1 << 16  # products that are gathered at once, if a tap or an output has no more


class Products:
    """Of an operation's two arrays, of finite float64, and its result's shape.

    Padding is zeros. `places` are the results' flat indices.
    """

    def __init__(
        self, operation: Operation, geometry: Geometry, layout: str, shape: Shape,
        known: Array, other: Array,
    ) -> None:  # fmt: skip
        self._gives, self._axes, self.shape = operation.gives, geometry.axes, shape
        self._first, self._depthwise = not layout.endswith("C"), operation.depthwise
        self._phased = operation.phased
        groups, gives = geometry.groups, operation.gives
        outer, own = (known, other) if gives == "filters" else (other, known)
        self._split = geometry.filter_channels, geometry.out_channels // groups
        if gives == "filters":
            self._images, self._outputs = self._last(outer, groups), self._last(own, groups)
            self._positions: Shape = self._outputs.shape[:-2]  # a sum has one term of each
            return
        if gives == "output":
            self._images, filters = self._last(known, groups), other
        else:
            self._outputs, filters = self._last(other, groups), known
        self._positions = geometry.kernel
        # (taps, C / groups, groups, OC / groups)
        self._filters = filters.reshape(-1, self._split[0], groups, self._split[1])

    def _last(self, array: Array, groups: int) -> Array:
        """Return a view of images as (N, *sizes, groups, channels / groups)."""
        place = -1 - len(self._axes)
        array = np.moveaxis(array, place, -1) if self._first else array
        return array.reshape(-1, *array.shape[place:-1], groups, array.shape[-1] // groups)

    def gross(self) -> Array:
        """Return what no sum of magnitudes exceeds, by channel, in the shape of the result.

        By Cauchy and Schwarz: norms of all that a sum may read. The factor is for the roundings of
        up to 2**31 squares (2**-22 at most; where they do not underflow).
        """
        axes = tuple(range(len(self._axes) + 1))
        if self._gives == "filters":
            squares = [np.square(one).sum(axes) for one in (self._images, self._outputs)]
            bound = (
                squares[0][:, :, None] * squares[1][:, None]
            )  # (groups, C / groups, OC / groups)
            if not self._depthwise:
                bound = bound.transpose(1, 0, 2)
            bound = bound.reshape(self.shape[-2:])
        else:
            output = self._gives == "output"
            images = self._images if output else self._outputs
            if images.shape[-1] < 8:  # short sums take long
                pixels = images.shape[-1] * max(images.max(), -images.min()) ** 2
            else:
                pixels = np.einsum("...c,...c->...", images, images).max()
            filters = np.einsum(
                "tdgf,tdgf->gf" if output else "tdgf,tdgf->gd", *[self._filters] * 2
            )
            bound = filters.ravel() * pixels * prod(self._positions)
            if self._first:
                bound = bound.reshape(-1, *[1] * len(self._axes))
        root: Array = np.sqrt(bound)
        return root * (1 + 2.0**-20)

    def chunks(self, places: Array) -> Iterator[Array]:
        """Cut places into chunks whose products are gathered at once."""
        count = max(1, _MOST // (prod(self._positions) * self._width))
        for start in range(0, len(places), count):
            yield places[start : start + count]

    @property
    def _width(self) -> int:
        depth, each = self._split
        return {"output": depth, "input": each, "filters": 1}[self._gives]

    def pairs(self, places: Array) -> Iterator[tuple[Array, Array]]:
        """Yield both factors of the products of results, (results, some of the products)."""
        step = max(1, _MOST // (len(places) * self._width))
        count = prod(self._positions)
        for start in range(0, count, step):
            left, right = self._pairs(places, (start, min(count, start + step)))
            yield left.reshape(len(places), -1), right.reshape(len(places), -1)

    def rows(self, places: Array) -> Iterator[Pairs]:
        """Yield the same of each of the places, as rows that can be read again."""
        if len(places) == 1:  # whose products may be too many to be kept
            yield lambda: ((one[0], other[0]) for one, other in self.pairs(places))
            return
        kept = list(self.pairs(places))
        for row in range(len(places)):
            yield partial(iter, [(one[row], other[row]) for one, other in kept])

    def _pairs(self, places: Array, terms: Range) -> tuple[Array, Array]:
        """Return both factors for a range of taps, or of outputs: (results, range, channels)."""
        at = np.arange(*terms)
        position = np.unravel_index(at, self._positions)
        found = [one[:, np.newaxis] for one in np.unravel_index(places, self.shape)]
        depth, each = self._split
        if self._gives == "filters":
            *taps, channel, filters = found
            if self._depthwise:  # (*kernel, C, multiplier)
                group, channel = channel, np.zeros_like(channel)
            else:
                group, filters = np.divmod(filters, each)
            image, *outputs = position
            pixels, inside = self._along(_pixels, outputs, taps)
            left = self._images[(image, *pixels, group, channel)] * inside
            return left, self._outputs[(image, *outputs, group, filters)]
        channel = found.pop(-1 - len(self._axes) if self._first else -1)
        lead, along = self.shape[: len(found) - len(self._axes)], found[-len(self._axes) :]
        image = np.ravel_multi_index(found[: len(lead)], lead)
        if self._gives == "output":
            group, filters = np.divmod(channel, each)
            pixels, inside = self._along(_pixels, along, position)
            left = self._images[(image, *pixels, group)]  # (results, taps, C / groups)
            right = self._filters[at, :, group, filters]
        else:
            group, channel = np.divmod(channel, depth)
            outputs, inside = self._along(_outputs, along, position)
            left = self._outputs[(image, *outputs, group)]  # (results, taps, OC / groups)
            right = self._filters[at, channel, group]
        left *= inside[..., np.newaxis]
        return left, right

    def _along(
        self, meet: Callable[..., tuple[Array, Array]], ones: Sequence[Array], taps: Sequence[Array]
    ) -> tuple[list[Array], Array]:
        """Say what meets what under taps, as indices along each axis, and where it is inside."""
        found, inside = [], np.array(True)
        for axis, one, tap in zip(self._axes, ones, taps, strict=True):
            index, fits = meet(axis, axis.dilation if self._phased else 1, one, tap)
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
