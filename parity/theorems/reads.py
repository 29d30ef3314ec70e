"""What blocks of the patches matrix read: their bands, their first byte, the pixels of each tap.

The number of axes is known, one to three (of what lies in the image, two), all else is not.
"""

from __future__ import annotations

from itertools import combinations
from math import prod
from operator import mul
from types import SimpleNamespace
from typing import Any

from npconv import _blocks, _geometry
from parity.theorems.models import along, compare, each, modelled, ranges
from parity.theorems.symbolic import both, implies, negated, same
from parity.theorems.theorem import INTEGER, NATURAL, POSITIVE, Check, Domain, theorem

_RANKS = (1, 2, 3)
Many = tuple[Any, ...]

_SPAN = "size", "stride", "dilation", "before", "output", "outputs", "tap", "taps"
_BLOCK: dict[str, Domain] = {
    "several": (False, True), "image": NATURAL, "images": POSITIVE, "group": NATURAL,
    "groups": POSITIVE, "channel": NATURAL, "channels": POSITIVE, "all_groups": POSITIVE,
    "filter_channels": POSITIVE,
    **each(NATURAL, "size", "output", "tap"), **each(INTEGER, "before"),
    **each(POSITIVE, "stride", "dilation", "outputs", "taps"),
}  # fmt: skip


def _block(check: Check, rank: int, given: dict[str, Any]) -> tuple[Any, ...]:
    """Return a geometry, and outputs, groups and taps of it, as ``read`` takes them."""
    axes, outputs, taps = [], [], []
    for size, stride, dilation, before, o, m, k, t in along(given, rank, *_SPAN):
        axes.append(_geometry.Axis(size, k + t, stride, dilation, before, 0, o + m))
        outputs.append((o, o + m))
        taps.append((k, k + t))
    image, channel, group = given["image"], given["channel"], given["group"]
    every, own, many = given["all_groups"], given["filter_channels"], given["groups"]
    check.assume(both(channel + given["channels"] <= own, group + many <= every))
    if not given["several"]:
        check.assume(every == 1)
        every, group, many = 1, 0, 1
    else:
        check.assume(every > 1)
    geometry = _geometry.Geometry(tuple(axes), every * own, own, every)
    compare(check, own, geometry.groups, every)
    check.holds(geometry.groups == every, "the number of groups")
    return (
        geometry,
        ((image, image + given["images"]), *outputs),
        (group, group + many),
        (*taps, (channel, channel + given["channels"])),
    )


def _within(entry: Any, place: Any) -> Any:
    """Say whether an index takes a place along its axis."""
    if not isinstance(entry, slice):
        return place == entry
    return True if entry.stop is None else both(entry.start <= place, place < entry.stop)


@theorem("npconv._blocks.reach", rank=_RANKS, **each(NATURAL, "place"), **_BLOCK)
def bands_hold_what_the_definition_says(check: Check, rank: int, **given: Any) -> None:
    """Each place of a band is of its inside or of one border; inside lie the definition's pixels.

    Place p along an axis stands for pixel p + o0 * stride + k0 * dilation - before, of which
    ``span_reads_what_the_definition_says`` says that outputs and taps read it. It is inside where
    the image has such a pixel along every axis, and what is copied there is that pixel.
    """
    geometry, outputs, groups, taps = _block(check, rank, given)
    band = _blocks.reach(geometry, outputs, groups, taps)
    places = [given[f"place{axis}"] for axis in range(rank)]
    for axis, length, (o, _), (k, _), place, own, source in zip(
        geometry.axes, band.shape[2:-1], outputs[1:], taps, places, band.inside[2:],
        band.source[1:-1], strict=False,
    ):  # fmt: skip
        check.assume(place < length)
        pixel = place + o * axis.stride + k * axis.dilation - axis.before
        here = both(pixel >= 0, pixel < axis.size)
        check.holds(same(_within(own, place), here), "inside are the pixels that there are")
        start, count = (0 if source.start is None else source.start), own.stop - own.start
        copied = both(start >= 0, source.stop - start == count, source.stop <= axis.size)
        at = implies(here, start + place - own.start == pixel)
        check.holds(both(copied, at), "and these are copied, as many, of the image")
    areas = [both(*map(_within, area[2:], places)) for area in (band.inside, *band.borders)]
    pairs = [negated(both(*pair)) for pair in combinations(areas, 2)]
    check.holds(both(negated(both(*map(negated, areas))), *pairs), "each place is of one")


@theorem("npconv._blocks.reach", rank=(1,), **_BLOCK)
def bands_have_the_images_and_channels(check: Check, rank: int, **given: Any) -> None:
    """A band has the images, groups and channels of its block.

    A single group is indexed away; several are made of all channels, and those of the block taken.
    """
    geometry, outputs, groups, taps = _block(check, rank, given)
    band = _blocks.reach(geometry, outputs, groups, taps)
    for count, (start, stop) in zip(
        (*band.shape[:2], band.shape[-1]), (groups, outputs[0], taps[-1]), strict=True
    ):
        check.holds(count == stop - start, "as many")
    of, every = (slice(*groups), slice(*taps[-1])), slice(None)
    check.holds(band.source[0] == slice(*outputs[0]), "of the images")
    if given["several"]:
        taken: list[Any] = [band.inside[:2], band.source[-1], band.channels]
        check.holds(taken == [(every, every), every, of], "of all channels, by groups")
        apart = band.split[0] * band.split[1] == geometry.in_channels
        check.holds(both(apart, band.split[1] == geometry.filter_channels), "apart by groups")
    else:
        taken = [band.inside[:2], band.source[-1]]
        check.holds(taken == [(0, every), of[1]], "the channels as they are")


