"""Errors of kernels beside their bounds: what is beyond is found, and drawn."""

from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parity.model.case import Array, Case
from parity.model.verdict import AGREEMENT, DISAGREEMENT
from parity.oracles import eigen
from parity.report import close, plots

pytest.importorskip("npconv")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = Case((1, 8, 8, 3), (3, 3, 3, 4), padding="SAME", kind="normal", seed=2)
    monkeypatch.setattr(close, "LAYER", layer)
    eigen.tensorflow()  # or other tests of this process would find another build


def test_every_kernel_is_within_its_own_bound(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "close.svg"
    assert close.run(Namespace(picture=picture)) == AGREEMENT
    printed = capsys.readouterr().out
    drawn = picture.read_text(encoding="utf-8")
    names = [name for name, *_ in close.kernels()]
    assert len(names) >= 6
    for name in names:
        assert name in drawn
        assert name in printed
    assert "beyond its own bound: none" in printed


def test_a_kernel_beyond_its_bound_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    *_, (name, kernel, own) = close.kernels()

    def wrong(*given: Any) -> Array:
        found: Array = kernel(*given).astype(np.float64)
        found[0, 1, 2, 3] += 2 * own(*given)[0, 1, 2, 3]
        return found

    monkeypatch.setattr(close, "kernels", lambda: iter([(name, wrong, own)]))
    assert close.run(Namespace(picture=None)) == DISAGREEMENT
    assert f"beyond its own bound: {name}" in capsys.readouterr().out


def test_no_number_is_no_agreement(monkeypatch: pytest.MonkeyPatch) -> None:
    *_, (name, _, own) = close.kernels()
    kernels = [(name, lambda *given: np.full((1, 8, 8, 4), np.nan), own)]
    monkeypatch.setattr(close, "kernels", lambda: iter(kernels))
    assert close.run(Namespace(picture=None)) == DISAGREEMENT


def test_marks_stand_where_the_numbers_are() -> None:
    row = plots.Spread("one", tuple(2.0**power for power in (-6, -4, -3, -2, -1, 0)), 8.0)
    assert "one: median 0.12, 99 % 0.5, largest 1" in plots.shares([row], "title")
