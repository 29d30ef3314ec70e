"""Step 3 itself: choose a plan, and compute its tiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from npconv._engine import planner, threads
from npconv._engine.cost import is_image

if TYPE_CHECKING:
    from npconv._engine.blocks import Tile
    from npconv._engine.plan import Plan
    from npconv._engine.scratch import Scratch
    from npconv._geometry import Geometry
    from npconv._patches import Patches

Array = np.ndarray[Any, Any]


def right_multiply(patches: Patches, weights: Array, out: Array) -> None:
    """Right-multiply the patches matrix by the flattened filters, tile by tile.

    Parameters
    ----------
    patches : Patches
        Of N images; the rows are N * OH * OW, the columns KH * KW * C / groups for each group.
    weights : ndarray, shape (KH * KW * C / groups, OC)
    out : ndarray, shape (N, OH, OW, OC)
        Any strides, alignment and byte order.
    """
    dtype = weights.dtype
    plan = planner.choose(patches.geometry, len(out), dtype)
    if not _run(plan, patches, weights, out):
        # What is not finite met a zero that the filters do not have.
        plain = planner.choose(patches.geometry, len(out), dtype, plain=True)
        _run(plain, patches, weights, out)


def _run(plan: Plan, patches: Patches, weights: Array, out: Array) -> bool:
    """Compute all tiles; return whether all of their results stand."""
    work = planner.ALGORITHMS[plan.algorithm].prepare(plan, patches, weights, out)
    stands = True

    def one(tile: Tile, scratch: Scratch) -> None:
        nonlocal stands
        if not stands:
            return
        if not work(tile, scratch):
            stands = False  # never back to True: tiles end in any order

    threads.each(plan.blocks.each_tile(), one, plan.most_threads, light=plan.light)
    return stands


def describe(geometry: Geometry, batch: int, dtype: np.dtype[Any]) -> tuple[str, int, int]:
    """Say how a convolution is computed, and the bytes it takes at the most.

    Parameters
    ----------
    geometry : Geometry
    batch : int
        Number of images, at least 1.
    dtype : dtype
        Of the input and the filters.

    Returns
    -------
    str
        Algorithm and tiles, for people.
    int, int
        Bytes beyond the arguments and the result, where these are C-contiguous: on one thread, and
        on as many as there are.
    """
    plan = planner.choose(geometry, batch, dtype)
    blocks = plan.blocks
    text = plan.algorithm
    if plan.algorithm == "tiles" and is_image(geometry):
        text += " (the image is the patches matrix)"
    high, broad = plan.wide.rows, plan.wide.columns
    if high * broad > 1:
        text += f" ({high} x {broad} outputs a patch)"
    if plan.wide.groups > 1:
        text += f" ({plan.wide.groups} as one)"
    count, rows, columns, groups, out_channels = blocks.tile
    rows, columns = (
        min(size * wide, axis.outputs)
        for size, wide, axis in ((rows, high, geometry.rows), (columns, broad, geometry.columns))
    )
    text += f": {count} x {rows} x {columns} outputs at once"
    if groups < blocks.whole_tile[3]:
        text += f", {groups * plan.wide.groups} of {geometry.groups} groups"
    if out_channels < blocks.whole_tile[4]:
        text += f", {out_channels} of {blocks.whole_tile[4]} filters"
    if not blocks.in_one_sum:
        text += ", {} x {} taps of {} channels at once".format(*blocks.taps)
    plans = [plan]
    if plan.wide.adds_zeros:
        plans.append(planner.choose(geometry, batch, dtype, plain=True))
    used = [[one.scratch_bytes(count) for one in plans] for count in (1, threads.get_num_threads())]
    return text, max(used[0]), max(used[1])
