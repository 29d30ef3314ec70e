"""What TensorFlow's shape inference says of axes, and what it is expected to say.

It has two rules.  Convolutions and pools add and subtract step by step, with a check at each, and
refuse what gives no output, also where the kernel gives an empty one.  Dilation2D and extracted
patches call the kernels' own `GetWindowedOutputSizeVerbose`, in which int64 goes round.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from parity.theorems import tensorflow as rules

Rule = Callable[..., rules.Window]
Rng = np.random.Generator
LARGEST, INT32 = rules.INT64[1], 2**31


class Along(NamedTuple):
    """The arguments of `window`."""

    size: int
    kernel: int
    stride: int
    dilation: int
    padding: str
    before: int = 0
    after: int = 0


class Operation(NamedTuple):
    """What has shape inference: its axes, what its arguments are called, and which rule it has.

    `bits` are those of its largest kernel.
    """

    name: str
    axes: int
    image: str = "input"
    kernel: str = "ksize"
    dilations: str = ""
    explicit: bool = False
    verbose: bool = False
    bits: int = 30


OPERATIONS = (
    Operation("Conv2D", 2, "input", "filter", "dilations", explicit=True, bits=62),
    Operation("DepthwiseConv2dNative", 2, "input", "filter", "dilations", explicit=True, bits=62),
    Operation("Conv3D", 3, "input", "filter", "dilations", bits=62),
    Operation("MaxPool", 2, explicit=True),
    Operation("AvgPool", 2, "value"),
    Operation("MaxPool3D", 3),
    Operation("Dilation2D", 2, "input", "filter", "rates", verbose=True, bits=62),
    # These hold a dilated kernel's extent in an int32.
    Operation("ExtractImagePatches", 2, "images", "ksizes", "rates", verbose=True, bits=15),
    Operation("ExtractVolumePatches", 3, "input", "ksizes", verbose=True, bits=20),
)


class Refused(Exception):
    """A refusal: of which kind, in which words."""


def drawn(rng: Rng, of: Operation) -> list[Along]:
    """Draw the axes of a call; in one of thirty a single argument is wrong."""
    padding = str(rng.choice(["SAME", "VALID", "EXPLICIT"][: 2 + of.explicit]))
    bits = [of.bits] * of.axes
    if of.bits == 62:  # no array has more than 2**63 - 1 elements
        alone = [62] + [0] * (of.axes - 1)
        bits = rng.permutation(alone).tolist() if rng.random() < 0.5 else [62 // of.axes] * of.axes
    axes = [_axis(rng, of, padding, most) for most in bits]
    if rng.random() < 1 / 30:
        wrong = [("stride", 0), ("stride", -3), ("stride", INT32)]
        if of.dilations == "dilations":
            wrong += [("dilation", 0), ("dilation", -2), ("dilation", INT32)]
        wrong += [("before", -1)] * (padding == "EXPLICIT")
        which, place = rng.integers(len(wrong)), rng.integers(of.axes)
        axes[place] = axes[place]._replace(**dict([wrong[which]]))  # type: ignore[arg-type]
    return axes


def _axis(rng: Rng, of: Operation, padding: str, bits: int) -> Along:
    """Draw an axis of any magnitude; half of the sizes lie where one window more or less fits."""
    magnitude = int(rng.choice([2, 3, 5, 12, 31, 62]))

    def number(most: int) -> int:
        return int(rng.integers(2 ** rng.integers(min(magnitude, most) + 1)))

    stride, kernel = number(30) + 1, number(bits) + (rng.random() < 0.97)
    dilation = 1 + (number(min(of.bits, 30)) if of.dilations and rng.random() < 0.7 else 0)
    before, after = (number(62), number(62)) if padding == "EXPLICIT" else (0, 0)
    size, chance = number(62), rng.random()
    if magnitude == 62 and chance < 0.4:  # about the largest int64
        size = LARGEST - number(31) if chance < 0.2 else size * (chance > 0.25)
        before, after = (2**62, 2**62) if before > 2**61 else (before, after)
        if of.dilations and bits == 62:
            dilation = int(rng.choice([7, 73, 127, 337]))  # these divide it
            kernel = LARGEST // dilation + int(rng.integers(3))
    elif chance > 0.5:
        shift = int(rng.integers(-3, 4)) * stride + int(rng.integers(-1, 2))
        size = rules.extent(kernel, dilation) - before - after + shift
    size = max(0, min(size, LARGEST))
    return Along(size, kernel, stride, dilation, padding, before, after)


def inferred(tf: Any, of: Operation, axes: list[Along]) -> list[int] | str:
    """Return the outputs that shape inference finds along some axes, or how it refuses."""
    named: dict[str, Any] = {"strides": [1, *(axis.stride for axis in axes), 1]}
    named["padding"], kernel = axes[0].padding, [axis.kernel for axis in axes]
    if axes[0].padding == "EXPLICIT":
        pads = [pad for axis in axes for pad in axis[-2:]]
        named["explicit_paddings"] = [0, 0, *pads, 0, 0]
    if of.dilations:
        named[of.dilations] = [1, *(axis.dilation for axis in axes), 1]
    depth = [None] if of.name == "Dilation2D" else [1, None]  # unknown: no product overflows
    image = [None, *(axis.size for axis in axes), depth[0]]
    named[of.image] = tf.compat.v1.placeholder(tf.float32, image)
    if of.kernel == "filter":
        named["filter"] = tf.compat.v1.placeholder(tf.float32, [*kernel, *depth])
    else:
        named[of.kernel] = [1, *kernel, 1]
    try:
        result = getattr(tf.raw_ops, of.name)(**named)
    except ValueError as error:
        return str(error).partition(" for '{{")[0]
    return list(result.shape.as_list()[1 : 1 + of.axes])


def expected(of: Operation, axes: list[Along], rule: Rule) -> list[int]:
    """Return the outputs by a rule, as an int64 holds them; `Refused` has the number of axes."""
    axes = taken(of, axes)
    for name in ("stride", "dilation"):
        if max(getattr(axis, name) for axis in axes) >= INT32:
            said = f"Attr {name}s has value {INT32} out of range for an int32"
            raise Refused("beyond int32", said, 1)
    if min(axis.before for axis in axes) < 0:
        said = "All elements of explicit_paddings must be nonnegative"
        raise Refused("negative pads", said, 1)
    for count, axis in enumerate(axes, 1):
        try:
            (_verbose if of.verbose else _stepwise)(axis, rule)
        except Refused as refused:
            raise Refused(*refused.args, count) from None
    return [rule(*axis, seen=wrapped)[0] for axis in axes]


def taken(of: Operation, axes: list[Along]) -> list[Along]:
    """Return the axes as an operation's shape inference takes them, which has two faults.

    Conv3D dilates rows by what is given for columns, and columns by what is given for rows: a graph
    knows another shape than its result has.  The depthwise one takes the first dilation beyond
    int32, and those after it, for 1.
    """
    dilations = [axis.dilation for axis in axes]
    if of.name == "Conv3D":
        dilations[1:] = reversed(dilations[1:])
    elif of.name == "DepthwiseConv2dNative" and max(dilations) >= INT32:
        first = next(place for place, one in enumerate(dilations) if one >= INT32)
        dilations[first:] = [1] * (of.axes - first)
    return [one._replace(dilation=by) for one, by in zip(axes, dilations, strict=True)]


def wrapped(value: int) -> int:
    """Return what an int64 holds that goes round."""
    return (value - rules.INT64[0]) % 2**64 + rules.INT64[0]


def _verbose(axis: Along, rule: Rule) -> None:
    """Raise `Refused` where the kernels' rule does."""
    if axis.stride < 1:
        raise Refused("stride below 1", f"Stride must be > 0, but got {axis.stride}")
    if (outputs := rule(*axis, seen=wrapped)[0]) < 0:
        kind = "fewer than 0 outputs" if outputs == rule(*axis)[0] else "int64 gone round"
        raise Refused(kind, negative(axis, outputs))


