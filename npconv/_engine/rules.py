"""Which algorithm: the first, in this order, whose rule holds for the shapes and the dtype."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from npconv._engine import im2col
from npconv._engine.plan import Plan

if TYPE_CHECKING:
    from npconv._geometry import Geometry

ALGORITHMS = {one.NAME: one for one in (im2col,)}


@lru_cache(maxsize=4096)
def choose(geometry: Geometry, batch: int, dtype: np.dtype[Any], *, plain: bool = False) -> Plan:
    return im2col.plan(geometry, batch, dtype)
