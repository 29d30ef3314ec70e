"""The public gradients, by the names that TensorFlow gives them."""

from __future__ import annotations

from numpy.typing import ArrayLike

from npconv._attributes import Array, Format, Pads, Precision, Sizes, Steps
from npconv._backward import backward
from npconv._forward import Format3D


def conv2d_backprop_input(
    input_sizes: Sizes, filter: ArrayLike, out_backprop: ArrayLike, strides: Steps, padding: Pads,
    use_cudnn_on_gpu: bool = True, data_format: Format | None = "NHWC",
    dilations: Steps = (1, 1, 1, 1), name: object = None,
    *, out: Array | None = None, precision: Precision = "standard",
) -> Array:  # fmt: skip
    """Compute the gradient of ``conv2d`` by its input, as ``tf.compat.v1.nn`` does.

    Parameters
    ----------
    input_sizes : sequence of 4 ints
        The shape of the input, and of the result.
    filter : array_like, shape (KH, KW, C / groups, OC)
        Its dtype is the result's.
    out_backprop : array_like, shape (N, OH, OW, OC) or, for NCHW, (N, OC, OH, OW)
        The gradient by the output of ``conv2d``; cast to that dtype within the same kind.
    strides, padding, data_format, dilations, name, out, precision
        See ``conv2d``.
    use_cudnn_on_gpu : bool, optional
        Ignored.

    Returns
    -------
    ndarray, shape (N, H, W, C) or, for NCHW, (N, C, H, W)

    Raises
    ------
    TypeError, ValueError, MemoryError
        As ``conv2d``; ValueError also where `out_backprop` has another shape than its output.

    Examples
    --------
    >>> taps, y = np.array([1.0, 2]).reshape(1, 2, 1, 1), np.array([1.0, 10]).reshape(1, 1, 2, 1)
    >>> npconv.conv2d_backprop_input([1, 1, 3, 1], taps, y, strides=1, padding="VALID").ravel()
    array([ 1., 12., 20.])
    """
    return backward("conv2d_backprop_input", locals())


def conv2d_backprop_filter(
    input: ArrayLike, filter_sizes: Sizes, out_backprop: ArrayLike, strides: Steps, padding: Pads,
    use_cudnn_on_gpu: bool = True, data_format: Format | None = "NHWC",
    dilations: Steps = (1, 1, 1, 1), name: object = None,
    *, out: Array | None = None, precision: Precision = "standard",
) -> Array:  # fmt: skip
    """Compute the gradient of ``conv2d`` by its filters, as ``tf.compat.v1.nn`` does.

    Parameters
    ----------
    input : array_like, shape (N, H, W, C) or, for NCHW, (N, C, H, W)
        Its dtype is the result's.
    filter_sizes : sequence of 4 ints
        The shape of the filters, (KH, KW, C / groups, OC), and of the result.
    out_backprop, strides, padding, use_cudnn_on_gpu, data_format, dilations
        See ``conv2d_backprop_input``.
    name, out, precision
        See ``conv2d``.

    Returns
    -------
    ndarray, shape (KH, KW, C / groups, OC)
        Padding is zeros that are multiplied: an infinity of `out_backprop` over it gives NaN.

    Raises
    ------
    TypeError, ValueError, MemoryError
        As ``conv2d_backprop_input``.

    Examples
    --------
    >>> x, y = np.array([1.0, 2, 3]).reshape(1, 1, 3, 1), np.array([1.0, 10]).reshape(1, 1, 2, 1)
    >>> npconv.conv2d_backprop_filter(x, [1, 2, 1, 1], y, strides=1, padding="VALID").ravel()
    array([21., 32.])
    """
    return backward("conv2d_backprop_filter", locals())


def depthwise_conv2d_backprop_input(
    input_sizes: Sizes, filter: ArrayLike, out_backprop: ArrayLike, strides: Steps, padding: Pads,
    data_format: Format | None = "NHWC", dilations: Steps = (1, 1, 1, 1), name: object = None,
    *, out: Array | None = None, precision: Precision = "standard",
) -> Array:  # fmt: skip
    """Compute the gradient of ``depthwise_conv2d`` by its input, as ``tf.nn`` does.

    Parameters
    ----------
    input_sizes, filter, out_backprop, strides, padding, data_format, dilations
        See ``conv2d_backprop_input``, of filters (KH, KW, C, multiplier).
    name, out, precision
        See ``conv2d``.

    Returns
    -------
    ndarray, shape (N, H, W, C) or, for NCHW, (N, C, H, W)

    Raises
    ------
    TypeError, ValueError, MemoryError
        As ``conv2d_backprop_input``.

    Notes
    -----
    `dilations`, which TensorFlow passes over here, count as in ``depthwise_conv2d``: with strides
    above 1, which count in each phase of the dilation, it is that function's gradient, too.

    Examples
    --------
    >>> taps, y = np.array([[[[1.0, 2]]]]), np.array([1.0, 10]).reshape(1, 1, 1, 2)
    >>> npconv.depthwise_conv2d_backprop_input([1, 1, 1, 1], taps, y, 1, "VALID").ravel()
    array([21.])
    """
    return backward("depthwise_conv2d_backprop_input", locals())


