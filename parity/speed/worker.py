"""The child process: runs one implementation, answers requests from a pipe.

Run by `parity.speed.processes`, as ``python -m parity.speed.worker <file
descriptor> <parent's process id> <implementation>``.
"""

from __future__ import annotations

import gc
import math
import re
import signal
import sys
import time
import traceback
import tracemalloc
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from parity.engine.server import die_with
from parity.model.case import Array, Case
from parity.model.data_formats import channels_first, channels_last
from parity.speed.implementations import Call, Facts, Implementation, Subject, TensorFlow

REASON_LENGTH = 160
"""Of an error in a line."""
_PRODUCT = "float32 NHWC 1x64x64x32 w1x1x32x32 s1,1 d1,1 VALID normal:0"
# Names of nodes and operations in the messages of TensorFlow.
_NODES = r"\{\{.*?\}\}|\[\[.*?\]\]|\[Op:.*?\]|name: *$"


class Requests:
    """The requests that a worker answers, one method each."""

    def __init__(self, implementation: Implementation) -> None:
        self._implementation = implementation
        self._calls: dict[str, Call] = {}

    def ready(self) -> None:
        """Answer once the implementation has been imported."""

    def spin(self) -> None:
        """Compute without end, as another program that takes a core."""
        while True:
            pass

    def describe(self) -> Facts:
        """Return versions and settings."""
        return self._implementation.describe()

    def prepare(self, token: str, modes: list[str], by_nhwc: bool = False) -> Any:
        """Make a layer's arrays and calls; return the result, to be compared.

        Parameters
        ----------
        token
            The layer.
        modes
            Of its calls.
        by_nhwc
            Whether the layer is in NCHW but its calls are to be in NHWC. The arrays are turned
            before, and so is the result after: no call turns anything.
        """
        self._calls = {}  # an earlier layer's arrays
        case, arrays = given, _ = _read(token)
        if by_nhwc:
            case, turned = channels_last(case, *arrays)
            arrays = tuple(map(np.ascontiguousarray, turned))
        bind = self._implementation.bind
        self._calls = {mode: bind(mode, case, *arrays) for mode in modes}
        result = self._implementation.run(case, *arrays)
        return channels_first(given, result) if by_nhwc else result

    def calibrate(self, mode: str, seconds: float) -> int:
        """Return how many calls fill `seconds`, at least one, after one that is not timed."""
        call = self._calls[mode]
        call()
        repeats = 1
        while (elapsed := timed(call, repeats)) < seconds / 2:
            repeats = max(2 * repeats, min(100 * repeats, int(repeats * seconds / elapsed)))
        return max(1, round(repeats * seconds / elapsed))

    def sample(self, mode: str, repeats: int) -> float:
        """Return seconds a call, after untimed ones: a tenth as many, and at least one.

        However long a call is: the process was stopped meanwhile, others had the caches, and
        threads must wake up.
        """
        timed(self._calls[mode], max(1, repeats // 10))
        return timed(self._calls[mode], repeats) / repeats

    def first(self, token: str) -> list[float]:
        """Return seconds of a layer's first three calls here.

        Before each comes a call of the layer that was prepared last, see `parity.speed.first`.
        """
        case, arrays = _read(token)
        size = math.prod(case.output_shape) * arrays[0].itemsize
        call = self._implementation.bind("kernel", case, *arrays)
        seconds = []
        for _ in range(3):
            self._calls["kernel"]()
            _ = [one.max() for one in arrays], np.ones(size, np.uint8)
            seconds.append(timed(call, 1))
        return seconds

    def memory(self, token: str) -> int:
        """Return the peak of bytes that one call allocates beyond its result.

        To be asked of a fresh process: memory that is kept from an earlier call is not counted.
        A matrix product comes first, so that threads, imports and tables made once are not
        counted. What BLAS takes for itself is not seen.
        """
        product, given = _read(_PRODUCT)
        self._implementation.run(product, *given)
        case, arrays = _read(token)
        gc.collect()
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            result = self._implementation.run(case, *arrays)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        return int(max(0, peak - before - np.asarray(result).nbytes))

    def algorithm(self, token: str) -> str:
        """Return which algorithm the subject takes for a layer, in its own words."""
        assert isinstance(self._implementation, Subject), "only a subject has algorithms"
        case, arrays = _read(token)
        return self._implementation.algorithm(case, *arrays)

    def gemm_peak(self, dtype: str, seconds: float) -> float:
        """Return the most GFLOP/s that a large product of matrices reached here."""
        from parity.speed import limits

        return limits.gemm_peak(dtype, seconds)


def timed(call: Call, repeats: int) -> float:
    """Return the seconds that so many calls take, without collections of garbage."""
    gc.disable()
    try:
        start = time.perf_counter()
        for _ in range(repeats):
            call()
        return time.perf_counter() - start
    finally:
        gc.enable()


def _read(token: str) -> tuple[Case, tuple[Array, ...]]:
    case = Case.parse(token)
    return case, case.arrays()


def _reason(error: Exception) -> str:
    """Write an error in a line, without TensorFlow's names of nodes."""
    words = " ".join(re.sub(_NODES, "", str(error)).split())
    return f"{type(error).__name__}: {words[:REASON_LENGTH]}"


def load(name: str) -> Implementation:
    """Import the implementation of a name: a subject's has a colon."""
    if ":" in name:
        return Subject(name)
    if name == "tensorflow":
        return TensorFlow()
    if name == "limits":
        from parity.speed.limits import Limits

        return Limits()
    from parity.speed.beside import Beside

    return Beside(name)


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
            requests = requests or Requests(load(implementation))
            answer = True, getattr(requests, name)(*arguments)
        except Exception as error:
            answer = False, (_reason(error), traceback.format_exc())
        pipe.send(answer)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
