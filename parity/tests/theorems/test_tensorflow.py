"""The transcribed rules against plain counting, and against TensorFlow where no shape tells."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from parity.theorems import tensorflow as rules

Axis = tuple[int, int, int, int, str, int, int]
PADDINGS = (("SAME", 0, 0), ("VALID", 0, 0), ("EXPLICIT", 0, 1), ("EXPLICIT", 3, 2))


def axes() -> Iterator[Axis]:
    """Every small axis."""
    sizes = itertools.product(range(9), range(1, 5), range(1, 5), range(1, 4), PADDINGS)
    return ((*sizes, *padding) for *sizes, padding in sizes)  # type: ignore[misc]


@pytest.mark.parametrize(("a", "expected"), [(5, 2), (-1, 0), (-2, -1), (-3, -1), (0, 0), (1, 0)])
def test_truncated(a: int, expected: int) -> None:
    assert rules.truncated(a, 2) == expected


def test_window_counts_what_fits() -> None:
    for size, kernel, stride, dilation, padding, before, after in axes():
        outputs, first, last = rules.window(size, kernel, stride, dilation, padding, before, after)
        places = range(-first, size + last - (kernel - 1) * dilation, stride)
        if padding != "SAME" or outputs:
            assert max(outputs, 0) == len(places)
        if padding == "SAME":
            assert 0 <= last - first <= 1
            assert outputs == len(range(0, size, stride))


def test_gradient_reads_what_the_forward_read() -> None:
    for axis in axes():
        size, kernel, stride, dilation, *_ = axis
        outputs, before, _ = rules.window(*axis)
        if outputs < 1:
            continue
        stretched, head, tail = rules.gradient(*axis)
        assert stretched + head + tail == size + (kernel - 1) * dilation
        for output, tap in itertools.product(range(outputs), range(kernel)):
            pixel = rules.reads(output, tap, stride, dilation, before)
            turned = (kernel - 1 - tap) * dilation
            assert pixel + turned - head == output * stride


def test_seen_sees_what_leaves_int64() -> None:
    seen: list[int] = []

    def look(value: int) -> int:
        seen.append(value)
        return value

    rules.window(10, 3, 2, 4, "SAME", seen=look)
    assert seen == [2, 8, 9, 12, 11, 5, 4, 8, 17, 7, 3, 4]
    seen.clear()
    rules.window(2**62, 2**62, 1, 3, "VALID", seen=look)
    assert max(seen) > rules.INT64[1]
