"""Threads change neither a bit of the result nor anything that outlives a call."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from builders import DTYPES, assert_same, lattice, run_python
from threadpoolctl import threadpool_info

import npconv
from npconv._engine import threads as engine

LAYERS = [
    ((1, 60, 60, 16), (3, 3, 16, 32), 1, "SAME"),
    ((2, 32, 32, 3), (2, 2, 3, 10), 2, "VALID"),
    ((1, 90, 90, 1), (7, 7, 1, 4), 1, "SAME"),
    ((1, 40, 40, 24), (3, 3, 1, 24), 1, "VALID"),
    ((4, 20, 20, 32), (1, 1, 32, 16), 1, "SAME"),
    ((1, 128, 128, 8), (3, 3, 8, 8), 3, "SAME"),
    ((1, 5, 5, 2), (3, 3, 2, 2), 1, "SAME"),
    ((8, 9, 9, 4), (9, 9, 4, 6), 1, "VALID"),
    ((1, 56, 56, 96), (3, 3, 1, 96), 2, "SAME"),
    ((1, 48, 48, 64), (3, 3, 64, 2), 1, "SAME"),
    ((1, 7, 7, 256), (3, 3, 256, 512), 1, "SAME"),
]


def blas_threads():
    return [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]


# NumPy 1 counts error states over all threads at once: one that ends its own may end another's.
@pytest.mark.filterwarnings(
    *["ignore::RuntimeWarning"] * (np.lib.NumpyVersion(np.__version__) < "2.0.0")
)
def test_eight_at_once(threads):
    threads(3)
    before, work = blas_threads(), []
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
    assert blas_threads() == before


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


def test_an_error_in_any_thread_is_raised_and_leaves_blas_as_it_was(threads, monkeypatch):
    x, w = lattice((1, 64, 64, 64), (3, 3, 64, 64), "float32")
    threads(4)
    expected = npconv.conv2d(x, w, 1, "SAME")
    before = blas_threads()
    begun = []

    def fail(self, name, shape, dtype):
        begun.append(threading.current_thread())
        raise MemoryError(f"planted in {len(begun)}")

    with monkeypatch.context() as patch:
        patch.setattr("npconv._engine.scratch.Scratch.take", fail)
        with pytest.raises(MemoryError, match="planted"):
            npconv.conv2d(x, w, 1, "SAME")
    assert begun
    assert blas_threads() == before
    assert_same(npconv.conv2d(x, w, 1, "SAME"), expected)


def test_set_num_threads(threads):
    default = npconv.get_num_threads()
    assert default == max(blas_threads())
    threads(3)
    assert npconv.get_num_threads() == 3
    threads(np.int64(2))
    assert npconv.get_num_threads() == 2
    threads(None)
    assert npconv.get_num_threads() == default
    for wrong, error in ((0, ValueError), (-1, ValueError), (1.5, TypeError), ("2", TypeError)):
        with pytest.raises(error, match="threads"):
            threads(wrong)


@pytest.mark.parametrize(
    ("text", "count"),
    [("3", 3), (" 2 ", 2), ("", None), ("0", None), ("auto", None), ("AUTO", None)],
)
def test_the_environment_sets_the_number(text, count):
    code = "import npconv; print(npconv.get_num_threads())"
    run = run_python(code, NPCONV_NUM_THREADS=text, OPENBLAS_NUM_THREADS="1")
    assert run.stderr == ""
    assert run.stdout.strip() == str(count or 1) or "openblas" not in str(threadpool_info())


@pytest.mark.parametrize("text", ["many", "-1", "1.5", "1" * 5000, "\u0663x"])
def test_what_the_environment_cannot_mean_is_passed_over_with_a_warning(text):
    code = "import npconv; print(npconv.get_num_threads() > 0)"
    run = run_python(code, NPCONV_NUM_THREADS=text)
    assert run.stdout.strip() == "True"
    assert "RuntimeWarning: NPCONV_NUM_THREADS: expected a positive integer" in run.stderr


@pytest.mark.skipif(engine._core is None, reason="threads cannot be moved here")
def test_helpers_keep_away_from_the_callers_core(monkeypatch):
    """The caller may run where it could before; a helper only where the caller does not."""
    before, moved = os.sched_getaffinity(0), {}

    def help_from(core):
        engine._keep_away(core)
        moved[core] = os.sched_getaffinity(0)
        engine._keep_away(core)  # is already
        assert os.sched_getaffinity(0) == moved[core]

    for core in (*before, -1):
        thread = threading.Thread(target=help_from, args=(core,))
        thread.start()
        thread.join()
        assert moved[core] == (before - {core} or before)
        assert os.sched_getaffinity(0) == before

    def refuse(*_):
        raise OSError("planted")

    monkeypatch.setattr(os, "sched_setaffinity", refuse)
    engine._keep_away(min(before))
    assert os.sched_getaffinity(0) == before


def test_without_cores_to_choose_from_helpers_stay_where_they_are(monkeypatch):
    monkeypatch.delattr(os, "sched_setaffinity", raising=False)
    assert engine._find_core() is None
