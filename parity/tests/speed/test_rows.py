"""Rows, summaries and tables from planted times."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from parity.cli import terminal
from parity.speed import command, limits, rows, tables
from parity.speed.recipes import TEN_LINES
from parity.speed.records import Group, Note, Row, grouped
from parity.speed.rows import AGAIN, ALGORITHM, FORCED, KERNEL, SUBJECT
from parity.speed.statistics import Ratio
from parity.tests.speed.planted import agreeing, block, row, speed, times


def shown(given: list[Row], capsys: pytest.CaptureFixture[str]) -> str:
    """Return what the command prints of a document."""
    command.show(speed(given), terminal.console())
    return capsys.readouterr().out


def test_every_contender_has_a_ratio_under_its_label() -> None:
    given = times(pytorch=0.25)
    given[TEN_LINES] = [2 * time for time in given[KERNEL]]
    found = row(given)
    expected = {"A/A": 1.0, "kernel": 0.5, "from NumPy": 1 / 3, "tf.function": 0.625, "pytorch": 2}
    expected |= {TEN_LINES: 0.25, rows.PLAIN: 2.0}
    assert {label: ratio.ratio for label, ratio in found.ratios.items()} == pytest.approx(
        expected, rel=0.02
    )
    verdicts = {label: ratio.verdict for label, ratio in found.ratios.items()}
    assert verdicts["A/A"] is None
    assert [verdicts[one] for one in ("kernel", "pytorch", rows.PLAIN)] == [
        *("faster", "slower", "slower")
    ]
    assert found.milliseconds[SUBJECT] == pytest.approx(500, rel=0.02)
    assert found.gflops[SUBJECT] == pytest.approx(4, rel=0.02)
    assert not found.doubts


def spoilt(**factors: Any) -> list[str]:
    """Return the doubts about 20 rounds in which some contenders' times were multiplied."""
    given = {
        name: (np.asarray(sample) * factors.get(name, factors.get("all", 1.0))).tolist()
        for name, sample in times(rounds=20).items()
    }
    return row(given).doubts


STEP, SMALL_STEP = (np.repeat([1.0, by], 10) for by in (1.08, 1.03))
WIDE = np.tile([0.96, 1.04], 10)


@pytest.mark.parametrize(
    ("factors", "doubts"),
    [
        ({}, []),
        ({SUBJECT: SMALL_STEP}, []),
        ({SUBJECT: STEP}, ["drift", "wide"]),
        ({AGAIN: STEP}, ["noisy", "wide"]),
        ({"all": np.repeat([1.0, 1.3], 10)}, ["bimodal"]),  # cancels in the ratio
        ({AGAIN: 1.06}, ["noisy"]),
        ({SUBJECT: WIDE}, ["wide"]),
        ({AGAIN: WIDE}, ["wide"]),
    ],
)
def test_what_speaks_against_a_row_is_told(factors: dict[str, Any], doubts: list[str]) -> None:
    assert spoilt(**factors) == doubts


