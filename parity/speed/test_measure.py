"""A layer is measured from end to end, with what other processes take planted."""

from __future__ import annotations

import pytest

from parity.speed import machine, measure
from parity.speed.layers import parse
from parity.speed.processes import Workers
from parity.speed.statistics import LEAST_ROUNDS

LAYER = parse("float32 NHWC 1x4x4x2 w1x1x2x3 s1,1 d1,1 VALID normal:0")


def test_a_row_has_no_verdict_where_other_work_took_the_cores(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    planted: list[float | None] = [0.3, 0.0, None]
    with Workers() as workers:
        bench = measure.Bench(workers, measure.Settings(seconds=0.0, threads=(1,)), 1)
        for share in planted:
            monkeypatch.setattr(machine.OtherWork, "share", lambda self, share=share: share)
            row = bench.measure(LAYER)
            assert row["other_work"] == share
            assert row["rounds"] == LEAST_ROUNDS
            verdicts = {one["verdict"] for one in row["ratios"].values() if "verdict" in one}
            assert (verdicts == {"withheld"}) is (share == 0.3)
            assert ("withheld" in verdicts) is (share == 0.3)
