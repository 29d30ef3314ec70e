"""What a run has really compared."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

from parity.examples import pairs

if TYPE_CHECKING:
    from parity.claims.claim import Claim, Example, Told
    from parity.model.subject import Scope

BINS_PER_OCTAVE = 2
_LOWEST = -40  # bin of everything smaller, zeros among it


@dataclass
class Open:
    """Examples that say nothing of the subject: how many, and token and message of the first."""

    examples: int = 0
    first: str = ""

    def add(self, reason: str) -> None:
        """Count one."""
        self.merge(Open(1, reason))

    def merge(self, other: Open) -> None:
        """Add what another job has counted."""
        self.examples += other.examples
        self.first = self.first or other.first


@dataclass(frozen=True)
class Largest:
    """The largest |error| / bound of one side, and the token that had it."""

    ratio: float
    token: str


@dataclass(frozen=True)
class Counted:
    """A `Count` as files know it; the keys of `ratios` are bins, as numbers in text."""

    claim: str
    dtype: str
    examples: int
    distinct: int
    outputs: int
    telling: int
    not_supported: int
    oracle_failed: int
    classes: dict[str, int]
    largest: dict[str, Largest]
    ratios: dict[str, dict[str, int]]
    pairs: dict[str, int]
    operation: str = "conv2d"


@dataclass
class Count:
    """What one claim has compared for one dtype.

    Attributes
    ----------
    examples, outputs, telling
        Examples checked, values compared, values that would have shown a fault.
    tokens
        Checksums of the examples' tokens: how many were distinct.
    classes
        Examples of each corner class.
    largest
        The largest |error| / bound of each side, and the token that had it.
    ratios
        For each side how many examples had their largest |error| / bound in which bin; bin b
        holds 2**(b/2) to 2**((b+1)/2).
    not_supported, oracle_failed
        Examples, none of those above, that the subject does not support, and on which TensorFlow
        raised.
    pairs
        Examples of every two levels of factors, where they are counted.
    operation
        What was called.
    """

    claim: str
    dtype: str
    examples: int = 0
    outputs: int = 0
    telling: int = 0
    tokens: set[bytes] = field(default_factory=set)
    classes: Counter[str] = field(default_factory=Counter)
    largest: dict[str, tuple[float, str]] = field(default_factory=dict)
    ratios: dict[str, Counter[int]] = field(default_factory=dict)
    not_supported: Open = field(default_factory=Open)
    oracle_failed: Open = field(default_factory=Open)
    pairs: Counter[pairs.Pair] = field(default_factory=Counter)
    operation: str = "conv2d"

    @property
    def drawn(self) -> int:
        """Examples, also those that say nothing of the subject."""
        return self.examples + self.not_supported.examples + self.oracle_failed.examples

    def add(self, example: Example, told: Told, classes: Iterable[str]) -> None:
        """Count one example."""
        token = example.token()
        self.merge(
            Count(
                self.claim,
                self.dtype,
                examples=1,
                outputs=told.outputs,
                telling=told.telling,
                tokens={blake2b(token.encode(), digest_size=8).digest()},
                classes=Counter((*classes, *told.classes)),
                largest={side: (ratio, token) for side, ratio in told.ratios.items()},
                ratios={side: Counter((_bin(ratio),)) for side, ratio in told.ratios.items()},
                pairs=Counter(pairs.pairs_of(told.levels)),
            )
        )

    def merge(self, other: Count) -> None:
        """Add what another job has counted for the same claim and dtype."""
        self.examples += other.examples
        self.outputs += other.outputs
        self.telling += other.telling
        self.tokens |= other.tokens
        self.classes.update(other.classes)
        self.pairs.update(other.pairs)
        for side, found in other.largest.items():
            self.largest[side] = max(found, self.largest.get(side, (-1.0, "")))
        for side, bins in other.ratios.items():
            self.ratios.setdefault(side, Counter()).update(bins)
        self.not_supported.merge(other.not_supported)
        self.oracle_failed.merge(other.oracle_failed)

    def document(self) -> Counted:
        """Return the count as files know it."""
        return Counted(
            claim=self.claim,
            dtype=self.dtype,
            examples=self.examples,
            distinct=len(self.tokens),
            outputs=self.outputs,
            telling=self.telling,
            not_supported=self.not_supported.examples,
            oracle_failed=self.oracle_failed.examples,
            classes=dict(sorted(self.classes.items())),
            largest={side: Largest(*found) for side, found in sorted(self.largest.items())},
            ratios={
                side: {str(edge): bins[edge] for edge in sorted(bins)}
                for side, bins in sorted(self.ratios.items())
            },
            pairs=pairs.document(self.pairs),
            operation=self.operation,
        )


Counts = dict[tuple[str, str, str], Count]
"""Counts by operation, claim and dtype."""


def merge(counts: Counts, found: Iterable[Count]) -> None:
    """Add `found` to `counts`."""
    for count in found:
        key = count.operation, count.claim, count.dtype
        if key not in counts:
            counts[key] = Count(count.claim, count.dtype, operation=count.operation)
        counts[key].merge(count)


class Total(NamedTuple):
    """Sums of what was counted."""

    examples: int
    distinct: int
    outputs: int
    telling: int


def total(counts: Iterable[Count]) -> Total:
    """Return the sums of several counts."""
    each = [(count.examples, len(count.tokens), count.outputs, count.telling) for count in counts]
    return Total(*map(sum, zip(*each, strict=True))) if each else Total(0, 0, 0, 0)


def classes(counts: Iterable[Count]) -> Counter[str]:
    """Return the examples of each corner class, all counts together, by name."""
    found: Counter[str] = Counter()
    for count in counts:
        found.update(count.classes)
    return Counter(dict(sorted(found.items())))


def dtypes(claim: Claim, scope: Scope) -> tuple[str, ...]:
    """Return the dtypes that `claim` is explored in within `scope`."""
    return tuple(dtype for dtype in claim.dtypes if dtype in (*scope.dtypes, "all"))


def _bin(ratio: float) -> int:
    if ratio <= 0 or not math.isfinite(ratio):
        return _LOWEST
    return max(_LOWEST, math.floor(BINS_PER_OCTAVE * math.log2(ratio)))
