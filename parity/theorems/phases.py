"""Phases: convolutions that make up one of which every r-th pixel, or output, is one by itself."""

from __future__ import annotations

from typing import Any

from npconv import _gradients, _phases
from npconv._geometry import Axis, Geometry
from parity.theorems import tensorflow
from parity.theorems.divisors import Steps
from parity.theorems.models import Range, compare, greatest, least, length, ranges
from parity.theorems.symbolic import both, product_grows, same
from parity.theorems.theorem import INTEGER, NATURAL, POSITIVE, Check, Domain, modelled, theorem


class _Class:
    """The taps of an axis that are a step apart."""

    def __init__(self, steps: Steps, which: Any) -> None:
        self.steps, self.which, axis = steps, which, steps.axis
        self.skipped, self.first = divmod(axis.dilation * which - axis.before, axis.stride)

    def place(self, output: Any, number: Any) -> Any:
        """Return the number of the pixel that an output meets under a tap of a number."""
        steps, axis = self.steps, self.steps.axis
        one, other = axis.dilation * steps.step, steps.spacing * axis.stride
        steps.check.holds(number * one == number * other, "as many steps and spacings")
        return output + number * steps.spacing + self.skipped

    def known(self, number: Any, place: Any) -> None:
        """Say what is known of products, of a tap and a pixel."""
        steps, axis = self.steps, self.steps.axis
        last = (self.first + axis.before - axis.dilation * self.which) // axis.stride
        steps.equal(last, -self.skipped, axis.stride)
        self.pixels = Range((self.first, axis.size, axis.stride)).length
        self.taps = Range((self.which, axis.kernel, axis.stride // steps.gcd)).length
        compare(steps.check, steps.step, number, self.taps, self.taps - 1, 0, -1)
        compare(steps.check, steps.spacing, number, self.taps, self.taps - 1, 0, -1)
        compare(steps.check, axis.stride, place, self.pixels, self.pixels - 1, 0, -1)

    def parts(self, turn: Any) -> list[_phases._Along]:
        """Run the function, whose loop has one turn."""
        loops, steps = ranges(self.steps.check, turn), self.steps
        choices = {"min": least, "max": greatest}
        with modelled(_phases, range=loops, len=length, gcd=steps.model, **choices):
            return _phases._along_stride(steps.axis)


AXIS: dict[str, Domain] = {
    "size": NATURAL, "kernel": POSITIVE, "stride": POSITIVE, "dilation": POSITIVE,
    "before": INTEGER, "outputs": NATURAL,
}  # fmt: skip


@theorem("npconv._phases._along_stride", **AXIS, output=NATURAL, tap=NATURAL)
def each_tap_that_meets_a_pixel_is_in_a_part(
    check: Check, output: Any, tap: Any, **given: Any
) -> None:
    """What output o adds to pixel o * stride + k * dilation - before under tap k, a part adds.

    It is the part of the tap's class. It has the pixel among its targets and the tap among its
    taps, and its convolution, of stride 1 and reversed taps, reads the output there.
    """
    axis = Axis(**given, after=0)
    pixel = tensorflow.reads(output, tap, axis.stride, axis.dilation, axis.before)
    check.assume(both(output < axis.outputs, tap < axis.kernel, pixel >= 0, pixel < axis.size))
    steps = Steps(check, axis)
    number, which = divmod(tap, axis.stride // steps.gcd)
    one = _Class(steps, which)
    place = one.place(output, number)
    one.known(number, place)
    check.holds(pixel == place * axis.stride + one.first, "the number of the pixel")
    check.holds(both(place >= 0, place < one.pixels), "the pixel is one of them")
    check.holds(both(number >= 0, number < one.taps), "the tap is in its class")
    parts = one.parts(lambda _: which)
    check.holds(len(parts) == 1, "the class has a part")
    for part, source, taps, target in parts:
        check.holds(
            both(target.start + place * target.step == pixel, target.start >= 0), "the target"
        )
        check.holds(both(taps.start + number * taps.step == tap, taps.start >= 0), "the tap")
        check.holds(both(target.stop == axis.size, taps.stop == axis.kernel), "and their ends")
        turned = part.kernel - 1 - number
        check.holds(both(turned >= 0, place < part.outputs), "both are the convolution's")
        reads = tensorflow.reads(place, turned, part.stride, part.dilation, part.before)
        check.holds(source.start + reads == output, "it reads the output")
        check.holds(both(reads >= 0, reads < part.size), "and no padding")


@theorem("npconv._phases._along_stride", **AXIS, which=NATURAL, number=NATURAL, place=NATURAL)
def a_part_adds_nothing_else(
    check: Check, which: Any, number: Any, place: Any, **given: Any
) -> None:
    """What a part multiplies is an output and a tap that meet the target, or padding.

    It is padding exactly where there is no such output, so that zeros stand for nothing else. The
    pads make as many pixels as there are targets, and none is negative.
    """
    axis = Axis(**given, after=0)
    one = _Class(Steps(check, axis), which)
    one.known(number, place)
    parts = one.parts(which)
    if not parts:
        return
    part, source, taps, target = parts[0]
    check.assume(both(number < part.kernel, place < part.outputs))
    turned = part.kernel - 1 - number
    reads = tensorflow.reads(place, turned, part.stride, part.dilation, part.before)
    output, tap = source.start + reads, taps.start + number * taps.step
    check.holds(one.place(output, number) == place, "the number of the pixel")
    pixel = tensorflow.reads(output, tap, axis.stride, axis.dilation, axis.before)
    check.holds(pixel == target.start + place * target.step, "they meet the target")
    check.holds(both(pixel >= 0, pixel < axis.size, target.start >= 0), "which is a pixel")
    check.holds(both(tap >= 0, tap < axis.kernel, taps.start >= 0), "by a tap")
    there = both(reads >= 0, reads < part.size)
    check.holds(same(there, both(output >= 0, output < axis.outputs)), "all outputs are there")
    check.holds(both(part.before >= 0, part.after >= 0), "pads are not negative")
    made = part.size + part.before + part.after - (part.kernel - 1) * part.dilation
    check.holds(made == part.outputs, "as many as there are targets")
    check.holds(both(source.start >= 0, source.stop <= axis.outputs), "the source is there")
    check.holds(source.stop - source.start == part.size, "and of the part's size")


@theorem("npconv._phases._along_stride", **AXIS, first=NATURAL, second=NATURAL)
def parts_share_no_pixel_and_no_tap(check: Check, first: Any, second: Any, **given: Any) -> None:
    """Targets of two parts have no pixel in common, and their classes no tap.

    Both are progressions of one step each, whose first members differ and are less than the step.
    """
    check.assume(first < second)
    axis = Axis(**given, after=0)
    steps = Steps(check, axis)
    ones, others = _Class(steps, first), _Class(steps, second)
    if not (found := ones.parts(first)) or not (more := others.parts(second)):
        return
    (*_, taps, target), (*_, classes, another) = found[0], more[0]
    check.holds(both(taps.start != classes.start, taps.step == classes.step), "the classes are two")
    for of in (taps, classes):
        check.holds(both(of.start >= 0, of.start < of.step), "of one step")
    for at in (target, another):
        check.holds(both(at.step == axis.stride, at.start >= 0, at.start < at.step), "pixels, too")
    if target.start == another.start:  # then the step would divide what the taps are apart
        apart, strides = second - first, others.skipped - ones.skipped
        a, b = steps.step, steps.spacing
        check.holds((b * apart - a * strides) * steps.gcd == 0, "whole strides")
        steps.equal(b * apart, a * strides, steps.gcd)
        times = steps.u * apart + steps.v * strides
        check.holds(steps.v * (b * apart) == steps.v * (a * strides), "and times v")
        check.holds((steps.u * a + steps.v * b) * apart == apart, "by Bezout")
        check.holds(times * a == apart, "a multiple of the step")
        check.lemma(product_grows(0, times, a))
        check.lemma(product_grows(times, 0, a))
    check.holds(target.start != another.start, "the targets are two")


@theorem("npconv._phases._along_dilation", **AXIS, output=NATURAL, tap=NATURAL)
def each_output_is_in_its_phase(check: Check, output: Any, tap: Any, **given: Any) -> None:
    """Output o is one of phase o % dilation, and reads there what TensorFlow's rule says.

    Where the rule says padding, the phase reads padding. Each phase begins at an output of its own
    within the first dilation, so that an output is in no other.
    """
    axis = Axis(**given, after=0)
    check.assume(both(output < axis.outputs, tap < axis.kernel))
    number, which = divmod(output, axis.dilation)
    with modelled(_phases, range=ranges(check, lambda _: which), len=length, min=least):
        found = _phases._along_dilation(axis)
    part, source, taps, target = found[0]
    check.holds(both(target.start == which, target.step == axis.dilation), "outputs of a phase")
    check.holds(target.start + number * target.step == output, "of which it is one")
    compare(check, axis.dilation, number, part.outputs, part.outputs - 1, 0, -1)
    check.holds(both(number >= 0, number < part.outputs), "and computed")
    check.holds(both(taps == slice(None), part.kernel == axis.kernel), "by all taps")
    reads = tensorflow.reads(number, tap, part.stride, part.dilation, part.before)
    pixel = tensorflow.phased_reads(output, tap, axis.stride, axis.dilation, axis.before)
    check.holds(source.start + reads * source.step == pixel, "the pixel is TensorFlow's")
    check.holds(both(source.start >= 0, source.start < axis.dilation), "from within the first step")
    compare(check, axis.dilation, reads, part.size, part.size - 1, 0, -1)
    inside = both(reads >= 0, reads < part.size)
    check.holds(same(inside, both(pixel >= 0, pixel < axis.size)), "padding is read for padding")


@theorem(
    "npconv._phases.in_phases", padding=("SAME", "VALID", "EXPLICIT"),
    **{**AXIS, "before": NATURAL, "outputs": NATURAL}, after=NATURAL,
)  # fmt: skip
def phases_have_the_outputs_of_tensorflow(
    check: Check, padding: str, before: Any, after: Any, outputs: Any, **given: Any
) -> None:
    """Where strides count in phases, pads and number of outputs are those of TensorFlow's rule."""
    pads = (before, after) if padding == "EXPLICIT" else padding
    axis = _phases.in_phases(Axis(**given, before=before, after=after, outputs=outputs), pads)
    padded, dilation = given["size"] + axis.before + axis.after, given["dilation"]
    fewer, rest = divmod(-padded, dilation)
    for phase in ((padded + rest) // dilation, (padded + dilation - 1) // dilation):
        compare(check, dilation, phase, -fewer)
        check.holds(phase == -fewer, "phases of one length")
    rule = tensorflow.phased(**given, padding=padding, before=before, after=after)
    check.holds(axis.outputs == rule[0], "the outputs")
    check.holds(both(axis.before == rule[1], axis.after == rule[2]), "the pads")
    for name, value in given.items():
        check.holds(getattr(axis, name) == value, f"{name} is as before")


@theorem(
    "npconv._phases.apart", stride=POSITIVE, other_stride=POSITIVE,
    dilation=POSITIVE, other_dilation=POSITIVE, output=NATURAL, tap=NATURAL, before=INTEGER,
)  # fmt: skip
def other_axes_need_no_phases(
    check: Check, stride: Any, other_stride: Any, dilation: Any, other_dilation: Any,
    output: Any, tap: Any, before: Any,
) -> None:  # fmt: skip
    """Where no phases are made, TensorFlow's rule for phases reads what a convolution reads.

    Phases are made where one of two axes has a stride, and one a dilation.
    """
    steps = (stride, dilation), (other_stride, other_dilation)
    axes = tuple(Axis(1, 1, *step, 0, 0, 1) for step in steps)
    if _phases.apart(Geometry(axes, 1, 1, 1)):
        check.holds((stride > 1) | (other_stride > 1), "a stride")
        check.holds((dilation > 1) | (other_dilation > 1), "a dilation")
        return
    for step in steps:
        compare(check, step[1], output, output // step[1])
        reads = tensorflow.reads(output, tap, *step, before)
        check.holds(tensorflow.phased_reads(output, tap, *step, before) == reads, "the pixel")


@theorem(
    "npconv._gradients.folded", **AXIS, channels=POSITIVE, groups=POSITIVE, filters=POSITIVE,
    output=NATURAL, tap=NATURAL, channel=NATURAL,
)  # fmt: skip
def folded_columns_are_the_same_elements(
    check: Check, channels: Any, groups: Any, filters: Any, output: Any, tap: Any, channel: Any,
    **given: Any,
) -> None:  # fmt: skip
    """Folded columns lie where they lay: a tap of an output's channel is a channel of that output.

    Of images, of which an output's are neighbours, as of filters. A row has as many elements.
    """
    axis = Axis(**given, after=0)
    check.assume(both(output < axis.outputs, tap < axis.kernel, channel < channels))
    geometry = Geometry((axis,), channels * groups, channels, filters)
    check.holds(geometry.groups == groups, "the groups")
    folded = _gradients.folded(geometry)
    if folded is geometry:
        return
    check.holds(groups == 1, "channels of one group")
    one, width = folded.axes[0], folded.in_channels
    pixel = tensorflow.reads(output, tap, axis.stride, axis.dilation, axis.before)
    check.holds(both(pixel >= 0, pixel < axis.size), "no padding")
    check.holds(one.size * width == axis.size * channels, "as many elements")
    check.holds(one.kernel * folded.filter_channels == axis.kernel * channels, "of a filter, too")
    check.holds(both(folded.out_channels == filters, one.outputs == axis.outputs), "the outputs")
    moved = tap * channels + channel  # which is its place in the filters, too
    check.lemma(product_grows(tap, axis.kernel, channels))
    check.holds(both(moved >= 0, moved < width), "a channel of the output")
    reads = tensorflow.reads(output, 0, one.stride, one.dilation, one.before)
    check.holds(reads * width + moved == pixel * channels + channel, "the element of the pixel")
