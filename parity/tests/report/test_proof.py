"""The pictures and tables of the proof, from made-up and from real figures."""

from __future__ import annotations

import argparse
from typing import Any
from xml.etree import ElementTree

import pytest
from rich.console import Console

from parity.model import subject
from parity.model.subject import Scope
from parity.mutants import command as mutants
from parity.oracles import eigen as tensorflow_oracle
from parity.report import errors, pictures, proof
from parity.search import command as fuzz
from parity.sweep import command as sweep
from parity.tests.search import test_fuzz as subjects

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def real() -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(errors, "SEEDS", 3)
        return sent_by_work(Scope())


def sampled(monkeypatch: pytest.MonkeyPatch, name: str) -> dict[str, Any]:
    monkeypatch.setenv("PARITY_SUBJECT", name)
    monkeypatch.setattr(errors, "SEEDS", 3)
    return sent_by_work(Scope())


def sent_by_work(scope: Scope) -> dict[str, Any]:
    sent: list[dict[str, Any] | str] = []
    errors.work((scope, "float32"), sent.append)
    [one] = sent
    assert isinstance(one, dict)
    return one


def test_a_right_subject_stays_within_the_bound(real: dict[str, Any]) -> None:
    assert real["outputs"] == 3 * 24 * 24 * 8 == sum(real["nearer"].values())
    for side in errors.SIDES:
        bins = real["histogram"][side]
        assert sum(bins.values()) == real["outputs"]
        assert all(int(b) < 0 for b in bins if b != "exact")
        assert len(real["by_position"][side]) == len(real["by_position"][side][0]) == 24
    # Both may have added in the same order: that depends on the kernels that BLAS takes.
    assert 0 <= real["minimum_tolerance"]["absolute"] < 1e-4


def test_a_fault_of_the_padding_shows_as_a_stripe(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wrong = sampled(monkeypatch, "parity.mutants:edge_padding")
    plane = wrong["by_position"]["subject"]
    assert min(plane[0] + plane[-1]) > 1000  # in bounds
    assert max(value for row in plane[1:-1] for value in row[1:-1]) < 1
    assert any(int(b) >= 0 for b in wrong["histogram"]["subject"] if b != "exact")


def test_the_pictures_are_svg(real: dict[str, Any]) -> None:
    drawn = ElementTree.fromstring(pictures.histogram(real, "npconv"))
    assert len(drawn.findall(f".//{SVG}polygon")) == 2
    drawn = ElementTree.fromstring(pictures.heatmap(real, "a<b"))
    assert len(drawn.findall(f".//{SVG}rect")) == 1 + 2 * 24 * 24
    shades = {one.attrib["fill"] for one in drawn.findall(f".//{SVG}rect")}
    assert "#12346e" in shades  # the largest


def test_what_is_beyond_the_bound_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARITY_SUBJECT", "parity.mutants:edge_padding")
    found, wrong, doubts = errors.sample(Scope(), ("float32", "int32"), 1)
    assert [one["dtype"] for one in found] == ["float32"]
    assert (wrong, doubts) == (["float32: an error beyond the bound"], [])


@pytest.mark.parametrize(
    ("name", "wrong", "doubts"),
    [
        ("refusing", [], ["float32: the subject raises NotImplementedError: anything"]),
        ("beside_a_broken_oracle", [], ["float32: TensorFlow raises RuntimeError: out of order"]),
        ("dying", ["float32: killed by SIGABRT, in a call of the subject"], []),
    ],
)
def test_whose_error_it_is_is_told(
    monkeypatch: pytest.MonkeyPatch, name: str, wrong: list[str], doubts: list[str]
) -> None:
    monkeypatch.setenv("PARITY_SUBJECT", f"{subjects.__name__}:{name}")
    assert errors.sample(Scope(), ("float32",), 1) == ([], wrong, doubts)


def test_the_layer_keeps_to_the_scope(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: set[Any] = set()

    def conv2d(x: Any, w: Any, **call: Any) -> Any:
        asked.add((call["padding"], call["data_format"]))
        return tensorflow_oracle.conv2d(x, w, **call)

    monkeypatch.setattr(subject, "load", lambda: conv2d)
    monkeypatch.setattr(errors, "SEEDS", 1)
    one = sent_by_work(Scope(formats=("NCHW",), without=frozenset({"SAME"})))
    assert asked == {("VALID", "NCHW")}
    assert len(one["by_position"]["subject"]) == 22
    assert one["outputs"] == 22 * 22 * 8


FEW, FAILED = "exact: no example", "exact float32: TensorFlow failed on 3 examples"


@pytest.mark.parametrize(
    ("quick", "doubts", "wrong", "unclear", "code"),
    [
        (True, [FEW], [], [], 0),
        (True, [FAILED, FEW], [], [], 3),
        (True, [FEW], [], ["float32: the subject raises NotImplementedError"], 3),
        (True, [FEW], ["float32: an error beyond the bound"], [], 1),
        (False, [FEW], [], [], 3),
    ],
)
def test_quick_forgives_what_was_not_reached_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
    quick: bool,
    doubts: list[str],
    wrong: list[str],
    unclear: list[str],
    code: int,
) -> None:
    swept = {"interrupted": False, "disagreements": 0, "doubts": []}
    campaign = {"interrupted": False, "exit_code": 3, "doubts": doubts, "unreached": [FEW]}
    campaign["total"] = {"examples": 9}
    monkeypatch.setenv("PARITY_SUBJECT", "parity.mutants:edge_padding")  # it has no ledger
    monkeypatch.setattr(proof, "run_sweep", lambda *_, **__: swept)
    monkeypatch.setattr(sweep, "show", lambda *_: None)
    monkeypatch.setattr(fuzz, "campaign", lambda *_, **__: campaign)
    monkeypatch.setattr(errors, "sample", lambda *_: ([], wrong, unclear))
    monkeypatch.setattr(mutants, "hunt", lambda *_, **__: {"exit_code": 0})
    asked = argparse.Namespace(quick=quick, minutes=1.0, every=1, jobs=1, seed=0)
    found = proof.gather(asked, Console(quiet=True))
    assert found["exit_code"] == code
    assert (found["failures"], found["doubts"]) == (wrong, unclear)
