"""A layer is measured from end to end, with stand-ins for the processes."""

from __future__ import annotations

import itertools
import os
from typing import Any

import pytest

import npconv
from parity.speed import machine, measure
from parity.speed.layers import parse
from parity.speed.statistics import LOOKS

LAYER = parse("float32 NHWC 1x4x4x2 w1x1x2x3 s1,1 d1,1 VALID normal:0")


class Stub:
    """A process that convolves rightly and takes planted times."""

    pid = os.getpid()

    def __init__(self, seconds: float) -> None:
        self._times = itertools.cycle([seconds, 1.01 * seconds])

    def call(self, request: str, *arguments: Any) -> Any:
        """Answer as `parity.speed.worker` would."""
        if request == "prepare":
            return npconv.conv2d(*LAYER.case.arrays(), **LAYER.case.arguments())
        return 1 if request == "calibrate" else next(self._times)


class Stubs:
    """Stands for `Workers`: TensorFlow takes twice the subject's time."""

    def start(self, implementation: str, environment: Any) -> Stub:
        """Return a stand-in."""
        return Stub(2.0 if implementation == "tensorflow" else 1.0)


@pytest.mark.parametrize(
    ("share", "verdict"), [(0.0, "faster"), (None, "faster"), (0.3, "withheld")]
)
def test_a_row_has_no_verdict_where_other_work_took_the_cores(
    share: float | None, verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine.OtherWork, "share", lambda self: share)
    bench = measure.Bench(Stubs(), measure.Settings(seconds=60.0))  # type: ignore[arg-type]
    row = bench.measure(LAYER)
    assert row["other_work"] == share
    assert row["ratios"]["kernel"]["ratio"] == pytest.approx(0.5, rel=0.02)
    assert row["ratios"]["kernel"]["verdict"] == verdict
    assert row["rounds"] == LOOKS[0]
    assert row["interval_reached"]
