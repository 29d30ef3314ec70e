"""What the comparison of a block has found, and a whole sweep."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Annotated, Self

import msgspec

from parity.sweep.heading import Heading

LISTED = 10
"""Disagreements that are told with a token; the others are only counted."""

Number = Annotated[int, msgspec.Meta(ge=0)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]
Chance = Annotated[float, msgspec.Meta(ge=0)]


@dataclass(frozen=True)
class Remark:
    """A geometry, and what is to be said of it."""

    token: str
    reason: str


@dataclass
class Counts:
    """How many geometries were compared, with how many outputs, and of how many nothing is known.

    What is right TensorFlow said of `answered` ones, of the others the suite's own exact sums.
    On `uniform` ones the data were drawn for `parity.model.data.survival`, whose sum is `chance`.
    `not_supported` are those of which the subject said so (NotImplementedError); on `unanswered`
    ones TensorFlow failed: nobody knows what is right there.
    """

    compared: Number = 0
    outputs: Number = 0
    nonzero: Number = 0
    not_supported: Number = 0
    unanswered: Number = 0
    disagreements: Number = 0
    answered: Number = 0
    uniform: Number = 0
    chance: Chance = 0.0

    @property
    def told(self) -> int:
        """Geometries of which anything is told."""
        return self.compared + self.not_supported + self.unanswered

    def including(self, parts: Iterable[Counts]) -> Self:
        """Add what was counted in parts; return this."""
        for part in parts:
            for one in fields(Counts):
                setattr(self, one.name, getattr(self, one.name) + getattr(part, one.name))
        return self


@dataclass
class Found(Counts):
    """What the comparison of a block has found.

    The seconds (`wall`, `cpu`) are those without the start of the process; `classes` are numbers
    of geometries; of disagreements the first `LISTED` are told, of the others the first.
    `likeliest` is the largest of what `chance` sums.
    """

    block: Number = 0
    wall: Seconds = 0.0
    cpu: Seconds = 0.0
    likeliest: Chance = 0.0
    classes: dict[str, Number] = field(default_factory=dict)
    listed: list[Remark] = field(default_factory=list)
    refused: list[Remark] = field(default_factory=list)
    failed: list[Remark] = field(default_factory=list)


@dataclass
class OfDtype(Counts):
    """What was found in one dtype, and how many geometries of it are in the grids."""

    expected: Number = 0


@dataclass
class OfOperation(Counts):
    """What was found of one operation, by dtype which disagreements; `expected` as of a dtype."""

    expected: Number = 0
    disagreeing: dict[str, Number] = field(default_factory=dict)
    classes: dict[str, Number] = field(default_factory=dict)


@dataclass
class OfLayers(Counts):
    """What of the whole the second grid is, and what of it meets in all values."""

    complete: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Swept(Heading):
    """The result of a sweep; after Ctrl-C what was found until then.

    `machines` say how many tasks ran where; `geometries` are those compared, `resumed` of them in
    an earlier run; `left_out` are combinations of the first grid that are no valid calls; `first`
    are disagreements in the order of the grids, and `simplest` is the first made small.  `known` of
    the disagreements are no news, and `gone` are the known ones that there are no longer.
    `for_all_data` says what the data prove, "" where none were drawn for it.
    """

    jobs: int
    machines: dict[str, int]
    geometries: int
    by_dtype: dict[str, OfDtype]
    layers: OfLayers
    left_out: int
    outputs: int
    nonzero: int
    not_supported: int
    unanswered: int
    seconds: float
    resumed: int
    rate: int
    rate_per_job: int
    rate_per_cpu_second: int
    classes: dict[str, int]
    disagreements: int
    interrupted: bool
    first: list[Remark]
    simplest: Remark | None
    doubts: list[str]
    by_operation: dict[str, OfOperation] = field(default_factory=dict)
    known: int = 0
    gone: list[str] = field(default_factory=list)
    uniform: int = 0
    chance: float = 0.0
    likeliest: float = 0.0
    for_all_data: str = ""


def for_all_data(geometries: int, likeliest: float, chance: float) -> str:
    """Say with which probability forms that are wrong for some data would have passed."""
    if not geometries:
        return ""
    return (
        "For all data: in float64 a bilinear form that is wrong for some data would have passed"
        f" with a probability below {_above(likeliest)} at any one of {geometries:,} geometries,"
        f" and below {_above(chance)} at any of them at all, were all wrong (data drawn"
        " independently and uniformly; Schwartz and Zippel). Assumed: control flow that does not"
        " look at data, and sums of no more products than the right ones."
    )


def _above(chance: float) -> str:
    """Return two digits of a number, rounded up."""
    if chance >= 1:
        return "1"
    places = 1 - math.floor(math.log10(chance))
    return f"{math.ceil(chance * 10**places) / 10**places:.1e}"
