"""Ratios of paired times, their intervals, and what may be concluded from them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Verdict = Literal["faster", "slower", "same"]


@dataclass(frozen=True)
class Ratio:
    """A ratio of times with its 95 % interval; below 1 the first side was faster."""

    ratio: float
    low: float
    high: float


def paired_ratio(
    first: Sequence[float], second: Sequence[float], *, resamples: int = 4000, seed: int = 0
) -> Ratio:
    """Return exp(median log ratio) of paired times with a 95 % bootstrap interval.

    The median forgives a few disturbed pairs; logarithms make a ratio and its
    inverse equally far from 1. The interval is the percentile bootstrap over
    pairs, so what disturbs both sides of a pair cancels.

    Parameters
    ----------
    first, second
        Times of the two sides, one pair a round; all positive.
    resamples, seed
        Size and seed of the bootstrap: the same pairs give the same interval.

    Raises
    ------
    ValueError
        If there are no pairs, the lengths differ, or a time is not positive.
    """
    if not first or len(first) != len(second):
        raise ValueError(f"needs pairs; received {len(first)} and {len(second)} times")
    if min(*first, *second) <= 0:
        raise ValueError("times must be positive")
    logs = _logs(first, second)
    medians = _resampled(logs, resamples, np.random.default_rng(seed))
    low, high = np.quantile(medians, [0.025, 0.975])
    return Ratio(math.exp(np.median(logs)), math.exp(low), math.exp(high))


def ratio_change(
    old: tuple[Sequence[float], Sequence[float]],
    new: tuple[Sequence[float], Sequence[float]],
    *,
    resamples: int = 4000,
    seed: int = 0,
) -> Ratio:
    """Return how a ratio of paired times changed between two measurements: new / old.

    Parameters
    ----------
    old, new
        Times of both sides in either measurement; the rounds of the two are not paired, so the
        bootstrap draws from each on its own.
    resamples, seed
        As for `paired_ratio`.
    """
    rng = np.random.default_rng(seed)
    before, after = _logs(*old), _logs(*new)
    medians = _resampled(after, resamples, rng) - _resampled(before, resamples, rng)
    low, high = np.quantile(medians, [0.025, 0.975])
    change = float(np.median(after) - np.median(before))
    return Ratio(math.exp(change), math.exp(low), math.exp(high))


def verdict(ratio: Ratio, noise: Ratio) -> Verdict:
    """Call a difference only if the whole interval lies outside the noise.

    Parameters
    ----------
    ratio
        The measured ratio.
    noise
        The A/A ratio: the same implementation against itself in the same
        rounds. Its farthest end from 1 is the noise floor, on both sides.
    """
    floor = noise_floor(noise)
    if math.log(ratio.high) < -floor:
        return "faster"
    if math.log(ratio.low) > floor:
        return "slower"
    return "same"


def geometric_mean(values: Sequence[float]) -> float:
    """Return the geometric mean of positive numbers.

    Examples
    --------
    >>> geometric_mean([0.5, 2.0])
    1.0
    """
    return math.exp(math.fsum(map(math.log, values)) / len(values))


def rounds_order(contenders: Sequence[str], rounds: int, *, seed: int) -> list[list[str]]:
    """Return for each round the contenders in a random order, repeatable by `seed`."""
    rng = np.random.default_rng(seed)
    return [[contenders[i] for i in rng.permutation(len(contenders))] for _ in range(rounds)]


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
    `least`.
    """
    logs = _logs(first, second)
    half = len(logs) // 2
    if not half:
        return False
    step = abs(float(np.median(logs[-half:]) - np.median(logs[:half])))
    return step > max(noise_floor(noise), math.log1p(least))


def bimodal(
    times: Sequence[float], *, share: float = 0.2, apart: float = 0.1, clear: float = 4.0
) -> bool:
    """Say whether times fall into two clusters, as when a library takes one of two roads.

    The sorted logarithms are split in two where that leaves the least squares within. The times
    are bimodal if each side holds `share` of them, the medians of the sides differ by more than
    the factor 1 + `apart`, their distance is more than `clear` times the spread within (the
    pooled standard deviation), and at least half of it is a gap without samples. One cluster
    fails: split in its middle, a normal or a uniform one has sides 2.2 or 3.5 spreads apart, and
    its few samples where chance leaves more seldom leave such a gap.

    Parameters
    ----------
    times
        Of one contender; fewer than ten tell nothing.
    share
        The least part of the samples on either side.
    apart
        How far from 1 the ratio of the medians must be.
    clear
        How many spreads.
    """
    logs = np.sort(np.log(np.asarray(times, np.float64)))
    least = max(2, math.ceil(share * len(logs)))
    splits = range(least, len(logs) - least + 1)
    if len(logs) < 10:
        return False
    within, at = min((_squares(logs[:at]) + _squares(logs[at:]), at) for at in splits)
    distance = float(np.median(logs[at:]) - np.median(logs[:at]))
    spread = math.sqrt(within / (len(logs) - 2))
    gap = float(logs[at] - logs[at - 1])
    return distance > max(math.log1p(apart), clear * spread) and gap >= distance / 2


def _resampled(
    values: NDArray[np.float64], resamples: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return the medians of bootstrap samples."""
    draws = rng.integers(0, len(values), (resamples, len(values)))
    medians: NDArray[np.float64] = np.median(values[draws], axis=1)
    return medians


def _logs(first: Sequence[float], second: Sequence[float]) -> NDArray[np.float64]:
    return np.log(np.asarray(first, np.float64)) - np.log(np.asarray(second, np.float64))


def noise_floor(noise: Ratio) -> float:
    """Return how far from 1 an A/A interval leads, as a logarithm."""
    return max(abs(math.log(noise.low)), abs(math.log(noise.high)))


def _squares(values: NDArray[np.float64]) -> float:
    return float(np.square(values - values.mean()).sum())
