"""Every corner class is recognised, its neighbours are not, and enough of each is drawn."""

from __future__ import annotations

from collections import Counter
from itertools import product

import pytest
from hypothesis import given, settings

from parity.examples import corners
from parity.examples.strategies import cases
from parity.model.case import DTYPES, Case
from parity.model.layouts import LAYOUTS
from parity.model.subject import FEATURES, FORMATS, Scope

EXAMPLES = 3000
# Class, a case of it, and a case as near to it as can be that is not.
PAIRS = [
    ("SAME", "1x5x5x1 w2x2x1x1 SAME", "1x5x5x1 w2x2x1x1 0,1,0,1"),
    ("VALID", "1x5x5x1 w2x2x1x1 VALID", "1x5x5x1 w2x2x1x1 0,0,0,0"),
    ("explicit pads", "1x5x5x1 w2x2x1x1 0,0,0,0", "1x5x5x1 w2x2x1x1 VALID"),
    ("unequal pads", "1x5x5x1 w2x2x1x1 1,1,1,2", "1x5x5x1 w2x2x1x1 1,1,2,2"),
    ("unequal pads", "1x5x5x1 w2x2x1x1 1,0,1,1", "1x5x5x1 w2x2x1x1 SAME"),
    ("odd SAME pad", "1x5x5x1 w2x3x1x1 SAME", "1x5x5x1 w3x3x1x1 SAME"),
    ("odd SAME pad", "1x5x4x1 w3x3x1x1 s1,2 SAME", "1x5x5x1 w3x3x1x1 s1,2 SAME"),
    ("odd SAME pad", "1x5x5x1 w3x4x1x1 SAME", "1x5x5x1 w3x4x1x1 0,0,0,1"),
    ("window in padding", "1x5x5x1 w3x3x1x1 3,0,0,0", "1x5x5x1 w3x3x1x1 2,2,2,2"),
    ("window in padding", "1x5x5x1 w3x3x1x1 0,3,0,0", "1x5x5x1 w3x3x1x1 s2,1 0,3,0,0"),
    ("window in padding", "1x5x5x1 w3x3x1x1 0,0,3,0", "1x5x5x1 w3x3x1x1 0,0,2,0"),
    ("window in padding", "1x5x5x1 w3x3x1x1 0,0,0,3", "1x5x5x1 w3x3x1x1 0,0,0,2"),
    # Two taps, one on either side of the only pixel.
    ("window in padding", "1x1x5x1 w2x1x1x1 d3,1 SAME", "1x2x5x1 w2x1x1x1 d2,1 SAME"),
    ("window in padding", "1x5x5x1 w3x3x1x1 d1,2 0,0,5,0", "1x5x5x1 w3x3x1x1 d1,2 0,0,4,0"),
    ("window in padding", "1x1x5x1 w3x3x1x1 3,0,0,0", "1x0x5x1 w3x3x1x1 3,0,0,0"),
    ("stride > kernel", "1x9x9x1 w2x2x1x1 s1,3 VALID", "1x9x9x1 w2x2x1x1 s1,2 VALID"),
    ("stride > kernel", "1x9x9x1 w2x3x1x1 s3,1 VALID", "1x9x9x1 w3x2x1x1 s3,1 VALID"),
    ("unequal strides", "1x9x9x1 w2x2x1x1 s1,2 VALID", "1x9x9x1 w2x2x1x1 s2,2 VALID"),
    ("unequal kernel", "1x9x9x1 w2x3x1x1 VALID", "1x8x9x1 w3x3x1x1 VALID"),
    ("dilation", "1x9x9x1 w1x2x1x1 d1,2 VALID", "1x9x9x1 w1x2x1x1 d2,1 VALID"),
    ("dilation and stride", "1x9x9x1 w1x2x1x1 s1,2 d1,2 VALID", "1x9x9x1 w1x2x1x1 s2,1 d1,2 VALID"),
    ("groups", "1x5x5x6 w2x2x3x2 VALID", "1x5x5x6 w2x2x6x2 VALID"),
    ("depthwise", "1x5x5x2 w2x2x1x2 VALID", "1x5x5x1 w2x2x1x2 VALID"),
    ("depthwise", "1x5x5x3 w2x2x1x6 VALID", "1x5x5x6 w2x2x2x6 VALID"),
    ("kernel = input", "1x5x3x1 w2x3x1x1 VALID", "1x5x4x1 w2x3x1x1 VALID"),
    ("kernel = input", "1x5x9x1 w3x3x1x1 d2,1 VALID", "1x5x1x1 w3x1x1x1 VALID"),
    ("kernel > input", "1x2x5x1 w3x3x1x1 SAME", "1x3x5x1 w3x3x1x1 SAME"),
    ("empty output", "0x5x5x1 w2x2x1x1 VALID", "1x5x5x1 w2x2x1x1 VALID"),
    ("empty output", "2x0x5x5x1 w2x2x1x1 VALID", "2x1x5x5x1 w2x2x1x1 VALID"),
    ("empty output", "1x5x5x1 w2x2x1x0 VALID", "1x5x5x0 w2x2x1x1 VALID"),
    ("empty output", "1x5x2x1 w2x3x1x1 VALID", "1x5x3x1 w2x3x1x1 VALID"),
    ("empty output", "1x1x5x1 w3x3x1x1 s2,1 VALID", "1x1x5x1 w3x3x1x1 s2,1 1,1,0,0"),
    ("empty input", "1x5x5x0 w2x2x1x1 VALID", "1x5x5x1 w2x2x1x0 VALID"),
    ("empty input", "1x0x5x1 w2x2x1x1 1,1,0,0", "1x1x5x1 w2x2x1x1 1,1,0,0"),
    ("outputs of nothing", "1x0x5x1 w2x2x1x1 1,1,0,0", "1x0x5x1 w2x2x1x1 SAME"),
    ("outputs of nothing", "1x5x5x0 w2x2x1x1 SAME", "0x5x5x1 w2x2x1x1 SAME"),
    ("rank >= 5", "1x1x5x5x1 w2x2x1x1 VALID", "2x5x5x1 w2x2x1x1 VALID"),
    ("batch > 1", "2x5x5x1 w2x2x1x1 VALID", "1x2x5x5x1 w2x2x1x1 VALID"),
    ("one channel", "1x5x5x1 w2x2x1x2 VALID", "1x5x5x2 w2x2x1x2 VALID"),
    ("one filter", "1x5x5x2 w2x2x2x1 VALID", "1x5x5x2 w2x2x2x2 VALID"),
    ("1x1 kernel", "1x5x5x2 w1x1x2x1 VALID", "1x5x5x2 w1x2x2x1 VALID"),
    ("many terms", "1x5x5x13 w1x5x13x1 VALID", "1x5x8x8 w1x8x8x1 VALID"),
    ("tail of rows", "1x17x5x1 w1x1x1x1 VALID", "1x32x5x1 w1x1x1x1 VALID"),
    ("tail of rows", "1x18x5x1 w2x1x1x1 VALID", "1x17x5x1 w2x1x1x1 VALID"),
    ("tail of columns", "1x5x31x1 w1x1x1x1 VALID", "1x5x15x1 w1x1x1x1 VALID"),
    ("tail of channels", "1x5x5x17 w1x1x17x1 VALID", "1x5x5x16 w1x1x16x1 VALID"),
    ("tail of channels", "1x5x5x34 w1x1x17x2 VALID", "1x5x5x34 w1x1x2x17 VALID"),
    ("tail of filters", "1x5x5x1 w1x1x1x33 VALID", "1x5x5x1 w1x1x1x48 VALID"),
    ("tail of outputs", "1x25x41x1 w1x1x1x1 VALID", "1x32x32x1 w1x1x1x1 VALID"),
]  # fmt: skip


