"""The table of parity/rules, row by row, live: both take and refuse the same calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from parity import claims
from parity.claims.accept_reject import answer_of, assert_same, warned
from parity.claims.check import not_supported, under_test
from parity.examples import scoped
from parity.ledger.facts import Facts
from parity.ledger.rows import ROWS as LEDGER
from parity.model.call import Call
from parity.oracles import eigen
from parity.rules import ROWS, Row
from parity.suite.run import RUN, unless_known

SCOPES = {
    scope.operation: scope
    for scope in RUN.scopes
    if "accept_reject" in (scope.claims or claims.CLAIMS)
}
REFUSALS = [row for row in LEDGER if row.error]
"""Differences because of which a call is expected to be refused, though TensorFlow takes it."""
VALUES = [row for row in LEDGER if row.id == "width-by-float"]
"""Differences of values in calls of small integers."""


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.operation in SCOPES], ids=lambda row: row.id
)
def test_rule(row: Row) -> None:
    scope = SCOPES[row.operation]
    if not scoped.within(row.call(), scope):
        pytest.skip("outside what the subject claims to support")
    try:
        with unless_known("accept_reject", row.id):
            compare(row, under_test(scope))
    except NotImplementedError as error:
        if not not_supported(error):
            raise
        RUN.rules.not_supported.add(f"{row.id}: {error}")
        pytest.skip(f"not supported: {error}")
    RUN.rules.examples += 1


def compare(row: Row, function: Callable[..., Any]) -> None:
    """Raise unless both answer the call of a row as the table says."""
    ours, told = None, False
    with np.errstate(all="ignore"):
        if row.verdict == "ok":
            ours, told = warned(lambda: function(**row.call()))
            assert ours.shape == row.shape
        else:
            with pytest.raises(row.verdict) as raised:
                function(**row.call())
            if RUN.scope.is_npconv:  # only its messages are ours to demand
                assert row.names in str(raised.value)
    if row.operation == "conv2d":
        _hold_conv2d(row, ours)
        return
    # Where a row of the ledger is about the call, TensorFlow does the contrary.
    if answer := answer_of(Call(row.arguments, operation=row.operation)):
        expected = "refused" if answer.refused else "ok" if answer.taken else row.verdict
        assert (answer.said == "ok") == (expected == "ok"), answer
        if ours is not None and answer.said == "ok" and answer.exact:
            assert_same(ours, answer.result, row.id)
            assert told == answer.warned


def _hold_conv2d(row: Row, ours: Any) -> None:
    """Hold TensorFlow to the row, which names what the ledger has about it."""
    if nchw := row.call().get("data_format") == "NCHW":
        # This build refuses NCHW unless nothing is to be done: the same call in NHWC has to tell.
        itself = eigen.verdict(lambda: eigen.tensorflow().nn.conv2d(**row.call()))
        assert (itself == "ok") == (row.tensorflow == "ok")
    theirs: list[Any] = []
    said = eigen.verdict(lambda: theirs.append(eigen.conv2d(**row.call())))
    expected = row.verdict if nchw else row.tensorflow
    assert (said == "ok") == (expected == "ok")
    facts = Facts(row.call())
    other = [known.id for known in VALUES if known.holds(facts)]
    if ours is not None and theirs and not other:
        assert_same(ours, theirs[0], row.id)
    for known in REFUSALS:
        assert known.holds(facts) or row.ledger != known.id, "the predicate is too narrow"
        assert not (known.holds(facts) and said is known.error), "the predicate is too wide"
