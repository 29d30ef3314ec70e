"""The child's side: one contender, its arrays ready, answers requests by the name `answer`.

It runs inside `parity.speed.worker`, which knows it as a subject whose two arguments are the
name of a request and the request's own arguments.
"""

from __future__ import annotations

import time
from importlib import metadata
from typing import Any

import numpy as np

from parity.speed import implementations, sampling
from parity.speed.questions import asked
from parity.speed.questions.asked import AGAIN, PACKAGES, SUBJECT, TENSORFLOW, Array, Call, Row

Prepared = tuple[float, str]


class Contender:
    """One contender of one question."""

    def __init__(self) -> None:
        self._call: Call | None = None

    def __call__(self, request: str, arguments: tuple[Any, ...]) -> Any:
        """Answer a request."""
        return getattr(self, request)(*arguments)

    def describe(self, contender: str, subject: str) -> dict[str, Any]:
        """Import what the contender needs; return its versions."""
        if contender == TENSORFLOW:
            return implementations.TensorFlow().describe()
        if contender in (SUBJECT, AGAIN):
            return implementations.Subject(subject).describe()
        package = PACKAGES.get(contender)
        return {package: metadata.version(package)} if package else {}

    def prepare(self, question: str, row: Row, contender: str, subject: str, path: str) -> Prepared:
        """Make arrays and call; write the call's result to `path`.

        Returns
        -------
        tuple
            Seconds of that first call, and what must be said of how it was called, if anything.
        """
        found, note = asked.find(question), ""
        first, second = found.data(row)
        if contender in found.others:
            self._call = found.others[contender](first, second)
        else:
            x, w = found.as_conv2d(first, second)
            most = asked.images_a_call(x, w) if contender == TENSORFLOW else len(x)
            parts = [x[start : start + most] for start in range(0, len(x), most)]
            calls = [_conv2d(contender, subject, part, w, found.strides) for part in parts]
            self._call = calls[0]
            if len(calls) > 1:
                self._call = lambda: [call() for call in calls]
                note = f"{len(calls)} calls of at most {most} images: in one, its process dies"
            del parts, x, w
        start = time.perf_counter()
        result = self._call()
        seconds = time.perf_counter() - start
        exact = np.concatenate(result) if note else np.asarray(result)
        if contender in found.others and contender not in found.apart:
            exact = found.aligned(exact, row)
        np.save(path, exact)
        return seconds, note

    def calibrate(self, seconds: float) -> int:
        """Return how many calls fill `seconds`, at least one."""
        return sampling.calibrate(self._prepared(), seconds)

    def sample(self, repeats: int) -> float:
        """Return seconds a call."""
        return sampling.sample(self._prepared(), repeats)

    def _prepared(self) -> Call:
        assert self._call is not None, "prepare comes first"
        return self._call


def _conv2d(contender: str, subject: str, x: Array, w: Array, strides: int) -> Call:
    """Return the call of the subject on arrays, or of TensorFlow on tensors that are ready."""
    theirs = contender == TENSORFLOW
    made = implementations.TensorFlow() if theirs else implementations.Subject(subject)
    return made.bind("kernel", x, w, {"strides": strides, "padding": "VALID"})


answer = Contender()
