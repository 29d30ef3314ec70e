"""The statistics on data whose answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from parity.speed.statistics import (
    Ratio,
    geometric_mean,
    paired_ratio,
    rounds_order,
    verdict,
)

QUIET = Ratio(1.0, 0.98, 1.03)


def test_constant_pairs_have_a_point_interval() -> None:
    assert paired_ratio([2.0] * 5, [4.0] * 5) == Ratio(0.5, 0.5, 0.5)


def test_what_disturbs_both_sides_of_a_pair_cancels() -> None:
    drift = [1.0, 3.0, 9.0, 27.0, 81.0]
    found = paired_ratio(drift, [2 * time for time in drift])
    assert (found.low, found.high) == pytest.approx((0.5, 0.5))


def test_the_inverse_ratio_has_the_inverse_interval() -> None:
    rng = np.random.default_rng(1)
    first, second = rng.lognormal(0, 0.1, 21).tolist(), rng.lognormal(0.2, 0.1, 21).tolist()
    one, other = paired_ratio(first, second), paired_ratio(second, first)
    assert one.ratio == pytest.approx(1 / other.ratio)
    assert (one.low, one.high) == pytest.approx((1 / other.high, 1 / other.low), rel=0.01)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(2)
    covered = 0
    for _ in range(200):
        times = rng.lognormal(math.log(0.8), 0.1, 25).tolist()
        found = paired_ratio(times, [1.0] * 25, resamples=500)
        covered += found.low <= 0.8 <= found.high
    assert 180 <= covered <= 200


def test_one_outlier_does_not_move_the_ratio() -> None:
    assert paired_ratio([1.0] * 8 + [100.0], [1.0] * 9).ratio == 1.0


@pytest.mark.parametrize(
    ("first", "second"), [([], []), ([1.0], [1.0, 2.0]), ([0.0], [1.0]), ([1.0], [-1.0])]
)
def test_pairs_that_are_none_are_refused(first: list[float], second: list[float]) -> None:
    with pytest.raises(ValueError, match=r"pairs|positive"):
        paired_ratio(first, second)


@pytest.mark.parametrize(
    ("ratio", "noise", "expected"),
    [
        (Ratio(0.8, 0.7, 0.9), QUIET, "faster"),
        (Ratio(1.2, 1.1, 1.3), QUIET, "slower"),
        (Ratio(0.9, 0.7, 1.1), QUIET, "same"),  # the interval holds 1
        (Ratio(0.98, 0.975, 0.985), QUIET, "same"),  # outside 1, inside the noise
        (Ratio(1.02, 1.01, 1.025), QUIET, "same"),
        (Ratio(0.8, 0.75, 0.85), Ratio(1.3, 1.2, 1.4), "same"),  # noise counts on both sides
        (Ratio(0.5, 0.45, 0.55), Ratio(1.3, 1.2, 1.4), "faster"),
    ],
)
def test_verdict(ratio: Ratio, noise: Ratio, expected: str) -> None:
    assert verdict(ratio, noise) == expected


def test_geometric_mean() -> None:
    assert geometric_mean([0.25, 4.0, 1.0]) == pytest.approx(1.0)


def test_every_round_holds_every_contender_once_in_changing_order() -> None:
    order = rounds_order(["a", "b", "c"], 40, seed=3)
    assert all(sorted(names) == ["a", "b", "c"] for names in order)
    assert len({tuple(names) for names in order}) == 6
    assert order == rounds_order(["a", "b", "c"], 40, seed=3)
