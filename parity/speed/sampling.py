"""Samples of one call: in the process that runs it."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import Any


def calibrate(call: Callable[[], Any], seconds: float) -> int:
    """Return how many calls fill `seconds`, at least one, after one that is not timed."""
    call()
    repeats = 1
    while (elapsed := _time(call, repeats)) < seconds / 2:
        repeats = max(2 * repeats, min(100 * repeats, int(repeats * seconds / elapsed)))
    return max(1, round(repeats * seconds / elapsed))


def sample(call: Callable[[], Any], repeats: int) -> float:
    """Return seconds a call, after untimed ones: a tenth as many, and at least one.

    However long a call is: the process was stopped meanwhile, others had the caches, and threads
    must wake up.
    """
    _time(call, max(1, repeats // 10))
    return _time(call, repeats) / repeats


def once(call: Callable[[], Any]) -> float:
    """Return seconds of a single call."""
    return _time(call, 1)


def _time(call: Callable[[], Any], repeats: int) -> float:
    gc.disable()
    try:
        start = time.perf_counter()
        for _ in range(repeats):
            call()
        return time.perf_counter() - start
    finally:
        gc.enable()
