"""Patches that serve more than one output, and filters with zeros where they have no business.

Extracting patches and multiplying few columns are what costs with few channels. Two roads lead to
wider products, both to plain tiles of another convolution:

- *banded*: a patch that is larger by some strides holds what a block of neighbouring outputs
  reads, and the filters of each of them stand in a band of zeros;
- *joined*: groups are multiplied together, each by filters that are zero for the others.

The zeros are exact for finite images. An infinity or NaN leaves a NaN, by which a tile says that
its result does not stand.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product as pairs
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from npconv._engine.halves import cast
from npconv._engine.plan import Plan, Wide, cuts
from npconv._geometry import Axis, Geometry

if TYPE_CHECKING:
    from npconv._engine.blocks import Tile
    from npconv._engine.scratch import Scratch

Array = np.ndarray[Any, Any]

_BLOCKS = tuple(block for block in pairs((1, 2, 4, 8, 16), repeat=2) if block != (1, 1))
_FEW_BLOCKS = ((1, 4), (2, 2), (4, 4))  # where choosing must not cost more than computing
_TRIED = 3  # of the blocks, with smaller and larger tiles
_MOST_CHANNELS = 64  # of groups that are joined
_MOST_WEIGHTS = 1 << 20  # elements of the filters with their zeros
_MOST_COLUMNS = 512  # of the banded filters: beyond that the zeros cost more than they save


def banded_plans(
    geometry: Geometry, batch: int, dtype: np.dtype[Any], *, light: bool
) -> Iterator[Plan]:
    """Yield ways to let a patch serve a block of outputs."""
    if geometry.filter_channels > 16:
        return
    rows, columns = geometry.rows, geometry.columns
    found: list[Plan] = []
    for height, width in _FEW_BLOCKS if light else _BLOCKS:
        if height * width * geometry.out_channels > _MOST_COLUMNS * geometry.groups or not (
            _widens(rows, height) and _widens(columns, width)
        ):
            continue
        wide = Wide(1, height, width)
        if _weights(widened(geometry, wide)) <= _MOST_WEIGHTS:
            found += cuts("banded", widened(geometry, wide), wide, batch, dtype, light=True)
    found.sort(key=lambda one: one.cost)
    for one in found if light else found[:_TRIED]:
        yield from cuts("banded", one.geometry, one.wide, batch, dtype, light=light)


def joined_plans(
    geometry: Geometry, batch: int, dtype: np.dtype[Any], *, light: bool
) -> Iterator[Plan]:
    """Yield ways to multiply some groups as one."""
    for groups in (2, 4, 8, 16, 32, 64):
        if geometry.groups % groups or groups * geometry.filter_channels > _MOST_CHANNELS:
            continue
        wide = Wide(groups)
        joined = widened(geometry, wide)
        if _weights(joined) <= _MOST_WEIGHTS:
            yield from cuts("joined groups", joined, wide, batch, dtype, light=light)


def _weights(geometry: Geometry) -> int:
    """Return the number of elements of the filters."""
    taps = geometry.rows.kernel * geometry.columns.kernel * geometry.filter_channels
    return taps * geometry.out_channels


def _widens(axis: Axis, outputs: int) -> bool:
    return outputs == 1 or (outputs <= axis.outputs and (axis.dilation == 1 or axis.kernel == 1))


def widened(geometry: Geometry, wide: Wide) -> Geometry:
    """Return the convolution whose patches serve `wide` outputs and groups.

    >>> axis = Axis.resolve(8, 3, 1, 1, "SAME")
    >>> widened(Geometry(axis, axis, 1, 1, 2), Wide(1, 1, 4)).columns
    Axis(size=8, kernel=6, stride=4, dilation=1, before=1, after=1, outputs=2)
    """
    return Geometry(
        _widened(geometry.rows, wide.rows),
        _widened(geometry.columns, wide.columns),
        geometry.in_channels,
        geometry.filter_channels * wide.groups,
        geometry.out_channels * wide.rows * wide.columns,
    )


def _widened(axis: Axis, outputs: int) -> Axis:
    if outputs == 1:
        return axis
    kernel = axis.kernel + (outputs - 1) * axis.stride
    stride = axis.stride * outputs
    blocks = -(-axis.outputs // outputs)
    after = max(0, (blocks - 1) * stride + kernel - axis.size - axis.before)
    return Axis(axis.size, kernel, stride, 1, axis.before, after, blocks)


def weights(flat: Array, geometry: Geometry, wide: Wide) -> Array:
    """Return the flattened filters of the widened convolution.

    Parameters
    ----------
    flat : ndarray, shape (KH * KW * C / groups, OC)
    geometry : Geometry
        Of the convolution itself.
    wide : Wide

    Returns
    -------
    ndarray, shape (KH' * KW' * C', OC')
        Of the widened sizes; the out_channels of a group run over rows, columns and, fastest, the
        out_channels of that group.
    """
    rows, columns = geometry.rows, geometry.columns
    groups = geometry.groups // wide.groups
    channels = geometry.filter_channels
    filters = geometry.out_channels // geometry.groups
    kernel = (_widened(rows, wide.rows).kernel, _widened(columns, wide.columns).kernel)
    shape = (*kernel, wide.groups, channels, groups, wide.rows, wide.columns, wide.groups, filters)
    result = np.zeros(shape, flat.dtype)
    kh, kw, joined, channel, group, row, column, own, filter_ = result.strides
    # The filters' places, all at once: an output's rows and columns move its filter, and a group
    # meets itself alone.
    places = as_strided(
        result,
        (
            rows.kernel,
            columns.kernel,
            channels,
            groups,
            wide.groups,
            wide.rows,
            wide.columns,
            filters,
        ),
        (
            kh,
            kw,
            channel,
            group,
            joined + own,
            row + kh * rows.stride,
            column + kw * columns.stride,
            filter_,
        ),
    )
    places[...] = flat.reshape(
        rows.kernel, columns.kernel, channels, groups, wide.groups, 1, 1, filters
    )
    return result.reshape(kernel[0] * kernel[1] * wide.groups * channels, -1)


def scatter(
    product: Array, tile: Tile, wide: Wide, groups: int, out: Array, scratch: Scratch
) -> None:
    """Write a tile's products to the output.

    Parameters
    ----------
    product : ndarray, shape (groups, positions, out_channels)
        Of the tile, where `wide` for blocks of outputs.
    tile : Tile
        Of the widened convolution.
    wide : Wide
    groups : int
        Of the widened convolution.
    out : ndarray, shape (N, OH, OW, OC)
    scratch : Scratch
    """
    (n0, n1), (h0, h1), (w0, w1), (g0, g1), (o0, o1) = tile
    high, broad = wide.rows, wide.columns
    count, height, width = n1 - n0, h1 - h0, w1 - w0
    target = out[n0:n1, h0 * high : h1 * high, w0 * broad : w1 * broad]
    target = target.reshape(*target.shape[:3], groups, -1)[..., g0:g1, :]
    if high * broad == 1:
        source = product.reshape(g1 - g0, count, height, width, o1 - o0)
        cast(source.transpose(1, 2, 3, 0, 4), target[..., o0:o1], scratch)
        return
    # (g, n, h, w, rows, columns, o) -> (n, h, rows, w, columns, g, o)
    source = product.reshape(g1 - g0, count, height, width, high, broad, -1)
    source = source.transpose(1, 2, 4, 3, 5, 0, 6)
    for (a0, a1, rows), (b0, b1, columns) in pairs(
        _pieces(target.shape[1], height, high), _pieces(target.shape[2], width, broad)
    ):
        part = target[:, a0 * high : a0 * high + (a1 - a0) * rows]
        part = part[:, :, b0 * broad : b0 * broad + (b1 - b0) * columns]
        part = part.reshape(count, a1 - a0, rows, b1 - b0, columns, *part.shape[3:])
        cast(source[:, a0:a1, :rows, b0:b1, :columns], part, scratch)


def _pieces(outputs: int, blocks: int, size: int) -> Iterator[tuple[int, int, int]]:
    """Yield the whole blocks and the one that is cut off, as ranges and sizes.

    >>> list(_pieces(11, 3, 4)), list(_pieces(8, 2, 4))
    ([(0, 2, 4), (2, 3, 3)], [(0, 2, 4)])
    """
    whole = outputs // size
    if whole:
        yield 0, whole, size
    if whole < blocks:
        yield whole, blocks, outputs - whole * size
