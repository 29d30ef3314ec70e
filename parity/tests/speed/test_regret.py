"""The planner's regret, from planted times and from a planted planner."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from parity.speed import document, layers, regret, turns
from parity.speed.layers import parse
from parity.speed.measure import Settings
from parity.speed.processes import Workers

# The planted subject, which plans by the shapes, and takes what it is told to where it can.
# Worker processes import this module by its file's name.
FORCED = os.environ.get("NPCONV_ALGORITHM")
TOKEN = "float32 NHWC 1x4x4x2 w1x1x2x3 s1,1 d1,1 VALID normal:0"


def explain(x: Any, w: Any, **arguments: Any) -> SimpleNamespace:
    able = {
        "halves": x.dtype == np.float16,
        "banded": w.shape[2] <= 2,
        "depthwise": w.shape[2] == 1 < x.shape[3],
        "shifted adds": w.shape[3] <= 64,
        "tiles": True,
    }
    plain = w.shape[:3] == (1, 1, 2) and not able["halves"]
    chosen = "tiles" if plain else next(name for name in able if able[name])
    taken = FORCED if FORCED and able[FORCED] else chosen
    return SimpleNamespace(algorithm=f"{taken} (why): 1 x 4 x 4 outputs at once")


def conv2d(x: Any, w: Any, **arguments: Any) -> Any:
    return x @ w[0, 0]


def wrong(x: Any, w: Any, **arguments: Any) -> Any:
    return x @ w[0, 0] + (FORCED == "shifted adds")


def measured(subject: str, monkeypatch: pytest.MonkeyPatch, token: str = TOKEN) -> dict[str, Any]:
    """Return the row of a planted subject, and of planted times in which "banded" is fast."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    monkeypatch.setattr(
        turns,
        "take",
        lambda contenders, **_: {n: [0.1 if n == "banded" else 0.3] * 6 for n in contenders},
    )
    monkeypatch.setattr(layers, "available", lambda: ["small", "groups"])
    how = Settings(f"test_regret:{subject}", rounds=5, seconds=0.0)
    with Workers() as workers:
        [row] = regret.Bench(workers, how).measure(parse(token))
    return row


def test_every_admissible_algorithm_is_timed_and_the_best_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row = measured("conv2d", monkeypatch)
    assert row["chosen"] == "tiles"
    assert sorted(row["admissible"]) == ["banded", "shifted adds", "tiles"]
    assert list(row["milliseconds"]) == [regret.PLANNER, *row["admissible"]]
    assert row["best"] == "banded"
    assert row["regret"]["ratio"] == pytest.approx(3)
    [line, _] = lines = regret.summary([row])
    assert (line["near"], line["surely_far"] + line["withheld"], line["layers"]) == (0, 1, 1)
    assert "other_work" in row
    whole = {
        "machine": dict.fromkeys(("cpu", "cores", "subject", "version", "numpy", "blas"), "x"),
        "settings": dict.fromkeys(
            ("subject", "rounds", "seconds_a_layer", "threads", "took_seconds"), 1
        ),
        "rows": [row],
        "summary": lines,
    }
    document.check(whole, document.REGRET)
    regret.table([row])
    regret.summary_table(lines)


def test_a_result_beyond_the_bound_is_named_and_nothing_is_timed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row = measured("wrong", monkeypatch)
    assert row["disagree"] == ["shifted adds"]
    assert "regret" not in row
    assert regret.summary([row]) == []
    regret.table([row])


@pytest.mark.parametrize(("share", "far"), [(0.06, 0), (0.05, 1), (None, 1)])
def test_a_layer_is_surely_far_only_on_a_quiet_machine(share: float | None, far: int) -> None:
    row = {"net": "net", "threads": 1, "regret": {"ratio": 3.0, "low": 2.9, "high": 3.1}}
    [line, _] = regret.summary([row | {"other_work": share}])
    assert (line["surely_far"], line["withheld"]) == (far, 1 - far)


def test_what_differs_between_two_processes_that_do_the_same_is_no_regret() -> None:
    times = {regret.PLANNER: [1.3] * 9, "tiles": [1.0] * 9, "banded": [1.2] * 9}
    found = regret.judge(times, "tiles")
    assert found["best"] == "tiles"
    assert found["regret"] == {"ratio": 1.0, "low": 1.0, "high": 1.0}


def test_the_regret_is_the_choice_of_both_its_processes_beside_the_best() -> None:
    times = {regret.PLANNER: [1.8] * 9, "tiles": [0.8] * 9, "banded": [1.0] * 9, "x": [1.1] * 9}
    found = regret.judge(times, "tiles")
    assert found["best"] == "banded"
    assert found["regret"] == pytest.approx({"ratio": 1.2, "low": 1.2, "high": 1.2})


def test_rounds_go_on_until_each_ratio_is_narrow_or_far_behind() -> None:
    # Not above: workers would import npconv with it, which knows no planted algorithm.
    from parity.tests.speed.test_rows import planted

    quiet, rough = planted()["tensorflow"], planted(spread=0.3)["tensorflow"]
    times = {regret.PLANNER: quiet, "tiles": quiet, "banded": quiet}
    assert regret.settled(times, "tiles")
    assert not regret.settled({**times, "banded": rough}, "tiles")
    behind = (9 * np.asarray(rough)).tolist()
    assert regret.settled({**times, "banded": behind}, "tiles")
    assert not regret.settled({**times, "banded": behind}, "banded")


def test_the_algorithms_are_those_that_the_subject_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    named = {"banded", "shifted adds", "tiles"}
    with Workers() as workers:
        planner = workers.start("test_regret:conv2d", {"NPCONV_ALGORITHM": None})
        assert set(regret.algorithms(planner)) == named


def test_one_that_only_another_dtype_has_is_found_with_its_layer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row = measured("conv2d", monkeypatch, TOKEN.replace("float32", "float16"))
    assert row["chosen"] == "halves"
    assert "halves" in row["admissible"]


def test_npconv_takes_each_algorithm_that_it_names() -> None:
    with Workers() as workers:
        planner = workers.start("npconv:conv2d", {"NPCONV_ALGORITHM": None})
        taken = regret.algorithms(planner)
        assert len(taken) > 2
        for name, token in taken.items():
            forced = workers.start("npconv:conv2d", {"NPCONV_ALGORITHM": name})
            assert regret.family(forced.call("algorithm", token)) == name
