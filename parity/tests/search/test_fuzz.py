"""Campaigns: what they find, keep, doubt and return, and that they survive their subjects."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import npconv
from parity.__main__ import main
from parity.claims import CLAIMS
from parity.model.case import Case
from parity.oracles import eigen as tensorflow_oracle
from parity.search.campaign import Interesting, Job, _start
from parity.search.corpus import Corpus, regressions

ROOT = Path(__file__).parents[3]
HERE = "parity.tests.search.test_fuzz"
NARROW = ["--claims", "exact", "--dtypes", "int32", "--jobs", "1", "--seed", "5"]


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SUBJECT", "CLAIMS", "DTYPES", "LAYOUTS", "WITHOUT"):
        # Set first, so that what a command puts there is taken back.
        monkeypatch.setenv(f"PARITY_{name}", "")


def wrong_at_stride_3(x: Any, w: Any, strides: Any, *rest: Any, **named: Any) -> Any:
    result = npconv.conv2d(x, w, strides, *rest, **named)
    if strides[0] == 3 and result.size:
        result[..., -1:, :, :] += 1
    return result


def dying_at_stride_3(x: Any, w: Any, strides: Any, *rest: Any, **named: Any) -> Any:
    if strides[0] == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return npconv.conv2d(x, w, strides, *rest, **named)


def dying(*arguments: Any, **named: Any) -> Any:
    os.abort()


def hanging_at_stride_3(x: Any, w: Any, strides: Any, *rest: Any, **named: Any) -> Any:
    if strides[0] == 3:
        time.sleep(3600)
    return npconv.conv2d(x, w, strides, *rest, **named)


def wrong_then_dying(x: Any, w: Any, strides: Any, *rest: Any, **named: Any) -> Any:
    """Be wrong once, and end the process while the failure is made smaller."""
    if strides[0] == 3:
        if hasattr(wrong_then_dying, "before"):
            os.abort()
        wrong_then_dying.before = True  # type: ignore[attr-defined]
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

    nn = type("", (), {"conv2d": staticmethod(broken)})
    tensorflow_oracle.tensorflow = lambda: type("", (), {"nn": nn})  # type: ignore[assignment]


def beside_a_broken_oracle(*arguments: Any, **named: Any) -> Any:
    _break_the_oracle("raises")
    return npconv.conv2d(*arguments, **named)


def beside_a_dying_oracle(*arguments: Any, **named: Any) -> Any:
    _break_the_oracle("dies")
    return npconv.conv2d(*arguments, **named)


def fuzz(folder: Path, subject: str = "", *options: str) -> tuple[int, dict[str, Any]]:
    output = folder / "fuzz.json"
    files = ["--corpus", str(folder / "corpus.txt"), "--output", str(output)]
    if subject:
        files += ["--subject", f"{HERE}:{subject}"]
    code = main(["fuzz", *NARROW, *files, *options])
    return code, json.loads(output.read_text())


def test_agreement_and_its_corpus(tmp_path: Path) -> None:
    code, document = fuzz(tmp_path, "", "--minutes", "0.15")
    assert (code, document["failures"], document["doubts"]) == (0, [], [])
    [count] = document["counts"]
    assert count["examples"] == document["total"]["examples"] > 100
    assert count["distinct"] > 0.9 * count["examples"]  # each turn does not begin with the same
    tokens = Corpus(tmp_path / "corpus.txt").tokens
    assert len(tokens) > 5
    assert all(Case.parse(token).dtype == "int32" for token in tokens)


def test_a_wrong_subject_is_reduced_to_a_token_that_replays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    subject = f"{HERE}:wrong_at_stride_3"
    code, document = fuzz(tmp_path, "wrong_at_stride_3", "--minutes", "0.3")
    assert code == 1
    tokens = [failure["token"] for failure in document["failures"]]
    assert {Case.parse(token).strides[0] for token in tokens} == {3}
    # What was drawn is reduced, in the place of what was first found; regressions are left alone.
    drawn = [token for token in tokens if token not in regressions()]
    assert drawn
    assert all(" ones:0" in token or "only x" in token for token in drawn)
    token = drawn[0]
    said = capsys.readouterr().out
    assert f"python -m parity replay '{token}' --subject {subject}\n" in said
    assert "import parity.tests.search.test_fuzz" in said
    assert main(["replay", token, "--subject", subject]) == 1
    assert main(["replay", token, "--subject", "npconv:conv2d"]) == 0
    assert token in Corpus(tmp_path / "corpus.txt").failed  # the next campaign begins with it


def test_a_job_goes_on_after_its_subject_has_died(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, document = fuzz(tmp_path, "dying_at_stride_3", "--minutes", "0.6")
    assert code == 1
    crashes = document["crashes"]
    assert len(crashes) > 1
    tokens = [crash["note"] for crash in crashes]
    assert len(set(tokens)) > 1  # the other examples are drawn from other seeds
    assert document["total"]["examples"] > 0  # what the dead job had compared is counted
    said = capsys.readouterr().out
    for token in tokens:
        assert Case.parse(token).strides[0] == 3
        assert f"python -m parity replay '{token}' --subject {HERE}:dying_at_stride_3\n" in said
    assert "killed by SIGKILL, in a call of the subject" in said
    assert set(tokens) <= set(Corpus(tmp_path / "corpus.txt").failed)


def test_a_subject_that_dies_of_everything_ends_in_time(tmp_path: Path) -> None:
    began = time.monotonic()
    code, document = fuzz(tmp_path, "dying", "--minutes", "0.5", "--claims", "exact,bounded")
    assert code == 1
    assert 0 < len(document["crashes"]) <= 20
    assert document["total"]["examples"] == 0
    assert time.monotonic() - began < 300  # far beyond half a minute: it ends


def test_a_call_that_hangs_is_told_by_its_token(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--minutes", "0.1", "--call-seconds", "2")
    code, document = fuzz(tmp_path, "hanging_at_stride_3", *options)
    assert code == 1
    crash = document["crashes"][0]
    assert Case.parse(crash["note"]).strides[0] == 3
    assert crash["reason"] == "no answer within 2 s, in a call of the subject"
    assert main(["replay", crash["note"], "--subject", f"{HERE}:hanging_at_stride_3",
                 "--call-seconds", "2"]) == 1  # fmt: skip
    assert "DISAGREES: the process: no answer within 2 s" in capsys.readouterr().out


def test_a_failure_outlives_the_death_of_its_reduction(tmp_path: Path) -> None:
    code, document = fuzz(tmp_path, "wrong_then_dying", "--minutes", "0.1")
    assert code == 1
    failure, crash = document["failures"][0], document["crashes"][0]
    assert "outputs differ" in failure["reason"]
    assert Case.parse(failure["token"]).strides[0] == Case.parse(crash["note"]).strides[0] == 3
    assert {failure["token"], crash["note"]} <= set(Corpus(tmp_path / "corpus.txt").failed)


@pytest.mark.parametrize(("subject", "code"), [("npconv:conv2d", 130), ("wrong_at_stride_3", 1)])
def test_after_ctrl_c_what_was_found_is_written(subject: str, code: int, tmp_path: Path) -> None:
    subject = subject if ":" in subject else f"{HERE}:{subject}"
    files = ["--corpus", str(tmp_path / "corpus.txt"), "--output", str(tmp_path / "fuzz.json")]
    script = (
        "import signal, sys\n"
        # A shell's background jobs ignore SIGINT, and so do their children.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from parity import fuzz\n"
        "from parity.__main__ import main\n"
        "hear = fuzz._Heard.message\n"
        "def message(self, job, one):\n"
        "    hear(self, job, one)\n"
        f"    if self.counts and len(self.failures) >= {code == 1}: print('heard', flush=True)\n"
        "fuzz._Heard.message = message\n"
        f"sys.exit(main({['fuzz', *NARROW, *files, '--minutes', '9', '--subject', subject]}))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=ROOT,
        start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        while "heard" not in process.stdout.readline():
            assert process.poll() is None
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does it
        said, _ = process.communicate()
    assert process.returncode == code
    assert ("interrupted: " if code == 130 else "DISAGREES") in said
    document = json.loads((tmp_path / "fuzz.json").read_text())
    assert document["interrupted"]
    assert document["exit_code"] == code
    assert bool(document["failures"]) == (code == 1)
    assert document["counts"]
    assert Corpus(tmp_path / "corpus.txt").tokens


def test_what_is_not_supported_is_counted_and_no_disagreement(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, document = fuzz(tmp_path, "refusing_stride_3", "--minutes", "0.05")
    [count] = document["counts"]
    assert (code, document["failures"]) == (3, [])  # a fifth of all examples is too much
    assert 0.1 * count["examples"] < count["not_supported"] < 0.5 * count["examples"]
    [doubt] = [one for one in document["doubts"] if "supported" in one]
    assert "--without, --dtypes or --layouts" in doubt
    assert "NotImplementedError: strides of 3" in doubt
    assert "MISTRUSTED" in capsys.readouterr().out


def test_nothing_compared_is_no_agreement(tmp_path: Path) -> None:
    code, document = fuzz(tmp_path, "refusing", "--minutes", "0.02")
    assert (code, document["failures"], document["total"]["examples"]) == (3, [], 0)
    assert "exact: no example" in document["doubts"]


def test_what_the_oracle_does_is_never_told_as_the_subjects(tmp_path: Path) -> None:
    code, document = fuzz(tmp_path, "beside_a_broken_oracle", "--minutes", "0.02")
    assert (code, document["failures"], document["crashes"]) == (3, [], [])
    assert any("RuntimeError: out of order" in doubt for doubt in document["doubts"])
    code, document = fuzz(tmp_path, "beside_a_dying_oracle", "--minutes", "0.02")
    assert (code, document["failures"]) == (3, [])
    assert document["crashes"][0]["side"] == "TensorFlow"
    assert any("SIGABRT, in a call of TensorFlow" in doubt for doubt in document["doubts"])


def test_every_claim_has_its_turn_before_any_has_its_second(monkeypatch: Any) -> None:
    from parity.claims.tally import dtypes
    from parity.model.subject import Scope
    from parity.search import campaign

    turns = {(one.name, dtype) for one in CLAIMS.values() for dtype in dtypes(one, Scope())}
    seen: list[list[tuple[str, str]]] = []
    examples: list[int] = []

    def explored(claim: Any, dtype: str, *_: Any, **options: Any) -> None:
        if seen[-1][-1:] != [(claim.name, dtype)]:  # a claim's first turn is tried and then filled
            seen[-1].append((claim.name, dtype))
        examples.append(options["examples"])
        if len(seen[-1]) == 2 * len(turns):
            raise StopIteration

    monkeypatch.setattr(campaign, "explore", explored)
    monkeypatch.setattr("gc.freeze", lambda: None)
    for number in range(2):
        seen.append([])
        with pytest.raises(StopIteration):
            campaign.work(Job(number, 0, 3600.0, 2, known=0), lambda _: None)
        half = len(turns) // 2 + 1
        assert set(seen[-1][: len(turns)]) == set(seen[-1][len(turns) :]) == turns
        assert max(examples[: len(turns)]) <= max(one.examples for one in CLAIMS.values())
    # Two jobs have seen everything when each has done a half.
    assert set(seen[0][:half]) | set(seen[1][:half]) == turns


def test_a_campaign_too_short_is_mistrusted(tmp_path: Path) -> None:
    code, document = fuzz(tmp_path, "", "--minutes", "0.0001", "--dtypes", "int32,float32")
    assert code == 3
    assert any("no example" in doubt for doubt in document["doubts"])


@pytest.mark.parametrize(
    "wrong",
    [
        ["--subject", "nowhere:x"],
        ["--dtypes", "int8"],
        ["--claims", "hope"],
        ["--minutes", "0"],
        ["--claims", "bounded", "--dtypes", "int32"],
    ],
)
def test_wrong_calls(wrong: list[str], tmp_path: Path) -> None:
    assert main(["fuzz", "--corpus", str(tmp_path / "c.txt"), *wrong]) == 2


@pytest.mark.parametrize(
    "line",
    [
        "float32 rubbish  # why",
        "conv2d(input=__import__('os').system('touch {canary}'))  # why",
        "conv2d(input=ints((100000, 100000, 1, 1), 'float32'))",
        "float32 NHWC 1x5x5x3 w3x3x3x2 s1,1 d1,1 SAME lattice:0 only x75 wall",
        "float32 NHWC 99999x99999x5x3 w3x3x3x2 s1,1 d1,1 SAME lattice:0",
        "float32 NHWC 1x5x5x3 w3x3x3x2 s0,1 d1,1 SAME lattice:0",
    ],
)
def test_a_broken_corpus_is_a_wrong_call_and_not_run(
    line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, canary = tmp_path / "c.txt", tmp_path / "canary"
    path.write_text(f"# heading\n{regressions()[0]}  # fine\n{line.format(canary=canary)}\n")
    assert main(["fuzz", "--corpus", str(path)]) == 2
    assert f"{path}, line 3: " in capsys.readouterr().err.replace("\n", "")
    assert not canary.exists()


def test_a_corpus_that_is_no_text_is_a_wrong_call(tmp_path: Path) -> None:
    (tmp_path / "c.txt").write_bytes(b"\xff\xfe")
    assert main(["fuzz", "--corpus", str(tmp_path / "c.txt")]) == 2


def test_the_corpus_keeps_one_token_a_reason_and_the_larger_ratio(tmp_path: Path) -> None:
    path = tmp_path / "new" / "corpus.txt"
    corpus = Corpus(path)
    first, second = regressions()[:2]
    for found in (
        Interesting(first, "a", 0.5),
        Interesting(second, "a", 0.25),
        Interesting(second, "b"),
        Interesting(first, "b"),
    ):
        corpus.add(found)
    corpus.add_failure(second)
    corpus.write()
    again = Corpus(path)
    assert list(again.tokens) == list(corpus.tokens) == [first, second]
    assert again.failed == (second,)
    again.add(Interesting(second, "a", 0.75))
    assert list(again.tokens) == [second]


def test_no_two_turns_draw_from_the_same_seed() -> None:
    starts = {
        _start(Job(number, seed, 1.0), turn, tried=tried)
        for seed in range(10)
        for number in range(10)
        for turn in range(100)
        for tried in (False, True)
    }
    assert len(starts) == 20_000


def test_every_regression_is_admitted_by_a_claim() -> None:
    for token in regressions():
        assert any(claim.admits(Case.parse(token)) for claim in CLAIMS.values())


@pytest.mark.parametrize("option", ["--corpus", "--output"])
def test_a_file_that_cannot_be_written_is_told_before_anything_is_drawn(
    option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(
        "parity.search.command.campaign", lambda *_, **__: pytest.fail("it has begun")
    )
    files = {"--corpus": str(tmp_path / "c.txt")} | {option: str(tmp_path / "file" / "below")}
    assert main(["fuzz", *(word for pair in files.items() for word in pair)]) == 2
