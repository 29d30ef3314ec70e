"""Pads, output sizes and which pixel meets which tap, from the documented definition."""

from __future__ import annotations

import doctest
import importlib
import itertools
import pkgutil

import numpy as np
import pytest
from builders import pads_of

import npconv

MODULES = ["npconv", *(m.name for m in pkgutil.walk_packages(npconv.__path__, "npconv."))]


@pytest.mark.parametrize("module", MODULES)
def test_doctests(module):
    names = {"np": np, "npconv": npconv}  # which examples of the family do without importing
    assert doctest.testmod(importlib.import_module(module), extraglobs=names).failed == 0


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "dilation", "expected"),
    [
        (5, 3, 1, 1, (1, 1, 5)),
        (5, 2, 1, 1, (0, 1, 5)),  # the odd one goes to the bottom and right
        (6, 3, 2, 1, (0, 1, 3)),
        (7, 3, 2, 1, (1, 1, 4)),
        (224, 7, 2, 1, (2, 3, 112)),  # the stem of a ResNet, where PyTorch pads (3, 3)
        (5, 2, 3, 1, (0, 0, 2)),  # pixels are skipped
        (4, 1, 3, 1, (0, 0, 2)),
        (5, 3, 1, 2, (2, 2, 5)),
        (5, 2, 2, 3, (1, 2, 3)),
        (1, 7, 1, 1, (3, 3, 1)),
        (0, 3, 2, 1, (0, 0, 0)),
        (0, 3, 1, 1, (1, 1, 0)),
    ],
)
def test_same(size, kernel, stride, dilation, expected):
    """By hand: before, after, outputs."""
    before, after, outputs = expected
    for axis in (0, 1):
        input_shape, kernel_shape = [1, 9, 9, 1], [1, 1, 1, 1]
        input_shape[1 + axis], kernel_shape[axis] = size, kernel
        steps, rates = [1, 1], [1, 1]
        steps[axis], rates[axis] = stride, dilation
        said = npconv.explain(input_shape, kernel_shape, steps, "SAME", dilations=rates)
        assert said.output_shape[1 + axis] == outputs
        if size:  # where there is no pixel, no pad can be told from another
            assert tuple(said.pads)[2 * axis : 2 * axis + 2] == (before, after)


SIZES = list(itertools.product(range(1, 9), range(1, 6), range(1, 5), range(1, 4)))


@pytest.mark.parametrize("padding", ["SAME", "VALID", (0, 0), (2, 1), (0, 5)], ids=str)
def test_explain_agrees_with_the_definition(padding):
    for size, kernel, stride, dilation in SIZES:
        before, after, outputs = pads_of(size, kernel, stride, dilation, padding)
        pads = padding if isinstance(padding, str) else [(0, 0), padding, (0, 0), (0, 0)]
        arguments = ((2, size, 3, 4), (kernel, 1, 4, 5), [stride, 1], pads)
        if outputs < 0:
            with pytest.raises(ValueError, match="filters"):
                npconv.explain(*arguments, dilations=[dilation, 1])
            continue
        said = npconv.explain(*arguments, dilations=[dilation, 1])
        assert said.output_shape == (2, outputs, 3, 5)
        assert tuple(said.pads) == (before, after, 0, 0)


def test_valid_counts_the_places_where_the_kernel_fits():
    for size, kernel, stride, dilation in SIZES:
        extent = (kernel - 1) * dilation + 1
        places = sum(1 for at in range(0, size, stride) if at + extent <= size)
        if places:
            said = npconv.explain((1, size, 1, 1), (kernel, 1, 1, 1), [stride, 1], "VALID",
                                  dilations=[dilation, 1])  # fmt: skip
            assert said.output_shape == (1, places, 1, 1)


@pytest.mark.parametrize("padding", ["SAME", "VALID", (0, 0), (2, 1), (0, 5)], ids=str)
@pytest.mark.parametrize("axis", [0, 1])
def test_each_output_meets_the_right_pixels(padding, axis):
    """Output channel k is tap k alone, so the result is the patches themselves."""
    pads = padding if isinstance(padding, str) else [(0, 0), padding, (0, 0), (0, 0)]
    if axis and not isinstance(padding, str):
        pads[1], pads[2] = pads[2], pads[1]
    for size, kernel, stride, dilation in SIZES[::3]:
        before, after, outputs = pads_of(size, kernel, stride, dilation, padding)
        if outputs < 0:
            continue
        pixels = np.arange(1, size + 1, dtype=np.float32)
        padded = np.pad(pixels, (before, after))
        expected = [
            [padded[o * stride + k * dilation] for k in range(kernel)] for o in range(outputs)
        ]
        taps = np.eye(kernel, dtype=np.float32)[:, None, None]
        image = pixels[None, :, None, None]
        result = npconv.conv2d(
            np.swapaxes(image, 1, 1 + axis),
            np.swapaxes(taps, 0, axis),
            [stride, 1] if axis == 0 else [1, stride],
            pads,
            dilations=[dilation, 1] if axis == 0 else [1, dilation],
        )
        found = np.swapaxes(result, 1, 1 + axis)[0, :, 0]
        np.testing.assert_array_equal(found, np.reshape(expected, (outputs, kernel)))
