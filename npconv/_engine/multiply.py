"""Step 3 itself: choose a plan, and compute its tiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from npconv._engine import rules, threads
from npconv._engine.tiles import largest

if TYPE_CHECKING:
    from npconv._engine.plan import Plan, Task
    from npconv._engine.scratch import Scratch
    from npconv._geometry import Geometry

Array = np.ndarray[Any, Any]


def right_multiply(images: Array, weights: Array, geometry: Geometry, out: Array) -> None:
    """Right-multiply the patches matrix of images by the flattened filters, tile by tile.

    Parameters
    ----------
    images : ndarray, shape (N, *sizes, C)
        Their patches are N * OH * OW rows of KH * KW * C / groups columns for each group.
    weights : ndarray, shape (KH * KW * C / groups, OC)
    geometry : Geometry
    out : ndarray, shape (N, *outputs, OC)
        Any strides, alignment and byte order.
    """
    plan = rules.choose(geometry, len(out), weights.dtype)
    if not _run(plan, images, weights, geometry, out):
        # What is not finite met a zero that the filters do not have.
        plan = rules.choose(geometry, len(out), weights.dtype, plain=True)
        _run(plan, images, weights, geometry, out)


def _run(plan: Plan, images: Array, weights: Array, geometry: Geometry, out: Array) -> bool:
    """Compute all tiles; return whether all of their results stand."""
    work = rules.ALGORITHMS[plan.algorithm].prepare(plan, images, weights, out, geometry)
    if plan.light:
        return threads.alone(plan.tasks(), work)
    return threads.each(plan.tasks(), work, plan.most_threads)


class Description(NamedTuple):
    """How a convolution is computed, and the bytes it takes beyond its arguments and its result.

    Attributes
    ----------
    algorithm : str
    tiles : str
        How it is cut, for people.
    thread_bytes, scratch_bytes : int
        At the most, where the arrays are C-contiguous: on one thread, and on as many as there are.
    """

    algorithm: str
    tiles: str
    thread_bytes: int
    scratch_bytes: int


def describe(geometry: Geometry, batch: int, dtype: np.dtype[Any]) -> Description:
    """Say how a convolution is computed.

    Parameters
    ----------
    geometry : Geometry
    batch : int
        Number of images, at least 1.
    dtype : dtype
        Of the input and the filters.
    """
    plan = rules.choose(geometry, batch, dtype)
    images, *sides = largest((batch, *plan.geometry.outputs), plan.pieces)
    block = plan.block or (1,) * len(sides)
    sides = [min(a * b, most) for a, b, most in zip(sides, block, geometry.outputs, strict=True)]
    tiles = f"{' x '.join(map(str, (images, *sides)))} outputs at once"
    if plan.shares > 1:
        share = -(-geometry.out_channels // plan.shares)
        tiles += f", {share} of {geometry.out_channels} filters"
    if plan.block:
        tiles += f", {' x '.join(map(str, block))} of them a patch"
    if plan.sums > 1:
        tiles += f", sums in {plan.sums} parts"
    plans = [plan]
    if plan.block:  # where an image is not finite
        plans.append(rules.choose(geometry, batch, dtype, plain=True))
    used = [
        max(one.scratch_bytes(count) for one in plans) for count in (1, threads.get_num_threads())
    ]
    return Description(plan.algorithm, tiles, *used)
