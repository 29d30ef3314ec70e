"""One process that has imported what tasks need, and forks workers that are ready at once.

Importing TensorFlow takes 5 seconds; a fork of a process that has imported it answers in a fraction
of one.  TensorFlow's threads would not survive the fork: the server only imports, what has to run
waits for the worker (`in_workers`), and a worker refuses to start if its server has threads.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from multiprocessing import forkserver
from threading import Lock

import psutil

CONTEXT = multiprocessing.get_context("forkserver")
# The workers share the cores: more threads in each would only wait for one another.
ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "3", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
# The first one tells the others that they are imported by the server.
_IMPORTED = ("parity.engine.serving", "parity.search.reduce")

_starting = Lock()
_serving = False
_waiting: list[Callable[[], None]] = []


def start() -> None:
    """Start the server, unless it runs already, with `ENVIRONMENT` and deaf to SIGINT."""
    with _starting:
        before = {name: os.environ.get(name) for name in ENVIRONMENT}
        # Ctrl-C reaches every process of a terminal; the parent sees to the others.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        os.environ.update(ENVIRONMENT)
        try:
            CONTEXT.set_forkserver_preload(list(_IMPORTED))
            forkserver.ensure_running()
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def serve() -> None:
    """Say that this process is the server."""
    global _serving
    _serving = True
    die_with(os.getppid())


def in_workers(function: Callable[[], None]) -> None:
    """Call `function`; what the server imports is called in each worker instead."""
    if _serving:
        _waiting.append(function)
    else:
        function()


def forked() -> None:
    """Begin as a worker: do what the server has left to it.

    Raises
    ------
    RuntimeError
        If the server has threads, of which a fork has none.
    """
    global _serving
    if _serving and (threads := psutil.Process(os.getppid()).num_threads()) > 1:
        raise RuntimeError(f"workers cannot be forked from a process of {threads} threads")
    _serving = False
    while _waiting:
        _waiting[0]()
        del _waiting[0]


def die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent dies (on Linux)."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
        if os.getppid() != parent:
            sys.exit("the parent died first")
