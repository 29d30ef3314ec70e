"""Which algorithm: the first, in this order, whose rule holds for the shapes."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from npconv._engine import depthwise, im2col, kn2row, toeplitz
from npconv._engine.plan import Plan

if TYPE_CHECKING:
    from npconv._geometry import Geometry

ALGORITHMS = {one.NAME: one for one in (depthwise, toeplitz, kn2row, im2col)}


def _from_environment(name: str) -> str:
    """Read NPCONV_ALGORITHM: an algorithm to take wherever it is admissible, for experiments."""
    if name and name not in ALGORITHMS:
        raise ValueError(
            f"NPCONV_ALGORITHM: expected one of {', '.join(ALGORITHMS)}, received {name!r}"
        )
    return name


_FORCED = _from_environment(os.environ.get("NPCONV_ALGORITHM", ""))


@lru_cache(maxsize=1024)
def choose(geometry: Geometry, batch: int, dtype: np.dtype[Any], *, plain: bool = False) -> Plan:
    """Choose a plan.

    Parameters
    ----------
    geometry : Geometry
        Of a convolution with at least one output, one tap and one channel.
    batch : int
        Number of images, at least 1.
    dtype : dtype
        Of the input.
    plain : bool
        Choose im2col, which multiplies by no zeros of its own.

    Returns
    -------
    Plan
    """
    if plain:
        return im2col.plan(geometry, batch, dtype)
    if _FORCED and ALGORITHMS[_FORCED].admits(geometry):
        return ALGORITHMS[_FORCED].plan(geometry, batch, dtype)
    first = next(one for one in ALGORITHMS.values() if one.pays(geometry, batch))
    return first.plan(geometry, batch, dtype)
