"""One process that has imported what tasks need, and forks workers that are ready at once.

Importing TensorFlow takes seconds; a fork of a process that has imported it answers in a fraction
of one.  TensorFlow's threads would not survive the fork: the server only imports, and a worker
refuses to start if its server has threads.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
from multiprocessing import forkserver
from threading import Lock

import psutil

CONTEXT = multiprocessing.get_context("forkserver")
# The workers share the cores: more threads in each would only wait for one another.
ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "3", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
_IMPORTED = "parity.search.preloaded"

_starting = Lock()


def start() -> None:
    """Start the server, unless it runs already, with `ENVIRONMENT` and deaf to SIGINT."""
    with _starting:
        before = {name: os.environ.get(name) for name in ENVIRONMENT}
        # Ctrl-C reaches every process of a terminal; the parent sees to the others.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        os.environ.update(ENVIRONMENT)
        try:
            CONTEXT.set_forkserver_preload([_IMPORTED])
            forkserver.ensure_running()
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def forked() -> None:
    """Make sure that this process, a worker, is as good as one that has imported all by itself.

    Raises
    ------
    RuntimeError
        If the server has threads, of which a fork has none.
    """
    if (threads := psutil.Process(os.getppid()).num_threads()) > 1:
        raise RuntimeError(f"workers cannot be forked from a process of {threads} threads")


def die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent dies (on Linux)."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
        if os.getppid() != parent:
            sys.exit("the parent died first")
