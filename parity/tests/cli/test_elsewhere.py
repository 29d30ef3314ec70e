"""A place counts only if its variables took effect and every command there is green."""

from __future__ import annotations

import argparse
import io
import os
import sys

import pytest
from rich.console import Console

from parity.cli import elsewhere, terminal
from parity.cli.elsewhere import PLACES, Place, Told, Visit
from parity.model import machine
from parity.oracles.build import Build

CAPPED = Place("oneDNN on AVX2", {"TF_ENABLE_ONEDNN_OPTS": "1", "ONEDNN_MAX_CPU_ISA": "AVX2"})
TOLD = Told(Build("2.21.0", True, "AVX2"), "Haswell", 2)


@pytest.mark.parametrize(
    ("told", "variable"),
    [
        (TOLD, ""),
        (TOLD._replace(tensorflow=Build("2.21.0", False, "AVX2")), "TF_ENABLE_ONEDNN_OPTS=1"),
        (TOLD._replace(tensorflow=Build("2.21.0", True, "AVX512_CORE")), "ONEDNN_MAX_CPU_ISA=AVX2"),
    ],
)
def test_a_variable_without_effect_is_told(told: Told, variable: str) -> None:
    assert elsewhere.without_effect(CAPPED, told).startswith(variable)
    assert bool(elsewhere.without_effect(CAPPED, told)) == bool(variable)


def test_what_blas_says_is_what_its_variable_asked_for() -> None:
    haswell = next(place for place in PLACES if "Haswell" in place.environment.values())
    _, flags = machine.cpu()
    if flags and haswell.needs not in flags:
        pytest.skip("this CPU cannot pass for it")
    assert elsewhere.without_effect(haswell, elsewhere.asked(haswell.environment)) == ""


@pytest.mark.parametrize(("code", "verdict"), [(0, 0), (3, 1)])
def test_one_command_that_is_not_green_fails_the_visit(
    code: int, verdict: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = {
        "first": ["-c", "import os; print(os.environ['ONEDNN_MAX_CPU_ISA'])"],
        "second": ["-c", f"print('the reason'); raise SystemExit({code})"],
    }
    monkeypatch.setattr(elsewhere, "commands", lambda folder: lines)
    monkeypatch.setattr(elsewhere, "asked", lambda environment: TOLD)
    monkeypatch.setattr(elsewhere, "PLACES", (CAPPED,))
    text = io.StringIO()
    monkeypatch.setattr(terminal, "console", lambda: Console(file=text, width=190))
    assert elsewhere.run(argparse.Namespace(only=None)).exit_code == verdict
    assert "oneDNN on AVX2: first: AVX2" in text.getvalue()
    assert "the reason" in text.getvalue()


def test_a_place_whose_variables_take_no_effect_is_not_green(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(elsewhere, "asked", lambda environment: TOLD._replace(kernel="Zen"))
    text = io.StringIO()
    place = Place("OpenBLAS for AVX2", {"OPENBLAS_CORETYPE": "Haswell"})
    found: Visit = elsewhere.visit(place, Console(file=text, width=190))
    assert any(found.codes.values())
    assert "OPENBLAS_CORETYPE=Haswell took no effect" in text.getvalue()


@pytest.mark.skipif(sys.platform != "linux", reason="affinity is Linux's")
def test_one_core_is_one_core_and_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    before = os.sched_getaffinity(0)
    count = "import os; print(len(os.sched_getaffinity(0)))"
    monkeypatch.setattr(elsewhere, "commands", lambda folder: {"cores": ["-c", count]})
    monkeypatch.setattr(elsewhere, "asked", lambda environment: TOLD)
    text = io.StringIO()
    elsewhere.visit(Place("one core", one_core=True), Console(file=text, width=190))
    assert "cores: 1" in text.getvalue()
    assert os.sched_getaffinity(0) == before
