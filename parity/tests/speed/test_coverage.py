"""The intervals cover what they say: by simulation, held against binomial error.

Pairs of times are made up whose median ratio is known, in the kinds of noise that timing meets,
and every interval comes from `parity.speed.statistics`, as in a measurement. ``pytest -s`` shows
the shares.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import pytest
import scipy.stats
from numpy.typing import NDArray

from parity.speed import statistics
from parity.speed.statistics import (
    LEAST_ROUNDS,
    LOOKS,
    MISSES,
    Ratio,
    mean_ratio,
    narrow,
    paired_ratio,
    rank,
    ratio_change,
)

Array = NDArray[np.float64]
Pairs = tuple[list[float], list[float]]

TRIES = 1500
MOST = 60
"""Rounds of a measurement that never finds its interval narrow."""
SPREADS = (0.02, 0.05)
"""Of the log ratios: the first look is often narrow, and hardly ever the second."""
LAYERS = 20
TRUTH = math.log(0.8)
FIVE, UNTIL_NARROW = "the widest of 5 rounds, which is refused", "until narrow"


class Noise(NamedTuple):
    """What disturbs the log ratio of a round.

    From a generator and a number of rounds, disturbances whose spread is about 1; and the median
    of all of so many rounds.
    """

    draw: Callable[[np.random.Generator, int], Array]
    median: Callable[[int], float] = lambda rounds: 0.0


def _slow(rng: np.random.Generator, rounds: int) -> Array:
    """Disturb the first side in a third of the rounds, and often much."""
    struck = rng.random(rounds) < 1 / 3
    return 0.3 * rng.standard_normal(rounds) + struck * rng.exponential(10.0, rounds)


@cache
def _median_of_slow() -> float:
    return float(np.median(_slow(np.random.default_rng(0), 2_000_001)))


NOISES = {
    "log-normal": Noise(lambda rng, rounds: rng.standard_normal(rounds)),
    "heavy tails (t, 2 degrees)": Noise(lambda rng, rounds: rng.standard_t(2, rounds)),
    "slow outliers, one side": Noise(_slow, lambda rounds: _median_of_slow()),
    "bimodal": Noise(
        lambda rng, rounds: rng.choice([-1.0, 1.0], rounds) + 0.1 * rng.standard_normal(rounds)
    ),
    "drift": Noise(
        lambda rng, rounds: rng.standard_normal(rounds) + 0.1 * np.arange(rounds),
        lambda rounds: 0.05 * (rounds - 1),  # symmetric about the middle round
    ),
}


def simulate(
    noise: Noise,
    tries: int,
    paired: Callable[[Sequence[float], Sequence[float]], Ratio] = paired_ratio,
    looks: Sequence[int] = LOOKS,
) -> Iterator[tuple[str, int, int]]:
    """Yield what was tried, how often it covered the truth, and how often it was tried.

    "until narrow" is the lowest of `SPREADS`: rounds go on until, at one of the looks, the
    interval is narrow, or the time is up, after 13 rounds in every other try and after `MOST`
    else. The change is between 10 and 25 rounds of two measurements, the mean a geometric mean of
    layers with `LEAST_ROUNDS` to 30 rounds each.
    """
    rng = np.random.default_rng(1)
    wide = SPREADS[1]

    def truth(rounds: int, spread: float = wide) -> float:
        return math.exp(TRUTH + spread * noise.median(rounds))

    def pairs(rounds: int, spread: float = wide) -> Pairs:
        shared = 2 * rng.standard_normal(rounds)  # of a round: it cancels
        logs = TRUTH + spread * noise.draw(rng, rounds)
        return np.exp(shared + logs).tolist(), np.exp(shared).tolist()

    def widest(_: int) -> bool:
        ratios = np.divide(*map(np.asarray, pairs(5)))
        return covers(Ratio(1.0, float(ratios.min()), float(ratios.max())), truth(5))

    def fixed(rounds: int) -> bool:
        return covers(paired(*pairs(rounds)), truth(rounds))

    def until_narrow(spread: float, most: int) -> bool:
        first, second = pairs(most, spread)
        for rounds in (*(look for look in looks if look < most), most):
            found = paired(first[:rounds], second[:rounds])
            if narrow(found):
                break
        return covers(found, truth(rounds, spread))

    def changed(_: int) -> bool:
        return covers(ratio_change(pairs(10), pairs(25)), truth(25) / truth(10))

    def mean(_: int) -> bool:
        counts = rng.integers(LEAST_ROUNDS, 31, LAYERS).tolist()
        found = mean_ratio([paired(*pairs(count)) for count in counts])
        return covers(found, math.prod(map(truth, counts)) ** (1 / LAYERS))

    yield FIVE, sum(map(widest, range(tries))), tries
    for rounds in (LEAST_ROUNDS, 10, 25):
        yield f"{rounds} rounds", sum(fixed(rounds) for _ in range(tries)), tries
    ends = [13 if number % 2 else MOST for number in range(tries)]
    lowest = min(sum(until_narrow(spread, most) for most in ends) for spread in SPREADS)
    yield UNTIL_NARROW, lowest, tries
    yield "change", sum(map(changed, range(tries))), tries
    few = tries // 5
    yield f"mean of {LAYERS}", sum(map(mean, range(few))), few


def covers(found: Ratio, truth: float) -> bool:
    """Say whether an interval holds a ratio, but for rounding."""
    return found.low * (1 - 1e-12) <= truth <= found.high * (1 + 1e-12)


def short(covered: int, tries: int, least: float = 1 - MISSES) -> bool:
    """Say whether so few would be covered once in a million where `least` really are."""
    return covered < int(scipy.stats.binom.ppf(1e-6, tries, least))


@pytest.mark.parametrize("name", NOISES)
def test_every_interval_covers_the_truth(name: str) -> None:
    for what, covered, tries in simulate(NOISES[name], TRIES):
        print(f"{name}, {what}: {covered / tries:.1%} of {tries}")
        assert not short(covered, tries, 1 - 2**-4 if what == FIVE else 1 - MISSES), what


def bootstrap(first: Sequence[float], second: Sequence[float]) -> Ratio:
    """Return the percentile bootstrap of the median, which covers too little."""
    logs = np.log(first) - np.log(second)
    draws = np.random.default_rng(0).integers(0, len(logs), (200, len(logs)))
    low, high = np.quantile(np.median(logs[draws], axis=1), [0.025, 0.975])
    return Ratio(math.exp(np.median(logs)), math.exp(low), math.exp(high))


def test_an_interval_that_covers_too_little_is_found() -> None:
    found = simulate(NOISES["log-normal"], 4000, bootstrap)  # it covers 92 %
    assert next(short(*counts) for what, *counts in found if what == "6 rounds")


def test_looking_after_every_round_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def plain(rounds: int) -> int:
        return int(scipy.stats.binom.ppf(MISSES / 2, rounds, 0.5))

    monkeypatch.setattr(statistics, "rank", plain)
    for what, *counts in simulate(NOISES["bimodal"], 500, looks=range(6, MOST)):
        if what == UNTIL_NARROW:
            assert short(*counts)  # 80 to 86 %
            break
        # It is the looking, not the interval.
        assert what == FIVE or not short(*counts)


@pytest.mark.parametrize("rounds", [*range(6, 62), 200])
def test_all_looks_and_the_last_interval_together_miss_no_more_than_is_said(rounds: int) -> None:
    ends = {*(look for look in LOOKS if look < rounds), rounds}
    missed = sum(2 * scipy.stats.binom.cdf(rank(end) - 1, end, 0.5) for end in ends)
    assert missed <= MISSES
    assert statistics.misses(rounds) <= MISSES
