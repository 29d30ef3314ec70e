"""The grids of the other operations: what is in them, and that faults of every role are found."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import closing
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

import npconv
from parity.claims.check import Subject, sums_in_halves
from parity.engine import Outcome, note
from parity.engine.outcome import this_machine
from parity.examples import corners
from parity.model.case import Case
from parity.model.geometry import Geometry
from parity.model.operation import FAMILY
from parity.model.settings import Settings
from parity.model.subject import Scope
from parity.model.verdict import WrongCall
from parity.oracles import bounds, eigen
from parity.store.store import Store
from parity.sweep import command, run
from parity.sweep.compare import compared
from parity.sweep.found import Found
from parity.sweep.grid import Grid
from parity.sweep.layers import Grids
from parity.tests.sweep.test_grid import cases


def scope(name: str, **limits: Any) -> Scope:
    return Scope(subject=f"npconv:{name}", operation=name, **limits)


def on(within: Scope, function: Callable[..., Any], every: int) -> Found:
    """Compare a function on a grid in this process."""
    found, subject = Found(), Subject(function, within)
    for block in Grids.of(within, every=every).blocks():
        part = compared(block, subject, eigen.prepared)
        found.including([part]).listed += part.listed
    return found


@pytest.mark.parametrize("name", FAMILY)
def test_the_grid_of_an_operation_has_every_value_of_its_axes(name: str) -> None:
    of, grid = scope(name).of, Grid.of(scope(name), every=10)
    found = cases(grid)
    assert 1_500 < len(found) < 12_000
    assert len({case.token() for case in found}) == len(found)
    assert Case.parse(found[-1].token()) == found[-1]
    for place, asked in enumerate((grid.sizes, grid.kernels, grid.strides, grid.dilations)):
        met = [{case.axes()[axis][place] for case in found} for axis in range(of.axes)]
        assert met == list(map(set, asked))
    assert {Geometry.of(case)[2:] for case in found} == {
        (ins, 1 if of.depthwise else ins // groups, outs)
        for ins, groups, outs in grid.channel_numbers()
    }
    met_classes = {one for case in found for one in corners.classes(case)}
    assert corners.minima(scope(name)).keys() - run.BEYOND <= met_classes


@pytest.mark.parametrize("name", FAMILY)
def test_npconv_agrees_with_tensorflow_where_it_computes_and_with_exact_sums(name: str) -> None:
    found, expected = on(scope(name), getattr(npconv, name), 500), cases(Grid.of(scope(name), 500))
    assert (found.disagreements, found.unanswered, found.compared) == (0, 0, len(expected))
    exact = [
        case
        for case in expected
        if not sums_in_halves(case, note.ORACLE) or bounds.exact_in_halves(case, *case.arrays())
    ]
    assert found.answered == sum(map(eigen.answers, exact)) > 0.15 * len(expected)


def without_dilation(right: Any, *arrays: Any, **named: Any) -> Any:
    if named["padding"] == "SAME":  # elsewhere the outputs would have another shape
        named["dilations"] = [1] * len(named["dilations"])
    return right(*arrays, **named)


def with_phases_exchanged(right: Any, *arrays: Any, **named: Any) -> Any:
    result = right(*arrays, **named)
    if named["strides"][-2] > 1:  # of columns
        result[..., :2, :] = result[..., :2, :][..., ::-1, :].copy()
    return result


def with_cropped_pads(right: Any, x: Any, sizes: Any, y: Any, **named: Any) -> Any:
    y = y.copy()
    y[:, :1] *= isinstance(named["padding"], str)
    return right(x, sizes, y, **named)


def with_channels_in_multipliers(right: Any, x: Any, w: Any, **named: Any) -> Any:
    result = right(x, w, **named)
    apart = result.reshape(*result.shape[:-1], *w.shape[2:])
    return apart.swapaxes(-1, -2).reshape(result.shape)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("conv3d", without_dilation),
        ("conv2d_backprop_input", without_dilation),
        ("conv2d_backprop_filter", without_dilation),
        ("conv3d_backprop_input", with_phases_exchanged),
        ("depthwise_conv2d_backprop_input", with_phases_exchanged),
        ("conv3d_backprop_filter", with_cropped_pads),
        ("depthwise_conv2d_backprop_filter", with_cropped_pads),
        ("depthwise_conv2d", with_channels_in_multipliers),
    ],
)
def test_a_fault_is_found_wherever_it_changes_the_map_and_nowhere_else(
    name: str, fault: Callable[..., Any]
) -> None:
    within, right = scope(name, formats=("NHWC",), dtypes=("float32",)), getattr(npconv, name)
    wrong, rng, changed = partial(fault, right), np.random.default_rng(0), set()
    for case in cases(Grid.of(within, 50)):
        given = [rng.integers(1, 10**5, shape).astype(np.float64) for shape in case.shapes]
        if not np.array_equal(case.call_on(wrong, *given), case.call_on(right, *given)):
            changed.add(case.token())
    found = on(within, wrong, 50)
    assert found.disagreements == len(changed) > 10
    assert {one.token for one in found.listed} <= changed


def test_a_sweep_counts_each_operation_and_resumes_only_the_same_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_here(function: Any, tasks: Any, settings: Settings, heard: Any, **_: Any) -> None:
        for task in tasks:
            heard(Outcome(task, function(settings, task), None, this_machine()))

    monkeypatch.setattr(run, "run_tasks", run_here)
    names = ("conv2d", "conv1d", "depthwise_conv2d_backprop_filter")
    scopes = tuple(scope(name, dtypes=("float32",)) for name in names)
    sweep = partial(run.run_sweep, Settings(scope=scopes[0]), every=1000)
    with closing(Store(tmp_path / "store")) as store:
        swept = sweep(scopes=scopes, store=store)
        again = sweep(scopes=scopes, store=store, resume=True)
        with pytest.raises(WrongCall, match="grids is"):
            sweep(scopes=scopes[:2], store=store, resume=True)
    assert (
        again.resumed
        == swept.geometries
        == sum(one.compared for one in again.by_operation.values())
    )
    assert again.by_operation == swept.by_operation
    file = StringIO()
    command.show(swept, Console(file=file, width=80), *scopes)
    for one in scopes:
        row = swept.by_operation[one.operation]
        size = sum(block.size for block in Grids.of(one, every=1000).blocks())
        assert row.compared == row.expected == size >= row.answered > 0
        numbers = rf"{row.compared:,} +{row.answered:,} +{row.outputs:,} +0"
        assert re.search(rf"{one.operation} +{numbers}", file.getvalue())
