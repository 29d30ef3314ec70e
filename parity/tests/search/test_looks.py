"""What a failure looks like: misunderstandings by their name, anything else by none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import npconv
from parity.model.case import Case
from parity.model.subject import FEATURES, Scope
from parity.mutants import MUTANTS, textbook
from parity.mutants.textbook import Textbook
from parity.search.looks import explanation, looks_like

SCOPE = Scope(subject="somebody:conv2d")
PLAIN = Case.parse("float32 NHWC 1x3x3x1 w2x3x1x1 s1,1 d1,1 VALID distinct:0")
CASES = {name: one.example for name, one in MUTANTS.items() if isinstance(one.example, Case)}


@pytest.mark.parametrize("name", CASES)
def test_a_misunderstanding_is_named_and_a_slip_is_not(name: str) -> None:
    found = explanation(MUTANTS[name].function, CASES[name], SCOPE)
    assert (found.name if found else "") == (name if MUTANTS[name].misunderstanding else "")


def test_most_of_what_kernels_misunderstand_is_among_them() -> None:
    assert sum(one.misunderstanding for one in MUTANTS.values()) >= 66


@pytest.mark.parametrize("dtype", ["float32", "float16", "int32"])
def test_other_roundings_and_the_right_ones_are_never_explained(dtype: str) -> None:
    def backwards(x: Any, w: Any, *call: Any, **named: Any) -> Any:
        return npconv.conv2d(x[..., ::-1], w[:, :, ::-1], *call, **named)

    def widely(x: Any, w: Any, *call: Any, **named: Any) -> Any:
        wide = np.int64 if dtype == "int32" else np.float64
        with np.errstate(all="ignore"):
            return Textbook(accumulator=lambda _: np.dtype(wide))(x, w, *call, **named)

    for case in [case for case in CASES.values() if case.operation == "conv2d"][::8]:
        one = replace(case, dtype=dtype)
        if case.filters_shape[2] == case.input_shape[3 if case.data_format == "NHWC" else 1]:
            assert explanation(backwards, one, SCOPE) is None
        for right in (npconv.conv2d, textbook, widely):
            assert explanation(right, one, SCOPE) is None


def test_it_is_said_in_words() -> None:
    said = looks_like(MUTANTS["kernel_flipped"].function, PLAIN, SCOPE)
    assert said == (
        "every output equals that of a convolution where the kernel is flipped in both directions:"
        " a true convolution (parity.mutants:kernel_flipped)"
    )
    assert looks_like(
        MUTANTS["floor_for_ceil"].function, CASES["floor_for_ceil"], SCOPE
    ).startswith("every output equals that of a convolution where SAME gives")
    assert looks_like(textbook, PLAIN, SCOPE) == ""


def test_of_two_that_explain_everything_neither_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    flipped = MUTANTS["kernel_flipped"]
    monkeypatch.setitem(MUTANTS, "twin", replace(flipped, name="twin"))
    assert explanation(flipped.function, PLAIN, SCOPE) is None


def test_every_bit_has_to_be_explained() -> None:
    calls = []

    def almost(*call: Any, **named: Any) -> Any:
        result = MUTANTS["kernel_flipped"].function(*call, **named)
        calls.append(result)
        if len(calls) == 20:
            result.view(np.uint32).reshape(-1)[-1] ^= 1
        return result

    assert explanation(almost, PLAIN, SCOPE) is None


def test_the_case_itself_has_to_be_explained() -> None:
    def once(x: Any, *call: Any, **named: Any) -> Any:
        name = "columns_flipped" if x.shape == (1, 3, 3, 1) else "kernel_flipped"
        return MUTANTS[name].function(x, *call, **named)

    assert explanation(once, PLAIN, SCOPE) is None


def test_a_second_fault_that_needs_more_than_the_case_has_does_not_hide_the_first() -> None:
    both = Textbook(same_before=lambda pads: pads - pads // 2, dilations=lambda *_: (1, 1))
    found = explanation(both, CASES["same_lower"], SCOPE)
    assert found is MUTANTS["same_lower"]


@pytest.mark.parametrize("error", [ValueError("no"), NotImplementedError("not yet")])
def test_what_a_subject_raises_is_caught(error: Exception) -> None:
    def refusing(x: Any, *call: Any, **named: Any) -> Any:
        if x.shape[1] != 3:
            raise error
        return MUTANTS["kernel_flipped"].function(x, *call, **named)

    assert looks_like(refusing, PLAIN, SCOPE) == ""


def test_a_narrow_scope_is_kept_to() -> None:
    def narrow(x: Any, w: Any, strides: Any, padding: Any, **named: Any) -> Any:
        assert (padding, [*strides], [*named["dilations"]]) == ("VALID", [1, 1], [1, 1])
        assert (named["data_format"], len(x), x.shape[3]) == ("NHWC", 1, w.shape[2])
        return MUTANTS["rows_flipped"].function(x, w, strides, padding, **named)

    scope = replace(SCOPE, formats=("NHWC",), without=frozenset(FEATURES))
    assert explanation(narrow, PLAIN, scope) is MUTANTS["rows_flipped"]