def depthwise_conv2d_backprop_filter(
    input: ArrayLike, filter_sizes: Sizes, out_backprop: ArrayLike, strides: Steps, padding: Pads,
    data_format: Format | None = "NHWC", dilations: Steps = (1, 1, 1, 1), name: object = None,
    *, out: Array | None = None, precision: Precision = "standard",
) -> Array:  # fmt: skip
    """Compute the gradient of ``depthwise_conv2d`` by its filters, as ``tf.nn`` does.

    Parameters
    ----------
    input, filter_sizes, out_backprop, strides, padding, data_format, dilations
        See ``conv2d_backprop_filter``, of filters (KH, KW, C, multiplier).
    name, out, precision
        See ``conv2d``.

    Returns
    -------
    ndarray, shape (KH, KW, C, multiplier)

    Raises
    ------
    TypeError, ValueError, MemoryError
        As ``conv2d_backprop_input``.

    Notes
    -----
    `dilations`, which TensorFlow passes over here, count as in ``depthwise_conv2d``: with strides
    above 1, which count in each phase of the dilation, it is that function's gradient, too.

    Examples
    --------
    >>> x, y = np.array([[[[1.0, 2]]]]), np.array([10.0, 100]).reshape(1, 1, 1, 2)
    >>> npconv.depthwise_conv2d_backprop_filter(x, [1, 1, 2, 1], y, 1, "VALID").ravel()
    array([ 10., 200.])
    """
    return backward("depthwise_conv2d_backprop_filter", locals())


def conv3d_backprop_input(
    input_sizes: Sizes, filter: ArrayLike, out_backprop: ArrayLike, strides: Steps, padding: Pads,
    data_format: Format3D | None = "NDHWC", dilations: Steps = (1, 1, 1, 1, 1), name: object = None,
    *, out: Array | None = None, precision: Precision = "standard",
) -> Array:  # fmt: skip
    """Compute the gradient of ``conv3d`` by its input, as TensorFlow does.

    Parameters
    ----------
    input_sizes, filter, out_backprop, strides, padding, data_format, dilations
        See ``conv2d_backprop_input``, with three axes.
    name, out, precision
        See ``conv2d``.

    Returns
    -------
    ndarray, shape (N, D, H, W, C) or, for NCDHW, (N, C, D, H, W)

    Raises
    ------
    TypeError, ValueError, MemoryError
        As ``conv2d_backprop_input``.

    Examples
    --------
    >>> cube, y = np.ones((2, 2, 2, 1, 5)), np.ones((1, 1, 1, 1, 5))
    >>> npconv.conv3d_backprop_input([1, 2, 2, 2, 1], cube, y, strides=1, padding="VALID").ravel()
    array([5., 5., 5., 5., 5., 5., 5., 5.])
    """
    return backward("conv3d_backprop_input", locals())


def conv3d_backprop_filter(
    input: ArrayLike, filter_sizes: Sizes, out_backprop: ArrayLike, strides: Steps, padding: Pads,
    data_format: Format3D | None = "NDHWC", dilations: Steps = (1, 1, 1, 1, 1), name: object = None,
    *, out: Array | None = None, precision: Precision = "standard",
) -> Array:  # fmt: skip
    """Compute the gradient of ``conv3d`` by its filters, as TensorFlow does.

    Parameters
    ----------
    input, filter_sizes, out_backprop, strides, padding, data_format, dilations
        See ``conv2d_backprop_filter``, with three axes.
    name, out, precision
        See ``conv2d``.

    Returns
    -------
    ndarray, shape (KD, KH, KW, C / groups, OC)

    Raises
    ------
    TypeError, ValueError, MemoryError
        As ``conv2d_backprop_input``.

    Examples
    --------
    >>> x, y = np.arange(4.0).reshape(1, 1, 2, 2, 1), np.full((1, 1, 1, 1, 1), 10.0)
    >>> npconv.conv3d_backprop_filter(x, [1, 2, 2, 1, 1], y, strides=1, padding="VALID").ravel()
    array([ 0., 10., 20., 30.])
    """
    return backward("conv3d_backprop_filter", locals())
