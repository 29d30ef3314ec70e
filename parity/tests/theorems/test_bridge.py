"""The transcription agrees with compiled TensorFlow, and wrong ones do not."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from parity.oracles import eigen
from parity.theorems import bridge, inference
from parity.theorems.inference import Along, Refused
from parity.theorems.tensorflow import Window, window

KINDS = {
    "no output", "fewer than 0 outputs", "beyond int64", "beyond int32", "stride below 1",
    "dilation below 1", "int64 gone round", "a transpose's size",
}  # fmt: skip


def conv2d(*axes: Along) -> list[int] | str:
    """Return what shape inference says of a conv2d."""
    tf = eigen.tensorflow()
    with tf.Graph().as_default():
        return inference.inferred(tf, inference.OPERATIONS[0], list(axes))


def test_agrees() -> None:
    seed = time.time_ns()
    found = bridge.compare(10000, seed)
    assert not found.disagreements, f"seed {seed}"
    assert 10000 <= found.compared < 11100
    assert sum(found.operations.values()) == found.compared
    assert {one.name for one in inference.OPERATIONS} < {*found.operations}
    assert {*found.refused} >= KINDS, f"seed {seed}"


def floored(*axis: int, **seen: Callable[[int], int]) -> Window:
    outputs, *pads = window(*axis, **seen)  # type: ignore[arg-type]
    size, kernel, stride, dilation, _, before, after = axis
    if "SAME" not in map(str, axis):
        outputs = (size + before + after - (kernel - 1) * dilation - 1 + stride) // stride
    return outputs, pads[0], pads[1]


def undilated(
    size: int, kernel: int, stride: int, dilation: int, *rest: int, **seen: Callable[[int], int]
) -> Window:
    return window(size, kernel, stride, 1, *rest, **seen)  # type: ignore[arg-type]


def same_by_floor(*axis: int, **seen: Callable[[int], int]) -> Window:
    outputs, *pads = window(*axis, **seen)  # type: ignore[arg-type]
    same = "SAME" in map(str, axis)
    return axis[0] // axis[2] if same else outputs, pads[0], pads[1]


def swapped(*axis: int, **seen: Callable[[int], int]) -> Window:
    outputs, before, after = window(*axis, **seen)  # type: ignore[arg-type]
    return outputs, after, before


def pads_once(
    size: int, kernel: int, stride: int, dilation: int, padding: str, before: int, after: int,
    **seen: Callable[[int], int],
) -> Window:  # fmt: skip
    return window(size, kernel, stride, dilation, padding, before, 0, **seen)


def unwrapped(*axis: int, seen: object = None) -> Window:
    return window(*axis)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rule", "by"),
    [
        (floored, "Conv2D's kernel"),
        (undilated, "Conv2D"),
        (same_by_floor, "MaxPool"),
        (swapped, "Conv2D's kernel"),
        (pads_once, "DepthwiseConv2dNative"),
        (unwrapped, "Dilation2D"),
    ],
)
def test_a_wrong_rule_is_found(rule: Callable[..., Window], by: str) -> None:
    found = bridge.compare(4000, seed=7, rule=rule)
    assert any(one.startswith(f"{by} ") for one in found.disagreements)


def test_what_inference_refuses() -> None:
    wide = Along(2**62, 3, 1, 1, "VALID")
    assert conv2d(wide, wide) == [2**62 - 2] * 2
    assert conv2d(wide, Along(3, 4, 1, 1, "VALID")) == (
        "Negative dimension size caused by subtracting 4 from 3"
    )
    assert window(3, 4, 1, 1, "VALID")[0] == 0  # which the kernel gives


def test_a_refusal_that_does_not_come_is_a_disagreement() -> None:
    found = bridge.Bridged()

    def refused() -> int:
        raise Refused("no output", "words", 2)

    found.told("Conv2D", [(1,), (2,), (3,)], refused, [3, 3, 3])
    assert (found.compared, found.refused) == (2, {"no output": 1})
    assert found.disagreements == ["Conv2D 1; 2; 3: TensorFlow [3, 3, 3], predicted 'words'"]
    found.told("Conv2D", [(1,)], lambda: [1], "Negative dimension size")
    assert len(found.disagreements) == 2


def test_conv3d_exchanges_two_dilations_in_graphs() -> None:
    """A fault of TensorFlow: if this fails, it has been mended, and `inference.taken` may go."""
    tf, of = eigen.tensorflow(), inference.OPERATIONS[2]
    axes = [Along(9, 3, 1, dilation, "VALID") for dilation in (1, 1, 2)]
    with tf.Graph().as_default():
        assert inference.inferred(tf, of, axes) == [7, 5, 7]
    image, filters = np.ones((1, 9, 9, 9, 1)), np.ones((3, 3, 3, 1, 1))
    assert tf.nn.convolution(image, filters, dilations=[1, 1, 2]).shape == (1, 7, 7, 5, 1)


def test_same_draws() -> None:
    first, again = (replace(bridge.compare(1500, 3), seconds=0) for _ in range(2))
    assert first == again
