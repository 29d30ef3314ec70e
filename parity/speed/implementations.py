"""What a worker runs: the subject, and TensorFlow as people call it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from parity.model.case import Array, Case
from parity.model.subject import load
from parity.oracles.build import operation, runs_onednn

Call = Callable[[], Any]
Facts = dict[str, str | int]


class Implementation(Protocol):
    """What a worker needs to know of an implementation."""

    def describe(self) -> Facts:
        """Return versions and settings for the machine block."""

    def bind(self, mode: str, case: Case, *arrays: Array) -> Call:
        """Return the call to be timed, its arguments ready as `mode` says."""

    def run(self, case: Case, *arrays: Array) -> Any:
        """Return the result as a NumPy array; None if it is no convolution."""


def bound(function: Callable[..., Any], case: Case, *arrays: Any) -> Call:
    """Return the call of a case, with nothing left to be done but to call."""
    call: Any = case.call_on(partial(partial, function), *arrays)
    return call  # type: ignore[no-any-return]


class Subject:
    """A function that takes and returns NumPy arrays; it has but one mode.

    Layers of another operation than conv2d go to the function of that name beside it, if there is
    one.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._function = load(name)
        self._module = sys.modules[name.partition(":")[0].partition(".")[0]]

    def describe(self) -> Facts:
        """Return the subject's name and version, and NumPy's build."""
        import numpy as np
        import threadpoolctl

        blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
        pools = [p for p in threadpoolctl.threadpool_info() if p["user_api"] == "blas"]
        return {
            "subject": self._name,
            "version": str(getattr(self._module, "__version__", "unknown")),
            "numpy": np.__version__,
            "blas": f"{blas.get('name', 'unknown')} {blas.get('version', '')}".strip(),
            "blas_architecture": pools[0].get("architecture", "unknown") if pools else "unknown",
            "blas_threads": pools[0]["num_threads"] if pools else 1,
        }

    def bind(self, mode: str, case: Case, *arrays: Array) -> Call:
        """Return the call on NumPy arrays."""
        function = self._function
        if case.operation != "conv2d":
            module = sys.modules[self._name.partition(":")[0]]
            function = getattr(module, case.operation, function)
        return bound(function, case, *arrays)

    def run(self, case: Case, *arrays: Array) -> Any:
        """Return ``conv2d(x, w, ...)``."""
        return self.bind("kernel", case, *arrays)()

    def algorithm(self, case: Case, *arrays: Array) -> str:
        """Return which algorithm the subject's ``explain`` names.

        Raises
        ------
        ValueError
            If the subject's module has no ``explain``.
        """
        explain = getattr(self._module, "explain", None)
        if explain is None:
            raise ValueError(f"{self._name} does not explain which algorithm it takes")
        found: Any = case.call_on(explain, *arrays)
        return str(found.algorithm)


class TensorFlow:
    """``tf.nn.conv2d`` and its family, with oneDNN or without, as CPU and environment decide."""

    def __init__(self) -> None:
        import tensorflow as tf

        self._tf = tf

    def describe(self) -> Facts:
        """Return TensorFlow's version, and whether oneDNN computes its convolutions here."""
        onednn = "on" if runs_onednn(self._tf) else "off"
        return {"tensorflow": self._tf.__version__, "onednn": onednn}

    def bind(self, mode: str, case: Case, *arrays: Array) -> Call:
        """Return the call of one mode.

        ``kernel`` is eager on tensors, ``from-numpy`` eager on arrays and back, ``function`` on
        tensors through ``tf.function``, which is traced here.
        """
        function = operation(self._tf, case.of)
        if mode == "from-numpy":
            call = bound(function, case, *arrays)
            return lambda: call().numpy()
        tensors = [self._tf.constant(one) for one in arrays]
        if mode == "function":
            function = self._tf.function(partial(case.call_on, function))
            function(*tensors)
            return partial(function, *tensors)
        return bound(function, case, *tensors)

    def run(self, case: Case, *arrays: Array) -> Any:
        """Return ``tf.nn.conv2d(x, w, ...)`` as an array."""
        return self.bind("from-numpy", case, *arrays)()
