"""Every claim, for every dtype that it is about; then whether the run may be trusted."""

from __future__ import annotations

from typing import Any

import pytest

from parity import claims
from parity.claims import tally
from parity.claims.claim import Claim
from parity.search.explore import Disagreement, explore
from parity.search.reduce import reduced
from parity.suite.run import RUN, unless_known

SCOPE = RUN.scope
ASKED = [
    pytest.param(claim, dtype, id=f"{claim.name}-{dtype}")
    for claim in claims.chosen(SCOPE)
    for dtype in tally.dtypes(claim, SCOPE)
]


@pytest.mark.parametrize(("claim", "dtype"), ASKED)
def test_claim(claim: Claim, dtype: str, conv2d: Any) -> None:
    count = RUN.counts[claim.name, dtype] = tally.Count(claim.name, dtype)
    examples = RUN.multiplied(claim.examples)
    try:
        explore(claim, dtype, conv2d, SCOPE, count, examples=examples, start=RUN.seed)
    except Disagreement as error:
        found = reduced(claim, error, conv2d)
        with unless_known(claim.name, found.example.token()):
            raise found.with_traceback(None) from None
    gone = [one for one in RUN.known if one.claim and one.covers(claim.name, dtype)]
    assert not gone, "no longer fails: remove it from --known"
    assert count.drawn >= 0.9 * examples, "Hypothesis stopped early"
