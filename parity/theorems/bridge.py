"""`parity.theorems.tensorflow` held against compiled TensorFlow, on tens of thousands of axes.

Most are asked of graph shape inference (`parity.theorems.inference`), which needs no memory: sizes
go up to 2**63 - 1.  Of every refusal the words are predicted, with their numbers: other words, one
refusal more and one less are disagreements.

What no shape tells is asked of kernels: calls that give no output or fewer, where the division
truncates; which sizes a transpose takes; and which pixel each output reads under each tap, by
images and filters of which each has a single 1.
"""

from __future__ import annotations

import time
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from parity.oracles import eigen
from parity.theorems import inference, tensorflow
from parity.theorems.inference import Along, Refused, Rng, Rule, negative
from parity.theorems.tensorflow import Window

Reads = Callable[..., int]

_SHARE = 8  # one axis in so many is asked of a kernel
_CALLS = 500  # for which one graph lives


@dataclass
class Bridged:
    """How many axes were compared, of which operations, and what was refused, by kind.

    `went_round` calls were accepted though an int64 went round, with outputs modulo 2**64.
    """

    compared: int = 0
    seconds: float = 0.0
    went_round: int = 0
    operations: dict[str, int] = field(default_factory=Counter)
    refused: dict[str, int] = field(default_factory=Counter)
    disagreements: list[str] = field(default_factory=list)

    def told(self, name: str, axes: Any, expected: Callable[[], Any], got: Any) -> None:
        """Count a comparison with what is expected, or with the `Refused` that it raises."""
        count = len(axes)
        try:
            right = expected()
        except Refused as refused:
            kind, right, *decided = refused.args
            self.refused[kind] += 1
            count = decided[0] if decided else 1
        self.compared += count
        self.operations[name] += count
        if right != got:
            where = "; ".join(" ".join(map(str, axis)) for axis in axes)
            self.disagreements.append(f"{name} {where}: TensorFlow {got!r}, predicted {right!r}")


def compare(geometries: int, seed: int, rule: Rule = tensorflow.window) -> Bridged:
    """Compare about so many axes, drawn from a seed, with compiled TensorFlow."""
    tf, rng, told = eigen.tensorflow(), np.random.default_rng(seed), Bridged()
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of strides with dilations
        while told.compared < geometries // _SHARE:
            for ask in (_few, _few, _few, _transposed, _read):
                ask(tf, rng, rule, told)
    while told.compared < geometries:
        with tf.Graph().as_default():
            for _ in range(min(_CALLS, geometries - told.compared)):
                _infer(tf, rng, rule, told)
    told.seconds = time.perf_counter() - start
    return told


def _infer(tf: Any, rng: Rng, rule: Rule, told: Bridged) -> None:
    """Ask shape inference for one call."""
    of = inference.OPERATIONS[rng.integers(len(inference.OPERATIONS))]
    axes = inference.drawn(rng, of)
    got = inference.inferred(tf, of, axes)
    told.told(of.name, axes, lambda: inference.expected(of, axes, rule), got)
    if of.verbose and isinstance(got, list):
        told.went_round += got != [rule(*axis)[0] for axis in axes]


def _few(tf: Any, rng: Rng, rule: Rule, told: Bridged) -> None:
    """Ask Conv2D for an axis that gives few outputs, none (an empty result), or fewer."""
    kernel, stride, before, after = rng.integers(1, 40, 4).tolist()
    dilation = int(2 ** rng.uniform(0, rng.choice([2, 31])))
    least = tensorflow.extent(kernel, dilation) - before - after
    size = max(0, min(least - int(rng.integers(-2, 4 * stride)), 100))
    axis = Along(size, kernel, stride, dilation, "EXPLICIT", before, after)
    got = _asked(tf.raw_ops.Conv2D, axis, input=np.ones((1, 1, size, 1)), filter=_ones(kernel))
    told.told("Conv2D's kernel", [axis], lambda: _outputs(axis, rule), _length(got))


