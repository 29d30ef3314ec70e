"""The questions as data: what was asked, its sizes, and every contender's call.

All data are small integers, whatever the dtype, so that every sum is exact and the results
of different libraries must be equal. Only those by FFT may differ, by `fft_tolerance`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Call = Callable[[], Any]

SUBJECT = "subject"
AGAIN = "subject again"
TENSORFLOW = "tensorflow"
TENSORFLOW_MOST = 2**24
"""Outputs of one call of TensorFlow, of many images: in float64, one of 49 million kills it."""
LARGEST = 9
"""Data are integers from -9 to 9."""


@dataclass(frozen=True)
class Row:
    """One set of sizes of a question; what they mean is the question's to say."""

    name: str
    dtype: str
    sizes: tuple[int, ...]


@dataclass(frozen=True)
class Question:
    """A question, the contenders that answer it, and the ratios that are wanted.

    Attributes
    ----------
    name, title, asked
        The name for ``--only``, a heading, and one sentence that says what was asked.
    rows
        The sizes to measure.
    data
        Makes the two arrays as the asker has them.
    as_conv2d
        Turns them into a batch of images and filters, as conv2d takes them.
    others
        Contenders beside the subject and TensorFlow: from the two arrays, the call to be timed.
    ratios
        Label, numerator and denominators, of which the fastest counts.
    strides
        Of conv2d, in both directions.
    aligned
        Brings the others' results into the order of conv2d's; the shape is the last argument.
    tolerance
        How far the results of a contender may lie from the exact ones; 0 if not given.
    apart
        Contenders that compute something else, each with its own exact result.
    """

    name: str
    title: str
    asked: str
    rows: tuple[Row, ...]
    data: Callable[[Row], tuple[Array, Array]]
    as_conv2d: Callable[[Array, Array], tuple[Array, Array]]
    others: Mapping[str, Callable[[Array, Array], Call]]
    ratios: tuple[tuple[str, str, tuple[str, ...]], ...]
    strides: int = 1
    aligned: Callable[[Array, Row], Array] = lambda result, row: result
    tolerance: Mapping[str, Callable[[Row], float]] = field(default_factory=dict)
    apart: Mapping[str, Callable[[Array, Array], Array]] = field(default_factory=dict)

    @property
    def contenders(self) -> tuple[str, ...]:
        """The subject, itself once more, TensorFlow, and the others."""
        return (SUBJECT, AGAIN, TENSORFLOW, *self.others)


def integers(shape: tuple[int, ...], dtype: str, seed: int) -> Array:
    """Return small integers of a dtype, the same in every process."""
    drawn = np.random.default_rng(seed).integers(-LARGEST, LARGEST + 1, shape, np.int8)
    return drawn.astype(dtype)


