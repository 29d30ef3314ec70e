"""Whether a run has compared enough for its verdict to be trusted."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from parity.claims.claim import Claim
from parity.claims.tally import Count, classes, dtypes, total
from parity.examples import pairs
from parity.examples.pairs import CHANCE
from parity.model.subject import Scope

ENOUGH = 20
"""Examples below which nothing is said about the share of a dtype or of distinct ones."""
BEHIND = 0.2
"""What share of the mean over its claim's dtypes a dtype may have.  In a campaign that time ends it
lacks one turn at the most, and has 0.4 of what others have or more
(`parity.search.campaign.GROWTH`); half of that, since paces vary."""
_FOR_A_MEAN = 100  # the same for a mean of values that differ as much as those that tell
OTHERS = 0.3
"""The share of a claim's least mean of telling values that operations other than conv2d have: their
results are smaller, a row of outputs or a kernel's taps."""
MOST_NOT_SUPPORTED = 0.1
"""The share of examples, beyond which a claim is mistrusted, that a subject may not support: the
least share asked of most features.  One that never does a feature leaves out more than that, and
has to say so by its scope; what is rarer, such as two features together, it may just refuse."""


def doubts(claim: Claim, counts: Sequence[Count], scope: Scope) -> list[str]:
    """Say why a run of `claim` cannot be trusted; an empty list where it can."""
    return [*unanswered(claim, counts), *unreached(claim, counts, scope)]


def unanswered(claim: Claim, counts: Iterable[Count]) -> list[str]:
    """Say which examples of `claim` told nothing; more of them would not tell more."""
    mine = _of(claim, counts)
    found = [
        f"{claim.name} {count.dtype}: TensorFlow failed on {count.oracle_failed.examples} examples,"
        f" the first {count.oracle_failed.first}"
        for count in mine
        if count.oracle_failed.examples
    ]
    return found + not_supported(claim.name, mine)


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


def unreached(claim: Claim, counts: Iterable[Count], scope: Scope) -> list[str]:
    """Say what a run of `claim` has not, or not often enough, drawn; a longer one may.

    Every dtype within `scope` has to have its share.
    """
    mine = _of(claim, counts)
    examples, distinct, *_ = total(mine)
    if not examples:
        return [f"{claim.name}: no example"]
    missed = pairs.missed(claim.coverage(scope), _pairs(mine), examples)
    found = [f"{claim.name}: none of {examples} examples has {one}" for one in missed]
    met = classes(mine)
    for name, share in claim.minima(scope).items():
        if met[name] < (asked := least(share, examples)):
            found.append(
                f"{claim.name}: {met[name]} of {examples} examples are of the class"
                f" {name!r}, {asked} have to be"
            )
    names = dtypes(claim, scope)
    for dtype in names:
        share = sum(count.examples for count in mine if count.dtype == dtype)
        if not share:
            found.append(f"{claim.name} {dtype}: no example")
        elif share < BEHIND * examples / len(names) and examples >= ENOUGH * len(names):
            found.append(f"{claim.name}: only {share} of {examples} examples are {dtype}")
    if distinct < 0.5 * examples and examples >= ENOUGH:
        found.append(f"{claim.name}: only {distinct} of {examples} examples are distinct")
    enough = min(_FOR_A_MEAN, claim.examples)
    for count in mine:
        mean = claim.telling * (1 if scope.operation == "conv2d" else OTHERS)
        if count.telling < mean * count.examples and count.examples >= enough:
            found.append(
                f"{claim.name} {count.dtype}: only {count.telling} telling values in"
                f" {count.examples} examples, {mean:g} each were expected"
            )
    return found


def too_few(claim: Claim, counts: Iterable[Count], scope: Scope) -> str:
    """Say which classes of `claim` had too few examples to tell whether they are drawn, if any."""
    mine = _of(claim, counts)
    examples, met = total(mine).examples, classes(mine)
    names = [
        name
        for name, share in claim.minima(scope).items()
        if not met[name] and not least(share, examples)
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


def covered(claim: Claim, counts: Iterable[Count], scope: Scope) -> str:
    """Say which pairs of factors a run of `claim` has met; "" where it counts none."""
    mine = [count for count in _of(claim, counts) if count.pairs]
    said = pairs.said(claim.coverage(scope), _pairs(mine), total(mine).examples) if mine else ""
    return f"{claim.name}: {said}" if said else ""


def _of(claim: Claim, counts: Iterable[Count]) -> list[Count]:
    return [count for count in counts if count.claim == claim.name]


def _pairs(counts: Iterable[Count]) -> Counter[pairs.Pair]:
    return sum((count.pairs for count in counts), Counter())
