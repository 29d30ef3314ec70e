"""Drawn cases are valid, within their scope, seldom repeated, small enough, and shrink well."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from functools import cache

import pytest
from hypothesis import find, given, settings

from parity.examples import corners
from parity.examples.strategies import BYTES, NOTHINGS, Dials, assembled, cases
from parity.model.case import Case
from parity.model.geometry import Geometry, output_shape
from parity.model.subject import FEATURES, FORMATS, Scope

SEARCH = settings(max_examples=2000, database=None, derandomize=True, deadline=None)
NARROWED = [
    *(Scope(without=frozenset({feature})) for feature in FEATURES),
    Scope(without=frozenset(FEATURES)),
    *(Scope(formats=(one,)) for one in FORMATS),
    Scope(layouts=("C", "F"), dtypes=("int32",)),
]


@cache
def drawn(count: int, scope: Scope, *, layouts: bool = False) -> list[Case]:
    """Return what Hypothesis draws."""
    found: list[Case] = []

    @given(cases(scope.dtypes, ("lattice",), scope, layouts=layouts))
    @settings(max_examples=count, deadline=None, derandomize=True, database=None)
    def keep(case: Case) -> None:
        found.append(case)

    keep()
    return found


def test_cases_are_valid_bounded_and_not_repeated() -> None:
    found = drawn(3000, Scope())
    work: list[int] = []
    for case in found:
        shape = output_shape(case)
        assert min(shape) >= 0, f"not valid: {case.token()}"
        assert Geometry.of(case).channels % case.filters_shape[2] == 0
        assert min(case.filters_shape[:3]) > 0
        work.append(math.prod(shape) * case.terms)
    assert max(work) < 3_000_000  # products; the widest have 16 bytes
    assert sum(work) / len(work) < 20_000
    assert len({case.token() for case in found}) > 0.99 * len(found)
    # More than the seed differs.
    assert len({case.token().partition("lattice")[0] for case in found}) > 0.95 * len(found)


EMPTY: dict[str, Callable[[Geometry], bool]] = {
    "batch": lambda it: 0 in it.lead,
    "filters": lambda it: it.filters == 0,
    "channels": lambda it: it.channels == 0 and 0 not in (*it.outputs, *it.lead, it.filters),
    "rows": lambda it: it.rows.size == 0 < it.rows.outputs,
    "columns": lambda it: it.columns.size == 0 < it.columns.outputs,
    "output rows": lambda it: it.rows.outputs == 0 < it.rows.size,
    "output columns": lambda it: it.columns.outputs == 0 < it.columns.size,
}


def test_every_way_to_be_empty_is_drawn() -> None:
    assert set(EMPTY) == set(NOTHINGS)
    found = [Geometry.of(case) for case in drawn(3000, Scope())]
    counted = Counter(name for it in found for name, there in EMPTY.items() if there(it))
    assert min(counted[name] for name in EMPTY) > 5, counted


def test_an_output_is_empty_though_the_kernel_is_too_long_by_more_than_a_stride() -> None:
    valid = [case for case in drawn(3000, Scope()) if case.padding == "VALID"]
    assert any(it.reach - it.size > it.stride for it in (Geometry.of(case).rows for case in valid))


@pytest.mark.parametrize("scope", NARROWED, ids=str)
def test_nothing_is_drawn_outside_the_scope(scope: Scope) -> None:
    for case in drawn(200, scope, layouts=True):
        assert corners.within(case, scope), case.token()
        assert min(output_shape(case)) >= 0


def test_asked_for_dtypes_and_kinds_only() -> None:
    @given(cases(dtypes=("int32",), kinds=("special",)))
    @settings(max_examples=100, deadline=None, derandomize=True)
    def check(case: Case) -> None:
        assert (case.dtype, case.kind) == ("int32", "special")
        assert (case.input_layout, case.filters_layout) == ("C", "C")

    check()


@pytest.mark.parametrize(
    ("wanted", "smallest"),
    [
        (lambda c: True, "1x1x1x1 w1x1x1x1 s1,1 d1,1 VALID lattice:0"),
        (lambda c: c.strides[0] > 1, "1x1x1x1 w1x1x1x1 s2,1 d1,1 VALID lattice:0"),
        (lambda c: c.padding == "SAME", "1x1x1x1 w1x1x1x1 s1,1 d1,1 SAME lattice:0"),
        (lambda c: c.filters_shape[3] >= 3, "1x1x1x1 w1x1x1x3 s1,1 d1,1 VALID lattice:0"),
        (lambda c: c.seed > 1000 and c.seed % 2, "1x1x1x1 w1x1x1x1 s1,1 d1,1 VALID lattice:1001"),
        ("dilation", "1x3x1x1 w2x1x1x1 s1,1 d2,1 VALID lattice:0"),
        ("groups", "1x1x1x2 w1x1x1x2 s1,1 d1,1 VALID lattice:0"),
        ("odd SAME pad", "1x1x1x1 w2x1x1x1 s1,1 d1,1 SAME lattice:0"),
        ("window in padding", "1x1x1x1 w1x1x1x1 s1,1 d1,1 0,1,0,0 lattice:0"),
        ("rank >= 5", "1x2x1x1x1 w1x1x1x1 s1,1 d1,1 VALID lattice:0"),
        ("empty output", "0x1x1x1 w1x1x1x1 s1,1 d1,1 VALID lattice:0"),
        ("layout F", "1x1x1x1 w1x1x1x1 s1,1 d1,1 VALID lattice:0 x:C w:F"),
        (
            lambda c: (c.filters_shape[0], c.strides[1], c.padding) == (3, 2, "SAME"),
            "1x1x1x1 w3x1x1x1 s1,2 d1,1 SAME lattice:0",
        ),
    ],
)
def test_cases_shrink_to_the_smallest_of_their_kind(
    wanted: str | Callable[[Case], bool], smallest: str
) -> None:
    def there(case: Case) -> bool:
        return wanted in corners.classes(case) if isinstance(wanted, str) else wanted(case)

    tried: list[Case] = []

    def counted(case: Case) -> bool:
        tried.append(case)
        return there(case)

    case = find(cases(kinds=("lattice", "special"), layouts=True), counted, settings=SEARCH)
    assert case.token() == f"float16 NHWC {smallest}"
    assert len(tried) < 400


def test_every_byte_is_read_and_each_decision_has_its_own() -> None:
    for drawn_bytes in (bytes(BYTES), b"\xff" * BYTES, bytes(range(BYTES))):
        for scope in (Scope(), Scope(without=frozenset(FEATURES))):
            dials = Dials(drawn_bytes)
            assert assembled(dials, ("float32",), ("lattice",), scope, layouts=True)
            with pytest.raises(StopIteration):
                dials.below(1)


def test_dials_start_with_the_first_choice_and_reach_the_last() -> None:
    assert [Dials(bytes([one])).pick("abc") for one in range(4)] == ["a", "b", "c", "a"]
    assert [one for one in range(24) if Dials(bytes([one])).rarely(12)] == [11, 23]
    assert Dials(bytes([0, 1, 0, 2])).seed() == 65538
