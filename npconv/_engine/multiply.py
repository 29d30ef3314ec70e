"""Step 3 itself: choose a plan, and compute its tiles."""

from __future__ import annotations

import os
from functools import lru_cache
from operator import mul
from typing import Any, Protocol

import numpy as np

from npconv._engine import depthwise, fft, im2col, kn2row, threads, toeplitz, winograd
from npconv._engine.kept import Kept
from npconv._engine.plan import TOTAL_BYTES, Plan, Work, largest
from npconv._engine.scratch import Array
from npconv._geometry import Geometry


class Algorithm(Protocol):
    """What the module of an algorithm holds.

    Whether it can compute a convolution, whether it pays where the rules before do not hold, how it
    cuts one into tiles, and the work on a tile.
    """

    NAME: str

    def admits(self, geometry: Geometry) -> bool: ...
    def pays(self, geometry: Geometry, batch: int) -> bool: ...
    def plan(self, geometry: Geometry, batch: int, dtype: np.dtype[Any]) -> Plan: ...
    def prepare(
        self, plan: Plan, images: Array, weights: Array, out: Array,
        geometry: Geometry, kept: Kept | None,
    ) -> Work: ...  # fmt: skip


_FLOAT32 = np.dtype(np.float32)
_ORDER: tuple[Algorithm, ...] = (depthwise, toeplitz, kn2row, im2col)
ALGORITHMS: dict[str, Algorithm] = {one.NAME: one for one in (*_ORDER, fft, *winograd.FORMS[True])}


def _from_environment(name: str) -> str:
    """Read NPCONV_ALGORITHM: an algorithm to take wherever it is admissible, for experiments."""
    if name and name not in ALGORITHMS:
        raise ValueError(
            f"NPCONV_ALGORITHM: expected one of {', '.join(ALGORITHMS)}, received {name!r}"
        )
    return name


_FORCED = _from_environment(os.environ.get("NPCONV_ALGORITHM", ""))


@lru_cache(maxsize=256)
def choose(
    geometry: Geometry, batch: int, dtype: np.dtype[Any],
    *, plain: bool = False, fast: bool = False, prepared: bool = False,
) -> Plan:  # fmt: skip
    """Choose a plan for a convolution with at least one image, output, tap and channel.

    Where it is to be `plain`, im2col, which multiplies by no zeros of its own. Where it is to be
    `fast`, FFT for float32 and float64 and Winograd for floats of up to 32 bits, where they pay, as
    Winograd more often does where filters are `prepared`.
    """
    if plain:
        return im2col.plan(geometry, batch, dtype)
    order = _ORDER
    if fast and dtype.kind != "i":
        order = (fft, *order) if dtype.itemsize >= _FLOAT32.itemsize else order
        if dtype.itemsize <= _FLOAT32.itemsize:
            order = (*winograd.forms(geometry, batch, prepared=prepared), *order)
    forced = [one for one in order if one.NAME == _FORCED and one.admits(geometry)]
    for one in forced or order:
        if forced or one.pays(geometry, batch):
            plan = one.plan(geometry, batch, dtype)
            # Taps may reach over too much, or there may be too many filters.
            if plan.scratch_bytes(1) <= TOTAL_BYTES:
                return plan
    return im2col.plan(geometry, batch, dtype)


def right_multiply(
    images: Array, weights: Array, geometry: Geometry, out: Array, kept: Kept | None = None,
    *, fast: bool = False,
) -> None:  # fmt: skip
    """Right-multiply the patches matrix of images by the flattened filters, tile by tile.

    `images` are (N, *sizes, C) and `out` (N, *outputs, OC), of any strides, alignment and byte
    order, `weights` (KH * KW * C / groups, OC); what is made of these alone is `kept`.
    """
    how = geometry, len(out), weights.dtype
    plan = choose(*how, fast=fast, prepared=kept is not None)
    if not _run(plan, images, weights, geometry, out, kept):
        # What is not finite met a zero that the filters do not have.
        plan = choose(geometry, len(out), weights.dtype, plain=True)
        _run(plan, images, weights, geometry, out, kept)


def _run(
    plan: Plan, images: Array, weights: Array, geometry: Geometry, out: Array, kept: Kept | None
) -> bool:
    """Compute all tiles; return whether all of their results stand."""
    work = ALGORITHMS[plan.algorithm].prepare(plan, images, weights, out, geometry, kept)
    if plan.light:
        return threads.alone(plan.tiles(), work)
    return threads.each(plan.tiles(), work, plan.most_threads)


def describe(
    geometry: Geometry, batch: int, dtype: np.dtype[Any], *, fast: bool = False
) -> tuple[str, str, int, int]:
    """Say how a convolution of `batch` images and filters of a dtype is computed.

    The algorithm, its tiles, and the bytes taken beyond the arguments and the result, at the most
    where the arrays are C-contiguous: on one thread, and on as many as there are.
    """
    plan = choose(geometry, batch, dtype, fast=fast)
    plans = [plan, choose(geometry, batch, dtype, plain=True)] if plan.block else [plan]
    images, *sides = largest((batch, *plan.geometry.outputs), plan.pieces)
    if plan.block:
        whole_blocks = map(mul, sides, plan.block)
        sides = list(map(min, whole_blocks, geometry.outputs))
    text = f"{' x '.join(map(str, (images, *sides)))} outputs at once"
    if plan.shares > 1:
        name = "groups" if geometry.groups > 1 else "filters"
        whole = geometry.groups if geometry.groups > 1 else geometry.out_channels
        units = plan.geometry.groups if geometry.groups > 1 else plan.geometry.out_channels
        most = -(-units // plan.shares) * -(-whole // units)  # of Winograd, a unit is a panel
        text += f", {min(most, whole)} of {whole} {name}"
    if plan.block:
        text += f", {' x '.join(map(str, plan.block))} of them a patch"
    if plan.sums > 1:
        *taps, channels = largest((*geometry.kernel, geometry.filter_channels), plan.sums)
        text += f", {' x '.join(map(str, taps))} taps of {channels} channels"
    one = max(each.scratch_bytes(1) for each in plans)
    most = max(each.scratch_bytes(threads.get_num_threads()) for each in plans)
    return plan.algorithm, text, one, most
