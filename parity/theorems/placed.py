"""Where blocks of outputs, planes of taps and windows lie in the arrays that algorithms make."""

from __future__ import annotations

from functools import reduce
from inspect import unwrap
from itertools import combinations
from math import prod
from operator import eq, or_
from types import SimpleNamespace
from typing import Any

from npconv import _geometry
from npconv._engine import depthwise, fft, kn2row, toeplitz, winograd
from npconv._geometry import Axis, Geometry, Range, Span
from parity.theorems import tensorflow
from parity.theorems.models import compare, greatest, least, ranges
from parity.theorems.phases import AXIS
from parity.theorems.recorded import NUMPY, Recorded
from parity.theorems.symbolic import both, implies, negated, product_grows, same
from parity.theorems.theorem import INTEGER, NATURAL, POSITIVE, Check, Domain, modelled, theorem


def _each(rank: int, domain: Domain, names: str) -> dict[str, Domain]:
    """Return parameters of one domain, one for each axis."""
    return {f"{name}{i}": domain for name in names.split() for i in range(rank)}


def _along(rank: int, values: dict[str, Any], names: str) -> list[tuple[Any, ...]]:
    """Return for each name its values along the axes."""
    return [tuple(values[f"{name}{i}"] for i in range(rank)) for name in names.split()]


def _span(axis: Axis, outputs: Range) -> Span:
    """Return what outputs reach over by all taps."""
    with modelled(_geometry, min=least, max=greatest):
        return axis.span(outputs, (0, axis.kernel))


@theorem(
    "npconv._engine.toeplitz._widened",
    **AXIS, after=INTEGER, side=POSITIVE, output=NATURAL, tap=NATURAL,
)  # fmt: skip
def blocks_read_what_their_outputs_read(
    check: Check, side: Any, output: Any, tap: Any, **given: Any
) -> None:
    """Output b of a block reads under tap b * stride + k what the original does under tap k.

    There are blocks for all outputs, none has no output, and the pads are as before at the
    beginning, and no more than the last block needs at the end, unless it needs none.
    """
    axis = Axis(**given)
    check.assume(both(output < axis.outputs, tap < axis.kernel))
    if axis.dilation > 1:
        check.assume(axis.kernel == 1)  # else a block is one output
    wide = toeplitz._widened(axis, side)
    block, place = divmod(output, side)
    check.lemma(product_grows(place, side, axis.stride))
    moved = place * axis.stride + tap
    check.holds(both(moved >= 0, moved < wide.kernel), "the tap is one of the block's")
    check.holds(both(block >= 0, block < wide.outputs), "the block is one of them")
    check.holds((wide.outputs - 1) * side < axis.outputs, "no block is without outputs")
    pixel = tensorflow.reads(output, tap, axis.stride, axis.dilation, axis.before)
    reads = tensorflow.reads(block, moved, wide.stride, wide.dilation, wide.before)
    check.holds(reads == pixel, "it reads the pixel")
    check.holds(wide.before == axis.before, "pads at the beginning are kept")
    if side > 1:
        over = (wide.outputs - 1) * wide.stride + wide.kernel - axis.size - axis.before
        check.holds(both(wide.after >= over, wide.after >= 0), "pads at the end are enough")
        check.holds((wide.after == 0) | (wide.after == over), "and no more")


