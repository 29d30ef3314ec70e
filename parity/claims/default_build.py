"""TensorFlow's default build, with oneDNN, computes what the build without it does.

It is the TensorFlow that people install.  Where it does otherwise a row of the ledger says so, or
the claim fails; the subject keeps to the exact value in either case.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from hypothesis.strategies import SearchStrategy

from parity import bounds, ledger, tensorflow_default
from parity.case import Array, Case, Conv2d
from parity.claims import bounded, exact, special
from parity.claims.claim import Claim, Told
from parity.compare import assert_exact, assert_special, explain
from parity.ledger import KILLED, TAKEN, Divergence
from parity.speed import machine
from parity.strategies import cases
from parity.subject import DTYPES, Scope

NAME = "TensorFlow's default build"


def strategy(dtype: str, scope: Scope) -> SearchStrategy[Case]:
    """Draw cases of any data."""
    return cases([dtype], ["lattice", "bounded", "special"], scope)


def admits(case: Any) -> bool:
    """Say whether there is an exact value or a bound for every output of `case`."""
    return isinstance(case, Case) and (exact.admits(case) or special.admits(case))


def check(case: Case, conv2d: Conv2d) -> Told:
    """Hold both sides against the exact value; ask the ledger where the default build differs."""
    x, w = case.arrays()
    hold, telling = _exactly(case, x, w) if exact.admits(case) else _allowed(case, x, w)
    flush = not exact.admits(case) and bounded.flushes(case, conv2d)
    ratios = {"subject": hold("subject", case.call_on(conv2d, x, w), flush)}
    counted = telling.size, int(np.count_nonzero(telling))
    for last in (False, True):
        try:
            ratios[NAME] = hold(NAME, case.call_on(tensorflow_default.conv2d, x, w), True)
            return Told(*counted, ratios)
        except tensorflow_default.Killed as error:
            found, reason = KILLED, f"{error}\n{explain(case)}"
        except tensorflow_default.Refused as error:
            found = type(error).__name__
            reason = f"{found}: {error}\n{explain(case)}"
        except AssertionError as error:
            found, reason = TAKEN, str(error)
        row = excuse({"input": x, "filters": w, **case.arguments()}, found)
        if row is not None:
            return Told(*counted, ratios, (f"excused: {row.id}",))
        if not last:  # it may be what an earlier call did to the process's memory
            tensorflow_default.renew()
    raise AssertionError(f"{NAME}: no row of the ledger excuses this: {reason}")


def excuse(arguments: dict[str, Any], found: str) -> Divergence | None:
    """Return the row of the ledger that excuses what the default build makes of a call."""
    version = tensorflow_default.child().version
    return ledger.excuse(arguments, found, version=version, flags=_flags())


Hold = Callable[[str, Array, bool], float]


def _exactly(case: Case, x: Array, w: Array) -> tuple[Hold, Array]:
    """Return how a result is held against the exact one, and which outputs tell."""
    expected = bounds.integers(case, x, w)

    def hold(name: str, got: Array, _: bool) -> float:
        assert_exact(case=case, got=got, expected=expected, names=(name, "exact"))
        return 0.0

    return hold, expected != 0


def _allowed(case: Case, x: Array, w: Array) -> tuple[Hold, Array]:
    """Return how a result is held against what IEEE rules allow, and which outputs tell."""
    permitted = bounds.allowances(case, x, w)

    def hold(name: str, got: Array, flush: bool) -> float:
        names = (name, "the exact value")
        return assert_special(case=case, got=got, allowed=permitted[flush], names=names)

    kept = permitted[False]
    return hold, kept.finite & (kept.bound < 0.1 * kept.gross)


@cache
def _flags() -> frozenset[str]:
    return frozenset(machine.cpu()[1])


CLAIM = Claim(
    name="default_build",
    statement="TensorFlow with oneDNN: the same, but for what the ledger lists.",
    dtypes=DTYPES,
    strategy=strategy,
    check=check,
    admits=admits,
    examples=600,
    telling=10,
)
