"""Times and documents whose answer is known."""

from __future__ import annotations

from typing import Any

import numpy as np

from parity.speed import rows
from parity.speed.agreement import Agreement, Comparison
from parity.speed.layers import read
from parity.speed.records import Block, Row, Run, Speed, Threads, Times
from parity.speed.rows import AGAIN, FROM_NUMPY, FUNCTION, KERNEL, SUBJECT


def times(subject: float = 0.5, rounds: int = 12, spread: float = 0.005, **more: float) -> Times:
    """Return times in which TensorFlow takes a second, and all have some noise of their own."""
    rng = np.random.default_rng(3)
    ratios = {SUBJECT: subject, KERNEL: 1.0, FROM_NUMPY: 1.5, FUNCTION: 0.8, AGAIN: 1.0, **more}
    return {
        name: (ratio * rng.lognormal(0, spread, rounds)).tolist() for name, ratio in ratios.items()
    }


def scaled(given: Times, **factors: float) -> Times:
    """Return times multiplied, by contender or "all"."""
    return {
        name: [factors.get(name, factors.get("all", 1.0)) * time for time in sample]
        for name, sample in given.items()
    }


def agreeing(verdict: Any = "within bound", **other: Any) -> Agreement:
    """Return the agreement of a row, beside TensorFlow as installed with `other` in its part."""
    standing = {"verdict": verdict, "error": 0.5, "cannot": "", "in_nhwc": False, **other}
    return Agreement(verdict, 0.25, "", {"as installed": Comparison(**standing)})


def row(given: Times | None = None, other_work: float = 0.0, **more: Any) -> Row:
    """Return a row of these times; without any, one that was not timed."""
    facts: dict[str, Any] = {
        "net": "net",
        "name": "name",
        "count": 2,
        "token": "float32 NHWC 1x4x4x2 w1x1x2x3 s1,1 d1,1 VALID normal:0",
        "threads": 1,
        "multiply_adds": 10**9,
        "agreement": agreeing(),
    }
    made = Row(**facts | more)
    return rows.judged(made, given, other_work) if given else made


def block(**changes: Any) -> Block:
    """Return a machine block."""
    names = ("cpu", "system", "python", "subject", "version", "numpy", "tensorflow")
    facts: dict[str, Any] = dict.fromkeys((*names, "blas", "blas_architecture"), "same")
    facts |= {
        "simd": [],
        "cores": 2,
        "memory_gib": 8.0,
        "load_1_minute": 0.1,
        "environment": {},
        "blas_threads": 2,
        "onednn": "off",
        "onednn_instruction_set": "AVX2",
        "yardsticks": {
            "as installed": "TensorFlow 9.9 as installed: without oneDNN (Eigen)",
            "with oneDNN forced on": "TensorFlow 9.9 with oneDNN forced on, AVX2",
        },
        "packages": {},
        "gemm_peak_gflops": {"1": 100.0, "default": 200.0},
        "gemm_peak_gflops_float64": {"1": 50.0, "default": 80.0},
    }
    return Block(**facts | changes)


def speed(given: list[Row], **changes: Any) -> Speed:
    """Return a document of rows."""
    settings = Run("npconv:conv2d", 20, 1.0, [given[0].threads], 1.0)
    return Speed(block(**changes), settings, given, rows.summary(given))


def small(
    spread: float = 0.01,
    threads: Threads = 1,
    works: tuple[float, ...] = (0.0,) * 4,
    changed: int = 2,
    **factors: float,
) -> Speed:
    """Return a document of four layers, of which one was changed by `factors`."""
    made = []
    for number, layer in enumerate(read("small")[:4]):
        given = times(0.3, 20, spread)
        if number == changed:
            given = scaled(given, **factors)
        facts: dict[str, Any] = {"net": layer.net, "name": layer.name, "token": layer.case.token()}
        facts |= {"threads": threads, "multiply_adds": layer.multiply_adds, "count": layer.count}
        made.append(row(given, works[number], **facts))
    return speed(made)