@pytest.mark.parametrize(
    ("share", "verdict"), [(0.0, "faster"), (0.05, "faster"), (0.051, "withheld")]
)
def test_other_work_withholds_every_verdict_of_a_row_and_of_its_set(
    share: float, verdict: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = row(times(), share)
    words = {ratio.verdict for label, ratio in found.ratios.items() if label != "A/A"}
    assert found.ratios["kernel"].verdict == verdict
    assert (words == {"withheld"}) is (verdict == "withheld")
    [line] = rows.summary([found, row(times())])
    assert line.verdict == verdict
    assert line.verdicts["withheld"] == (verdict == "withheld")
    assert line.other_work == share
    said = shown([found, row(times())], capsys)
    assert ("MISTRUST: in 1 of 2 rows" in said) is (verdict == "withheld")


def test_the_summary_has_a_line_for_each_net_setting_and_busy_machine(
    capsys: pytest.CaptureFixture[str],
) -> None:
    other = row(times(2.0, pytorch=0.5))
    made = [
        row(times(0.5)),
        replace(other, flags=["drift"]),
        row(times(0.25), threads="default"),
        row(times(0.25), busy=0.75),
        row(times(0.5), busy=0.625),
        row(),  # it was not timed
    ]
    lines = rows.summary(made)
    assert [(line.group, line.layers) for line in lines] == [
        (Group("net", 1), 2),
        (Group("net", "default"), 1),
        (Group("net", 1, busy=True), 2),
    ]
    assert list(grouped(made)) == [line.group for line in lines]
    kernels = [line.means["kernel"] for line in lines]
    assert [one.ratio for one in kernels] == pytest.approx([1.0, 0.25, 0.5**1.5], rel=0.01)
    each = [one.ratios["kernel"] for one in made[:2]]
    ends = [np.sqrt(each[0].low * each[1].low), np.sqrt(each[0].high * each[1].high)]
    assert [kernels[0].low, kernels[0].high] == pytest.approx(ends)
    assert (kernels[0].smallest, kernels[0].largest) == pytest.approx((0.5, 2.0), rel=0.01)
    assert lines[0].flags == {"drift": 1, "bimodal": 0, "noisy": 0}
    assert lines[0].means["pytorch"].layers == 1
    assert [line.busy for line in lines] == [None, None, 0.625]
    assert lines[0].total_milliseconds[SUBJECT] == pytest.approx(2 * 2500, rel=0.01)
    said = shown(made, capsys)
    assert "1, busy" in said
    assert "figures of a busy machine" in said
    assert "0.75" in said.partition("one core taken")[2]
    assert "not timed" in said


@pytest.mark.parametrize(
    ("dtype", "threads", "share"),
    [("float32", 1, 0.4), ("bfloat16", "default", 0.2), ("float64", 1, 0.8), ("int32", 1, 0.8)],
)
def test_the_share_of_the_peak_is_that_of_dtype_and_threads(
    dtype: str, threads: Any, share: float
) -> None:
    convolution = f"{dtype} NHWC 1x4x4x2 w1x1x2x3 s1,1 d1,1 VALID normal:0"
    for token in (convolution, f"conv2d_transpose {convolution}"):
        one = replace(row(token=token), threads=threads, gflops={SUBJECT: 40.0, KERNEL: 20.0})
        assert rows.peak_share(one, block()) == pytest.approx({SUBJECT: share, KERNEL: share / 2})


def test_the_least_is_the_product_and_the_casts(capsys: pytest.CaptureFixture[str]) -> None:
    assert rows.bounds(row()) is None
    assert rows.bounds(row(times())) is None
    steps = {**times(), limits.PRODUCT: [0.25] * 12, limits.COPY: [5.0] * 12}
    casts = {**steps, limits.CASTS: [0.15] * 12}
    for given, expected in ((steps, [0.25, 2]), (casts, [0.4, 1.25])):
        found = rows.bounds(row(given))
        assert found is not None
        assert [one.ratio for one in found] == pytest.approx(expected, 0.02)
    larger = row({**steps, limits.PRODUCT: [1.0] * 12}, name="other")
    lines = shown([row(steps), larger], capsys).splitlines()
    assert "0.50 0.50-0.50" in next(line for line in lines if "geometric mean " in line)


def judged(choice: str = "tiles", **algorithms: float) -> Row:
    more: Any = {ALGORITHM + name: t for name, t in algorithms.items()}
    given = times(1.0, spread=0.0, **more)
    return row(given, chosen=choice)


def test_the_regret_is_that_of_the_choice_beside_the_best(
    capsys: pytest.CaptureFixture[str],
) -> None:
    far = judged(tiles=1.3, banded=0.8, other=0.9)
    assert (far.best, far.regret) == ("banded", far.ratios[ALGORITHM + "banded"])
    assert far.regret is not None
    assert far.regret.ratio == pytest.approx(1.25)
    near = judged(tiles=0.9, banded=1.2)  # its own second process is no other algorithm
    assert (near.best, near.regret) == ("tiles", Ratio(1.0, 1.0, 1.0))
    assert judged(tiles=1.0).regret == Ratio(1.0, 1.0, 1.0)
    [line] = rows.summary([far, near, replace(far, other_work=0.06)])
    assert line.regret is not None
    assert (line.regret.near, line.regret.surely_far, line.regret.withheld) == (1, 1, 1)
    assert line.regret.largest == pytest.approx(1.25)
    said = shown([far, near], capsys)
    assert "1 of 2, 50.0%" in said
    assert "1.25-1.25 banded" in said


def test_rounds_go_on_until_each_ratio_is_narrow_or_far_behind() -> None:
    quiet, rough = times(1.0), times(1.0, spread=0.3)[KERNEL]
    assert rows.known({**quiet, "banded": rough})
    assert not rows.known({**quiet, "banded": rough}, ["banded"])
    behind = (9 * np.asarray(rough)).tolist()
    assert rows.known({**quiet, "banded": behind}, ["banded"])
    assert not rows.known({**quiet, SUBJECT: rough})
    assert not rows.known({**quiet, AGAIN: rough})


def test_a_layer_has_the_median_of_its_processes_and_a_set_their_spread(
    capsys: pytest.CaptureFixture[str],
) -> None:
    calls = [[90.0, 20.0, 10.0], [60.0, 20.0, 15.0], [999.0, 20.0, 19.0]]
    theirs = [[5.0, 3.0, 2.0]]
    made = [
        row(first_microseconds={SUBJECT: calls, KERNEL: theirs}, name="a"),
        row(first_microseconds={SUBJECT: [[40.0, 30.0, 30.0]], KERNEL: theirs}),
    ]
    assert [rows.beyond(made[0], SUBJECT, after) for after in (0, 1)] == [70, 5]
    [line] = rows.summary(made)
    ours, other = line.first_calls[SUBJECT], line.first_calls[KERNEL]
    assert (ours.second, ours.median, ours.worst, ours.noise) == (20, 40, 70, 2.5)
    assert ours.ninety == pytest.approx(64)
    assert (other.median, other.worst, other.worst_noise) == (2, 2, 1)
    assert "net, 1 thread" in shown(made, capsys)


def test_notes_say_what_failed_what_cannot_and_what_ended_the_timing() -> None:
    notes = {TEN_LINES: Note(refused="too large")}
    one = row(beside=notes, not_timed="died with status 1")
    other = row(agreement=agreeing("DISAGREES"), token="token")
    third = row(agreement=agreeing(cannot="no NCHW", in_nhwc=True))
    assert tables.notes([one, other, third]) == [
        "net: name: ten lines of NumPy are not timed: too large",
        "net: name: not timed: died with status 1",
        "DISAGREES: net: name: its result is beyond the bound: token",
        "net: name: TensorFlow as installed cannot: no NCHW; compared and timed in NHWC",
    ]


def test_forced_onednn_and_others_have_columns_and_reasons(
    capsys: pytest.CaptureFixture[str],
) -> None:
    more: Any = {FORCED: 0.9, "scipy": 3.0}
    one = row(times(**more), beside={"scipy": Note(0.1)})
    other = row(times(), beside={"scipy": Note(refused="only at stride 1")}, name="other")
    said = shown([one, other], capsys)
    assert "0.56" in said
    assert "cannot" in said
    assert "only at stride 1" in said
