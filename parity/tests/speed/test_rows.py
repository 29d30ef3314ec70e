"""Rows and summaries from planted times."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from parity.cli import terminal
from parity.speed import command, limits, rows, tables
from parity.speed.recipes import TEN_LINES
from parity.speed.rows import AGAIN, FROM_NUMPY, FUNCTION, KERNEL, SUBJECT
from parity.speed.turns import Times


def planted(subject: float = 0.5, rounds: int = 12, spread: float = 0.005, **more: float) -> Times:
    """Return times in which TensorFlow takes a second, and all have some noise of their own."""
    rng = np.random.default_rng(3)
    ratios = {SUBJECT: subject, KERNEL: 1.0, FROM_NUMPY: 1.5, FUNCTION: 0.8, AGAIN: 1.0, **more}
    return {
        name: (ratio * rng.lognormal(0, spread, rounds)).tolist() for name, ratio in ratios.items()
    }


TOLD: dict[str, Any] = {
    "onednn": "off",
    "onednn_instruction_set": "AVX2",
    "yardsticks": {
        "as installed": "TensorFlow 9.9 as installed: without oneDNN (Eigen)",
        "with oneDNN forced on": "TensorFlow 9.9 with oneDNN forced on, AVX2",
    },
}
"""What a machine block says of TensorFlow."""


def agreeing(verdict: str = "within bound", **other: Any) -> dict[str, Any]:
    """Return the agreement of a row, beside TensorFlow as installed with `other` in its part."""
    standing = {"verdict": verdict, "error": 0.5, "cannot": "", "in_nhwc": False, **other}
    yardsticks = {"as installed": standing}
    return {"verdict": verdict, "error": 0.25, "failed": "", "yardsticks": yardsticks}


def row(times: Times, **more: Any) -> dict[str, Any]:
    return {
        "net": "net",
        "threads": 1,
        "count": 2,
        "token": "float32 ...",
        "other_work": 0.0,
        **rows.summarise(times, 10**9),
        **more,
    }


def test_every_contender_has_a_ratio_under_its_label() -> None:
    ratios = rows.summarise(planted(pytorch=0.25), 10)["ratios"]
    expected = {"A/A": 1.0, "kernel": 0.5, "from NumPy": 1 / 3, "tf.function": 0.625, "pytorch": 2}
    assert {label: ratio["ratio"] for label, ratio in ratios.items()} == pytest.approx(
        expected, rel=0.02
    )
    assert ratios["kernel"]["verdict"] == "faster"
    assert ratios["pytorch"]["verdict"] == "slower"


def test_ten_lines_are_held_against_tensorflow_too() -> None:
    times, slow = (
        {**planted(), TEN_LINES: [ratio * time for time in planted()[KERNEL]]}
        for ratio in (2.0, 8.0)
    )
    found = rows.summarise(times, 10)["ratios"]
    assert found[TEN_LINES]["ratio"] == pytest.approx(0.25, rel=0.02)
    assert found[rows.PLAIN]["ratio"] == pytest.approx(2, rel=0.02)
    assert found[rows.PLAIN]["verdict"] == "slower"
    [line] = rows.summary([row(times), row(slow), row(planted())])
    means = {name: line["beside"][name] for name in (TEN_LINES, rows.PLAIN)}
    assert [one["layers"] for one in means.values()] == [2, 2]
    assert [one["geometric_mean"] for one in means.values()] == pytest.approx([0.125, 4], rel=0.02)
    assert means[TEN_LINES]["largest"] == pytest.approx(0.25, rel=0.02)


def test_a_quiet_row_has_no_flag_and_a_narrow_interval() -> None:
    found = rows.summarise(planted(), 10)
    assert found["flags"] == []
    assert found["interval_reached"]


@pytest.mark.parametrize("side", [SUBJECT, AGAIN])
def test_the_interval_of_either_ratio_can_be_too_wide(side: str) -> None:
    times = planted()
    times[side] = (np.asarray(times[side]) * np.tile([0.95, 1.05], 6)).tolist()
    assert not rows.known(times)
    assert not rows.summarise(times, 10)["interval_reached"]


@pytest.mark.parametrize(("step", "expected"), [(1.03, []), (1.08, ["drift"])])
def test_a_step_in_the_ratio_is_a_drift(step: float, expected: list[str]) -> None:
    times = planted()
    times[SUBJECT][6:] = [step * time for time in times[SUBJECT][6:]]
    assert rows.summarise(times, 10)["flags"] == expected


def test_a_step_in_what_tensorflow_shows_against_itself_is_noise() -> None:
    times = planted()
    times[AGAIN][6:] = [1.08 * time for time in times[AGAIN][6:]]
    assert rows.summarise(times, 10)["flags"] == ["noisy"]


def test_a_step_that_all_share_is_no_drift_but_two_clusters() -> None:
    times = {
        name: [*sample[:10], *(1.3 * t for t in sample[10:])]
        for name, sample in planted(rounds=20).items()
    }
    assert rows.summarise(times, 10)["flags"] == ["bimodal"]


def test_tensorflow_that_differs_from_itself_is_noisy() -> None:
    times = planted()
    times[AGAIN] = [1.06 * time for time in times[AGAIN]]
    assert rows.summarise(times, 10)["flags"] == ["noisy"]


def test_rows_of_a_busy_machine_are_a_group_of_their_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    quiet = row(planted(0.5), name="<layer>", agreement=agreeing())
    made = [quiet, {**quiet, **row(planted(0.25)), "busy": 0.75}, {**quiet, "busy": 0.625}]
    groups = rows.grouped(made)
    assert list(groups) == [rows.Group("net", 1), rows.Group("net", 1, busy=True)]
    lines = rows.summary(made)
    assert [rows.group(line) for line in lines] == list(groups)
    assert "busy" not in lines[0]
    assert lines[1]["busy"] == 0.625
    assert [line["layers"] for line in lines] == [1, 2]
    assert lines[1]["geometric_mean"]["kernel"] == pytest.approx(0.5**1.5, rel=0.01)
    for key, some in groups.items():
        terminal.console().print(tables.speed_table(some, key))
    terminal.console().print(tables.summary_table(lines))
    said = capsys.readouterr().out
    assert said.count("one core taken") == 1
    assert "0.75" in said.partition("one core taken")[2]
    assert "1, busy" in said
    assert rows.summary([{**quiet, "busy": None}])[0]["busy"] is None


def test_the_summary_has_a_line_for_each_net_and_setting_of_threads() -> None:
    lines = rows.summary(
        [
            row(planted(0.5)),
            row(planted(2.0, pytorch=0.5), flags=["drift"]),
            row(planted(0.25), threads="default"),
            {"net": "net", "threads": 1},  # it disagreed
        ]
    )
    assert [(line["net"], line["threads"], line["layers"]) for line in lines] == [
        ("net", 1, 2),
        ("net", "default", 1),
    ]
    assert lines[0]["geometric_mean"]["kernel"] == pytest.approx(1.0, rel=0.01)
    assert lines[1]["geometric_mean"]["kernel"] == pytest.approx(0.25, rel=0.01)
    assert lines[0]["flags"] == {"drift": 1, "bimodal": 0, "noisy": 0}
    assert lines[0]["beside"]["pytorch"]["layers"] == 1
    assert lines[0]["beside"]["pytorch"]["geometric_mean"] == pytest.approx(4.0, rel=0.01)


@pytest.mark.parametrize(
    ("dtype", "threads", "share"),
    [
        ("float32", 1, 0.4),
        ("float32", "default", 0.2),
        ("bfloat16", 1, 0.4),
        ("float64", 1, 0.8),
        ("int32", "default", 0.5),
    ],
)
def test_the_share_of_the_peak_is_that_of_dtype_and_threads(
    dtype: str, threads: int | str, share: float
) -> None:
    machine = {
        "gemm_peak_gflops": {"1": 100.0, "default": 200.0},
        "gemm_peak_gflops_float64": {"1": 50.0, "default": 80.0},
    }
    one = {"token": f"{dtype} NHWC", "threads": threads, "gflops": {SUBJECT: 40.0, KERNEL: 20.0}}
    assert rows.peak_share(one, machine) == pytest.approx({SUBJECT: share, KERNEL: share / 2})


def test_the_least_is_the_product_and_the_casts() -> None:
    assert rows.bounds({"token": "disagrees"}) is None
    assert rows.bounds(row(planted())) is None
    steps = {**planted(), limits.PRODUCT: [0.25] * 12, limits.COPY: [5.0] * 12}
    found = rows.bounds(row(steps))
    assert found is not None
    assert [found[name]["ratio"] for name in ("least", "above")] == pytest.approx([0.25, 2], 0.02)
    found = rows.bounds(row({**steps, limits.CASTS: [0.15] * 12}))
    assert found is not None
    assert [found[name]["ratio"] for name in ("least", "above")] == pytest.approx([0.4, 1.25], 0.02)


def test_bounds_have_a_line_a_layer_and_their_means(capsys: pytest.CaptureFixture[str]) -> None:
    key = rows.Group("net", 1)
    assert tables.bounds_table([row(planted())], key) is None
    steps = {**planted(), limits.PRODUCT: [0.25] * 12, limits.COPY: [5.0] * 12}
    names = {"one": steps, "other": {**steps, limits.PRODUCT: [1.0] * 12}, "none": planted()}
    found = tables.bounds_table([row(times, name=name) for name, times in names.items()], key)
    assert found is not None
    terminal.console().print(found)
    lines = capsys.readouterr().out.splitlines()
    said = {name: next(line for line in lines if f" {name} " in line) for name in ("one", "other")}
    assert "250" in said["one"]
    assert "5000" in said["one"]
    assert "0.25 0.25-0.25" in said["one"]
    assert "1.00 1.00-1.00" in said["other"]
    assert "0.50 0.50-0.50" in next(line for line in lines if "geometric mean " in line)


@pytest.mark.parametrize(
    ("share", "verdict"), [(0.0, "faster"), (0.05, "faster"), (0.051, "withheld"), (None, "faster")]
)
def test_a_busy_machine_withholds_every_verdict_of_a_row(share: float | None, verdict: str) -> None:
    summarised = rows.summarise(planted(), 10)
    found = rows.judged(summarised, share)
    assert found["other_work"] == share
    assert found["ratios"]["kernel"]["verdict"] == verdict
    words = {ratio["verdict"] for ratio in found["ratios"].values() if "verdict" in ratio}
    assert (words == {"withheld"}) is (verdict == "withheld")
    assert "verdict" not in found["ratios"]["A/A"]
    assert summarised["ratios"]["kernel"]["verdict"] == "faster"


def test_the_mean_of_a_set_has_an_interval_and_a_verdict() -> None:
    [line] = rows.summary([row(planted(0.5)), row(planted(0.25), net="net")])
    ends = line["geometric_mean_interval"]["kernel"]
    kernels = [rows.summarise(planted(ratio), 10)["ratios"]["kernel"] for ratio in (0.5, 0.25)]
    expected = [np.sqrt(np.prod([one[end] for one in kernels])) for end in ("low", "high")]
    assert [ends["low"], ends["high"]] == pytest.approx(expected)
    assert line["verdict"] == "faster"
    assert line["other_work"] == 0.0


@pytest.mark.parametrize(("share", "withheld"), [(0.051, True), (0.05, False), (None, False)])
def test_one_busy_row_withholds_the_verdict_of_its_set(share: float | None, withheld: bool) -> None:
    quiet, busy = (
        row(planted()),
        row(planted(), **rows.judged(rows.summarise(planted(), 10), share)),
    )
    [line] = rows.summary([quiet, busy])
    assert line["verdict"] == ("withheld" if withheld else "faster")
    assert line["verdicts"]["withheld"] == withheld
    [line] = rows.summary([busy])
    assert line["other_work"] == share
    tables.summary_table([line])


def test_what_cannot_be_told_is_said() -> None:
    quiet = {"rows": [row(planted())]}
    assert command.doubtful(quiet) == ""
    unknown = {"rows": [*quiet["rows"], row(planted(), other_work=None)]}
    assert "In 1 of 2 rows this system does not tell" in command.doubtful(unknown)
    busy = {"rows": [*unknown["rows"], row(planted(), other_work=0.2)]}
    assert "MISTRUST: in 1 of 3 rows" in command.doubtful(busy)
    assert "withheld" in command.doubtful(busy)
