"""Where views of the patches lead: to the pixels and channels of a band, or of the image.

The number of axes is known, one or two (of ``merged`` up to four), all else is not. A place in a
contiguous array has the address that it has in C's order, times the bytes of an item.
"""

from __future__ import annotations

from math import prod
from operator import mul
from typing import Any, NamedTuple

from npconv import _blocks, _geometry
from parity.theorems.models import along, compare, each, modelled
from parity.theorems.symbolic import both, product_grows
from parity.theorems.theorem import INTEGER, NATURAL, POSITIVE, Check, Domain, theorem

Many = tuple[Any, ...]


def _equal(check: Check, by: Any, one: Any, other: Any) -> None:
    """Let it be known that products of what is equal, by a natural number, are."""
    check.lemma(product_grows(one - 1, other, by))
    check.lemma(product_grows(other - 1, one, by))


def _flat(check: Check, index: Many, shape: Many) -> Any:
    """Return the number of a place in C's order, which is below the number of places."""
    flat, places = 0, 1
    for at, size in zip(index, shape, strict=True):
        check.lemma(product_grows(flat, places, size))
        flat, places = flat * size + at, places * size
        check.holds(both(flat >= 0, flat < places), "a place is one of the array's")
    return flat


@theorem(
    "npconv._geometry.merged", rank=(1, 2, 3, 4),
    **each(POSITIVE, "size", axes=4), **each(INTEGER, "step", axes=4),
    **each(NATURAL, "at", axes=4),
)  # fmt: skip
def one_stride_walks_merged_axes(check: Check, rank: int, **given: Any) -> None:
    """Where axes are taken as one, its stride leads to each place as theirs do."""
    size, step, at = zip(*along(given, rank, "size", "step", "at"), strict=True)
    for one, other in zip(at, size, strict=True):
        check.assume(one < other)
    stride = _geometry.merged(size, step)
    if stride is None:
        return
    flat, address = 0, 0
    for axis in reversed(range(rank)):
        below = prod(size[axis + 1 :])
        _equal(check, at[axis], step[axis], stride * below)
        flat, address = flat + at[axis] * below, address + at[axis] * step[axis]
        check.holds(address == flat * stride, "the same address")


_VIEW: dict[str, Domain] = {
    "several": (False, True), "array": ("band", "image"), "itemsize": POSITIVE,
    "images": POSITIVE, "groups": POSITIVE, "channels": POSITIVE, "spare": NATURAL,
    "more": NATURAL, "at_image": NATURAL, "at_group": NATURAL, "at_channel": NATURAL,
    **each(POSITIVE, "size", "stride", "dilation", "outputs", "taps"),
    **each(NATURAL, "at_output", "at_tap"),
}  # fmt: skip


class _Viewed(NamedTuple):
    """What ``_view`` takes, an index of the patches, and what that is to lead to in the array."""

    geometry: _geometry.Geometry
    shape: Many
    sizes: Many
    patch: Many
    place: Many


def _viewed(check: Check, rank: int, array: str, several: bool, given: dict[str, Any]) -> _Viewed:
    """Return a block of patches in a band, or in the image from the block's first pixel on."""
    axes = tuple(
        _geometry.Axis(size, taps, stride, dilation, 0, 0, outputs)
        for size, stride, dilation, outputs, taps in along(
            given, rank, "size", "stride", "dilation", "outputs", "taps"
        )
    )
    own, groups, group, every = given["channels"] + given["spare"], 1, 0, 1
    if several:
        groups, group, every = given["groups"], given["at_group"], given["groups"] + given["more"]
        check.assume(every > 1)
    geometry = _geometry.Geometry(axes, every * own, own, every)
    image, channel = given["at_image"], given["at_channel"]
    at = along(given, rank, "at_output", "at_tap")
    index = (group, image, *(o for o, _ in at), *(k for _, k in at), channel)
    shape = (groups, given["images"], *geometry.outputs, *geometry.kernel, given["channels"])
    for one, size in zip(index, shape, strict=True):
        check.assume(one < size)
    pixel = [o * axis.stride + k * axis.dilation for axis, (o, k) in zip(axes, at, strict=True)]
    for one, axis in zip(pixel, axes, strict=True):
        check.assume(one < axis.size)
    sizes = [*shape[:2], *(axis.size for axis in axes)]
    if array == "band":
        return _Viewed(geometry, shape, (*sizes, shape[-1]), index, (group, image, *pixel, channel))
    place = (image, *pixel, group * own + channel)
    compare(check, own, group, 1, every)
    return _Viewed(geometry, shape, (*sizes[1:], every * own), index, place)


