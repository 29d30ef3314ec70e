"""What a run has really compared, and whether its verdict may be trusted."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any

from parity.claims.claim import Claim, Example, Told
from parity.examples import pairs
from parity.model.subject import Scope

BINS_PER_OCTAVE = 2
_LOWEST = -40  # bin of everything smaller, zeros among it
CHANCE = 1e-6
"""How often chance alone may call a run of one claim mistrusted for one of its classes."""
ENOUGH = 20
"""Examples below which nothing is said about the share of a dtype or of distinct ones."""
BEHIND = 0.2
"""What share of the mean over its claim's dtypes a dtype may have.  In a campaign that time ends it
lacks one turn at the most, and has 0.4 of what others have or more
(`parity.search.campaign.GROWTH`); half of that, since paces vary."""
_FOR_A_MEAN = 100  # the same for a mean of values that differ as much as those that tell
MOST_NOT_SUPPORTED = 0.1
"""The share of examples, beyond which a claim is mistrusted, that a subject may not support: the
least share asked of most features.  One that never does a feature leaves out more than that, and
has to say so by its scope; what is rarer, such as two features together, it may just refuse."""


@dataclass
class Open:
    """Examples that say nothing of the subject.

    Attributes
    ----------
    examples
        How many.
    first
        Token and message of the first.
    """

    examples: int = 0
    first: str = ""

    def add(self, reason: str) -> None:
        """Count one."""
        self.merge(Open(1, reason))

    def merge(self, other: Open) -> None:
        """Add what another job has counted."""
        self.examples += other.examples
        self.first = self.first or other.first


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
    not_supported, oracle_failed
        Examples, none of those above, that the subject does not support, and on which TensorFlow
        raised.
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
    not_supported: Open = field(default_factory=Open)
    oracle_failed: Open = field(default_factory=Open)

    @property
    def drawn(self) -> int:
        """Examples, also those that say nothing of the subject."""
        return self.examples + self.not_supported.examples + self.oracle_failed.examples

    def taken(self) -> Count:
        """Return what was counted so far, and begin again."""
        taken = replace(self)
        vars(self).update(vars(Count(self.claim, self.dtype)))
        return taken

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
        self.not_supported.merge(other.not_supported)
        self.oracle_failed.merge(other.oracle_failed)

    def document(self) -> dict[str, Any]:
        """Return the count as JSON knows it."""
        return {
            "claim": self.claim,
            "dtype": self.dtype,
            "examples": self.examples,
            "distinct": len(self.tokens),
            "outputs": self.outputs,
            "telling": self.telling,
            "not_supported": self.not_supported.examples,
            "oracle_failed": self.oracle_failed.examples,
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
    """Say why a run of `claim` cannot be trusted; an empty list where it can."""
    return [*unanswered(claim, counts), *unreached(claim, counts, scope)]


def unanswered(claim: Claim, counts: Iterable[Count]) -> list[str]:
    """Say which examples of `claim` told nothing; more of them would not tell more."""
    mine = [count for count in counts if count.claim == claim.name]
    found = [
        f"{claim.name} {count.dtype}: TensorFlow failed on {count.oracle_failed.examples} examples,"
        f" the first {count.oracle_failed.first}"
        for count in mine
        if count.oracle_failed.examples
    ]
    return found + not_supported(claim.name, mine)


def unreached(claim: Claim, counts: Iterable[Count], scope: Scope) -> list[str]:
    """Say what a run of `claim` has not, or not often enough, drawn; a longer one may.

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
    found: list[str] = []
    examples = sum(count.examples for count in mine)
    if not examples:
        return [f"{claim.name}: no example"]
    classes = _classes(mine)
    met: Counter[pairs.Pair] = sum((count.pairs for count in mine), Counter())
    missed = pairs.missed(claim.coverage(scope), met, examples)
    found += [f"{claim.name}: none of {examples} examples has {one}" for one in missed]
    for name, share in claim.minima(scope).items():
        asked = least(share, examples)
        if classes[name] < asked:
            found.append(
                f"{claim.name}: {classes[name]} of {examples} examples are of the class"
                f" {name!r}, {asked} have to be"
            )
    names = dtypes(claim, scope)
    for dtype in names:
        share = sum(count.examples for count in mine if count.dtype == dtype)
        if not share:
            found.append(f"{claim.name} {dtype}: no example")
        elif share < BEHIND * examples / len(names) and examples >= ENOUGH * len(names):
            found.append(f"{claim.name}: only {share} of {examples} examples are {dtype}")
    distinct = sum(len(count.tokens) for count in mine)
    if distinct < 0.5 * examples and examples >= ENOUGH:
        found.append(f"{claim.name}: only {distinct} of {examples} examples are distinct")
    enough = min(_FOR_A_MEAN, claim.examples)
    for count in mine:
        if count.telling < claim.telling * count.examples and count.examples >= enough:
            found.append(
                f"{claim.name} {count.dtype}: only {count.telling} telling values in"
                f" {count.examples} examples, {claim.telling} each were expected"
            )
    return found