def images_a_call(x: Array, w: Array) -> int:
    """Return how many images of a batch TensorFlow survives, for sure, without padding."""
    height, width = (int(n) - int(k) + 1 for n, k in zip(x.shape[1:3], w.shape[:2], strict=True))
    return max(1, TENSORFLOW_MOST // (height * width * int(w.shape[3])))


def fft_tolerance(row: Row) -> float:
    """Bound the error of a convolution of S x S with K x K in float64 by FFT.

    With u = 2**-53, a computed transform differs by at most e times its 2-norm, where e is
    16 u for each doubling of the length: a butterfly of radix p, summed term by term, costs at
    most sqrt(p) * gamma(p + 3), and that is below 16 u log2(p) for p = 2, 3, 4, 5, 7 and 11
    (compare Higham, ASNA, theorem 24.2). A length is padded to less than twice S + K - 1. By
    Cauchy and Schwarz the two forward transforms and their product put at most
    2 e |x|_2 |h|_2 into any value, and by Young the inverse adds e |x|_2 |h|_1; twice that
    pays for the product's rounding and all higher powers of e. The data bound the norms.
    """
    size, _, kernel = row.sizes
    e = 16 * 2.0**-53 * 2 * math.log2(2 * (size + kernel - 1))
    x2, h2, h1 = LARGEST * size, LARGEST * kernel, LARGEST * kernel**2
    return 2 * e * x2 * (2 * h2 + h1)


def my_conv2d(inputs: Array, filters: Array) -> Array:
    """Convolve by the loop that is asked about: stride 1, square filters, no padding."""
    count, height, width, _ = inputs.shape
    size, _, _, outputs = filters.shape
    result = np.zeros((count, height - size + 1, width - size + 1, outputs))
    for n in range(count):
        for i in range(height - size + 1):
            for j in range(width - size + 1):
                for k in range(outputs):
                    window = inputs[n, i : i + size, j : j + size, :]
                    result[n, i, j, k] = np.sum(window * filters[:, :, :, k])
    return result


def _dense(image: Array) -> tuple[Array, Array]:
    return integers((500, image.size), image.dtype.name, 2), image.reshape(-1)


def _dot(image: Array, filters: Array) -> Call:
    weights, vector = _dense(image)
    return lambda: np.dot(weights, vector)


def _exact_dot(image: Array, filters: Array) -> Array:
    weights, vector = (one.astype(np.int64) for one in _dense(image))
    return np.asarray((weights * vector).sum(axis=1))


def _convolve(stack: Array, kernel: Array) -> Call:
    import scipy.signal

    return lambda: scipy.signal.convolve(stack, kernel[..., None], mode="valid")


def _fftconvolve(stack: Array, kernel: Array) -> Call:
    import scipy.signal

    return lambda: scipy.signal.fftconvolve(stack, kernel[..., None], mode="valid", axes=(0, 1))


def _ndimage(stack: Array, kernel: Array) -> Call:
    import scipy.ndimage

    edge = len(kernel) // 2  # the kernel's size is odd
    inner = tuple(slice(edge, size - edge) for size in stack.shape[:2])
    return lambda: scipy.ndimage.convolve(stack, kernel[..., None])[inner]


def _im2col(image: Array, filters: Array) -> Call:
    from skimage.util import view_as_windows

    count, *size = filters.shape
    rows = math.prod(n - k + 1 for n, k in zip(image.shape, size, strict=True))

    def call() -> Any:
        patches = view_as_windows(image, tuple(size)).reshape(rows, -1)
        return patches @ filters.reshape(count, -1).T

    return call


def _loop(inputs: Array, filters: Array) -> Call:
    return lambda: my_conv2d(inputs, filters)


def _stack_as_conv2d(stack: Array, kernel: Array) -> tuple[Array, Array]:
    batch = np.ascontiguousarray(np.moveaxis(stack, 2, 0))[..., np.newaxis]
    return batch, np.ascontiguousarray(kernel[::-1, ::-1])[..., np.newaxis, np.newaxis]


_SCIPY = {
    "scipy.signal.convolve": _convolve,
    "scipy.signal.fftconvolve": _fftconvolve,
    "scipy.ndimage.convolve": _ndimage,
}
_IM2COL = "view_as_windows, reshape, @"
PACKAGES = {**dict.fromkeys(_SCIPY, "scipy"), _IM2COL: "scikit-image"}
"""Whose versions belong beside the figures."""
_STACKS = ((100, 50, 11), (1000, 50, 11), (100, 5, 11), (100, 500, 11), (100, 50, 5), (100, 50, 31))
_LOOPS = ((2, 14, 15, 4, 3, 6), (8, 32, 32, 3, 5, 16))

QUESTIONS = (
    Question(
        name="32x32x3",
        title="A 32x32x3 image, ten 2x2x3 filters at stride 2",
        asked="How do I convolve a 32x32x3 array to 16x16x10, and can it be as quick as the"
        " np.dot of a (500, 3072) matrix with the 3072 pixels of my fully connected layer?",
        rows=tuple(Row(dtype, dtype, (32, 3, 2, 10)) for dtype in ("float64", "float32")),
        data=lambda row: (
            integers((row.sizes[0], row.sizes[0], row.sizes[1]), row.dtype, 0),
            integers((row.sizes[2], row.sizes[2], row.sizes[1], row.sizes[3]), row.dtype, 1),
        ),
        as_conv2d=lambda image, filters: (image[np.newaxis], filters),
        strides=2,
        others={"np.dot": _dot},
        apart={"np.dot": _exact_dot},
        ratios=(
            ("subject / np.dot", SUBJECT, ("np.dot",)),
            ("tensorflow / np.dot", TENSORFLOW, ("np.dot",)),
            ("tensorflow / subject", TENSORFLOW, (SUBJECT,)),
        ),
    ),
    Question(
        name="stack",
        title="N images of S x S and one K x K kernel, in float64",
        asked="How do I convolve a stack of images (S, S, N) with one 2-D kernel, mode 'valid',"
        " without a loop, and which of scipy's functions is the fastest?",
        rows=tuple(Row(f"S={s} N={n} K={k}", "float64", (s, n, k)) for s, n, k in _STACKS),
        data=lambda row: (
            integers((row.sizes[0], row.sizes[0], row.sizes[1]), row.dtype, 0),
            integers((row.sizes[2], row.sizes[2]), row.dtype, 1),
        ),
        as_conv2d=_stack_as_conv2d,
        others=_SCIPY,
        aligned=lambda result, row: np.moveaxis(result, 2, 0)[..., np.newaxis],
        tolerance=dict.fromkeys(
            ("scipy.signal.convolve", "scipy.signal.fftconvolve"), fft_tolerance
        ),
        ratios=(
            ("subject / fastest of scipy", SUBJECT, tuple(_SCIPY)),
            ("tensorflow / subject", TENSORFLOW, (SUBJECT,)),
        ),
    ),
    Question(
        name="im2col",
        title="im2col: a 512x512 image and eight 5x5 filters",
        asked="How do I apply many filters to one image by im2col: view_as_windows, reshape and"
        " one matrix product?",
        rows=tuple(Row(dtype, dtype, (512, 8, 5)) for dtype in ("float32", "float64")),
        data=lambda row: (
            integers((row.sizes[0], row.sizes[0]), row.dtype, 0),
            integers((row.sizes[1], row.sizes[2], row.sizes[2]), row.dtype, 1),
        ),
        as_conv2d=lambda image, filters: (
            image[np.newaxis, ..., np.newaxis],
            np.ascontiguousarray(np.moveaxis(filters, 0, 2))[:, :, np.newaxis],
        ),
        others={_IM2COL: _im2col},
        aligned=lambda result, row: result.reshape(
            1, *[row.sizes[0] - row.sizes[2] + 1] * 2, row.sizes[1]
        ),
        ratios=(
            ("im2col / subject", _IM2COL, (SUBJECT,)),
            ("tensorflow / subject", TENSORFLOW, (SUBJECT,)),
        ),
    ),
    Question(
        name="loop",
        title="The naive loop, in float64",
        asked="My conv2d of four nested loops is hundreds of times slower than tf.nn.conv2d: how"
        " do I make it as fast in NumPy?",
        rows=tuple(
            Row(f"{n}x{h}x{w}x{c}, {o} filters {k}x{k}x{c}", "float64", (n, h, w, c, k, o))
            for n, h, w, c, k, o in _LOOPS
        ),
        data=lambda row: (
            integers(row.sizes[:4], row.dtype, 0),
            integers((row.sizes[4], row.sizes[4], row.sizes[3], row.sizes[5]), row.dtype, 1),
        ),
        as_conv2d=lambda inputs, filters: (inputs, filters),
        others={"loop": _loop},
        ratios=(
            ("loop / subject", "loop", (SUBJECT,)),
            ("loop / tensorflow", "loop", (TENSORFLOW,)),
            ("tensorflow / subject", TENSORFLOW, (SUBJECT,)),
        ),
    ),
)


def find(name: str) -> Question:
    """Return the question of a name.

    Raises
    ------
    KeyError
        If there is none.
    """
    return {question.name: question for question in QUESTIONS}[name]
