"""Which algorithm: the first, in this order, whose rule holds for the shapes."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any, Protocol

import numpy as np

from npconv._engine import depthwise, im2col, kn2row, toeplitz
from npconv._engine.plan import TOTAL_BYTES, Plan, Work
from npconv._geometry import Geometry

Array = np.ndarray[Any, Any]


class Algorithm(Protocol):
    """What the module of an algorithm holds."""

    NAME: str

    def admits(self, geometry: Geometry) -> bool:
        """Say whether it can compute a convolution."""

    def pays(self, geometry: Geometry, batch: int) -> bool:
        """Say whether it is to be taken, where the rules before do not hold."""

    def plan(self, geometry: Geometry, batch: int, dtype: np.dtype[Any]) -> Plan:
        """Cut a convolution into tiles."""

    def prepare(
        self, plan: Plan, images: Array, weights: Array, out: Array, geometry: Geometry
    ) -> Work:
        """Return the work on a tile."""


_ORDER: tuple[Algorithm, ...] = (depthwise, toeplitz, kn2row, im2col)
ALGORITHMS = {one.NAME: one for one in _ORDER}


def _from_environment(name: str) -> str:
    """Read NPCONV_ALGORITHM: an algorithm to take wherever it is admissible, for experiments."""
    if name and name not in ALGORITHMS:
        raise ValueError(
            f"NPCONV_ALGORITHM: expected one of {', '.join(ALGORITHMS)}, received {name!r}"
        )
    return name


_FORCED = _from_environment(os.environ.get("NPCONV_ALGORITHM", ""))


@lru_cache(maxsize=256)
def choose(geometry: Geometry, batch: int, dtype: np.dtype[Any], *, plain: bool = False) -> Plan:
    """Choose a plan for a convolution with at least one image, output, tap and channel.

    Where it is to be `plain`, im2col, which multiplies by no zeros of its own.
    """
    if plain:
        return im2col.plan(geometry, batch, dtype)
    forced = [one for one in _ORDER if one.NAME == _FORCED and one.admits(geometry)]
    for one in forced or _ORDER:
        if forced or one.pays(geometry, batch):
            plan = one.plan(geometry, batch, dtype)
            if plan.scratch_bytes(1) <= TOTAL_BYTES:  # else dilated taps reach over too much
                return plan
    return im2col.plan(geometry, batch, dtype)
