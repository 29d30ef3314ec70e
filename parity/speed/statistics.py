"""Ratios of paired times, their intervals, and what may be concluded from them.

An interval leads from one order statistic of the log ratios to another (the sign test inverted).
Each round is as likely above the median as below it, so the number of rounds below is binomial,
whatever the noise is; where the rounds have different distributions, as when a ratio drifts, the
number varies less still (Hoeffding 1956), and what is covered is the median of all rounds.
`parity.speed.coverage` shows it by simulation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Literal

import msgspec
import numpy as np
import scipy.stats
from numpy.typing import NDArray

Verdict = Literal["faster", "same", "slower", "withheld"]
Positive = Annotated[float, msgspec.Meta(gt=0)]

MISSES = 0.05
"""How often an interval may miss."""
LEAST_ROUNDS = 6
"""From least to largest, five log ratios cover their median in 93.75 %, six in 96.9 %."""
LOOKS = (8, 20)
"""After so many rounds a measurement may end because its intervals are narrow.

Who looks after every round and stops at the first narrow interval picks the ones that are narrow
by chance: they cover 82 to 94 %. So there are few looks, each spends a part of `MISSES`, and the
last interval has the rest: by the union bound all of them together miss no more often, whatever
is looked at (Haybittle and Peto's rule for interim looks).
"""
MISSES_OF_A_LOOK = 0.0125
LEAST_FOR_FLAGS = 20
"""Fewer rounds do not tell two clusters from one."""
NEAR = 1.1
"""What takes at most so many times the time of another is near it."""


@dataclass(frozen=True)
class Ratio:
    """A ratio of times with its 95 % interval; below 1 the first side was faster."""

    ratio: Positive
    low: Positive
    high: Positive
    verdict: Verdict | None = None


def paired_ratio(first: Sequence[float], second: Sequence[float]) -> Ratio:
    """Return exp(median log ratio) of paired times, with an interval that covers it in >= 95 %.

    The median forgives a few disturbed pairs; logarithms make a ratio and its inverse equally
    far from 1; what disturbs both sides of a pair cancels.

    Raises
    ------
    ValueError
        If there are fewer than `LEAST_ROUNDS` pairs, the lengths differ, or a time is not
        positive.
    """
    logs = np.sort(_logs(first, second))
    from_end = rank(len(logs))
    low, middle, high = logs[from_end - 1], np.median(logs), logs[-from_end]
    return Ratio(math.exp(middle), math.exp(low), math.exp(high))


@cache
def rank(rounds: int) -> int:
    """Return k: an interval leads from the k-th smallest to the k-th largest log ratio.

    It is the largest k whose interval misses the median in no more than `MISSES_OF_A_LOOK` at
    one of the `LOOKS`, and elsewhere in no more than earlier looks have left of `MISSES`.

    Examples
    --------
    >>> [rank(rounds) for rounds in (6, 8, 10, 20, 25, 60)]
    [1, 1, 2, 5, 7, 22]
    """
    if rounds < LEAST_ROUNDS:
        raise ValueError(f"a 95 % interval needs at least {LEAST_ROUNDS} pairs; received {rounds}")
    allowed = MISSES_OF_A_LOOK
    if rounds not in LOOKS:
        allowed = MISSES - sum(misses(look) for look in LOOKS if look < rounds)
    return int(scipy.stats.binom.ppf(allowed / 2, rounds, 0.5))


def misses(rounds: int) -> float:
    """Return how often the interval of so many rounds misses their median, at the most.

    Examples
    --------
    >>> misses(6)
    0.03125
    """
    return 2 * float(scipy.stats.binom.cdf(rank(rounds) - 1, rounds, 0.5))


def ratio_change(
    old: tuple[Sequence[float], Sequence[float]], new: tuple[Sequence[float], Sequence[float]]
) -> Ratio:
    """Return how a ratio of paired times changed between two measurements: new / old.

    The two are independent, so their distances to the ends of the intervals add up as squares
    (MOVER: Zou and Donner 2008).
    """
    before, after = paired_ratio(*old), paired_ratio(*new)
    change = after.ratio / before.ratio
    down = math.hypot(math.log(after.ratio / after.low), math.log(before.high / before.ratio))
    up = math.hypot(math.log(after.high / after.ratio), math.log(before.ratio / before.low))
    return Ratio(change, change * math.exp(-down), change * math.exp(up))


def mean_ratio(ratios: Sequence[Ratio]) -> Ratio:
    """Return the geometric mean of ratios that were measured apart, with its interval.

    What is random is each ratio's noise; the set of layers is given, no sample of others. The
    interval leads from the geometric mean of the low ends to that of the high ends. Squares
    would make it narrower, as the noises are independent, but a median of few rounds is off to
    the same side in every layer where slow outliers are: of many layers, that interval covers
    nothing, and this one does.
    """
    ratio, low, high = scipy.stats.gmean([(one.ratio, one.low, one.high) for one in ratios])
    return Ratio(float(ratio), float(low), float(high))


def verdict(ratio: Ratio, noise: Ratio) -> Verdict:
    """Call a difference only if the whole interval lies outside the noise.

    `noise` is the A/A ratio: the same implementation against itself in the same rounds. Its
    farthest end from 1 is the noise floor, on both sides.
    """
    floor = noise_floor(noise)
    if math.log(ratio.high) < -floor:
        return "faster"
    return "slower" if math.log(ratio.low) > floor else "same"


def noise_floor(noise: Ratio) -> float:
    """Return how far from 1 an A/A interval leads, as a logarithm."""
    return max(abs(math.log(noise.low)), abs(math.log(noise.high)))


def narrow(ratio: Ratio, width: float = 0.05) -> bool:
    """Say whether an interval is so narrow that more rounds would tell little.

    Examples
    --------
    >>> narrow(Ratio(1.0, 0.98, 1.02)), narrow(Ratio(1.0, 0.97, 1.03))
    (True, False)
    """
    return ratio.high / ratio.low - 1 < width


def noisy(noise: Ratio, most: float = 0.05) -> bool:
    """Say whether an A/A ratio shows too much: its interval misses 1 or leads beyond `most`."""
    return not noise.low <= 1 <= noise.high or noise_floor(noise) > math.log1p(most)


def drifts(
    first: Sequence[float], second: Sequence[float], noise: Ratio, *, least: float = 0.05
) -> bool:
    """Say whether a ratio was another one in the second half of the rounds.

    The medians of the log ratios in the first and in the last half (the middle round of an odd
    number is in neither) must differ by more than the noise floor of `verdict` and by more than
    `least`, and the halves by more than chance: Mann and Whitney's test, one in a hundred. Fewer
    than ten rounds never pass it.
    """
    logs = _logs(first, second)
    half = len(logs) // 2
    if not half:
        return False
    early, late = logs[:half], logs[-half:]
    step = abs(float(np.median(late) - np.median(early)))
    if step <= max(noise_floor(noise), math.log1p(least)):
        return False
    return float(scipy.stats.mannwhitneyu(early, late).pvalue) < 0.01


def bimodal(
    times: Sequence[float], *, share: float = 0.2, apart: float = 0.1, clear: float = 4.0
) -> bool:
    """Say whether times fall into two clusters, as when a library takes one of two roads.

    The sorted logarithms are split in two where that leaves the least squares within. The times
    are bimodal if each side holds `share` of them, the medians of the sides differ by more than
    the factor 1 + `apart`, their distance is more than `clear` times the spread within (the
    pooled standard deviation), and at least half of it is a gap without samples. One cluster
    fails: split in its middle, a normal or a uniform one has sides 2.2 or 3.5 spreads apart, and
    its few samples where chance leaves more seldom leave such a gap. Fewer times than
    `LEAST_FOR_FLAGS` tell nothing.
    """
    logs = np.sort(np.log(np.asarray(times, np.float64)))
    if len(logs) < LEAST_FOR_FLAGS:
        return False
    least = max(2, math.ceil(share * len(logs)))
    splits = range(least, len(logs) - least + 1)
    within, at = min((_squares(logs[:at]) + _squares(logs[at:]), at) for at in splits)
    distance = float(np.median(logs[at:]) - np.median(logs[:at]))
    spread = math.sqrt(within / (len(logs) - 2))
    gap = float(logs[at] - logs[at - 1])
    return distance > max(math.log1p(apart), clear * spread) and gap >= distance / 2


def _logs(first: Sequence[float], second: Sequence[float]) -> NDArray[np.float64]:
    if not first or len(first) != len(second):
        raise ValueError(f"needs pairs; received {len(first)} and {len(second)} times")
    if min(*first, *second) <= 0:
        raise ValueError("times must be positive")
    return np.log(np.asarray(first, np.float64)) - np.log(np.asarray(second, np.float64))


def _squares(values: NDArray[np.float64]) -> float:
    return float(np.square(values - values.mean()).sum())