def negative(axis: Along, outputs: int) -> str:
    """Return in which words a kernel refuses an axis."""
    reach = wrapped(rules.extent(axis.kernel, axis.dilation))
    said = f"[input_size: {axis.size}, effective_filter_size: {reach}, stride: {axis.stride}]"
    return f"Computed output size would be negative: {outputs} {said}"


def _stepwise(axis: Along, rule: Rule) -> None:
    """Raise `Refused` where a step does, if the rule agrees that there is no output."""
    size, kernel, stride, dilation, padding, before, after = axis
    if stride < 1:
        raise Refused("stride below 1", f"Stride must be > 0, but got {stride}")
    if dilation < 1:
        raise Refused("dilation below 1", f"Dilation rate must be >= 1, but got {dilation}")
    if padding == "SAME":
        _added(size, stride - 1)
        return
    padded, reach = _added(size, wrapped(before + after)), kernel
    if dilation > 1:
        if kernel < 1:
            raise Refused("no taps, dilated", _LESS.format(1, 0))
        if (kernel - 1) * dilation > LARGEST:
            said = f"overflow when multiplying {kernel - 1} and {dilation}"
            raise Refused("beyond int64", f"Negative dimension size caused by {said}")
        reach = _added((kernel - 1) * dilation, 1)
    if reach and padded < reach and (padded < 0 or rule(*axis)[0] < 1):
        kind = "no output" if padded >= 0 else "beyond int64"
        raise Refused(kind, _LESS.format(reach, padded))
    _added(padded - reach, stride)


_LESS = "Negative dimension size caused by subtracting {} from {}"


def _added(a: int, b: int) -> int:
    """Return a sum as shape inference does, which looks for overflow where neither is 0."""
    if a and b and wrapped(a + b) < 0:
        raise Refused("beyond int64", f"Dimension size overflow from adding {a} and {b}")
    return wrapped(a + b)
