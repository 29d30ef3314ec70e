"""Depthwise convolutions: each filter reads one channel."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import partial
from typing import Any

from numpy.typing import ArrayLike, NDArray

from npconv._arguments import check_out, read_alike, read_call
from npconv._attributes import (
    Array,
    Format,
    Input,
    Pads,
    Precision,
    S,
    Shape,
    Steps,
    read_precision,
    show,
)
from npconv._conv2d import computed
from npconv._exact import exact
from npconv._hints import hinting
from npconv._operation import OPERATIONS, POINTWISE, Operation
from npconv._phases import apart, by_dilation
from npconv._shapes import wrong_shape


@hinting
def depthwise_conv2d(
    input: Input[S], filter: ArrayLike, strides: Steps, padding: Pads,
    data_format: Format | None = None, dilations: Steps = None, name: object = None,
    *, out: NDArray[S] | None = None, precision: Precision = "standard",
) -> NDArray[S]:  # fmt: skip
    """Convolve each channel by filters of its own, as ``tf.nn.depthwise_conv2d`` does.

    Parameters
    ----------
    input : array_like, shape (..., H, W, C) or, for NCHW, (..., C, H, W)
    filter : array_like, shape (KH, KW, C, M)
        Of the input's dtype: `M` filters for each of the input's `C` channels.
    strides, padding, data_format, dilations, name, out, precision
        See ``conv2d``.

    Returns
    -------
    ndarray, shape (..., OH, OW, C * M) or, for NCHW, (..., C * M, OH, OW)
        ``conv2d(input, filter.reshape(KH, KW, 1, C * M), ...)``: channel ``c * M + m`` is channel
        ``c`` of the input by ``filter[:, :, c, m]``.

    Raises
    ------
    TypeError, ValueError, MemoryError
        As ``conv2d``; TypeError also where dtypes differ.

    Warns
    -----
    UserWarning
        If a stride and a dilation exceed 1. Of the padded image every ``dilation``-th pixel, from
        each of the first ones, is then an image by itself, in which the strides count, and their
        results alternate: what TensorFlow computes, with this warning. ``conv2d`` with the filters
        as above gives the dilated convolution at these strides.

    Examples
    --------
    >>> image = np.ones((1, 2, 2, 2), np.float32) * [1, 10]
    >>> npconv.depthwise_conv2d(image, np.ones((2, 2, 2, 1)), 1, "VALID").ravel()
    array([ 4., 40.])
    """
    operation = OPERATIONS["depthwise_conv2d"]
    precision = read_precision(precision)
    call = read_call(operation, input, filter, strides, padding, data_format, dilations, out)
    if apart(call.geometry):
        shape = (*call.geometry.kernel, 1, call.geometry.out_channels)
        warnings.warn(
            "When dilation rate is greater than 1, then all values of strides must be 1. Received "
            f"dilations={show(dilations)} and strides={show(strides)}, which as in TensorFlow "
            "count in each phase of the dilation by itself. For the dilated convolution at these "
            f"strides: npconv.conv2d(input, filter.reshape{shape}, ...)",
            stacklevel=3,  # the caller, beyond what gives hints
        )
    if precision == "exact":
        return exact(operation, locals() | {"out": call.out}, partial(_standard, operation))
    return computed(call, by_dilation(call.geometry))


def _standard(operation: Operation, given: Mapping[str, Any]) -> Array:
    """Return a result of arguments by their names."""
    known, other = (given[name] for name in operation.arrays)
    call = read_call(operation, known, other, *operation.attributes(given), given["out"])
    return computed(call, by_dilation(call.geometry))


@hinting
def separable_conv2d(
    input: Input[S], depthwise_filter: ArrayLike, pointwise_filter: ArrayLike, strides: Steps,
    padding: Pads, data_format: Format | None = None, dilations: Steps = None, name: object = None,
    *, out: NDArray[S] | None = None, precision: Precision = "standard",
) -> NDArray[S]:  # fmt: skip
    """Convolve each channel, then mix the channels, as ``tf.nn.separable_conv2d`` does.

    Parameters
    ----------
    input : array_like, shape (..., H, W, C) or, for NCHW, (..., C, H, W)
    depthwise_filter : array_like, shape (KH, KW, C, M)
    pointwise_filter : array_like, shape (1, 1, C * M / groups, OC)
        Both of the input's dtype.
    strides, padding, data_format, dilations, name, out, precision
        See ``depthwise_conv2d``, but that nothing is warned of. 'exact' rounds both convolutions.

    Returns
    -------
    ndarray, shape (..., OH, OW, OC) or, for NCHW, (..., OC, OH, OW)
        ``conv2d(depthwise_conv2d(input, depthwise_filter, ...), pointwise_filter, 1, 'VALID')``.

    Raises
    ------
    TypeError, ValueError, MemoryError
        As ``depthwise_conv2d``.

    Examples
    --------
    >>> image, ones = np.ones((1, 2, 2, 2)) * [1, 10], np.ones((2, 2, 2, 1))
    >>> npconv.separable_conv2d(image, ones, np.ones((1, 1, 2, 1)), 1, "VALID").item()
    44.0
    """
    images, taps, points = read_alike(
        input=input, depthwise_filter=depthwise_filter, pointwise_filter=pointwise_filter
    )
    operation, precision = OPERATIONS["separable_conv2d"], read_precision(precision)
    attributes = strides, padding, data_format, dilations
    first = read_call(operation, images, taps, *attributes, None)
    check_pointwise(points.shape)
    second = read_call(POINTWISE, first.out, points, 1, "VALID", data_format, 1, out)
    if out is not None:
        inputs = {"input": images, "depthwise_filter": taps}
        check_out(out, second.out.shape, first.out.dtype, inputs)
    if precision == "exact":
        given = locals() | {"input": images, "depthwise_filter": taps, "out": first.out}
        exact(operation, given, partial(_standard, operation))
        mixing = POINTWISE.input, POINTWISE.filters, "padding", "data_format", "out"
        values = first.out, points, "VALID", data_format, second.out
        given = dict(zip(mixing, values, strict=True))
        return exact(POINTWISE, given, partial(_standard, POINTWISE))
    computed(first, by_dilation(first.geometry))
    return computed(second)


def check_pointwise(shape: Shape) -> None:
    """Raise ValueError if filters have more than one tap."""
    if len(shape) != 4 or shape[:2] != (1, 1):
        form = "pointwise_filter: expected shape (1, 1, in_channels, out_channels)"
        raise wrong_shape(form, shape)
