"""What people write themselves with NumPy, scipy and scikit-image, and what they compare it with.

Each function makes, from a convolution, the call to be timed; see `parity.speed.beside`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from parity.model.case import Array, Case
from parity.model.error import parse
from parity.oracles.bounds import gamma
from parity.oracles.sums import laid
from parity.oracles.winograd import farther, takes
from parity.speed.implementations import Call
from parity.subjects.channels_first import Convolution

TEN_LINES = "ten lines"
"""What `parity.speed.ten_lines` is called."""
PREPARED = ("prepared", "fast", "exact")
"""What npconv's prepared filters are called, by their precision."""
MOST_OF_SCIPY = 30_000_000
"""Multiply-adds of the largest layer that scipy's loop is asked for; it may take seconds."""
MOST_OF_LOOP = 200_000
"""Outputs of the largest layer that Python's loop is asked for: it takes 5 us for each."""
MOST_BYTES_OF_PATCHES = 1 << 30
WINOGRAD = "winograd:F(4,3):0,±1/2,±2"
"""The algorithm that precision "fast" of npconv may take, as the option ``--error`` has it."""
DENSE = 500
"""Outputs of the fully connected layer."""

Binding = tuple[Call, Callable[[Any], Array | None]]
"""The call to be timed, and how its result becomes an array (N, OC, OH, OW)."""


def ten_lines(call: Convolution) -> Binding:
    """Bind `parity.speed.ten_lines`, whose pads are known before."""
    from parity.speed.ten_lines import conv2d

    x, w = np.moveaxis(call.images, 1, 3), np.transpose(call.filters, (2, 3, 1, 0))
    taps, itemsize = w.shape[0] * w.shape[1], np.result_type(x, np.float32).itemsize
    size = len(x) * math.prod(_outputs(call)) * taps * x.shape[3] * itemsize
    if size > MOST_BYTES_OF_PATCHES:
        raise ValueError(f"the patches take {size >> 20} MiB")
    pads = call.pads[:2], call.pads[2:]
    return lambda: conv2d(x, w, call.strides, pads, call.dilations), channels_first


def prepared(call: Convolution, precision: Any = "standard") -> Binding:
    """Bind ``npconv.Convolution``, which has prepared the filters before."""
    from npconv import Convolution as Prepared

    x, w = np.moveaxis(call.images, 1, 3), np.transpose(call.filters, (2, 3, 1, 0))
    pads = [(0, 0), call.pads[:2], call.pads[2:], (0, 0)]
    layer = Prepared(w, call.strides, pads, dilations=call.dilations, precision=precision)
    return partial(layer, x), channels_first


def loop(call: Convolution) -> Binding:
    """Run four nested loops of Python, an ``np.sum`` for each output."""
    images, w, reach = _padded(call)
    x, filters = np.moveaxis(images, 1, 3), np.transpose(w, (2, 3, 1, 0))
    share, depth = len(w) // call.groups, w.shape[1]
    (down, across), (tall, wide) = call.strides, call.dilations
    rows, columns = _outputs(call)
    if len(x) * rows * columns * len(w) > MOST_OF_LOOP:
        raise ValueError(f"over {MOST_OF_LOOP:,} outputs")

    def run() -> Array:
        y = np.zeros((len(x), rows, columns, len(w)), x.dtype)
        for n in range(len(x)):
            for i in range(rows):
                for j in range(columns):
                    top, left = i * down, j * across
                    seen = x[n, top : top + reach[0] : tall, left : left + reach[1] : wide]
                    for k in range(len(w)):
                        first = k // share * depth
                        patch = seen[..., first : first + depth]
                        y[n, i, j, k] = np.sum(patch * filters[..., k])
        return y

    return run, channels_first


