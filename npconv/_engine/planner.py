"""The planner: which algorithm and which tiles, by shapes, dtype and the machine's cores alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from npconv._engine import depthwise, shifted, tiles, wide
from npconv._engine.plan import Plan

if TYPE_CHECKING:
    from npconv._geometry import Geometry

_TINY = 20_000  # multiply-adds: with fewer, choosing costs more than a better choice saves
_LIGHT = 1_000_000  # multiply-adds: with fewer, one tile is best


class Algorithm(NamedTuple):
    """How plans are made, and how the work on a tile follows from one."""

    plans: Callable[..., Iterator[Plan]]
    prepare: Callable[..., tiles.Work]


ALGORITHMS = {
    "tiles": Algorithm(tiles.plans, tiles.prepare),
    "banded": Algorithm(wide.banded_plans, tiles.prepare),
    "joined groups": Algorithm(wide.joined_plans, tiles.prepare),
    "shifted adds": Algorithm(shifted.plans, shifted.prepare),
    "depthwise": Algorithm(depthwise.plans, depthwise.prepare),
}
_PLAIN = ("tiles",)
_ANYWHERE = ("tiles", "depthwise")


def _from_environment(name: str) -> str:
    """Read NPCONV_ALGORITHM: an algorithm to take wherever it is admissible, for experiments."""
    if name and name not in ALGORITHMS:
        raise ValueError(
            f"NPCONV_ALGORITHM: expected one of {', '.join(ALGORITHMS)}, received {name!r}"
        )
    return name


_FORCED = _from_environment(os.environ.get("NPCONV_ALGORITHM", ""))


@lru_cache(maxsize=4096)
def choose(geometry: Geometry, batch: int, dtype: np.dtype[Any], *, plain: bool = False) -> Plan:
    """Choose the plan of least cost.

    Parameters
    ----------
    geometry : Geometry
        Of a convolution with at least one output, one tap and one channel.
    batch : int
        Number of images, at least 1.
    dtype : dtype
        Of the input.
    plain : bool
        Choose among plain tiles only, which multiply by no zeros of their own.

    Returns
    -------
    Plan
    """
    names = _PLAIN if plain else tuple(ALGORITHMS)
    if _FORCED and not plain:
        forced = list(_plans(geometry, batch, dtype, (_FORCED,)))
        if forced:
            return _least(forced)
    return _least(list(_plans(geometry, batch, dtype, names)))


def _least(plans: list[Plan]) -> Plan:
    """Return the plan of least cost, among those that keep to the memory if there are any."""
    return min([one for one in plans if one.fits] or plans, key=lambda one: one.cost)


def _plans(
    geometry: Geometry, batch: int, dtype: np.dtype[Any], names: tuple[str, ...]
) -> Iterator[Plan]:
    outputs = batch * geometry.rows.outputs * geometry.columns.outputs * geometry.out_channels
    taps = geometry.rows.kernel * geometry.columns.kernel * geometry.filter_channels
    few = outputs * taps <= _LIGHT
    if outputs * taps <= _TINY and len(names) > 1:
        names = _ANYWHERE
    for name in names:
        yield from ALGORITHMS[name].plans(geometry, batch, dtype, light=few)
