"""How far Winograd's minimal filtering, and convolution by an FFT, may lie from the exact value.

Winograd.  F(m, r) computes m outputs of r taps along an axis from n = m + r - 1 pixels as
A^T (G w . B^T x), with matrices of Toom and Cook for n - 1 points and infinity (Lavin & Gray 2016);
along several axes, and summed over C channels, by Kronecker products of these.  An output is then a
sum of products of a, b, g, w and x, each of which meets at most

    k = t(B) + t(G) + C + t(A) + 2d - 1

roundings on its way (Barabasz et al., Error Analysis and Improving the Accuracy of Winograd
Convolution, TOMS 2020; Higham, Accuracy and Stability, 2nd ed., section 3.1): a transform along d
axes whose rows have at most z non-zeros sums z^d terms if it is done at once, d times z if axis by
axis, with a rounding for each term, t(z) = max(z^d, d z); C for the products of a channel and their
sum; and where constants are no numbers of the format, one for each factor of d and d - 1 for their
products (in one of the three matrices if the points are numbers of the format, else in each of
them).  Fused operations round less; so do filters that are transformed in a wider format, whose t
is 1.  Hence

    |y^ - y| <= gamma_k g_W,   g_W = |A|^T (sum_c |G||w||G|^T . |B|^T|x||B|) |A|,

which scaling the rows of the matrices leaves as it is.  An output's g_W depends on its place in its
tile: taken here is the largest of all m^d, so that a kernel may begin its tiles anywhere.  For a
place p g_W is a convolution of |x| with n^d taps, |B| (|G||w||G|^T . |A_p||A_p|^T) |B|^T.

FFT.  A transform of 2^t numbers has an error of f = t (u' + gamma_4 (sqrt(2) + u')) in the 2-norm,
u' that of its twiddle factors (Higham, theorem 24.2), and so has its inverse; products and sums of
C channels have sqrt(2) gamma_2 + gamma_C.  By Cauchy and Schwarz an output is off by at most
(3 f + sqrt(2) gamma_2 + gamma_C) |x|_2 |w|_2, norms over image and channels, and over a filter:
FACTOR u |x|_2 |w|_2 with FACTOR = 20 t + C + 3 if the twiddles are right to u, and far less in
practice.

Underflow.  Each operation may lose `least` besides; `lost` counts what that comes to, for the
matrices of the docstring or with the factors 1 / N of G put elsewhere.

What is not finite, or may overflow on the way, spoils the tiles (FFT: the image) that it lies in,
and all outputs of its filter: these are as sums in any order have them, or not finite.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from functools import cache
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from parity.model.case import Array, Case
from parity.model.error import Error, Normwise, Winograd
from parity.model.geometry import Geometry
from parity.oracles.sums import of_laid

Matrix = tuple[tuple[Fraction, ...], ...]


class Farther(NamedTuple):
    """Errors beyond those of sums in any order: gamma of `terms` times `gross`, and `lost` least.

    ``spoiled``: where a result that is not finite is right as well.
    """

    terms: float
    gross: Array
    lost: Array
    spoiled: Array


def takes(error: Error, case: Case) -> bool:
    """Say whether a subject of this error may compute `case` other than by sums of products.

    Winograd's algorithm is for kernels of r taps along each axis at strides and dilations of 1.
    Gradients and int32 are sums of products.
    """
    if error is None or case.of.gives != "output" or case.dtype == "int32":
        return False
    if min(*case.input_shape, *case.filters_shape, *case.output_shape) < 1:
        return False
    plain = {*case.strides, *case.dilations} == {1}
    kernel = {*case.filters_shape[: case.of.axes]}
    return isinstance(error, Normwise) or (plain and kernel == {error.taps})


def farther(error: Error, case: Case, x: Array, w: Array, working: Any) -> Farther | None:
    """Derive the errors of a case's arrays, laid and in a wider format; None where there are none.

    ``working`` are the limits of the format that is computed in.
    """
    if not takes(error, case):
        return None
    x, w = x.astype(np.float64), w.astype(np.float64)
    with np.errstate(all="ignore"):
        if isinstance(error, Winograd):
            return _of_tiles(error, case, x, w, working)
        assert error is not None
        return _of_images(error, case, x, w, working)


@cache
def matrices(error: Winograd) -> tuple[Matrix, Matrix, Matrix]:
    """Return A (n, m), B (n, n), whose row is a pixel, and G (n, r), exactly."""
    points = error.points

    none, one = Fraction(0), Fraction(1)

    def coefficients(roots: list[Fraction]) -> list[Fraction]:
        found = [one]
        for root in roots:  # times (x - root), lowest power first
            found = [a - root * b for a, b in zip([none, *found], [*found, none], strict=True)]
        return found

    a, b, g = [], [], []
    for p in points:
        rest = [other for other in points if other != p]
        scale = math.prod((p - other for other in rest), start=one)
        a.append(tuple(p**j for j in range(error.outputs)))
        b.append((*coefficients(rest), none))
        g.append(tuple(p**j / scale for j in range(error.taps)))
    a.append((none,) * (error.outputs - 1) + (one,))
    b.append(tuple(coefficients([*points])))
    g.append((none,) * (error.taps - 1) + (one,))
    return tuple(a), _turned(b), tuple(g)


def _turned(rows: Iterable[tuple[Fraction, ...]]) -> Matrix:
    return tuple(zip(*rows, strict=True))


class _Sizes(NamedTuple):
    """Of a matrix: the most non-zeros and the largest sum of magnitudes of what it sums."""

    terms: int
    total: float

    @classmethod
    def of(cls, rows: Matrix) -> _Sizes:
        total = max(sum(map(abs, row)) for row in rows)
        return cls(max(sum(map(bool, row)) for row in rows), max(1.0, float(total)))

    def roundings(self, axes: int) -> int:
        return int(max(self.terms**axes, axes * self.terms))

    def lost(self, axes: int) -> float:
        """Return how many times the least number a transform loses, its later sums included."""
        return float(self.terms**axes + axes * self.terms * self.total ** (axes - 1))


def _sizes(error: Winograd) -> tuple[_Sizes, _Sizes, _Sizes]:
    a, b, g = matrices(error)
    return _Sizes.of(_turned(a)), _Sizes.of(_turned(b)), _Sizes.of(g)


def roundings(error: Winograd, case: Case, digits: int) -> int:
    """Return k for a format of so many binary digits."""
    transforms = sum(one.roundings(case.of.axes) for one in _sizes(error))
    return transforms + max(1, Geometry.of(case).depth) + of_constants(error, case.of.axes, digits)


def of_constants(error: Winograd, axes: int, digits: int) -> int:
    """Return how many roundings of constants an output meets; with none small integers are exact.

    The factors 1 / N, if they are rounded, stand in one matrix.
    """
    inexact = [
        any(not _written(number, digits) for number in _products(matrix, axes))
        for matrix in matrices(error)
    ]
    return (3 if any(inexact[:2]) else int(inexact[2])) * (2 * axes - 1)


def _products(matrix: Matrix, axes: int) -> set[Fraction]:
    entries = {abs(entry) for row in matrix for entry in row}
    return {math.prod(some, start=Fraction(1)) for some in product(entries, repeat=axes)}


def _written(number: Fraction, digits: int) -> bool:
    """Say whether a format of so many binary digits has the number."""
    odd = abs(number.numerator)
    while odd and odd % 2 == 0:
        odd //= 2
    return number.denominator & (number.denominator - 1) == 0 and odd.bit_length() <= digits


def _of_tiles(error: Winograd, case: Case, x: Array, w: Array, working: Any) -> Farther:
    axes, m = case.of.axes, error.outputs
    a, b, g = (np.abs(np.array(one, float)) for one in matrices(error))
    sizes = _sizes(error)
    scales = [abs(one) for row in matrices(error)[2] for one in row if one]
    # The factors 1 / N, which may stand in G, in B or in both.
    spread = float(max(max(scales), 1 / min(scales))) ** axes
    on_a, on_b, on_g = (one.total**axes for one in sizes)
    largest = float(working.max) / (2 * spread)
    sums = np.abs(w).sum(axis=tuple(range(w.ndim - 1)))  # (F), or (M) of a depthwise one
    whole = w[..., np.isfinite(sums) & (sums * on_g < largest)]
    heavy = float(np.abs(whole).sum(axis=tuple(range(w.ndim - 1))).max(initial=0)) * on_g
    bad_x = ~(np.abs(x) * on_a * on_b * max(1.0, heavy) < largest)
    bad_w = ~(np.abs(w) * on_g * error.taps**axes * max(1, w.shape[-2]) < largest)
    spoiled = _met(case, x, bad_x, bad_w, around=m - 1)
    x, w = (np.where(np.isfinite(one), np.abs(one), 0) for one in (x, w))
    taps, gross = _along(g, w, axes), np.zeros(case.output_shape)
    for place in product(range(m), repeat=axes):
        kernel = taps
        for axis, at in enumerate(place):
            kernel = kernel * a[:, at].reshape(-1, *[1] * (kernel.ndim - 1 - axis))
        around = [(at, m - 1 - at) for at in place]
        gross = np.maximum(gross, _slid(case, x, _along(b, kernel, axes), around))
    lost_a, lost_b, lost_g = (one.lost(axes) for one in sizes)
    depth, tiny = max(1, Geometry.of(case).depth), float(working.smallest_normal)
    pixels = np.where(spoiled, x.max(initial=0), np.where(bad_x, 0, x).max(initial=0)) * on_b
    lost = lost_b * (heavy + depth * lost_g * tiny) + lost_g * depth * pixels + 2 * depth
    gross[np.isnan(gross)] = np.inf
    terms = roundings(error, case, int(working.nmant) + 1)
    return Farther(terms, gross, (on_a * lost + lost_a) * spread * 2, spoiled)


def _of_images(error: Normwise, case: Case, x: Array, w: Array, working: Any) -> Farther:
    it, axes = Geometry.of(case), case.of.axes
    good = np.isfinite(x), np.isfinite(w)
    x, w = np.where(good[0], np.abs(x), 0), np.where(good[1], np.abs(w), 0)
    # (N, G) and (G, F / G): of an image's groups, and of each filter.
    within = tuple(range(1, axes + 1))
    images = x.reshape(*x.shape[:-1], it.groups, it.depth)
    filters = w.reshape(-1, it.depth, it.groups, it.filters // it.groups)

    def spread(of_images: Array, of_filters: Array) -> Array:
        """Return the products of both at each output."""
        both = (of_images[..., None] * of_filters).reshape(*it.lead, *[1] * axes, it.filters)
        whole = np.broadcast_to(both, (*it.lead, *it.outputs, it.filters))
        return whole if case.data_format == "NHWC" else np.moveaxis(whole, -1, -1 - axes)

    gross = spread(
        np.sqrt((images**2).sum(axis=(*within, -1))), np.sqrt((filters**2).sum(axis=(0, 1)))
    )
    size = 4.0**axes * math.prod(x.shape[1:-1])  # of a transform, in the largest power of two
    in_all = images.sum(axis=(*within, -1)), filters.sum(axis=(0, 1))
    large = spread(*in_all) * size >= float(working.max) / 4
    for one, of_filters in zip(in_all, (False, True), strict=True):
        wrong = one * size >= float(working.max) / 4
        bad = ~good[of_filters].reshape((images, filters)[of_filters].shape)
        wrong |= bad.any(axis=(0, 1) if of_filters else (*within, -1))
        ones = np.ones(in_all[not of_filters].shape)
        large = large | (spread(*((ones, wrong) if of_filters else (wrong, ones))) > 0)
    lost = 4 * size * max(1, it.depth) * (1 + float(in_all[0].max() + in_all[1].max()))
    return Farther(error.factor, gross, np.full(gross.shape, lost), large)


def _along(matrix: Array, array: Array, axes: int) -> Array:
    """Multiply along each of the first axes."""
    for axis in range(axes):
        array = np.moveaxis(np.tensordot(matrix, array, (1, axis)), 0, axis)
    return array


def _slid(case: Case, x: Array, kernel: Array, around: list[tuple[int, int]]) -> Array:
    """Convolve a laid image with a longer kernel and zeros around it for as many outputs."""
    pads = [
        side + more
        for axis, two in zip(case.axes(), around, strict=True)
        for side, more in zip((axis.before, axis.after), two, strict=True)
    ]
    longer = replace(case, filters_shape=kernel.shape, padding=tuple(pads), pointwise=None)
    return of_laid(longer, np.pad(x, [(0, 0), *around, (0, 0)]), kernel)


def _met(case: Case, x: Array, bad_x: Array, bad_w: Array, around: int) -> Array:
    """Say which outputs lie in a tile, wherever it begins, or are of a filter with a bad one."""
    found = np.zeros(case.output_shape, bool)
    if bad_x.any():
        longer = [one + 2 * around for one in bad_w.shape[: case.of.axes]]
        ones = np.ones((*longer, *bad_w.shape[case.of.axes :]))
        pads = [(around, around)] * case.of.axes
        found |= _slid(case, bad_x.astype(float), ones, pads) > 0
    if bad_w.any():
        found |= of_laid(case, np.ones(x.shape), bad_w.astype(float)) > 0
    return found
