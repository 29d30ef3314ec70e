"""Layers as people run them: the factors on which kernels branch, and which values fit together.

A kernel of a real library asks for the kernel's size, the stride, the kind of groups, multiples of
8 or 16 channels, how many outputs are left for a vector or a tile.  Each of these is a factor here
with all values that are worth a test; a layer has one value of each.  Two things decide whether
values fit together: groups have to divide both channels, and a layer may cost no more than `WORK`
and `ELEMENTS`.  Both are monotonic: the smallest layer that has some values tells whether there is
any.  No two values are too costly together (`parity/tests/examples/test_layers.py`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from itertools import product
from typing import Any, NamedTuple

from parity.model.axis import Axis
from parity.model.case import Case
from parity.model.geometry import Geometry
from parity.model.operation import OPERATIONS
from parity.model.subject import Scope

Pair = tuple[int, int]

WORK = 1 << 21
"""Multiply-adds of a layer, at the most."""
ELEMENTS = 1 << 18
"""Elements of input, filters and output together, at the most."""

NEAR = (1, 3, 4, 8, 16, 32, 64, 128)
"""The numbers of channels around which kernels change."""
CHANNELS: Mapping[int, tuple[int, str]] = {
    number: (near, off)
    for off, numbers in (
        ("three halves", [(near, 3 * near // 2) for near in NEAR if near % 2 == 0]),
        ("one less", [(near, near - 1) for near in NEAR if near > 1]),
        ("one more", [(near, near + 1) for near in NEAR]),
        ("itself", [(near, near) for near in NEAR]),  # the last says what a number is
    )
    for near, number in numbers
}
"""Every number of channels, and what it is: 17 is one more than 16."""
SUMS = (256, 512, 1024, 1152, 2304, 2305, 4608, 4609)
"""Lengths of sums: as a value of in_channels so many channels that KH * KW * C reaches it."""
SIZES = (1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33)
"""Rows and columns of the output: around the lengths of vectors and tiles."""
KINDS = ("none", "few", "many", "depthwise", "multiplied")
"""No groups; 2 to 4; more, each of a few channels; of one channel, with one filter or several."""
_FEW, _DEPTHS = (2, 3, 4), (2, 3, 4, 8)
_SUM_MULTIPLE = 12  # a long sum in few groups: every number of them divides it

VALUES: Mapping[str, tuple[Any, ...]] = {
    "kind": KINDS,
    "kernel": (
        *((size, size) for size in (1, 2, 3, 5, 7)),
        *((1, size) for size in (2, 3, 5, 7)),
        *((size, 1) for size in (2, 3, 5, 7)),
    ),
    "in_channels": (*sorted(CHANNELS), *SUMS),
    "out_channels": tuple(sorted(CHANNELS)),
    "rows": SIZES,
    "columns": SIZES,
    "batch": tuple(range(1, 10)),
    "strides": ((1, 1), (2, 2), (4, 4), (1, 2), (2, 1)),
    "dilation": (1, 2),
    "padding": ("VALID", "SAME", "explicit"),
}
"""The factors and their values, the least costly first."""


class Layer(NamedTuple):
    """One value of each factor; the sizes are those of the output."""

    kind: str = "none"
    kernel: Pair = (1, 1)
    in_channels: int = 1
    out_channels: int = 1
    rows: int = 1
    columns: int = 1
    batch: int = 1
    strides: Pair = (1, 1)
    dilation: int = 1
    padding: str = "VALID"

    @property
    def channels(self) -> int:
        """The channels of the input, whether they were said or the length of the sum was."""
        return channels(self.kind, self.kernel, self.in_channels)

    def groups(self) -> tuple[int, ...]:
        """Return every number of groups that the layer may have, the fewest first."""
        return groups(self.kind, self.channels, self.out_channels)

    def fits(self) -> bool:
        """Say whether the groups divide the channels, and the layer costs little enough."""
        possible = self.groups()
        if not possible:
            return False
        weights = math.prod(self.kernel) * (self.channels // possible[0]) * self.out_channels
        positions = self.rows * self.columns * self.batch
        # VALID has the largest image; a stride may leave some pixels unread.
        height, width = (
            outputs * stride + (kernel - 1) * self.dilation
            for outputs, stride, kernel in zip(
                (self.rows, self.columns), self.strides, self.kernel, strict=True
            )
        )
        pixels = self.batch * height * width
        elements = weights + pixels * self.channels + positions * self.out_channels
        return weights * positions <= WORK and elements <= ELEMENTS


def values(scope: Scope) -> dict[str, tuple[Any, ...]]:
    """Return the values of each factor within `scope`."""
    found = dict(VALUES)
    if scope.of.axes == 1:
        found["rows"] = (1,)
        found["kernel"] = tuple(one for one in VALUES["kernel"] if one[0] == 1)
        found["strides"] = tuple(one for one in VALUES["strides"] if one[0] == one[1])
    if scope.of.depthwise:
        found["kind"] = KINDS[3:]
    elif not scope.has("groups"):
        found["kind"] = KINDS[:1]
    if not scope.has("batches"):
        found["batch"] = (1,)
    if not scope.has("dilations"):
        found["dilation"] = (1,)
    if not scope.has("strides"):
        found["strides"] = ((1, 1),)
    if not scope.has("unequal strides"):
        found["strides"] = tuple(one for one in found["strides"] if one[0] == one[1])
    if scope.of.depthwise:
        found["in_channels"] = tuple(one for one in VALUES["in_channels"] if one not in (1, *SUMS))
        found["out_channels"] = tuple(one for one in VALUES["out_channels"] if one > 1)
    found["padding"] = tuple(one for one in VALUES["padding"] if one == "VALID" or scope.has(one))
    return found


@cache
def channels(kind: str, kernel: Pair, in_channels: int) -> int:
    """Return the channels of the input that a value of in_channels means."""
    if in_channels not in SUMS:
        return in_channels
    needed = -(-in_channels // math.prod(kernel))
    return -(-needed // _SUM_MULTIPLE) * _SUM_MULTIPLE if kind == "few" else needed


@cache
def groups(kind: str, channels: int, filters: int) -> tuple[int, ...]:
    """Return every number of groups of `kind` that divides both; none where they do not fit."""
    if kind == "none":
        return (1,)
    if kind == "few":
        possible = [number for number in _FEW if channels > number]
    elif kind == "many":
        deep = [depth for depth in reversed(_DEPTHS) if channels % depth == 0]
        possible = [channels // depth for depth in deep if channels > max(_FEW) * depth]
    elif channels == 1 or (filters == channels) != (kind == "depthwise"):
        possible = []
    else:
        possible = [channels]
    return tuple(one for one in possible if channels % one == 0 == filters % one)


@cache
def together(kind: str) -> tuple[tuple[int, int], ...]:
    """Return the values of in_channels and out_channels that fit, those of least channels first.

    Long sums are those of no groups and of few: in others they would be short.
    """
    long_too = kind in ("none", "few")
    pairs = [
        (ins, outs)
        for ins, outs in product(VALUES["in_channels"], VALUES["out_channels"])
        if (ins not in SUMS or long_too) and groups(kind, channels(kind, (1, 1), ins), outs)
    ]
    return tuple(sorted(pairs, key=lambda pair: pair[0] * pair[1]))


@cache
def _least(kind: str, ins: int | None, outs: int | None) -> tuple[int, int] | None:
    for one in together(kind):
        if ins in (None, one[0]) and outs in (None, one[1]):
            return one
    return None


def smallest(fixed: Mapping[str, Any]) -> Layer | None:
    """Return the least costly layer that has the values `fixed`; None where there is none."""
    pair = _least(fixed.get("kind", "none"), fixed.get("in_channels"), fixed.get("out_channels"))
    if pair is None:
        return None
    layer = Layer(**{**fixed, "in_channels": pair[0], "out_channels": pair[1]})
    return layer if layer.fits() else None


class Details(NamedTuple):
    """What no kernel asks for: small numbers that choose among equals, and the data."""

    groups: int = 0
    spare: Pair = (0, 0)
    pads: int = 0
    data_format: str = "NHWC"
    dtype: str = "float32"
    kind: str = "lattice"
    seed: int = 0


def case(layer: Layer, details: Details, operation: str = "conv2d") -> Case:
    """Return `layer` as a case; of three axes the first has two outputs and up to two taps."""
    possible = layer.groups()
    depth = layer.channels // possible[details.groups % len(possible)]
    rows, columns = (
        _axis(layer, details, axis, outputs)
        for axis, outputs in enumerate((layer.rows, layer.columns))
    )
    shallow = layer._replace(kernel=(min(2, layer.kernel[0]), layer.kernel[1]))
    planes = _axis(shallow, details, 0, 2)
    axes = (planes, rows, columns)[3 - OPERATIONS[operation].axes :]
    whole = Geometry((layer.batch,), axes, layer.channels, depth, layer.out_channels)
    return whole.case(
        layer.padding,
        details.data_format,
        operation,
        dtype=details.dtype,
        kind=details.kind,
        seed=details.seed,
    )


def _axis(layer: Layer, details: Details, place: int, outputs: int) -> Axis:
    """Give an axis the image that `outputs` need, and pixels that the stride does not reach."""
    axis = Axis(0, layer.kernel[place], layer.strides[place], layer.dilation)
    spare = details.spare[place] % axis.stride
    if layer.padding == "SAME":
        return axis._replace(size=outputs * axis.stride - spare)
    padded = (outputs - 1) * axis.stride + axis.reach + spare
    if layer.padding == "VALID":
        return axis._replace(size=padded)
    # As other frameworks pad; as Keras does before a stride of 2; unequal.
    half = axis.reach // 2
    before, after = ((half, half), (0, 1), (1, 1), (2, 1))[details.pads % 4]
    before = min(before, padded - 1)
    after = min(after, padded - 1 - before)
    return axis._replace(size=padded - before - after, before=before, after=after)
