"""Every claim, for every operation and dtype that it is about; then whether the run is trusted."""

from __future__ import annotations

import pytest

from parity import claims
from parity.claims import check, tally
from parity.claims.claim import Claim
from parity.model.subject import Scope
from parity.search.explore import Disagreement, explore
from parity.search.reduce import reduced
from parity.suite.run import RUN, unless_known

ASKED = [
    pytest.param(scope, claim, dtype, id="-".join((*name, claim.name, dtype)))
    for scope in RUN.scopes
    for name in [() if scope.operation == "conv2d" else (scope.operation,)]
    for claim in claims.chosen(scope)
    for dtype in tally.dtypes(claim, scope)
]


@pytest.mark.parametrize(("scope", "claim", "dtype"), ASKED)
def test_claim(scope: Scope, claim: Claim, dtype: str) -> None:
    subject = check.under_test(scope)
    count = tally.Count(claim.name, dtype, operation=scope.operation)
    RUN.counts[scope.operation, claim.name, dtype] = count
    examples = RUN.multiplied(claim.usual(scope))
    try:
        explore(claim, dtype, subject, scope, count, examples=examples, start=RUN.seed)
    except Disagreement as error:
        found = reduced(claim, error, subject)
        with unless_known(claim.name, found.example.token()):
            raise found.with_traceback(None) from None
    gone = [one for one in RUN.known if one.claim and one.covers(claim.name, dtype)]
    assert not gone, "no longer fails: remove it from --known"
    assert count.drawn >= 0.9 * examples, "Hypothesis stopped early"
