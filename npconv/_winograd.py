"""Winograd's minimal filtering F(m, r), by Toom and Cook's points: m outputs of r taps at once.

``y = A.T @ ((G @ w) * (B.T @ x))``, for m + r - 1 pixels x; on both axes of an image,
``Y = A.T @ ((G @ w @ G.T) * (B.T @ X @ B)) @ A`` (Lavin and Gray 2016, "Fast algorithms for
convolutional neural networks"; Vincent, Stephano, Frumkin, Ginsburg and Demouth 2017, "On improving
the numerical stability of Winograd convolutions").
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from operator import mul
from typing import NamedTuple

import numpy as np

from npconv._engine.scratch import Array


class Transforms(NamedTuple):
    """The matrices of F(m, r), exact: arrays of Fractions.

    `a` is (m + r - 1, m), `b` (m + r - 1, m + r - 1) and `g` (m + r - 1, r).
    """

    a: Array
    b: Array
    g: Array

    def roundings(self, channels: int) -> int:
        """Return how many roundings lie on the way of each product to an output of an image.

        Each transform of both axes is one product by the matrix ``kron(t, t)``, exact in float32: a
        sum of as many products as that has non-zeros in a row. Filters are transformed in float64
        and rounded once, which are less than two roundings.
        """
        most = [int(np.count_nonzero(one, axis=0).max()) ** 2 for one in (self.a, self.b)]
        return most[0] + most[1] + channels + 2


def transforms(outputs: int, taps: int, points: tuple[Fraction, ...]) -> Transforms:
    """Return the matrices of F(outputs, taps) for finite points, to which infinity is added.

    They are the transposed multiplication of polynomials: values at the points, their products, and
    interpolation. The denominators of Lagrange's polynomials are the filters', so that `a` and `b`
    are dyadic where the points are.

    >>> one = transforms(2, 3, (Fraction(0), Fraction(1), Fraction(-1)))
    >>> one.b.T.astype(int).tolist()
    [[-1, 0, 1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, -1, 0, 1]]
    >>> one.g[1].tolist()
    [Fraction(1, 2), Fraction(1, 2), Fraction(1, 2)]
    >>> x, w = np.arange(4) ** 2, np.array([1, 10, 100])
    >>> (one.a.T @ ((one.g @ w) * (one.b.T @ x))).astype(int), np.correlate(x, w)
    (array([410, 941]), array([410, 941]))
    """
    a = [[Fraction(0)] * (outputs - 1) + [Fraction(1)]]  # at infinity: the highest power's
    b = [_polynomial(points)]
    g = [[Fraction(0)] * (taps - 1) + [Fraction(1)]]
    for point in reversed(points):
        powers = [point**power for power in range(outputs + taps - 1)]
        lagrange = _polynomial([other for other in points if other != point])
        weight = sum(map(mul, lagrange, powers))
        a.insert(0, powers[:outputs])
        b.insert(0, [*lagrange, Fraction(0)])
        g.insert(0, [power / weight for power in powers[:taps]])
    return Transforms(np.array(a), np.array(b).T, np.array(g))


def _polynomial(roots: Sequence[Fraction]) -> list[Fraction]:
    """Return the coefficients of the polynomial with these roots, that of x**0 first."""
    found, zero = [Fraction(1)], Fraction(0)
    for root in roots:
        found = [a - root * b for a, b in zip([zero, *found], [*found, zero], strict=True)]
    return found
