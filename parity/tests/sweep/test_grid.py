"""The first grid: how many geometries, which, and how a part of them is chosen."""

from __future__ import annotations

import math
from collections import Counter
from hashlib import blake2b
from itertools import combinations
from typing import Any

import pytest

from parity.examples import corners
from parity.model import geometry
from parity.model.case import Case
from parity.model.operation import OPERATIONS
from parity.model.subject import DTYPES, FORMATS, Scope
from parity.sweep import run
from parity.sweep.grid import Grid


def cases(grid: Grid, every: int = 1) -> list[Case]:
    """Return every case of one group in so many."""
    groups = list(grid.chosen())[::every]
    return [case for group in groups for one in group.formats for case in group.cases(one)]


def test_the_number_of_geometries() -> None:
    grid = Grid()
    counted: Counter[str] = Counter()
    for group in grid.chosen():
        counted[group.first.dtype] += group.size
    assert counted == {
        "float32": 516_417,
        "float64": 516_417,
        "int32": 140_658,
        "float16": 140_830,
        "bfloat16": 140_598,
    }
    axes = (*grid.sizes, *grid.kernels, *grid.strides, *grid.dilations)
    everything = math.prod(map(len, axes)) * 5 * 11 * 2
    assert counted["float32"] + counted["float64"] + grid.left_out() == everything
    assert len(grid.channel_numbers()) == 11  # in_channels, out_channels and common divisors


@pytest.mark.parametrize(
    ("dtypes", "expected"), [(("float32",), "abaa6c2c88a02b30"), (DTYPES, "d0d766f02b4d4bba")]
)
def test_the_tokens_of_conv2d_are_what_they_were(dtypes: tuple[str, ...], expected: str) -> None:
    checksum = blake2b(digest_size=8)
    for case in cases(Grid(dtypes=dtypes, every=100)):
        checksum.update(f"{case.token()}\n".encode())
    assert checksum.hexdigest() == expected


def calls(grid: Grid, dtype: str, data_format: str) -> Counter[str]:
    """Return the calls of a grid in a dtype and a format, by what does not depend on these."""
    groups = [one for one in grid.chosen() if one.first.dtype == dtype]
    found = [one for one in groups if data_format in one.formats]
    tokens = [case.token() for group in found for case in group.cases("NHWC")]
    return Counter(token.partition(" NHWC ")[2].rpartition(" ")[0] for token in tokens)


def test_each_geometry_is_compared_in_float32_in_one_format_and_in_float64_in_the_other() -> None:
    grid = Grid(every=200)
    single, double = (
        [calls(grid, dtype, one) for one in FORMATS] for dtype in ("float32", "float64")
    )
    assert single == double[::-1]
    assert 0.45 < single[0].total() / (single[0] + single[1]).total() < 0.55
    assert max((single[0] + single[1]).values()) == 1
    whole = calls(Grid(dtypes=("float32",), every=200), "float32", "NCHW")
    assert single[0] + single[1] == whole
    alone = Grid(formats=("NCHW",), every=200)
    assert calls(alone, "float32", "NCHW") == calls(alone, "float64", "NCHW") == whole


@pytest.mark.parametrize("name", OPERATIONS)
def test_data_in_float64_are_drawn_for_all_data_but_for_two_filters(name: str) -> None:
    grid = Grid.of(Scope(operation=name, dtypes=("float64",)), every=50)
    kinds = {group.first.kind for group in grid.chosen()}
    assert kinds == ({"small"} if name == "separable_conv2d" else {"uniform"})


def test_geometries_are_valid_distinct_and_complete() -> None:
    found = cases(Grid(dtypes=("float32",)), every=18)
    assert len({case.token() for case in found}) == len(found) > 50_000
    assert all(min(geometry.output_geometry(case)[0]) >= 0 for case in found)


def test_the_first_dtype_is_compared_whole_and_others_on_one_channel() -> None:
    grid = Grid(dtypes=("float32", "float16"), sizes=((4,), (3,)), formats=("NHWC",))
    whole, part = (
        {case.token().partition(" ")[2]: case for case in cases(grid) if case.dtype == dtype}
        for dtype in grid.dtypes
    )
    assert part.keys() < whole.keys()
    single = {token for token, case in whole.items() if case.filters_shape[2:] == (1, 1)
              and case.input_shape[3] == 1}  # fmt: skip
    assert single <= part.keys()
    assert 0.1 < len(part) / len(whole) < 0.2


@pytest.mark.parametrize("every", [997, 1000])
def test_every_spreads_over_every_axis(every: int) -> None:
    grid = Grid(dtypes=("float32",), every=every)
    found = cases(grid)
    assert 0.9 < len(found) * every / 1_032_834 < 1.1
    pairs: Counter[Any] = Counter()
    for case in found:
        if case.data_format == "NHWC":
            axes = (*case.input_shape[1:], *case.filters_shape, *case.strides, *case.dilations)
            padding = case.padding if isinstance(case.padding, str) else "explicit"
            pairs.update(combinations(enumerate((*axes, padding)), 2))
    # Every value of every axis has met every value of every other axis.
    sizes = (*grid.sizes, grid.channels, *grid.kernels)
    steps = (*grid.strides, *grid.dilations)
    axes_values = (*sizes, grid.channels, grid.channels, *steps, ("SAME", "VALID", "explicit"))
    for (one, firsts), (other, seconds) in combinations(enumerate(axes_values), 2):
        if {one, other} != {2, 5}:  # in_channels of a filter divide the channels of the image
            for first in firsts:
                for second in seconds:
                    assert pairs[(one, first), (other, second)], (one, first, other, second)


def test_a_scope_narrows_the_grid() -> None:
    without = frozenset({"groups", "dilations", "explicit", "empties"})
    scope = Scope(dtypes=("int32", "float32"), formats=("NCHW",), without=without)
    grid = Grid.of(scope, every=500)
    assert grid.dtypes == ("float32", "int32")
    found = cases(grid)
    assert found
    assert all(corners.within(case, scope) for case in found)
    met = {name for case in found for name in corners.classes(case)}
    assert corners.minima(scope).keys() - run.BEYOND <= met


def test_every_corner_class_is_in_the_grid_but_those_beyond_it() -> None:
    met = {name for case in cases(Grid(every=1000)) for name in corners.classes(case)}
    assert corners.minima(Scope()).keys() - met == run.BEYOND
