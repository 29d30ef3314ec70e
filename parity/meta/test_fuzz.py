"""Campaigns: what they find, keep, doubt and return."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import npconv
from parity.__main__ import main
from parity.campaign import Interesting, Job, _start
from parity.case import Case
from parity.claims import CLAIMS
from parity.corpus import Corpus, regressions

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


def constant(x: Any, w: Any, strides: Any, *rest: Any, **named: Any) -> Any:
    return np.zeros_like(npconv.conv2d(x, w, strides, *rest, **named))


def fuzz(folder: Path, *options: str) -> tuple[int, dict[str, Any]]:
    output = folder / "fuzz.json"
    files = ["--corpus", str(folder / "corpus.txt"), "--output", str(output)]
    code = main(["fuzz", *NARROW, *files, *options])
    return code, json.loads(output.read_text())


def test_agreement_and_its_corpus(tmp_path: Path) -> None:
    code, document = fuzz(tmp_path, "--minutes", "0.15")
    assert (code, document["failures"], document["doubts"]) == (0, [], [])
    [count] = document["counts"]
    assert count["examples"] == document["total"]["examples"] > 100
    tokens = Corpus(tmp_path / "corpus.txt").tokens
    assert len(tokens) > 5
    assert all(Case.parse(token).dtype == "int32" for token in tokens)


def test_a_wrong_subject_is_reduced_to_a_token_that_replays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    subject = "parity.meta.test_fuzz:wrong_at_stride_3"
    code, document = fuzz(tmp_path, "--minutes", "0.1", "--subject", subject)
    assert code == 1
    token = document["failures"][0]["token"]
    assert Case.parse(token).strides[0] == 3
    said = capsys.readouterr().out
    assert f"python -m parity replay '{token}' --subject {subject}\n" in said
    assert "import parity.meta.test_fuzz" in said
    assert main(["replay", token, "--subject", subject]) == 1
    assert main(["replay", token, "--subject", "npconv:conv2d"]) == 0
    # The next campaign begins with it.
    assert token in Corpus(tmp_path / "corpus.txt").tokens


def test_a_subject_that_dies_is_told_by_its_token(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    subject = "parity.meta.test_fuzz:dying_at_stride_3"
    code, document = fuzz(tmp_path, "--minutes", "0.1", "--subject", subject)
    assert code == 1
    [crash] = document["crashes"]
    assert Case.parse(crash["note"]).strides[0] == 3
    assert crash["note"] in capsys.readouterr().out


def test_a_campaign_too_short_is_mistrusted(tmp_path: Path) -> None:
    code, document = fuzz(tmp_path, "--minutes", "0.0001", "--dtypes", "int32,float32")
    assert code == 3
    assert any("examples" in doubt for doubt in document["doubts"])


@pytest.mark.parametrize(
    "wrong",
    [["--subject", "nowhere:x"], ["--dtypes", "int8"], ["--claims", "hope"], ["--minutes", "0"]],
)
def test_wrong_calls(wrong: list[str], tmp_path: Path) -> None:
    assert main(["fuzz", "--corpus", str(tmp_path / "c.txt"), *wrong]) == 2


def test_a_broken_corpus_is_a_wrong_call(tmp_path: Path) -> None:
    (tmp_path / "c.txt").write_text("float32 rubbish  # why\n")
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
    corpus.write()
    again = Corpus(path)
    assert list(again.tokens) == list(corpus.tokens) == [first, second]
    again.add(Interesting(second, "a", 0.75))
    assert list(again.tokens) == [second]


def test_no_two_turns_draw_from_the_same_seed() -> None:
    starts = {
        _start(Job(number, seed, 1.0), turn)
        for seed in range(10)
        for number in range(10)
        for turn in range(100)
    }
    assert len(starts) == 10_000


def test_every_regression_is_admitted_by_a_claim() -> None:
    for token in regressions():
        assert any(claim.admits(Case.parse(token)) for claim in CLAIMS.values())
