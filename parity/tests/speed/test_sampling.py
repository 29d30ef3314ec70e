"""Every call is warmed up alike, however long it takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from parity.speed import sampling, worker
from parity.speed.questions import contender


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note how many calls are timed together; the first of them are slow, the others take 1 s."""
    repeats: list[int] = []

    def fake(call: Callable[[], Any], count: int) -> float:
        repeats.append(count)
        return float(count) if len(repeats) > 1 else 100.0 * count

    monkeypatch.setattr(sampling, "_time", fake)
    return repeats


@pytest.mark.parametrize(("repeats", "before"), [(1, 1), (2, 1), (9, 1), (20, 2), (1000, 100)])
def test_untimed_calls_come_before_every_sample(
    repeats: int, before: int, timed: list[int]
) -> None:
    assert sampling.sample(lambda: None, repeats) == 1.0
    assert timed == [before, repeats]


def test_a_call_that_fills_a_sample_alone_is_warm_as_well() -> None:
    calls: list[None] = []
    sampling.sample(lambda: calls.append(None), 1)
    assert len(calls) == 2


def test_the_first_call_is_not_counted_when_calls_are() -> None:
    taken = iter([0.5, *[1e-3] * 10_000])
    clock = [0.0]

    def call() -> None:
        clock[0] += next(taken)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("time.perf_counter", lambda: clock[0])
        assert sampling.calibrate(call, 0.02) == 20


class Counted:
    """An implementation whose call fills a sample alone; it counts by mode."""

    def __init__(self) -> None:
        self.calls: dict[str, int] = {}

    def describe(self) -> dict[str, Any]:
        """Return nothing."""
        return {}

    def bind(self, mode: str, x: Any, w: Any, arguments: dict[str, Any]) -> Callable[[], Any]:
        """Return a call that counts itself."""

        def call() -> None:
            self.calls[mode] = self.calls.get(mode, 0) + 1

        return call

    def run(self, x: Any, w: Any, arguments: dict[str, Any]) -> Any:
        """Return nothing."""
        return None


def test_a_worker_warms_every_mode_up_alike() -> None:
    implementation = Counted()
    requests = worker.Requests(implementation)
    modes = ["kernel", "from-numpy", "function", "product alone"]
    requests.prepare("float32 NHWC 1x4x4x2 w1x1x2x3 s1,1 d1,1 VALID normal:0", modes)
    for mode in modes:
        assert requests.calibrate(mode, 0.0) == 1
        assert implementation.calls[mode] == 2
        requests.sample(mode, 1)
        assert implementation.calls[mode] == 4


def test_a_contender_of_a_question_is_warmed_up_alike() -> None:
    one = contender.Contender()
    calls: list[None] = []
    one._call = lambda: calls.append(None)
    assert one("calibrate", (0.0,)) == 1
    assert len(calls) == 2
    one("sample", (1,))
    assert len(calls) == 4
