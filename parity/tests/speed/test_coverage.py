"""The intervals cover what they say: by simulation, held against binomial error."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import islice

import numpy as np
import pytest
import scipy.stats

from parity.cli import terminal
from parity.speed import coverage, statistics
from parity.speed.coverage import NOISES, REFUSED, Noise
from parity.speed.statistics import LOOKS, MISSES, Ratio, rank

TRIES = 2000
ONE_IN_A_MILLION = 1e-6


def short(covered: int, tries: int, least: float = 1 - MISSES) -> bool:
    """Say whether so few would be covered once in a million where `least` really are."""
    return covered < int(scipy.stats.binom.ppf(ONE_IN_A_MILLION, tries, least))


@pytest.mark.parametrize(
    "noise", [noise for noise in NOISES if noise.independent], ids=lambda noise: noise.name
)
def test_every_interval_covers_the_truth(noise: Noise) -> None:
    cells = list(coverage.simulate(noise, TRIES, seed=1))
    assert tuple(cell.column for cell in cells) == coverage.COLUMNS
    for cell in cells:
        print(f"{noise.name}, {cell.column!r}: {cell.share:.1%} of {cell.tries}")
        least = 1 - 2**-4 if cell.column == REFUSED else 1 - MISSES
        assert not short(cell.covered, cell.tries, least), cell


def bootstrap(first: Sequence[float], second: Sequence[float]) -> Ratio:
    """Return the percentile bootstrap of the median, which covers too little."""
    logs = np.log(first) - np.log(second)
    draws = np.random.default_rng(0).integers(0, len(logs), (200, len(logs)))
    low, high = np.quantile(np.median(logs[draws], axis=1), [0.025, 0.975])
    return Ratio(math.exp(np.median(logs)), math.exp(low), math.exp(high))


def test_an_interval_that_covers_too_little_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coverage, "paired_ratio", bootstrap)
    cells = coverage.simulate(NOISES[0], 4000, seed=1)  # it covers 92 %
    six = next(cell for cell in cells if cell.column == "6\nrounds")
    assert short(six.covered, six.tries)


def test_looking_after_every_round_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def plain(rounds: int) -> int:
        return int(scipy.stats.binom.ppf(MISSES / 2, rounds, 0.5))

    monkeypatch.setattr(statistics, "rank", plain)
    monkeypatch.setattr(coverage, "LOOKS", range(6, coverage.MOST))
    (bimodal,) = (noise for noise in NOISES if noise.name == "bimodal")
    cells = {cell.column: cell for cell in islice(coverage.simulate(bimodal, 500, seed=1), 5)}
    assert short(cells["until\nnarrow"].covered, 500)  # 80 to 86 %
    assert not short(cells["25\nrounds"].covered, 500)  # it is the looking, not the interval


@pytest.mark.parametrize("rounds", [*range(6, 62), 200])
def test_all_looks_and_the_last_interval_together_miss_no_more_than_is_said(rounds: int) -> None:
    ends = {*(look for look in LOOKS if look < rounds), rounds}
    missed = sum(2 * scipy.stats.binom.cdf(rank(end) - 1, end, 0.5) for end in ends)
    assert missed <= MISSES
    assert statistics.coverage(rounds) >= 1 - MISSES


def test_the_table_has_a_line_for_every_noise(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.console().print(coverage.table(10))
    said = capsys.readouterr().out
    assert all(noise.name in said for noise in NOISES)
    assert said.count("not claimed") == 1
