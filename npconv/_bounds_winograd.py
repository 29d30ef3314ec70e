"""How far Winograd's convolutions may lie from the exact value: what ``precision="fast"`` allows.

With absolute values in all matrices, g_W = A.T (sum over c of (G w G.T) * (B.T x B)) A. Each of the
products in it meets at most k roundings, ``Transforms.roundings``: |y - exact| <= gamma_k g_W. A
value that is flushed on the way is off by t, times what it is still multiplied by.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from npconv._attributes import Array, Layout
from npconv._engine.multiply import choose
from npconv._engine.winograd import Winograd
from npconv._geometry import Geometry
from npconv._operation import Operation


def taken(
    operation: Operation, geometry: Geometry, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> list[str]:
    """Return what the engine may take: for images of a shape, together or in parts."""
    empty = 0 in (*shape, *geometry.outputs, geometry.out_channels)
    if operation.gives != "output" or operation.depthwise or empty:
        return []
    lead = shape[: -1 - len(geometry.axes)]
    batches = {prod(lead[first:]) for first in range(len(lead))}
    return [
        choose(geometry, batch, dtype, fast=True, prepared=prepared).algorithm
        for batch in batches
        for prepared in (False, True)
    ]


def gross(
    form: Winograd, geometry: Geometry, layout: Layout, images: Array, filters: Array
) -> tuple[Array, Array]:
    """Return g_W of absolute values, and by how many t flushed values may be off."""
    if not layout.endswith("C"):
        images = np.moveaxis(images, -3, -1)
    lead, images = images.shape[:-3], images.reshape(-1, *images.shape[-3:])
    a, b, g = (np.abs(one.astype(np.float64)) for one in form.transforms)
    m, side = form.outputs, form.side
    blocks = [-(-axis.outputs // m) for axis in geometry.axes]
    pads = [
        (axis.before, max(0, (count - 1) * m + side - axis.size - axis.before))
        for axis, count in zip(geometry.axes, blocks, strict=True)
    ]
    padded = np.pad(images, [(0, 0), *pads, (0, 0)])
    cut = sliding_window_view(padded, (side, side), (1, 2))[:, ::m, ::m]
    cut = cut[:, : blocks[0], : blocks[1]]  # (N, *blocks, C, side, side)
    x = np.einsum("nhwcij,ip,jq->pqnhwc", cut, b, b, optimize=True)
    w = np.einsum("ijco,pi,qj->pqco", filters, g, g, optimize=True)
    sums = np.einsum("pqnhwc,pqco->pqnhwo", x, w, optimize=True)
    forth, channels = np.count_nonzero(b, 0).max() ** 2, len(filters[0, 0])
    from_x, from_w = x.sum(-1)[..., np.newaxis], w.sum(2)[:, :, np.newaxis, np.newaxis, np.newaxis]
    lost = from_x + forth * from_w + (1 + forth) * channels  # before products, and in these

    def back(values: Array) -> Array:
        whole = np.einsum("pqnhwo,pk,ql->nhkwlo", values, a, a, optimize=True)
        whole = whole.reshape(*lead, blocks[0] * m, blocks[1] * m, -1)
        whole = whole[..., : geometry.outputs[0], : geometry.outputs[1], :]
        return whole if layout.endswith("C") else np.moveaxis(whole, -1, -3)

    return back(sums), back(lost) + np.count_nonzero(a, 0).max() ** 2
