"""Which bound a subject's floats are held to: that of sums in any order, or of a fast algorithm."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

from parity.model.verdict import WrongCall

COMPONENTWISE = "componentwise"
FORMS = f"{COMPONENTWISE}, winograd:F(4,3):0,±1/2,±2 or normwise:FACTOR"
_WINOGRAD = re.compile(r"winograd:F\(([2-6])(?:x\1)?,([2-6])(?:x\2)?\):(.*)")
_POINT = re.compile(r"(±|\+-|[-+])?([0-9]{1,6})(?:/([1-9][0-9]{0,5}))?")
_NORMWISE = re.compile(r"normwise:([1-9][0-9]{0,5}(?:\.[0-9]{1,6})?)")
_SIGNS = {None: (1,), "+": (1,), "-": (-1,), "±": (1, -1), "+-": (1, -1)}


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

    @property
    def spelled(self) -> str:
        """The points, those of both signs once."""
        both = {one for one in self.points if one and -one in self.points}
        names = [f"±{abs(one)}" if one in both else str(one) for one in self.points]
        return ",".join(dict.fromkeys(names))

    def __str__(self) -> str:
        """Write it as the option takes it."""
        return f"winograd:F({self.outputs},{self.taps}):{self.spelled}"


@dataclass(frozen=True)
class Normwise:
    """`factor` units in the last place of the norms of image and filter, as of an FFT."""

    factor: float

    def __str__(self) -> str:
        """Write it as the option takes it."""
        return f"normwise:{self.factor:g}"


Error = Winograd | Normwise | None
"""None is componentwise: the bound of sums in any order."""


@cache
def parse(text: str) -> Error:
    """Read what the option ``--error`` says, blanks apart; WrongCall tells what is none of `FORMS`.

    m, r of F(m, r) and FACTOR are at least 2 and 1, and at most 6 and 999999.
    """
    text = "".join(text.split())
    if text == COMPONENTWISE:
        return None
    if match := _NORMWISE.fullmatch(text):
        return Normwise(float(match[1]))
    match = _WINOGRAD.fullmatch(text)
    if match is None:
        raise _wrong(f"allowed are {FORMS}, of sizes from 2 to 6 and a FACTOR from 1", text)
    points: list[Fraction] = []
    for one in match[3].split(","):
        point = _POINT.fullmatch(one)
        if point is None:
            raise _wrong("a point is written as 0, 2, -1/2 or ±5/8", one)
        size = Fraction(int(point[2]), int(point[3] or 1))
        points += [sign * size for sign in _SIGNS[point[1]]]
    m, r = int(match[1]), int(match[2])
    if len(points) != m + r - 2 or len({*points}) < len(points):
        raise _wrong(f"F({m},{r}) has {m + r - 2} points that differ, besides infinity", match[3])
    return Winograd(m, r, tuple(points))


def _wrong(allowed: str, received: str) -> WrongCall:
    return WrongCall(f"--error or PARITY_ERROR: {allowed}; received {received[:60]!r}")
