"""TensorFlow with oneDNN computes what TensorFlow without it does.

It is the TensorFlow that most people install: the default build on CPUs with AVX512-VNNI or the
like, and forced on elsewhere.  Where it does otherwise a row of the ledger says so, or the claim
fails; the subject keeps to the exact value in either case.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from parity.claims import bounded, exact, special
from parity.claims.check import scope_of
from parity.claims.claim import Claim, Told
from parity.examples.strategies import of_kinds
from parity.ledger import rows as ledger
from parity.ledger.facts import Facts
from parity.ledger.rows import KILLED, ROWS, TAKEN, Divergence
from parity.model.case import Array, Case, Conv2d
from parity.model.error import Error
from parity.model.subject import DTYPES
from parity.model.written import Arguments
from parity.oracles import bounds, onednn
from parity.oracles.compare import assert_exact, assert_special, explain
from parity.oracles.winograd import takes

NAME = "TensorFlow with oneDNN"
Hold = Callable[[str, Array, bool], float]


def admits(case: Any) -> bool:
    """Say whether there is an exact value or a bound for every output of `case`."""
    return isinstance(case, Case) and (exact.admits(case) or special.admits(case))


def check(case: Case, conv2d: Conv2d) -> Told:
    """Hold both sides against the exact value; ask the ledger where TensorFlow differs."""
    x, w = case.arrays()
    hold, outputs, telling = _held(case, x, w, scope_of(conv2d).bound)
    flush = not exact.admits(case) and bounded.flushes(case, conv2d)
    ratios = {"subject": hold("subject", case.call_on(conv2d, x, w), flush)}
    arguments = {"input": x, "filters": w, **case.arguments()}
    ratio, found, reason = _answer(case, x, w, hold)
    if harmful(arguments, ROWS):  # nor may the next call pay for it
        onednn.renew()
    if not found:
        return Told(outputs, telling, ratios | {NAME: ratio})
    row = excuse(arguments, found, ROWS)
    if row is not None:
        return Told(outputs, telling, ratios, (_excused(row),))
    # It counts in either case; whether it is the call's own doing helps to find the cause.
    onednn.renew()
    _, again, second = _answer(case, x, w, hold)
    if again:
        again = "the same" if second == reason else second
    raise AssertionError(
        f"{NAME}, {onednn.machine()}: no row of the ledger excuses this: {reason}\n"
        f"asked again, in a fresh process: {again or 'the right answer'}"
    )


def _held(case: Case, x: Array, w: Array, error: Error) -> tuple[Hold, int, int]:
    """Return how a result is held against what is right, and how many outputs there are and tell.

    To the bit where sums are exact, and to what IEEE rules allow elsewhere.
    """
    if exact.admits(case):
        expected = bounds.integers(case, x, w)

        def to_the_bit(name: str, got: Array, _: bool) -> float:
            assert_exact(case=case, got=got, expected=expected, names=(name, "exact"))
            return 0.0

        return to_the_bit, expected.size, int(np.count_nonzero(expected))
    permitted = bounds.allowances(case, x, w)
    mine = bounds.allowances(case, x, w, error=error) if takes(error, case) else permitted

    def by_rules(name: str, got: Array, flush: bool) -> float:
        allowed = (permitted if name == NAME else mine)[flush]
        return assert_special(case=case, got=got, allowed=allowed, name=name)

    return by_rules, permitted[False].value.size, bounded.tight(permitted[False])


def _answer(case: Case, x: Array, w: Array, hold: Hold) -> tuple[float, str, str]:
    """Return the ratio of TensorFlow's result, or what it does instead, and how it is told."""
    try:
        return hold(NAME, case.call_on(onednn.conv2d, x, w), True), "", ""
    except (onednn.Killed, onednn.Refused) as error:
        found = KILLED if isinstance(error, onednn.Killed) else type(error).__name__
        return 0.0, found, f"{found}: {error}\n{explain(case)}"
    except AssertionError as error:
        return 0.0, TAKEN, str(error)


def _excused(row: Divergence) -> str:
    """Name the row, and the machine if it has not been seen there."""
    machine, version = onednn.machine(), onednn.child().version
    new = row.build == "onednn" and not row.seen_on(machine, version)
    return f"excused: {row.id}" + (f", first seen on {machine}" if new else "")


def excuse(arguments: Arguments, found: str, rows: Sequence[Divergence]) -> Divergence | None:
    """Return the row of `rows` that excuses what TensorFlow with oneDNN makes of a call."""
    version, machine = onednn.child().version, onednn.machine()
    return ledger.excuse(rows, arguments, found, version=version, machine=machine)


def harmful(arguments: Arguments, rows: Sequence[Divergence]) -> bool:
    """Say whether a call is of a kind that may write to memory that is not its own.

    Such a call ends the process, or spoils what is asked of it afterwards.
    """
    version = onednn.child().version
    call = Facts(arguments)
    return any(
        row.build == "onednn" and KILLED in row.sorts(version) and row.holds(call) for row in rows
    )


CLAIM = Claim(
    name="default_build",
    operations=("conv2d",),
    statement="TensorFlow with oneDNN: the same, but for what the ledger lists.",
    dtypes=DTYPES,
    strategy=of_kinds("lattice", "bounded", "special"),
    check=check,
    admits=admits,
    examples=600,
    telling=10,
)
