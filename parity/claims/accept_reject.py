"""Both take and refuse the same calls, but for the ledger's differences.

A right call gets up to two faults (`parity.examples.faults`).  With one fault the class of the
error counts as well, and npconv's message has to name the argument; of two faults either may be
named first (the token of such a call names both).  Where both take the call, type, dtype, shape and
bits of the results are compared.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from hypothesis.strategies import SearchStrategy

from parity.claims.check import scope_of
from parity.claims.claim import Claim, Told
from parity.examples.faults import faults_of, faults_within, nearly_valid_calls
from parity.ledger import family
from parity.ledger.facts import Facts
from parity.ledger.rows import ROWS, Divergence
from parity.model.call import Call
from parity.model.case import Conv2d
from parity.model.data_formats import in_nhwc
from parity.model.subject import Scope
from parity.model.written import Arguments
from parity.oracles import eigen as tensorflow_oracle
from parity.oracles.bounds import HALVES
from parity.oracles.eigen import Verdict, verdict

_OTHER_VALUES = {"gradient-dilations", "depthwise-dilations"}
"""Rows about calls that both sides may take, for something else."""


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
    if call.operation != "conv2d":
        return _check_family(call, conv2d, ours, message, results)
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
    _assert_named(call, conv2d, ours, message, said)
    if ours == expected == "ok":
        assert_same(results[0], results[1], call.token())
    excused = (f"excused: {row.id}",) if row else ()
    return Told(1, int(expected != "ok"), classes=(_word(expected), *excused))


def _assert_named(call: Call, conv2d: Conv2d, ours: Verdict, message: str, said: str) -> None:
    """Raise unless npconv's message names the argument that the one fault is in."""
    if scope_of(conv2d).is_npconv and ours in (ValueError, TypeError) and len(call.faults) == 1:
        names = faults_of(call.operation)[call.faults[0]].names
        if names and not any(name in message for name in names):
            raise AssertionError(f"the message names none of {', '.join(names)}: {said}")


class Answer(NamedTuple):
    """What TensorFlow makes of a call of the family, and the rows of the ledger about it.

    Attributes
    ----------
    said, result, warned
        The verdict; the result, if there is one; whether it warned the user.
    exact
        Whether its values are to be the right ones.
    refused, taken
        The rows because of which it refuses the call, and takes it other than npconv.
    """

    said: Verdict
    result: Any
    warned: bool
    exact: bool
    refused: tuple[str, ...]
    taken: tuple[str, ...]


def answer_of(call: Call) -> Answer | None:
    """Ask TensorFlow; None where it is better not asked.

    Where it lacks nothing but channels first, the same call with channels last has to tell.
    """
    arguments = call.fresh()
    facts = Facts(arguments, call.operation)
    if any(holds(facts) for holds in family.UNASKED.values()):
        return None
    refused = [id for id, holds in family.REFUSED.items() if holds(facts)]
    taken = [id for id, holds in family.TAKEN.items() if holds(facts)]
    function = tensorflow_oracle.function(call.operation)
    results: list[tuple[Any, bool]] = []
    said = verdict(lambda: results.append(warned(lambda: function(**arguments))))
    if said != "ok" and refused == ["nchw"]:
        refused, arguments = [], in_nhwc(arguments, call.operation)
        said = verdict(lambda: results.append(warned(lambda: function(**arguments))))
        if facts.of.gives != "filters":
            results = [(np.moveaxis(one, -1, -1 - facts.of.axes), told) for one, told in results]
    result, told = results[0] if results else (None, False)
    halves = result is not None and result.dtype.name in HALVES
    exact = not (halves and not facts.of.wide_halves) and not taken
    if facts.case is not None:
        exact = exact and tensorflow_oracle.answers(facts.case)
    return Answer(said, np.ascontiguousarray(result), told, exact, tuple(refused), tuple(taken))


def warned(call: Callable[[], Any]) -> tuple[Any, bool]:
    """Return what a call returns, and whether it warns the user."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        result = call()
    return result, any(one.category is UserWarning for one in told)


def _check_family(
    call: Call, function: Conv2d, ours: Verdict, message: str, results: list[Any]
) -> Told:
    """Do the same where the ledger says by its predicates what TensorFlow refuses, and takes.

    The class of an error is left to the rules' table: TensorFlow has another for the same fault in
    each function.
    """
    answer = answer_of(call)
    said = f"the subject says {_word(ours)} {message}: {call.token()}"
    if answer is None or answer.refused:
        if answer and answer.said == "ok":
            raise AssertionError(f"TensorFlow takes it, in spite of {answer.refused}: {said}")
        if ours != "ok" and not call.faults:
            raise AssertionError(said)
        excused = answer.refused if answer else ("unasked",)
        return Told(1, 0, classes=(_word(ours), *(f"excused: {id}" for id in excused)))
    if answer.taken and answer.said == "ok":
        if ours == "ok" and not {*answer.taken} & _OTHER_VALUES:
            raise AssertionError(f"{answer.taken} are to be refused: {said}")
        return Told(1, 1, classes=(_word(ours), *(f"excused: {id}" for id in answer.taken)))
    said = f"{said}\nexpected {_word(answer.said)}"
    if (ours == "ok") != (answer.said == "ok"):
        raise AssertionError(said)
    _assert_named(call, function, ours, message, said)
    if results and answer.exact:
        assert_same(results[0], answer.result, call.token())
    return Told(1, int(ours != "ok"), classes=(_word(ours),))


def assert_same(ours: Any, theirs: Any, call: str) -> None:
    """Raise unless both are arrays of one dtype and shape with the same bits."""
    assert type(ours) is np.ndarray, f"a {type(ours).__name__}: {call}"
    assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape), (
        f"{ours.dtype} {ours.shape}, TensorFlow has {theirs.dtype} {theirs.shape}: {call}"
    )
    assert ours.tobytes() == theirs.tobytes(), f"got {ours}, TensorFlow has {theirs}: {call}"


def classes(call: Call) -> Iterable[str]:
    """Name the rules that the faults of `call` break or probe."""
    known = faults_of(call.operation)
    return {f"rule {known[fault].rule}" for fault in call.faults if fault in known}


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
