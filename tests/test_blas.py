"""NumPy's BLAS is held to one thread while anybody multiplies, and left as it was."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pytest
from builders import assert_same, lattice
from threadpoolctl import threadpool_info, threadpool_limits

import npconv
from npconv._engine import blas as module
from npconv._engine import threads as engine
from npconv._engine.blas import Blas, Library, find

LAYER = ((1, 64, 64, 64), (3, 3, 64, 64), "float32")


def blas_threads():
    return [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]


class Fake:
    """A BLAS library whose number of threads holds for the process, or for each thread alone."""

    def __init__(self, count, *, per_thread=False):
        self._default, self._own = count, threading.local()
        self.told = []
        self.library = Library(self.get, self.set, per_thread)
        self._per_thread = per_thread

    def get(self):
        return getattr(self._own, "count", self._default)

    def set(self, count):
        self.told.append(count)
        if self._per_thread:
            self._own.count = count
        else:
            self._default = count


def blas_of(*fakes):
    with mock.patch.object(module, "find", return_value=[fake.library for fake in fakes]):
        blas = Blas()
        blas.threads()
    return blas


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
            threading_layer="openmp" if count == 2 else "pthreads",
        )
        for count, path in enumerate(paths, 1)
    ]
    found = SimpleNamespace(select=lambda **_: SimpleNamespace(lib_controllers=controllers))
    monkeypatch.setattr("threadpoolctl.ThreadpoolController", lambda: found)
    assert [one.get() for one in find()] == counts
    assert [one.per_thread for one in find()] == [count == 2 for count in counts]


def test_blas_is_left_as_it_was(threads):
    x, w = lattice(*LAYER)
    threads(4)
    for limit in (1, 2, 3):
        with threadpool_limits(limit, user_api="blas"):
            before = blas_threads()
            npconv.conv2d(x, w, 1, "SAME")
            assert blas_threads() == before


def test_the_last_to_leave_restores():
    fake = Fake(7)
    blas = blas_of(fake)
    assert blas.hold("one") == 7
    assert blas.hold("other") == 7
    assert fake.get() == 1
    assert blas.threads() == 7  # as its users set it
    blas.let_go("one")
    blas.let_go("one")
    assert fake.get() == 1
    blas.let_go("other")
    blas.let_go("other")
    assert fake.get() == 7
    fake.set(3)
    assert blas.hold("again") == 3
    blas.let_go("again")
    assert fake.get() == 3


def test_what_is_one_already_is_not_set():
    fake = Fake(1)
    blas = blas_of(fake)
    assert blas.hold("one") == 1
    blas.let_go("one")
    assert fake.told == []


@pytest.mark.parametrize("interrupted", [1, 2])
def test_ctrl_c_while_blas_is_set_leaves_it_as_it_was(interrupted, monkeypatch):
    """While it is held, and while it is restored."""
    fake, raised = Fake(7), []

    def tell(count):
        fake.set(count)
        if len(fake.told) == interrupted:
            raised.append(count)
            raise KeyboardInterrupt

    fake.library = Library(fake.get, tell, False)
    blas = blas_of(fake)
    monkeypatch.setattr(engine, "_blas", blas)
    with pytest.raises(KeyboardInterrupt):
        engine.each(range(2), lambda task, scratch: True, 1)
    assert raised == [(1, 7)[interrupted - 1]]
    assert fake.get() == 7
    assert engine.each(range(2), lambda task, scratch: fake.get() == 1, 1)
    assert fake.get() == 7


@pytest.mark.parametrize("at", ["holding", "restoring"])
def test_a_call_from_within_a_call_that_holds_or_restores(at):
    """A signal handler or finalizer may come anywhere, in the same thread."""
    fake = Fake(7)

    def tell(count):
        fake.set(count)
        if count == (1 if at == "holding" else 7) and len(fake.told) < 3:
            blas.hold("inner")
            assert fake.get() == 1
            blas.let_go("inner")

    fake.library = Library(fake.get, tell, False)
    blas = blas_of(fake)
    blas.hold("outer")
    assert fake.get() == 1
    blas.let_go("outer")
    assert fake.get() == 7
    assert blas.hold("later") == 7
    blas.let_go("later")


def test_a_number_of_each_thread_is_held_and_restored_in_each(monkeypatch, threads):
    """As a BLAS with OpenMP has it; every caller has set its own."""
    fake = Fake(5, per_thread=True)
    monkeypatch.setattr(engine, "_blas", blas_of(fake))
    monkeypatch.setattr(engine, "_pool", engine._Pool())
    threads(3)
    meet, inside = (threading.Barrier(count, timeout=10) for count in (3, 4))

    def waiting(task, scratch):
        meet.wait()  # so that two helpers and the caller have one each
        return fake.get() == 1

    assert engine.each(range(3), waiting, 3)
    assert fake.get() == 5

    def call(own):
        fake.set(own)
        caller = threading.get_ident()

        def work(task, scratch):
            if threading.get_ident() == caller and task:
                inside.wait()  # so that all callers hold it at once
            return fake.get() == 1

        for _ in range(20):
            assert engine.each(iter([0, 1]), work, 1)
            assert engine.each(range(50), lambda *_: fake.get() == 1, 3)
            assert fake.get() == own

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(call, [2, 3, 4, 7]))


def test_a_call_within_a_call_leaves_this_thread_held(monkeypatch):
    fake = Fake(5, per_thread=True)
    blas = blas_of(fake)
    blas.hold("outer")
    blas.hold("inner")
    blas.let_go("inner")
    assert fake.get() == 1
    blas.let_go("outer")
    assert fake.get() == 5


def failing(*_):
    raise OSError("planted")


@pytest.mark.parametrize("reason", ["missing", "raises", "library raises"])
def test_a_blas_that_cannot_be_asked_is_not_held(reason, monkeypatch):
    x, w = lattice(*LAYER)
    expected = npconv.conv2d(x, w, 1, "SAME")
    if reason == "missing":
        monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    elif reason == "raises":
        monkeypatch.setattr("threadpoolctl.ThreadpoolController", failing)
    else:
        broken = SimpleNamespace(select=lambda **_: SimpleNamespace(lib_controllers=[object()]))
        monkeypatch.setattr("threadpoolctl.ThreadpoolController", lambda: broken)
    monkeypatch.setattr(engine, "_blas", Blas())
    assert find() == []
    assert npconv.get_num_threads() == module.cores()
    assert_same(npconv.conv2d(x, w, 1, "SAME"), expected)


def test_cores_where_the_system_does_not_say(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 6)
    monkeypatch.setattr("os.sched_getaffinity", failing, raising=False)
    assert module.cores() == 6
    monkeypatch.delattr("os.sched_getaffinity")
    assert module.cores() == 6
    monkeypatch.setattr("os.cpu_count", lambda: None)
    assert module.cores() == 1