def _transposed(tf: Any, rng: Rng, rule: Rule, told: Bridged) -> None:
    """Ask Conv2DBackpropInput whether so many outputs are those of a size."""
    axis = _small(rng)._replace(dilation=1)
    actual = max(0, tensorflow.window(*axis)[0] + int(rng.integers(-1, 2)))

    def expected() -> int:
        if (computed := _outputs(axis, rule)) != actual:
            said = "Conv2DCustomBackpropInput: Size of out_backprop doesn't match computed:"
            raise Refused("a transpose's size", f"{said} actual = {actual}, computed = {computed}")
        return axis.size

    got = _asked(
        tf.raw_ops.Conv2DBackpropInput, axis, input_sizes=[1, 1, axis.size, 1],
        filter=_ones(axis.kernel), out_backprop=np.ones((1, 1, actual, 1)),
    )  # fmt: skip
    told.told("Conv2DBackpropInput's kernel", [axis], expected, _length(got))


def _read(tf: Any, rng: Rng, rule: Rule, told: Bridged) -> None:
    """Ask which pixel each output reads under each tap, by the three rules that pad."""
    axis = _small(rng)
    images = np.eye(axis.size).reshape(axis.size, 1, axis.size, 1)
    filters = np.eye(axis.kernel).reshape(1, axis.kernel, 1, axis.kernel)

    def told_of(name: str, axis: Along, window: Window, reads: Reads, got: Any) -> None:
        size, kernel, stride, dilation, *_ = axis
        outputs, before, _ = window

        def expected() -> Any:
            if outputs < 0:
                raise Refused("fewer than 0 outputs", "refused")
            places = np.ndindex(outputs, kernel)
            read = ((reads(*one, stride, dilation, before), *one) for one in places)
            return outputs, sorted(one for one in read if 0 <= one[0] < size)

        if isinstance(got, np.ndarray):
            table = got.reshape(size, got.size // (size * kernel), kernel)
            got = table.shape[1], [*map(tuple, np.argwhere(table).tolist())]
        else:
            got = "refused"
        told.told(name, [axis], expected, got)

    got = _asked(tf.raw_ops.Conv2D, axis, input=images, filter=filters)
    told_of("Conv2D's kernel", axis, rule(*axis), tensorflow.reads, got)
    same = Along(*axis[:3], 1, "SAME")
    got = _asked(tf.raw_ops.Conv3D, same, input=images[..., None], filter=filters[..., None, :])
    told_of("Conv3D's kernel", same, tensorflow.conv3d_same(*axis[:3]), tensorflow.reads, got)
    cut = axis._replace(dilation=axis.dilation + 1)
    got = _asked(tf.nn.depthwise_conv2d, cut, input=images, filter=filters)
    told_of("depthwise_conv2d", cut, tensorflow.phased(*cut), tensorflow.phased_reads, got)


def _small(rng: Rng) -> Along:
    """Draw an axis that is soon computed."""
    padding = str(rng.choice(["SAME", "VALID", "EXPLICIT"]))
    size, kernel, stride, dilation = rng.integers(1, [13, 6, 7, 4]).tolist()
    before, after = rng.integers(0, 5, 2).tolist() if padding == "EXPLICIT" else (0, 0)
    return Along(size, kernel, stride, dilation, padding, before, after)


def _ones(kernel: int) -> Any:
    return np.ones((1, kernel, 1, 1))


def _asked(kernel: Callable[..., Any], axis: Along, **named: Any) -> Any:
    """Return what a kernel gives along the width, or how it refuses, without the names around."""
    *_, stride, dilation, padding, before, after = axis
    pads: Any = [0, 0, 0, 0, before, after, 0, 0] if padding == "EXPLICIT" else []
    named |= {"strides": [1, 1, stride, 1], "padding": padding, "dilations": [1, 1, dilation, 1]}
    if kernel.__name__.startswith("depthwise"):  # which takes one stride
        named |= {"strides": [1, stride, stride, 1], "dilations": [1, dilation]}
        named["padding"] = np.reshape(pads, (4, 2)).tolist() if pads else padding
    elif named["filter"].ndim == 4:
        named["explicit_paddings"] = pads
    else:
        named |= {"strides": [1, 1, stride, 1, 1], "dilations": [1] * 5}
    try:
        return kernel(**named).numpy()
    except Exception as error:
        said = str(error).rpartition("}} ")[2].partition(" [Op:")[0]
        return said.partition(" spatial_dim:")[0]


def _length(got: Any) -> Any:
    return got.shape[2] if isinstance(got, np.ndarray) else got


def _outputs(axis: Along, rule: Rule) -> int:
    """Return the outputs by a rule; raise `Refused` where a kernel refuses them."""
    if (outputs := rule(*axis)[0]) < 0:
        raise Refused("fewer than 0 outputs", negative(axis, outputs))
    return outputs
