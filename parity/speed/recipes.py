"""Convolutions that people write themselves with NumPy and scipy."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from parity.model.case import Array
from parity.speed.implementations import Call
from parity.subjects.channels_first import Convolution

TEN_LINES = "ten lines"
"""What `parity.speed.ten_lines` is called."""
MOST_OF_SCIPY = 30_000_000
"""Multiply-adds of the largest layer that scipy's loop is asked for; it may take seconds."""
MOST_OF_LOOP = 1_000_000
MOST_BYTES_OF_PATCHES = 2 << 30

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
        outputs = _outputs(call)
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


def ten_lines() -> Callable[[Convolution], Binding]:
    """`parity.speed.ten_lines`, whose pads are known before."""
    from parity.speed.ten_lines import conv2d

    def bind(call: Convolution) -> Binding:
        x, w = np.moveaxis(call.images, 1, 3), np.transpose(call.filters, (2, 3, 1, 0))
        taps, itemsize = w.shape[0] * w.shape[1], np.result_type(x, np.float32).itemsize
        size = len(x) * math.prod(_outputs(call)) * taps * x.shape[3] * itemsize
        if size > MOST_BYTES_OF_PATCHES:
            raise ValueError(f"the patches take {size >> 20} MiB")
        pads = call.pads[:2], call.pads[2:]
        return lambda: conv2d(x, w, call.strides, pads, call.dilations), channels_first

    return bind


def loop() -> Callable[[Convolution], Binding]:
    """Four nested loops of Python, an ``np.sum`` for each output."""

    def bind(call: Convolution) -> Binding:
        images, w, reach = _padded(call)
        x, filters = np.moveaxis(images, 1, 3), np.transpose(w, (2, 3, 1, 0))
        share, depth = len(w) // call.groups, w.shape[1]
        (down, across), (tall, wide) = call.strides, call.dilations
        rows, columns = _outputs(call)
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


def _outputs(call: Convolution) -> tuple[int, ...]:
    """Return rows and columns of the output."""
    sizes, pads = call.images.shape[2:], (call.pads[:2], call.pads[2:])
    steps = zip(sizes, pads, call.filters.shape[2:], call.dilations, call.strides, strict=True)
    return tuple(
        (size + sum(pad) - (taps - 1) * by - 1) // step + 1 for size, pad, taps, by, step in steps
    )


def _limit(call: Convolution, outputs: tuple[int, ...], most: int) -> None:
    if len(call.images) * np.prod(outputs) * call.filters.size > most:
        raise ValueError(f"over {most:,} multiply-adds")


def channels_first(result: Any) -> Array:
    """Turn a result (N, OH, OW, OC)."""
    return np.moveaxis(np.asarray(result), 3, 1)
