"""What a block of the patches matrix reads, in integers and slices: nothing here knows an array."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from itertools import product
from math import prod
from operator import mul
from typing import Any, NamedTuple

from npconv._geometry import Axis, Geometry, Range, merged

Slices = tuple[slice, ...]
_ALL = (slice(None), slice(None))


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
    """What blocks of the same sizes, and as far from the padding, have in common.

    Attributes
    ----------
    shape : tuple of int
        (groups, images, *outputs, *kernel, channels) of the patches.
    matrix : tuple of int
        (images * outputs, terms), and the groups before them where there are several.
    band : tuple of int
        (groups, images, *pixels, channels), of all pixels between the first and the last.
    banded : bool
        Whether the band is not larger than the patches.
    borders, inside : slices of the band
        Where zeros lie in it, and where pixels do.
    view : View
        Of the band.
    image : View or None
        None where the block reaches into the padding, or a band serves better.
    """

    shape: tuple[int, ...]
    matrix: tuple[int, ...]
    band: tuple[int, ...]
    banded: bool
    borders: tuple[Slices, ...]
    inside: Slices
    view: View
    image: View | None


class Block(NamedTuple):
    """What a block reads: its frame, and where in the images that lies.

    ``offset`` is its first byte, ``source`` the pixels of its band, ``channels`` its groups and the
    channels of each. ``taps`` gives pairs of indices, of the patches and of the images, for each
    tap that meets pixels, for blocks that are not banded; they may be too many to keep.
    """

    frame: Frame
    offset: int
    source: Slices
    channels: Slices
    taps: Callable[[], Iterator[tuple[Any, Slices]]]


def read(
    geometry: Geometry,
    outputs: tuple[Range, ...],
    groups: Range,
    taps: tuple[Range, ...],
    itemsize: int,
) -> Block:
    """Work out what a block reads: outputs of some images by taps of some groups and channels.

    >>> axis = Axis.resolve(5, 3, 1, 1, "SAME")
    >>> whole = ((0, 2), (0, 5), (0, 5)), (0, 1), ((0, 3), (0, 3), (0, 7))
    >>> frame = read(Geometry((axis, axis), 7, 7, 8), *whole, itemsize=4).frame
    >>> frame.matrix, frame.band, frame.view.shape
    ((50, 63), (1, 2, 7, 7, 7), (1, 2, 5, 5, 3, 21))
    """
    (n0, n1), *places = outputs
    *kernel, (c0, c1) = taps
    spans = list(map(Axis.span, geometry.axes, places, kernel))
    sizes = tuple([hi - lo for lo, hi in (groups, *outputs, *taps)])
    frame = _frame(geometry, sizes, tuple([span[1:] for span in spans]), itemsize)
    offset = 0
    if frame.image is not None:
        first = (n0, *[span[0] for span in spans], groups[0] * geometry.filter_channels + c0)
        offset = sum(map(mul, first, frame.image.steps))
    pixels = [slice(a + lo, a + hi) if lo < hi else slice(0) for a, _, lo, hi in spans]
    return Block(
        frame,
        offset,
        (slice(n0, n1), *pixels),
        (slice(*groups), slice(c0, c1)),
        partial(_taps, geometry.axes, (n0, n1), places, kernel),
    )


@lru_cache(maxsize=1024)
def _frame(
    geometry: Geometry, shape: tuple[int, ...], spans: tuple[tuple[int, ...], ...], itemsize: int
) -> Frame:
    middle = 2 + len(geometry.axes)
    groups, rows, columns = shape[0], prod(shape[1:middle]), prod(shape[middle:])
    band = (*shape[:2], *(length for length, _, _ in spans), shape[-1])
    inside = (*_ALL, *(slice(lo, hi) for _, lo, hi in spans))
    borders = tuple(
        (*inside[: 2 + i], border)
        for i, (length, lo, hi) in enumerate(spans)
        for border in (slice(0, lo), slice(hi, length))
        if border.start < border.stop
    )
    image = None
    # In a band the pixels of a group's tap row are neighbours.
    if not borders and (groups == 1 or shape[-2] == 1):
        sizes = (*shape[:2], *(axis.size for axis in geometry.axes), geometry.in_channels)
        image = _view(geometry, shape, sizes, itemsize)
    return Frame(
        shape,
        (groups, rows, columns) if groups > 1 else (rows, columns),
        band,
        prod(band) <= groups * rows * columns,
        borders,
        inside,
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
    row, column = (
        merged(shape[1:middle], strides[1:middle]),
        merged(shape[middle:], strides[middle:]),
    )
    matrix = None
    if column in (item, 0) and row is not None:
        row = row if rows > 1 else columns * item
        if row >= columns * item:
            matrix = (group, row, item) if shape[0] > 1 else (row, item)

    while len(shape) > middle + 1 and (strides[-2] == shape[-1] * item or shape[-2] == 1):
        shape = (*shape[:-2], shape[-2] * shape[-1])
        strides = (*strides[:-2], item)
    return View(shape, strides, matrix, tuple(steps))


def _taps(
    axes: tuple[Axis, ...], images: Range, places: list[Range], kernel: list[Range]
) -> Iterator[tuple[Any, Slices]]:
    for tap in product(*(range(*one) for one in kernel)):
        to, of = [], []
        for axis, (o0, o1), k in zip(axes, places, tap, strict=True):
            lo, hi = axis.meeting((o0, o1), k)
            first = lo * axis.stride + k * axis.dilation - axis.before
            to.append(slice(lo - o0, hi - o0))
            of.append(slice(first, first + (hi - lo - 1) * axis.stride + 1, axis.stride))
        if all(one.start < one.stop for one in to):
            own = (k - first for k, (first, _) in zip(tap, kernel, strict=True))
            yield (*_ALL, *to, *own), (slice(*images), *of)