@theorem("npconv._blocks._view", rank=(1, 2), **_VIEW)
def views_lead_to_what_the_definition_says(
    check: Check, rank: int, array: str, several: bool, **given: Any
) -> None:
    """A view leads from each output, tap and channel to its pixel and channel in the array.

    The array is a band, (groups, images, *sizes, channels), or the images from the block's first
    pixel on, (images, *sizes, in_channels). That each pixel lies in it is the theorem of spans; so
    the address does. Merged axes are those before, in C's order.
    """
    geometry, shape, sizes, index, place = _viewed(check, rank, array, several, given)
    lead = shape[:1] if array == "image" else ()
    with modelled(_blocks, merged=lambda shape, strides: None):
        view = _blocks._view(geometry, shape, lead + sizes, given["itemsize"])
    for _ in range(len(shape) - len(view.shape)):
        index = (*index[:-2], index[-2] * shape[-1] + index[-1])
        shape = (*shape[:-2], shape[-2] * shape[-1])
    check.holds(view.shape == shape, "of this shape")
    item, pixels = given["itemsize"], [prod(sizes[axis:]) for axis in range(-1 - rank, 0)]
    by = [axis.stride for axis in geometry.axes], [axis.dilation for axis in geometry.axes]
    steps = [pixels[0], *(map(mul, pixels[1:], by[0])), *(map(mul, pixels[1:], by[1]))]
    for stride, step in zip(view.strides[1:-1], steps, strict=False):
        check.holds(stride == step * item, "each axis as far apart as its pixels")
    flat, places = _flat(check, place, sizes), prod(sizes)
    address = sum(map(mul, index, view.strides))
    check.holds(address == flat * item, "to the pixel's address")
    check.lemma(product_grows(flat, places, item))
    check.holds(both(address >= 0, address + item <= places * item), "which lies in the array")


@theorem("npconv._blocks._view", rank=(1, 2), of=("rows", "columns"), **_VIEW)
def views_that_are_matrices_lead_to_the_same(
    check: Check, rank: int, of: str, array: str, several: bool, **given: Any
) -> None:
    """Where a view is a matrix in place, its rows and columns lead to the same pixels and channels.

    Rows are images and outputs, columns taps and channels, in C's order; of one of them the first
    is taken here. Of ``merged`` is assumed what is proved, that its stride leads there.
    """
    apart = ("at_tap", "at_channel") if of == "rows" else ("at_output", "at_image")
    given = {name: 0 if name.startswith(apart) else one for name, one in given.items()}
    geometry, shape, sizes, index, place = _viewed(check, rank, array, several, given)
    item, middle, order = given["itemsize"], 2 + rank, iter(("rows", "columns"))
    own = slice(1, middle) if of == "rows" else slice(middle, None)
    at, flat = index[own], _flat(check, index[own], shape[own])

    def merge(sizes: Many, strides: Many) -> Any:
        if next(order) != of:
            return item if of == "rows" else prod(shape[middle:]) * item
        stride = _geometry.merged(sizes, strides)
        check.assume(stride is None or sum(map(mul, at, strides)) == flat * stride)
        return stride

    lead = shape[:1] if array == "image" else ()
    with modelled(_blocks, merged=merge):
        view = _blocks._view(geometry, shape, lead + sizes, item)
    if view.rows is None:
        return
    there = sum(one * prod(sizes[axis + 1 :]) for axis, one in enumerate(place)) * item
    group = index[0] * (view.rows[0] if len(view.rows) > 2 else 0)
    here = flat * view.rows[-2 if of == "rows" else -1]
    check.holds(group + here == there, "to the same pixel and channel")
