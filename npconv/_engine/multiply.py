"""Step 3 itself: choose a plan, and compute its tiles."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from npconv._engine import rules, threads
from npconv._engine.plan import Plan
from npconv._engine.tiles import largest
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
        Any strides, alignment and byte order, like the images.
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
        return threads.alone(plan.tiles(), work)
    return threads.each(plan.tiles(), work, plan.most_threads)


class Description(NamedTuple):
    """How a convolution is computed, and the bytes it takes beyond its arguments and its result.

    These are the most, where the arrays are C-contiguous: on one thread, and on as many as there
    are.
    """

    algorithm: str
    tiles: str
    thread_bytes: int
    scratch_bytes: int


def describe(geometry: Geometry, batch: int, dtype: np.dtype[Any]) -> Description:
    """Say how a convolution of `batch` images and filters of a dtype is computed."""
    plan = rules.choose(geometry, batch, dtype)
    plans = [plan, rules.choose(geometry, batch, dtype, plain=True)] if plan.block else [plan]
    images, *sides = largest((batch, *plan.geometry.outputs), plan.pieces)
    if plan.block:
        sides = [
            min(a * b, most) for a, b, most in zip(sides, plan.block, geometry.outputs, strict=True)
        ]
    text = f"{' x '.join(map(str, (images, *sides)))} outputs at once"
    if plan.shares > 1:
        name = "groups" if geometry.groups > 1 else "filters"
        whole = geometry.groups if geometry.groups > 1 else geometry.out_channels
        text += f", {-(-whole // plan.shares)} of {whole} {name}"
    if plan.block:
        text += f", {' x '.join(map(str, plan.block))} of them a patch"
    if plan.sums > 1:
        *taps, channels = largest((*geometry.kernel, geometry.filter_channels), plan.sums)
        text += f", {' x '.join(map(str, taps))} taps of {channels} channels"
    one, all_ = (
        max(each.scratch_bytes(count) for each in plans) for count in (1, threads.get_num_threads())
    )
    return Description(plan.algorithm, text, one, all_)
