"""Rows and summaries of the JSON file, made from times."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

from parity.speed import statistics as paired
from parity.speed.limits import CASTS, PRODUCT
from parity.speed.recipes import TEN_LINES
from parity.speed.turns import Times

SUBJECT = "subject"
KERNEL = "tensorflow"
FROM_NUMPY = "tensorflow from NumPy"
FUNCTION = "tensorflow function"
AGAIN = "tensorflow again"
FORCED = "tensorflow with oneDNN forced on"

LABELS = {"kernel": KERNEL, "from NumPy": FROM_NUMPY, "tf.function": FUNCTION}
"""What the subject's ratios to TensorFlow as installed are called; others bear their names."""
PLAIN = "ten lines / TensorFlow"
"""The one other ratio that is not the subject's: what the plainest NumPy takes."""
TOO_BUSY = 0.05
"""The share of all cores beyond which other processes' work makes a row doubtful."""
WITHHELD = "withheld"
"""Stands for a verdict where other processes took more than that."""


def setting(threads: int) -> int | str:
    """Return how the JSON file writes a number of threads; 0 is each library's default."""
    return threads or "default"


def spoken(threads: int | str) -> str:
    """Return a setting of threads in words.

    Examples
    --------
    >>> spoken(1), spoken("default")
    ('1 thread', 'default threads')
    """
    return f"{threads} thread{'' if threads == 1 else 's'}"


class Group(NamedTuple):
    """What has a line of the summary: rows of one net, measured in one way."""

    net: str
    threads: int | str
    busy: bool = False

    @property
    def title(self) -> str:
        """The group in words.

        Examples
        --------
        >>> Group("small", 1, True).title
        'small, 1 thread, one core taken'
        """
        return f"{self.net}, {self.setting}"

    @property
    def setting(self) -> str:
        """How it was measured, in words."""
        return spoken(self.threads) + (", one core taken" if self.busy else "")


def group(row: dict[str, Any]) -> Group:
    """Return the group of a row, or of a line of the summary."""
    return Group(row["net"], row["threads"], "busy" in row)


