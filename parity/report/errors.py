"""Who is nearer to the exact value, and where: errors of the subject and of TensorFlow, by output.

One fixed layer with the data of a net, many seeds, every output held against its exact value in
a wider format.  An error is shown as a share of its proven bound (about n u g, `parity.bounds`).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from parity import jobs, subject
from parity.case import Case

BINS_PER_OCTAVE = 2
SIDES = ("subject", "TensorFlow")
SEEDS = 40
LAYER = {
    "input_shape": (1, 24, 24, 8),
    "filters_shape": (3, 3, 8, 8),
    "padding": "SAME",
    "kind": "normal",
}
"""The layer: deep enough to round, small enough for a picture of all of its output."""
LOWEST = -30
FLOATS = ("float32", "float64", "float16", "bfloat16")


def work(dtype: str, send: Callable[[dict[str, Any]], None]) -> None:
    """Compare both sides with the exact values for one dtype; send what `sample` returns."""
    from parity import tensorflow_oracle
    from parity.speed import agreement

    functions = dict(zip(SIDES, (subject.load(), tensorflow_oracle.conv2d), strict=True))
    bins: dict[str, Counter[int]] = {side: Counter() for side in SIDES}
    zeros = dict.fromkeys(SIDES, 0)
    sums: dict[str, Any] = {}
    nearer = dict.fromkeys((*SIDES, "neither"), 0)
    absolute = relative = 0.0
    for seed in range(SEEDS):
        case = Case(**LAYER, dtype=dtype, seed=seed)  # type: ignore[arg-type]
        x, w = case.arrays()
        scale = agreement.gauge(case, x, w)
        results, errors = {}, {}
        for side, function in functions.items():
            got = case.call_on(function, x, w).astype(scale.exact.dtype)
            results[side], errors[side] = got, np.abs(got - scale.exact)
            shares = (errors[side] / scale.allowed).astype(np.float64)
            zeros[side] += int(np.count_nonzero(shares == 0))
            seen = np.log2(shares[shares > 0])
            found = np.maximum(np.floor(BINS_PER_OCTAVE * seen), LOWEST).astype(int)
            bins[side].update(found.tolist())
            plane = shares.mean(axis=(0, 3))  # (OH, OW)
            sums[side] = sums.get(side, 0) + plane / SEEDS
        ours, theirs = (errors[side] for side in SIDES)
        nearer["subject"] += int(np.count_nonzero(ours < theirs))
        nearer["TensorFlow"] += int(np.count_nonzero(theirs < ours))
        nearer["neither"] += int(np.count_nonzero(ours == theirs))
        apart = np.abs(results["subject"] - results["TensorFlow"])
        size = np.abs(results["TensorFlow"])
        absolute = max(absolute, float(apart.max()))
        relative = max(relative, float((apart[size > 0] / size[size > 0]).max()))
    send(
        {
            "dtype": dtype,
            "layer": Case(**LAYER, dtype=dtype).token(),  # type: ignore[arg-type]
            "seeds": SEEDS,
            "outputs": sum(nearer.values()),
            "histogram": {
                side: {"exact": zeros[side], **{str(b): bins[side][b] for b in sorted(bins[side])}}
                for side in SIDES
            },
            "by_position": {side: np.round(sums[side], 5).tolist() for side in SIDES},
            "nearer": nearer,
            "minimum_tolerance": {"absolute": absolute, "relative": relative},
        }
    )


def sample(dtypes: tuple[str, ...], processes: int) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the errors of each float dtype of `dtypes`, and what went wrong, if anything."""
    found: list[dict[str, Any]] = []
    chosen = [dtype for dtype in FLOATS if dtype in dtypes]
    crashes = jobs.run(
        "parity.report.errors:work", chosen, processes, lambda _, message: found.append(message)
    )
    found.sort(key=lambda one: chosen.index(one["dtype"]))
    wrong = [f"{crash.task}: {crash.reason}" for crash in crashes]
    wrong += [
        f"{one['dtype']}: an error beyond the bound"
        for one in found
        if any(int(b) >= 0 for b in one["histogram"]["subject"] if b != "exact")
        or not math.isfinite(one["minimum_tolerance"]["absolute"])
    ]
    return found, wrong
