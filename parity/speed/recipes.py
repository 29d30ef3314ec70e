"""Convolutions that people write themselves with NumPy, scipy and scikit-image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from parity.case import Array
from parity.outsiders.channels_first import Call as Convolution
from parity.speed.implementations import Call

MOST_OF_SCIPY = 30_000_000
"""Multiply-adds of the largest layer that scipy's loop is asked for; it may take seconds."""
MOST_OF_LOOP = 1_000_000
MOST_WITHOUT_BLAS = 100_000_000
"""Of a layer whose dtype ``@`` multiplies without BLAS."""

Binding = tuple[Call, Callable[[Any], Array]]
"""The call to be timed, and how its result becomes an array (N, OC, OH, OW)."""


def scipy() -> Callable[[Convolution], Binding]:
    """Loop over images, filters and channels, a ``scipy.signal.correlate`` each."""
    from scipy import signal

    def bind(call: Convolution) -> Binding:
        x, w, _ = _padded(call)
        if call.strides != (1, 1) or call.dilations != (1, 1):
            raise ValueError("only at stride 1 and dilation 1")
        share, depth = len(w) // call.groups, w.shape[1]
        outputs = tuple(size - by + 1 for size, by in zip(x.shape[2:], w.shape[2:], strict=True))
        _limit(call, outputs, MOST_OF_SCIPY)

        def run() -> Array:
            y = np.zeros((len(x), len(w), *outputs), x.dtype)
            for image, result in zip(x, y, strict=True):
                for k, filter in enumerate(w):
                    first = k // share * depth
                    for channel, taps in zip(image[first : first + depth], filter, strict=True):
                        result[k] += signal.correlate(channel, taps, "valid")
            return y

        return run, np.asarray

    return bind


def im2col() -> Callable[[Convolution], Binding]:
    """``skimage.util.view_as_windows``, reshape, ``@``: the recipe of many tutorials."""
    from skimage.util import view_as_windows

    def bind(call: Convolution) -> Binding:
        images, w, reach = _padded(call)
        x = np.ascontiguousarray(np.moveaxis(images, 1, 3))
        share, depth = len(w) // call.groups, w.shape[1]
        matrix = np.ascontiguousarray(w.transpose(2, 3, 1, 0).reshape(-1, len(w)))
        (tall, wide), steps = call.dilations, (1, *call.strides, depth)
        if x.dtype not in (np.float32, np.float64):
            _limit(call, _outputs(call, x, reach), MOST_WITHOUT_BLAS)

        def run() -> Array:
            windows = view_as_windows(x, (1, *reach, depth), steps)[..., 0, ::tall, ::wide, :]
            rows = windows.shape[:3]
            parts = [
                windows[..., group, :, :, :].reshape(-1, len(matrix))
                @ matrix[:, group * share : (group + 1) * share]
                for group in range(call.groups)
            ]
            whole = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
            return whole.reshape(*rows, -1)

        return run, channels_first

    return bind


def loop() -> Callable[[Convolution], Binding]:
    """Four nested loops of Python, an ``np.sum`` for each output."""

    def bind(call: Convolution) -> Binding:
        images, w, reach = _padded(call)
        x, filters = np.moveaxis(images, 1, 3), np.transpose(w, (2, 3, 1, 0))
        share, depth = len(w) // call.groups, w.shape[1]
        (down, across), (tall, wide) = call.strides, call.dilations
        rows, columns = _outputs(call, x, reach)
        _limit(call, (rows, columns), MOST_OF_LOOP)

        def run() -> Array:
            y = np.zeros((len(x), rows, columns, len(w)), x.dtype)
            for n in range(len(x)):
                for i in range(rows):
                    for j in range(columns):
                        top, left = i * down, j * across
                        seen = x[n, top : top + reach[0] : tall, left : left + reach[1] : wide]
                        for k in range(len(w)):
                            first = k // share * depth
                            patch = seen[..., first : first + depth]
                            y[n, i, j, k] = np.sum(patch * filters[..., k])
            return y

        return run, channels_first

    return bind


def _padded(call: Convolution) -> tuple[Array, Array, tuple[int, int]]:
    """Return padded images, filters, and the reach of a dilated filter in rows and columns."""
    top, bottom, left, right = call.pads
    x = np.pad(call.images, [(0, 0), (0, 0), (top, bottom), (left, right)])
    w = np.ascontiguousarray(call.filters)
    tall, wide = ((s - 1) * d + 1 for s, d in zip(w.shape[2:], call.dilations, strict=True))
    return x, w, (tall, wide)


def _outputs(call: Convolution, x: Array, reach: tuple[int, int]) -> tuple[int, int]:
    """Return rows and columns of the output for a padded input (N, H, W, C)."""
    rows, columns = (
        (size - by) // step + 1
        for size, by, step in zip(x.shape[1:3], reach, call.strides, strict=True)
    )
    return rows, columns


def _limit(call: Convolution, outputs: tuple[int, ...], most: int) -> None:
    if len(call.images) * np.prod(outputs) * call.filters.size > most:
        raise ValueError(f"over {most:,} multiply-adds")


def channels_first(result: Any) -> Array:
    """Turn a result (N, OH, OW, OC)."""
    return np.moveaxis(np.asarray(result), 3, 1)
