"""What the first call of a new shape takes beyond the second: photographs of any size pay it.

Each side has several processes that have called other shapes before. Before each timed call its
process makes one of a layer that it knows, so that its threads are awake, reads the arguments, so
that the caches hold them, and takes and returns memory of the result's size, so that none is fresh
alone. What is left is what was made for the shape.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from parity.model.geometry import output_shape
from parity.speed import layers, yardsticks
from parity.speed.layers import Layer
from parity.speed.processes import Workers, environment
from parity.speed.rows import KERNEL, SUBJECT

PROCESSES = 5
"""Of each side: of their differences a layer has the median."""
KNOWN = (
    "float32 NHWC 1x30x30x32 w3x3x1x32 s1,1 d1,1 SAME normal:0",
    "float32 NHWC 1x90x90x1 w5x5x1x8 s1,1 d1,1 SAME normal:0",
    "float32 NHWC 1x60x60x64 w3x3x64x4 s2,2 d1,1 VALID normal:0",
    "float32 NHWC 1x50x50x32 w1x1x32x64 s1,1 d1,1 VALID normal:0",
    "float32 NHWC 1x58x58x64 w3x3x64x64 s1,1 d1,1 SAME normal:0",
)
"""What every process has called before; the last of them also before each timed call."""
MOST, MOST_OUTPUTS = 100_000_000, 1 << 20
"""Multiply-adds and outputs of a layer that is drawn: the noise of longer calls hides all."""


def drawn(count: int = 160, seed: int = 13) -> list[Layer]:
    """Return layers of all sets, each for images of another size, from half to a quarter more."""
    rng = np.random.default_rng(seed)
    pool = layers.every()
    found: dict[str, Layer] = {}
    while len(found) < count:
        one = pool[rng.integers(len(pool))]
        batch, height, width, channels = one.case.input_shape
        height, width = (max(1, int(size * rng.uniform(0.5, 1.25))) for size in (height, width))
        case = replace(one.case, input_shape=(batch, height, width, channels))
        name = f"{one.net} {one.name}, {height}x{width}"
        try:
            layer = layers.parse(case.token(), net="first", name=name)
        except ValueError:  # no output is left
            continue
        if layer.multiply_adds <= MOST and math.prod(output_shape(layer.case)) <= MOST_OUTPUTS:
            found[case.token()] = layer
    return list(found.values())


class FirstCalls:
    """Several processes of the subject, and as many of TensorFlow as installed."""

    def __init__(self, workers: Workers, subject: str, threads: int) -> None:
        self._sides = {
            side: [workers.start(name, environment(threads=threads)) for _ in range(PROCESSES)]
            for side, name in ((SUBJECT, subject), (KERNEL, yardsticks.TENSORFLOW))
        }
        for worker in (one for some in self._sides.values() for one in some):
            for token in KNOWN:
                worker.call("prepare", token, ["kernel"])

    def microseconds(self, token: str) -> dict[str, list[list[float]]]:
        """Return what the first three calls of a layer take in each process, by side."""
        return {
            side: [[round(1e6 * t, 2) for t in one.call("first", token)] for one in workers]
            for side, workers in self._sides.items()
        }
