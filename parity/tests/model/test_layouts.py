"""Memory layouts are what they are called, keep every value, and faults in them are found."""

from __future__ import annotations

import base64
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

import npconv
from parity.claims import layouts
from parity.examples.strategies import cases
from parity.model.case import DTYPES, Array, Case
from parity.model.layouts import LAYOUTS
from parity.model.script import script as written
from parity.model.subject import Scope

CASE = Case((2, 5, 6, 3), (3, 2, 3, 4), padding="SAME", seed=3)
SHAPES = [(2, 3, 4, 5), (1, 1, 1, 1), (2, 0, 4, 5), (2, 3, 4, 0), (2, 1, 3, 1, 2)]


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_keeps_shape_and_values(name: str) -> None:
    for dtype, shape in product(DTYPES.values(), SHAPES):
        array = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
        kept = array.copy()
        laid = LAYOUTS[name](array)
        assert (laid.shape, laid.dtype.newbyteorder("=")) == (shape, dtype)
        assert np.array_equal(laid, kept)
        assert np.array_equal(array, kept)


IS_SO: dict[str, Callable[[Array], bool]] = {
    "C": lambda a: a.flags.c_contiguous and a.flags.aligned and a.flags.writeable,
    "F": lambda a: a.flags.f_contiguous and not a.flags.c_contiguous,
    "reversed": lambda a: max(a.strides) < 0,
    "sliced": lambda a: a.strides[-1] == 2 * a.itemsize,
    "unaligned": lambda a: not a.flags.aligned,
    "readonly": lambda a: not a.flags.writeable,
    "swapped": lambda a: not a.dtype.isnative,
}


def test_a_layout_is_what_it_is_called() -> None:
    assert set(IS_SO) == set(LAYOUTS)
    array = np.arange(120, dtype=np.float32).reshape(2, 3, 4, 5)
    for name, is_so in IS_SO.items():
        assert [other for other in LAYOUTS if is_so(LAYOUTS[other](array))].count(name) == 1


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_snippet_gives_the_arrays_their_layout(name: str) -> None:
    case = Case((1, 3, 4, 2), (2, 3, 2, 3), input_layout=name, filters_layout=name)
    script = written(case, "npconv:conv2d")
    lines = script[script.index("x = ") : script.index("print(")]
    names: dict[str, Any] = {"np": np, "base64": base64}
    exec(lines, names)
    for made, array in zip((names["x"], names["w"]), case.arrays(), strict=True):
        assert np.array_equal(made, array)
        assert (made.strides, made.dtype, made.flags.aligned, made.flags.writeable) == (
            array.strides,
            array.dtype,
            array.flags.aligned,
            name != "readonly" and (array.flags.writeable or name == "C"),
        )


def changes_input(input: Array, filters: Array, **keywords: Any) -> Array:
    y = npconv.conv2d(input, filters, **keywords)
    if input.flags.writeable:
        input[..., :1] += 1
    return y


def swaps_the_callers_bytes(input: Array, filters: Array, **keywords: Any) -> Array:
    if not filters.dtype.isnative:
        filters.byteswap(inplace=True)
        return npconv.conv2d(input, filters.view(filters.dtype.newbyteorder("=")), **keywords)
    return npconv.conv2d(input, filters, **keywords)


KEPT: dict[tuple[Any, ...], Array] = {}


def keeps_its_output(input: Array, filters: Array, **keywords: Any) -> Array:
    y = npconv.conv2d(input, filters, **keywords)
    return KEPT.setdefault((y.shape, y.dtype), y)


def reads_the_buffer(input: Array, filters: Array, **keywords: Any) -> Array:
    flat = np.ascontiguousarray(input) if input.base is None else input.base
    if flat.size == input.size and flat.dtype == input.dtype:
        input = flat.reshape(input.shape)
    return npconv.conv2d(input, filters, **keywords)


def takes_any_bytes(input: Array, filters: Array, **keywords: Any) -> Array:
    input, filters = (array.view(array.dtype.newbyteorder("=")) for array in (input, filters))
    return npconv.conv2d(input, filters, **keywords)


@pytest.mark.parametrize(
    ("fault", "said"),
    [(changes_input, "changes its input"),
     (swaps_the_callers_bytes, "changes its filters"),
     (keeps_its_output, "writes to the first result"),
     (reads_the_buffer, "bit-identical"),
     (takes_any_bytes, "bit-identical")],
)  # fmt: skip
def test_a_fault_is_found(fault: Any, said: str) -> None:
    @given(layouts.CLAIM.strategy("float32", Scope()))
    @settings(max_examples=300, deadline=None, derandomize=True, database=None)
    def check(case: Case) -> None:
        layouts.check(case, fault)

    KEPT.clear()
    layouts.check(CASE, npconv.conv2d)
    with pytest.raises(AssertionError, match=said):
        check()


def test_a_result_that_is_a_view_is_found() -> None:
    case = Case((1, 2, 2, 1), (1, 1, 1, 1), kind="ones")
    layouts.check(case, npconv.conv2d)
    with pytest.raises(AssertionError, match="the result is a view of the input"):
        layouts.check(case, lambda input, filters, **_: input)


def test_layouts_are_drawn_for_both_arrays_only_where_asked() -> None:
    seen: set[tuple[str, str]] = set()

    @given(cases(("float32",), layouts=True))
    @settings(max_examples=1000, deadline=None, derandomize=True, database=None)
    def count(case: Case) -> None:
        seen.add((case.input_layout, case.filters_layout))

    count()
    assert {one for one, _ in seen} == {other for _, other in seen} == set(LAYOUTS)
    assert len(seen) > 0.8 * len(LAYOUTS) ** 2