def too_few(claim: Claim, counts: Iterable[Count], scope: Scope) -> str:
    """Say which classes of `claim` had too few examples to tell whether they are drawn, if any."""
    mine = [count for count in counts if count.claim == claim.name]
    examples, classes = sum(count.examples for count in mine), _classes(mine)
    names = [
        name
        for name, share in claim.minima(scope).items()
        if not classes[name] and not least(share, examples)
    ]
    if not examples or not names:
        return ""
    return f"{claim.name}: {examples} examples are too few to tell for {', '.join(names)}"


def least(share: float, examples: int) -> int:
    """Return how many of `examples` have to be of a class whose least share is `share`.

    A least share is at most a third of what is drawn.  Asked for is what is missed less often than
    `CHANCE` if the number is a Poisson variable of that mean: 0 up to a mean of 13, the whole
    share from about 30 on.
    """
    mean = 3 * share * examples
    probability = missed = math.exp(-mean)
    number = 0
    while missed < CHANCE and number < share * examples:
        number += 1
        probability *= mean / number
        missed += probability
    return number


def not_supported(name: str, counts: Sequence[Count]) -> list[str]:
    """Say that more of what `name` asks is not supported than its subject may leave out, if so."""
    refused = [count.not_supported for count in counts if count.not_supported.examples]
    number, drawn = sum(one.examples for one in refused), sum(count.drawn for count in counts)
    if number <= MOST_NOT_SUPPORTED * drawn:
        return []
    share = f"{number} of {drawn} examples"
    ways = "--without, --dtypes or --layouts"
    first = refused[0].first
    return [f"{name}: {share} are not supported: say so by {ways}; the first: {first}"]


def _classes(counts: Iterable[Count]) -> Counter[str]:
    found: Counter[str] = Counter()
    for count in counts:
        found += count.classes
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
    return dict(sorted(_classes(counts).items()))


def _bin(ratio: float) -> int:
    if ratio <= 0 or not math.isfinite(ratio):
        return _LOWEST
    return max(_LOWEST, math.floor(BINS_PER_OCTAVE * math.log2(ratio)))


class Run:
    """What one run of pytest draws from and counts.

    Attributes
    ----------
    scope, share
        Whose conv2d, and what a claim's usual number of examples is multiplied by.
    counts
        What was drawn.
    rules
        Rows of the table of rules.
    """

    def __init__(self) -> None:
        self.scope = Scope()
        self.share = 1.0
        self.seed = 0
        self.counts: Counts = {}
        self.rules = Count("rules", "all")
        self.doubts: list[str] = []
        self.too_few: list[str] = []

    def multiplied(self, examples: int) -> int:
        """Return `examples` times the share that this run was given."""
        return max(1, round(examples * self.share))


RUN = Run()