def grouped(rows: Iterable[dict[str, Any]]) -> dict[Group, list[dict[str, Any]]]:
    """Return rows by group, in their order."""
    groups: dict[Group, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(group(row), []).append(row)
    return groups


def known(times: Times) -> bool:
    """Say whether the kernel ratio and the A/A ratio both have narrow intervals."""
    return all(
        paired.narrow(paired.paired_ratio(times[one], times[KERNEL])) for one in (SUBJECT, AGAIN)
    )


def summarise(times: Times, multiply_adds: int) -> dict[str, Any]:
    """Return medians, attained GFLOP/s, ratios, verdicts and flags for times in seconds."""
    noise = paired.paired_ratio(times[AGAIN], times[KERNEL])
    medians = {name: statistics.median(sample) for name, sample in times.items()}
    ratios: dict[str, Any] = {"A/A": asdict(noise)}
    others = [name for name in times if name not in (SUBJECT, AGAIN, *LABELS.values())]
    for label, other in (*LABELS.items(), *zip(others, others, strict=True)):
        ratio = paired.paired_ratio(times[SUBJECT], times[other])
        ratios[label] = {**asdict(ratio), "verdict": paired.verdict(ratio, noise)}
    if TEN_LINES in times:
        plain = paired.paired_ratio(times[TEN_LINES], times[KERNEL])
        ratios[PLAIN] = {**asdict(plain), "verdict": paired.verdict(plain, noise)}
    return {
        "rounds": len(times[KERNEL]),
        "interval_reached": known(times),
        "flags": flags(times, noise),
        "milliseconds": {name: 1e3 * value for name, value in medians.items()},
        "gflops": {name: 2e-9 * multiply_adds / value for name, value in medians.items()},
        "ratios": ratios,
        "times_milliseconds": {
            name: [round(1e3 * value, 6) for value in sample] for name, sample in times.items()
        },
    }


def too_busy(other_work: float | None) -> bool:
    """Say whether other processes took too much of the cores; where none tells, they did not."""
    return (other_work or 0.0) > TOO_BUSY


def judged(summarised: dict[str, Any], other_work: float | None) -> dict[str, Any]:
    """Return a summary with the share of other work, its verdicts withheld if that is too much."""
    ratios = {
        label: ratio | ({"verdict": WITHHELD} if "verdict" in ratio else {})
        for label, ratio in summarised["ratios"].items()
    }
    found = summarised | {"other_work": other_work}
    return found | {"ratios": ratios} if too_busy(other_work) else found


def flags(times: Times, noise: paired.Ratio) -> list[str]:
    """Return what speaks against trusting a row.

    ``drift``: the kernel ratio moved from the first half of the rounds to the second.
    ``bimodal``: times of the subject or of TensorFlow's kernel fall into two clusters.
    ``noisy``: TensorFlow differs from itself.
    """
    found = {
        "drift": paired.drifts(times[SUBJECT], times[KERNEL], noise),
        "bimodal": any(paired.bimodal(times[one]) for one in (SUBJECT, KERNEL, AGAIN)),
        "noisy": paired.noisy(noise),
    }
    return [flag for flag, raised in found.items() if raised]


def bounds(row: dict[str, Any]) -> dict[str, Any] | None:
    """Return how a row stands to the product and the casts alone, if these were timed.

    Returns
    -------
    dict or None
        ``least``, their time / TensorFlow's, and ``above``, the subject's time / theirs.
    """
    times = row.get("times_milliseconds", {})
    if PRODUCT not in times:
        return None
    casts = times.get(CASTS) or [0.0] * len(times[PRODUCT])
    least = [sum(pair) for pair in zip(times[PRODUCT], casts, strict=True)]
    return {
        "least": asdict(paired.paired_ratio(least, times[KERNEL])),
        "above": asdict(paired.paired_ratio(times[SUBJECT], least)),
    }


def mean_bounds(found: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Return the geometric means of what `bounds` found, with their intervals."""
    return {
        name: asdict(paired.mean_ratio([paired.Ratio(**one[name]) for one in found]))
        for name in ("least", "above")
    }


def peak_share(row: dict[str, Any], machine: dict[str, Any]) -> dict[str, float]:
    """Return the attained shares of the GEMM peak of a row's dtype and threads.

    Integers are held against float64's peak and halves against float32's.
    """
    wide = row["token"].split()[0] in ("float64", "int32")
    peaks = machine["gemm_peak_gflops_float64" if wide else "gemm_peak_gflops"]
    peak = peaks[str(row["threads"])]
    return {name: row["gflops"][name] / peak for name in (SUBJECT, KERNEL)}


def summary(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return one line a net and setting of threads: geometric means, times of all layers."""
    return [
        _line(key, timed)
        for key, some in grouped(rows).items()
        if (timed := [row for row in some if "ratios" in row])
    ]


def _line(key: Group, timed: list[dict[str, Any]]) -> dict[str, Any]:
    kernels = [row["ratios"]["kernel"] for row in timed]
    verdicts = [ratio["verdict"] for ratio in kernels]
    raised = [flag for row in timed for flag in row["flags"]]
    labels = dict.fromkeys(label for row in timed for label in row["ratios"])
    ratios = {
        label: [row["ratios"][label]["ratio"] for row in timed if label in row["ratios"]]
        for label in labels
    }
    whole = [label for label in labels if label in LABELS or label == "A/A"]
    means = {
        label: paired.mean_ratio([_ratio(row, label) for row in timed if label in row["ratios"]])
        for label in labels
    }
    busy = any(too_busy(row["other_work"]) for row in timed)
    return {
        "net": key.net,
        "threads": key.threads,
        **({"busy": _least(row["busy"] for row in timed)} if key.busy else {}),
        "layers": len(timed),
        "geometric_mean": {label: means[label].ratio for label in whole},
        "geometric_mean_interval": {label: _ends(means[label]) for label in whole},
        "verdict": WITHHELD if busy else paired.verdict(means["kernel"], means["A/A"]),
        # Contenders that may have times for a part of the layers.
        "beside": {
            label: {
                "layers": len(ratios[label]),
                "geometric_mean": means[label].ratio,
                "geometric_mean_interval": _ends(means[label]),
                "largest": max(ratios[label]),
            }
            for label in labels
            if label not in whole
        },
        "smallest": min(ratio["ratio"] for ratio in kernels),
        "largest": max(ratio["ratio"] for ratio in kernels),
        "noisiest": max(ratios["A/A"], key=lambda ratio: max(ratio, 1 / ratio)),
        "other_work": max(
            (row["other_work"] for row in timed if row["other_work"] is not None), default=None
        ),
        "verdicts": {word: verdicts.count(word) for word in ("faster", "same", "slower", WITHHELD)},
        "flags": {flag: raised.count(flag) for flag in ("drift", "bimodal", "noisy")},
        "intervals_reached": sum(row["interval_reached"] for row in timed),
        "total_milliseconds": {
            name: sum(row["count"] * row["milliseconds"][name] for row in timed)
            for name in (SUBJECT, KERNEL)
        },
    }


def _least(values: Iterable[float | None]) -> float | None:
    return min((value for value in values if value is not None), default=None)


def _ratio(row: dict[str, Any], label: str) -> paired.Ratio:
    found = row["ratios"][label]
    return paired.Ratio(found["ratio"], found["low"], found["high"])


def _ends(ratio: paired.Ratio) -> dict[str, float]:
    return {"low": ratio.low, "high": ratio.high}
