"""Helpers at a job, whatever goes wrong: late ones, failures, Ctrl-C, no memory, no threads."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import pytest
from builders import assert_same, lattice

import npconv
from npconv._engine import threads as engine
from npconv._engine.scratch import Scratch
from npconv._engine.threads import _Job, _Pool, _Seat

LAYER = ((1, 64, 64, 64), (3, 3, 64, 64), "float32")


def job_of(work, tasks=range(6), seats=1):
    job = _Job(tasks, work)
    job.seats += [_Seat(job) for _ in range(seats)]
    return job


def started(target):
    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    return thread


def test_a_helper_that_comes_late_does_nothing():
    done = []
    job = job_of(lambda task, scratch: done.append(task) is None)
    seat = job.seats[0]
    job.run(Scratch())
    job.finish()
    seat.take()
    assert done == [0, 1, 2, 3, 4, 5]
    assert job.stands


def test_a_seat_that_nobody_took_keeps_nothing():
    """It lies in the queue until a helper comes by."""
    job = job_of(lambda task, scratch: True)
    seat, dead = job.seats[0], weakref.ref(job)
    job.finish()
    gc.disable()
    try:
        del job
        assert dead() is None
    finally:
        gc.enable()
    seat.take()


def test_a_result_that_does_not_stand_stops_everybody():
    done = []
    job = job_of(lambda task, scratch: done.append(task) or task != 2)
    job.run(Scratch())
    job.seats[0].take()
    job.finish()
    assert done == [0, 1, 2]
    assert not job.stands


def test_tasks_are_not_all_in_memory_at_once():
    alive, most = weakref.WeakSet(), []

    class Task:
        pass

    def tasks():
        for _ in range(100):
            task = Task()
            alive.add(task)
            yield task

    job = job_of(lambda task, scratch: most.append(len(alive)) is None, tasks())
    job.run(Scratch())
    assert max(most) <= 2


def test_a_helper_without_memory_is_not_waited_for(monkeypatch):
    def fail():
        raise MemoryError("planted")

    monkeypatch.setattr(engine, "take_scratch", fail)
    job = job_of(lambda task, scratch: True)
    job.seats[0].take()
    job.finish()
    assert str(job.error) == "planted"


def test_without_a_further_thread_the_caller_does_all(threads, monkeypatch):
    x, w = lattice(*LAYER)
    threads(4)
    expected = npconv.conv2d(x, w, 1, "SAME")

    def fail(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(engine, "_pool", _Pool())
    monkeypatch.setattr(threading.Thread, "start", fail)
    assert_same(npconv.conv2d(x, w, 1, "SAME"), expected)


def failing_in(helper, error, begun):
    def work(task, scratch):
        if threading.current_thread().name == "npconv" or not helper:
            begun.set()
            raise error("planted")
        return begun.wait(10)

    return work


@pytest.mark.parametrize("error", [MemoryError, KeyboardInterrupt])
@pytest.mark.parametrize("helper", [True, False])
def test_whoever_fails_the_caller_raises(helper, error, threads):
    threads(2)
    work = failing_in(helper, error, threading.Event())
    with pytest.raises(error, match="planted"):
        engine.each(range(6), work, 2)
    assert engine.each(range(6), lambda task, scratch: True, 2)


@pytest.mark.parametrize("helpers", [0, 1])
def test_a_failure_is_no_reference_cycle(helpers, threads):
    """Also where the caller and a helper fail at once."""
    threads(1 + helpers)
    together = threading.Barrier(1 + helpers)

    def attempt():
        array = np.zeros(9)

        def work(task, scratch):
            array[0] = 1
            together.wait(10)
            raise MemoryError("planted")

        with pytest.raises(MemoryError):
            engine.each(range(6), work, 1 + helpers)
        return weakref.ref(array)

    gc.disable()
    try:
        assert attempt()() is None
    finally:
        gc.enable()


def test_ctrl_c_while_a_helper_still_writes_is_raised_after_it_has_finished():
    """However often it comes."""
    written = []
    begun, interrupted = threading.Event(), threading.Event()

    def work(task, scratch):
        begun.set()
        interrupted.wait(10)
        written.append(task)
        return True

    class Leaving:
        """Is interrupted twice, then waits as ever."""

        def __init__(self, lock):
            self.release, self._acquire, self.interrupts = lock.release, lock.acquire, 0

        def acquire(self):
            self.interrupts += 1
            if self.interrupts == 2:
                interrupted.set()
            if self.interrupts <= 2:
                raise KeyboardInterrupt
            return self._acquire()

    job = job_of(work, tasks=range(3))
    seat = job.seats[0]
    helper = started(seat.take)
    begun.wait(10)
    seat._leaving = Leaving(seat._leaving)
    with pytest.raises(KeyboardInterrupt):
        job.finish()
    assert seat._leaving.interrupts >= 2
    assert written == [0]  # and no further task was begun
    helper.join(10)
