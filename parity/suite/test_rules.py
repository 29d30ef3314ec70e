"""The table of parity/rules/rows.py, row by row, live: both take and refuse the same calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from parity import claims
from parity.claims.accept_reject import assert_same
from parity.claims.check import not_supported
from parity.examples import scoped
from parity.ledger import rows as ledger
from parity.oracles import eigen as tensorflow_oracle
from parity.oracles.eigen import tensorflow, verdict
from parity.rules.rows import ROWS, Row
from parity.suite.run import RUN

LEDGER = ledger.load()
SCOPE = RUN.scope


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_rule(row: Row, conv2d: Any) -> None:
    if not scoped.within(row.call(), SCOPE) or "accept_reject" not in (
        SCOPE.claims or claims.CLAIMS
    ):
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
    said, _ = asked(row.call(), tensorflow().nn.conv2d)
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
