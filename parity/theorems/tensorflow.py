"""TensorFlow's rules for one axis, as its C++ computes them, in integers of any kind.

From core/framework/kernel_shape_util.cc (`GetWindowedOutputSizeVerbose`), core/kernels/
conv_grad_shape_utils.cc, the volume patches under Conv3D, and space-to-batch in python/ops/
nn_ops.py.  `parity.theorems.bridge` holds it against compiled TensorFlow.  It consists of
``+ - *``, comparisons, and ``//`` by what is positive, so that symbolic integers can take part.

What C++ holds in an int64 passes through `seen`, in the order in which C++ computes it: a function
of one integer that returns it, and may ask of it what it likes (that it lies within `INT64`).
"""

from __future__ import annotations

from collections.abc import Callable

Seen = Callable[[int], int]
Window = tuple[int, int, int]

INT64 = (-(2**63), 2**63 - 1)
"""The least and the largest of what C++ can hold."""


def unseen(value: int) -> int:
    """Look at nothing."""
    return value


def truncated(a: int, b: int) -> int:
    """Return a / b as C++ divides integers, towards zero, for a positive b."""
    return a // b if a >= 0 else -(-a // b)


def extent(kernel: int, dilation: int, seen: Seen = unseen) -> int:
    """Return over how many pixels a dilated kernel reaches; 1 - dilation for one without taps."""
    return seen(seen(seen(kernel - 1) * dilation) + 1)


def window(
    size: int, kernel: int, stride: int, dilation: int, padding: str,
    before: int = 0, after: int = 0, seen: Seen = unseen,
) -> Window:  # fmt: skip
    """Return outputs, zeros before and zeros after of a forward convolution or a pooling.

    `padding` is SAME, VALID or EXPLICIT, and `before` and `after` are for the last.  A call with
    fewer than 0 outputs is refused, one with 0 gives an empty result.  A gradient or a transpose
    takes exactly so many outputs for an input of this size.
    """
    reach = extent(kernel, dilation, seen)
    if padding == "SAME":
        outputs = seen(truncated(seen(seen(size + stride) - 1), stride))
        needed = seen(seen(seen(seen(outputs - 1) * stride) + reach) - size)
        total = needed if needed > 0 else 0
        first = seen(truncated(total, 2))
        return outputs, first, seen(total - first)
    if padding == "VALID":
        before = after = 0
    room = seen(seen(seen(seen(size + before) + after) - reach) + stride)
    return seen(truncated(room, stride)), before, after


def reads(output: int, tap: int, stride: int, dilation: int, before: int) -> int:
    """Return the pixel that an output reads under a tap; below 0 or from the size on: padding."""
    return output * stride + tap * dilation - before


def gradient(
    size: int, kernel: int, stride: int, dilation: int, padding: str,
    before: int = 0, after: int = 0, seen: Seen = unseen,
) -> Window:  # fmt: skip
    """Return what an input's gradient makes of its outputs' gradient along one axis.

    These are its length with stride - 1 zeros between its elements, and the zeros before and after,
    which a convolution at stride 1 by the turned kernel makes `size` pixels of; negative ones crop.
    """
    outputs, first, _ = window(size, kernel, stride, dilation, padding, before, after, seen)
    reach = extent(kernel, dilation, seen)
    stretched = seen(seen(seen(outputs - 1) * stride) + 1)
    padded = seen(seen(size + reach) - 1)
    head = seen(seen(reach - 1) - first)
    return stretched, head, seen(seen(padded - stretched) - head)


def conv3d_same(size: int, kernel: int, stride: int) -> Window:
    """Return the same as `window` for SAME in Conv3D's CPU kernel, which does not stop at 0.

    Where the stride leaves pixels over, pads are negative: its windows begin inside the image.  Its
    gradients follow `window`.
    """
    outputs = truncated(size + stride - 1, stride)
    total = (outputs - 1) * stride + kernel - size
    first = truncated(total, 2)
    return outputs, first, total - first


def phased(
    size: int, kernel: int, stride: int, dilation: int, padding: str,
    before: int = 0, after: int = 0,
) -> Window:  # fmt: skip
    """Return the same as `window` for a depthwise convolution that strides and dilates at once.

    The padded image is cut into `dilation` phases of one length, made so by zeros at the end; each
    is convolved at the stride with VALID; the results are interleaved, and as much cut off their
    end.  SAME pads as it does at stride 1.
    """
    if padding == "SAME":
        total = (kernel - 1) * dilation
        before, after = total // 2, total - total // 2
    elif padding == "VALID":
        before = after = 0
    padded = size + before + after
    phase = (padded + dilation - 1) // dilation
    outputs, _, _ = window(phase, kernel, stride, 1, "VALID")
    return dilation * outputs - (phase * dilation - padded), before, after


def phased_reads(output: int, tap: int, stride: int, dilation: int, before: int) -> int:
    """Return the pixel that an output of `phased` reads under a tap."""
    which = output // dilation
    phase = output - which * dilation
    return phase + dilation * (stride * which + tap) - before
