"""What a block of the patches matrix reads, in integers and slices: nothing here knows an array."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import prod
from typing import Any, NamedTuple

from npconv._geometry import Axis, Geometry, Range, merged

Slices = tuple[slice, ...]


class View(NamedTuple):
    """The patches in a contiguous array: (groups, images, *outputs, *kernel, channels).

    Axes that one stride walks are one, from the end: most often the last of the kernel and the
    channels. ``rows`` are the strides of the same as a matrix, where it is one in place.
    """

    shape: tuple[int, ...]
    offset: int
    strides: tuple[int, ...]
    rows: tuple[int, ...] | None


class Block(NamedTuple):
    """What a block of the patches matrix reads, in integers and slices.

    Attributes
    ----------
    matrix : tuple of int
        (images * outputs, terms), and the groups before them where there are several.
    image : View or None
        None where the block reaches into the padding, or a band serves better.
    band : tuple of int
        (groups, images, *pixels, channels), of all pixels between the first and the last.
    banded : bool
        Whether the band is not larger than the patches.
    borders, inside : slices of the band
        Where zeros lie in it, and where pixels do.
    source : slices of the images
        The pixels of the band.
    channels : two slices
        The groups, and the channels of each, that are read.
    view : View
        Of the band.
    shape : tuple of int
        (groups, images, *outputs, *kernel, channels) of the patches.
    taps : tuple of pairs of indices
        For each tap that meets pixels: of the patches, and of the images.
    """

    matrix: tuple[int, ...]
    image: View | None
    band: tuple[int, ...]
    banded: bool
    borders: tuple[Slices, ...]
    inside: Slices
    source: Slices
    channels: Slices
    view: View
    shape: tuple[int, ...]
    taps: tuple[tuple[Any, Slices], ...]


def read(
    geometry: Geometry,
    outputs: tuple[Range, ...],
    groups: Range,
    taps: tuple[Range, ...],
    itemsize: int,
) -> Block:
    """Work out what a block reads.

    Parameters
    ----------
    geometry : Geometry
    outputs : tuple of Range
        Of the images, and along each axis.
    groups : Range
    taps : tuple of Range
        Along each axis, and of the channels of a group.
    itemsize : int
        Bytes of an element of the patches.

    Examples
    --------
    >>> axis = Axis.resolve(5, 3, 1, 1, "SAME")
    >>> whole = ((0, 2), (0, 5), (0, 5)), (0, 1), ((0, 3), (0, 3), (0, 7))
    >>> block = read(Geometry((axis, axis), 7, 7, 8), *whole, itemsize=4)
    >>> block.matrix, block.band, block.view.shape
    ((50, 63), (1, 2, 7, 7, 7), (1, 2, 5, 5, 3, 21))
    """
    axes, ((n0, n1), *places), (*kernel, (c0, c1)) = geometry.axes, outputs, taps
    spans = [axis.span(*both) for axis, *both in zip(axes, places, kernel, strict=True)]
    count, images, depth = groups[1] - groups[0], n1 - n0, c1 - c0
    lengths = (count, images, *(span.length for span in spans), depth)
    shape = (
        *(count, images),
        *(hi - lo for lo, hi in places),
        *(hi - lo for lo, hi in kernel),
        depth,
    )
    middle = 2 + len(axes)
    rows, columns = prod(shape[1:middle]), prod(shape[middle:])

    pixels = tuple(
        slice(s.first + s.lo, s.first + s.hi) if s.lo < s.hi else slice(0) for s in spans
    )
    every = (slice(None), slice(None))
    inside = (*every, *(slice(s.lo, s.hi) for s in spans))
    borders = tuple(
        (*inside[: 2 + i], border)
        for i, s in enumerate(spans)
        for border in (slice(0, s.lo), slice(s.hi, s.length))
        if border.start < border.stop
    )
    sizes = (count, images, *(axis.size for axis in axes), geometry.in_channels)
    start = (0, n0, *(span.first for span in spans), groups[0] * geometry.filter_channels + c0)
    apart = count > 1 and kernel[-1] != (0, 1)  # in a band the pixels of a tap row are neighbours
    image = None
    if not borders and not apart:
        image = _view(geometry, shape, sizes, start, itemsize)
    banded = prod(lengths) <= rows * columns * count
    return Block(
        (count, rows, columns) if count > 1 else (rows, columns),
        image,
        lengths,
        banded,
        borders,
        inside,
        (slice(n0, n1), *pixels),
        (slice(*groups), slice(c0, c1)),
        _view(geometry, shape, lengths, (0,) * len(lengths), itemsize),
        shape,
        () if banded else tuple(_taps(axes, (n0, n1), places, kernel)),
    )


def _view(
    geometry: Geometry,
    shape: tuple[int, ...],
    sizes: tuple[int, ...],
    start: tuple[int, ...],
    itemsize: int,
) -> View:
    """Return patches of a `shape`, in a contiguous array of certain `sizes` from a `start` on."""
    count = len(geometry.axes)
    steps = [itemsize]
    for size in sizes[:1:-1]:
        steps.insert(0, steps[0] * size)
    image, *pixels, item = steps
    offset = sum(a * b for a, b in zip(start[1:], steps, strict=True))
    # The groups of an image lie beside each other, those of a band after each other.
    group = image * sizes[1] if sizes[-1] == shape[-1] else item * geometry.filter_channels
    strides = [group, image]
    strides += [pixel * axis.stride for pixel, axis in zip(pixels, geometry.axes, strict=True)]
    strides += [pixel * axis.dilation for pixel, axis in zip(pixels, geometry.axes, strict=True)]
    strides.append(item)

    middle = 2 + count
    row, column = (
        merged(shape[a:b], tuple(strides[a:b])) for a, b in ((1, middle), (middle, None))
    )
    rows, columns = prod(shape[1:middle]), prod(shape[middle:])
    matrix = None
    if column is not None and row is not None:
        row = row if rows > 1 else columns * item
        if row >= columns * item and column in (item, 0):
            matrix = (group, row, item) if shape[0] > 1 else (row, item)

    length = shape[-1]
    while len(shape) > middle + 1 and (strides[-2] == length * item or shape[-2] == 1):
        length *= shape[-2]
        shape, strides = (*shape[:-2], length), [*strides[:-2], item]
    return View(shape, offset, tuple(strides), matrix)


def _taps(
    axes: tuple[Axis, ...], images: Range, places: list[Range], kernel: list[Range]
) -> Iterator[tuple[Any, Slices]]:
    every = (slice(None), slice(None))
    for tap in product(*(range(*one) for one in kernel)):
        to, of = [], []
        for axis, (o0, o1), (k0, _), k in zip(axes, places, kernel, tap, strict=True):
            lo, hi = axis.meeting((o0, o1), k)
            first = lo * axis.stride + k * axis.dilation - axis.before
            to.append((slice(lo - o0, hi - o0), k - k0))
            of.append(slice(first, first + (hi - lo - 1) * axis.stride + 1, axis.stride))
        if all(one.start < one.stop for one, _ in to):
            yield (
                (*every, *(one for one, _ in to), *(k for _, k in to)),
                (slice(*images), *of),
            )
