"""``python -m parity.speed.coverage``: how often the intervals cover the truth, by simulation.

Pairs of times are made up whose median ratio is known, in the kinds of noise that timing meets,
and every interval comes from `parity.speed.statistics`, as in a measurement.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from parity.cli.terminal import console
from parity.speed.statistics import (
    LEAST_ROUNDS,
    LOOKS,
    MISSES,
    Ratio,
    mean_ratio,
    narrow,
    paired_ratio,
    ratio_change,
)

Array = NDArray[np.float64]
Pairs = tuple[list[float], list[float]]

MOST = 60
"""Rounds of a measurement that never finds its interval narrow."""
SPREADS = (0.02, 0.05)
"""Of the log ratios: the first look is often narrow, and hardly ever the second."""
LAYERS = 20
TRUTH = math.log(0.8)


@dataclass(frozen=True)
class Noise:
    """What disturbs the log ratio of a round.

    Attributes
    ----------
    name
        In words.
    draw
        From a generator and a number of rounds, disturbances whose spread is about 1.
    median
        Of all disturbances of so many rounds.
    independent
        Whether one round tells nothing about the next; the intervals claim nothing otherwise.
    """

    name: str
    draw: Callable[[np.random.Generator, int], Array]
    median: Callable[[int], float] = lambda rounds: 0.0
    independent: bool = True


def _slow(rng: np.random.Generator, rounds: int) -> Array:
    """Disturb the first side in a third of the rounds, and often much."""
    struck = rng.random(rounds) < 1 / 3
    return 0.3 * rng.standard_normal(rounds) + struck * rng.exponential(10.0, rounds)


@cache
def _median_of_slow() -> float:
    return float(np.median(_slow(np.random.default_rng(0), 2_000_001)))


def _clusters(rng: np.random.Generator, rounds: int) -> Array:
    return rng.choice([-1.0, 1.0], rounds) + 0.1 * rng.standard_normal(rounds)


def _phases(rng: np.random.Generator, rounds: int) -> Array:
    """Share half of every disturbance with the round before."""
    found = rng.standard_normal(rounds)
    for round in range(1, rounds):
        found[round] = found[round - 1] / 2 + math.sqrt(0.75) * found[round]
    return found


NOISES = (
    Noise("log-normal", lambda rng, rounds: rng.standard_normal(rounds)),
    Noise("heavy tails (t, 2 degrees)", lambda rng, rounds: rng.standard_t(2, rounds)),
    Noise("slow outliers, one side", _slow, lambda rounds: _median_of_slow()),
    Noise("bimodal", _clusters),
    Noise(
        "drift",
        lambda rng, rounds: rng.standard_normal(rounds) + 0.1 * np.arange(rounds),
        lambda rounds: 0.05 * (rounds - 1),  # symmetric about the middle round
    ),
    Noise("phases (autocorrelation 1/2)", _phases, independent=False),
)

ROUNDS = (LEAST_ROUNDS, 10, 25)
REFUSED = "5 rounds,\nwidest"
"""From least to largest: the widest interval that five rounds have, which is not given out."""
COLUMNS = (
    REFUSED,
    *(f"{rounds}\nrounds" for rounds in ROUNDS),
    "until\nnarrow",
    "change",
    f"mean of\n{LAYERS}",
)


@dataclass(frozen=True)
class Cell:
    """How often an interval covered the truth."""

    column: str
    covered: int
    tries: int

    @property
    def share(self) -> float:
        """The share of tries."""
        return self.covered / self.tries


def simulate(noise: Noise, tries: int, *, seed: int = 0) -> Iterator[Cell]:
    """Yield a cell for each of `COLUMNS`.

    The first is the widest interval of five rounds, which `paired_ratio` refuses to give, and
    the next are those of `ROUNDS`. ``until narrow`` is the lowest of `SPREADS`: rounds go on
    until, at one of the `LOOKS`, the interval is narrow, or the time is up, after 13 rounds in
    every other try and after `MOST` else. ``change`` is between 10 and 25 rounds of two
    measurements, ``mean`` a geometric mean of layers with `LEAST_ROUNDS` to 30 rounds each.
    """
    rng = np.random.default_rng(seed)
    wide = SPREADS[1]
    median = {rounds: noise.median(rounds) for rounds in range(5, MOST + 1)}

    def truth(rounds: int, spread: float) -> float:
        return math.exp(TRUTH + spread * median[rounds])

    def pairs(rounds: int, spread: float) -> Pairs:
        shared = 2 * rng.standard_normal(rounds)  # of a round: it cancels
        logs = TRUTH + spread * noise.draw(rng, rounds)
        return np.exp(shared + logs).tolist(), np.exp(shared).tolist()

    def widest() -> bool:
        ratios = np.divide(*map(np.asarray, pairs(5, wide)))
        found = Ratio(float(np.median(ratios)), float(ratios.min()), float(ratios.max()))
        return covers(found, truth(5, wide))

    def fixed(rounds: int) -> bool:
        return covers(paired_ratio(*pairs(rounds, wide)), truth(rounds, wide))

    def until_narrow(spread: float, most: int) -> bool:
        first, second = pairs(most, spread)
        for rounds in (*(look for look in LOOKS if look < most), most):
            found = paired_ratio(first[:rounds], second[:rounds])
            if narrow(found):
                break
        return covers(found, truth(rounds, spread))

    def changed() -> bool:
        found = ratio_change(pairs(10, wide), pairs(25, wide))
        return covers(found, truth(25, wide) / truth(10, wide))

    def mean() -> bool:
        counts = rng.integers(LEAST_ROUNDS, 31, LAYERS).tolist()
        found = mean_ratio([paired_ratio(*pairs(count, wide)) for count in counts])
        return covers(found, math.prod(truth(count, wide) for count in counts) ** (1 / LAYERS))

    yield Cell(REFUSED, sum(widest() for _ in range(tries)), tries)
    for column, rounds in zip(COLUMNS[1:4], ROUNDS, strict=True):
        yield Cell(column, sum(fixed(rounds) for _ in range(tries)), tries)
    ends = [13 if number % 2 else MOST for number in range(tries)]
    lowest = min(sum(until_narrow(spread, most) for most in ends) for spread in SPREADS)
    yield Cell(COLUMNS[4], lowest, tries)
    yield Cell(COLUMNS[5], sum(changed() for _ in range(tries)), tries)
    few = max(1, tries // 5)
    yield Cell(COLUMNS[6], sum(mean() for _ in range(few)), few)


def covers(found: Ratio, truth: float) -> bool:
    """Say whether an interval holds a ratio, but for rounding."""
    return found.low * (1 - 1e-12) <= truth <= found.high * (1 + 1e-12)


def table(tries: int, seed: int = 0) -> Table:
    """Simulate every kind of noise; return the shares, a line a kind."""
    made = Table(title=f"Covered by the 95 % intervals, of {tries} tries (means: a fifth)")
    made.add_column("noise of a round", no_wrap=True)
    for column in COLUMNS:
        made.add_column(column, justify="right")
    for noise in NOISES:
        name = noise.name if noise.independent else f"{noise.name}: not claimed"
        made.add_row(name, *(f"{cell.share:.1%}" for cell in simulate(noise, tries, seed=seed)))
    made.caption = (
        f"At least {LEAST_ROUNDS} rounds are measured, as five cover {1 - 2**-4:.2%} at the most."
        f" Binomial error of {1 - MISSES:.0%}: ±{2 * math.sqrt(MISSES * (1 - MISSES) / tries):.1%}"
    )
    return made


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m parity.speed.coverage", description=__doc__)
    parser.add_argument("--tries", type=int, default=10_000, help="a cell (default 10000)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    console().print(table(arguments.tries, arguments.seed))


if __name__ == "__main__":
    main()
