"""Keras's NumPy backend with npconv's convolutions and without JAX: import this before keras.

That backend imports JAX, for its convolutions and poolings.  **This module stands in for that
import**: while Keras is imported, `jax` is what stands below, and afterwards what it was before.
Keras's conv, depthwise_conv, separable_conv and conv_transpose thus become calls of npconv, and
max_pool and average_pool plain NumPy.  All else of JAX raises NotImplementedError when called.

The file needs Keras, SciPy (as Keras does) and npconv, nothing else of parity: it may be copied.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

import npconv

Array = NDArray[Any]
Numbers = Sequence[int]
FORMATS: dict[int, Any] = {3: ("NWC", "NCW"), 4: ("NHWC", "NCHW"), 5: ("NDHWC", "NCDHW")}


def channels_first(lhs_spec: Numbers, rhs_spec: Numbers, out_spec: Numbers) -> bool:
    """Be ConvDimensionNumbers: of where axes are, Keras leaves open this alone."""
    return lhs_spec[1] == 1


def conv_general_dilated(
    lhs: Array,
    rhs: Array,
    window_strides: Numbers,
    padding: Any,
    rhs_dilation: Numbers,
    dimension_numbers: bool,
    feature_group_count: int,
) -> Array:
    """Convolve; npconv reads the number of groups from the shape of the filters."""
    return npconv.convolution(
        lhs,
        rhs,
        strides=window_strides,
        padding=padding.upper(),
        data_format=FORMATS[lhs.ndim][dimension_numbers],
        dilations=rhs_dilation,
    )


def conv_transpose(
    lhs: Array,
    rhs: Array,
    strides: Numbers,
    padding: Sequence[tuple[int, int]],
    rhs_dilation: Numbers,
    dimension_numbers: bool,
    transpose_kernel: bool,
) -> Array:
    """Transpose the convolution that has these filters (..., out channels, in channels).

    JAX's pads are those of the stretched input.  The convolution that is transposed has as many as
    crop its full result to the same: reach - 1 less.  Fewer than none make the result longer.
    """
    assert transpose_kernel, "as Keras calls it"
    pads, sizes = [], []
    for axis, (left, right) in enumerate(padding):
        reach = (rhs.shape[axis] - 1) * rhs_dilation[axis] + 1
        before, after = reach - 1 - left, reach - 1 - right
        pads.append((before, max(after, 0)))
        size = lhs.shape[axis + 1 + dimension_numbers]
        sizes.append((size - 1) * strides[axis] + reach - before - after)
    channels, at = rhs.shape[-2], 0 if dimension_numbers else len(pads)
    transposes = (npconv.conv1d_transpose, npconv.conv2d_transpose, npconv.conv3d_transpose)
    return transposes[len(pads) - 1](
        lhs,
        rhs,
        [len(lhs), *sizes[:at], channels, *sizes[at:]],
        strides=strides,
        padding=[(0, 0), *pads[:at], (0, 0), *pads[at:]],
        data_format=FORMATS[lhs.ndim][dimension_numbers],
        dilations=rhs_dilation,
    )


def reduce_window(
    operand: Array,
    init_value: float,
    computation: np.ufunc,
    window_dimensions: Numbers,
    window_strides: Numbers,
    padding: str,
) -> Array:
    """Reduce each window of the padded operand, tap by tap."""
    shape, pads = [], []
    for size, taps, stride in zip(operand.shape, window_dimensions, window_strides, strict=True):
        outputs = -(-size // stride) if padding == "SAME" else max(0, (size - taps) // stride + 1)
        total = max(0, (outputs - 1) * stride + taps - size)
        shape.append(outputs)
        pads.append((total // 2, total - total // 2))
    padded = np.pad(operand, pads, constant_values=init_value)
    result = np.full(shape, init_value, operand.dtype)
    for tap in np.ndindex(*window_dimensions):
        spans = zip(tap, shape, window_strides, strict=True)
        seen = tuple(slice(at, at + outputs * stride, stride) for at, outputs, stride in spans)
        computation(result, padded[seen], out=result)
    return result


class Absent(ModuleType):
    """A name of JAX for which nothing stands in: it can be imported, not called."""

    def __getattr__(self, name: str) -> Absent:
        if name.startswith("__"):
            raise AttributeError(name)
        return Absent(f"{self.__name__}.{name}")

    def __call__(self, *arguments: object, **named: object) -> None:
        """Say what is missing."""
        raise NotImplementedError(f"{self.__name__} needs JAX, for which {__name__} stands in")


def _import_keras() -> None:
    jax, fourier = Absent("jax"), Absent("keras.src.backend.jax.math")
    lax = jax.__dict__["lax"] = Absent("jax.lax")
    lax.__dict__.update(max=np.maximum, add=np.add, ConvDimensionNumbers=channels_first)
    for one in (conv_general_dilated, conv_transpose, reduce_window):
        lax.__dict__[one.__name__] = one
    names = {one.__name__: one for one in (jax, fourier)}
    before = {name: sys.modules.pop(name) for name in names if name in sys.modules}
    sys.modules.update(names)
    try:
        nn = importlib.import_module("keras.src.backend.numpy.nn")
    finally:
        for name in names:
            del sys.modules[name]
        sys.modules.update(before)
    if getattr(nn, "lax", None) is not lax:
        raise ImportError("this Keras does not take its convolutions from jax.lax")


if "keras" in sys.modules:
    raise ImportError(f"import {__name__} before keras, which chooses its backend once")
if os.environ.setdefault("KERAS_BACKEND", "numpy") != "numpy":
    raise ImportError(f"KERAS_BACKEND must be 'numpy', not {os.environ['KERAS_BACKEND']!r}")
_import_keras()
