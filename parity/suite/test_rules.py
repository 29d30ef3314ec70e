"""The table of parity/rules, row by row, live: both take and refuse the same calls."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from parity import claims
from parity.claims.accept_reject import assert_same
from parity.claims.check import not_supported, under_test
from parity.examples import scoped
from parity.ledger import family
from parity.ledger.facts import Facts
from parity.ledger.rows import ROWS as LEDGER
from parity.model.data_formats import in_nhwc
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
    ours, warned = None, False
    with np.errstate(all="ignore"):
        if row.verdict == "ok":
            ours, warned = _warned(lambda: function(**row.call()))
            assert ours.shape == row.shape
        else:
            with pytest.raises(row.verdict) as raised:
                function(**row.call())
            if RUN.scope.is_npconv:  # only its messages are ours to demand
                assert row.names in str(raised.value)
    if row.operation == "conv2d":
        _hold_conv2d(row, ours)
    else:
        _hold_family(row, ours, warned)


def _warned(call: Callable[[], Any]) -> tuple[Any, bool]:
    """Return what a call returns, and whether it warns the user."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        result = call()
    return result, any(one.category is UserWarning for one in told)


def _hold_family(row: Row, ours: Any, warned: bool) -> None:
    """Hold TensorFlow to the contrary of npconv where a row of the ledger is about the call."""
    facts = Facts(row.call(), row.operation)
    refused = [id for id, holds in family.REFUSED.items() if holds(facts)]
    taken = [id for id, holds in family.TAKEN.items() if holds(facts)]
    expected = "refused" if refused else "ok" if taken else row.verdict
    call, theirs = row.call(), []
    function = eigen.function(row.operation)
    said = eigen.verdict(lambda: theirs.append(_warned(lambda: function(**call))))
    assert (said == "ok") == (expected == "ok"), f"{said}: {refused} {taken}"
    if refused == ["nchw"]:  # the same call with channels last has to tell
        call = in_nhwc(call, row.operation)
        theirs.append(_warned(lambda: function(**call)))
        if facts.of.gives != "filters":
            theirs = [(np.moveaxis(theirs[0][0], -1, -1 - facts.of.axes), theirs[0][1])]
    if ours is not None and theirs and not taken:
        assert_same(ours, np.ascontiguousarray(theirs[0][0]), row.id)
        assert warned == theirs[0][1]


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
