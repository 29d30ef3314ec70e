"""How many products a result sums."""

from __future__ import annotations

from math import gcd, prod

from npconv._geometry import Axis, Geometry
from npconv._operation import Operation


def terms(operation: Operation, geometry: Geometry, batch: int) -> int:
    """Return how many products each result of an operation sums, at the most.

    An output those of all taps and the channels it reads. A tap's gradient one for each output of
    each image. A pixel's gradient those of the outputs that read it, by all their filters.

    >>> from npconv._operation import CONV2D, OPERATIONS
    >>> axis = Axis.resolve(8, 3, 2, 1, "SAME")
    >>> geometry = Geometry((axis, axis), 4, 2, 10)
    >>> gradients = map(OPERATIONS.get, ("conv2d_backprop_filter", "conv2d_backprop_input"))
    >>> [terms(one, geometry, 5) for one in (CONV2D, *gradients)]
    [18, 80, 20]
    """
    if operation.gives == "output":
        return geometry.terms
    if operation.gives == "filters":
        return batch * prod(geometry.outputs)
    met = prod(_meetings(axis, phased=operation.phased) for axis in geometry.axes)
    return met * (geometry.out_channels // max(1, geometry.groups))


def _meetings(axis: Axis, *, phased: bool) -> int:
    """Return how many taps meet a pixel, at the most: tap t of output o lies on s * o + d * t.

    Those taps that meet one are s / gcd(s, d) apart; s where strides count in phases of the
    dilation (and d is 1 or s is, or both exceed 1: then a phase has dilation 1).
    """
    apart = axis.stride if phased else axis.stride // gcd(axis.stride, axis.dilation)
    return min(axis.outputs, -(-axis.kernel // apart))
