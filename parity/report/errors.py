"""Who is nearer to the exact value, and where: errors of the subject and of TensorFlow, by output.

One fixed layer with the data of a net, many seeds, every output held against its exact value in
a wider format.  An error is shown as a share of its proven bound (about n u g,
`parity.oracles.bounds`).
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np

from parity.model.case import Array, Case, Conv2d
from parity.model.settings import Settings
from parity.model.subject import Scope

BINS_PER_OCTAVE = 2
SIDES = ("subject", "TensorFlow")
SEEDS = 40
FLOATS = ("float32", "float64", "float16", "bfloat16")
_LOWEST = -30
_BEYOND = 2.0**40
_SIZE, _CHANNELS = 24, 8
"""Deep enough to round, small enough for a picture of all of its output."""


@dataclass(frozen=True)
class Tolerance:
    """The least with which `numpy.testing` would take the subject's results for TensorFlow's."""

    absolute: float | None
    relative: float | None


@dataclass(frozen=True)
class Errors:
    """The errors of both sides in one dtype, over all seeds.

    `histogram` counts the outputs that are "exact", and those in bin b, whose error is 2**(b/2) to
    2**((b+1)/2) of the bound; `by_position` is the mean error / bound; the minimum tolerance is
    None where a result is not finite.
    """

    dtype: str
    layer: str
    seeds: int
    outputs: int
    histogram: dict[str, dict[str, int]]
    by_position: dict[str, list[list[float]]]
    nearer: dict[str, int]
    minimum_tolerance: Tolerance

    @property
    def beyond(self) -> bool:
        """Whether an error of the subject is beyond the bound."""
        return any(bin >= 0 for bin in self.bins("subject"))

    def bins(self, side: str) -> dict[int, int]:
        """Return the histogram of a side without what is exact."""
        return {int(bin): n for bin, n in self.histogram[side].items() if bin != "exact"}


def layer(scope: Scope, dtype: str, seed: int = 0) -> Case:
    """Return the layer within `scope`: SAME and NHWC, where the subject has them."""
    shapes = {"NHWC": (1, _SIZE, _SIZE, _CHANNELS), "NCHW": (1, _CHANNELS, _SIZE, _SIZE)}
    data_format = "NHWC" if "NHWC" in scope.formats else "NCHW"
    return Case(
        input_shape=shapes[data_format],
        filters_shape=(3, 3, _CHANNELS, _CHANNELS),
        padding="SAME" if scope.has("SAME") else "VALID",
        data_format=data_format,
        kind="normal",
        dtype=dtype,
        seed=seed,
    )


def measured(settings: Settings, dtype: str) -> Errors:
    """Compare both sides with the exact values for one dtype."""
    from parity.claims.check import under_test
    from parity.engine import note
    from parity.oracles import bounds, eigen

    sides: dict[str, Conv2d] = {"subject": under_test(settings.scope), "TensorFlow": eigen.conv2d}
    cases = [layer(settings.scope, dtype, seed) for seed in range(SEEDS)]
    results: dict[str, list[Array]] = {side: [] for side in SIDES}
    allowed = []
    for case in cases:
        note.example(case.token())
        x, w = case.arrays()
        allowed.append(bounds.allow(case, x, w, flush=True))
        for side, conv2d in sides.items():
            results[side].append(case.call_on(conv2d, x, w))
    exact = np.stack([one.value for one in allowed])  # (seeds, *output)
    bound = np.stack([one.bound for one in allowed])
    got = {side: np.stack(some).astype(exact.dtype) for side, some in results.items()}
    with np.errstate(all="ignore"):  # what is not finite is beyond the bound
        errors = {side: np.abs(some - exact) for side, some in got.items()}
        shares = {
            side: np.nan_to_num((some / bound).astype(np.float64), nan=_BEYOND, posinf=_BEYOND)
            for side, some in errors.items()
        }
    ours, theirs = errors.values()
    with np.errstate(all="ignore"):
        size = np.abs(got["TensorFlow"])
        apart = np.abs(got["subject"] - got["TensorFlow"])
        relative = (apart[size > 0] / size[size > 0]).max()
    others = tuple(axis for axis in range(exact.ndim) if axis not in _plane(cases[0]))
    return Errors(
        dtype=dtype,
        layer=cases[0].token(),
        seeds=SEEDS,
        outputs=exact.size,
        histogram={side: _histogram(some) for side, some in shares.items()},
        by_position={
            side: np.round(some.mean(axis=others), 5).tolist() for side, some in shares.items()
        },
        nearer={
            "subject": int(np.count_nonzero(ours < theirs)),
            "TensorFlow": int(np.count_nonzero(theirs < ours)),
            "neither": int(np.count_nonzero(ours == theirs)),
        },
        minimum_tolerance=Tolerance(_finite(apart.max()), _finite(relative)),
    )


def _plane(case: Case) -> tuple[int, int]:
    """Return the axes of rows and columns behind that of the seeds."""
    rows = 1 + case.data_format.index("H")
    return rows, rows + 1


def _histogram(shares: Array) -> dict[str, int]:
    exact = shares == 0
    octaves = np.log2(shares[~exact])
    found = Counter(np.maximum(np.floor(BINS_PER_OCTAVE * octaves), _LOWEST).astype(int).tolist())
    return {"exact": int(exact.sum()), **{str(bin): found[bin] for bin in sorted(found)}}


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
