"""Helpers, BLAS and cores, whatever goes wrong: late helpers, Ctrl-C, no memory, no threads."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from builders import assert_same, lattice

import npconv
from npconv._engine import cores
from npconv._engine.blas import Blas, _libraries, _Library
from npconv._engine.scratch import Scratch
from npconv._engine.threads import _Job, _Pool


def job_of(work, tasks=range(6), helpers=1):
    return _Job([task + 1 for task in tasks], work, helpers)


def test_a_helper_that_comes_late_does_nothing():
    done = []
    job = job_of(lambda task, scratch: done.append(task))
    job.run(Scratch())
    job.finish()
    job.help()
    assert done == [1, 2, 3, 4, 5, 6]


def test_a_helper_without_memory_is_not_waited_for(monkeypatch):
    def fail():
        raise MemoryError("planted")

    monkeypatch.setattr("npconv._engine.threads.take_scratch", fail)
    job = job_of(lambda task, scratch: None)
    job.help()
    with pytest.raises(MemoryError, match="planted"):
        job.finish()


def test_without_a_further_thread_the_caller_does_all(threads, monkeypatch):
    x, w = lattice((1, 64, 64, 64), (3, 3, 64, 64), "float32")
    threads(4)
    expected = npconv.conv2d(x, w, 1, "SAME")

    def fail(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("npconv._engine.threads._pool", _Pool())
    monkeypatch.setattr(threading.Thread, "start", fail)
    assert_same(npconv.conv2d(x, w, 1, "SAME"), expected)


@pytest.mark.parametrize(
    ("paths", "counts"),
    [
        (("numpy.libs/libopenblas.so", "scipy.libs/libopenblas.so"), [1]),
        (("scipy.libs/libopenblas.so", "numpy/.dylibs/libopenblas.dylib"), [2]),
        (("lib/libmkl_rt.so", "scipy.libs/libopenblas.so"), [1, 2]),
    ],
)
def test_only_the_blas_that_numpy_brought_is_held(paths, counts, monkeypatch):
    """Where that is not to be told, every one."""
    packages = Path(np.__file__).parent.parent
    controllers = [
        SimpleNamespace(
            filepath=str(packages / path),
            dynlib=None,
            get_num_threads=lambda count=count: count,
            set_num_threads=lambda count: None,
        )
        for count, path in enumerate(paths, 1)
    ]
    found = SimpleNamespace(select=lambda **_: SimpleNamespace(lib_controllers=controllers))
    monkeypatch.setattr("threadpoolctl.ThreadpoolController", lambda: found)
    assert [one.get() for one in _libraries()] == counts


def test_ctrl_c_while_blas_is_set_leaves_it_as_it_was(monkeypatch):
    told = []

    def tell(count):
        told.append(count)
        if len(told) == 1:
            raise KeyboardInterrupt

    blas = Blas()
    blas._known = [_Library(lambda: 7, tell)]
    with pytest.raises(KeyboardInterrupt), blas:
        pytest.fail("nothing is multiplied")
    assert told == [1, 7]
    with blas:
        assert told == [1, 7, 1]
    assert told == [1, 7, 1, 7]


@pytest.mark.parametrize("error", [MemoryError, KeyboardInterrupt])
def test_what_a_helper_meets_is_raised_by_the_caller(error):
    begun, left = threading.Event(), threading.Event()

    def work(task, scratch):
        if threading.current_thread() is helper:
            begun.set()
            raise error("planted")
        begun.wait(10)
        left.wait(10)

    def serve():
        job.help()
        left.set()

    job = job_of(work)
    helper = threading.Thread(target=serve)
    helper.start()
    begun.wait(10)
    job.run(Scratch())
    with pytest.raises(error, match="planted"):
        job.finish()
    helper.join()


def test_ctrl_c_while_a_helper_still_writes_is_raised_after_it_has_finished():
    written = []
    begun, interrupted = threading.Event(), threading.Event()

    def work(task, scratch):
        begun.set()
        interrupted.wait(10)
        written.append(task)

    class Left:
        """Is interrupted once, then waits as ever."""

        def __init__(self, queue):
            self.put, self._get = queue.put, queue.get

        def get(self):
            if not interrupted.is_set():
                interrupted.set()
                raise KeyboardInterrupt
            return self._get()

    job = job_of(work, tasks=range(1))
    helper = threading.Thread(target=job.help)
    helper.start()
    begun.wait(10)
    job._left = Left(job._left)
    with pytest.raises(KeyboardInterrupt):
        job.finish()
    assert written == [1]
    helper.join()


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="Linux only")
def test_the_caller_may_run_where_it_could_before(threads, monkeypatch):
    x, w = lattice((1, 64, 64, 64), (3, 3, 64, 64), "float32")
    threads(4)
    before = os.sched_getaffinity(0)
    npconv.conv2d(x, w, 1, "SAME")
    assert os.sched_getaffinity(0) == before
    with monkeypatch.context() as patch:
        patch.setattr("npconv._engine.scratch.Scratch.take", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            npconv.conv2d(x, w, 1, "SAME")
    assert os.sched_getaffinity(0) == before


@pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2,
    reason="cores to choose from, on Linux",
)
def test_ctrl_c_while_helpers_are_moved_comes_before_the_caller_is(monkeypatch):
    moved = []

    def move(thread, allowed):
        moved.append(thread)
        raise KeyboardInterrupt

    monkeypatch.setattr(cores, "_move", move)
    with pytest.raises(KeyboardInterrupt):
        cores.keep_apart([-1])
    assert moved == [-1]
