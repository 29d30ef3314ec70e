"""Errors by output and photographs, with right and wrong subjects; what becomes of crashes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from parity import engine
from parity.engine import Crash, Outcome, note
from parity.model.settings import Settings
from parity.model.subject import Scope
from parity.oracles import eigen, onednn
from parity.report import errors, photographs, samples
from parity.tests.report import made

EDGES = Settings(Scope("parity.mutants:edge_padding"))
TRUE = Settings(Scope("parity.oracles.eigen:conv2d"))


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare little, and with no second TensorFlow."""
    monkeypatch.setattr(errors, "SEEDS", 3)
    monkeypatch.setattr(onednn, "machine", lambda: onednn.Machine(""))


def test_a_right_subject_stays_within_the_bound() -> None:
    found = errors.measured(TRUE, "float32")
    assert found.outputs == 3 * 24 * 24 * 8 == sum(found.nearer.values()) == found.nearer["neither"]
    assert not found.beyond
    for side in errors.SIDES:
        assert sum(found.histogram[side].values()) == found.outputs
        assert len(found.by_position[side]) == len(found.by_position[side][0]) == 24
        assert 0 < max(map(max, found.by_position[side])) < 1
    assert found.minimum_tolerance == errors.Tolerance(0, 0)


def test_a_fault_of_the_padding_shows_as_a_stripe() -> None:
    found = errors.measured(EDGES, "float32")
    plane = found.by_position["subject"]
    assert min(plane[0] + plane[-1]) > 1000  # in bounds
    assert max(value for row in plane[1:-1] for value in row[1:-1]) < 1
    assert found.beyond


def holed(x: Any, w: Any, **call: Any) -> Any:
    result = eigen.conv2d(x, w, **call)
    result[0, 0, 0, :2] = float("nan"), float("inf")
    return result


def test_what_is_not_finite_is_beyond_the_bound_and_can_be_written() -> None:
    found = errors.measured(Settings(Scope(f"{__name__}:holed")), "float32")
    assert found.beyond
    assert found.minimum_tolerance == errors.Tolerance(None, None)
    assert msgspec.json.decode(msgspec.json.encode(found), type=errors.Errors) == found


def test_the_layer_keeps_to_the_scope() -> None:
    scope = Scope(TRUE.scope.subject, formats=("NCHW",), without=frozenset({"SAME"}))
    case = errors.layer(scope, "float32")
    assert (case.padding, case.data_format) == ("VALID", "NCHW")
    found = errors.measured(Settings(scope), "float32")
    assert len(found.by_position["subject"]) == 22
    assert found.outputs == 3 * 22 * 22 * 8


def refusing(*_: Any, **__: Any) -> Any:
    raise NotImplementedError("anything")


@note.calls_of(note.ORACLE)
def broken(*_: Any, **__: Any) -> Any:
    raise RuntimeError("out of order")


def test_whose_error_it_is_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = Settings(Scope(f"{__name__}:refusing"))
    said = samples.compared(mine, (0, "float32"))
    assert said == "float32: the subject raises NotImplementedError: anything"
    monkeypatch.setattr(eigen, "conv2d", broken)
    said = samples.compared(EDGES, (0, "float32"))
    assert said == "float32: TensorFlow raises RuntimeError: out of order"


BLUR = photographs.examples()[-1]  # in integers


@pytest.mark.parametrize(
    ("settings", "verdict"),
    [
        (TRUE, "bit-identical"),
        (EDGES, "DISAGREES"),
        (Settings(Scope(f"{__name__}:refusing")), "DISAGREES"),
    ],
)
def test_a_photograph_is_compared(settings: Settings, verdict: str) -> None:
    row = photographs.compared(settings, BLUR)
    assert (row.agreement.verdict, row.exact) == (verdict, True)
    failed = settings.scope.subject.endswith("refusing")
    assert row.agreement.failed == ("NotImplementedError: anything" if failed else "")
    assert bool(row.after) == (settings is TRUE)


def test_a_result_off_by_more_than_the_bound_disagrees(monkeypatch: pytest.MonkeyPatch) -> None:
    stem = photographs.examples()[9]  # in float64
    stem = replace(stem, filters=stem.filters[..., :2])
    right = photographs.compared(TRUE, stem).agreement.error
    assert right is not None
    assert 0 < right < 1
    for share, verdict in ((0, "bit-identical"), (2000, "DISAGREES")):

        def off(x: Any, w: Any, share: int = share, **call: Any) -> Any:
            return eigen.conv2d(x, w, **call) * (1 + 2.0**-52 * share)

        monkeypatch.setattr("parity.claims.check.load", lambda _, off=off: off)
        assert photographs.compared(TRUE, stem).agreement.verdict == verdict


@pytest.mark.parametrize("side", ["subject", "TensorFlow"])
def test_a_crash_is_the_subjects_or_a_doubt(side: str, monkeypatch: pytest.MonkeyPatch) -> None:
    crash = Crash("token", side, "killed by SIGABRT", -6)

    def run(_: Any, tasks: Iterable[Any], __: Settings, heard: Callable[[Any], None]) -> None:
        for task in tasks:
            result = made.ledger() if task[1] == samples.LEDGER else None
            heard(Outcome(task, result, None if result else crash, "here"))

    monkeypatch.setattr(engine, "run", run)
    found = samples.taken(Settings(), quick=False)
    dtypes = [f"{dtype}: killed by SIGABRT" for dtype in errors.FLOATS]
    rows = found.real_input
    if side == "subject":
        assert (found.failures, found.doubts) == (dtypes, [])
        assert {row.agreement.failed for row in rows} == {"killed by SIGABRT"}
        assert len(rows) == len(photographs.examples())
    else:
        assert not found.failures
        assert not rows
        assert len(found.doubts) == len(photographs.examples()) + len(dtypes)
    assert found.ledger == made.ledger()
