"""Step 3 itself: choose a plan, and compute its tiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from npconv._engine import rules, threads

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
