"""Both take and refuse the same calls, but for the ledger's differences.

A right call gets up to two faults (`parity.examples.faults`).  With one fault the class of the
error counts as well, and npconv's message has to name the argument; of two faults either may be
named first (the token of such a call names both).  Where both take the call, type, dtype, shape and
bits of the results are compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from hypothesis.strategies import SearchStrategy

from parity.claims.check import scope_of
from parity.claims.claim import Claim, Told
from parity.examples.faults import FAULTS, faults_within, nearly_valid_calls
from parity.ledger.facts import Facts
from parity.ledger.rows import ROWS, Divergence
from parity.model.call import Call
from parity.model.case import Conv2d
from parity.model.subject import Scope
from parity.model.written import Arguments
from parity.oracles import eigen as tensorflow_oracle
from parity.oracles.eigen import Verdict, verdict


def strategy(_: str, scope: Scope) -> SearchStrategy[Call]:
    """Draw nearly valid calls."""
    return nearly_valid_calls(scope)


def admits(example: Any) -> bool:
    """Say whether `example` is a call."""
    return isinstance(example, Call)


def check(call: Call, conv2d: Conv2d) -> Told:
    """Compare the verdicts on a call and, where both take it, the results bit for bit."""
    results: list[Any] = []
    ours, message = _asked(lambda: results.append(conv2d(**call.fresh())))
    arguments, row = _instead(call)
    # NCHW goes by NHWC: divergence nchw.
    theirs = verdict(lambda: results.append(tensorflow_oracle.conv2d(**arguments)))
    expected = (row and row.error) or theirs
    # A call may be wrong by a rule that both have as well: then its class is right, too.
    right = {expected, theirs} - {"ok"} or {"ok"}
    said = f"the subject says {_word(ours)} {message}\nexpected {_word(expected)}: {call.token()}"
    if (ours == "ok") != (expected == "ok"):
        raise AssertionError(said)
    if len(call.faults) < 2 and ours not in right:  # of two faults either may be named first
        raise AssertionError(said)
    if scope_of(conv2d).is_npconv and ours in (ValueError, TypeError) and len(call.faults) == 1:
        names = FAULTS[call.faults[0]].names
        if names and not any(name in message for name in names):
            raise AssertionError(f"the message names none of {', '.join(names)}: {said}")
    if ours == expected == "ok":
        assert_same(results[0], results[1], call.token())
    excused = (f"excused: {row.id}",) if row else ()
    return Told(1, int(expected != "ok"), classes=(_word(expected), *excused))


def assert_same(ours: Any, theirs: Any, call: str) -> None:
    """Raise unless both are arrays of one dtype and shape with the same bits."""
    assert type(ours) is np.ndarray, f"a {type(ours).__name__}: {call}"
    assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape), (
        f"{ours.dtype} {ours.shape}, TensorFlow has {theirs.dtype} {theirs.shape}: {call}"
    )
    assert ours.tobytes() == theirs.tobytes(), f"got {ours}, TensorFlow has {theirs}: {call}"


def classes(call: Call) -> Iterable[str]:
    """Name the rules that the faults of `call` break or probe."""
    return {f"rule {FAULTS[fault].rule}" for fault in call.faults if fault in FAULTS}


def minima(scope: Scope) -> Mapping[str, float]:
    """Demand every rule that a subject of `scope` is asked about, and every verdict."""
    rules = {fault.rule for fault in faults_within(scope).values()}
    return {
        **{f"rule {rule}": 0.002 for rule in sorted(rules)},
        "taken": 0.1,
        "ValueError": 0.15,
        "TypeError": 0.1,
    }


def _asked(call: Callable[[], Any]) -> tuple[Verdict, str]:
    try:
        call()
    except MemoryError as error:
        return MemoryError, str(error)
    except (ValueError, TypeError) as error:  # anything else is a failure
        return ValueError if isinstance(error, ValueError) else TypeError, str(error)
    return "ok", ""


def _instead(call: Call) -> tuple[Arguments, Divergence | None]:
    """Return the arguments to ask TensorFlow with, and the row of the ledger about the call."""
    arguments = call.fresh()
    if {"input", "filters", "strides", "padding"} <= arguments.keys():
        facts = Facts(arguments)
        for row in ROWS:
            if row.build == "eigen" and (row.error or row.instead(facts)) and row.holds(facts):
                return {**arguments, **row.instead(facts)}, row
    return arguments, None


def _word(said: Verdict) -> str:
    return "taken" if said == "ok" else said.__name__


CLAIM = Claim(
    name="accept_reject",
    operations=("conv2d",),
    statement="Calls with up to two faults: the same verdict, error class and result.",
    dtypes=("all",),
    strategy=strategy,
    check=check,
    admits=admits,
    examples=2500,
    telling=0.3,
    classes=classes,
    minima=minima,
)
