"""``parity prove``: its verdicts, its tokens, and wrong functions as subjects."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("z3", reason="proofs need z3-solver")

import msgspec

from parity.__main__ import main
from parity.model.case import Case
from parity.model.settings import Settings
from parity.model.subject import load
from parity.theorems import records, run
from parity.theorems.theorem import THEOREMS, Proof
from parity.theorems.written import parse, token

SPAN = "span_reads_what_the_definition_says"


def test_a_theorem_and_its_mistakes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "proved.json"
    assert main(["prove", SPAN, "--planted", "span_pads_after", "--output", str(file)]) == 0
    found = msgspec.json.decode(file.read_bytes(), type=records.Proved)
    (proof,), (refutation,) = found.theorems, found.planted
    assert (proof.name, proof.verdict) == (SPAN, "proved")
    assert proof.paths > 1 < proof.statements
    assert refutation.found
    assert refutation.smallest
    said = capsys.readouterr().out
    assert "1 of 1 theorems proved" in said
    assert "1 of 1 mistakes refuted and replayed, 1 by what is surely the smallest" in said
    assert main(["replay", *refutation.token.split()]) == 1
    assert main(["replay", *refutation.token.split()[:-1]]) == 0


def test_a_mistake_about_axes_makes_calls_wrong() -> None:
    refutation = run.refuted("same_without_max")
    assert refutation.found
    case = Case.parse(refutation.call)
    wrong = load("parity.theorems.wrong:same_without_max")
    x, w = case.arrays()
    right = case.call_on(load("npconv:conv2d"), x, w)
    assert not np.array_equal(case.call_on(wrong, x, w), right)
    assert np.array_equal(case.call_on(load("npconv:conv2d"), x, w), right)


def test_verdicts() -> None:
    right = records.Proved([Proof("a", "", ())], [], [], None, [], [], 0.0)
    assert right.exit_code == 0
    open_ = Proof("b", "", (), verdict="unknown", words="who knows")
    assert replace(right, theorems=[open_]).exit_code == 3
    wrong = Proof("c", "", (), verdict="refuted", counterexample={"x": 1})
    assert replace(right, theorems=[open_, wrong]).failures == [("c", ": theorem c x=1")]
    survived = records.Refutation("m", "f", "a", "proved", "", "", False, False, 0.0)
    assert replace(right, planted=[survived]).exit_code == 1
    unlike = replace(survived, verdict="refuted")  # by integers that refute nothing
    assert replace(right, planted=[unlike]).exit_code == 1
    assert replace(right, crashes=["gone"]).exit_code == 1
    assert replace(right, stale=["docs/recipes.md"]).exit_code == 1


def test_a_page_that_says_something_else_is_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = run.answered(Settings(), run.Task(recipe="tensorflow-max"))
    assert isinstance(one, records.OfRecipe)
    found = [one]
    monkeypatch.setattr(run, "DOCS", tmp_path)
    assert run.stale(found) == []  # of an installation
    (tmp_path / "conf.py").touch()
    assert run.stale(found) == ["docs/recipes.md", "docs/recipes.json", "docs/theorems.md"]
    for name, text in run.pages(found).items():
        (tmp_path / name).write_text(text)
    assert run.stale(found) == []
    assert run.stale([replace(one, against=(1, 2, 1, 1))]) == [
        "docs/recipes.md",
        "docs/recipes.json",
    ]


def test_a_token_comes_back() -> None:
    values = {"size": 5, "kernel": 0, "stride": 2, "dilation": 1, "padding": "VALID"}
    values |= {"before": 0, "after": 0}
    assert parse(token("windows_fit", values, "same_lower")) == (
        "windows_fit",
        values,
        "same_lower",
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("theorem", "and a name"),
        ("theorem windows_fits a=1", "as windows_fit;"),
        ("theorem products_grow small=1 small=1", "given twice"),
        ("theorem conv3d_differs_where_pixels_are_left size=-1", "size=natural"),
        ("theorem products_grow small=1 large=x by=2", "by=integer; received 'large=x'"),
        ("theorem products_grow small=1 by=2", "large is missing"),
        ("theorem windows_fit padding=same", "padding=SAME|VALID|EXPLICIT"),
    ],
)
def test_a_wrong_token_is_explained(
    text: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError, match=said.replace("|", r"\|")):
        parse(text)
    assert main(["replay", *text.split()]) == 2
    outside = "size=1 stride=1 dilation=1 before=0 o0=1 o1=1 k0=0 k1=1 output=0 tap=0"
    assert main(["replay", "theorem", SPAN, *outside.split()]) == 2
    assert "does not speak of these" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--planted", "same_lowest"], "did you mean same_lower?"),
        (["window_fit"], "did you mean windows_fit?"),
        (["windows_fit", "--pages", "."], "not some"),
        (["--output", "no/such/folder/x.json"], "no directory no/such/folder"),
    ],
)
def test_a_wrong_call_is_explained(
    options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["prove", *options]) == 2
    assert said in capsys.readouterr().err


def test_every_theorem_says_what_it_states() -> None:
    for one in THEOREMS.values():
        assert one.statement.endswith("."), one.name
        assert all(about.startswith("npconv.") for about in one.about), one.name
