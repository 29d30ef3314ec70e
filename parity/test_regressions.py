"""Every case of regressions.txt holds, by every claim that admits it; run before any other test."""

from __future__ import annotations

from typing import Any

import pytest

from parity import claims, corners, subject
from parity.case import Case
from parity.corpus import regressions

SCOPE = subject.scope()


@pytest.mark.parametrize("token", regressions())
def test_regression(token: str, conv2d: Any) -> None:
    case = Case.parse(token)
    if not corners.within(case, SCOPE):
        pytest.skip("outside what the subject claims to support")
    admitting = [claim for claim in claims.chosen(SCOPE) if claim.admits(case)]
    for claim in admitting:
        claim.check(case, conv2d)
    assert admitting or SCOPE.claims
