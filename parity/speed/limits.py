"""What bounds a convolution in NumPy: its steps, each alone, and BLAS at its best."""

from __future__ import annotations

import math
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import threadpoolctl
from numpy.lib.stride_tricks import sliding_window_view

from parity.model.case import DTYPES, Array, Case
from parity.speed.implementations import Call, Facts
from parity.subjects.channels_first import Convolution, read

PRODUCT = "product alone"
COPY = "copy alone"
CASTS = "casts alone"
STEPS = (PRODUCT, COPY, CASTS)
MOST_BYTES = 256 << 20
PIECE = 1 << 20
SIZES = (1024, 1536, 2048)


def modes(case: Case) -> tuple[str, ...]:
    """Return the steps that a case takes; casts only where BLAS does not work in its dtype."""
    dtype = DTYPES[case.dtype]
    return STEPS[:2] if dtype == working(dtype) else STEPS


class Limits:
    """The steps of a convolution in NumPy, each on its own; none gives a convolution.

    All work in the dtype in which BLAS would: float64 for integers, float32 for halves.
    """

    def describe(self) -> Facts:
        """Return nothing: it is NumPy, which the subject describes."""
        return {}

    def bind(self, mode: str, case: Case, *arrays: Array) -> Call:
        """Return the call of one mode.

        ``product alone`` multiplies ready-made patches (M, K) by filters (K, N), a group at a
        time, into a ready-made result. ``copy alone`` copies sliding windows of the padded input,
        channels last, into a matrix of patches. ``casts alone`` passes once over the input, the
        filters and the result, from one size of elements to the other, which is the least that
        any cast takes. BLAS has the threads that it is set to, the copy as many; all else runs on
        one.

        Raises
        ------
        ValueError
            If the patches take more than `MOST_BYTES`, or a group is a single channel, which is
            no product of matrices.
        """
        x, w = arrays
        call = read(x, w, **case.arguments())
        windows, filters = _operands(call)
        if call.groups > 1 == call.filters.shape[1]:
            raise ValueError("a group of one channel is no product of matrices")
        if mode == CASTS:
            outputs = math.prod(windows.shape[:3]) * len(call.filters)
            return _casts(call.images.dtype, (call.images.size, call.filters.size), outputs)
        if windows.size * windows.itemsize > MOST_BYTES:
            raise ValueError(f"the patches take {windows.size * windows.itemsize >> 20} MiB")
        return _copy(windows) if mode == COPY else _product(windows, filters)

    def run(self, case: Case, *arrays: Array) -> Any:
        """Return nothing: there is no result to compare."""


def working(dtype: np.dtype[Any]) -> type[np.floating[Any]]:
    """Return the dtype in which BLAS does the work of another."""
    return np.float64 if dtype == np.float64 or dtype.kind == "i" else np.float32


def _operands(call: Convolution) -> tuple[Array, Array]:
    """Return windows (N, OH, OW, KH, KW, C) of the padded images, and filters (groups, K, N)."""
    dtype = working(call.images.dtype)
    top, bottom, left, right = call.pads
    images = np.moveaxis(call.images, 1, 3).astype(dtype)
    padded = np.pad(images, [(0, 0), (top, bottom), (left, right), (0, 0)])
    outputs, depth, tall, wide = call.filters.shape
    reach = [(size - 1) * by + 1 for size, by in zip((tall, wide), call.dilations, strict=True)]
    windows = sliding_window_view(np.ascontiguousarray(padded), reach, axis=(1, 2))
    windows = windows[
        :, :: call.strides[0], :: call.strides[1], :, :: call.dilations[0], :: call.dilations[1]
    ]
    filters = call.filters.astype(dtype).reshape(call.groups, -1, depth, tall, wide)
    matrix = filters.transpose(0, 3, 4, 2, 1).reshape(call.groups, -1, outputs // call.groups)
    return np.moveaxis(windows, 3, 5), np.ascontiguousarray(matrix)


def _copy(windows: Array) -> Call:
    """Copy pieces of the longest axis of the output at once, one of `PIECE` bytes or more each."""
    patches = np.zeros(windows.shape, windows.dtype)
    pools = threadpoolctl.threadpool_info()
    threads = max((one["num_threads"] for one in pools if one["user_api"] == "blas"), default=1)
    pieces = max(1, min(threads, patches.nbytes // PIECE))
    axis = int(np.argmax(windows.shape[:3]))
    own, *others = zip(
        *(np.array_split(array, pieces, axis) for array in (patches, windows)), strict=True
    )
    pool = ThreadPoolExecutor(max(1, len(others)))

    def copy() -> None:
        waiting = [pool.submit(np.copyto, *pair) for pair in others]
        np.copyto(*own)
        for one in waiting:
            one.result()

    return copy


def _product(windows: Array, filters: Array) -> Call:
    groups, depth, share = filters.shape
    rows = windows.size // (groups * depth)
    by_group = windows.reshape(*windows.shape[:5], groups, -1)
    ready = np.ascontiguousarray(np.moveaxis(by_group, 5, 0)).reshape(groups, rows, depth)
    outputs = np.zeros((groups, rows, share), windows.dtype)

    def multiply() -> None:
        for patches, matrix, output in zip(ready, filters, outputs, strict=True):
            np.matmul(patches, matrix, out=output)

    return multiply


def _casts(dtype: np.dtype[Any], sizes: tuple[int, ...], outputs: int) -> Call:
    narrow, broad = ("i2", "i4") if dtype.itemsize == 2 else ("i4", "f8")
    steps = [(np.zeros(size, broad), np.ones(size, narrow)) for size in sizes]
    steps.append((np.zeros(outputs, narrow), np.ones(outputs, broad)))

    def convert() -> None:
        for to, values in steps:
            np.copyto(to, values, casting="unsafe")

    return convert


def gemm_peak(dtype: str, seconds: float) -> float:
    """Return the most GFLOP/s of ``np.matmul`` on square matrices of `SIZES`.

    At least two products of each size are timed, and for so many seconds.
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
