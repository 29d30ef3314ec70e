"""Copying short runs of neighbours, each as one element.

NumPy's copies take some 7 ns for each run of neighbours, beyond its bytes: a patch of 3 x 3 pixels
with 4 channels has 3 runs. With each run an element of a void dtype, runs of 12 to 96 bytes took
between nine tenths and an eighth of the time.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import as_strided

from npconv._engine.scratch import Array

_WORTH = 1 << 13  # elements: with fewer, making the views takes longer than they save
_LONGEST = 1 << 10  # bytes: beyond that a run costs little by itself


def copy(source: Array, target: Array) -> None:
    """Write `source`, of any strides, to `target`, of the same shape and dtype elsewhere.

    >>> source = np.arange(1 << 14).reshape(2, 64, 32, 4)
    >>> target = np.empty((32, 2, 64, 4), int)
    >>> copy(source.transpose(2, 0, 1, 3), target)
    >>> bool((target[5, 1] == source[1, :, 5]).all())
    True
    """
    axes, run = 0, source.itemsize
    if source.size >= _WORTH:
        steps = zip(source.shape, source.strides, target.strides, strict=True)
        for length, one, other in reversed(tuple(steps)):
            if length > 1 and not one == other == run:
                break
            axes, run = axes + 1, run * length
    if source.itemsize < run <= _LONGEST and axes < source.ndim:
        source, target = _runs(source, axes, run), _runs(target, axes, run)
    np.copyto(target, source)


def _runs(array: Array, axes: int, run: int) -> Array:
    """Return a view whose elements are the last axes, so many bytes each."""
    item = array.itemsize
    if axes > 1:
        shape, strides = array.shape[:-axes], array.strides[:-axes]
        array = as_strided(array, (*shape, run // item), (*strides, item))
    return array.view(f"V{run}")[..., 0]
