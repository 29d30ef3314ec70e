"""What messages propose: it is what was meant, and what it proposes is accepted."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from builders import corrected, proposed
from hypothesis import given, settings
from hypothesis import strategies as st

import npconv
from parity.rules import CONV2D

REJECTED = [row for row in CONV2D if row.verdict != "ok"]


def zeros(*shape, dtype="float32"):
    return np.zeros(shape, dtype)


def refused(call, function=npconv.conv2d):
    with pytest.raises((TypeError, ValueError)) as caught:
        function(**call)
    return str(caught.value)


def assert_accepted(call, message):
    try:
        npconv.conv2d(**corrected(npconv.conv2d, call, message))
    except (TypeError, ValueError) as error:
        raise AssertionError(f"{message!r} proposes what is refused: {error}") from error


IMAGE, FILTERS = zeros(1, 5, 6, 3), zeros(3, 3, 3, 4)
OIHW = "filters.transpose(2, 3, 1, 0)"
ONES = "[[0, 0], [1, 1], [1, 1], [0, 0]]"
MEANT = [
    ({"padding": "same"}, "'SAME'"),
    ({"padding": b"Valid "}, "'VALID'"),
    ({"padding": 1}, ONES),
    ({"padding": (1, 2)}, "[[0, 0], [1, 1], [2, 2], [0, 0]]"),
    ({"padding": ((1, 2), (3, 4))}, "[[0, 0], [1, 2], [3, 4], [0, 0]]"),
    ({"padding": np.array([[0, 0], [1, 1], [1, 1], [0, 0]])}, ONES),
    ({"padding": "reflect"}, f"np.pad(input, {ONES}, 'reflect'), padding='VALID'"),
    ({"padding": "circular", "strides": 2, "filters": zeros(4, 2, 3, 4)},
     "np.pad(input, [[0, 0], [1, 2], [0, 0], [0, 0]], 'wrap'), padding='VALID'"),
    ({"data_format": "nhwc"}, "'NHWC'"),
    ({"data_format": "channels_last"}, "'NHWC'"),
    ({"data_format": "channels_first", "input": zeros(1, 3, 5, 6)}, "'NCHW'"),
    ({"data_format": "channels_first", "input": zeros(1, 3, 5, 6), "padding": "same"},
     "padding='SAME', data_format='NCHW'"),
    ({"data_format": "channels_first", "input": zeros(1, 3, 5, 6), "padding": (1, 1)},
     "padding=[[0, 0], [0, 0], [1, 1], [1, 1]], data_format='NCHW'"),
    ({"input": zeros(8, 32, 65, 65), "filters": zeros(3, 3, 32, 64)}, "data_format='NCHW'"),
    ({"input": zeros(8, 32, 64, 64), "filters": zeros(3, 3, 32, 65)}, "data_format='NCHW'"),
    ({"data_format": "NCHW", "input": zeros(1, 15, 16, 3)}, "data_format='NHWC'"),
    ({"strides": [1, 1, 2, 2], "input": zeros(1, 3, 5, 6)}, "data_format='NCHW'"),
    ({"filters": zeros(64, 32, 3, 3), "input": zeros(2, 9, 9, 32)}, OIHW),
    ({"filters": zeros(64, 32, 1, 1), "input": zeros(2, 9, 9, 32)}, OIHW),
    ({"filters": zeros(64, 32, 1, 7), "input": zeros(2, 9, 9, 32)}, OIHW),
    ({"filters": zeros(64, 8, 3, 3), "input": zeros(2, 9, 9, 32)}, OIHW),  # four groups
    ({"filters": zeros(32, 1, 3, 3), "input": zeros(2, 9, 9, 32)}, OIHW),  # depthwise
    ({"filters": zeros(64, 32, 3, 3), "input": zeros(2, 32, 10, 10)},
     f"{OIHW}, data_format='NCHW'"),
    ({"filters": zeros(64, 32, 3, 3), "input": zeros(2, 32, 64, 64)},
     f"{OIHW}, data_format='NCHW'"),
    ({"input": zeros(1, 9, 9, 32), "filters": zeros(3, 3, 32, 1), "out": zeros(1, 9, 9, 32)},
     "filters.reshape(3, 3, 1, 32)"),
    ({"input": zeros(1, 9, 9, 8), "filters": zeros(3, 3, 8, 2), "out": zeros(1, 9, 9, 16)},
     "filters.reshape(3, 3, 1, 16)"),
    ({"input": zeros(8, 32, 64, 64), "filters": zeros(3, 3, 32, 64), "out": zeros(8, 64, 64, 64)},
     "data_format='NCHW'"),
    ({"input": zeros(5, 6, 3)}, "input[np.newaxis]"),
    ({"input": IMAGE.astype("uint8")}, "input.astype('float32')"),
    ({"input": IMAGE.astype("int64")}, "input.astype('float32')"),
    ({"input": IMAGE.astype("int64"), "filters": FILTERS.astype("int64")}, "input.astype('int32')"),
    ({"input": IMAGE.astype("int32")}, "input.astype('float32')"),
    ({"input": IMAGE.astype(bool)}, "input.astype('float32')"),
    ({"input": IMAGE.astype(np.longdouble)}, "input.astype('float64')"),
    ({"input": IMAGE.astype(int).tolist()}, "np.asarray(input).astype('float32')"),
    ({"input": zeros(5, 6, 3, dtype="uint8"), "padding": "same"},
     "input[np.newaxis].astype('float32'), padding='SAME'"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "hint"), MEANT, ids=[hint for _, hint in MEANT])
def test_what_was_probably_meant(arguments, hint):
    call = {"input": IMAGE, "filters": FILTERS, "strides": 1, "padding": "SAME", **arguments}
    message = refused(call)
    assert proposed(message) == hint
    assert ("PyTorch's" in message) == (OIHW in hint)
    assert_accepted(call, message)
    if not isinstance(call["input"], list):
        assert refused(call, npconv.explain) == message


UNKNOWN = [
    ({"stride": 2}, ["strides"], "strides=2"),
    ({"pad": "SAME"}, ["padding"], "padding='SAME'"),
    ({"stride": 2, "pad": 1}, ["strides", "padding"], f"strides=2, padding={ONES}"),
    ({"dilation": 2}, [], "dilations=2"),
    ({"rate": [1, 2]}, [], "dilations=[1, 2]"),
    ({"dilation_rate": 2}, [], "dilations=2"),
    ({"filter": FILTERS}, ["filters"], "filters"),
    ({"weight": zeros(4, 3, 5, 5), "stride": 1}, ["filters", "strides"], f"{OIHW}, strides=1"),
    ({"x": IMAGE}, ["input"], "input"),
    ({"groups": 1}, [], "no groups (the channels make 1)"),
    ({"bias": np.zeros(4)}, [], "bias added to the result"),
    ({"bias": None, "groups": 1}, [], "no bias, no groups (the channels make 1)"),
    ({"use_cudnn_on_gpu": True, "stride": 1}, ["strides"], "strides=1, no use_cudnn_on_gpu"),
    ({"data_layout": "channels_last"}, [], "data_format='NHWC'"),
    # What would be refused, or would not be the same, is not proposed.
    ({"stride": 2}, [], None),
    ({"stride": 2.5}, ["strides"], None),
    ({"stride": 10**5000}, ["strides"], None),
    ({"stride": 2}, ["strides", "padding"], None),
    ({"groups": 3}, [], None),
    ({"bias": np.zeros(3)}, [], None),
    ({"filter": "none"}, ["filters"], None),
    ({"colour": 1}, [], None),
]


@pytest.mark.parametrize("function", [npconv.conv2d, npconv.explain])
@pytest.mark.parametrize(("unknown", "left_out", "hint"), UNKNOWN)
def test_unknown_keywords(unknown, left_out, hint, function):
    call = {"input": IMAGE, "filters": FILTERS, "strides": 1, "padding": "SAME"} | unknown
    for name in left_out:
        del call[name]
    with pytest.raises(TypeError) as caught:
        function(**call)
    message = str(caught.value)
    word = next(iter(unknown))
    assert message.startswith(f"{function.__name__}() got an unexpected keyword argument {word!r}")
    assert proposed(message) == hint
    if hint:
        assert_accepted(call, message)


def test_groups_of_other_libraries():
    call = {"input": zeros(1, 5, 6, 32), "filters": zeros(3, 3, 8, 4), "padding": "SAME"}
    message = refused({**call, "stride": 2, "groups": 4})
    assert proposed(message) == "strides=2, no groups (the channels make 4)"
    torch = {"input": zeros(1, 32, 8, 8), "filters": zeros(32, 1, 3, 3), "stride": 1, "padding": 1}
    hint = f"{OIHW}, strides=1, padding=[[0, 0], [0, 0], [1, 1], [1, 1]], data_format='NCHW'"
    assert proposed(refused(torch)) == hint
    assert proposed(refused({**torch, "groups": 32})) == f"{hint}, no groups (the channels make 32)"
    assert proposed(refused({**torch, "groups": 4})) is None
    assert proposed(refused({**torch, "groups": np.ones(2)})) is None


def test_missing_arguments_are_named_before_anything_else_is_wrong():
    with pytest.raises(TypeError, match="missing a required argument: 'strides', 'padding'"):
        npconv.conv2d([[1], [2, 3]], FILTERS, data_format="nhwc")
    with pytest.raises(TypeError, match="'input', 'filters', 'strides', 'padding'"):
        npconv.conv2d()
    with pytest.raises(TypeError, match="missing a required argument: 'padding'"):
        npconv.explain(IMAGE, FILTERS, 1)


NOT_MEANT = [
    {"padding": "FULL"},
    {"padding": "EXPLICIT"},
    {"padding": [1, 1, 1, 1]},
    {"padding": [[0, 0], [1.5, 1], [1, 1], [0, 0]]},
    {"padding": -1},
    {"padding": None},
    {"padding": True},
    {"padding": 2**40},
    {"strides": [1, 2, 2]},
    {"strides": "2"},
    {"strides": 0, "padding": "same"},
    {"data_format": ""},
    {"data_format": "HWNC"},
    {"data_format": "channels_first"},  # the image is not
    {"data_format": 1},
    {"filters": zeros(3, 3, 2, 4)},
    {"filters": zeros(3, 3, 3, 4, dtype=complex)},
    {"input": zeros(1, 5, 6, 3, dtype=complex)},
    {"input": np.array("image")},
    {"input": None},
    {"input": zeros(1, 20, 30, 3), "filters": zeros(5, 5, 1, 1)},
    {"input": zeros(5, 6)},
    {"input": zeros(1, 5, 6, 32), "filters": zeros(3, 3, 32, 1), "out": zeros(1, 5, 6, 4)},
    {"out": zeros(1, 5, 6, 4, dtype="float64")},
    {"out": 1},
]


@pytest.mark.parametrize("arguments", NOT_MEANT, ids=str)
def test_nothing_is_proposed_where_nothing_is_known(arguments):
    call = {"input": IMAGE, "filters": FILTERS, "strides": 1, "padding": "SAME", **arguments}
    assert "did you mean" not in refused(call)


@pytest.mark.parametrize("row", REJECTED, ids=[row.id for row in REJECTED])
def test_rules_that_refuse_propose_what_they_accept(row):
    call = row.call()
    message = refused(call)
    if proposed(message):
        assert_accepted(call, message)


SIZES = st.sampled_from([1, 1, 2, 3, 4, 8])
INPUTS = ["f4", "u1", "i4", "i8"]


CALLS = st.fixed_dictionaries({
    "input": st.tuples(st.lists(SIZES, min_size=3, max_size=5), st.sampled_from(INPUTS)),
    "filters": st.tuples(st.lists(SIZES, min_size=4, max_size=4), st.sampled_from(INPUTS[::3])),
    "strides": st.sampled_from([1, 2, (2, 1), [1, 2, 2, 1], [1, 1, 2, 1], 1.0]),
    "padding": st.sampled_from(["SAME", "valid", 1, (2, 0), [(1, 2), (0, 1)], "reflect"]),
    "data_format": st.sampled_from(["NHWC", "NCHW", None, "channels_first", "Nhwc"]),
    "dilations": st.sampled_from([None, 1, 2, 2, 0]),
})  # fmt: skip


def test_any_proposal_is_accepted():
    proposals = 0

    @given(CALLS)
    def propose(call):
        nonlocal proposals
        for name in ("input", "filters"):
            call[name] = np.zeros(*call[name])
        try:
            npconv.conv2d(**call)
        except (TypeError, ValueError) as error:
            if proposed(str(error)):
                proposals += 1
                assert_accepted(call, str(error))

    propose()
    assert proposals >= settings().max_examples / 10


@pytest.mark.parametrize("hint", ["'same'", "data_format='NCHW'", "filters.transpose(3, 2, 1, 0)"])
def test_a_planted_proposal_is_found_out(hint):
    call = {"input": IMAGE, "filters": FILTERS, "strides": 1, "padding": "Same"}
    with pytest.raises(AssertionError, match="proposes what is refused"):
        assert_accepted(call, f"padding: expected 'SAME' ...; did you mean {hint}?")


def test_bfloat16_is_an_ordinary_dtype():
    call = {"input": IMAGE.astype(ml_dtypes.bfloat16), "filters": FILTERS, "strides": 1}
    assert proposed(refused({**call, "padding": "same"})) == "'SAME'"


def test_a_hint_names_no_call_that_is_right():
    """A mismatch of channels that makes groups is right, as in TensorFlow: only `explain` asks."""
    assert npconv.conv2d(zeros(1, 32, 64, 64), zeros(3, 3, 32, 64), 1, "SAME").shape[-1] == 64
    said = npconv.explain((1, 32, 64, 64), (3, 3, 32, 64), 1, "SAME")
    assert said.groups == 2
    assert said.note == "1 with data_format='NCHW'"
    assert npconv.explain((1, 64, 64, 32), (3, 3, 8, 64), 1, "SAME").note == ""
    said = npconv.explain((1, 64, 64, 32), (3, 3, 32, 1), 1, "SAME")
    assert said.note.startswith("32 with filters.reshape(3, 3, 1, 32)")
