"""Who is nearer to the exact value, and where: errors of the subject and of TensorFlow, by output.

One fixed layer with the data of a net, many seeds, every output held against its exact value in
a wider format.  An error is shown as a share of its proven bound (about n u g,
`parity.oracles.bounds`).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from parity.engine import jobs, note
from parity.model.case import Case, Conv2d
from parity.model.settings import Settings
from parity.model.subject import Scope

BINS_PER_OCTAVE = 2
SIDES = ("subject", "TensorFlow")
SEEDS = 40
LAYER = {
    "input_shape": (1, 24, 24, 8),
    "filters_shape": (3, 3, 8, 8),
    "padding": "SAME",
    "kind": "normal",
}
"""The layer, where the subject has SAME and NHWC: deep enough to round, small enough for a picture
of all of its output."""
LOWEST = -30
FLOATS = ("float32", "float64", "float16", "bfloat16")


def layer(scope: Scope, dtype: str, seed: int = 0) -> Case:
    """Return the layer within `scope`."""
    shape = LAYER["input_shape"]
    if "NHWC" in scope.formats:
        changes: dict[str, Any] = {}
    else:
        changes = {"input_shape": (shape[0], shape[3], *shape[1:3]), "data_format": "NCHW"}
    if not scope.has("SAME"):
        changes["padding"] = "VALID"
    return Case(**LAYER | changes, dtype=dtype, seed=seed)


def work(settings: Settings, dtype: str, send: Callable[[dict[str, Any] | str], None]) -> None:
    """Compare both sides with the exact values for one dtype; send that, or why nothing is told."""
    from parity.claims import check

    try:
        send(_compared(settings.scope, dtype))
    except Exception as error:
        if not (check.not_supported(error) or check.oracle_failed(error)):
            raise
        whose = note.raised_by(error)
        send(f"{dtype}: {jobs.WHOSE[whose]} raises {type(error).__name__}: {error}")


def _compared(scope: Scope, dtype: str) -> dict[str, Any]:
    from parity.claims import check
    from parity.oracles import eigen as tensorflow_oracle
    from parity.speed import agreement

    functions: dict[str, Conv2d] = dict(
        zip(SIDES, (check.under_test(scope), tensorflow_oracle.conv2d), strict=True)
    )
    bins: dict[str, Counter[int]] = {side: Counter() for side in SIDES}
    zeros = dict.fromkeys(SIDES, 0)
    sums: dict[str, Any] = {}
    nearer = dict.fromkeys((*SIDES, "neither"), 0)
    absolute = relative = 0.0
    for seed in range(SEEDS):
        case = layer(scope, dtype, seed)
        note.example(case.token())
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
            plane = shares.mean(axis=(0, case.data_format.index("C")))  # (OH, OW)
            sums[side] = sums.get(side, 0) + plane / SEEDS
        ours, theirs = (errors[side] for side in SIDES)
        nearer["subject"] += int(np.count_nonzero(ours < theirs))
        nearer["TensorFlow"] += int(np.count_nonzero(theirs < ours))
        nearer["neither"] += int(np.count_nonzero(ours == theirs))
        apart = np.abs(results["subject"] - results["TensorFlow"])
        size = np.abs(results["TensorFlow"])
        absolute = max(absolute, float(apart.max()))
        relative = max(relative, float((apart[size > 0] / size[size > 0]).max()))
    return {
        "dtype": dtype,
        "layer": layer(scope, dtype).token(),
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


def sample(
    settings: Settings, dtypes: tuple[str, ...]
) -> tuple[list[dict[str, Any]], list[str], list[str]]:
    """Return the errors of each float dtype of `dtypes`, what went wrong, and what is in doubt."""
    found: list[dict[str, Any]] = []
    doubts: list[str] = []
    chosen = [dtype for dtype in FLOATS if dtype in dtypes]

    def listen(_: int, message: dict[str, Any] | str) -> None:
        if isinstance(message, str):
            doubts.append(message)
        else:
            found.append(message)

    crashes = jobs.run(
        "parity.report.errors:work",
        chosen,
        settings,
        listen,
    )
    found.sort(key=lambda one: chosen.index(one["dtype"]))
    wrong: list[str] = []
    for crash in crashes:
        # What raised is the subject's, or a result of its that cannot be compared.
        mine = crash.of_subject or crash.status is None
        (wrong if mine else doubts).append(f"{crash.task}: {crash.reason}")
    wrong += [
        f"{one['dtype']}: an error beyond the bound"
        for one in found
        if any(int(b) >= 0 for b in one["histogram"]["subject"] if b != "exact")
        or not math.isfinite(one["minimum_tolerance"]["absolute"])
    ]
    return found, wrong, doubts
