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
import traceback
import tracemalloc
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from parity.engine.jobs import die_with
from parity.model.case import Case
from parity.model.data_formats import in_nhwc
from parity.model.geometry import output_shape
from parity.speed import sampling
from parity.speed.implementations import Call, Implementation, Subject, TensorFlow

REASON_LENGTH = 160
"""Of an error in a line."""
# Names of nodes and operations in the messages of TensorFlow.
_NODES = r"\{\{.*?\}\}|\[\[.*?\]\]|\[Op:.*?\]|name: *$"


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
        self._calls = {}  # an earlier layer's arrays
        x, w, arguments = _read(token)
        self._calls = {mode: self._implementation.bind(mode, x, w, arguments) for mode in modes}
        return self._implementation.run(x, w, arguments)

    def run_in_nhwc(self, x: Any, w: Any, arguments: dict[str, Any]) -> Any:
        """Return the result of an NCHW call, computed in NHWC."""
        x, arguments = _turned(x, arguments)
        return np.moveaxis(self._implementation.run(x, w, arguments), -1, -3)

    def prepare_in_nhwc(self, token: str, modes: list[str]) -> Any:
        """Do as `prepare`, but have calls in NHWC of a layer that is in NCHW.

        The arrays are turned before, and so is the result after: no call turns anything.
        """
        self._calls = {}
        x, w, arguments = _read(token)
        turned, changed = _turned(x, arguments)
        del x
        self._calls = {mode: self._implementation.bind(mode, turned, w, changed) for mode in modes}
        return np.moveaxis(self._implementation.run(turned, w, changed), -1, -3)

    def calibrate(self, mode: str, seconds: float) -> int:
        """Warm up; return how many calls fill `seconds` (at least one)."""
        return sampling.calibrate(self._calls[mode], seconds)

    def sample(self, mode: str, repeats: int) -> float:
        """Return seconds a call."""
        return sampling.sample(self._calls[mode], repeats)

    def first(self, token: str) -> tuple[list[float], Any]:
        """Return seconds of a layer's first three calls here, and its result.

        Before each comes a call of the layer that was prepared last, see `parity.speed.first`.
        """
        x, w, arguments = _read(token)
        size = math.prod(output_shape(Case.parse(token))) * x.itemsize
        call, known = self._implementation.bind("kernel", x, w, arguments), self._calls["kernel"]
        seconds = []
        for _ in range(3):
            known()
            x.max(), w.max(), np.ones(size, np.uint8)
            seconds.append(sampling.once(call))
        return seconds, np.asarray(call())

    def memory(self, token: str) -> int:
        """Return the peak of bytes that one call allocates beyond its result.

        To be asked of a fresh process: memory that is kept from an earlier call is not counted.
        A matrix product comes first, so that threads, imports and tables made once are not
        counted. What BLAS takes for itself is not seen.
        """
        from parity.speed import layers

        product = layers.parse("float32 NHWC 1x64x64x32 w1x1x32x32 s1,1 d1,1 VALID normal:0").case
        self._implementation.run(*product.arrays(), product.arguments())
        x, w, arguments = _read(token)
        gc.collect()
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            result = self._implementation.run(x, w, arguments)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        return int(max(0, peak - before - result.nbytes))

    def algorithm(self, token: str) -> str:
        """Return which algorithm the subject takes for a layer, in its own words."""
        if not isinstance(self._implementation, Subject):
            raise TypeError("only a subject can be asked for its algorithm")
        return self._implementation.algorithm(*_read(token))

    def gemm_peak(self, dtype: str, seconds: float) -> float:
        """Return the most GFLOP/s that a large product of matrices reached here."""
        from parity.speed import limits

        return limits.gemm_peak(dtype, seconds)


def _read(token: str) -> tuple[Any, Any, dict[str, Any]]:
    from parity.speed import layers

    case = layers.parse(token).case
    return *case.arrays(), case.arguments()


def _turned(x: Any, arguments: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return the images and arguments of an NCHW call for the same call in NHWC."""
    turned = in_nhwc({"input": x, **arguments})
    return np.ascontiguousarray(turned.pop("input")), turned


def _reason(error: Exception) -> str:
    """Write an error in a line, without TensorFlow's names of nodes."""
    words = " ".join(re.sub(_NODES, "", str(error)).split())
    return f"{type(error).__name__}: {words[:REASON_LENGTH]}"


def load(name: str) -> Implementation:
    """Return the implementation of a name: a subject's has a colon.

    Raises
    ------
    ValueError
        If there is none, or it cannot be imported.
    """
    if ":" in name:
        return Subject(name)
    if name == "tensorflow":
        return TensorFlow()
    if name == "limits":
        from parity.speed.limits import Limits

        return Limits()
    from parity.speed import beside

    return beside.load(name)


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
                requests = Requests(load(implementation))
            answer = True, getattr(requests, name)(*arguments)
        except Exception as error:
            answer = False, (_reason(error), traceback.format_exc())
        pipe.send(answer)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
