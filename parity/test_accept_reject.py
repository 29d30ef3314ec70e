"""The table of parity/rules.py, row by row, live: both take and refuse the same calls."""

from __future__ import annotations

from collections.abc import Callable
from operator import index
from typing import Any

import numpy as np
import pytest

from parity import ledger, subject, tensorflow_oracle
from parity.calls import Call
from parity.case import DTYPES
from parity.rules import ROWS, Row
from parity.tensorflow_oracle import Verdict, tf, verdict

LEDGER = ledger.load()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_rule(row: Row, conv2d: Any) -> None:
    ours = None
    with np.errstate(all="ignore"):
        if row.verdict == "ok":
            ours = conv2d(**row.call())
            assert ours.shape == row.shape
        else:
            with pytest.raises(row.verdict) as raised:
                conv2d(**row.call())
            if subject.is_npconv():  # only its messages are ours to demand
                assert row.names in str(raised.value)
    said, _ = asked(row.call(), tf.nn.conv2d)
    expected = "ok" if row.verdict == "ok" else "rejected"
    assert said == (row.tensorflow or expected)
    if row.tensorflow is not None:
        assert said != expected, "the row claims a difference that is none"
        assert row.ledger in LEDGER
    if row.ledger == "nchw" or row.call().get("data_format") == "NCHW":
        # This build refuses every NCHW call: the same call in NHWC has to tell.
        said, _ = asked(row.call(), tensorflow_oracle.conv2d)
        assert said == expected
    said, theirs = asked(row.call(), tensorflow_oracle.conv2d)
    if ours is not None and said == "ok":
        assert_same(ours, theirs, row.id)


def asked(arguments: dict[str, Any], conv2d: Callable[..., Any]) -> tuple[str, Any]:
    """Return whether TensorFlow takes the call, and its result."""
    results: list[Any] = []
    said = verdict(lambda: results.append(conv2d(**arguments)))
    return ("ok", np.asarray(results[0])) if said == "ok" else ("rejected", None)


def assert_same(ours: Any, theirs: Any, call: str) -> None:
    """Raise unless both are arrays of one dtype and shape with the same bits."""
    assert type(ours) is np.ndarray, f"a {type(ours).__name__}: {call}"
    assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape), call
    assert ours.tobytes() == theirs.tobytes(), f"got {ours}, TensorFlow has {theirs}: {call}"


def compare_call(call: Call, conv2d: Callable[..., Any]) -> Verdict:
    """Compare the verdicts on a call and, where both take it, the results bit for bit."""
    results: list[Any] = []
    ours = _ours(lambda: results.append(conv2d(**call.fresh())))
    # NCHW goes by NHWC: divergence nchw.
    theirs = verdict(lambda: results.append(tensorflow_oracle.conv2d(**call.fresh())))
    expected = _expected(call, theirs)
    assert (ours == "ok") == (expected == "ok"), (
        f"npconv {ours}, expected {expected}: {call.token()}"
    )
    if len(call.faults) < 2:  # of two faults either may be named first
        assert ours == expected, f"npconv {ours}, expected {expected}: {call.token()}"
    if ours == theirs == "ok":
        assert_same(results[0], results[1], call.token())
    return expected


def _ours(call: Callable[[], Any]) -> Verdict:
    try:
        call()
    except (ValueError, TypeError) as error:  # anything else is a failure
        return ValueError if isinstance(error, ValueError) else TypeError
    return "ok"


def _expected(call: Call, theirs: Verdict) -> Verdict:
    """Return TensorFlow's verdict, or npconv's where the ledger says that they differ."""
    for name in ("strides", "dilations"):  # divergence integers-by-index
        value = call.arguments[name]
        for element in value if isinstance(value, (list, tuple)) else ():
            try:
                index(element)
            except TypeError:
                return TypeError
    made = call.fresh()
    if theirs == "ok" and _rank(made["filters"].dtype) > _rank(made["input"].dtype):
        return TypeError  # divergence filters-dtype
    return theirs


def _rank(dtype: np.dtype[Any]) -> int:
    """Return the place of a dtype's kind among bools, integers, floats and complex numbers."""
    if dtype == DTYPES["bfloat16"]:
        return 2
    return {"b": 0, "i": 1, "u": 1, "f": 2, "c": 3}[dtype.kind]
