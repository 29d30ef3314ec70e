"""The greatest common divisor of unknown integers, and that divisions by it leave no rest."""

from __future__ import annotations

from math import gcd
from typing import Any

from npconv._geometry import Axis
from parity.theorems.symbolic import Int, both, path, product_grows
from parity.theorems.theorem import Check


class Steps:
    """The greatest common divisor of stride and dilation, and what it leaves of both.

    There are u and v with u * step + v * spacing == 1 and 0 <= u < spacing; all positive integers
    have such, and the divisor that has them is the greatest.
    """

    gcd: Any
    step: Any
    spacing: Any
    u: Any
    v: Any

    def __init__(self, check: Check, axis: Axis) -> None:
        self.check, self.axis, stride, dilation = check, axis, axis.stride, axis.dilation
        unknown = isinstance(stride, Int)
        if unknown:
            names = ("gcd", "step", "spacing", "u", "v")
            self.gcd, self.step, self.spacing, self.u, self.v = map(path().fresh, names)
        else:
            self.gcd = gcd(stride, dilation)
            self.step, self.spacing = stride // self.gcd, dilation // self.gcd
            self.u = pow(self.step, -1, self.spacing)
            self.v = (1 - self.u * self.step) // self.spacing
        for fact in (
            both(self.gcd > 0, self.step > 0, self.spacing > 0),
            both(stride == self.gcd * self.step, dilation == self.gcd * self.spacing),
            both(self.u >= 0, self.u < self.spacing),
            self.u * self.step + self.v * self.spacing == 1,
        ):
            if unknown:
                check.assume(fact)
            else:
                check.holds(fact, "there are such")
        # As the function divides, without a rest.
        step = stride // self.gcd
        self.equal(step, self.step, self.gcd)
        self.equal(dilation * step // stride, self.spacing, stride)
        check.holds(dilation * self.step == self.spacing * stride, "steps and spacings")

    def equal(self, one: Any, other: Any, by: Any) -> None:
        """State that two factors are equal whose products by the same are."""
        self.check.lemma(product_grows(one, other, by))
        self.check.lemma(product_grows(other, one, by))
        self.check.holds(one == other, "equal products have equal factors")

    def model(self, one: Any, other: Any) -> Any:
        """Return the divisor in place of ``gcd``."""
        right = both(one == self.axis.stride, other == self.axis.dilation)
        self.check.holds(right, "the gcd is that of the axis")
        return self.gcd
