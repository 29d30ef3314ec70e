"""Phases: convolutions that make up one of which every r-th pixel, or output, is one by itself."""

from __future__ import annotations

from math import gcd
from typing import Any

from npconv import _phases
from npconv._geometry import Axis
from parity.theorems.models import Range, length, ranges
from parity.theorems.symbolic import Int, both, implies, path, product_grows, same
from parity.theorems.theorem import INTEGER, NATURAL, POSITIVE, Check, modelled, theorem


class _Steps:
    """The greatest common divisor of stride and dilation, and what it leaves of both.

    There are u and v with u * step + v * spacing == 1; all positive integers have such, and what
    has them is the greatest.
    """

    def __init__(self, check: Check, stride: Any, dilation: Any) -> None:
        self.check, self.stride, self.dilation = check, stride, dilation
        if isinstance(stride, Int):
            names = ("gcd", "step", "spacing", "u", "v")
            self.gcd, self.step, self.spacing, self.u, self.v = map(path().fresh, names)
            check.assume(both(self.gcd > 0, self.step > 0, self.spacing > 0))
            check.assume(both(stride == self.gcd * self.step, dilation == self.gcd * self.spacing))
            check.assume(self.u * self.step + self.v * self.spacing == 1)
        else:
            self.gcd = gcd(stride, dilation)
            self.step, self.spacing = stride // self.gcd, dilation // self.gcd
            self.u = pow(self.step, -1, self.spacing)
            self.v = (1 - self.u * self.step) // self.spacing
        # As the function divides, without a rest.
        step = stride // self.gcd
        self.equal(step, self.step, self.gcd)
        self.equal(dilation * step // stride, self.spacing, stride)
        check.holds(dilation * self.step == self.spacing * stride, "steps and spacings")

    def equal(self, one: Any, other: Any, by: Any) -> None:
        """State that two factors are equal whose products by the same are."""
        self.check.lemma(product_grows(one, other, by))
        self.check.lemma(product_grows(other, one, by))
        self.check.holds(one == other, "equal products have equal factors")

    def model(self, one: Any, other: Any) -> Any:
        """Return the divisor in place of ``gcd``."""
        self.check.holds(both(one == self.stride, other == self.dilation), "the gcd of the axis")
        return self.gcd


class _Class:
    """The taps of an axis that are a step apart."""

    def __init__(self, steps: _Steps, axis: Axis, which: Any) -> None:
        self.check, self.steps, self.axis, self.which = steps.check, steps, axis, which
        self.skipped, self.first = divmod(axis.dilation * which - axis.before, axis.stride)
        last = (self.first + axis.before - axis.dilation * which) // axis.stride
        steps.equal(last, -self.skipped, axis.stride)
        self.pixels = length(Range((self.first, axis.size, axis.stride), int))
        self.taps = length(Range((which, axis.kernel, axis.stride // steps.gcd), int))

    def place(self, output: Any, number: Any) -> Any:
        """Return the number of the pixel that an output meets under a tap of a number."""
        steps, axis = self.steps, self.axis
        one, other = axis.dilation * steps.step, steps.spacing * axis.stride
        self.check.holds(number * one == number * other, "as many steps and spacings")
        return output + number * steps.spacing + self.skipped

    def known(self, number: Any, place: Any) -> None:
        """Say what is known of products, of a tap and a pixel."""
        steps = self.steps
        for one, size, by in (
            (number, self.taps, steps.step), (place, self.pixels, self.axis.stride),
            (number, self.taps, steps.spacing),
        ):  # fmt: skip
            for small, large in ((one, size), (size - 1, one), (one, 0), (-1, one), (one, size - 1)):
                self.check.lemma(product_grows(small, large, by))

    def parts(self, turn: Any) -> list[tuple[Axis, slice, slice, slice]]:
        """Run the function, whose loop has one turn."""
        model = {"range": ranges(self.check, turn), "len": length, "gcd": self.steps.model}
        with modelled(_phases, **model):
            return _phases._along_stride(self.axis)


@theorem(
    "npconv._phases._along_stride",
    size=NATURAL, kernel=POSITIVE, stride=POSITIVE, dilation=POSITIVE, before=INTEGER,
    outputs=NATURAL, output=NATURAL, tap=NATURAL,
)  # fmt: skip
def each_tap_that_meets_a_pixel_is_in_a_part(
    check: Check, size: Any, kernel: Any, stride: Any, dilation: Any, before: Any,
    outputs: Any, output: Any, tap: Any,
) -> None:  # fmt: skip
    """What output o adds to pixel o * stride + k * dilation - before under tap k, a part adds.

    It is the part of the tap's class. It has the pixel among its targets and the tap among its
    taps, and its convolution, of stride 1 and reversed taps, reads the output there.
    """
    pixel = output * stride + tap * dilation - before
    check.assume(both(output < outputs, tap < kernel, pixel >= 0, pixel < size))
    steps = _Steps(check, stride, dilation)
    number, which = divmod(tap, stride // steps.gcd)
    one = _Class(steps, Axis(size, kernel, stride, dilation, before, 0, outputs), which)
    place = one.place(output, number)
    one.known(number, place)
    check.holds(pixel == place * stride + one.first, "the number of the pixel")
    check.holds(both(place >= 0, place < one.pixels), "the pixel is a target")
    check.holds(both(number >= 0, number < one.taps), "the tap is in its class")
    parts = one.parts(lambda _: which)
    check.holds(len(parts) == 1, "the class has a part")
    (axis, source, taps, target), = parts
    check.holds(both(target.start + place * target.step == pixel, target.start >= 0), "the target")
    check.holds(both(taps.start + number * taps.step == tap, taps.start >= 0), "the tap")
    check.holds(target.stop == size, "the target's end")
    check.holds(taps.stop == kernel, "the end of the taps")
    turned = axis.kernel - 1 - number
    check.holds(both(turned >= 0, place < axis.outputs), "both are the convolution's")
    reads = place * axis.stride + turned * axis.dilation - axis.before
    check.holds(source.start + reads == output, "it reads the output")
    check.holds(both(reads >= 0, reads < axis.size, source.stop - source.start == axis.size), "inside")


@theorem(
    "npconv._phases._along_stride",
    size=NATURAL, kernel=POSITIVE, stride=POSITIVE, dilation=POSITIVE, before=INTEGER,
    outputs=NATURAL, which=NATURAL, number=NATURAL, place=NATURAL,
)  # fmt: skip
def a_part_adds_nothing_else(
    check: Check, size: Any, kernel: Any, stride: Any, dilation: Any, before: Any,
    outputs: Any, which: Any, number: Any, place: Any,
) -> None:  # fmt: skip
    """What a part multiplies is an output and a tap that meet the target, or padding.

    It is padding exactly where there is no such output, so that zeros stand for nothing else. The
    pads make as many pixels as there are targets, and none is negative.
    """
    steps = _Steps(check, stride, dilation)
    axis = Axis(size, kernel, stride, dilation, before, 0, outputs)
    one = _Class(steps, axis, which)
    one.known(number, place)
    parts = one.parts(which)
    if not parts:
        return
    (part, source, taps, target), = parts
    check.assume(both(number < part.kernel, place < part.outputs))
    turned = part.kernel - 1 - number
    reads = place * part.stride + turned * part.dilation - part.before
    output, tap = source.start + reads, taps.start + number * taps.step
    check.holds(one.place(output, number) == place, "the number of the pixel")
    pixel = output * stride + tap * dilation - before
    check.holds(pixel == target.start + place * target.step, "they meet the target")
    check.holds(both(pixel >= 0, pixel < size, target.start >= 0), "which is a pixel")
    check.holds(both(tap >= 0, tap < kernel, taps.start >= 0), "by a tap")
    there = both(reads >= 0, reads < part.size)
    check.holds(same(there, both(output >= 0, output < outputs)), "padding is what is not there")
    check.holds(both(part.before >= 0, part.after >= 0), "pads are not negative")
    padded = part.size + part.before + part.after
    check.holds(
        padded - (part.kernel - 1) * part.dilation == part.outputs, "as many as there are targets"
    )
    check.holds(both(source.start >= 0, source.stop <= outputs), "the source is there")
    check.holds(source.stop - source.start == part.size, "and of the part's size")


@theorem(
    "npconv._phases._along_stride",
    size=NATURAL, kernel=POSITIVE, stride=POSITIVE, dilation=POSITIVE, before=INTEGER,
    outputs=NATURAL, one=NATURAL, other=NATURAL,
)  # fmt: skip
def parts_share_no_pixel_and_no_tap(
    check: Check, size: Any, kernel: Any, stride: Any, dilation: Any, before: Any,
    outputs: Any, one: Any, other: Any,
) -> None:  # fmt: skip
    """Targets of two parts have no pixel in common, and their classes no tap.

    Both are progressions of one step each, whose first members differ and are less than the step.
    """
    check.assume(one < other)
    steps = _Steps(check, stride, dilation)
    axis = Axis(size, kernel, stride, dilation, before, 0, outputs)
    ones, others = (_Class(steps, axis, which) for which in (one, other))
    found = [part for each in (ones, others) for part in each.parts(each.which)]
    if len(found) < 2:
        return
    (*_, taps, target), (*_, more, another) = found
    check.holds(both(taps.start != more.start, taps.step == more.step), "the classes are two")
    for each in (taps, more):
        check.holds(both(each.start >= 0, each.start < each.step), "of one step")
    check.holds(both(target.step == stride, another.step == stride), "pixels are a stride apart")
    for each in (target, another):
        check.holds(both(each.start >= 0, each.start < stride), "from within the first stride")
    apart, strides = other - one, others.skipped - ones.skipped
    if target.start == another.start:  # then the step would divide what the taps are apart
        a, b, g = steps.step, steps.spacing, steps.gcd
        check.holds((b * apart - a * strides) * g == 0, "whole strides")
        check.lemma(product_grows(b * apart - a * strides, 0, g))
        check.lemma(product_grows(0, b * apart - a * strides, g))
        check.holds(b * apart == a * strides, "without the gcd")
        times = steps.u * apart + steps.v * strides
        check.holds(steps.v * (b * apart) == steps.v * (a * strides), "and times v")
        check.holds((steps.u * a + steps.v * b) * apart == apart, "by Bezout")
        check.holds(times * a == apart, "a multiple of the step")
        check.lemma(product_grows(0, times, a))
        check.lemma(product_grows(times, 0, a))
    check.holds(target.start != another.start, "the targets are two")
