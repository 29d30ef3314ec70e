"""A call within a call (of a signal handler, of a finalizer), forks, and results that are dropped.

Each in a process of its own, which a watchdog ends where it hangs.
"""

from __future__ import annotations

import os
import signal
import threading

import pytest
from builders import run_python

from npconv._engine import threads as engine
from npconv._engine.blas import Blas

START = """
import faulthandler, gc, os, random, signal, sys, threading, time, warnings, weakref
import numpy as np, npconv
from threadpoolctl import threadpool_info
faulthandler.dump_traceback_later(20, exit=True)
warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads, which are meant

def blas():
    return [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]

class Layer:
    def __init__(self, x, w):
        self.x, self.w = np.ones(x, "f4"), np.ones(w, "f4")
        self.expected = npconv.conv2d(self.x, self.w, 1, "SAME").tobytes()

    def right(self):
        return npconv.conv2d(self.x, self.w, 1, "SAME").tobytes() == self.expected

before = blas()
npconv.set_num_threads(3)
shared = Layer((1, 60, 60, 32), (3, 3, 32, 64))
small = Layer((1, 9, 9, 3), (3, 3, 3, 4))
assert npconv._engine.threads._pool._threads == 2
"""
needs_signals = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers here")
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


def runs(code):
    run = run_python(START + code)
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stderr == ""
    return run.stdout.split()


@needs_signals
def test_a_signal_handler_calls():
    code = """
done = []
def handler(*_):
    done.append(random.choice([shared, shared, small]).right())
    signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-6, 3e-3))
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 1e-3)
while len(done) < 300:
    assert shared.right() and small.right()
signal.signal(signal.SIGALRM, signal.SIG_IGN)
assert all(done) and blas() == before
"""
    runs(code)


FINALIZERS = """
done = []
class Garbage:
    # A cycle: it ends when the garbage collector comes by, on whichever thread.
    def __init__(self):
        self.itself = self
    def __del__(self):
        finalize()

running = []
def finalize():
    running.append(1)
    done.append((threading.current_thread().name, random.choice([shared, small]).right()))
    running.pop()

def throw_away():
    if running:  # not for ever
        return
    Garbage()
    other = Garbage.__new__(Garbage)
    other.__class__ = type("Other", (), {})
    other.itself = other
    weakref.finalize(other, finalize)

gc.set_threshold(1, 1, 1)
run = npconv._engine.threads._Job.run
def littered(job, scratch):
    throw_away()
    run(job, scratch)
npconv._engine.threads._Job.run = littered
def enough():
    helped = sum(name == "npconv" for name, _ in done)
    return helped >= 20 and len(done) - helped >= 100
"""


@pytest.mark.parametrize("signals", [False, pytest.param(True, marks=needs_signals)])
def test_a_finalizer_calls_on_any_thread(signals):
    """On the caller and on helpers; and while a signal handler calls."""
    code = """
def handler(*_):
    assert shared.right()
    signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-6, 3e-3))
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 1e-3)
"""
    end = """
while not enough():
    throw_away()
    assert shared.right()
gc.disable()
signal.signal(signal.SIGALRM, signal.SIG_IGN)
assert all(right for _, right in done) and blas() == before
"""
    runs(FINALIZERS + (code if signals else "") + end)


def test_a_call_on_a_helper_waits_for_nobody(monkeypatch):
    """Not even for BLAS's lock, whose holder may be waiting for that helper."""
    monkeypatch.setattr(engine, "_blas", Blas())
    monkeypatch.setattr(engine, "_pool", engine._Pool())
    monkeypatch.setattr(engine, "_threads", 2)
    begun, results = threading.Event(), []

    def work(task, scratch):
        if threading.current_thread().name == "npconv":
            begun.set()
            return engine.each(range(9), lambda *_: True, 2)
        return begun.wait(10)

    def call():
        with engine._blas.lock:  # as where a signal handler comes while BLAS is being set
            results.append(engine.each(range(2), work, 2))

    caller = threading.Thread(target=call, daemon=True)
    caller.start()
    caller.join(10)
    assert results == [True]


