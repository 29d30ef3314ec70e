"""Every case of regressions.txt holds, by every claim that admits it; run before any other test."""

from __future__ import annotations

from typing import Any

import pytest

from parity import claims
from parity.claims.check import checked
from parity.claims.tally import Count
from parity.examples import corners
from parity.model.case import Case
from parity.search.regressions import regressions
from parity.suite.run import RUN

SCOPE = RUN.scope


@pytest.mark.parametrize("token", regressions())
def test_regression(token: str, conv2d: Any) -> None:
    case = Case.parse(token)
    if not corners.within(case, SCOPE):
        pytest.skip("outside what the subject claims to support")
    admitting = [claim for claim in claims.chosen(SCOPE) if claim.admits(case)]
    refused = ""
    for claim in admitting:
        count = Count(claim.name, case.dtype)
        checked(claim, case, conv2d, count)
        refused = refused or count.not_supported.first
        if count.oracle_failed.examples:
            RUN.doubts.append(f"{claim.name}: TensorFlow failed: {count.oracle_failed.first}")
    assert admitting or SCOPE.claims
    if refused:
        pytest.skip(f"not supported: {refused}")
