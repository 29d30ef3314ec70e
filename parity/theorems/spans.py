"""Which pixels outputs and taps read."""

from __future__ import annotations

from typing import Any

from npconv import _geometry
from parity.theorems.symbolic import both, implies, product_grows, same
from parity.theorems.theorem import INTEGER, NATURAL, POSITIVE, Check, theorem


@theorem(
    "npconv._geometry.Axis.span",
    size=NATURAL, stride=POSITIVE, dilation=POSITIVE, before=INTEGER,
    o0=NATURAL, o1=NATURAL, k0=NATURAL, k1=NATURAL, output=NATURAL, tap=NATURAL,
)  # fmt: skip
def span_reads_what_the_definition_says(
    check: Check, size: Any, stride: Any, dilation: Any, before: Any,
    o0: Any, o1: Any, k0: Any, k1: Any, output: Any, tap: Any,
) -> None:  # fmt: skip
    """Each output and tap of a tile reads one pixel of its span: the definition's, or padding.

    Output o under tap k lies at place (o - o0) * stride + (k - k0) * dilation of the span. The
    place is within the span, and it is between ``lo`` and ``hi`` exactly where the image has the
    pixel o * stride + k * dilation - before.
    """
    axis = _geometry.Axis(size, k1, stride, dilation, before, 0, o1)
    check.assume(both(o0 <= output, output < o1, k0 <= tap, tap < k1))
    for small, large, by in (
        (o0 - 1, output, stride), (output, o1, stride), (k0 - 1, tap, dilation), (tap, k1, dilation)
    ):  # fmt: skip
        check.lemma(product_grows(small, large, by))
    span = axis.span((o0, o1), (k0, k1))
    place = (output - o0) * stride + (tap - k0) * dilation
    pixel = output * stride + tap * dilation - before
    check.holds(both(place >= 0, place < span.length), "the place lies within the span")
    check.holds(span.first + place == pixel, "the place is the pixel's")
    inside = both(span.lo <= place, place < span.hi)
    check.holds(same(inside, both(pixel >= 0, pixel < size)), "pixels are read, padding is not")
    check.holds(both(span.lo >= 0, span.lo <= span.hi, span.hi <= span.length), "lo <= hi")


@theorem(
    "npconv._geometry.Axis.meeting",
    size=NATURAL, stride=POSITIVE, dilation=POSITIVE, before=INTEGER,
    o0=NATURAL, o1=NATURAL, tap=NATURAL, output=INTEGER,
)  # fmt: skip
def meeting_gives_the_outputs_that_meet_pixels(
    check: Check, size: Any, stride: Any, dilation: Any, before: Any,
    o0: Any, o1: Any, tap: Any, output: Any,
) -> None:  # fmt: skip
    """Under a tap, the outputs that are given are those that meet pixels, at the places given.

    Both slices have one length; the n-th output of one meets the n-th pixel of the other.
    """
    axis = _geometry.Axis(size, tap + 1, stride, dilation, before, 0, o1)
    check.assume(o0 <= o1)
    outputs, pixels = axis.meeting((o0, o1), tap)
    pixel = output * stride + tap * dilation - before
    met = both(o0 <= output, output < o1, pixel >= 0, pixel < size)
    given = both(outputs.start <= output - o0, output - o0 < outputs.stop)
    for small, large in _pairs(outputs.start + o0, outputs.stop + o0, output):
        check.lemma(product_grows(small, large, stride))
    check.holds(same(met, given), "the outputs are those that meet pixels")
    place = output - o0 - outputs.start
    check.holds(
        implies(given, pixels.start + place * pixels.step == pixel), "and these are the pixels"
    )
    count = outputs.stop - outputs.start
    check.holds(count >= 0, "the range is none that runs back")
    reached = both(
        pixels.step == stride,
        implies(count > 0, both(pixels.start >= 0, pixels.start + (count - 1) * stride < size)),
        implies(count > 0, pixels.start + (count - 1) * stride < pixels.stop),
        implies(count > 0, pixels.stop <= pixels.start + (count - 1) * stride + stride),
    )
    check.holds(reached, "the slice of the pixels has as many, none outside of the image")


def _pairs(*values: Any) -> Any:
    return ((a, b) for a in values for b in values if a is not b)
