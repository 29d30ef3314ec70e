"""How far convolutions by an FFT may lie from the exact value; ``_engine.fft`` proves it."""

from __future__ import annotations

import numpy as np

from npconv._attributes import Array, Layout
from npconv._engine.fft import ERROR
from npconv._geometry import Geometry


def most(geometry: Geometry, layout: Layout, images: Array, filters: Array) -> Array:
    """Return the bound of each output, before it is rounded to the dtype: of absolute values."""
    sizes = (-3, -2) if layout.endswith("C") else (-2, -1)
    of_images = np.sqrt(np.square(images).sum(sizes))  # (..., C)
    of_filters = filters.sum((0, 1, 2)).reshape(geometry.in_channels, -1)  # (C, multiplier)
    both = (of_images[..., np.newaxis] * of_filters).reshape(*of_images.shape[:-1], -1)
    whole = np.expand_dims(ERROR * both, sizes)
    shape = list(whole.shape)
    for axis, size in zip(sizes, geometry.outputs, strict=True):
        shape[axis] = size
    return np.broadcast_to(whole, shape)
