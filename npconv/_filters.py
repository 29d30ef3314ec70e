"""Step 1: flatten the filters."""

from __future__ import annotations

from math import prod
from typing import Any, overload

from numpy.typing import ArrayLike, NDArray

from npconv._arguments import read_array
from npconv._attributes import Array, S
from npconv._operation import CONV2D
from npconv._shapes import check_filters


@overload
def flatten_filters(filters: NDArray[S]) -> NDArray[S]: ...
@overload
def flatten_filters(filters: ArrayLike) -> Array: ...
def flatten_filters(filters: Any) -> Array:
    """Flatten filters to the matrix that the patches are multiplied by: ``conv2d``'s first step.

    Parameters
    ----------
    filters : array_like, shape (KH, KW, in_channels, out_channels)
        Filters in TensorFlow's HWIO layout, of any dtype.

    Returns
    -------
    ndarray, shape (KH * KW * in_channels, out_channels)
        Row ``(kh * KW + kw) * in_channels + c`` holds tap (kh, kw) of input channel c. A view
        where memory allows, otherwise a copy; of the same dtype.

    Raises
    ------
    TypeError, ValueError
        If `filters` is no array of four dimensions.

    Examples
    --------
    >>> import numpy as np
    >>> import npconv
    >>> npconv.flatten_filters(np.ones((3, 3, 2, 8))).shape
    (18, 8)
    """
    array = read_array("filters", filters)
    check_filters(CONV2D, array.shape)
    return array.reshape(prod(array.shape[:3]), array.shape[3])
