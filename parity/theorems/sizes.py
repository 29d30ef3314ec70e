"""Numbers of outputs and pads, beside TensorFlow's rule."""

from __future__ import annotations

from typing import Any

from npconv import _geometry
from parity.theorems import tensorflow
from parity.theorems.symbolic import both, implies, product_grows, same
from parity.theorems.theorem import INTEGER, NATURAL, POSITIVE, Check, Domain, theorem

PADDINGS = ("SAME", "VALID", "EXPLICIT")
_RESOLVE = "npconv._geometry.Axis.resolve"
_ANY: dict[str, Domain] = {
    "size": NATURAL,
    "kernel": NATURAL,
    "stride": POSITIVE,
    "dilation": POSITIVE,
    "padding": PADDINGS,
    "before": NATURAL,
    "after": NATURAL,
}


def resolved(
    size: Any, kernel: Any, stride: Any, dilation: Any, padding: str, before: Any, after: Any
) -> _geometry.Axis:
    """Return npconv's axis."""
    pads = (before, after) if padding == "EXPLICIT" else padding
    return _geometry.Axis.resolve(size, kernel, stride, dilation, pads)


@theorem(_RESOLVE, **_ANY)
def outputs_and_pads_are_tensorflows(check: Check, **given: Any) -> None:
    """The outputs and the zeros before and after an axis are TensorFlow's, for all integers.

    For SAME, VALID and explicit padding, kernels without taps and calls that TensorFlow refuses
    (whose outputs are negative) among them.
    """
    axis = resolved(**given)
    outputs, before, after = tensorflow.window(**given)
    check.holds(axis.outputs == outputs, "as many outputs")
    check.holds(both(axis.before == before, axis.after == after), "the same zeros")


@theorem(_RESOLVE, **_ANY)
def windows_fit(check: Check, **given: Any) -> None:
    """All windows lie in the padded image, and without SAME no further one would.

    Under SAME there are as many as there are strides begun within the image, and the zeros after
    are as many as those before, or one more.
    """
    axis = resolved(**given)
    size, stride = given["size"], given["stride"]
    extent = (given["kernel"] - 1) * given["dilation"] + 1
    padded = axis.before + size + axis.after
    end = (axis.outputs - 1) * stride + extent
    check.holds(implies(axis.outputs > 0, end <= padded), "the last window lies inside")
    if given["padding"] == "SAME":
        begun = both((axis.outputs - 1) * stride < size, size <= axis.outputs * stride)
        check.holds(begun, "a window for each stride that is begun")
        odd = axis.after - axis.before
        check.holds(both(axis.before >= 0, odd >= 0, odd <= 1), "the odd zero comes after")
    else:
        check.holds(implies(axis.outputs >= 0, end + stride > padded), "one more does not fit")


@theorem("npconv._geometry.Axis.sizes", outputs=NATURAL, **_ANY)
def transposes_take_the_sizes_that_give_their_input(
    check: Check, outputs: Any, **given: Any
) -> None:
    """The sizes named for a transpose are just those whose convolution has so many outputs.

    So TensorFlow decides which ``output_shape`` a transpose takes.
    """
    size, padding = given["size"], given["padding"]
    pads = (given["before"], given["after"]) if padding == "EXPLICIT" else padding
    steps = given["kernel"], given["stride"], given["dilation"], pads
    least, most = _geometry.Axis.sizes(outputs, *steps)
    found, _, _ = tensorflow.window(**given)
    for small, large in ((found, outputs), (outputs, found)):
        check.lemma(product_grows(small, large, given["stride"]))
    named = both(least <= size, size <= most)
    check.holds(same(named, found == outputs), "named are those that give so many outputs")


@theorem(
    _RESOLVE,
    **(_ANY | {"kernel": POSITIVE}),
    output=NATURAL, tap=NATURAL, pixel=NATURAL,
)  # fmt: skip
def tensorflows_gradient_is_the_definitions(
    check: Check, output: Any, tap: Any, pixel: Any, **given: Any
) -> None:
    """What TensorFlow's gradients multiply by a tap is what the definition says.

    They stretch the gradient by the outputs with zeros, pad it and convolve it at stride 1 with the
    kernel turned round. A pixel meets an output under a tap there exactly where the output reads
    that pixel under that tap; there is a result for each pixel, and no output is cut off.
    """
    size, kernel = given["size"], given["kernel"]
    stride, dilation = given["stride"], given["dilation"]
    axis = resolved(**given)
    check.assume(both(axis.outputs > 0, output < axis.outputs, tap < kernel, pixel < size))
    outputs, first, _ = tensorflow.window(**given)
    check.holds(axis.outputs == outputs, "as many outputs")
    check.holds(axis.before == first, "pads are npconv's")
    stretched, head, tail = tensorflow.gradient(**given)
    for small, large, by in ((output, axis.outputs, stride), (tap, kernel, dilation)):
        check.lemma(product_grows(small, large, by))
    turned = kernel - 1 - tap
    place = tensorflow.reads(pixel, turned, 1, dilation, head)
    read = tensorflow.reads(output, tap, stride, dilation, axis.before)
    check.holds(place - output * stride == pixel - read, "the same pixel, output and tap")
    length = head + stretched + tail - (kernel - 1) * dilation
    check.holds(length == size, "a result for each pixel")
    inside = both(output * stride >= 0, output * stride < stretched)
    check.holds(inside, "no output is cut off")


_INT31 = 2**31
_STEPS = ("size", "kernel", "stride", "dilation", "before", "after")


@theorem(**_ANY)
def nothing_leaves_int64(check: Check, **given: Any) -> None:
    """No integer on TensorFlow's way to outputs, pads and gradients leaves int64.

    For sizes, kernels, strides, dilations and pads below 2**31, which the kernels ask for.
    """
    check.assume(both(*(given[name] < _INT31 for name in _STEPS)))
    check.lemma(product_grows(given["kernel"] - 1, _INT31, given["dilation"]))
    check.lemma(product_grows(given["dilation"], _INT31, _INT31))
    least, most = tensorflow.INT64

    values: list[Any] = []

    def seen(value: Any) -> Any:
        values.append(value)
        return value

    tensorflow.window(**given, seen=seen)
    tensorflow.gradient(**given, seen=seen)
    check.holds(both(*(least <= one for one in values)), "none is too small")
    check.holds(both(*(one <= most for one in values)), "none is too large")


@theorem(_RESOLVE, size=NATURAL, kernel=POSITIVE, stride=POSITIVE)
def conv3d_differs_where_pixels_are_left(check: Check, size: Any, kernel: Any, stride: Any) -> None:
    """SAME in TensorFlow's conv3d is npconv's unless its last stride leaves two pixels or more.

    There its windows begin late (`conv3d-same` in the ledger), and nowhere else.
    """
    axis = _geometry.Axis.resolve(size, kernel, stride, 1, "SAME")
    outputs, before, _ = tensorflow.conv3d_same(size, kernel, stride)
    left = size - kernel - (outputs - 1) * stride
    check.holds(axis.outputs == outputs, "as many outputs")
    check.holds(same(axis.before == before, left < 2), "pads differ exactly there")


@theorem(small=INTEGER, large=INTEGER, by=INTEGER)
def products_grow(check: Check, small: Any, large: Any, by: Any) -> None:
    """Of small < large and by >= 0 follows small * by + by <= large * by: the proofs' lemma."""
    check.holds(product_grows(small, large, by), "the lemma")
