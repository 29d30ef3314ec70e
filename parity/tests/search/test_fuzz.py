"""Campaigns: what they find, keep, doubt and return, and that they survive their subjects."""

from __future__ import annotations

import itertools
import os
import signal
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

import npconv
from parity.__main__ import main
from parity.claims import CLAIMS
from parity.claims.tally import dtypes
from parity.engine import note
from parity.model.case import Case
from parity.model.settings import Settings
from parity.model.subject import Scope
from parity.oracles import eigen as tensorflow_oracle
from parity.search import campaign
from parity.search.campaign import Campaign, Record
from parity.search.regressions import regressions
from parity.store.store import Store

HERE = "parity.tests.search.test_fuzz"
NARROW = ["--claims", "exact", "--dtypes", "int32", "--jobs", "1", "--seed", "5"]


def wrong_at_stride_3(x: Any, w: Any, strides: Any, *rest: Any, **named: Any) -> Any:
    result = npconv.conv2d(x, w, strides, *rest, **named)
    if strides[0] == 3 and result.size:
        result[..., -1:, :, :] += 1
    return result


def dying_at_stride_3(x: Any, w: Any, strides: Any, *rest: Any, **named: Any) -> Any:
    if strides[0] == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return npconv.conv2d(x, w, strides, *rest, **named)


def wrong_or_dying(x: Any, w: Any, strides: Any, *rest: Any, **named: Any) -> Any:
    if strides[0] == 2 and w.shape[0] == 2:
        os.abort()
    return wrong_at_stride_3(x, w, strides, *rest, **named)


def dying(*arguments: Any, **named: Any) -> Any:
    os.abort()


def hanging_at_stride_3(x: Any, w: Any, strides: Any, *rest: Any, **named: Any) -> Any:
    if strides[0] == 3:
        time.sleep(3600)
    return npconv.conv2d(x, w, strides, *rest, **named)


def wrong_then_dying(x: Any, w: Any, strides: Any, *rest: Any, **named: Any) -> Any:
    """Be wrong, and end the process on the plain data with which a failure is made smaller."""
    if strides[0] == 3 and (x == 1).all():
        os.abort()
    return wrong_at_stride_3(x, w, strides, *rest, **named)


def refusing_stride_3(x: Any, w: Any, strides: Any, *rest: Any, **named: Any) -> Any:
    if strides[0] == 3:
        raise NotImplementedError("strides of 3")
    return npconv.conv2d(x, w, strides, *rest, **named)


def refusing(*arguments: Any, **named: Any) -> Any:
    raise NotImplementedError("anything")


def _break_the_oracle(how: str) -> None:
    """Replace TensorFlow in this process."""

    def broken(*arguments: Any, **named: Any) -> Any:
        if how == "dies":
            os.abort()
        raise RuntimeError("out of order")

    called = note.calls_of(note.ORACLE)(broken)
    setattr(tensorflow_oracle, "function", lambda name: called)  # noqa: B010


def beside_a_broken_oracle(*arguments: Any, **named: Any) -> Any:
    _break_the_oracle("raises")
    return npconv.conv2d(*arguments, **named)


def beside_a_dying_oracle(*arguments: Any, **named: Any) -> Any:
    _break_the_oracle("dies")
    return npconv.conv2d(*arguments, **named)


def fuzz(folder: Path, subject: str = "", *options: str) -> Record:
    """Return what a campaign of 25 turns, or as the options say, has found."""
    output = folder / "fuzz.json"
    given = [*NARROW, "--store", str(folder / "store"), "--output", str(output), *options]
    if not {"--turns", "--minutes"} & {*options}:
        given += ["--turns", "25"]
    if subject:
        given += ["--subject", f"{HERE}:{subject}"]
    code = main(["fuzz", *given])
    record = msgspec.json.decode(output.read_bytes(), type=Record)
    assert record.exit_code == code
    return record


def failed(folder: Path) -> set[str]:
    """Return the tokens that the next campaign begins with."""
    return {one.token for one in Store(folder / "store").corpus() if one.failed}


