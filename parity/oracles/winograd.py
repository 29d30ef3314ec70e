"""How far Winograd's minimal filtering, and convolution by an FFT, may lie from the exact value.

Winograd.  F(m, r) computes m outputs of r taps along an axis from n = m + r - 1 pixels as
A^T (G w . B^T x), with matrices of Toom and Cook for n - 1 points and infinity (Lavin & Gray 2016);
along several axes, and summed over C channels, by Kronecker products of these.  An output is then a
sum of products of a, b, g, w and x, each of which meets at most

    k = z(B)^d + z(G)^d + C + z(A)^d + (2d - 1) c

roundings on its way (Barabasz et al., Error Analysis and Improving the Accuracy of Winograd
Convolution, TOMS 2020; Higham, Accuracy and Stability, 2nd ed., section 3.1).  A transform along d
axes, whose rows have at most z non-zeros, sums z^d terms if it is done at once, with a rounding for
each; axis by axis it has d z, which are no more.  C are for the products of a channel and their
sum.  In each of the c matrices with constants that are no numbers of the format there are one for
each of d factors, and d - 1 for their products.  Fused operations round less; so do filters that
are transformed in a wider format.  Hence

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

Underflow.  Each operation may lose the least number besides; `lost` counts what that comes to, with
the factors 1 / N in G or elsewhere.

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
    if error is None or not takes(error, case):
        return None
    x, w = x.astype(np.float64), w.astype(np.float64)
    with np.errstate(all="ignore"):
        of = _of_tiles if isinstance(error, Winograd) else _of_images
        return of(error, case, x, w, working)  # type: ignore[arg-type]


@cache
def matrices(error: Winograd) -> tuple[Array, Array, Array]:
    """Return A (n, m), B (n, n), whose row is a pixel, and G (n, r), of Fractions."""
    last = np.array([Fraction(0)] * error.tile + [Fraction(1)])
    a, b, g = [], [], []
    for p in error.points:
        rest = [other for other in error.points if other != p]
        powers = np.array([p**power for power in range(error.tile)])
        a.append(powers[: error.outputs])
        b.append([*_coefficients(rest), Fraction(0)])
        g.append(powers[: error.taps] / math.prod(p - other for other in rest))
    a.append(last[-error.outputs :])
    b.append(_coefficients(error.points))
    g.append(last[-error.taps :])
    return np.array(a), np.array(b).T, np.array(g)


def _coefficients(roots: Iterable[Fraction]) -> list[Fraction]:
    """Return those of the product of (x - root), lowest power first."""
    found = np.array([Fraction(1)])
    for root in roots:
        found = np.append(0 * found[:1], found) - root * np.append(found, 0 * found[:1])
    return [*found]


def exactly(error: Winograd, of: type[np.floating[Any]]) -> list[bool]:
    """Say of A, B and G whether a format has their entries and products of two: none is rounded."""
    entries = [{abs(entry) for entry in matrix.ravel()} for matrix in matrices(error)]
    products = ({one * other for one in some for other in some} for some in entries)
    return [all(Fraction(float(of(float(one)))) == one for one in some) for some in products]


def roundings(error: Winograd, case: Case, of: type[np.floating[Any]]) -> int:
    """Return k for a format."""
    axes, (a, b, g) = case.of.axes, matrices(error)
    most = (np.count_nonzero(one, axis=1).max() for one in (a.T, b.T, g))
    constants = exactly(error, of).count(False) * (2 * axes - 1)
    return int(sum(one**axes for one in most)) + Geometry.of(case).depth + constants


def _of_tiles(error: Winograd, case: Case, x: Array, w: Array, working: Any) -> Farther:
    axes, m, depth = case.of.axes, error.outputs, Geometry.of(case).depth
    a, b, g = (np.abs(one).astype(float) for one in matrices(error))
    on_a, on_b, on_g = (max(1.0, one.sum(1).max()) ** axes for one in (a.T, b.T, g))
    spread = max(g[g > 0].max(), 1 / g[g > 0].min()) ** axes  # of the factors 1 / N, anywhere
    edge = float(working.max) / (2 * spread)
    # What every transform makes of it stays below the edge, or may be infinite on the way.
    bad_w = ~(np.abs(w) * on_g * w[..., 0].size < edge)
    heavy = float(np.where(bad_w, 0, np.abs(w)).sum(axis=tuple(range(w.ndim - 1))).max()) * on_g
    bad_x = ~(np.abs(x) * on_a * on_b * max(1.0, heavy) < edge)
    spoiled = _met(case, x, bad_x, bad_w, around=m - 1)
    x, w = (np.where(np.isfinite(one), np.abs(one), 0) for one in (x, w))
    taps, gross = _along(g, w, axes), np.zeros(case.output_shape)
    for place in product(range(m), repeat=axes):
        kernel = taps
        for axis, at in enumerate(place):
            kernel = kernel * a[:, at].reshape(-1, *[1] * (kernel.ndim - 1 - axis))
        around = [(at, m - 1 - at) for at in place]
        gross = np.maximum(gross, _slid(case, x, _along(b, kernel, axes), around))
    gross[np.isnan(gross)] = np.inf
    # A transform loses no more than its terms times the sums of magnitudes that come after.
    terms = roundings(error, case, working.dtype.type)
    pixels = np.where(spoiled, x.max(), np.where(bad_x, 0, x).max()) * on_b
    lost = terms * on_a * spread * (on_b * (heavy + depth) + on_g * depth * pixels + 2 * depth)
    return Farther(terms, gross, 2 * lost, spoiled)


def _of_images(error: Normwise, case: Case, x: Array, w: Array, working: Any) -> Farther:
    it, axes = Geometry.of(case), case.of.axes
    # (N, pixels, G, C / G) and (taps, C / G, G, F / G)
    x = x.reshape(len(x), -1, it.groups, it.depth)
    w = w.reshape(-1, it.depth, it.groups, it.filters // it.groups)
    bad_x, bad_w = (~np.isfinite(one) for one in (x, w))
    x, w = np.where(bad_x, 0, np.abs(x)), np.where(bad_w, 0, np.abs(w))

    def at_outputs(of_images: Array, of_filters: Array) -> Array:
        """Multiply what an image's groups and a filter have, (N, G) and (G, F / G)."""
        both = (of_images[..., None] * of_filters).reshape(*it.lead, *[1] * axes, it.filters)
        whole = np.broadcast_to(both, (*it.lead, *it.outputs, it.filters))
        return whole if case.data_format == "NHWC" else np.moveaxis(whole, -1, -1 - axes)

    gross = at_outputs(np.sqrt((x**2).sum((1, 3))), np.sqrt((w**2).sum((0, 1))))
    size = 4.0**axes * x.shape[1]  # of a transform, in the largest power of two
    sums, edge = (x.sum((1, 3)), w.sum((0, 1))), float(working.max) / (4 * size)
    fine_x = ~bad_x.any((1, 3)) & (sums[0] < edge)
    fine_w = ~bad_w.any((0, 1)) & (sums[1] < edge)
    spoiled = ~at_outputs(fine_x, fine_w) | ~(at_outputs(*sums) < edge)
    lost = 4 * size * it.depth * (1 + sums[0].max() + sums[1].max())
    return Farther(error.factor, gross, np.full(gross.shape, lost), spoiled)


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
