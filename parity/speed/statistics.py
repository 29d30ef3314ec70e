"""Ratios of paired times, their intervals, and what may be concluded from them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

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
    logs = np.log(np.asarray(first, np.float64)) - np.log(np.asarray(second, np.float64))
    draws = np.random.default_rng(seed).integers(0, len(logs), (resamples, len(logs)))
    low, high = np.quantile(np.median(logs[draws], axis=1), [0.025, 0.975])
    return Ratio(math.exp(np.median(logs)), math.exp(low), math.exp(high))


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
    floor = max(abs(math.log(noise.low)), abs(math.log(noise.high)))
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
