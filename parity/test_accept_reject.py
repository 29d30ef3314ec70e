"""Claim: npconv takes and refuses the same calls as TensorFlow, but for the ledger's differences.

First the table of parity/rules.py row by row, then drawn calls with up to two faults.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import index
from typing import Any

import numpy as np
import pytest

from parity import ledger, tensorflow_oracle
from parity.case import DTYPES
from parity.rules import ROWS, Row
from parity.strategies import Call, nearly_valid_calls
from parity.tally import prove
from parity.tensorflow_oracle import Verdict, tf, verdict

LEDGER = ledger.load()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_rule(row: Row, conv2d: Any) -> None:
    with np.errstate(all="ignore"):
        if row.verdict == "ok":
            assert conv2d(**row.call()).shape == row.shape
        else:
            with pytest.raises(row.verdict) as raised:
                conv2d(**row.call())
            assert row.names in str(raised.value)
    theirs = verdict(lambda: _shaped(row, tf.nn.conv2d(**row.call()).shape))
    said = "ok" if theirs == "ok" else "rejected"
    expected = "ok" if row.verdict == "ok" else "rejected"
    assert said == (row.tensorflow or expected)
    if row.tensorflow is not None:
        assert said != expected, "the row claims a difference that is none"
        assert row.ledger in LEDGER


def _shaped(row: Row, shape: Any) -> None:
    if row.shape is not None:
        assert tuple(shape) == row.shape


def test_calls_with_faults(conv2d: Any) -> None:
    counted: dict[str, int] = {}

    def check(call: Call) -> tuple[int, int]:
        ours = _ours(lambda: conv2d(**call.fresh()))
        theirs = _theirs(call)
        expected = _expected(call, theirs)
        assert (ours == "ok") == (expected == "ok"), (
            f"npconv {ours}, expected {expected}: {call.token()}"
        )
        if len(call.faults) < 2:  # of two faults either may be named first
            assert ours == expected, f"npconv {ours}, expected {expected}: {call.token()}"
        counted[str(expected)] = counted.get(str(expected), 0) + 1
        return 1, int(expected != "ok")

    prove("accept/reject", "all", nearly_valid_calls(), check, examples=2000, telling=0.3)
    assert min(counted.values()) > 0.05 * sum(counted.values()), counted


def _ours(call: Callable[[], Any]) -> Verdict:
    try:
        call()
    except (ValueError, TypeError) as error:  # anything else is a failure
        return ValueError if isinstance(error, ValueError) else TypeError
    return "ok"


def _theirs(call: Call) -> Verdict:
    arguments = call.fresh()
    if arguments["data_format"] == "NCHW":  # divergence nchw
        arguments = tensorflow_oracle.in_nhwc(arguments)
    return verdict(lambda: tf.nn.conv2d(**arguments))


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
