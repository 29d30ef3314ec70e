"""One row of the rules' table: a call, and what becomes of it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from types import FunctionType
from typing import Any, Literal

import numpy as np

from parity.model.call import Call
from parity.model.written import ARRAYS, Arguments, source

Shape = tuple[int, ...]
Refusal = tuple[type[ValueError] | type[TypeError], str]

INT32_MAX = 2**31 - 1
FLOATS = ("float16", "bfloat16", "float32", "float64")
DTYPES = (*FLOATS, "int32")
MISSING = object()
BASE: dict[str, Any] = {
    "input": ((1, 5, 7, 2), "float32"),
    "filters": ((3, 3, 2, 4), "float32"),
    "strides": 1,
    "padding": "SAME",
}


@dataclass(frozen=True)
class Row:
    """One call and its verdict.

    Attributes
    ----------
    id
        The rule, and what of the call is not in `BASE`; unique.
    rule
        Number of the rule, 1 to 25, that decides.
    arguments
        Those of a `parity.model.call.Call`, but for functions that make one.
    verdict
        What npconv does: "ok" or the class that it raises.
    names
        The argument that npconv's message names; "" when the call is accepted, or when the
        refusal is NumPy's own.
    shape
        Shape of the accepted call's result.
    ledger
        The row of the divergence ledger by which TensorFlow without oneDNN does the opposite.
    """

    id: str
    rule: int
    arguments: Arguments
    verdict: Literal["ok"] | type[ValueError] | type[TypeError]
    names: str = ""
    shape: Shape | None = None
    ledger: str = ""

    @property
    def tensorflow(self) -> Literal["ok", "rejected"]:
        """What TensorFlow does, without oneDNN."""
        return "ok" if (self.verdict == "ok") != bool(self.ledger) else "rejected"

    def call(self) -> Arguments:
        """Return fresh keyword arguments for ``conv2d``."""
        made = {
            name: value() if isinstance(value, FunctionType) else copy.deepcopy(value)
            for name, value in self.arguments.items()
        }
        return Call(made).fresh()


class Each(tuple[Any, ...]):
    """Values of one argument, a row each."""


def rows(
    rule: int,
    expected: Shape | Refusal,
    *,
    ledger: Any = "",  # these three are texts; mypy takes what ** unpacks for them
    dtype: Any = "float32",
    wdtype: Any = "",
    **arguments: Any,
) -> Iterator[Row]:
    """Build rows from the arguments that differ from `BASE`; tuples for arrays are shapes."""
    for name, value in arguments.items():
        if isinstance(value, Each):
            for one in value:
                given = {**arguments, name: one, "dtype": dtype, "wdtype": wdtype}
                yield from rows(rule, expected, ledger=ledger, **given)
            return
    call = {**BASE, **arguments}
    for name, kind in zip(ARRAYS, (dtype, wdtype or dtype), strict=True):
        if isinstance(call[name], tuple):
            shape = call[name] if name in arguments else BASE[name][0]
            call[name] = shape, kind
    call = {name: value for name, value in call.items() if value is not MISSING}
    changed = [f"{name}={_word(call.get(name))}" for name in arguments if name in call]
    left_out = [f"without {name}" for name in BASE.keys() - call.keys()]
    kinds = [f"{dtype},{wdtype}".rstrip(",")] if (dtype, wdtype) != ("float32", "") else []
    id = " ".join([f"{rule}", *changed, *left_out, *kinds])
    if expected and isinstance(expected[0], type):
        yield Row(id, rule, call, expected[0], expected[1], None, ledger)
    else:
        yield Row(id, rule, call, "ok", "", expected, ledger)


def _word(value: Any) -> str:
    """Return a value as an id shows it."""
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], tuple):
        return "x".join(map(str, value[0])) or "()"
    if isinstance(value, (FunctionType, type)):
        return value.__name__
    # As repr would; but NumPy 1 shows its scalars within lists like numbers of Python.
    numpy = isinstance(value, (np.ndarray, np.generic)) or type(value) is list
    return source(value) if numpy else repr(value)


def refused(name: str, error: type[ValueError] | type[TypeError] = ValueError) -> Refusal:
    """Return the verdict of a call that is rejected for the argument `name`."""
    return error, name