@theorem(
    "npconv._engine.toeplitz.spread",
    rank=(1, 2, 3), channels=POSITIVE, groups=POSITIVE, filters=POSITIVE,
    channel=NATURAL, group=NATURAL, number=NATURAL,
    **_each(3, POSITIVE, "kernel stride side"), **_each(3, NATURAL, "tap place"),
)  # fmt: skip
def filters_stand_where_their_outputs_read(
    check: Check, rank: int, channels: Any, groups: Any, filters: Any,
    channel: Any, group: Any, number: Any, **axes: Any,
) -> None:  # fmt: skip
    """The filter of output b of a block stands b * stride taps further; all else is zeros.

    Weight (*k, c, group, *b, filter) of the view that is written is element (*(b * stride + k), c,
    group, *b, filter) of the result, and within it. No two are one: b is part of the element.
    """
    kernel, strides, block, taps, places = _along(rank, axes, "kernel stride side tap place")
    for index, limit in zip((*taps, *places), (*kernel, *block), strict=True):
        check.assume(index < limit)
    check.assume(both(channel < channels, group < groups, number < filters))
    pairs = zip(kernel, strides, strict=True)
    along = tuple(Axis(1, size, stride, 1, 0, 0, 1) for size, stride in pairs)
    geometry = Geometry(along, groups * channels, channels, groups * filters)
    made: list[Recorded] = []

    def zeros(shape: tuple[Any, ...], dtype: Any) -> Recorded:
        made.append(Recorded(shape))
        return made[-1]

    def strided(array: Any, shape: tuple[Any, ...], strides: tuple[Any, ...]) -> Recorded:
        made.append(Recorded(shape, strides))
        return made[-1]

    check.holds(geometry.groups == groups, "the groups")
    check.holds(groups * filters // groups == filters, "the filters of one")
    flat = Recorded((prod(kernel) * channels, groups * filters))
    with modelled(toeplitz, np=SimpleNamespace(zeros=zeros), as_strided=strided):
        matrix = toeplitz.spread(flat, geometry, block)  # type: ignore[arg-type]
    result, view = made
    check.holds(matrix.shape[0] == prod(result.shape[: rank + 1]), "a row for each tap and channel")
    right = (*kernel, channels, groups, *block, filters)
    check.holds(both(*map(eq, view.shape, right)), "all that is written")
    assert view.written is not None
    for size, own in zip(view.shape, view.written.shape, strict=True):
        check.holds((own == size) | (own == 1), "by the filters, the same for each output")
    moved = [b * stride + k for b, stride, k in zip(places, strides, taps, strict=True)]
    wide = result.shape[:rank]
    for one, b, side, stride, size in zip(moved, places, block, strides, wide, strict=True):
        check.lemma(product_grows(b, side, stride))
        check.holds(both(one >= 0, one < size), "the tap is one of the widened filter's")
    rest = (channel, group, *places, number)
    there = result.place(*moved, *rest)
    check.holds(view.place(*taps, *rest).equals(there), "it is the element there")


@theorem(
    "npconv._engine.toeplitz.scatter", "npconv._engine.toeplitz._pieces", rank=(1, 2),
    **_each(2, NATURAL, "lo hi outputs block place"), **_each(2, POSITIVE, "side"),
)  # fmt: skip
def each_output_is_written_once(check: Check, rank: int, **axes: Any) -> None:
    """Output b of a block is written once, to place block * side + b, unless there is none such.

    Nothing is written to other places, nor beyond the outputs.
    """
    names = "lo hi outputs side block place"
    lo, hi, outputs, sides, blocks, places = _along(rank, axes, names)
    wanted = []
    for one in zip(lo, hi, outputs, sides, blocks, places, strict=True):
        first, last, count, side, block, place = one
        check.assume(both(first <= block, block < last, place < side))
        check.assume((last - 1) * side < count)  # no block is without outputs
        wanted.append(block * side + place)
        for value in (block, last - 1):
            compare(check, side, value, count // side)
    written: list[tuple[Recorded, Recorded]] = []
    source = Recorded((1, *(None for _ in range(2 * rank)), 1))
    with modelled(toeplitz, cast=lambda of, to, scratch: written.append((of, to))):
        ranges = ((0, 1), *zip(lo, hi, strict=True))
        toeplitz.scatter(source, ranges, sides, Recorded((1, *outputs, 1)), None)  # type: ignore[arg-type]
    taken = []
    for of, to in written:
        inside = []
        for i in range(rank):
            some, few, target = of.index[1 + 2 * i], of.index[2 + 2 * i], to.index[1 + i]
            number = blocks[i] - lo[i]
            inside.append(both(some.start <= number, number < some.stop, places[i] < few.stop))
            reached = target.start + (number - some.start) * few.stop + places[i]
            check.holds(implies(inside[-1], reached == wanted[i]), "to its place")
            check.holds(both(target.start >= 0, target.stop <= outputs[i]), "within the outputs")
            shape = to.shape[1 + 2 * i : 3 + 2 * i]
            made = both(shape[0] == some.stop - some.start, shape[1] == few.stop)
            check.holds(made, "the target's blocks are those of the source")
            check.holds(prod(shape) == target.stop - target.start, "which are all of it")
        taken.append(both(*inside))
    there = both(*(one < count for one, count in zip(wanted, outputs, strict=True)))
    check.holds(same(there, reduce(or_, taken, False)), "each that there is")
    for one, other in combinations(taken, 2):
        check.holds(negated(both(one, other)), "once")


@theorem(
    "npconv._engine.kn2row._met",
    **_each(2, NATURAL, "output o count tap"), **_each(2, POSITIVE, "kernel dilation"),
    **_each(2, INTEGER, "before"),
)  # fmt: skip
def planes_are_added_where_outputs_read(check: Check, **axes: Any) -> None:
    """Output o adds under a tap the product by that tap of pixel o + k * dilation - before.

    It lies within the band of pixels that are multiplied, and there are as many as outputs.
    """
    first, counts, taps, outputs = _along(2, axes, "o count tap output")
    sizes = zip(*_along(2, axes, "kernel dilation before"), strict=True)
    along = tuple(Axis(1, kernel, 1, dilation, pad, 0, 1) for kernel, dilation, pad in sizes)
    each = list(zip(along, first, counts, taps, outputs, strict=True))
    for axis, o, count, tap, output in each:
        check.assume(both(o <= output, output < o + count, tap < axis.kernel))
    index: Any = kn2row._met(Geometry(along, 1, 1, 1), taps, counts)
    check.holds(both(index[0] == taps[0], index[1] == taps[1]), "the plane of the tap")
    check.holds(index[2:4] == (slice(None), slice(None)), "all filters and images")
    for (axis, o, count, tap, output), part in zip(each, index[4:], strict=True):
        check.lemma(product_grows(tap, axis.kernel - 1, axis.dilation))
        span = _span(axis, (o, o + count))
        pixel = tensorflow.reads(output, tap, axis.stride, axis.dilation, axis.before)
        check.holds(span.first + part.start + output - o == pixel, "the pixel that is read")
        check.holds(both(part.start >= 0, part.stop <= span.length), "within the band")
        check.holds(part.stop - part.start == count, "as many as outputs")


@theorem("npconv._engine.depthwise._planes", **AXIS, output=NATURAL, tap=NATURAL)
def planes_hold_what_a_tap_reads(check: Check, output: Any, tap: Any, **given: Any) -> None:
    """Output o reads in the plane of its tap what the definition says, next to output o + 1.

    Where the definition says padding, the plane has padding. At stride 1 there is one plane, the
    image.
    """
    axis = Axis(**given, after=0)
    check.assume(both(output < axis.outputs, tap < axis.kernel))
    geometry = Geometry((axis,), 1, 1, 1)
    with modelled(depthwise, range=ranges(check, lambda _: tap)):
        ((columns, plane),) = unwrap(depthwise._planes)(geometry)
    (one,) = plane.axes
    if columns == slice(None):
        check.holds(axis.stride == 1, "only outputs of stride 1 share a plane")
        check.holds(both(*map(eq, one, axis)), "which is the image")
        return
    pixel = tensorflow.reads(output, tap, axis.stride, axis.dilation, axis.before)
    place = tensorflow.reads(output, 0, one.stride, one.dilation, one.before)
    check.holds(columns.start + place * columns.step == pixel, "the pixel that is read")
    check.holds(both(columns.start >= 0, columns.start < columns.step), "from the first on")
    compare(check, axis.stride, place, one.size - 1, one.size, -1, 0)
    inside = both(place >= 0, place < one.size)
    check.holds(same(inside, both(pixel >= 0, pixel < axis.size)), "padding for padding")
    check.holds(both(one.stride == 1, one.kernel == 1), "neighbours")


@theorem(
    "npconv._engine.depthwise.patches_of", rank=(1, 2, 3), planes=(1, 2), channels=POSITIVE,
    channel=NATURAL, image=NATURAL, start=NATURAL, columns=POSITIVE,
    **_each(3, POSITIVE, "kernel stride dilation"), **_each(3, NATURAL, "output tap"),
)  # fmt: skip
def depthwise_patches_are_what_outputs_read(
    check: Check, rank: int, planes: int, channels: Any, channel: Any, image: Any, start: Any,
    columns: Any, **axes: Any,
) -> None:  # fmt: skip
    """Element (n, *o, *k, column * C + c) is pixel o * stride + k * dilation of a row, channel c.

    And of its column the pixel of output start + column in the plane of its tap; in the only one,
    k * dilation further. Rows and columns of a band lie wherever; channels are neighbours.
    """
    names = "kernel stride dilation output tap"
    kernel, strides, dilations, outputs, taps = _along(rank, axes, names)
    check.assume(both(channel < channels, outputs[-1] < columns))
    step = Recorded((planes, *(None for _ in range(rank + 1)))).strides
    band = Recorded((planes,), (*step[:-1], step[-1] * channels, step[-1]))
    sizes = zip(kernel, strides, dilations, strict=True)
    along = tuple(Axis(1, *size, 0, 0, 1) for size in sizes)
    shape = (1, *outputs[:-1], columns, channels)
    with modelled(depthwise, np=NUMPY):
        view = depthwise.patches_of(band, Geometry(along, 1, 1, 1), shape, start)  # type: ignore[arg-type]
    each = zip(outputs, taps, strides, dilations, strict=True)
    *rows, _ = (tensorflow.reads(*one, before=0) for one in each)
    column = start + outputs[-1] + (taps[-1] * dilations[-1] if planes == 1 else 0)
    last = outputs[-1] * channels + channel
    check.lemma(product_grows(outputs[-1], columns, channels))
    check.holds(both(last >= 0, last < view.shape[-1]), "a column and its channel")
    place = band.place(taps[-1] if planes > 1 else 0, image, *rows, column, channel)
    check.holds(view.place(image, *outputs[:-1], *taps, last).equals(place), "is the element")  # type: ignore[attr-defined]


@theorem(
    "npconv._engine.winograd.Winograd._windows", "npconv._engine.fft._windows",
    "npconv._engine.toeplitz._widened", form=("Winograd", "FFT"),
    **_each(2, POSITIVE, "taps block"), **_each(2, NATURAL, "lo hi number place"),
    **_each(2, INTEGER, "before"), image=NATURAL, channel=NATURAL,
)  # fmt: skip
def windows_are_what_blocks_read(
    check: Check, form: str, image: Any, channel: Any, **axes: Any
) -> None:
    """Pixel i of a block's window is pixel block * side + i - before of the image, within the band.

    A window is as long as what the block reads, so that no tap of its outputs wraps around.
    """
    taps, block, lo, hi, numbers, places = _along(2, axes, "taps block lo hi number place")
    if form == "Winograd":
        check.assume(both(taps[0] == 3, taps[1] == 3, block[0] == block[1]))
    pads = _along(2, axes, "before")
    each = list(zip(lo, hi, numbers, places, taps, block, *pads, strict=True))
    for a, b, number, i, k, side, _ in each:
        check.assume(both(a <= number, number < b, i < side + k - 1))
    lengths = tuple(size + k - 1 for size, k in zip(block, taps, strict=True))
    pixels, at = Recorded((None,) * 4), []
    sides = (1, *(b - a for a, b in zip(lo, hi, strict=True)))
    with modelled(fft, np=NUMPY), modelled(winograd, np=NUMPY):
        if form == "FFT":
            view = fft._windows(pixels, sides, lengths, block)  # type: ignore[arg-type]
        else:
            own = SimpleNamespace(outputs=block[0], side=lengths[0])
            view = winograd.Winograd._windows(own, pixels, sides)  # type: ignore[arg-type]
    for a, b, number, i, k, side, pad in each:
        wide = toeplitz._widened(Axis(1, k, 1, 1, pad, 0, b * side), side)
        check.lemma(product_grows(number - a, b - a - 1, side))
        span = _span(wide, (a, b))
        check.holds(wide.kernel == side + k - 1, "the window is what a block reads")
        at.append((number - a) * side + i)
        check.holds(span.first + at[-1] == number * side + i - pad, "the pixel of the image")
        check.holds(both(at[-1] >= 0, at[-1] < span.length), "within the band")
    inner = [number - a for number, a in zip(numbers, lo, strict=True)]
    index = (*places, image, *inner) if form == "Winograd" else (image, *inner, *places)
    there = pixels.place(image, *at, channel)
    check.holds(view.place(*index, channel).equals(there), "the element of the window")  # type: ignore[attr-defined]
