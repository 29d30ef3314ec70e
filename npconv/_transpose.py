"""The public transposes: the gradient of a convolution by its input, seen as a layer."""

from __future__ import annotations

from numpy.typing import ArrayLike

from npconv._attributes import Array, Format, Pads, Precision, Sizes, Steps
from npconv._backward import backward
from npconv._forward import Format1D, Format3D


def conv2d_transpose(
    input: ArrayLike, filters: ArrayLike, output_shape: Sizes, strides: Steps,
    padding: Pads = "SAME", data_format: Format | None = "NHWC", dilations: Steps = None,
    name: object = None, *, out: Array | None = None, precision: Precision = "standard",
) -> Array:  # fmt: skip
    """Compute the transpose of ``conv2d``, as ``tf.nn.conv2d_transpose`` does.

    The gradient, by its input, of the ``conv2d`` that gives arrays of the shape of `input`.

    Parameters
    ----------
    input : array_like, shape (N, H, W, C) or, for NCHW, (N, C, H, W)
        Cast to the dtype of `filters` within the same kind.
    filters : array_like, shape (KH, KW, OC / groups, C)
        Those of that ``conv2d``, whose groups they have; their dtype is the result's.
    output_shape : sequence of 2 or 4 ints
        The result's: (OH, OW) or all, in the order of `data_format`. A stride s leaves s of them
        possible along each axis; an error names them.
    strides, padding, data_format, dilations, name, out, precision
        Those of that ``conv2d``.

    Returns
    -------
    ndarray, shape (N, OH, OW, OC) or, for NCHW, (N, OC, OH, OW)

    Raises
    ------
    TypeError, ValueError, MemoryError
        As ``conv2d``; ValueError also where `output_shape` is none whose convolution gives `input`.

    Notes
    -----
    Padding takes no part: an infinite tap over it gives no NaN, unlike in ``conv2d``.

    Examples
    --------
    >>> row, taps = np.array([1.0, 10, 100]).reshape(1, 1, 3, 1), np.ones((1, 3, 1, 1))
    >>> npconv.conv2d_transpose(row, taps, [1, 6], strides=2).ravel()
    array([  1.,   1.,  11.,  10., 110., 100.])
    """
    return backward("conv2d_transpose", locals())


def conv1d_transpose(
    input: ArrayLike, filters: ArrayLike, output_shape: Sizes, strides: Steps,
    padding: Pads = "SAME", data_format: Format1D | None = "NWC", dilations: Steps = None,
    name: object = None, *, out: Array | None = None, precision: Precision = "standard",
) -> Array:  # fmt: skip
    """Compute the transpose of ``conv1d``, as ``tf.nn.conv1d_transpose`` does.

    Parameters
    ----------
    input, filters, output_shape, strides, padding, data_format, dilations, name, out, precision
        See ``conv2d_transpose``, with one axis; `input` and `filters` are of one dtype.

    Returns
    -------
    ndarray, shape (N, OW, OC) or, for NCW, (N, OC, OW)

    Raises
    ------
    TypeError, ValueError, MemoryError
        As ``conv2d_transpose``; TypeError also where dtypes differ.

    Examples
    --------
    >>> series, taps = np.array([1.0, 10, 100]).reshape(1, 3, 1), np.ones((3, 1, 1))
    >>> npconv.conv1d_transpose(series, taps, [1, 7, 1], strides=2, padding="VALID").ravel()
    array([  1.,   1.,  11.,  10., 110., 100., 100.])
    """
    return backward("conv1d_transpose", locals())


def conv3d_transpose(
    input: ArrayLike, filters: ArrayLike, output_shape: Sizes, strides: Steps,
    padding: Pads = "SAME", data_format: Format3D | None = "NDHWC", dilations: Steps = None,
    name: object = None, *, out: Array | None = None, precision: Precision = "standard",
) -> Array:  # fmt: skip
    """Compute the transpose of ``conv3d``, as ``tf.nn.conv3d_transpose`` does.

    Parameters
    ----------
    input, filters, output_shape, strides, padding, data_format, dilations, name, out, precision
        See ``conv2d_transpose``, with three axes.

    Returns
    -------
    ndarray, shape (N, OD, OH, OW, OC) or, for NCDHW, (N, OC, OD, OH, OW)

    Raises
    ------
    TypeError, ValueError, MemoryError
        As ``conv2d_transpose``.

    Examples
    --------
    >>> voxel, cube = np.ones((1, 1, 1, 1, 5)), np.ones((2, 2, 2, 1, 5))
    >>> npconv.conv3d_transpose(voxel, cube, [1, 2, 2, 2, 1], strides=2).ravel()
    array([5., 5., 5., 5., 5., 5., 5., 5.])
    """
    return backward("conv3d_transpose", locals())


def atrous_conv2d_transpose(
    value: ArrayLike, filters: ArrayLike, output_shape: Sizes, rate: Steps, padding: Pads,
    name: object = None, *, out: Array | None = None, precision: Precision = "standard",
) -> Array:  # fmt: skip
    """Compute the transpose of ``atrous_conv2d``, as ``tf.nn.atrous_conv2d_transpose`` does.

    Parameters
    ----------
    value, filters, output_shape, padding, name, out, precision
        See ``conv2d_transpose``; `value` and `filters` are of one dtype.
    rate : int, sequence of 1, 2 or 4 ints, or None
        Its `dilations`, at stride 1.

    Returns
    -------
    ndarray, shape (N, OH, OW, OC)

    Raises
    ------
    TypeError, ValueError, MemoryError
        As ``conv2d_transpose``.

    Examples
    --------
    >>> row, pair = np.array([1.0, 10, 100]).reshape(1, 1, 3, 1), np.ones((1, 2, 1, 1))
    >>> npconv.atrous_conv2d_transpose(row, pair, [1, 1, 5, 1], rate=2, padding="VALID").ravel()
    array([  1.,  10., 101.,  10., 100.])
    """
    return backward("atrous_conv2d_transpose", locals())