def scipy(call: Convolution) -> Binding:
    """Loop over images, filters and channels, a ``scipy.signal.correlate`` each."""
    from scipy import signal

    x, w, _ = _padded(call)
    if call.strides != (1, 1) or call.dilations != (1, 1):
        raise ValueError("only at stride 1 and dilation 1")
    share, depth = len(w) // call.groups, w.shape[1]
    outputs = _outputs(call)
    if len(x) * math.prod(outputs) * w.size > MOST_OF_SCIPY:
        raise ValueError(f"over {MOST_OF_SCIPY:,} multiply-adds")

    def run() -> Array:
        y = np.zeros((len(x), len(w), *outputs), x.dtype)
        for image, result in zip(x, y, strict=True):
            for k, filter in enumerate(w):
                first = k // share * depth
                for channel, taps in zip(image[first : first + depth], filter, strict=True):
                    result[k] += signal.correlate(channel, taps, "valid")
        return y

    return run, np.asarray


def signal_convolve(call: Convolution) -> Binding:
    """Convolve a whole stack at once; scipy chooses between sums and FFT."""
    from scipy import signal

    stack, kernel = _stack(call)
    return lambda: signal.convolve(stack, kernel, mode="valid"), _unstacked


def signal_fftconvolve(call: Convolution) -> Binding:
    """Convolve a whole stack at once by FFT."""
    from scipy import signal

    stack, kernel = _stack(call)
    return lambda: signal.fftconvolve(stack, kernel, mode="valid", axes=(0, 1)), _unstacked


