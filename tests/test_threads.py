"""Eight callers at once, each with its own shapes, get what one alone gets."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from builders import DTYPES, assert_same, lattice

import npconv

LAYERS = [
    ((1, 60, 60, 16), (3, 3, 16, 32), 1, "SAME"),
    ((2, 32, 32, 3), (2, 2, 3, 10), 2, "VALID"),
    ((1, 90, 90, 1), (7, 7, 1, 4), 1, "SAME"),
    ((1, 40, 40, 24), (3, 3, 1, 24), 1, "VALID"),
    ((4, 20, 20, 32), (1, 1, 32, 16), 1, "SAME"),
    ((1, 128, 128, 8), (3, 3, 8, 8), 3, "SAME"),
    ((1, 5, 5, 2), (3, 3, 2, 2), 1, "SAME"),
    ((8, 9, 9, 4), (9, 9, 4, 6), 1, "VALID"),
]


def test_eight_at_once():
    work = []
    for i, (input_shape, filters_shape, strides, padding) in enumerate(LAYERS * 5):
        dtype = list(DTYPES)[i % 5]
        x, w = lattice(input_shape, filters_shape, dtype, seed=i)
        work.append((x, w, strides, padding))
    alone = [npconv.conv2d(*call) for call in work]
    together = threading.Barrier(8)

    def run(start):
        together.wait()
        order = np.random.default_rng(start).permutation(len(work))
        return {i: npconv.conv2d(*work[i]) for i in order}

    with ThreadPoolExecutor(8) as pool:
        for results in pool.map(run, range(8)):
            for i, result in results.items():
                assert_same(result, alone[i])


def test_errors_in_one_thread_do_not_disturb_another():
    x, w = lattice((1, 30, 30, 8), (3, 3, 8, 8), "float32")
    expected = npconv.conv2d(x, w, 1, "SAME")

    def run(i):
        try:
            return npconv.conv2d(x, w, i % 2, "SAME")
        except ValueError:
            return None

    with ThreadPoolExecutor(8) as pool:
        for i, result in enumerate(pool.map(run, range(64))):
            assert (result is None) == (i % 2 == 0)
            if i % 2:
                assert_same(result, expected)
