"""One row of the rules' table: a call, and what becomes of it."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import FunctionType
from typing import Any, Literal

import numpy as np

from parity.model.call import Call
from parity.model.operation import OPERATIONS
from parity.model.written import Arguments, source

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
        The operation where it is not conv2d, the rule, and what of the call is not usual; unique.
    rule
        Number of conv2d's rule, 1 to 25, that decides; elsewhere what the rule is about.
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
    operation
        What is called.
    """

    id: str
    rule: int | str
    arguments: Arguments
    verdict: Literal["ok"] | type[ValueError] | type[TypeError]
    names: str = ""
    shape: Shape | None = None
    ledger: str = ""
    operation: str = "conv2d"

    @property
    def tensorflow(self) -> Literal["ok", "rejected"]:
        """What TensorFlow does, without oneDNN."""
        return "ok" if (self.verdict == "ok") != bool(self.ledger) else "rejected"

    @property
    def decides(self) -> str:
        """The array that has the result's dtype."""
        of = OPERATIONS[self.operation]
        return of.arrays[of.gives == "input"]

    def call(self) -> Arguments:
        """Return fresh keyword arguments."""
        made = {
            name: value() if isinstance(value, FunctionType) else copy.deepcopy(value)
            for name, value in self.arguments.items()
        }
        return Call(made, operation=self.operation).fresh()


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
    for given in spread(arguments):
        call = {**BASE, **given}
        for name, kind in (("input", dtype), ("filters", wdtype or dtype)):
            if isinstance(call[name], tuple):
                shape = call[name] if name in given else BASE[name][0]
                call[name] = shape, kind
        call = {name: value for name, value in call.items() if value is not MISSING}
        changed = [f"{name}={word(call.get(name))}" for name in given if name in call]
        left_out = [f"without {name}" for name in BASE.keys() - call.keys()]
        kinds = [f"{dtype},{wdtype}".rstrip(",")] if (dtype, wdtype) != ("float32", "") else []
        id = " ".join([f"{rule}", *changed, *left_out, *kinds])
        yield told(Row(id, rule, call, "ok", ledger=ledger), expected)


def spread(arguments: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Return the arguments with one of the values in place of each `Each`."""
    names = [name for name, value in arguments.items() if isinstance(value, Each)]
    for values in itertools.product(*(arguments[name] for name in names)):
        yield {**arguments, **dict(zip(names, values, strict=True))}


def told(row: Row, expected: Shape | Refusal) -> Row:
    """Return the row with what npconv does."""
    if expected and isinstance(expected[0], type):
        return replace(row, verdict=expected[0], names=expected[1])
    return replace(row, shape=expected)


def word(value: Any) -> str:
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
