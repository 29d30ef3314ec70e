"""What is concluded from times: a row's ratios, verdicts and flags, and the summary of a group."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from parity.model.case import Case
from parity.speed import statistics as paired
from parity.speed.limits import CASTS, PRODUCT
from parity.speed.recipes import PREPARED, TEN_LINES
from parity.speed.records import (
    Block,
    FirstCalls,
    Flag,
    Group,
    Line,
    Mean,
    Regret,
    Row,
    Threads,
    Times,
    grouped,
)
from parity.speed.statistics import NEAR, Ratio

SUBJECT = "subject"
KERNEL = "tensorflow"
FROM_NUMPY = "tensorflow from NumPy"
FUNCTION = "tensorflow function"
AGAIN = "tensorflow again"
FORCED = "tensorflow with oneDNN forced on"
ALGORITHM = "algorithm "
"""Begins the name of the subject that was told which algorithm to take."""

LABELS = {"kernel": KERNEL, "from NumPy": FROM_NUMPY, "tf.function": FUNCTION}
"""What the subject's ratios to TensorFlow as installed are called; others bear their names."""
NOISE = "A/A"
THEIRS = {name: f"{name} / TensorFlow" for name in (TEN_LINES, *PREPARED)}
"""The other ratios that are not the subject's: what the plainest NumPy takes, and npconv's other
precisions."""
PLAIN = THEIRS[TEN_LINES]


def setting(threads: int) -> Threads:
    """Return how the JSON file writes a number of threads; 0 is each library's default."""
    return threads or "default"


def known(times: Times, also: Iterable[str] = ()) -> bool:
    """Say whether the kernel ratio and the A/A ratio both have narrow intervals.

    And whether each of `also` is known well, or known to be far behind the subject.
    """
    both = (paired.paired_ratio(times[one], times[KERNEL]) for one in (SUBJECT, AGAIN))
    others = (paired.paired_ratio(times[SUBJECT], times[one]) for one in also)
    return all(map(paired.narrow, both)) and all(
        paired.narrow(ratio) or ratio.high < 1 / NEAR for ratio in others
    )


def judged(row: Row, times: Times, other_work: float) -> Row:
    """Return a row with what its times in seconds say, no verdict where other work was too much."""
    noise = paired.paired_ratio(times[AGAIN], times[KERNEL])
    others = [name for name in times if name not in (SUBJECT, AGAIN, *LABELS.values())]
    pairs = {label: (SUBJECT, other) for label, other in LABELS.items()}
    pairs |= {other: (SUBJECT, other) for other in others}
    pairs |= {label: (name, KERNEL) for name, label in THEIRS.items() if name in times}
    busy = replace(row, other_work=other_work).withheld
    ratios = {NOISE: noise}
    for label, (one, other) in pairs.items():
        ratio = paired.paired_ratio(times[one], times[other])
        ratios[label] = replace(ratio, verdict="withheld" if busy else paired.verdict(ratio, noise))
    medians = {name: statistics.median(sample) for name, sample in times.items()}
    found = replace(
        row,
        other_work=other_work,
        rounds=len(times[KERNEL]),
        interval_reached=known(times),
        flags=flags(times, noise),
        milliseconds={name: 1e3 * value for name, value in medians.items()},
        gflops={name: 2e-9 * row.multiply_adds / value for name, value in medians.items()},
        ratios=ratios,
        times_milliseconds={
            name: [round(1e3 * value, 6) for value in sample] for name, sample in times.items()
        },
    )
    return with_regret(found) if row.chosen else found


def flags(times: Times, noise: Ratio) -> list[Flag]:
    """Return what speaks against trusting a row.

    ``drift``: the kernel ratio moved from the first half of the rounds to the second.
    ``bimodal``: times of the subject or of TensorFlow's kernel fall into two clusters.
    ``noisy``: TensorFlow differs from itself.
    """
    found: dict[Flag, bool] = {
        "drift": paired.drifts(times[SUBJECT], times[KERNEL], noise),
        "bimodal": any(paired.bimodal(times[one]) for one in (SUBJECT, KERNEL, AGAIN)),
        "noisy": paired.noisy(noise),
    }
    return [flag for flag, raised in found.items() if raised]


def with_regret(row: Row) -> Row:
    """Return a row with the best algorithm and the time of the rules' choice / time of the best.

    Where none is better than the choice, the regret is 1. The interval is that of the one ratio.
    That the best was chosen by the same times makes it miss oftener: of five algorithms that are
    equally fast it covered 94.5 % at the least, by simulation.
    """
    chosen = ALGORITHM + row.chosen
    others = {
        name: ratio
        for name, ratio in row.ratios.items()
        if name.startswith(ALGORITHM) and name != chosen
    }
    best = max(others, key=lambda name: others[name].ratio, default=chosen)
    if best == chosen or others[best].ratio <= 1:
        return replace(row, best=row.chosen, regret=Ratio(1.0, 1.0, 1.0))
    return replace(row, best=best.removeprefix(ALGORITHM), regret=others[best])


