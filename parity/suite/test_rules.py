"""The table of parity/rules, row by row, live: both take and refuse the same calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from parity import claims
from parity.claims.accept_reject import assert_same
from parity.claims.check import not_supported
from parity.examples import scoped
from parity.ledger.predicates import PREDICATES, Facts
from parity.ledger.rows import ROWS as LEDGER
from parity.model.written import Arguments
from parity.oracles import eigen
from parity.rules import ROWS, Row
from parity.suite.run import RUN

ASKED = "accept_reject" in (RUN.scope.claims or claims.CLAIMS)
EXCUSES = [row.id for row in LEDGER if row.error or row.id == "input-list"]
"""Rows by which `accept_reject` expects another verdict than TensorFlow's."""


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_rule(row: Row, conv2d: Any) -> None:
    if not ASKED or not scoped.within(row.call(), RUN.scope):
        pytest.skip("outside what the subject claims to support")
    try:
        compare(row, conv2d)
    except NotImplementedError as error:
        if not not_supported(error):
            raise
        RUN.rules.not_supported.add(f"{row.id}: {error}")
        pytest.skip(f"not supported: {error}")
    RUN.rules.examples += 1


def compare(row: Row, conv2d: Any) -> None:
    """Raise unless both answer the call of a row as the table says."""
    ours = None
    with np.errstate(all="ignore"):
        if row.verdict == "ok":
            ours = conv2d(**row.call())
            assert ours.shape == row.shape
        else:
            with pytest.raises(row.verdict) as raised:
                conv2d(**row.call())
            if RUN.scope.is_npconv:  # only its messages are ours to demand
                assert row.names in str(raised.value)
    if nchw := row.call().get("data_format") == "NCHW":
        # This build refuses every NCHW call: the same call in NHWC has to tell.
        assert asked(row.call(), eigen.tensorflow().nn.conv2d)[0] == "rejected"
    said, theirs = asked(row.call(), eigen.conv2d)
    assert said == (("ok" if row.verdict == "ok" else "rejected") if nchw else row.tensorflow)
    if ours is not None and said == "ok":
        assert_same(ours, theirs, row.id)
    facts = Facts(row.call())
    held = [name for name in EXCUSES if PREDICATES[name](facts)]
    assert held == ([row.ledger] if row.ledger in EXCUSES else []), "a predicate is too wide"


def asked(arguments: Arguments, conv2d: Callable[..., Any]) -> tuple[str, Any]:
    """Return whether TensorFlow takes the call, and its result."""
    results: list[Any] = []
    said = eigen.verdict(lambda: results.append(conv2d(**arguments)))
    return ("ok", np.asarray(results[0])) if said == "ok" else ("rejected", None)
