"""The threads of a call on different cores.

Linux likes to wake a thread on the core of the one that woke it, and for tens of milliseconds both
then take turns there while another core idles: two threads are slower than one. So while a call is
alone, the caller stays on its core, and its helpers stay away from there.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterable


def _find() -> Callable[[], int] | None:
    """Return the C library's ``sched_getcpu``, where threads can be moved as well."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    try:
        get: Callable[[], int] = ctypes.CDLL(None).sched_getcpu
    except (OSError, AttributeError):
        return None
    return get


_current = _find()
_masks: dict[int, set[int]] = {}  # of the helpers, by their native ids


def keep_apart(helpers: Iterable[int]) -> set[int]:
    """Keep the caller on its core, and its helpers away from there.

    Parameters
    ----------
    helpers : iterable of int
        The native ids of threads that do nothing else.

    Returns
    -------
    set of int
        For ``let_go``; empty where nothing could be done.
    """
    if _current is None:
        return set()
    allowed, here = os.sched_getaffinity(0), _current()
    others = allowed - {here}
    if not others or len(others) == len(allowed):
        return set()
    for helper in helpers:
        if _masks.get(helper) != others and _move(helper, others):
            _masks[helper] = others
    return allowed if _move(0, {here}) else set()


def let_go(allowed: set[int]) -> None:
    """Let the caller run where it could before."""
    if allowed:
        _move(0, allowed)


def _move(thread: int, cores: set[int]) -> bool:
    try:
        os.sched_setaffinity(thread, cores)
    except OSError:  # it is not allowed here, or the thread is gone
        return False
    return True
