"""The grid: how many geometries, which, and how a part of them is chosen."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from typing import Any

import pytest

from parity.examples import corners
from parity.model import geometry
from parity.model.subject import Scope
from parity.sweep import run
from parity.sweep.grid import CHANNELS, DILATIONS, HEIGHTS, KERNELS, STRIDES, WIDTHS, Grid


def counted(grid: Grid) -> Counter[str]:
    sizes: Counter[str] = Counter()
    for block, size in grid.sizes().items():
        sizes[block.dtype] += size
    return sizes


def test_the_number_of_geometries() -> None:
    grid = Grid()
    assert counted(grid) == {
        "float32": 1_032_834,
        "float64": 140_870,
        "int32": 140_658,
        "float16": 140_830,
        "bfloat16": 140_598,
    }
    per_axis = len(KERNELS) * len(STRIDES) * len(DILATIONS)
    everything = len(HEIGHTS) * len(WIDTHS) * per_axis**2 * 5 * 11 * 2
    assert counted(grid)["float32"] + grid.left_out() == everything
    assert len(grid.channels()) == 11  # every in_channels, out_channels and common divisor


def test_geometries_are_valid_distinct_and_complete() -> None:
    grid = Grid()
    seen: set[str] = set()
    for block in grid.blocks()[:270:9]:
        cases = list(grid.cases(block))
        tokens = {case.token() for case in cases}
        assert len(tokens) == len(cases)
        assert not tokens & seen
        seen |= tokens
        for case in cases:
            assert min(geometry.output_geometry(case)[0]) >= 0
            assert case.dtype == "float32"
    assert len(seen) > 100_000


def test_the_first_dtype_is_compared_whole_and_others_on_one_channel() -> None:
    grid = Grid(dtypes=("float32", "float16"))
    first, other = grid.blocks()[100], grid.blocks()[370]
    assert first[2:] == other[2:]
    whole = {case.token().partition(" ")[2]: case for case in grid.cases(first)}
    part = {case.token().partition(" ")[2]: case for case in grid.cases(other)}
    assert part.keys() < whole.keys()
    for token, case in whole.items():
        if case.filters_shape[2:] == (1, 1) and "x1 w" in token:
            assert token in part or case.data_format == "NCHW"
    assert 0.1 < len(part) / len(whole) < 0.2


@pytest.mark.parametrize("every", [997, 1000])
def test_every_spreads_over_every_axis(every: int) -> None:
    grid = Grid(dtypes=("float32",), every=every)
    cases = [case for block in grid.blocks() for case in grid.cases(block)]
    assert len(cases) == sum(grid.sizes().values())
    assert 0.9 < len(cases) * every / 1_032_834 < 1.1
    pairs: Counter[Any] = Counter()
    for case in cases:
        if case.data_format == "NHWC":
            axes = (*case.input_shape[1:], *case.filters_shape, *case.strides, *case.dilations)
            padding = case.padding if isinstance(case.padding, str) else "explicit"
            pairs.update(combinations(enumerate((*axes, padding)), 2))
    # Every value of every axis has met every value of every other axis.
    values = [HEIGHTS, WIDTHS, CHANNELS, KERNELS, KERNELS, CHANNELS, CHANNELS, STRIDES, STRIDES]
    axes_values = [*values, DILATIONS, DILATIONS, ("SAME", "VALID", "explicit")]
    for (one, firsts), (other, seconds) in combinations(enumerate(axes_values), 2):
        if {one, other} == {2, 5}:
            continue  # in_channels of a filter divide the channels of the image
        for first in firsts:
            for second in seconds:
                assert pairs[(one, first), (other, second)], (one, first, other, second)


def test_a_scope_narrows_the_grid() -> None:
    without = frozenset({"groups", "dilations", "explicit", "empties"})
    scope = Scope(dtypes=("int32", "float32"), formats=("NCHW",), without=without)
    grid = Grid.of(scope, every=500)
    assert grid.dtypes == ("float32", "int32")
    cases = [case for block in grid.blocks() for case in grid.cases(block)]
    assert cases
    assert all(corners.within(case, scope) for case in cases)
    met = {name for case in cases for name in corners.classes(case)}
    assert corners.minima(scope).keys() - run.BEYOND <= met


def test_every_corner_class_is_in_the_grid_but_those_beyond_it() -> None:
    grid = Grid(every=1000)
    met = {name for block in grid.blocks() for case in grid.cases(block)
           for name in corners.classes(case)}  # fmt: skip
    assert corners.minima(Scope()).keys() - met == run.BEYOND
