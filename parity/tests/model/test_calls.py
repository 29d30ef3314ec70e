"""Calls: every fault and rule is reached, a token says the same call, and planted faults show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

import npconv
from parity.claims import accept_reject
from parity.claims.check import Subject
from parity.examples.faults import FAULTS, RULES, faults_of, nearly_valid_calls, plain
from parity.model.call import Call
from parity.model.case import Case
from parity.model.operation import FAMILY
from parity.model.subject import Scope
from parity.oracles.eigen import verdict

X, W = ((1, 4, 4, 2), "float32"), ((2, 2, 2, 3), "float32")
RIGHT: dict[str, Any] = {"input": X, "filters": W, "strides": 1, "padding": "SAME"}


def test_every_fault_is_drawn_alone_and_in_pairs_and_read_back() -> None:
    alone: Counter[str] = Counter()
    numbers: Counter[int] = Counter()

    @given(nearly_valid_calls(Scope()))
    @settings(max_examples=1000, deadline=None, derandomize=True, database=None)
    def count(call: Call) -> None:
        numbers[len(call.faults)] += 1
        alone.update(call.faults if len(call.faults) == 1 else ())
        again = Call.parse(call.token())
        assert "\n" not in call.token()
        assert again.token() == call.token()
        assert again.faults == (call.faults if len(call.faults) > 1 else ())
        made, other = call.fresh(), again.fresh()
        assert [*map(type, made.values())] == [*map(type, other.values())]
        assert repr(made) == repr(other)

    count()
    assert set(alone) == set(FAULTS)
    assert 2 < min(alone.values()) < max(alone.values()) < 100
    assert set(numbers) == {0, 1, 2}
    assert min(numbers.values()) > 60


@pytest.mark.parametrize("name", FAMILY)
def test_the_plain_calls_of_the_family_with_each_fault_agree_and_are_read_back(name: str) -> None:
    scope = Scope(subject=f"npconv:{name}", operation=name)
    subject = Subject(getattr(npconv, name), scope)
    rules: set[str] = set()
    for fault in faults_of(name):
        for place in range(4):
            call = plain(fault, scope, place)
            accept_reject.check(call, subject)
            assert Call.parse(call.token()).token() == call.token()
            rules |= set(accept_reject.classes(call))
    assert rules <= set(accept_reject.minima(scope))


def without_keywords(function: Callable[..., Any], **call: Any) -> Any:
    return function(**{name: value for name, value in call.items() if name != "groups"})


def without_padding(function: Callable[..., Any], **call: Any) -> Any:
    return function(**call | {"padding": "SAME"})


def other_values(function: Callable[..., Any], **call: Any) -> Any:
    return function(**call) + np.int8(1)


def refuses(function: Callable[..., Any], **call: Any) -> Any:
    raise ValueError("padding")


@pytest.mark.parametrize("name", ["conv1d", "conv2d_transpose", "depthwise_conv2d_backprop_input"])
@pytest.mark.parametrize(
    ("planted", "fault", "said"),
    [
        (without_keywords, "unknown keyword", "expected TypeError"),
        (without_padding, "padding string", "expected ValueError"),
        (other_values, "", "TensorFlow has"),
        (refuses, "", "expected taken"),
        (refuses, "padding string", None),
        (refuses, "data_format string", "names none of"),
    ],
)
def test_a_planted_fault_of_the_family_is_found(
    name: str, planted: Callable[..., Any], fault: str, said: str | None
) -> None:
    scope = Scope(subject=f"npconv:{name}", operation=name)
    call = plain(fault or "padding string", scope, 0)
    if not fault:
        call = Call({**call.arguments, "padding": "SAME"}, (), name)
    accept_reject.check(call, Subject(getattr(npconv, name), scope))
    subject = Subject(partial(planted, getattr(npconv, name)), scope)
    with pytest.raises(AssertionError, match=said) if said else nullcontext():
        accept_reject.check(call, subject)


def test_every_rule_has_a_fault() -> None:
    assert {fault.rule for fault in FAULTS.values()} == set(RULES)


def test_a_call_that_is_wrong_twice_stays_so_as_a_token() -> None:
    """Found by a campaign: its corpus forgot the faults, and asked for one class of error."""
    faults = ("padding no string", "strides not positive")
    arguments = {**RIGHT, "strides": [1, 0, 1, 1], "padding": 0}
    call = Call.parse(Call(arguments, faults).token())
    assert call == Call(arguments, faults)
    accept_reject.check(call, npconv.conv2d)
    renamed = Call.parse(call.token().replace("padding no string", "a name of old"))
    assert accept_reject.classes(renamed) == {"rule 11"}
    with pytest.raises(AssertionError, match="expected TypeError"):
        accept_reject.check(Call(arguments, faults[:1]), npconv.conv2d)


@pytest.mark.parametrize("fault", FAULTS)
def test_the_plain_calls_with_each_fault_agree(fault: str) -> None:
    for place in range(6):
        accept_reject.check(plain(fault, Scope(), place), npconv.conv2d)


@pytest.mark.parametrize("token", ["", "1x1", "conv2d(", "conv2d(input=no)", "print(1)"])
def test_what_is_no_call_is_refused(token: str) -> None:
    with pytest.raises(ValueError, match="not the token of a call"):
        Call.parse(token)


def test_a_case_as_a_call_has_its_geometry() -> None:
    case = Case((1, 5, 6, 2), (2, 3, 2, 4), strides=(2, 1), padding=(1, 0, 0, 2), dtype="int32")
    made = dict(Call.of(case).fresh())
    assert made.pop("input").shape == case.input_shape
    assert made.pop("filters").dtype == np.int32
    assert made == case.arguments()


def accepts_a_stride_of_0(**call: Any) -> Any:
    return npconv.conv2d(**call | {"strides": call["strides"] or 1})


def refuses_a_list(**call: Any) -> Any:
    if isinstance(call["strides"], list):
        raise TypeError("strides")
    return npconv.conv2d(**call)


def raising(kind: type[Exception]) -> Callable[..., Any]:
    def conv2d(**call: Any) -> Any:
        try:
            return npconv.conv2d(**call)
        except ValueError as error:
            raise kind(str(error)) from None

    return conv2d


@pytest.mark.parametrize(
    ("fault", "wrong", "said"),
    [
        (accepts_a_stride_of_0, {"strides": 0}, "the subject says taken"),
        (refuses_a_list, {"strides": [1, 1]}, "expected taken"),
        (raising(TypeError), {"strides": 0}, "says TypeError strides"),
        (raising(KeyError), {"strides": 0}, None),
        (lambda **call: npconv.conv2d(**call).astype("f8"), {}, "float64"),
        (lambda **call: -npconv.conv2d(**call), {}, "TensorFlow has"),
    ],
)
def test_a_planted_fault_is_found(
    fault: Callable[..., Any], wrong: dict[str, Any], said: str | None
) -> None:
    call = Call(RIGHT | wrong)
    accept_reject.check(call, npconv.conv2d)
    with pytest.raises((AssertionError, KeyError), match=said):
        accept_reject.check(call, fault)


def test_a_message_that_names_another_argument_is_found() -> None:
    call = Call(RIGHT | {"strides": 0}, ("strides not positive",))
    accept_reject.check(call, npconv.conv2d)
    mislabelled = Call(RIGHT | {"strides": 0}, ("dilations not positive",))
    with pytest.raises(AssertionError, match="names none of dilations"):
        accept_reject.check(mislabelled, npconv.conv2d)
    another = Subject(npconv.conv2d, Scope(subject="parity.mutants.textbook:conv2d"))
    accept_reject.check(mislabelled, another)  # only npconv's messages are ours to demand


@pytest.mark.parametrize("value", [2.5, np.float32(1), "1"])
def test_what_npconv_refuses_on_purpose_is_expected_by_the_ledger(value: Any) -> None:
    told = accept_reject.check(Call(RIGHT | {"strides": value}), npconv.conv2d)
    if value != "1":
        assert told.classes == ("TypeError", "excused: integers-by-index")
    with pytest.raises(AssertionError, match="expected TypeError"):
        accept_reject.check(
            Call(RIGHT | {"strides": value}),
            lambda strides, **call: npconv.conv2d(**call, strides=1),
        )


def test_none_for_an_array_is_a_wrong_type_to_both() -> None:
    for name in ("input", "filters"):
        told = accept_reject.check(Call(RIGHT | {name: None}), npconv.conv2d)
        assert told.classes == ("TypeError",)


def test_a_wrong_type_is_told_from_a_wrong_value() -> None:
    def raises(error: Exception) -> None:
        raise error

    assert verdict(lambda: raises(ValueError("Attempt to convert a value (None)"))) is TypeError
    assert verdict(lambda: raises(ValueError("else"))) is ValueError
