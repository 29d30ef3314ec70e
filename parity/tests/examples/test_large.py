"""The claim about large sizes: what it draws cuts npconv's matrices everywhere, tails are seen."""

from __future__ import annotations

import math
import re
import tracemalloc
from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import find, given, settings

import npconv
from parity.claims import large
from parity.examples import corners
from parity.examples.strategies import Dials
from parity.model import geometry
from parity.model.case import DTYPES, Array, Case
from parity.model.subject import FEATURES, Scope
from parity.oracles import bounds

EXAMPLES = 300
Call = Callable[..., Array]


@cache
def drawn(dtype: str, scope: Scope) -> list[Case]:
    """Return what Hypothesis draws."""
    found: list[Case] = []

    @given(large.strategy(dtype, scope))
    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None)
    def keep(case: Case) -> None:
        found.append(case)

    keep()
    return found


def groups(case: Case) -> int:
    channels = case.input_shape[-1 if case.data_format == "NHWC" else -3]
    return channels // case.filters_shape[2]


def blocks(case: Case) -> Counter[str]:
    """Count the directions in which npconv cuts, and in which its last block is not full."""
    shapes = case.input_shape, case.filters_shape
    said = npconv.explain(*shapes, **dict[str, Any](case.arguments()), dtype=DTYPES[case.dtype])
    tile = re.search(r"(\d+) x (\d+) x (\d+) outputs at once", said.tiles)
    some = re.search(r"(\d+) of \d+ groups", said.tiles)
    part = re.search(r"(\d+) of (\d+) filters", said.tiles)
    taps = re.search(r"(\d+) x (\d+) taps of (\d+) channels", said.tiles)
    assert tile, said.tiles
    kernel_rows, kernel_columns, depth, _ = case.filters_shape
    (rows, columns), _ = geometry.output_geometry(case)
    sizes = {
        "batch": (math.prod(case.input_shape[:-3]), int(tile[1])),
        "rows": (rows, int(tile[2])),
        "columns": (columns, int(tile[3])),
        "groups": (groups(case), int(some[1]) if some else groups(case)),
    }
    if part:
        sizes["filters"] = int(part[2]), int(part[1])
    if taps:
        sizes["kernel rows"] = kernel_rows, int(taps[1])
        sizes["kernel columns"] = kernel_columns, int(taps[2])
        sizes["channels"] = depth, int(taps[3])
    found = Counter(name for name, (whole, block) in sizes.items() if whole > block)
    found.update(f"{name}: tail" for name, (whole, block) in sizes.items() if whole % block)
    return found


@pytest.mark.parametrize("dtype", DTYPES)
def test_npconv_is_cut_in_every_direction_with_a_last_block_that_is_not_full(dtype: str) -> None:
    cut: Counter[str] = Counter()
    for case in drawn(dtype, Scope()):
        cut += blocks(case)
    for name in (*large.OUTSIDE, *large.INSIDE):
        assert cut[name] >= EXAMPLES / 100, (name, cut)
        # npconv cuts most kernels and groups to single rows, taps or groups: they leave no tail.
        if name not in ("kernel rows", "kernel columns", "groups"):
            assert cut[f"{name}: tail"] >= EXAMPLES / 150, (name, cut)


SCOPES = [Scope(), Scope(formats=("NCHW",)), Scope(without=frozenset(FEATURES), formats=("NHWC",))]


@pytest.mark.parametrize("scope", SCOPES, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_work_is_bounded_and_every_class_is_drawn_twice_as_often_as_asked(
    dtype: str, scope: Scope
) -> None:
    counted: Counter[str] = Counter()
    for case in drawn(dtype, scope):
        assert corners.within(case, scope), case.token()
        outputs = math.prod(geometry.output_shape(case))
        filters = case.filters_shape[3]
        assert 0 < outputs * case.terms <= 1.05 * large.WORK
        itemsize = 8 if dtype == "float64" else 4
        assert outputs // filters * case.terms * groups(case) * itemsize < 13 * 2**20
        assert (math.prod(case.input_shape) + math.prod(case.filters_shape)) * itemsize < 50 * 2**20
        assert outputs <= 2**23
        counted.update(large.classes(case))
    tokens = {case.token() for case in drawn(dtype, scope)}
    assert len(tokens) > 0.99 * EXAMPLES
    rare = {name: counted[name] for name, share in large.minima(scope).items()
            if counted[name] < min(2 * share, 1) * EXAMPLES}  # fmt: skip
    assert not rare


def test_every_byte_is_read() -> None:
    for drawn_bytes in (bytes(large.BYTES), b"\xff" * large.BYTES, bytes(range(large.BYTES))):
        for scope in SCOPES:
            dials = Dials(drawn_bytes)
            large.assembled(dials, "int32", scope)
            with pytest.raises(StopIteration):
                dials.below(1)


def test_large_cases_shrink() -> None:
    limits = settings(max_examples=2000, database=None, derandomize=True, deadline=None)
    strategy = large.strategy("float32", Scope())
    assert find(strategy, lambda case: True, settings=limits).token() == (
        "float32 NHWC 1x1x1x1 w1x1x1x1 s1,1 d1,1 VALID lattice:0"
    )
    case = find(strategy, lambda case: "tail of columns" in large.classes(case), settings=limits)
    assert case.token() == "float32 NHWC 1x1x17x1 w1x1x1x1 s1,1 d1,1 VALID lattice:0"


def test_sums_take_no_more_memory_than_some_times_the_arrays() -> None:
    case = Case.parse("float32 NHWC 1x100x100x64 w3x3x64x8 s1,1 d1,1 SAME lattice:0")
    x, w = case.arrays()
    tracemalloc.start()
    bounds.integers(case, x, w)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * 8 * x.size, "the products alone are 9 * 8 times the input"


def without_last(axis: str) -> Call:
    """Return npconv's conv2d, of which the last block of 16 along `axis` is lost."""

    def conv2d(input: Array, filters: Array, **named: Any) -> Array:
        if axis == "channels":
            filters = filters.copy()
            filters[:, :, filters.shape[2] // 16 * 16 :] = 0
        result = np.array(npconv.conv2d(input, filters, **named))
        y = np.moveaxis(result, -3, -1) if named["data_format"] == "NCHW" else result
        places = {"rows": 1, "columns": 2, "filters": 3}
        if axis in places:
            size = y.shape[places[axis]]
            y.swapaxes(0, places[axis])[size // 16 * 16 :] = 0
        for image in y if axis == "outputs" else ():
            flat = image.reshape(-1, y.shape[3])  # a copy of an NCHW image
            flat[flat.shape[0] // 1024 * 1024 :] = 0
            image[...] = flat.reshape(image.shape)
        return result

    return conv2d


@pytest.mark.parametrize("name", corners.TAILS)
def test_a_tail_that_is_lost_is_found(name: str) -> None:
    of_class = [case for case in drawn("float32", Scope()) if name in large.classes(case)][:4]
    assert len(of_class) == 4
    for case in of_class:
        with pytest.raises(AssertionError, match="bit-identical"):
            large.CLAIM.check(case, without_last(name.removeprefix("tail of ")))


@pytest.mark.parametrize("name", [*large.OUTSIDE, *large.INSIDE])
def test_what_fills_more_than_a_buffer_agrees(name: str) -> None:
    found = [case for case in drawn("float32", Scope())
             if f"more than a buffer of {name}" in large.classes(case)][:2]  # fmt: skip
    for case in found:
        told = large.CLAIM.check(case, npconv.conv2d)
        assert told.telling > 0
    assert len(found) == 2