def case_of(text: str, dtype: str = "float32", data_format: str = "NHWC") -> Case:
    """Return a case from its shapes, its padding, and those of sA,B and dA,B that are not 1."""
    image, filters, *steps, padding = text.split()
    strides = next((one for one in steps if one[0] == "s"), "s1,1")
    dilations = next((one for one in steps if one[0] == "d"), "d1,1")
    return Case.parse(
        f"{dtype} {data_format} {image} {filters} {strides} {dilations} {padding} lattice:0"
    )


def turned(text: str) -> str:
    """Return the same call on an input whose channels come before its rows."""
    shape, rest = text.split(" ", 1)
    *lead, rows, columns, channels = shape.split("x")
    return f"{'x'.join([*lead, channels, rows, columns])} {rest}"


@pytest.mark.parametrize(("name", "inside", "outside"), PAIRS)
def test_a_class_is_recognised_and_its_neighbour_is_not(
    name: str, inside: str, outside: str
) -> None:
    assert name in corners.classes(case_of(inside))
    assert name not in corners.classes(case_of(outside))
    assert name in corners.classes(case_of(turned(inside), data_format="NCHW"))
    assert name not in corners.classes(case_of(turned(outside), data_format="NCHW"))


def test_every_class_that_is_asked_for_has_such_a_pair() -> None:
    asked = {*corners.minima(Scope()), *corners.TAILS}
    assert asked - set(FORMATS) == {name for name, _, _ in PAIRS}