def ndimage_convolve(call: Convolution) -> Binding:
    """Convolve a whole stack at once, and leave out what its edges made."""
    from scipy import ndimage

    stack, kernel = _stack(call)
    # Flipped, the middle of an even kernel is the earlier of two.
    inner = tuple(
        slice((size - 1) // 2, (size - 1) // 2 + n - size + 1)
        for n, size in zip(stack.shape[:2], kernel.shape[:2], strict=True)
    )
    return lambda: ndimage.convolve(stack, kernel)[inner], _unstacked


def fft_bound(call: Convolution) -> float:
    """Bound the error of a convolution of one channel with one filter by FFT.

    A computed transform differs by at most e times its 2-norm, where e is 16 u for each doubling
    of the length: a butterfly of radix p, summed term by term, costs at most
    sqrt(p) * gamma(p + 3), and that is below 16 u log2(p) for p = 2, 3, 4, 5, 7 and 11
    (compare Higham, ASNA, theorem 24.2). A length is padded to less than twice S + K - 1. By
    Cauchy and Schwarz the two forward transforms and their product put at most
    2 e |x|_2 |h|_2 into any value, and by Young the inverse adds e |x|_2 |h|_1; twice that
    pays for the product's rounding and all higher powers of e.
    """
    x, h = call.images.astype(np.float64), call.filters.astype(np.float64)
    lengths = (2 * (n + k - 1) for n, k in zip(x.shape[2:], h.shape[2:], strict=True))
    unit = float(np.finfo(call.images.dtype).eps) / 2
    e = 16 * unit * sum(map(math.log2, lengths))
    x2 = float(np.sqrt(np.square(x).sum(axis=(1, 2, 3))).max())
    h2, h1 = float(np.sqrt(np.square(h).sum())), float(np.abs(h).sum())
    return 2 * e * x2 * (2 * h2 + h1)


def fast_bound(call: Convolution) -> float:
    """Bound the error of npconv's precision "fast": by FFT, where each filter reads one channel."""
    if call.filters.shape[1] > 1:
        return winograd_bound(call)
    return fft_bound(call) if call.images.dtype.kind == "f" else 0.0


def winograd_bound(call: Convolution) -> float:
    """Bound the error of 3x3 kernels at stride 1 by `WINOGRAD`, which F(2,3)'s is less than.

    Of one filter, as large as any in each tap: no filter's bound is larger.
    """
    images = np.moveaxis(call.images, 1, 3)
    widest = np.abs(call.filters).max(axis=0).transpose(1, 2, 0)[..., np.newaxis]
    sizes, taps = ("x".join(map(str, one.shape)) for one in (images, widest))
    pads = ",".join(map(str, call.pads))
    steps = [",".join(map(str, one)) for one in (call.strides, call.dilations)]
    case = Case.parse(
        f"{images.dtype} NHWC {sizes} w{taps} s{steps[0]} d{steps[1]} {pads} normal:0"
    )
    error, working = parse(WINOGRAD), np.finfo(np.float32)
    if call.groups > 1 or images.dtype != np.float32 or not takes(error, case):
        return 0.0
    found = farther(error, case, *laid(case, images, widest), working)
    assert found is not None, "it takes the case"
    most = gamma(found.terms, float(working.eps) / 2) * found.gross + found.lost * working.tiny
    return float(most.max())


def view_as_windows(call: Convolution) -> Binding:
    """Apply many filters to one gray image: scikit-image's windows, reshape, ``@``."""
    from skimage.util import view_as_windows as windows

    _simple(call)
    if call.images.shape[:2] != (1, 1):
        raise ValueError("one gray image only")
    image = np.ascontiguousarray(call.images[0, 0])
    filters = np.ascontiguousarray(call.filters[:, 0])
    count, *size = filters.shape
    outputs = _outputs(call)

    def run() -> Any:
        patches = windows(image, tuple(size)).reshape(math.prod(outputs), -1)
        return patches @ filters.reshape(count, -1).T

    return run, lambda result: np.moveaxis(result.reshape(1, *outputs, count), 3, 1)


def dense(call: Convolution) -> Binding:
    """Multiply a (500, pixels) matrix by as many pixels as one image has: no convolution.

    Its integers are its own, and so is the check of its result.
    """
    rng = np.random.default_rng(0)
    pixels = math.prod(call.images.shape[1:])
    weights, vector = (rng.integers(-9, 10, shape) for shape in ((DENSE, pixels), pixels))
    exact = (weights * vector).sum(axis=1)
    ready = weights.astype(call.images.dtype), vector.astype(call.images.dtype)

    def checked(result: Any) -> None:
        if not np.array_equal(result, exact):
            raise ValueError("np.dot is not exact")

    return lambda: np.dot(*ready), checked


def channels_first(result: Any) -> Array:
    """Turn a result (N, OH, OW, OC)."""
    return np.moveaxis(np.asarray(result), 3, 1)


def _stack(call: Convolution) -> tuple[Array, Array]:
    """Return images (S, S, N) and a kernel (K, K, 1), which scipy flips."""
    _simple(call)
    if call.images.shape[1] != 1 or len(call.filters) != 1 or call.images.dtype.kind != "f":
        raise ValueError("one channel and one filter of floats only")
    stack = np.ascontiguousarray(np.moveaxis(call.images[:, 0], 0, 2))
    return stack, np.ascontiguousarray(call.filters[0, 0, ::-1, ::-1])[..., np.newaxis]


def _unstacked(result: Any) -> Array:
    return np.moveaxis(np.asarray(result), 2, 0)[:, np.newaxis]


def _simple(call: Convolution) -> None:
    if (call.strides, call.dilations, call.pads) != ((1, 1), (1, 1), (0, 0, 0, 0)):
        raise ValueError("only at stride 1 and dilation 1, without padding")


def _padded(call: Convolution) -> tuple[Array, Array, tuple[int, int]]:
    """Return padded images, filters, and the reach of a dilated filter in rows and columns."""
    top, bottom, left, right = call.pads
    x = np.pad(call.images, [(0, 0), (0, 0), (top, bottom), (left, right)])
    w = np.ascontiguousarray(call.filters)
    tall, wide = ((s - 1) * d + 1 for s, d in zip(w.shape[2:], call.dilations, strict=True))
    return x, w, (tall, wide)


def _outputs(call: Convolution) -> tuple[int, ...]:
    """Return rows and columns of the output."""
    sizes, pads = call.images.shape[2:], (call.pads[:2], call.pads[2:])
    steps = zip(sizes, pads, call.filters.shape[2:], call.dilations, call.strides, strict=True)
    return tuple(
        (size + sum(pad) - (taps - 1) * by - 1) // step + 1 for size, pad, taps, by, step in steps
    )
