"""The public function: its documentation, then what computes it and its family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from npconv._arguments import Call, read_call
from npconv._attributes import Array, Format, Input, Pads, Precision, S, Steps, read_precision
from npconv._engine.multiply import right_multiply
from npconv._exact import exact
from npconv._hints import hinting
from npconv._operation import OPERATIONS
from npconv._phases import Part


@hinting
def conv2d(
    input: Input[S], filters: ArrayLike, strides: Steps, padding: Pads,
    data_format: Format | None = "NHWC", dilations: Steps = None, name: object = None,
    *, out: NDArray[S] | None = None, precision: Precision = "standard",
) -> NDArray[S]:  # fmt: skip
    """Compute a 2-D convolution, as ``tf.nn.conv2d`` does.

    Parameters
    ----------
    input : array_like, shape (..., H, W, C) or, for NCHW, (..., C, H, W)
        At least four dimensions, of dtype float16, bfloat16 (an ``ml_dtypes`` array), float32,
        float64 or int32; it decides the dtype of the result.
    filters : array_like, shape (KH, KW, C / groups, OC)
        Cast to the input's dtype within the same kind. Where they have fewer in_channels than the
        input has channels, filter ``o`` reads group ``o // (OC / groups)`` of them.
    strides : int, sequence of 1, 2 or 4 ints, or None
        Steps between outputs, in pixels: both, (rows, columns), or in the order of `data_format`;
        None is 1.
    padding : {'SAME', 'VALID'} or list or tuple of four pairs of ints
        'SAME': zeros around the image so that OH = ceil(H / stride), the odd one at the bottom
        and right. 'VALID': none. Or ``[[0, 0], [top, bottom], [left, right], [0, 0]]``, in the
        order of `data_format`.
    data_format : {'NHWC', 'NCHW'} or None, optional
        The order of the dimensions of `input` and of the result, not of `filters`; None is NHWC.
    dilations : int or sequence of 1, 2 or 4 ints, optional
        Steps between taps, in pixels, in the form of `strides`. Default 1.
    name : object, optional
        Ignored; there so that a call written for TensorFlow carries over.
    out : ndarray, optional
        Where the result is written: of its shape and dtype (any byte order and strides), in
        memory of its own.
    precision : {'standard', 'fast', 'exact'}, optional
        'standard': sums in the dtype (of float16 and bfloat16 in float32), in any order, as
        TensorFlow's. 'fast': algorithms of fewer multiplications where they pay, Winograd's for
        3x3 kernels at stride 1 and FFTs for large ones on a channel each, whose error is bounded
        by more (see ``error_bound``). 'exact': the correctly rounded value of the exact
        sum, ties to even, whose bits are the same on every machine, in some four times the time
        (of float16 and bfloat16 six times, of float64 twenty-five) and with copies of arrays and
        result in float64; where most sums cancel, or are of numbers of very different sizes, much
        slower.

    Returns
    -------
    ndarray, shape (..., OH, OW, OC) or, for NCHW, (..., OC, OH, OW)
        Of the input's dtype: `out` itself where given, otherwise C-contiguous. With K the kernel's
        extent ``(KH - 1) * dilation + 1``, OH is ``ceil(H / stride)`` for 'SAME' and
        ``(H + top + bottom - K + stride) / stride``, rounded towards zero, otherwise.

    Raises
    ------
    TypeError
        If an argument is of a wrong type: a dtype that is not taken, strides that are no integers,
        an `out` of another dtype.
    ValueError
        If an argument has a wrong value: shapes that do not fit together, strides that are not
        positive, an unknown padding, a kernel that exceeds the padded input by two strides or
        more (by less, the result is empty), an `out` of another shape, that is read-only, or whose
        memory overlaps itself or an input.
    MemoryError
        If the result does not fit into memory.

    See Also
    --------
    explain : The sizes, pads, algorithm and cost of a call, without computing it.
    set_num_threads : How many threads share the work.
    flatten_filters, extract_patches : The first two steps on their own.
    npconv.reference.conv2d : The same by naive loops.

    Notes
    -----
    The sum is ``out[n, i, j, o] = sum(input[n, s*i + d*di - top, s*j + d*dj - left, c] *
    filters[di, dj, c, o] for di, dj, c)``, computed by the three steps of TensorFlow's
    documentation (https://www.tensorflow.org/api_docs/python/tf/nn/conv2d): flatten the filters,
    extract the patches, right-multiply. The patches are extracted into buffers that stay in cache,
    so that memory beyond the result is bounded, at about 16 MiB and, where several tiles share
    filters of a 16-bit or integer dtype, these as they are multiplied; buffers of up to 4 MiB are
    kept for the thread's next call. Which algorithm computes a call, and how it is cut, is fixed by
    its shapes and its dtype alone; ``explain`` names it.

    Several threads share the work, as many as ``get_num_threads`` says, with NumPy's BLAS held to
    one thread meanwhile. The result has the same bits for any number of threads; as part of another
    batch, an image may have others in the last place.

    float16 and bfloat16 are summed in float32 and rounded once; int32 wraps modulo 2**32. Padding
    is zeros that are multiplied: a tap of inf or NaN over it gives NaN. No warning is given for
    overflow or NaN.

    Examples
    --------
    >>> import numpy as np
    >>> import npconv
    >>> image = np.arange(9, dtype=np.float32).reshape(1, 3, 3, 1)
    >>> box = np.ones((2, 2, 1, 1), np.float32)
    >>> npconv.conv2d(image, box, strides=1, padding="VALID")[0, :, :, 0]
    array([[ 8., 12.],
           [20., 24.]], dtype=float32)
    """
    return forward(
        "conv2d", precision, input, filters, strides, padding, data_format, dilations, out
    )


def forward(name: str, precision: Precision, *arguments: Any) -> Array:
    """Return the result of a function of the family: of `read_call`'s arguments."""
    operation = OPERATIONS[name]
    if read_precision(precision) == "exact":
        own = *operation.arrays, operation.strides, "padding", "data_format", operation.dilations

        def standard(given: Mapping[str, Any]) -> Array:
            return forward(name, "standard", *given.values())

        return exact(operation, dict(zip((*own, "out"), arguments, strict=True)), standard)
    return computed(read_call(operation, *arguments), fast=precision == "fast")


def computed(call: Call, parts: Sequence[Part] = (), *, fast: bool = False) -> Array:
    """Return the result of a checked call, as a whole or by `parts` of its geometry."""
    geometry = call.geometry
    # The first restores what Ctrl-C may keep the second from restoring.
    with np.errstate(), np.errstate(all="ignore"):
        for images, result in call.batches:  # the patches: (N*OH*OW, KH*KW*C), never whole
            weights = call.filters.reshape(-1, geometry.out_channels)  # (KH*KW*C / groups, OC)
            if not parts:
                right_multiply(images, weights, geometry, result, fast=fast)
            for part in parts:
                right_multiply(images[part.source], weights, part.geometry, result[part.target])
    return call.out
