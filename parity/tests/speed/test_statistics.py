"""The statistics on data whose answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from parity.speed.statistics import (
    Ratio,
    bimodal,
    drifts,
    mean_ratio,
    narrow,
    noisy,
    paired_ratio,
    ratio_change,
    verdict,
)

QUIET = Ratio(1.0, 0.98, 1.03)


def test_constant_pairs_have_a_point_interval() -> None:
    found = paired_ratio([2.0] * 6, [4.0] * 6)
    assert (found.ratio, found.low, found.high) == pytest.approx((0.5, 0.5, 0.5))


def test_what_disturbs_both_sides_of_a_pair_cancels() -> None:
    drift = [1.0, 3.0, 9.0, 27.0, 81.0, 243.0]
    found = paired_ratio(drift, [2 * time for time in drift])
    assert (found.low, found.high) == pytest.approx((0.5, 0.5))


def test_the_inverse_ratio_has_the_inverse_interval() -> None:
    rng = np.random.default_rng(1)
    first, second = rng.lognormal(0, 0.1, 21).tolist(), rng.lognormal(0.2, 0.1, 21).tolist()
    one, other = paired_ratio(first, second), paired_ratio(second, first)
    assert one.ratio == pytest.approx(1 / other.ratio)
    assert (one.low, one.high) == pytest.approx((1 / other.high, 1 / other.low))


@pytest.mark.parametrize(
    ("rounds", "ends"), [(6, (0, 5)), (8, (0, 7)), (10, (1, 8)), (25, (6, 18))]
)
def test_the_interval_leads_from_one_order_statistic_to_another(
    rounds: int, ends: tuple[int, int]
) -> None:
    times = np.random.default_rng(4).lognormal(0, 0.1, rounds).tolist()
    found = paired_ratio(times, [1.0] * rounds)
    expected = [sorted(times)[end] for end in ends]
    assert [found.low, found.high] == pytest.approx(expected)


def test_too_few_pairs_for_the_coverage_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 6 pairs; received 5"):
        paired_ratio([1.0] * 5, [1.0] * 5)


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


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [
        (Ratio(1.0, 0.98, 1.0289), True),
        (Ratio(1.0, 0.98, 1.0291), False),
        (Ratio(9.0, 8.8, 9.239), True),  # it is the width that counts, not the place
        (Ratio(9.0, 8.8, 9.241), False),
    ],
)
def test_an_interval_is_narrow_below_five_per_cent(ratio: Ratio, expected: bool) -> None:
    assert narrow(ratio) is expected


@pytest.mark.parametrize(
    ("noise", "expected"),
    [
        (Ratio(1.0, 0.96, 1.04), False),
        (Ratio(1.0, 0.96, 1.051), True),
        (Ratio(1.0, 0.951, 1.04), True),  # 1 / 0.951 is more than 1.05
        (Ratio(1.02, 1.001, 1.04), True),
        (Ratio(0.98, 0.96, 0.999), True),
    ],
)
def test_noisy(noise: Ratio, expected: bool) -> None:
    assert noisy(noise) is expected


@pytest.mark.parametrize("rounds", [10, 11])
@pytest.mark.parametrize(
    ("step", "noise", "expected"),
    [
        (1.049, QUIET, False),
        (1.051, QUIET, True),
        (1 / 1.051, QUIET, True),
        (1.19, Ratio(1.0, 0.9, 1.2), False),  # within the noise
        (1.21, Ratio(1.0, 0.9, 1.2), True),
    ],
)
def test_a_step_between_the_halves_is_a_drift(
    step: float, noise: Ratio, expected: bool, rounds: int
) -> None:
    rng = np.random.default_rng(5)
    shared = rng.lognormal(0, 0.3, rounds)  # cancels in each pair
    late = np.where(np.arange(rounds) >= rounds / 2, step, 1.0)
    assert drifts((shared * late).tolist(), shared.tolist(), noise) is expected


@pytest.mark.parametrize("rounds", [10, 20, 30])
@pytest.mark.parametrize("spread", [0.03, 0.1, 0.3])
def test_noise_is_seldom_called_a_drift(rounds: int, spread: float) -> None:
    rng = np.random.default_rng(17)
    found = 0
    for _ in range(200):
        first, second = rng.lognormal(0, spread, (2, rounds)).tolist()
        found += drifts(first, second, QUIET)
    assert found <= 9  # more than 2 of 200 in 2,000 runs, if it is one in a hundred


def clusters(low: int, high: int, apart: float, spread: float = 0.01) -> list[float]:
    """Return times around 1 and around 1 + `apart`, in mixed order."""
    rng = np.random.default_rng(7)
    one, other = (
        np.linspace(-spread, spread, count) * math.sqrt(3) if count > 1 else np.zeros(count)
        for count in (low, high)
    )
    times = np.exp(np.concatenate([one, other + math.log1p(apart)]))
    return [float(time) for time in rng.permutation(times)]


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (clusters(10, 10, 0.12), True),
        (clusters(10, 10, 0.09), False),  # too near
        (clusters(16, 4, 0.2), True),
        (clusters(17, 3, 0.2), False),  # a few outliers are no cluster
        (clusters(4, 16, 0.2), True),
        (clusters(10, 10, 0.2, 0.02), True),
        (clusters(10, 10, 0.2, 0.08), False),  # too wide
        (clusters(10, 10, 0.3), True),
        (clusters(10, 9, 0.3), False),  # too few
        ([1.0] * 20, False),
    ],
)
def test_two_clusters(times: list[float], expected: bool) -> None:
    assert bimodal(times) is expected


@pytest.mark.parametrize("kind", ["normal", "uniform", "exponential"])
def test_one_cluster_is_seldom_called_two(kind: str) -> None:
    rng = np.random.default_rng(11)
    found = sum(bimodal(np.exp(0.3 * getattr(rng, kind)(size=20)).tolist()) for _ in range(200))
    assert found <= 6


def test_a_change_needs_no_equal_number_of_rounds() -> None:
    found = ratio_change(([2.0] * 6, [1.0] * 6), ([3.0] * 9, [1.0] * 9))
    assert (found.ratio, found.low, found.high) == pytest.approx((1.5, 1.5, 1.5))


def test_the_noise_of_both_measurements_is_in_the_change() -> None:
    low, middle, high = math.exp(-0.3), 1.0, math.exp(0.4)
    noisy = [low, low, middle, middle, high, high], [1.0] * 6
    calm = [1.0] * 6, [1.0] * 6
    assert ratio_change(noisy, calm).low == pytest.approx(1 / high)
    assert ratio_change(calm, noisy).low == pytest.approx(low)
    found = ratio_change(noisy, noisy)
    assert [math.log(found.low), math.log(found.high)] == pytest.approx([-0.5, 0.5])


def test_a_mean_of_ratios_has_the_mean_of_their_ends() -> None:
    found = mean_ratio([Ratio(1.0, 0.5, 2.0), Ratio(4.0, 2.0, 8.0)])
    assert (found.ratio, found.low, found.high) == pytest.approx((2.0, 1.0, 4.0))
