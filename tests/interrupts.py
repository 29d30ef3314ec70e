"""Interrupt calls at random moments and look at what is left: python interrupts.py WAY COUNT SEED.

A program of its own, so that neither the interrupts nor a hang reach pytest. WAY is ``once`` or
``twice`` (again after some microseconds), on two threads; ``callers``, while eight other threads
call; or ``everywhere``: not at random, but at each place of the code about threads, one after the
other, where Python looks for signals, and every other time again after some microseconds.
"""

from __future__ import annotations

import contextlib
import dis
import faulthandler
import functools
import gc
import itertools
import os
import random
import signal
import sys
import threading
import time
import weakref

import numpy as np
from threadpoolctl import ThreadpoolController

import npconv
from npconv._engine import blas, scratch, threads

LAYERS = [  # input, filters, dtype; all but the last are shared by two threads
    ((1, 40, 40, 32), (3, 3, 32, 64), "f4"),  # im2col
    ((1, 7, 7, 256), (3, 3, 256, 256), "f4"),  # in shares of the filters
    ((2, 40, 40, 64), (1, 1, 64, 64), "f2"),  # converted
    ((4, 64, 60, 1), (7, 7, 1, 8), "f4"),  # block-Toeplitz
    ((1, 60, 60, 64), (3, 3, 64, 3), "f4"),  # kn2row
    ((1, 60, 60, 96), (3, 3, 1, 96), "f4"),  # depthwise
    ((1, 9, 9, 3), (3, 3, 3, 4), "f4"),
]
HANG = 30  # seconds in which a hundred interrupts must have come
BLAS = ThreadpoolController().select(user_api="blas").lib_controllers
CALL = npconv.conv2d.__code__


def state():
    """What a call must leave as it was."""
    affinity = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    return [one.num_threads for one in BLAS], affinity, npconv.get_num_threads()


class Layer:
    """Arrays, the result, and how long a call takes."""

    def __init__(self, input_shape, filters_shape, dtype):
        rng = np.random.default_rng(0)
        self.x = rng.integers(-3, 4, input_shape).astype(dtype)
        self.w = rng.integers(-3, 4, filters_shape).astype(dtype)
        self.expected = npconv.conv2d(self.x, self.w, 1, "SAME")
        begin = time.perf_counter()
        for _ in range(5):
            self.check()
        self.seconds = (time.perf_counter() - begin) / 5

    def check(self):
        result = npconv.conv2d(self.x, self.w, 1, "SAME")
        assert result.tobytes() == self.expected.tobytes(), "a wrong result"


class Interrupts:
    """Ctrl-C, but only within conv2d, however deep; what comes elsewhere is passed over."""

    def __init__(self, way, rng):
        self.way, self.rng, self.came, self.left = way, rng, 0, 0
        signal.signal(signal.SIGALRM, self.strike)

    def arm(self, seconds):
        self.left = 2 if self.way == "twice" else 1
        signal.setitimer(signal.ITIMER_REAL, seconds)

    def choose(self, layers):
        return self.rng.choice(layers)

    def strike(self, number, frame):
        while frame is not None and frame.f_code is not CALL:
            frame = frame.f_back
        inside, frame = frame is not None, None
        if inside and self.left:
            self.left -= 1
            self.came += 1
            if self.left:
                signal.setitimer(signal.ITIMER_REAL, self.rng.choice([1e-5, 2e-5, 4e-5, 1e-4]))
            raise KeyboardInterrupt


@functools.cache
def places(code):
    """Where Python looks for signals, but for the beginning: after calls, and when jumping back."""
    return {
        here.offset
        for before, here in itertools.pairwise(dis.get_instructions(code))
        if before.opname.startswith("CALL") or here.opname.startswith("JUMP_BACKWARD")
    }


class Everywhere(Interrupts):
    """Ctrl-C at the place of the code about threads whose turn it is; ``passed`` counts them."""

    FILES = threads.__file__, blas.__file__, scratch.__file__

    def __init__(self, way, rng):
        super().__init__(way, rng)
        self.turn = self.passed = self.rounds = 0

    def choose(self, layers):
        return layers[self.rounds % len(layers)]

    def arm(self, seconds):
        self.turn += 1
        if self.passed < self.turn - 1:  # the last was beyond the end
            self.turn, self.rounds = 1, self.rounds + 1
        self.passed, self.left = 0, self.rng.choice([1, 2])
        sys.settrace(self.begin)

    def begin(self, frame, event, arg):
        if frame.f_code.co_filename not in self.FILES:
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        self.come_by(frame)
        return self.step

    def step(self, frame, event, arg):
        if event == "opcode" and frame.f_lasti in places(frame.f_code):
            self.come_by(frame)
        return self.step

    def come_by(self, frame):
        self.passed += 1
        if self.passed == self.turn:
            self.strike(0, frame)


def attempt(layer, interrupts):
    """Call once, interrupted; return references to what must be gone now."""
    arrays = layer.x.copy(), layer.w.copy(), np.empty_like(layer.expected)
    x, w, out = arrays
    interrupts.arm(interrupts.rng.uniform(0, 1.2) * layer.seconds + 1e-6)
    with contextlib.suppress(KeyboardInterrupt):
        npconv.conv2d(x, w, 1, "SAME", out=out)
    sys.settrace(None)
    signal.setitimer(signal.ITIMER_REAL, 0)
    return [weakref.ref(one) for one in arrays]


def gone(references):
    assert all(one() is None for one in references), "an array is kept alive"


def call_on(layers, seed, end, wrong):
    """What the other callers do."""
    rng = random.Random(seed)
    try:
        while not end.is_set():
            layer = rng.choice(layers)
            layer.check()
            x = layer.x.copy()
            reference = weakref.ref(x)
            npconv.conv2d(x, layer.w, 1, "SAME")
            del x
            gone([reference])
    except BaseException as error:
        wrong.append(repr(error))


def main(way, count, seed):
    gc.disable()
    npconv.set_num_threads(2)
    before, wrong, rng = state(), [], random.Random(seed)
    layers = [Layer(*one) for one in LAYERS]
    interrupts = (Everywhere if way == "everywhere" else Interrupts)(way, rng)
    while interrupts.came < count:
        faulthandler.dump_traceback_later(HANG, exit=True)
        end, goal = threading.Event(), min(count, interrupts.came + 100)
        arguments = layers, rng.random(), end, wrong
        callers = [
            threading.Thread(target=call_on, args=arguments) for _ in range(8 * (way == "callers"))
        ]
        for one in callers:
            one.start()
        while interrupts.came < goal:
            layer = interrupts.choose(layers)
            gone(attempt(layer, interrupts))
            assert callers or state() == before, f"{state()} after {before}"
            if rng.random() < 0.1:
                layer.check()
        end.set()
        for one in callers:
            one.join()
        assert not wrong, wrong
        assert state() == before, f"{state()} after {before}"
    for layer in layers:
        layer.check()
    print(f"{interrupts.came} interrupts ({way})")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