@theorem(
    "npconv._blocks.read", "npconv._blocks._frame", rank=(1, 2), itemsize=POSITIVE,
    **each(NATURAL, "place"), **_BLOCK,
)  # fmt: skip
def blocks_begin_at_their_first_pixel(check: Check, rank: int, itemsize: Any, **given: Any) -> None:
    """A block in the image lies at the address of its first pixel, and reads no padding.

    From there, a place of the band that it stands for is as far as in the image, whose address it
    has. A band is taken where it is not larger than the patches; their matrix is of their size.
    """
    geometry, outputs, groups, taps = _block(check, rank, given)
    frame = getattr(_blocks._frame, "__wrapped__", _blocks._frame)
    seen: list[Many] = []

    def view(geometry: Any, shape: Many, sizes: Many, itemsize: Any) -> Any:
        steps = tuple(prod(sizes[axis:]) * itemsize for axis in range(2, len(sizes) + 1))
        seen.append((shape, sizes))
        return _blocks.View(shape, (), None, steps)

    with modelled(_blocks, _frame=frame, _view=view):
        block = _blocks.read(geometry, outputs, groups, taps, itemsize)
    band, shape = block.band.shape, block.frame.shape
    ranges = (groups, *outputs, *taps)
    for one, (start, stop) in zip(shape, ranges, strict=True):
        check.holds(one == stop - start, "of the sizes of the block")
    rows, columns = prod(shape[1 : 2 + rank]), prod(shape[2 + rank :])
    matrix = (shape[0], rows, columns) if shape[0] > 1 else (rows, columns)
    check.holds(block.frame.matrix == matrix, "rows are outputs, columns terms")
    check.holds(same(block.frame.banded, prod(band) <= shape[0] * rows * columns), "not larger")
    check.holds(seen[-1] == (shape, band), "a view of the band")
    if block.frame.image is None:
        check.holds(block.offset == 0, "from its beginning")
        return
    first, inside = [], []
    for axis, length, (o, _), (k, _), place in zip(
        geometry.axes, band[2:-1], outputs[1:], taps, along(given, rank, "place"), strict=False
    ):
        check.assume(place[0] < length)
        first.append(o * axis.stride + k * axis.dilation - axis.before)
        inside.append(both(first[-1] + place[0] >= 0, first[-1] + place[0] < axis.size))
    check.holds(both(*inside), "no padding is read")
    sizes = (*(axis.size for axis in geometry.axes), geometry.in_channels)
    check.holds(seen[0] == (shape, (*shape[:2], *sizes)), "a view of the image")
    place = (outputs[0][0], *first, groups[0] * geometry.filter_channels + taps[-1][0])
    address = sum(map(mul, place, block.frame.image.steps))
    check.holds(block.offset == address, "from its first pixel and channel")


@theorem(
    "npconv._blocks.Block.taps", rank=_RANKS, **each(INTEGER, "before"),
    **each(NATURAL, "size", "output", "outputs", "tap", "taps", "turn", "at"),
    **each(POSITIVE, "stride", "dilation"),
)  # fmt: skip
def taps_meet_each_pixel_once(check: Check, rank: int, **given: Any) -> None:
    """Each tap of a block is copied once, by the outputs under which it meets pixels, to its place.

    An output is among them where its pixel, along every axis, is in the image; what is copied to it
    is that pixel. Of ``meeting`` is assumed what is proved.
    """
    axes, outputs, taps, turns, at, pixels, met = [], [], [], [], [], [], []
    for size, stride, dilation, before, o, m, k, t, turn, place in along(
        given, rank, *_SPAN, "turn", "at"
    ):
        axes.append(_geometry.Axis(size, k + t, stride, dilation, before, 0, o + m))
        outputs.append((o, o + m))
        taps.append((k, k + t))
        turns.append(turn)
        at.append(place)
        pixels.append((o + place) * stride + (k + turn) * dilation - before)
        met.append(both(place < m, pixels[-1] >= 0, pixels[-1] < size))
    left = iter(at)

    def meeting(axis: Any, outputs: Any, tap: Any) -> Any:
        (to, source), place = _geometry.Axis.meeting(axis, outputs, tap), next(left)
        pixel = (outputs[0] + place) * axis.stride + tap * axis.dilation - axis.before
        meets = both(outputs[0] + place < outputs[1], pixel >= 0, pixel < axis.size)
        there = source.start + (place - to.start) * source.step == pixel
        check.assume(both(same(_within(to, place), meets), implies(meets, there)))
        return to, source

    band = SimpleNamespace(inside=("group", "images"), source=("images", "channels"))
    block: Any = SimpleNamespace(band=band, axes=axes, outputs=outputs, kernel=taps)
    with modelled(_blocks, Axis=SimpleNamespace(meeting=meeting), range=ranges(check, *turns)):
        copies = list(_blocks.Block.taps(block))
    if not copies:
        check.holds(negated(both(*met)), "no tap is forgotten")
        return
    ((to, source),) = copies
    ends: list[Any] = [*to[:2], source[0], source[-1]]
    check.holds(ends == ["group", "images", "images", "channels"], "from and to the band's")
    check.holds(list(to[2 + rank :]) == turns, "to the place of the tap")
    check.holds(same(both(*map(_within, to[2:], at)), both(*met)), "where it meets pixels")
    slices: Any = to[2:]
    for one, own, place, pixel in zip(slices, source[1:-1], at, pixels, strict=False):
        there = own.start + (place - one.start) * own.step == pixel
        check.holds(implies(both(*met), there), "and the pixels are the definition's")
