"""Claim: every row of divergences.toml still differs, exactly as written; a stale row fails."""

from __future__ import annotations

import platform
from functools import cache
from typing import Any

import pytest

import npconv
from parity import subject, tensorflow_default, tensorflow_oracle
from parity.ledger import Divergence, load, outcome
from parity.speed import machine

pytestmark = pytest.mark.skipif(not subject.is_npconv(), reason="the ledger is npconv's")

LEDGER = load()
EIGEN = [row for row in LEDGER.values() if row.build == "eigen"]
ONEDNN = [row for row in LEDGER.values() if row.build == "onednn"]
VERSION = ".".join(tensorflow_oracle.version.split(".")[:2])


@cache
def default_outcomes() -> dict[str, str]:
    """Ask the default build about all rows: one process for those that it survives."""
    shown = [one for row in ONEDNN for one in row.shown]
    alive = [one.expression for one in shown if one.tensorflow != tensorflow_default.KILLED]
    found = dict(zip(alive, tensorflow_default.outcomes(alive), strict=True))
    for one in shown:
        if one.expression not in found:
            [found[one.expression]] = tensorflow_default.outcomes([one.expression])
    return found


def theirs(row: Divergence) -> list[str]:
    tf = tensorflow_oracle.tf
    conv2d, patches = map(tensorflow_oracle.quietly, (tf.nn.conv2d, tf.image.extract_patches))
    return [outcome(one.expression, conv2d, patches) for one in row.shown]


def ours(row: Divergence, conv2d: Any) -> list[str]:
    return [outcome(one.expression, conv2d, npconv.extract_patches) for one in row.shown]


@pytest.mark.parametrize("row", EIGEN, ids=lambda row: row.id)
def test_differs_without_onednn(row: Divergence, conv2d: Any) -> None:
    assert theirs(row) == [one.tensorflow for one in row.shown]
    assert ours(row, conv2d) == [one.npconv for one in row.shown]
    assert VERSION in row.versions.split(", ")


@pytest.mark.skipif(platform.machine() != "x86_64", reason="oneDNN is the default on x86-64 only")
@pytest.mark.parametrize("row", ONEDNN, ids=lambda row: row.id)
def test_differs_from_the_default_build(row: Divergence, conv2d: Any) -> None:
    if row.cpu and row.cpu not in machine.cpu()[1]:
        pytest.skip(f"shows only on CPUs with {row.cpu}")
    found = [default_outcomes()[one.expression] for one in row.shown]
    assert found == [one.tensorflow for one in row.shown]
    assert ours(row, conv2d) == [one.npconv for one in row.shown]
    assert VERSION in row.versions.split(", ")


@pytest.mark.parametrize("row", ONEDNN, ids=lambda row: row.id)
def test_without_onednn_there_is_no_such_difference(row: Divergence) -> None:
    classes = {"InvalidArgumentError": "ValueError"}
    assert [classes.get(one, one) for one in theirs(row)] == [one.npconv for one in row.shown]
