"""The child process: runs one implementation, answers requests from a pipe.

Run by `parity.speed.processes`, as ``python -m parity.speed.worker <file
descriptor> <parent's process id> <implementation>``.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, Protocol

from parity.jobs import die_with

Call = Callable[[], Any]


class Implementation(Protocol):
    """What a worker needs to know of an implementation."""

    def describe(self) -> dict[str, Any]:
        """Return versions and settings for the machine block."""

    def bind(self, mode: str, x: Any, w: Any, arguments: dict[str, Any]) -> Call:
        """Return the call to be timed, its arguments ready as `mode` says."""

    def run(self, x: Any, w: Any, arguments: dict[str, Any]) -> Any:
        """Return the result as a NumPy array."""


class Subject:
    """A conv2d that takes and returns NumPy arrays."""

    def __init__(self, name: str) -> None:
        from parity import subject

        self._name = name
        self._conv2d = subject.load(name)

    def describe(self) -> dict[str, Any]:
        """Return the subject's name and version, and NumPy's build."""
        import numpy as np
        import threadpoolctl

        module = sys.modules[self._name.partition(":")[0].partition(".")[0]]
        blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
        pools = [p for p in threadpoolctl.threadpool_info() if p["user_api"] == "blas"]
        return {
            "subject": self._name,
            "version": str(getattr(module, "__version__", "unknown")),
            "numpy": np.__version__,
            "blas": f"{blas.get('name', 'unknown')} {blas.get('version', '')}".strip(),
            "blas_architecture": pools[0].get("architecture", "unknown") if pools else "unknown",
            "blas_threads": pools[0]["num_threads"] if pools else 1,
        }

    def bind(self, mode: str, x: Any, w: Any, arguments: dict[str, Any]) -> Call:
        """Return the call on NumPy arrays; there is but one mode."""
        conv2d = self._conv2d
        return lambda: conv2d(x, w, **arguments)

    def run(self, x: Any, w: Any, arguments: dict[str, Any]) -> Any:
        """Return ``conv2d(x, w, ...)``."""
        return self._conv2d(x, w, **arguments)


class TensorFlow:
    """Eager ``tf.nn.conv2d``, with whatever oneDNN setting the environment has."""

    def __init__(self) -> None:
        import tensorflow as tf

        self._tf = tf

    def describe(self) -> dict[str, Any]:
        """Return TensorFlow's version and its oneDNN setting."""
        setting = os.environ.get("TF_ENABLE_ONEDNN_OPTS")
        return {
            "tensorflow": self._tf.__version__,
            "onednn": "default" if setting is None else f"TF_ENABLE_ONEDNN_OPTS={setting}",
        }

    def bind(self, mode: str, x: Any, w: Any, arguments: dict[str, Any]) -> Call:
        """Return the call: ``kernel`` on tensors, ``from-numpy`` on arrays and back."""
        conv2d = self._tf.nn.conv2d
        if mode == "from-numpy":
            return lambda: conv2d(x, w, **arguments).numpy()
        tensors = self._tf.constant(x), self._tf.constant(w)
        return lambda: conv2d(*tensors, **arguments)

    def run(self, x: Any, w: Any, arguments: dict[str, Any]) -> Any:
        """Return ``tf.nn.conv2d(x, w, ...)`` as an array."""
        return self._tf.nn.conv2d(x, w, **arguments).numpy()


class Requests:
    """The requests that a worker answers, one method each."""

    def __init__(self, implementation: Implementation) -> None:
        self._implementation = implementation
        self._calls: dict[str, Call] = {}

    def ready(self) -> None:
        """Answer once the implementation has been imported."""

    def describe(self) -> dict[str, Any]:
        """Return the implementation's description."""
        return self._implementation.describe()

    def run(self, x: Any, w: Any, arguments: dict[str, Any]) -> Any:
        """Return the result for given arrays."""
        return self._implementation.run(x, w, arguments)

    def prepare(self, token: str, modes: list[str]) -> Any:
        """Make a layer's arrays and calls; return the result, to be compared."""
        from parity.speed import layers

        layer = layers.parse(token)
        x, w = layer.case.arrays()
        self._calls = {
            mode: self._implementation.bind(mode, x, w, layer.case.arguments()) for mode in modes
        }
        return self._implementation.run(x, w, layer.case.arguments())

    def calibrate(self, mode: str, seconds: float) -> int:
        """Warm up; return how many calls fill `seconds` (at least one)."""
        call = self._calls[mode]
        call()
        repeats = 1
        while (elapsed := _time(call, repeats)) < seconds / 2:
            repeats = max(2 * repeats, min(100 * repeats, int(repeats * seconds / elapsed)))
        return max(1, round(repeats * seconds / elapsed))

    def sample(self, mode: str, repeats: int) -> float:
        """Return seconds a call, after untimed calls that refill the caches."""
        call = self._calls[mode]
        for _ in range(max(1, repeats // 10)):
            call()
        return _time(call, repeats) / repeats


def _time(call: Call, repeats: int) -> float:
    gc.disable()
    try:
        start = time.perf_counter()
        for _ in range(repeats):
            call()
        return time.perf_counter() - start
    finally:
        gc.enable()


def main(descriptor: int, parent: int, implementation: str) -> None:
    """Answer requests until the pipe closes."""
    die_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent cleans up
    pipe: Connection[Any, Any] = Connection(descriptor)
    requests: Requests | None = None
    while True:
        try:
            name, arguments = pipe.recv()
        except EOFError:
            return
        try:
            if requests is None:
                chosen = TensorFlow() if implementation == "tensorflow" else Subject(implementation)
                requests = Requests(chosen)
            answer = True, getattr(requests, name)(*arguments)
        except Exception:
            answer = False, traceback.format_exc()
        pipe.send(answer)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