def bounds(row: Row) -> tuple[Ratio, Ratio] | None:
    """Return how a row stands to the product and the casts alone, if these were timed.

    Their time / TensorFlow's, and the subject's time / theirs.
    """
    times = row.times_milliseconds
    if PRODUCT not in times:
        return None
    casts = times.get(CASTS) or [0.0] * row.rounds
    least = [sum(pair) for pair in zip(times[PRODUCT], casts, strict=True)]
    return paired.paired_ratio(least, times[KERNEL]), paired.paired_ratio(times[SUBJECT], least)


def peak_share(row: Row, machine: Block) -> dict[str, float]:
    """Return the attained shares of the GEMM peak of a row's dtype and threads.

    Integers are held against float64's peak and halves against float32's.
    """
    wide = Case.parse(row.token).dtype in ("float64", "int32")
    peaks = machine.gemm_peak_gflops_float64 if wide else machine.gemm_peak_gflops
    return {name: row.gflops[name] / peaks[str(row.threads)] for name in (SUBJECT, KERNEL)}


def summary(rows: Sequence[Row]) -> list[Line]:
    """Return one line a net and setting: geometric means, times of all layers, first calls."""
    lines = []
    for key, some in grouped(rows).items():
        if timed := [row for row in some if row.ratios]:
            lines.append(_line(key, timed))
        elif first := [row for row in some if row.first_microseconds]:
            lines.append(_first_line(key, first))
    return lines


def _line(key: Group, timed: Sequence[Row]) -> Line:
    by_label: dict[str, list[Ratio]] = {}
    for row in timed:
        for label, ratio in row.ratios.items():
            by_label.setdefault(label, []).append(ratio)
    means = {label: paired.mean_ratio(ratios) for label, ratios in by_label.items()}
    withheld = any(row.withheld for row in timed)
    verdicts = Counter(row.ratios["kernel"].verdict for row in timed)
    raised = Counter(flag for row in timed for flag in row.flags)
    noises = [ratio.ratio for ratio in by_label[NOISE]]
    return Line(
        net=key.net,
        threads=key.threads,
        busy=min(row.busy or 0.0 for row in timed) if key.busy else None,
        layers=len(timed),
        verdict="withheld" if withheld else paired.verdict(means["kernel"], means[NOISE]),
        means={label: _mean(means[label], ratios) for label, ratios in by_label.items()},
        noisiest=max(noises, key=lambda ratio: max(ratio, 1 / ratio)),
        other_work=max(row.other_work for row in timed),
        verdicts={word: verdicts[word] for word in ("faster", "same", "slower", "withheld")},
        flags={flag: raised[flag] for flag in ("drift", "bimodal", "noisy")},
        intervals_reached=sum(row.interval_reached for row in timed),
        total_milliseconds={
            name: sum(row.count * row.milliseconds[name] for row in timed)
            for name in (SUBJECT, KERNEL)
        },
        regret=_regret([row for row in timed if row.regret]),
    )


def _mean(mean: Ratio, ratios: Sequence[Ratio]) -> Mean:
    values = [one.ratio for one in ratios]
    return Mean(len(values), mean.ratio, mean.low, mean.high, min(values), max(values))


def _regret(rows: Sequence[Row]) -> Regret | None:
    """Count the layers near the best algorithm, and those of which the whole interval is not."""
    regrets = [(row.regret, row.withheld) for row in rows if row.regret]
    if not regrets:
        return None
    return Regret(
        near=sum(regret.ratio <= NEAR for regret, _ in regrets),
        surely_far=sum(regret.low > NEAR and not withheld for regret, withheld in regrets),
        withheld=sum(withheld for _, withheld in regrets),
        largest=max(regret.ratio for regret, _ in regrets),
    )


def beyond(row: Row, side: str, after: int = 0) -> float:
    """Return by how many microseconds a call exceeds the next, median of the processes.

    By how much the second exceeds the third, `after` 1, shows what is noise.
    """
    calls = row.first_microseconds[side]
    return float(statistics.median(one[after] - one[after + 1] for one in calls))


def _first_line(key: Group, rows: Sequence[Row]) -> Line:
    def spread(side: str) -> FirstCalls:
        more, noise = ([beyond(row, side, after) for row in rows] for after in (0, 1))
        seconds = [one[1] for row in rows for one in row.first_microseconds[side]]
        return FirstCalls(
            second=statistics.median(seconds),
            median=statistics.median(more),
            ninety=float(np.percentile(more, 90)),
            worst=max(more),
            noise=statistics.median(noise),
            worst_noise=max(noise),
        )

    return Line(
        net=key.net,
        threads=key.threads,
        layers=len(rows),
        other_work=max(row.other_work for row in rows),
        first_calls={side: spread(side) for side in (SUBJECT, KERNEL)},
    )
