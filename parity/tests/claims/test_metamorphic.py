"""Each law holds of exact sums, and each is broken by a fault that it is meant to find."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from parity.claims import metamorphic, tally, trust
from parity.claims.laws import LAWS, Instance
from parity.examples.strategies import cases
from parity.model import geometry
from parity.model.call import read
from parity.model.case import DTYPES, Array, Case
from parity.model.subject import FEATURES, FORMATS, Scope
from parity.oracles import bounds
from parity.search.explore import explore

Fault = Callable[[Case, Array, Array], Array]


def faulty(fault: Fault) -> Callable[..., Array]:
    """Return a conv2d that does what `fault` makes of a case and its arrays."""

    def conv2d(input: Array, filters: Array, **named: Any) -> Array:
        case = read({"input": input, "filters": filters, **named})
        assert case
        case = replace(case, dtype=input.dtype.name)
        return np.ascontiguousarray(fault(case, input, filters))

    return conv2d


def right(case: Case, x: Array, w: Array) -> Array:
    return bounds.integers(case, x, w)


def kernel_flipped(case: Case, x: Array, w: Array) -> Array:
    return right(case, x, w[::-1, ::-1])


def input_saturates(case: Case, x: Array, w: Array) -> Array:
    return right(case, np.minimum(x, 2).astype(x.dtype), w)


def filters_saturate(case: Case, x: Array, w: Array) -> Array:
    return right(case, x, np.minimum(w, 2).astype(w.dtype))


def sign_lost(case: Case, x: Array, w: Array) -> Array:
    return right(case, abs(x), w)


def padded_by_ones(case: Case, x: Array, w: Array) -> Array:
    top, bottom, left, right_ = geometry.output_geometry(case)[1]
    spatial = [(top, bottom), (left, right_)]
    none = [(0, 0)] * (x.ndim - 3)
    last = [(0, 0)]
    order = [*none, *last, *spatial] if case.data_format == "NCHW" else [*none, *spatial, *last]
    x = np.pad(x, order, constant_values=1)
    return right(replace(case, input_shape=x.shape, padding="VALID"), x, w)


def odd_pixel_first(case: Case, x: Array, w: Array) -> Array:
    if case.padding == "SAME":
        top, bottom, left, right_ = geometry.output_geometry(case)[1]
        case = replace(case, padding=(bottom, top, right_, left))
    return right(case, x, w)


def groups_dealt(case: Case, x: Array, w: Array) -> Array:
    axis = -1 if case.data_format == "NHWC" else -3
    channels, depth = x.shape[axis], w.shape[2]
    order = np.arange(channels).reshape(depth, -1).T.ravel()
    return right(case, np.take(x, order, axis), w)


def small_kernels_do_not_stride(case: Case, x: Array, w: Array) -> Array:
    y = right(case, x, w)
    if w.shape[:2] == (1, 1) and max(case.strides) > 1:
        y = np.roll(y, 1)
    return y


def images_rolled(case: Case, x: Array, w: Array) -> Array:
    return right(case, x, w) if len(x) < 2 else right(case, np.roll(x, 1, axis=0), w)


def second_axis_reversed(case: Case, x: Array, w: Array) -> Array:
    y = right(case, x, w)
    return y if y.ndim == 4 else np.flip(y, 1)


def strides_one_too_far(case: Case, x: Array, w: Array) -> Array:
    y = right(case, x, w)
    if not y.size:
        return y
    every = right(replace(case, strides=(1, 1), padding=geometry.output_geometry(case)[1]), x, w)
    axes = (-3, -2) if case.data_format == "NHWC" else (-2, -1)
    for axis, stride in zip(axes, case.strides, strict=True):
        if stride > 1:
            every = np.take(every, range(1, every.shape[axis], stride), axis)
    return every if every.shape == y.shape else y


def nchw_turned(case: Case, x: Array, w: Array) -> Array:
    y = right(case, x, w)
    return y if case.data_format == "NHWC" else np.flip(y, -1)


def dilation_from_the_second_tap(case: Case, x: Array, w: Array) -> Array:
    w = w.copy()
    if case.dilations[0] > 1:
        w[-1] = 0
    if case.dilations[1] > 1:
        w[:, -1] = 0
    return right(case, x, w)


def filters_reversed(case: Case, x: Array, w: Array) -> Array:
    return right(case, x, w[..., ::-1])


def channels_weighed(case: Case, x: Array, w: Array) -> Array:
    return right(case, x, w * (np.arange(w.shape[2], dtype=w.dtype)[:, None] % 2))


def pads_swapped(case: Case, x: Array, w: Array) -> Array:
    if not isinstance(case.padding, str):
        top, bottom, left, right_ = case.padding
        case = replace(case, padding=(bottom, top, left, right_))
    return right(case, x, w)


def column_stride_ignored(case: Case, x: Array, w: Array) -> Array:
    return right(replace(case, strides=(case.strides[0], case.strides[0])), x, w)


FAULTS: dict[str, Fault] = {
    "one tap": kernel_flipped,
    "sum of inputs": input_saturates,
    "sum of filters": filters_saturate,
    "negation": sign_lost,
    "pads are zeros": padded_by_ones,
    "same is its pads": odd_pixel_first,
    "groups one by one": groups_dealt,
    "matrix product": small_kernels_do_not_stride,
    "images apart": images_rolled,
    "rank by reshape": second_axis_reversed,
    "stride by slicing": strides_one_too_far,
    "formats by transposing": nchw_turned,
    "dilation by zeros": dilation_from_the_second_tap,
    "filters apart": filters_reversed,
    "channels permuted": channels_weighed,
    "turned": pads_swapped,
    "rows for columns": column_stride_ignored,
}


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_laws_hold_of_exact_sums(dtype: str) -> None:
    kind = "bounded" if dtype == "int32" else "lattice"

    @given(cases((dtype,), (kind,)))
    @settings(max_examples=40, deadline=None, derandomize=True, database=None)
    def check(case: Case) -> None:
        metamorphic.check(case, faulty(right))

    check()


def test_every_law_finds_the_fault_that_is_meant_for_it() -> None:
    assert set(FAULTS) == set(LAWS)
    given_cases: list[Case] = []

    @given(cases(("float32",), ("lattice",)))
    @settings(max_examples=300, deadline=None, derandomize=True, database=None)
    def keep(case: Case) -> None:
        given_cases.append(case)

    keep()
    for name, fault in FAULTS.items():
        law = LAWS[name].sides

        def broken(case: Case, law: Any = law, fault: Fault = fault) -> bool:
            sides = law(Instance.of(case, faulty(fault), Scope()))
            return sides is not None and not np.array_equal(*sides)

        assert any(map(broken, given_cases)), name


def test_what_fails_is_named_with_its_token() -> None:
    case = Case.parse("int32 NHWC 1x3x3x1 w1x2x1x1 s1,1 d1,1 VALID lattice:1")
    for fault in (kernel_flipped, sign_lost):
        with pytest.raises(AssertionError, match=f"(?s)law '.*token: {re.escape(case.token())}"):
            metamorphic.check(case, faulty(fault))


def test_a_subject_that_raises_breaks_the_law_that_called_it() -> None:
    def fault(case: Case, x: Array, w: Array) -> Array:
        if len(x) == 1:
            raise ZeroDivisionError("one image")
        return right(case, x, w)

    case = Case.parse("float32 NHWC 2x1x1x1 w1x1x1x1 s1,1 d1,1 VALID ones:0")
    raised = r"law 'images apart'.*ZeroDivisionError: one image"
    with pytest.raises(AssertionError, match=raised):
        metamorphic.check(case, faulty(fault))


@pytest.mark.parametrize(
    ("law", "text"),
    [("sum of inputs", "bfloat16 NHWC 1x9x9x4 w7x7x4x1 s1,1 d1,1 VALID lattice:0"),
     ("pads are zeros", "float32 NHWC 1x3x3x1 w1x1x1x1 s1,1 d1,1 SAME lattice:0"),
     ("same is its pads", "float32 NHWC 1x3x3x1 w3x3x1x1 s1,1 d1,1 1,1,1,1 lattice:0"),
     ("groups one by one", "float32 NHWC 1x3x3x2 w3x3x2x2 s1,1 d1,1 SAME lattice:0"),
     ("matrix product", "float32 NHWC 1x3x3x1 w3x3x1x1 s1,1 d1,1 SAME lattice:0"),
     ("matrix product", "float32 NHWC 1x5x3x1 w3x3x1x1 s1,1 d2,1 VALID lattice:0"),
     ("images apart", "float32 NHWC 1x3x3x1 w3x3x1x1 s1,1 d1,1 SAME lattice:0"),
     ("rank by reshape", "float32 NHWC 2x3x3x1 w3x3x1x1 s1,1 d1,1 SAME lattice:0"),
     ("stride by slicing", "float32 NHWC 2x3x3x1 w3x3x1x1 s1,1 d1,1 SAME lattice:0"),
     ("dilation by zeros", "float32 NHWC 2x3x3x1 w1x3x1x1 s1,1 d2,1 SAME lattice:0"),
     ("filters apart", "float32 NHWC 2x3x3x2 w1x3x1x2 s1,1 d1,1 SAME lattice:0"),
     ("channels permuted", "float32 NHWC 2x3x3x1 w3x3x1x1 s1,1 d1,1 SAME lattice:0"),
     ("turned", "float32 NHWC 2x3x3x1 w3x3x1x1 s1,2 d1,1 SAME lattice:0")],
)  # fmt: skip
def test_a_law_says_nothing_where_it_does_not_apply(law: str, text: str) -> None:
    assert LAWS[law].sides(Instance.of(Case.parse(text), faulty(right), Scope())) is None


@pytest.mark.parametrize(
    "without", [frozenset(), frozenset({"explicit"}), frozenset(FEATURES)], ids=len
)
def test_what_is_asked_of_a_run_is_reached(without: frozenset[str]) -> None:
    formats = FORMATS[:1] if without else FORMATS
    scope = Scope(dtypes=("int32",), formats=formats, layouts=("C",), without=without)
    seen: list[str] = []

    def within(case: Case, x: Array, w: Array) -> Array:
        if not scope.has("explicit") and not isinstance(case.padding, str):
            seen.append("explicit")
        if case.data_format not in scope.formats:
            seen.append(case.data_format)
        return right(case, x, w)

    count = tally.Count("metamorphic", "int32")
    explore(metamorphic.CLAIM, "int32", faulty(within), scope, count, examples=150, start=0)
    assert not trust.doubts(metamorphic.CLAIM, [count], scope)
    assert not seen
