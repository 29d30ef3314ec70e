"""What a run has really compared, and whether its verdict may be trusted."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from parity import pairs
from parity.claims.claim import Claim, Example, Told
from parity.subject import Scope

BINS_PER_OCTAVE = 2
_LOWEST = -40  # bin of everything smaller, zeros among it


@dataclass
class Count:
    """What one claim has compared for one dtype.

    Attributes
    ----------
    claim, dtype
        Names.
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
    pairs
        Examples of every two levels of factors, where they are counted.
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
    pairs: Counter[pairs.Pair] = field(default_factory=Counter)

    def add(self, example: Example, told: Told, classes: Iterable[str]) -> None:
        """Count one example."""
        token = example.token()
        self.examples += 1
        self.outputs += told.outputs
        self.telling += told.telling
        self.tokens.add(blake2b(token.encode(), digest_size=8).digest())
        self.classes.update(classes)
        self.classes.update(told.classes)
        self.pairs.update(pairs.pairs_of(told.levels))
        for side, ratio in told.ratios.items():
            if ratio >= self.largest.get(side, (-1.0, ""))[0]:
                self.largest[side] = ratio, token
            self.ratios.setdefault(side, Counter())[_bin(ratio)] += 1

    def merge(self, other: Count) -> None:
        """Add what another job has counted for the same claim and dtype."""
        self.examples += other.examples
        self.outputs += other.outputs
        self.telling += other.telling
        self.tokens |= other.tokens
        self.classes += other.classes
        self.pairs += other.pairs
        for side, found in other.largest.items():
            self.largest[side] = max(found, self.largest.get(side, (-1.0, "")))
        for side, bins in other.ratios.items():
            self.ratios[side] = self.ratios.get(side, Counter()) + bins

    def document(self) -> dict[str, Any]:
        """Return the count as JSON knows it."""
        return {
            "claim": self.claim,
            "dtype": self.dtype,
            "examples": self.examples,
            "distinct": len(self.tokens),
            "outputs": self.outputs,
            "telling": self.telling,
            "classes": dict(sorted(self.classes.items())),
            "largest": {
                side: {"ratio": ratio, "token": token}
                for side, (ratio, token) in sorted(self.largest.items())
            },
            "ratios": {
                side: {str(edge): bins[edge] for edge in sorted(bins)}
                for side, bins in sorted(self.ratios.items())
            },
            "pairs": pairs.document(self.pairs),
        }


Counts = dict[tuple[str, str], Count]


def merge(counts: Counts, found: Iterable[Count]) -> None:
    """Add `found` to `counts`."""
    for count in found:
        counts.setdefault((count.claim, count.dtype), Count(count.claim, count.dtype)).merge(count)


def doubts(claim: Claim, counts: Sequence[Count], scope: Scope) -> list[str]:
    """Say why a run of `claim` cannot be trusted; an empty list where it can.

    Parameters
    ----------
    claim
        The claim that was run.
    counts
        What it compared, by dtype.
    scope
        What the subject claims to support; every dtype in it must have its share.
    """
    mine = [count for count in counts if count.claim == claim.name]
    examples = sum(count.examples for count in mine)
    if not examples:
        return [f"{claim.name}: no example"]
    found: list[str] = []
    classes: Counter[str] = Counter()
    for count in mine:
        classes += count.classes
    met: Counter[pairs.Pair] = sum((count.pairs for count in mine), Counter())
    missed = pairs.missed(claim.coverage(scope), met, examples)
    found += [f"{claim.name}: none of {examples} examples has {one}" for one in missed]
    for name, share in claim.minima(scope).items():
        least = max(1, math.ceil(share * examples))
        if classes[name] < least:
            found.append(
                f"{claim.name}: {classes[name]} of {examples} examples are of the class"
                f" {name!r}, {least} have to be"
            )
    for dtype in dtypes(claim, scope):
        share = sum(count.examples for count in mine if count.dtype == dtype)
        if share < 0.5 * examples / len(dtypes(claim, scope)):
            found.append(f"{claim.name}: only {share} of {examples} examples are {dtype}")
    distinct = sum(len(count.tokens) for count in mine)
    if distinct < 0.5 * examples:
        found.append(f"{claim.name}: only {distinct} of {examples} examples are distinct")
    for count in mine:
        if count.telling < claim.telling * count.examples:
            found.append(
                f"{claim.name} {count.dtype}: only {count.telling} telling values in"
                f" {count.examples} examples, {claim.telling} each were expected"
            )
    return found


def covered(claim: Claim, counts: Iterable[Count], scope: Scope) -> str:
    """Say which pairs of factors a run of `claim` has met; "" where it counts none."""
    mine = [count for count in counts if count.claim == claim.name and count.pairs]
    met: Counter[pairs.Pair] = sum((count.pairs for count in mine), Counter())
    examples = sum(count.examples for count in mine)
    return f"{claim.name}: {pairs.said(claim.coverage(scope), met, examples)}" if met else ""


def dtypes(claim: Claim, scope: Scope) -> tuple[str, ...]:
    """Return the dtypes that `claim` is explored in within `scope`."""
    if claim.dtypes == ("all",):
        return claim.dtypes
    return tuple(dtype for dtype in claim.dtypes if dtype in scope.dtypes)


def total(counts: Iterable[Count]) -> Mapping[str, int]:
    """Return the sums of examples, distinct examples, outputs and telling values."""
    listed = list(counts)
    return {
        "examples": sum(count.examples for count in listed),
        "distinct": sum(len(count.tokens) for count in listed),
        "outputs": sum(count.outputs for count in listed),
        "telling": sum(count.telling for count in listed),
    }


def classes(counts: Iterable[Count]) -> dict[str, int]:
    """Return the examples of each corner class, all claims and dtypes together."""
    found: Counter[str] = Counter()
    for count in counts:
        found += count.classes
    return dict(sorted(found.items()))


def _bin(ratio: float) -> int:
    if ratio <= 0 or not math.isfinite(ratio):
        return _LOWEST
    return max(_LOWEST, math.floor(BINS_PER_OCTAVE * math.log2(ratio)))


class Run:
    """What one run of pytest draws from and counts."""

    def __init__(self) -> None:
        self.seed = 0
        self.counts: Counts = {}
        self.doubts: list[str] = []

    def multiplied(self, examples: int) -> int:
        """Return `examples` times the environment variable ``PARITY_EXAMPLES`` (default 1)."""
        return max(1, round(examples * float(os.environ.get("PARITY_EXAMPLES", "1"))))


RUN = Run()