def test_dtypes_formats_and_memory_layouts_of_both_arrays_are_classes() -> None:
    for dtype, data_format in product(DTYPES, FORMATS):
        found = set(corners.classes(case_of("1x5x5x5 w2x2x5x1 VALID", dtype, data_format)))
        assert found & {*DTYPES, *FORMATS} == {dtype, data_format}
    for one, other in product(LAYOUTS, LAYOUTS):
        token = f"float32 NHWC 1x5x5x1 w2x2x1x1 s1,1 d1,1 VALID lattice:0 x:{one} w:{other}"
        found = {name for name in corners.classes(Case.parse(token)) if "layout" in name}
        assert found == {f"layout {one}", f"layout {other}"}
    # bfloat16 has but one order of bytes.
    token = "bfloat16 NHWC 1x5x5x1 w2x2x1x1 s1,1 d1,1 VALID lattice:0 x:swapped w:C"
    assert "layout swapped" not in corners.classes(Case.parse(token))
    assert "layout swapped" not in corners.minima(Scope(dtypes=("bfloat16",)), layouts=True)


@pytest.mark.parametrize(
    ("feature", "text"),
    [("explicit", "1x5x5x1 w2x2x1x1 0,0,0,0"),
     ("dilations", "1x5x5x1 w1x1x1x1 d1,2 VALID"),
     ("groups", "1x5x5x2 w1x1x1x2 VALID"),
     ("empties", "1x5x5x0 w1x1x1x2 VALID"),
     ("empties", "1x5x5x1 w1x1x1x0 VALID"),
     ("empties", "1x3x5x1 w4x1x1x1 VALID"),
     ("rank5", "1x1x5x5x1 w1x1x1x1 VALID")],
)  # fmt: skip
def test_a_case_that_needs_a_feature_lies_outside_a_scope_without_it(
    feature: str, text: str
) -> None:
    others = frozenset(FEATURES) - {feature}
    assert corners.within(case_of(text), Scope(without=others))
    assert not corners.within(case_of(text), Scope(without=frozenset({feature})))


def test_a_scope_has_dtypes_formats_and_layouts() -> None:
    token = "float32 NCHW 1x1x5x5 w2x2x1x1 s1,1 d1,1 VALID lattice:0 x:C w:F"
    assert corners.within(Case.parse(token), Scope())
    for scope in (
        Scope(dtypes=("float64", "int32")),
        Scope(formats=("NHWC",)),
        Scope(layouts=("C", "reversed")),
    ):
        assert not corners.within(Case.parse(token), scope)


SCOPES = [
    Scope(),
    *(Scope(without=frozenset({feature})) for feature in FEATURES if feature != "subnormals"),
    Scope(without=frozenset(FEATURES), formats=("NHWC",), layouts=("C",)),
    Scope(formats=("NCHW",), layouts=("C", "F"), dtypes=("float64",)),
]


def shares(scope: Scope) -> dict[str, float]:
    """Return the share of each class among the cases that Hypothesis draws."""
    examples = EXAMPLES if scope == Scope() else EXAMPLES // 3
    counted: Counter[str] = Counter()

    @given(cases(scope.dtypes, ("lattice",), scope, layouts=True))
    @settings(max_examples=examples, deadline=None, derandomize=True, database=None)
    def count(case: Case) -> None:
        counted.update(corners.classes(case))

    count()
    return {name: number / examples for name, number in counted.items()}


@pytest.mark.parametrize("scope", SCOPES, ids=str)
def test_each_class_that_is_asked_for_is_drawn_twice_as_often(scope: Scope) -> None:
    drawn, least = shares(scope), corners.minima(scope, layouts=True)
    assert not {
        name: (drawn.get(name, 0), share)
        for name, share in least.items()
        if drawn.get(name, 0) < min(2 * share, 1)
    }
    if scope == Scope():  # nor is a share far below what is drawn
        assert not {name: share for name, share in least.items() if drawn[name] > 7 * share}
    else:
        assert set(least) < set(corners.minima(Scope(), layouts=True))
