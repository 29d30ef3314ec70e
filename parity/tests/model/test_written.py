"""What is written as text is read back; whatever else a text says is an error and not run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parity import claims
from parity.__main__ import main
from parity.claims import accept_reject
from parity.examples import faults
from parity.model import written
from parity.model.call import Call
from parity.model.written import source

SHAPES = "input=ints((1, 4, 4, 2), 'float32'), filters=ints((2, 2, 2, 3), 'float32')"


def read(text: str) -> Any:
    return written.call(f"conv2d(value={text})")[1]["value"]


def same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray):
        return type(other) is type(one) and one.dtype == other.dtype and repr(one) == repr(other)
    return type(one) is type(other) and repr(one) == repr(other)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.int64(3), "np.int64(3)"),
        (np.True_, "np.bool_(True)"),
        (np.array([1, 2], "u1"), "np.array([1, 2], 'uint8')"),
        (np.array([np.nan, 1], "f4"), "np.array([float('nan'), 1.0], 'float32')"),
        (np.float32(np.inf), "np.float32(float('inf'))"),
        (np.complex64(1 - 2j), "np.complex64(complex(1.0, -2.0))"),
        (ml_dtypes.bfloat16(1.5), "bfloat16(1.5)"),
        ([(1, 2), (3,)], "[(1, 2), (3,)]"),
        (float("-inf"), "float('-inf')"),
        (-1.5, "-1.5"),
        (2j, "complex(0.0, 2.0)"),
        (complex(-0.0, np.inf), "complex(-0.0, float('inf'))"),
        (b"NHWC", "b'NHWC'"),
        (range(2, 9, 3), "range(2, 9, 3)"),
        ({"a": [1]}, "{'a': [1]}"),
        ({1}, "{1}"),
        (-(2**70), "-1180591620717411303424"),
        ((), "()"),
        (None, "None"),
        ("it's", '"it\'s"'),
    ],
)
def test_values_are_written_alike_by_every_numpy_and_read_back(value: Any, text: str) -> None:
    assert source(value) == text
    assert same(read(text), value)


NUMBERS = st.one_of(
    st.integers(),
    st.booleans(),
    st.floats(),
    st.complex_numbers(),
    st.floats(width=32).map(np.float32),
    st.floats(width=16).map(np.float16),
    st.floats(width=16).map(ml_dtypes.bfloat16),
    st.integers(-(2**31), 2**31 - 1).map(np.int32),
    st.integers(0, 255).map(np.uint8),
)
VALUES = st.recursive(
    st.one_of(st.none(), NUMBERS, st.text(max_size=20), st.binary(max_size=20)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.lists(inner, max_size=4).map(tuple)),
    max_leaves=8,
)


@given(VALUES)
@settings(max_examples=400, deadline=None, derandomize=True, database=None)
def test_whatever_is_written_is_read_back(value: Any) -> None:
    assert same(read(source(value)), value)


def test_every_value_of_every_fault_is_read_back() -> None:
    """The lists that the faults choose from, whichever of them a run happens to draw."""
    values = [
        *(one for row in (faults._WRONG_LISTS, faults._LENGTHS) for one in row),
        *faults._NO_INTEGERS,
        *faults._TRUNCATED,
    ]
    for value in values:
        assert same(read(source(value)), value)


REFUSED = [
    "__import__('os').system('touch {canary}')",
    "open('{canary}', 'w')",
    "np.load('{canary}')",
    "np.save('{canary}', 1)",
    "np.int64.__class__",
    "np.array(np.array, 'int64')",
    "np.array([1], dtype='int64')",
    "np.array([1], 'object')",
    "np.array([1], 'V9')",
    "np.int64('1')",
    "np.uint8(256)",
    "[open('{canary}', 'w') for _ in (1,)]",
    "(lambda: open('{canary}', 'w'))()",
    "f'{{open(1)}}'",
    "{{**{{}}}}",
    "(*(1,),)",
    "{{[]}}",
    "ints((1, 1), 'float32')",  # for arrays only
    "float('1')",
    "float(1)",
    "range(10**9)",
    "range(1000000000)",
    "range('a')",
    "complex('1')",
    "complex('1', 2)",
    "9**9**9",
    "1 + 1",
    "not 1",
    "-'a'",
    "- - 1",
    "1 if 1 else 2",
    "...",
    "true",
    "1, value=2",
    "1, **{{}}",
    "1) or (1",
    "1) with open('{canary}', 'w'",
    "[" * 150 + "]" * 150,
    "-" * 9000 + "1",
    "-" * 950 + "1",  # read by ast, but not written
    "not " * 950 + "1",
    "'" + "a" * 20_000 + "'",
]


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:40])
def test_anything_else_is_an_error_and_not_run(text: str, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    canary_text = text.format(canary=canary) if len(text) < 100 else text
    with pytest.raises(ValueError, match=r"^not the token of a call: ") as raised:
        Call.parse(f"conv2d(value={canary_text})")
    assert len(str(raised.value)) < 1500
    assert not canary.exists()


@pytest.mark.parametrize(
    "array",
    [
        "ints((1000000000, 1000000000), 'float32')",
        "ints((5000, 5000, 1, 1), 'float32')",
        "ints((1,) * 9, 'float32')",
        "ints([1, 1, 1, 1], 'float32')",
        "ints((1, -1, 1, 1), 'float32')",
        "ints((1, 1, 1, 1), 'object')",
        "ints((1, 1, 1, 1))",
        "ints((9223372036854775807, 9223372036854775807, 0, 1), 'float32')",
        f"ints({(1,) * 65}, 'float32')",
    ],
)
def test_arrays_that_cannot_be_made_are_errors(array: str) -> None:
    with pytest.raises(ValueError, match="not the token of a call"):
        Call.parse(f"conv2d(input={array}, filters=None)")


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        ("float32 NHWC 99999x99999x5x3 w3x3x3x2 s1,1 d1,1 SAME lattice:0", "elements"),
        ("float32 NHWC 1x5x5x3 w3x3x3x2 s1,1 d1,1 SAME lattice:0 only x75 wall", "none at 75"),
        ("float32 NHWC 1x5x5x3 w3x3x3x2 s1,1 d1,1 SAME lattice:0 only x, wall", "invalid"),
        ("float32 NHWC 1x5x5x3 w3x3x3x2 s1,1 d1,1 99999,0,99999,0 lattice:0", "elements"),
        ("float32 NHWC 1x900x900x8 w9x9x8x8 s1,1 d1,1 SAME lattice:0", "products"),
        ("float32 NHWC 1x5x5x3 w3x3x3x2 s0,1 d1,1 SAME lattice:0", "TensorFlow refuses"),
        ("float32 NHWC 1x5x5x3 w3x3x3x2 s1,1 d0,1 SAME lattice:0", "TensorFlow refuses"),
        ("float32 NHWC 1x5x5x3 w3x3x3x2 s9999999999,1 d1,1 SAME lattice:0", "a number is above"),
        (f"float32 NHWC 1x5x5x3 w3x3x3x2 s1,1 d1,1 SAME lattice:{'9' * 5000}", "a number is above"),
        (f"float32 NHWC 1x1x1x1{'x1' * 40} w1x1x1x1 s1,1 d1,1 SAME lattice:0", "no array"),
    ],
)
def test_cases_that_cannot_be_checked_are_errors(token: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        claims.parse(token)


def test_replay_runs_nothing_that_a_token_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    canary = tmp_path / "canary"
    token = f"conv2d({SHAPES}, strides=__import__('os').system('touch {canary}'), padding='SAME')"
    assert main(["replay", token]) == 2
    assert "not allowed here: __import__" in capsys.readouterr().err.replace("\n", "")
    assert not canary.exists()


def test_a_long_token_is_an_error() -> None:
    for token in ("conv2d(x='" + "a" * 10**7 + "')", "float32 NHWC " + "1x" * 10**7):
        with pytest.raises(ValueError, match="not "):
            claims.parse(token)


def test_a_right_call_is_still_read() -> None:
    call = Call.parse(f"conv2d({SHAPES}, strides=[1, 2, 2, 1], padding='SAME')")
    assert accept_reject.admits(call)
    assert call.arguments["input"] == ((1, 4, 4, 2), "float32")