def test_agreement_and_its_corpus(tmp_path: Path) -> None:
    first = fuzz(tmp_path, "", "--turns", "30")
    assert (first.failures, first.crashes) == ([], [])
    [count] = first.counts
    assert count.examples == first.total.examples > 100
    assert count.distinct > 0.9 * count.examples  # each turn does not begin with the same
    assert first.turns == 30
    tokens = [one.token for one in Store(tmp_path / "store").corpus()]
    assert len(set(tokens)) > 5
    assert all(Case.parse(token).dtype == "int32" for token in tokens)
    [run] = Store(tmp_path / "store").runs()
    assert (run.what, run.seed, run.counts[0].examples) == ("fuzz", 5, count.examples)


def test_a_wrong_subject_is_reduced_to_a_token_that_replays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    subject = f"{HERE}:wrong_at_stride_3"
    record = fuzz(tmp_path, "wrong_at_stride_3")
    assert record.exit_code == 1
    tokens = [failure.token for failure in record.failures]
    assert {Case.parse(token).strides[0] for token in tokens} == {3}
    # What was drawn is reduced, in the place of what was first found; regressions are left alone.
    drawn = [token for token in tokens if token not in regressions()]
    assert drawn
    assert record.failures[0].looks_like == ""  # nobody has misunderstood a convolution like that
    assert all(" ones:0" in token or "only x" in token for token in drawn)
    said = capsys.readouterr().out
    assert f"python -m parity replay '{drawn[0]}' --subject {subject}" in said
    assert "import parity.tests.search.test_fuzz" in said
    assert set(tokens) <= failed(tmp_path)
    # The next one begins with them.
    again = fuzz(tmp_path, "wrong_at_stride_3", "--turns", str(len(tokens)))
    assert {one.token for one in again.failures} == set(tokens)


