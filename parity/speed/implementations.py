"""What a worker runs: the subject, and TensorFlow as people call it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from parity.model.case import Array
from parity.model.subject import load
from parity.oracles.build import runs_onednn

Call = Callable[[], Any]
Arguments = Mapping[str, Any]
"""Of conv2d, but for the arrays."""
Facts = dict[str, str | int]


class Implementation(Protocol):
    """What a worker needs to know of an implementation."""

    def describe(self) -> Facts:
        """Return versions and settings for the machine block."""

    def bind(self, mode: str, x: Array, w: Array, arguments: Arguments) -> Call:
        """Return the call to be timed, its arguments ready as `mode` says."""

    def run(self, x: Array, w: Array, arguments: Arguments) -> Any:
        """Return the result as a NumPy array; None if it is no convolution."""


class Subject:
    """A conv2d that takes and returns NumPy arrays; it has but one mode."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._conv2d = load(name)
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

    def bind(self, mode: str, x: Array, w: Array, arguments: Arguments) -> Call:
        """Return the call on NumPy arrays."""
        conv2d = self._conv2d
        return lambda: conv2d(x, w, **arguments)

    def run(self, x: Array, w: Array, arguments: Arguments) -> Any:
        """Return ``conv2d(x, w, ...)``."""
        return self._conv2d(x, w, **arguments)

    def algorithm(self, x: Array, w: Array, arguments: Arguments) -> str:
        """Return which algorithm the subject's ``explain`` names.

        Raises
        ------
        ValueError
            If the subject's module has no ``explain``.
        """
        explain = getattr(self._module, "explain", None)
        if explain is None:
            raise ValueError(f"{self._name} does not explain which algorithm it takes")
        return str(explain(x, w, **arguments).algorithm)


class TensorFlow:
    """``tf.nn.conv2d``, with oneDNN or without, as CPU and environment decide."""

    def __init__(self) -> None:
        import tensorflow as tf

        self._tf = tf

    def describe(self) -> Facts:
        """Return TensorFlow's version, and whether oneDNN computes its convolutions here."""
        onednn = "on" if runs_onednn(self._tf) else "off"
        return {"tensorflow": self._tf.__version__, "onednn": onednn}

    def bind(self, mode: str, x: Array, w: Array, arguments: Arguments) -> Call:
        """Return the call of one mode.

        ``kernel`` is eager on tensors, ``from-numpy`` eager on arrays and back, ``function`` on
        tensors through ``tf.function``, which is traced here.
        """
        conv2d = self._tf.nn.conv2d
        if mode == "from-numpy":
            return lambda: conv2d(x, w, **arguments).numpy()
        tensors = self._tf.constant(x), self._tf.constant(w)
        if mode == "function":
            function = self._tf.function(lambda x, w: conv2d(x, w, **arguments))
            function(*tensors)
            return lambda: function(*tensors)
        return lambda: conv2d(*tensors, **arguments)

    def run(self, x: Array, w: Array, arguments: Arguments) -> Any:
        """Return ``tf.nn.conv2d(x, w, ...)`` as an array."""
        return self._tf.nn.conv2d(x, w, **arguments).numpy()
