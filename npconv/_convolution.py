"""A convolution that is prepared once, for filters that many inputs meet."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from npconv._arguments import Checked, bind, check, check_cast, read_array
from npconv._attributes import (
    Array,
    Pads,
    Precision,
    Steps,
    read_attributes,
    read_precision,
    show_pads,
)
from npconv._conv2d import forward
from npconv._engine.kept import Kept
from npconv._engine.multiply import right_multiply
from npconv._hints import better, known
from npconv._operation import Operation
from npconv._shapes import check_filters

_OPERATION = Operation("Convolution", axes=0)
_MOST_CHECKED = 64  # shapes of inputs, each with what was found about it


class Convolution:
    """``conv2d`` with filters of its own, for a layer that runs many times.

    What depends on the filters alone is done once: reading, casting, and what algorithms make of
    them, such as float32 of 16-bit filters.

    Parameters
    ----------
    filters : array_like, shape (*kernel, C / groups, OC)
        Of one, two or three spatial axes. They are copied: later changes do not matter.
    strides, padding, data_format, dilations, precision
        See ``conv2d``; for other numbers of axes ``conv1d`` and ``conv3d``.

    Returns
    -------
    Convolution
        To be called with any input that ``conv2d`` takes, and `out`. Its dtype is the result's;
        filters of another are cast to it, once. The result has the bits of ``conv2d(input,
        filters, strides, padding, data_format, dilations, precision=precision)``; where `precision`
        is 'fast', if that takes the same algorithm: Winograd's pays more often if prepared.

    Raises
    ------
    TypeError, ValueError
        If an argument, or then an input or `out`, is none that ``conv2d`` takes.

    Notes
    -----
    Beside the filters is kept, for each dtype of inputs, what was made of them for up to eight
    kinds of these (their sizes or, of int32, range): nothing for most of float32 and float64;
    4 bytes (16 for int32) an element of others, and of up to 2**20 elements where filters are
    repeated or stand in a band of zeros. Where `precision` is 'fast', 16 or 7 bytes an element for
    Winograd and, for an FFT of N numbers, some 8 N a filter, at most 1.5 MB. A pickle holds the
    filters alone. Threads may share it.

    Examples
    --------
    >>> import numpy as np
    >>> import npconv
    >>> layer = npconv.Convolution(np.ones((3, 3, 1, 8), np.float32), strides=2, padding="SAME")
    >>> layer
    Convolution(filters (3, 3, 1, 8) float32, (2, 2), 'SAME', 'NHWC', (1, 1))
    >>> layer(np.ones((5, 28, 28, 1), np.float32)).shape
    (5, 14, 14, 8)
    """

    def __init__(
        self, filters: ArrayLike, strides: Steps, padding: Pads,
        data_format: str | None = None, dilations: Steps = None,
        *, precision: Precision = "standard",
    ) -> None:  # fmt: skip
        array = read_array("filters", filters)
        operation = _OPERATION.of(array.shape)
        check_filters(operation, array.shape)
        check_cast(array.dtype, np.dtype(np.float64))  # what does not cast to it, casts to none
        read = read_attributes(operation, strides, padding, data_format, dilations)
        steps, pads, layout, spacing = read
        written = pads if isinstance(pads, str) else tuple(map(tuple, show_pads(pads, layout)))
        flat = array.reshape(prod(array.shape[:-1]), array.shape[-1])
        attributes = steps, written, layout, spacing
        self.__setstate__((flat.copy("A"), array.shape, attributes, read_precision(precision)))

    def __getstate__(self) -> tuple[Any, ...]:
        return self._flat, self._shape, self._attributes, self._precision

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self._flat, self._shape, self._attributes, self._precision = state
        self._cast: dict[np.dtype[Any], tuple[Array, Kept]] = {}
        self._checked: dict[Any, tuple[Checked, Array, Kept]] = {}

    def __call__(self, input: ArrayLike, *, out: Array | None = None) -> Array:
        """Convolve an input; see ``conv2d``."""
        try:
            images = input if type(input) is np.ndarray else read_array("input", input)
            found = self._checked.get((images.shape, images.dtype)) or self._check(images)
            checked, weights, kept = found
            call = bind(_OPERATION, checked, images, weights, out)
        except (TypeError, ValueError) as error:
            values = input, self._flat.reshape(self._shape), *self._attributes
            raise better(error, known, values, {"out": out}, _OPERATION) from error.__cause__
        if self._precision == "exact":
            filters = weights.reshape(self._shape)
            return forward("convolution", "exact", images, filters, *self._attributes, call.out)
        with np.errstate(), np.errstate(all="ignore"):  # see conv2d
            for source, result in call.batches:
                right_multiply(
                    source, weights, call.geometry, result, kept, fast=self._precision == "fast"
                )
        return call.out

    def _check(self, images: Array) -> tuple[Checked, Array, Kept]:
        """Check an input of a new shape or dtype, and cast the filters to it."""
        arrays = images.shape, images.dtype, self._shape, self._flat.dtype
        checked = check(_OPERATION, *arrays, *self._attributes)
        dtype = checked[0]
        if dtype not in self._cast:
            with np.errstate(all="ignore"):
                self._cast.setdefault(dtype, (self._flat.astype(dtype, copy=False), {}))
        if len(self._checked) >= _MOST_CHECKED:
            self._checked.clear()
        found = self._checked[images.shape, images.dtype] = checked, *self._cast[dtype]
        return found

    def __repr__(self) -> str:
        attributes = ", ".join(map(repr, self._attributes))
        if self._precision != "standard":
            attributes += f", precision={self._precision!r}"
        return f"Convolution(filters {self._shape} {self._flat.dtype}, {attributes})"