def test_dropped_results_are_not_kept_while_a_helper_is_busy():
    """What waits for helpers, who all are busy, keeps no arrays of calls that have ended."""
    code = """
gc.disable()
end, busy = threading.Event(), threading.Barrier(3)
threads = npconv._engine.threads
def wait(task, scratch):
    busy.wait()
    return end.wait()
keeper = threading.Thread(target=threads.each, args=(range(3), wait, 3))
keeper.start()
while busy.n_waiting and not busy.broken:
    pass
time.sleep(0.1)
alive = weakref.WeakSet()
for _ in range(200):
    x = shared.x.copy()
    out = np.empty((1, 60, 60, 64), "f4")
    npconv.conv2d(x, shared.w, 1, "SAME", out=out)
    assert out.tobytes() == shared.expected
    references = weakref.ref(x), weakref.ref(out)
    del x, out
    assert all(one() is None for one in references)
assert 200 <= threads._pool._seats.qsize() <= threads._MOST_SEATS  # of 400 that were asked for
end.set()
keeper.join()
assert shared.right() and blas() == before
"""
    runs(code)


@needs_fork
def test_a_forked_child_has_threads_of_its_own():
    code = """
child = os.fork()
if not child:
    os._exit(not (shared.right() and small.right() and blas() == before))
assert os.waitpid(child, 0)[1] == 0
assert shared.right()
"""
    runs(code)


@needs_fork
def test_a_child_forked_during_a_call_finds_blas_as_it_was():
    """The call goes on in the parent alone, so nothing else would restore it in the child."""
    code = """
def call():
    while not end.is_set():
        shared.right()
end = threading.Event()
callers = [threading.Thread(target=call) for _ in range(3)]
for one in callers:
    one.start()
for _ in range(20):
    child = os.fork()
    if not child:
        signal.alarm(9)
        os._exit(not (blas() == before and shared.right() and small.right() and blas() == before))
    assert os.waitpid(child, 0)[1] == 0
end.set()
for one in callers:
    one.join()
assert blas() == before
"""
    runs(code)


@needs_fork
def test_a_fork_in_a_thread():
    code = """
def fork():
    child = os.fork()
    if not child:
        os._exit(not (shared.right() and blas() == before))
    codes.append(os.waitpid(child, 0)[1])
codes = []
callers = [threading.Thread(target=fork) for _ in range(4)]
for one in callers:
    one.start()
while any(one.is_alive() for one in callers):
    assert shared.right()
assert codes == [0] * 4 and blas() == before
"""
    runs(code)


@needs_fork
@needs_signals
def test_a_signal_handler_forks_during_a_call():
    """The child calls, and leaves that call, which helpers were at: without, or with an error."""
    code = """
faulthandler.cancel_dump_traceback_later()  # or the child, when it ends, waits for its thread
def handler(*_):
    global child
    child = os.fork()
    if not child:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(9)
        assert shared.right() and blas() == before
        if i % 2:
            sys.exit(7)
signal.signal(signal.SIGALRM, handler)
for i in range(20):
    child = None
    signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-4, 2e-3))
    while child is None:
        try:
            right = shared.right()
        except RuntimeError as error:
            right = child == 0 and "forked during a call" in str(error)
        assert right
    if not child:
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
assert blas() == before
"""
    runs(code)


@pytest.mark.parametrize(
    "lack",
    [
        "import os; os.sched_getaffinity = lambda _: open('/')",
        "import os; vars(os).pop('sched_getaffinity', None)",
        "import sys; sys.modules['threadpoolctl'] = None",
        "import threadpoolctl; threadpoolctl.ThreadpoolController = lambda: 1 / 0",
        "import threading; threading.Thread.start = lambda _: exec('raise RuntimeError')",
        "import os, random; vars(os).pop('register_at_fork', None)",
    ],
)
def test_what_a_system_lacks_is_done_without(lack):
    code = """
import numpy as np, npconv
for threads in (None, 3):
    npconv.set_num_threads(threads)
    assert npconv.get_num_threads() >= 1
    x, w = np.ones((1, 60, 60, 32), "f4"), np.ones((3, 3, 32, 64), "f4")
    assert (npconv.conv2d(x, w, 1, "VALID") == 288).all()
"""
    run = run_python(lack + code)
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
