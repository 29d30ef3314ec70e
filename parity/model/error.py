"""Which bound a subject's floats are held to: that of sums in any order, or of a fast algorithm.

An option says so: ``componentwise``, ``winograd:F(4,3):0,±1/2,±2`` or ``normwise:FACTOR``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

from parity.model.verdict import WrongCall

COMPONENTWISE = "componentwise"
FORMS = f"{COMPONENTWISE}, winograd:F(4,3):0,±1/2,±2 or normwise:FACTOR"
_WINOGRAD = re.compile(r"winograd:F\(([0-9x]{1,9}),([0-9x]{1,9})\):(.*)")
_POINT = re.compile(r"(±|\+-|[-+])?([0-9]{1,6})(?:/([0-9]{1,6}))?")
_FACTOR = re.compile(r"[0-9]{1,7}(\.[0-9]{1,6})?")
_TILE = 12  # pixels along an axis, at the most: float32 has no digit left long before


@dataclass(frozen=True)
class Winograd:
    """F(outputs, taps), along each axis, by these points and infinity."""

    outputs: int
    taps: int
    points: tuple[Fraction, ...]

    @property
    def tile(self) -> int:
        """Pixels of a tile along an axis."""
        return self.outputs + self.taps - 1

    def __str__(self) -> str:
        """Write it as the option takes it."""
        return f"winograd:F({self.outputs},{self.taps}):{self.spelled}"

    @property
    def spelled(self) -> str:
        """The points, those of both signs once."""
        both = {one for one in self.points if one and -one in self.points}
        names = [f"±{abs(one)}" if one in both else str(one) for one in self.points]
        return ",".join(dict.fromkeys(names))


@dataclass(frozen=True)
class Normwise:
    """`factor` units in the last place of the norms of image and filter, as of an FFT."""

    factor: float

    def __str__(self) -> str:
        """Write it as the option takes it."""
        return f"normwise:{self.factor:g}"


Error = Winograd | Normwise | None
"""None is componentwise: the bound of any order of summation."""


@cache
def parse(text: str) -> Error:
    """Read what the option ``--error`` says; blanks do not count.

    Raises
    ------
    WrongCall
        If it is none of `FORMS`.
    """
    text = "".join(text.split())
    if text == COMPONENTWISE:
        return None
    if match := _WINOGRAD.fullmatch(text):
        return _winograd(*match.groups())
    kind, _, factor = text.partition(":")
    if kind == "normwise" and _FACTOR.fullmatch(factor) and 1 <= float(factor) <= 1e6:
        return Normwise(float(factor))
    if kind == "normwise":
        raise _wrong("FACTOR is a number from 1 to 1000000", factor)
    raise _wrong(f"allowed are {FORMS}", text)


def _winograd(outputs: str, taps: str, written: str) -> Winograd:
    m, r = _size(outputs), _size(taps)
    points: list[Fraction] = []
    for one in written.split(","):
        match = _POINT.fullmatch(one)
        if match is None or not int(match[3] or 1):
            raise _wrong("a point is written as 0, 2, -1/2 or ±5/8", one)
        point = Fraction(int(match[2]), int(match[3] or 1))
        signs = {"±": (1, -1), "+-": (1, -1), "-": (-1,)}.get(match[1] or "+", (1,))
        points += [sign * point for sign in signs]
    if len({*points}) < len(points):
        raise _wrong("the points have to differ", written)
    if len(points) != m + r - 2:
        need = f"F({m},{r}) has {m + r - 2} points besides infinity"
        raise _wrong(need, f"{len(points)}, {written}")
    return Winograd(m, r, tuple(points))


def _size(text: str) -> int:
    """Read 4 or 4x4."""
    sizes = {int(one) for one in text.split("x") if one}
    size = min(sizes, default=0)
    if len(sizes) != 1 or "" in text.split("x") or not 2 <= size <= _TILE // 2:
        raise _wrong(f"F(m,r) is of two numbers from 2 to {_TILE // 2}, or as F(4x4,3x3)", text)
    return size


def _wrong(allowed: str, received: str) -> WrongCall:
    return WrongCall(f"--error or PARITY_ERROR: {allowed}, received {received[:60]!r}")
