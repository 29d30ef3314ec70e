"""The forward convolutions that are ``conv2d``'s by another number of axes or another name."""

from __future__ import annotations

from typing import Literal

from numpy.typing import ArrayLike, NDArray

from npconv._attributes import Format, Input, Pads, Precision, S, Steps
from npconv._conv2d import forward
from npconv._hints import hinting

Format1D = Literal["NWC", "NCW", "NHWC", "NCHW"]
Format3D = Literal["NDHWC", "NCDHW"]


@hinting
def conv1d(
    input: Input[S], filters: ArrayLike, stride: Steps, padding: Pads,
    data_format: Format1D | None = "NWC", dilations: Steps = None, name: object = None,
    *, out: NDArray[S] | None = None, precision: Precision = "standard",
) -> NDArray[S]:  # fmt: skip
    """Compute a 1-D convolution, as ``tf.nn.conv1d`` does: ``conv2d`` of images of one row.

    Parameters
    ----------
    input : array_like, shape (..., W, C) or, for NCW, (..., C, W)
    filters : array_like, shape (KW, C / groups, OC)
        Of the input's dtype.
    stride, padding, data_format, dilations, name, out, precision
        See ``conv2d``: of one axis, where lists have three entries, and the formats are NWC and
        NCW (or NHWC and NCHW).

    Returns
    -------
    ndarray, shape (..., OW, OC) or, for NCW, (..., OC, OW)

    Raises
    ------
    TypeError, ValueError, MemoryError
        As ``conv2d``; TypeError also where dtypes differ.

    Examples
    --------
    >>> series, pair = np.arange(5.0).reshape(1, 5, 1), np.ones((2, 1, 1))
    >>> npconv.conv1d(series, pair, stride=2, padding="VALID")[0, :, 0]
    array([1., 5.])
    """
    return forward(
        "conv1d", precision, input, filters, stride, padding, data_format, dilations, out
    )


@hinting
def conv3d(
    input: Input[S], filters: ArrayLike, strides: Steps, padding: Pads,
    data_format: Format3D | None = "NDHWC", dilations: Steps = None, name: object = None,
    *, out: NDArray[S] | None = None, precision: Precision = "standard",
) -> NDArray[S]:  # fmt: skip
    """Compute a 3-D convolution, as ``tf.nn.conv3d`` does: ``conv2d`` with one more axis.

    Parameters
    ----------
    input : array_like, shape (..., D, H, W, C) or, for NCDHW, (..., C, D, H, W)
    filters : array_like, shape (KD, KH, KW, C / groups, OC)
    strides, padding, data_format, dilations, name, out, precision
        See ``conv2d``: of three axes, where lists have three or five entries.

    Returns
    -------
    ndarray, shape (..., OD, OH, OW, OC) or, for NCDHW, (..., OC, OD, OH, OW)

    Raises
    ------
    TypeError, ValueError, MemoryError
        As ``conv2d``.

    Notes
    -----
    Where a stride exceeds the kernel by two and more, TensorFlow begins 'SAME' inside the image;
    here it begins at its first pixel, as in ``conv2d`` and in TensorFlow's own gradient.

    Examples
    --------
    >>> volume, cube = np.ones((1, 4, 4, 4, 3)), np.ones((2, 2, 2, 3, 1))
    >>> npconv.conv3d(volume, cube, strides=2, padding="VALID")[0, ..., 0].tolist()
    [[[24.0, 24.0], [24.0, 24.0]], [[24.0, 24.0], [24.0, 24.0]]]
    """
    return forward(
        "conv3d", precision, input, filters, strides, padding, data_format, dilations, out
    )


@hinting
def convolution(
    input: Input[S], filters: ArrayLike, strides: Steps = None, padding: Pads = "VALID",
    data_format: Format1D | Format | Format3D | None = None, dilations: Steps = None,
    name: object = None, *, out: NDArray[S] | None = None, precision: Precision = "standard",
) -> NDArray[S]:  # fmt: skip
    """Compute a 1-D, 2-D or 3-D convolution, as ``tf.nn.convolution`` does.

    Parameters
    ----------
    input : array_like, shape (..., *sizes, C) or, for channels first, (..., C, *sizes)
    filters : array_like, shape (*kernel, C / groups, OC)
        Of the input's dtype; of three, four or five dimensions, which choose the function.
    strides, padding, data_format, dilations, name, out, precision
        See ``conv1d``, ``conv2d`` and ``conv3d``.

    Returns
    -------
    ndarray, shape (..., *outputs, OC) or, for channels first, (..., OC, *outputs)

    Raises
    ------
    TypeError, ValueError, MemoryError
        As ``conv2d``; TypeError also where dtypes differ.

    Examples
    --------
    >>> npconv.convolution(np.arange(5.0).reshape(1, 5, 1), np.ones((2, 1, 1)))[0, :, 0]
    array([1., 3., 5., 7.])
    """
    return forward(
        "convolution", precision, input, filters, strides, padding, data_format, dilations, out
    )


@hinting
def atrous_conv2d(
    value: Input[S], filters: ArrayLike, rate: Steps, padding: Pads, name: object = None,
    *, out: NDArray[S] | None = None, precision: Precision = "standard",
) -> NDArray[S]:  # fmt: skip
    """Compute a dilated 2-D convolution, as ``tf.nn.atrous_conv2d`` does.

    Parameters
    ----------
    value : array_like, shape (..., H, W, C)
    filters : array_like, shape (KH, KW, C / groups, OC)
        Of the dtype of `value`.
    rate : int, sequence of 1, 2 or 4 ints, or None
        The `dilations` of ``conv2d``, which this is at stride 1.
    padding, name, out, precision
        See ``conv2d``.

    Returns
    -------
    ndarray, shape (..., OH, OW, OC)

    Raises
    ------
    TypeError, ValueError, MemoryError
        As ``conv2d``; TypeError also where dtypes differ.

    Examples
    --------
    >>> row, pair = np.arange(5.0).reshape(1, 1, 5, 1), np.ones((1, 2, 1, 1))
    >>> npconv.atrous_conv2d(row, pair, rate=3, padding="VALID").ravel()
    array([3., 5.])
    """
    return forward("atrous_conv2d", precision, value, filters, 1, padding, None, rate, out)
