"""Every class of corner is reached, every drawn case is valid, faults do what they say."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings

from parity import bounds
from parity.calls import FAULTS, Call, nearly_valid_calls
from parity.case import DTYPES, Case
from parity.strategies import cases
from parity.subject import Scope


def nhwc(case: Case) -> tuple[int, int, int]:
    a, b, c = case.input_shape[-3:]
    return (a, b, c) if case.data_format == "NHWC" else (b, c, a)


def reach(case: Case, axis: int) -> int:
    return (case.filters_shape[axis] - 1) * case.dilations[axis] + 1


def in_padding(case: Case) -> bool:
    """Whether the first window of rows lies wholly in the padding."""
    return isinstance(case.padding, tuple) and case.padding[0] >= reach(case, 0)


def groups(case: Case) -> int:
    return nhwc(case)[2] // case.filters_shape[2]


CORNERS: dict[str, Callable[[Case], bool]] = {
    "NCHW": lambda c: c.data_format == "NCHW",
    "rank 5": lambda c: len(c.input_shape) == 5,
    "rank 6": lambda c: len(c.input_shape) == 6,
    "SAME": lambda c: c.padding == "SAME",
    "VALID": lambda c: c.padding == "VALID",
    "asymmetric pads": lambda c: isinstance(c.padding, tuple) and c.padding[0] != c.padding[1],
    "window in the padding": in_padding,
    "stride beyond the kernel": lambda c: c.strides[0] > reach(c, 0),
    "unequal strides": lambda c: c.strides[0] != c.strides[1],
    "dilated": lambda c: c.dilations[0] > 1 and c.filters_shape[0] > 1,
    "dilated and strided": lambda c: c.dilations[0] > 1 and c.strides[0] > 1,
    "odd rows": lambda c: nhwc(c)[0] % 2 == 1,
    "even rows": lambda c: nhwc(c)[0] % 2 == 0,
    "kernel is the input": lambda c: nhwc(c)[0] == reach(c, 0) > 1 and c.padding == "VALID",
    "kernel beyond the input": lambda c: c.padding == "SAME" and reach(c, 0) > nhwc(c)[0] > 0,
    "1x1 kernel": lambda c: c.filters_shape[:2] == (1, 1),
    "one channel": lambda c: nhwc(c)[2] == 1,
    "one filter": lambda c: c.filters_shape[3] == 1,
    "groups": lambda c: groups(c) > 1,
    "depthwise": lambda c: groups(c) > 1 and c.filters_shape[2] == 1,
    "many terms": lambda c: c.terms > 100,
    "batch 0": lambda c: 0 in c.input_shape[:-3],
    "no filters": lambda c: c.filters_shape[3] == 0,
    "no channels": lambda c: nhwc(c)[2] == 0 and 0 not in bounds.output_shape(c),
    "no rows, but outputs": lambda c: nhwc(c)[0] == 0 and 0 not in bounds.output_shape(c),
    "no rows": lambda c: nhwc(c)[0] == 0,
    "rule 18: kernel too long": lambda c: bounds.output_geometry(c)[0][0] == 0 < nhwc(c)[0],
}
EXAMPLES = 3000


def test_every_corner_is_reached_often() -> None:
    counted: Counter[str] = Counter()
    sizes: list[int] = []

    @given(cases(dtypes=("float32",)))
    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True)
    def count(case: Case) -> None:
        shape = bounds.output_shape(case)
        assert min(shape) >= 0, f"not valid: {case.token()}"
        assert case.input_shape
        assert nhwc(case)[2] % case.filters_shape[2] == 0
        sizes.append(math.prod(shape) * case.terms)
        counted.update(name for name, there in CORNERS.items() if there(case))

    count()
    rare = {name: counted[name] for name in CORNERS if counted[name] < EXAMPLES / 1000}
    assert not rare
    assert max(sizes) < 3_000_000  # products; the widest have 16 bytes
    assert sum(sizes) / len(sizes) < 20_000


@pytest.mark.parametrize("dtype", DTYPES)
def test_asked_for_dtypes_and_kinds_only(dtype: str) -> None:
    @given(cases(dtypes=(dtype,), kinds=("special",), scope=Scope(without=frozenset({"empties"}))))
    @settings(max_examples=100, deadline=None, derandomize=True)
    def check(case: Case) -> None:
        assert (case.dtype, case.kind) == (dtype, "special")
        assert 0 not in case.input_shape
        assert 0 not in bounds.output_shape(case)

    check()


def test_every_fault_is_drawn_alone_and_in_pairs() -> None:
    alone: Counter[str] = Counter()
    numbers: Counter[int] = Counter()

    @given(nearly_valid_calls())
    @settings(max_examples=600, deadline=None, derandomize=True)
    def count(call: Call) -> None:
        numbers[len(call.faults)] += 1
        alone.update(call.faults if len(call.faults) == 1 else ())

    count()
    assert set(alone) == set(FAULTS)
    assert min(alone.values()) > 3
    assert set(numbers) == {0, 1, 2}
    assert min(numbers.values()) > 30