def test_a_campaign_goes_on_after_its_subject_has_died(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = fuzz(tmp_path, "dying_at_stride_3")
    assert record.exit_code == 1
    tokens = {crash.note for crash in record.crashes}
    assert len(tokens) > 1  # the other examples are drawn from other seeds
    assert record.total.examples > 0
    said = capsys.readouterr().out
    for token in tokens:
        assert Case.parse(token).strides[0] == 3
        assert f"python -m parity replay '{token}' --subject {HERE}:dying_at_stride_3" in said
    assert "killed by SIGKILL, in a call of the subject" in said
    assert tokens <= failed(tmp_path)


def test_the_same_seed_finds_and_counts_the_same_on_any_number_of_processes(tmp_path: Path) -> None:
    """With failures to be reduced, deaths, and claims that are left alone meanwhile."""
    options = ("--claims", "exact,bounded", "--dtypes", "int32,float32", "--turns", "30")
    records = []
    for jobs in "13":
        (tmp_path / jobs).mkdir()
        record = fuzz(tmp_path / jobs, "wrong_or_dying", *options, "--jobs", jobs)
        records.append(msgspec.to_builtins(record))
        for name in ("seconds", "examples_per_second_and_job", "jobs"):
            del records[-1][name]
    assert records[0] == records[1]
    assert records[0]["failures"]
    assert records[0]["crashes"]


def test_a_subject_that_dies_of_everything_is_left_alone(tmp_path: Path) -> None:
    record = fuzz(tmp_path, "dying", "--turns", "1000")
    assert record.exit_code == 1
    assert len([one for one in record.crashes if one.note not in regressions()]) == campaign.ENOUGH
    assert record.total.examples == 0


def test_a_call_that_hangs_is_told_by_its_token(tmp_path: Path) -> None:
    record = fuzz(tmp_path, "hanging_at_stride_3", "--turns", "12", "--call-seconds", "1")
    assert record.exit_code == 1
    crash = record.crashes[0]
    assert Case.parse(crash.note).strides[0] == 3
    assert crash.reason == "no answer within 1 s, in a call of the subject"


def test_a_failure_outlives_the_death_of_its_reduction(tmp_path: Path) -> None:
    record = fuzz(tmp_path, "wrong_then_dying")
    assert record.exit_code == 1
    [failure, *_] = [one for one in record.failures if one.token not in regressions()]
    assert "outputs differ" in failure.reason
    assert " ones:0" not in failure.token
    tokens = [failure.token, record.crashes[0].note]
    assert {Case.parse(token).strides[0] for token in tokens} == {3}
    assert set(tokens) <= failed(tmp_path)


@pytest.mark.parametrize(("subject", "code"), [("", 130), ("wrong_at_stride_3", 1)])
def test_after_ctrl_c_what_was_found_is_written(
    subject: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    take = Campaign.take

    def taken(self: Campaign, outcome: Any) -> Any:
        found = take(self, outcome)
        if self.counts and len(self.failures) >= (code == 1):
            signal.raise_signal(signal.SIGINT)
        return found

    monkeypatch.setattr(Campaign, "take", taken)
    # A shell's background jobs ignore SIGINT, and so do their children.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        record = fuzz(tmp_path, subject, "--minutes", "9")
    finally:
        signal.signal(signal.SIGINT, before)
    assert (record.exit_code, record.interrupted, bool(record.failures)) == (code, True, code == 1)
    assert ("interrupted: " if code == 130 else "DISAGREES") in capsys.readouterr().out
    assert record.counts
    assert Store(tmp_path / "store").corpus()


def test_what_is_not_supported_is_counted_and_no_disagreement(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = fuzz(tmp_path, "refusing_stride_3")
    [count] = record.counts
    assert (record.exit_code, record.failures) == (3, [])  # a fifth of all examples is too much
    assert 0.1 * count.examples < count.not_supported < 0.5 * count.examples
    [doubt] = [one for one in record.doubts if "supported" in one]
    assert "--without, --dtypes or --layouts" in doubt
    assert "NotImplementedError: strides of 3" in doubt
    assert "MISTRUSTED" in capsys.readouterr().out


def test_what_says_nothing_of_the_subject_is_no_agreement(tmp_path: Path) -> None:
    nothing = fuzz(tmp_path, "refusing", "--turns", "2")
    assert (nothing.exit_code, nothing.failures, nothing.total.examples) == (3, [], 0)
    assert "exact: no example" in nothing.doubts
    broken = fuzz(tmp_path, "beside_a_broken_oracle", "--turns", "2")
    assert (broken.exit_code, broken.failures, broken.crashes) == (3, [], [])
    assert any("RuntimeError: out of order" in doubt for doubt in broken.doubts)
    dying = fuzz(tmp_path, "beside_a_dying_oracle", "--turns", "2")
    assert (dying.exit_code, dying.failures, dying.crashes[0].side) == (3, [], "TensorFlow")
    assert any("SIGABRT, in a call of TensorFlow" in doubt for doubt in dying.doubts)


def test_every_claim_has_its_turn_before_any_has_its_second_and_seeds_differ() -> None:
    one = Campaign(Settings(), None, seed=0, turns=2000)
    turns = list(itertools.islice(one.planned(), 2000))
    assert [turn.number for turn in turns] == list(range(2000))
    drawn = [turn for turn in turns if turn.claim]
    pairs = {(claim.name, dtype) for claim in CLAIMS.values() for dtype in dtypes(claim, Scope())}
    for first in range(0, len(drawn) - len(pairs), len(pairs)):
        a_round = drawn[first : first + len(pairs)]
        assert {(turn.claim, turn.dtype) for turn in a_round} == pairs
        assert all(turn.examples <= CLAIMS[turn.claim].examples for turn in a_round[:-1])
    assert drawn[0].examples <= campaign.FIRST < drawn[-len(pairs)].examples
    assert {turn.token for turn in turns if turn.token} == set(regressions())
    other = Campaign(Settings(), None, seed=1, turns=1)
    starts = {
        turn.start for turn in (*drawn, *itertools.islice(other.planned(), 2000)) if turn.claim
    }
    assert len(starts) == 2 * len(drawn)


def test_a_campaign_too_short_is_mistrusted(tmp_path: Path) -> None:
    record = fuzz(tmp_path, "", "--minutes", "0.0001", "--dtypes", "int32,float32")
    assert record.exit_code == 3
    assert any("no example" in doubt for doubt in record.doubts)


@pytest.mark.parametrize(
    "wrong",
    [
        ["--subject", "nowhere:x"],
        ["--dtypes", "int8"],
        ["--claims", "hope"],
        ["--minutes", "0"],
        ["--claims", "bounded", "--dtypes", "int32"],
        ["--store", "{file}/below"],
        ["--output", "{file}/below"],
    ],
)
def test_wrong_calls(wrong: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parity.search.turns.play", lambda *_: pytest.fail("it has begun"))
    (tmp_path / "file").touch()
    given = ["fuzz", "--store", str(tmp_path / "store"), *wrong]
    assert main([one.format(file=tmp_path / "file") for one in given]) == 2


def test_every_regression_is_admitted_by_a_claim() -> None:
    for token in regressions():
        assert any(claim.admits(Case.parse(token)) for claim in CLAIMS.values())
