"""Which TensorFlow this is: its version, whether oneDNN computes its convolutions, and on what.

Nobody may assume it: TensorFlow turns oneDNN on by itself only on CPUs with AVX512-VNNI,
AVX512-BF16, AMX or the like, ``TF_ENABLE_ONEDNN_OPTS`` overrules that, and oneDNN chooses its
kernels by the instruction sets that the CPU has and ``ONEDNN_MAX_CPU_ISA`` admits.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from parity.model.operation import OPERATIONS, Operation

SECONDS = 120.0
"""How long TensorFlow may take to be imported and to convolve once."""

# What oneDNN says of the instruction set that it may use, and the name by which
# ONEDNN_MAX_CPU_ISA knows it: the first that fits, the widest first.
_BY_WORDS = (
    (r"AMX.*float16 and 8-bit", "AVX512_CORE_AMX_FP16"),
    (r"AMX", "AVX512_CORE_AMX"),
    (r"(AVX-512|AVX10).* float16", "AVX512_CORE_FP16"),
    (r"AVX-512.*bfloat16", "AVX512_CORE_BF16"),
    (r"AVX-512.*DL Boost", "AVX512_CORE_VNNI"),
    (r"AVX-512", "AVX512_CORE"),
    (r"AVX2.*float16", "AVX2_VNNI_2"),
    (r"AVX2.*DL Boost", "AVX2_VNNI"),
    (r"AVX2", "AVX2"),
    (r"AVX", "AVX"),
    (r"SSE4\.1", "SSE41"),
)
INSTRUCTION_SETS = tuple(name for _, name in _BY_WORDS)
"""Their names, the widest first."""


@dataclass(frozen=True)
class Build:
    """What a TensorFlow is in one environment.

    Its version; whether its float32 convolutions run in oneDNN, or else in Eigen; the widest
    instruction set that oneDNN may use, by its name in ``ONEDNN_MAX_CPU_ISA`` where it has one,
    else in oneDNN's words, "" where it does not tell.
    """

    version: str
    onednn: bool
    instruction_set: str

    def __str__(self) -> str:
        """Return the build in a few words."""
        how = f"with oneDNN on {self.instruction_set}" if self.onednn else "without oneDNN (Eigen)"
        return f"TensorFlow {self.version} {how}"


def ask(environment: Mapping[str, str | None] | None = None) -> Build:
    """Ask a TensorFlow in a process of its own, which takes seconds the first time.

    oneDNN itself tells, by its documented variable ``ONEDNN_VERBOSE``, which instruction set it
    may use and which primitives it runs: a convolution among them, or not; `runs_onednn` has to
    agree.

    Parameters
    ----------
    environment
        Variables that differ from this process's; None for one that is to be unset.

    Raises
    ------
    RuntimeError
        If TensorFlow cannot be imported or does not convolve.
    """
    return _asked(tuple(sorted(changed(environment or {}).items())))


def changed(environment: Mapping[str, str | None]) -> dict[str, str]:
    """Return this process's environment, but for these variables; None for one that is unset."""
    variables = {**os.environ, **environment}
    return {name: value for name, value in variables.items() if value is not None}


@cache
def _asked(variables: tuple[tuple[str, str], ...]) -> Build:
    try:
        child = subprocess.run(
            [sys.executable, "-m", "parity.oracles.build"],
            env={**dict(variables), "ONEDNN_VERBOSE": "1", "TF_CPP_MIN_LOG_LEVEL": "3"},
            cwd=Path(__file__).parents[2],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(f"TensorFlow does not convolve within {SECONDS:g} s") from error
    version = re.search(r"^version (\S+) (True|False)$", child.stdout, re.MULTILINE)
    if child.returncode or version is None:
        raise RuntimeError(f"TensorFlow does not convolve: {child.stderr.strip()[-2000:]}")
    found = read(version[1], child.stdout)
    if str(found.onednn) != version[2]:
        raise RuntimeError(f"{found}, says oneDNN itself; that oneDNN convolves: {version[2]}")
    return found


def read(version: str, told: str) -> Build:
    """Return the build of which oneDNN has told these lines."""
    convolved = re.search(r"^(one)?dnnl?_verbose,.*exec,cpu,convolution,", told, re.MULTILINE)
    named = re.search(r"^(one)?dnnl?_verbose,.*info,cpu,isa:(.*)$", told, re.MULTILINE)
    return Build(version, convolved is not None, instruction_set(named[2]) if named else "")


def instruction_set(words: str) -> str:
    """Return the name in ``ONEDNN_MAX_CPU_ISA`` of what oneDNN calls by `words`."""
    return next((name for form, name in _BY_WORDS if re.search(form, words)), words)


def operation(tf: Any, of: Operation) -> Callable[..., Any]:
    """Return TensorFlow's function of an operation, which takes its first arguments by position."""
    found = tf
    for part in of.tensorflow.split("."):
        found = getattr(found, part)
    if not of.tensorflow.startswith("raw_ops"):
        function: Callable[..., Any] = found
        return function

    def called(*given: Any, **named: Any) -> Any:  # raw_ops take keywords alone
        return found(**dict(zip(of.leading, given, strict=False)), **named)

    return called


def function(tf: Any, name: str) -> Callable[..., Any]:
    """Return the same by the operation's name, or extract_patches."""
    patches: Callable[..., Any] = tf.image.extract_patches
    return patches if name == "extract_patches" else operation(tf, OPERATIONS[name])


def runs_onednn(tf: Any) -> bool:
    """Say whether oneDNN computes this process's convolutions, by what `tf` can do.

    Only oneDNN convolves NCHW on a CPU (tensorflow#46623).
    """
    images, filters = tf.zeros([1, 1, 2, 2]), tf.zeros([1, 1, 1, 1])
    try:
        tf.nn.conv2d(images, filters, 1, "VALID", "NCHW")
    except tf.errors.UnimplementedError:
        return False
    return True


if __name__ == "__main__":
    import tensorflow

    tensorflow.nn.conv2d(tensorflow.ones([1, 8, 8, 4]), tensorflow.ones([3, 3, 4, 4]), 1, "SAME")
    sys.stdout.flush()
    print(f"\nversion {tensorflow.__version__} {runs_onednn(tensorflow)}", flush=True)
