"""Every case of regressions.txt holds, by every claim that admits it; run before any other test.

What is known to fail does so still.
"""

from __future__ import annotations

from typing import Any

import pytest

from parity import claims
from parity.claims.check import checked, failure
from parity.claims.tally import Count
from parity.examples import corners
from parity.model.case import Case
from parity.search.regressions import regressions
from parity.suite.run import RUN, unless_known

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
        with unless_known(claim.name, token):
            checked(claim, case, conv2d, count)
        refused = refused or count.not_supported.first
        if count.oracle_failed.examples:
            RUN.doubts.append(f"{claim.name}: TensorFlow failed: {count.oracle_failed.first}")
    assert admitting or SCOPE.claims
    if refused:
        pytest.skip(f"not supported: {refused}")


@pytest.mark.parametrize("token", [one.token for one in RUN.known if one.token])
def test_known(token: str, conv2d: Any) -> None:
    example = claims.parse(token)
    if not claims.within(example, SCOPE):
        pytest.skip("outside what the subject claims to support")
    admitting = claims.admitting(example, SCOPE)
    failing = [one.name for one in admitting if failure(one, example, conv2d)]
    assert failing, "no longer fails: remove it from --known"
