"""Layers of Keras with random options, run by the backend that KERAS_BACKEND names.

``python -m parity.tests.clients.layers FILE`` writes the results of `cases`, channels last; with
TensorFlow also their magnitudes and, where the layer itself is not what was run, why.
"""

from __future__ import annotations

import math
import os
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Sizes = tuple[int, ...]

CONVOLUTIONS = ("Conv1D", "Conv2D", "Conv3D")
TRANSPOSES = tuple(f"{one}Transpose" for one in CONVOLUTIONS)
ALONE = ("DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D")
POOLINGS = tuple(f"{kind}Pooling{rank}D" for kind in ("Max", "Average") for rank in (1, 2, 3))
LAYERS = (*CONVOLUTIONS, *TRANSPOSES, *ALONE, *POOLINGS)
KINDS, EACH = ("integers", "normal"), 60
LATE = "starts windows late in 3-D where SAME leaves slack"
BIAS = "Keras adds the bias along the width where that equals the channels"


@dataclass(frozen=True)
class Case:
    """A layer, its options, the shape of its input (channels last), what fills its arrays."""

    layer: str
    kind: str
    seed: int
    options: dict[str, Any]
    taps: Sizes
    strides: Sizes
    dilations: Sizes
    shape: Sizes

    @property
    def exact(self) -> bool:
        """Whether nothing is rounded: sums of small integers, or no sums."""
        averages = self.layer.startswith("Average")
        return not averages and (self.kind == "integers" or self.layer.startswith("Max"))

    @property
    def axes(self) -> list[tuple[int, int, int]]:
        """The pixels, the reach of a window and its stride, for each axis."""
        reach = ((taps - 1) * d + 1 for taps, d in zip(self.taps, self.dilations, strict=True))
        return list(zip(self.shape[1:-1], reach, self.strides, strict=True))

    @property
    def terms(self) -> int:
        """The numbers that are added up to an output; a bias is one, and a division counts."""
        taps, channels = math.prod(self.taps), self.shape[-1]
        if self.layer.startswith("Separable"):
            return taps + channels * int(self.options["depth_multiplier"]) + 1
        alone = self.layer in ALONE + POOLINGS
        groups: int = self.options.get("groups", 1)
        return (taps if alone else taps * channels // groups) + 1

    def late(self) -> bool:
        """Whether TensorFlow takes slack for a pad below zero, as it does in 3-D."""
        slack = (i - (-(-i // s) - 1) * s - reach for i, reach, s in self.axes)
        forward = "3D" in self.layer and self.layer not in TRANSPOSES
        return forward and self.options["padding"] == "same" and max(slack) > 1

    def built(self, shape: Sizes, **changes: Any) -> Any:
        """Return the layer, built for an input."""
        import keras

        layer = getattr(keras.layers, self.layer)(**self.options | changes)
        layer.build(shape)
        return layer

    def run(self, x: Array, *weights: Array, **changes: Any) -> Array:
        """Return what the layer gives."""
        layer = self.built(x.shape, **changes)
        layer.set_weights(weights)
        return np.asarray(layer(x))

    def arrays(self) -> list[Array]:
        """Return the input and the weights."""
        weights = self.built(self.shape, data_format="channels_last").weights
        rng = np.random.default_rng([self.seed, 1])
        shapes = [self.shape, *(tuple(one.shape) for one in weights)]
        if self.kind == "integers":
            return [rng.integers(-4, 5, shape).astype(np.float32) for shape in shapes]
        return [rng.standard_normal(shape).astype(np.float32) for shape in shapes]


def draw(layer: str, kind: str, seed: int) -> Case:
    """Draw what Keras accepts: strides with dilations in some layers only, no empty result."""
    rng = np.random.default_rng([zlib.crc32(layer.encode()), KINDS.index(kind), seed])
    rank = int(layer.removesuffix("Transpose")[-2])

    def number(low: int, high: int) -> int:
        return int(rng.integers(low, high, endpoint=True))

    def each(low: int, high: int) -> Sizes:
        return tuple(number(low, high) for _ in range(rank))

    ones, taps = (1,) * rank, each(1, 3 if rank == 3 else 4)
    strides = each(1, 3) if number(0, 1) else ones
    dilated = number(0, 1) and (layer in ALONE or max(strides) == 1) and layer not in POOLINGS
    dilations = each(1, 3) if dilated else ones
    paddings = ["same", "valid", "causal"][: 3 if layer == "Conv1D" else 2]
    options: dict[str, Any] = {
        "padding": paddings[number(0, len(paddings) - 1)],
        "data_format": ["channels_last", "channels_last", "channels_first"][number(0, 2)],
        "strides": strides,
    }
    groups = number(2, 3) if layer in CONVOLUTIONS and not number(0, 2) else 1
    channels = groups * number(1, 6 // groups)
    if layer in POOLINGS:
        options["pool_size"] = taps
    else:
        options |= {"kernel_size": taps, "dilation_rate": dilations}
        options |= {"use_bias": bool(number(0, 1)), "activation": [None, "relu"][number(0, 1)]}
    if layer in ALONE:
        options["depth_multiplier"] = number(1, 3)
    if layer not in POOLINGS and not layer.startswith("Depthwise"):
        options["filters"] = groups * number(1, 6 // groups)
    if groups > 1:
        options["groups"] = groups
    if layer in TRANSPOSES and number(0, 1):
        options["output_padding"] = tuple(number(0, stride - 1) for stride in strides)
    sizes = [max(2, (k - 1) * d + 1 + number(0, 4)) for k, d in zip(taps, dilations, strict=True)]
    shape = (number(1, 2), *sizes, channels)
    case = Case(layer, kind, seed, options, taps, strides, dilations, shape)
    if layer in POOLINGS and case.late():
        options["padding"] = "valid"
    return case


def cases() -> Iterator[Case]:
    """Yield what both backends run."""
    for layer in LAYERS:
        for kind in KINDS:
            yield from (draw(layer, kind, seed) for seed in range(EACH))


def as_asked(case: Case, x: Array, *weights: Array) -> Array:
    """Return the layer's result, with channels last."""
    if case.options["data_format"] == "channels_last":
        return case.run(x, *weights)
    return np.moveaxis(case.run(np.moveaxis(x, -1, 1), *weights), 1, -1)


def other_way(case: Case, x: Array, *weights: Array) -> Array:
    """Return it from a layer that TensorFlow has: channels last, NumPy pads or crops.

    A convolution runs with stride 1, and its strides pick from the result.  A transpose runs with
    filters that are filled up with zeros for its dilations.
    """
    plain: dict[str, Any] = {"data_format": "channels_last"}
    if case.layer not in TRANSPOSES:
        if case.options["padding"] == "same":
            totals = (max(0, (-(-i // s) - 1) * s + reach - i) for i, reach, s in case.axes)
            pads = [(total // 2, total - total // 2) for total in totals]
            x, plain["padding"] = np.pad(x, [(0, 0), *pads, (0, 0)]), "valid"
        picked = tuple(slice(None, None, stride) for stride in case.strides)
        return case.run(x, *weights, **plain, strides=1)[:, *picked]
    sizes = case.built(x.shape, **plain).compute_output_shape(x.shape)[1:-1]
    before = [
        max(0, (i - 1) * s + k - o) // 2 for (i, k, s), o in zip(case.axes, sizes, strict=True)
    ]
    (kernel, *others), reaches = weights, tuple(reach for _, reach, _ in case.axes)
    filled = np.zeros((*reaches, *kernel.shape[-2:]), kernel.dtype)
    filled[*(slice(None, None, dilation) for dilation in case.dilations)] = kernel
    longest = tuple(stride - 1 for stride in case.strides)
    plain |= {"padding": "valid", "kernel_size": reaches, "dilation_rate": 1}
    whole = case.run(x, filled, *others, **plain, output_padding=longest)
    return whole[:, *(slice(at, at + size) for at, size in zip(before, sizes, strict=True))]


def expected(case: Case) -> tuple[Array, Array, str]:
    """Return TensorFlow's result, its magnitude, and why not from the layer as asked.

    Rounding errors are bounded in proportion to the linear function of the magnitudes, since
    |relu(a) - relu(b)| is at most |a - b|.
    """
    import tensorflow as tf

    arrays, why = case.arrays(), LATE if case.late() else ""
    try:
        y = as_asked(case, *arrays)
    except tf.errors.OpError as error:
        why = error.message.rpartition("}} ")[2].partition(" [Op:")[0].partition(": actual")[0]
    else:
        if case.options["data_format"] == "channels_first" and case.options.get("use_bias"):
            why = BIAS if y.shape[-2] == y.shape[-1] > 1 else why
    ask = other_way if why else as_asked
    linear = {} if case.layer in POOLINGS else {"activation": None}
    magnitude = replace(case, options=case.options | linear)
    gross = np.zeros(()) if case.exact else ask(magnitude, *map(np.abs, arrays))
    return other_way(case, *arrays) if why else y, gross, why


def main(file: str) -> None:
    """Write y0, y1, ...; with TensorFlow also g0, ... and why."""
    if os.environ["KERAS_BACKEND"] == "numpy":
        import parity.clients.keras_numpy  # noqa: F401 - before Keras

        found = {f"y{index}": as_asked(case, *case.arrays()) for index, case in enumerate(cases())}
        assert not {"jax", "tensorflow"} & set(sys.modules)
    else:
        results = [expected(case) for case in cases()]
        found = {"why": np.array([why for _, _, why in results])}
        for index, (y, gross, _) in enumerate(results):
            found |= {f"y{index}": y, f"g{index}": gross}
    np.savez(file, allow_pickle=False, **found)


if __name__ == "__main__":
    main(sys.argv[1])
