"""What a block of the patches matrix reads, in integers and slices: nothing here knows an array."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import product
from math import prod
from operator import mul
from typing import NamedTuple

from npconv._geometry import Axis, Geometry, Range, Ranges, merged

Index = tuple["slice | int", ...]
Slices = tuple[slice, ...]


class Band(NamedTuple):
    """All pixels between the first and the last that a block reads: (groups, images, *pixels, C).

    ``borders`` are where zeros lie in it, ``inside`` where pixels do: ``source`` of the images,
    whose channels are ``split`` into groups and those of each, and ``channels`` of both.
    """

    shape: tuple[int, ...]
    borders: list[Index]
    inside: Index
    source: Slices
    split: tuple[int, int]
    channels: Slices


class View(NamedTuple):
    """The patches in a contiguous array: (groups, images, *outputs, *kernel, channels).

    Axes that one stride walks are one, from the end: most often the last of the kernel and the
    channels. ``rows`` are the strides of the same as a matrix, where it is one in place; ``steps``
    the bytes between images, pixels along each axis, and channels.
    """

    shape: tuple[int, ...]
    strides: tuple[int, ...]
    rows: tuple[int, ...] | None
    steps: tuple[int, ...]


class Frame(NamedTuple):
    """What blocks of the same sizes have in common.

    ``shape`` is (groups, images, *outputs, *kernel, channels), ``matrix`` (images * outputs, terms)
    and before them the groups, where there are several. The patches are a ``view`` of the band,
    where it is ``banded``, not larger than they are, or of the ``image``, where it is not None.
    """

    shape: tuple[int, ...]
    matrix: tuple[int, ...]
    banded: bool
    view: View
    image: View | None


class Block(NamedTuple):
    """What a block reads: where it lies in the image, its first byte, and its band.

    ``outputs`` and ``kernel`` are ranges along each axis.
    """

    frame: Frame
    offset: int
    band: Band
    axes: tuple[Axis, ...]
    outputs: Ranges
    kernel: Ranges

    def taps(self) -> Iterator[tuple[Index, Slices]]:
        """Yield indices of the patches and of the images for each tap that meets pixels.

        For blocks that are not banded; they may be too many to keep.
        """
        inside, source = self.band.inside, self.band.source
        for tap in product(*(range(*one) for one in self.kernel)):
            met = list(map(Axis.meeting, self.axes, self.outputs, tap))
            if all(one.start < one.stop for one, _ in met):
                own = (k - first for k, (first, _) in zip(tap, self.kernel, strict=True))
                to = (*inside[:2], *[one for one, _ in met], *own)
                yield to, (source[0], *[one for _, one in met], source[-1])


def reach(geometry: Geometry, outputs: Ranges, groups: Range, taps: Ranges) -> Band:
    """Work out over which pixels outputs of some images and taps of some channels reach."""
    (n0, n1), *places = outputs
    *kernel, (c0, c1) = taps
    spans = list(map(Axis.span, geometry.axes, places, kernel))
    own, every = slice(c0, c1), slice(None)
    # A single group is indexed away: its pixels are channels of the images as they are.
    lead, last = ((0, every), own) if geometry.groups == 1 else ((every, every), every)
    inside = (*lead, *[slice(lo, hi) for _, _, lo, hi in spans])
    borders = [
        (*inside[: 2 + i], slice(*border))
        for i, (_, length, lo, hi) in enumerate(spans)
        for border in ((0, lo), (hi, length))
        if border[0] < border[1]
    ]
    pixels = [slice(a + lo, a + hi) if lo < hi else slice(0) for a, _, lo, hi in spans]
    shape = (groups[1] - groups[0], n1 - n0, *[span[1] for span in spans], c1 - c0)
    split = geometry.groups, geometry.filter_channels
    source = (slice(n0, n1), *pixels, last)
    return Band(shape, borders, inside, source, split, (slice(*groups), own))


def read(geometry: Geometry, outputs: Ranges, groups: Range, taps: Ranges, itemsize: int) -> Block:
    """Work out what a block reads: outputs of some images by taps of some groups and channels.

    >>> axis = Axis.resolve(5, 3, 1, 1, "SAME")
    >>> whole = ((0, 2), (0, 5), (0, 5)), (0, 1), ((0, 3), (0, 3), (0, 7))
    >>> block = read(Geometry((axis, axis), 7, 7, 8), *whole, itemsize=4)
    >>> block.frame.matrix, block.band.shape, block.frame.view.shape
    ((50, 63), (1, 2, 7, 7, 7), (1, 2, 5, 5, 3, 21))
    """
    band = reach(geometry, outputs, groups, taps)
    sizes = tuple([hi - lo for lo, hi in (groups, *outputs, *taps)])
    frame = _frame(geometry, sizes, band.shape, bool(band.borders), itemsize)
    offset = 0
    if frame.image is not None:
        starts = [pixels.start for pixels in band.source[:-1]]
        first = (*starts, groups[0] * geometry.filter_channels + taps[-1][0])
        offset = sum(map(mul, first, frame.image.steps))
    return Block(frame, offset, band, geometry.axes, outputs[1:], taps[:-1])


@lru_cache(maxsize=1024)
def _frame(
    geometry: Geometry, shape: tuple[int, ...], band: tuple[int, ...], padded: bool, itemsize: int
) -> Frame:
    middle = 2 + len(geometry.axes)
    groups, rows, columns = shape[0], prod(shape[1:middle]), prod(shape[middle:])
    image = None
    # In a band the pixels of a group's tap row are neighbours.
    if not padded and (groups == 1 or shape[-2] == 1):
        sizes = (*shape[:2], *(axis.size for axis in geometry.axes), geometry.in_channels)
        image = _view(geometry, shape, sizes, itemsize)
    return Frame(
        shape,
        (groups, rows, columns) if groups > 1 else (rows, columns),
        prod(band) <= groups * rows * columns,
        _view(geometry, shape, band, itemsize),
        image,
    )


def _view(
    geometry: Geometry, shape: tuple[int, ...], sizes: tuple[int, ...], itemsize: int
) -> View:
    """Return patches of a shape, in a contiguous array of certain sizes."""
    steps = [itemsize]
    for size in sizes[:1:-1]:
        steps.insert(0, steps[0] * size)
    image, *pixels, item = steps
    # The groups of an image lie beside each other, those of a band after each other.
    group = image * sizes[1] if sizes[-1] == shape[-1] else item * geometry.filter_channels
    by_output = (pixel * axis.stride for pixel, axis in zip(pixels, geometry.axes, strict=True))
    by_tap = (pixel * axis.dilation for pixel, axis in zip(pixels, geometry.axes, strict=True))
    strides = (group, image, *by_output, *by_tap, item)

    middle = 2 + len(pixels)
    rows, columns = prod(shape[1:middle]), prod(shape[middle:])
    row = merged(shape[1:middle], strides[1:middle])
    column = merged(shape[middle:], strides[middle:])
    matrix = None
    if column in (item, 0) and row is not None:
        row = row if rows > 1 else columns * item
        if row >= columns * item:
            matrix = (group, row, item) if shape[0] > 1 else (row, item)

    while len(shape) > middle + 1 and (strides[-2] == shape[-1] * item or shape[-2] == 1):
        shape = (*shape[:-2], shape[-2] * shape[-1])
        strides = (*strides[:-2], item)
    return View(shape, strides, matrix, tuple(steps))
