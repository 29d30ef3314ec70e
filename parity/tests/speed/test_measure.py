"""A layer is measured from end to end, with what other processes take planted."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from parity.model import machine
from parity.speed import measure
from parity.speed.layers import parse
from parity.speed.processes import Workers
from parity.speed.statistics import LEAST_ROUNDS

LAYER = parse("float32 NHWC 1x4x4x2 w1x1x2x3 s1,1 d1,1 VALID normal:0")


def test_a_row_has_no_verdict_where_other_work_took_the_cores(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    planted: list[float] = [0.3, 0.0]
    with Workers() as workers:
        bench = measure.Bench(workers, measure.Settings(seconds=0.0, threads=(1,)), 1)
        for share in planted:
            monkeypatch.setattr(machine.OtherWork, "share", lambda self, share=share: share)
            [row] = bench.measure(LAYER)
            assert row["other_work"] == share
            assert row["rounds"] == LEAST_ROUNDS
            verdicts = {one["verdict"] for one in row["ratios"].values() if "verdict" in one}
            assert (verdicts == {"withheld"}) is (share == 0.3)
            assert ("withheld" in verdicts) is (share == 0.3)


def test_a_busy_row_follows_the_quiet_one_and_its_own_process_is_no_stranger(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[set[int]] = []

    class OtherWork(machine.OtherWork):
        def __init__(self, pids: Iterable[int]) -> None:
            told.append(set(pids))
            super().__init__(told[-1])

        def share(self) -> float:
            return 0.0

    monkeypatch.setattr(machine, "OtherWork", OtherWork)
    monkeypatch.setattr(machine, "cores_taken", lambda pid: lambda: float(pid))
    how = measure.Settings(seconds=0.0, threads=(1,), bounds=True, busy=True)
    with Workers() as workers:
        quiet, busy = measure.Bench(workers, how, 1).measure(LAYER)
    assert "busy" not in quiet
    assert quiet["times_milliseconds"] != busy["times_milliseconds"]
    assert all(int(busy["busy"]) in pids for pids in told)
    assert len(told) == 2
    assert {one["verdict"] for one in busy["ratios"].values() if "verdict" in one} != {"withheld"}
    differ = {key for key in quiet if quiet[key] != busy[key]}
    assert not differ & {"token", "agreement", "beside"}
