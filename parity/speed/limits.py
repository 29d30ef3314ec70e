"""What bounds a convolution in NumPy: the product alone, the copying alone, BLAS at its best."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from parity.outsiders.channels_first import Call as Convolution
from parity.outsiders.channels_first import read
from parity.speed.implementations import Call

GEMM = "GEMM alone"
COPY = "copy alone"
MOST_BYTES = 256 << 20
SIZES = (1024, 1536, 2048)


class Limits:
    """The two halves of im2col, each on its own; neither gives a convolution.

    Both work in the dtype in which BLAS would: float64 for integers, float32 for halves.
    """

    def describe(self) -> dict[str, Any]:
        """Return nothing: it is NumPy, which the subject describes."""
        return {}

    def bind(self, mode: str, x: Any, w: Any, arguments: dict[str, Any]) -> Call:
        """Return the call of one mode.

        ``GEMM alone`` multiplies ready-made patches (M, K) by filters (K, N), a group at a
        time, into a ready-made result; ``copy alone`` copies sliding windows of the padded
        input, channels last, into a matrix of patches.

        Raises
        ------
        ValueError
            If the patches take more than `MOST_BYTES`.
        """
        windows, filters = _operands(read(x, w, **arguments))
        groups, depth, share = filters.shape
        rows = windows.size // (groups * depth)
        if windows.size * windows.itemsize > MOST_BYTES:
            raise ValueError(f"the patches take {windows.size * windows.itemsize >> 20} MiB")
        if mode == COPY:
            patches = np.zeros(windows.shape, windows.dtype)
            return lambda: np.copyto(patches, windows)
        by_group = windows.reshape(*windows.shape[:5], groups, -1)
        ready = np.ascontiguousarray(np.moveaxis(by_group, 5, 0)).reshape(groups, rows, depth)
        outputs = np.zeros((groups, rows, share), windows.dtype)

        def multiply() -> None:
            for patches, matrix, output in zip(ready, filters, outputs, strict=True):
                np.matmul(patches, matrix, out=output)

        return multiply

    def run(self, x: Any, w: Any, arguments: dict[str, Any]) -> Any:
        """Return nothing: there is no result to compare."""


def working(dtype: np.dtype[Any]) -> type[np.floating[Any]]:
    """Return the dtype in which BLAS does the work of another."""
    return np.float64 if dtype == np.float64 or dtype.kind == "i" else np.float32


def _operands(call: Convolution) -> tuple[Any, Any]:
    """Return windows (N, OH, OW, KH, KW, C), a view, and filters (groups, K, N)."""
    dtype = working(call.images.dtype)
    top, bottom, left, right = call.pads
    images = np.moveaxis(call.images, 1, 3).astype(dtype)
    padded = np.pad(images, [(0, 0), (top, bottom), (left, right), (0, 0)])
    outputs, depth, tall, wide = call.filters.shape
    reach = [(size - 1) * by + 1 for size, by in zip((tall, wide), call.dilations, strict=True)]
    windows = np.lib.stride_tricks.sliding_window_view(padded, reach, axis=(1, 2))
    windows = windows[
        :, :: call.strides[0], :: call.strides[1], :, :: call.dilations[0], :: call.dilations[1]
    ]
    filters = call.filters.astype(dtype).reshape(call.groups, -1, depth, tall, wide)
    matrix = filters.transpose(0, 3, 4, 2, 1).reshape(call.groups, -1, outputs // call.groups)
    return np.moveaxis(windows, 3, 5), np.ascontiguousarray(matrix)


def gemm_peak(dtype: str, seconds: float) -> float:
    """Return the most GFLOP/s of ``np.matmul`` on square matrices of `SIZES`.

    Parameters
    ----------
    dtype
        Of the matrices.
    seconds
        How long to try each size; at least two products are timed.
    """
    best = 0.0
    rng = np.random.default_rng(0)
    for size in SIZES:
        first, second = (rng.standard_normal((size, size)).astype(dtype) for _ in range(2))
        output = first @ second
        end, tries = time.perf_counter() + seconds, 0
        while tries < 2 or time.perf_counter() < end:
            start = time.perf_counter()
            np.matmul(first, second, out=output)
            best = max(best, 2e-9 * size**3 / (time.perf_counter() - start))
            tries += 1
    return best
