"""The arguments of a call as text: a small part of Python's expressions, read and never evaluated.

`source` writes them and `call` reads what it writes: the literals of `ast.literal_eval`,
``float('nan')``, ``complex(0.0, 1.0)``, ``range(2)``, bfloat16, NumPy's scalars and arrays (also
``np.full(shape, value, dtype)``), and ``ints(shape, dtype)`` for an array.  Whatever else stands in
a text from outside is an error.
"""

from __future__ import annotations

import ast
import math
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import ml_dtypes
import numpy as np

from parity.model.case import DTYPES
from parity.model.operation import OPERATIONS

Arguments = Mapping[str, Any]
"""The keyword arguments of a function, right or wrong."""
LONGEST = 10_000
"""Characters of a text; what the suite draws has a few hundred."""
ELEMENTS = 2**24
"""Elements of an array, of which a call or a case has three."""
DEEPEST = 20
"""Nodes of the syntax tree within one another; the deepest of the faults has 6."""
_SCALARS = (
    *("bool_", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("longlong", "ulonglong", "float16", "float32", "float64", "complex64", "complex128"),
)
_FLOATS = ("nan", "inf", "-inf")


def source(value: Any) -> str:
    """Return an expression for `value`, an argument, the same under every NumPy."""
    if isinstance(value, np.ndarray):
        return f"np.array({source(value.tolist())}, {value.dtype.name!r})"
    if isinstance(value, ml_dtypes.bfloat16):
        return f"bfloat16({source(float(value))})"
    if isinstance(value, np.generic):
        name = type(value).__name__  # NumPy 1 has no np.bool
        return f"np.{'bool_' if name == 'bool' else name}({source(value.item())})"
    if isinstance(value, list):
        return f"[{', '.join(map(source, value))}]"
    if isinstance(value, tuple):
        return f"({', '.join(map(source, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, complex):  # its own repr loses the sign of a zero
        return f"complex({source(value.real)}, {source(value.imag)})"
    if isinstance(value, float) and not np.isfinite(value):
        return f"float({str(value)!r})"
    return repr(value)


def call(text: str) -> tuple[str, Arguments]:
    """Return the name of what is called, and its keyword arguments.

    Raises
    ------
    ValueError
        If `text` is anything else, too long, nested too deeply or asks for too large an array.
    """
    node = _parsed(text)
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.args:
        raise ValueError("it is not a call with keyword arguments alone")
    name, found = node.func.id, dict[str, Any]()
    arrays = OPERATIONS[name].arrays if name in OPERATIONS else ()
    for keyword in node.keywords:
        if keyword.arg is None or keyword.arg in found:
            raise ValueError(f"an argument without a name of its own: {keyword.arg}")
        value = keyword.value
        is_ints = isinstance(value, ast.Call) and ast.unparse(value.func) == "ints"
        found[keyword.arg] = (
            _called(_ints, value) if is_ints and keyword.arg in arrays else _value(value)
        )
    return name, found


def names(text: str) -> tuple[str, ...]:
    """Return the strings that `text` lists with commas between them.

    Raises
    ------
    ValueError
        If it holds anything else.
    """
    found = _value(_parsed(f"({text},)"))
    if not (isinstance(found, tuple) and all(isinstance(one, str) for one in found)):
        raise ValueError(f"not a list of names: {text}")
    return found


def _parsed(text: str) -> Any:
    if len(text) > LONGEST:
        raise ValueError(f"it is {len(text)} characters long, {LONGEST} are allowed")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Python, about odd literals
            node = ast.parse(text, mode="eval").body
        deep = _depth(node) > DEEPEST
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"it is no expression: {error}") from error
    except (RecursionError, MemoryError):  # how Python says the same of a short text
        deep = True
    if deep:
        raise ValueError(f"it is nested more than {DEEPEST} deep")
    return node


def _depth(node: ast.AST) -> int:
    return 1 + max(map(_depth, ast.iter_child_nodes(node)), default=0)


def _value(node: ast.expr) -> Any:
    """Return what an expression stands for: a literal, but for the few functions in it."""
    try:
        return ast.literal_eval(_Functions().visit(node))
    except (TypeError, ValueError) as error:  # of literal_eval: what cannot be hashed or negated
        raise ValueError(f"not allowed here: {ast.unparse(node)[:80]}: {error}") from error


class _Functions(ast.NodeTransformer):
    """Puts what the few functions give in the place of their calls."""

    def visit_Call(self, node: ast.Call) -> ast.Constant:
        function = _FUNCTIONS.get(ast.unparse(node.func))
        if function is None:
            raise ValueError("no such function")
        return ast.Constant(_called(function, node))

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        if node.value is ...:
            raise ValueError("no value")
        return node


def _called(function: Callable[..., Any], node: Any) -> Any:
    """Return what one of our functions gives, whose arguments have no names."""
    if node.keywords:
        raise ValueError("no names are allowed")
    try:
        with np.errstate(all="ignore"):
            return function(*map(_value, node.args))
    except (TypeError, OverflowError) as error:
        raise ValueError(str(error)) from error


def _float(text: Any) -> float:
    if text not in _FLOATS:
        raise ValueError(f"float() takes one of {', '.join(_FLOATS)}")
    return float(text)


def _complex(real: Any, imaginary: Any) -> complex:
    if {type(real), type(imaginary)} - {int, float}:
        raise ValueError("complex() takes two numbers")
    return complex(real, imaginary)


def _range(*ends: Any) -> range:
    if len(found := range(*ends)) > LONGEST:
        raise ValueError(f"{found} is too long")
    return found


def _scalar(kind: Any, number: Any) -> Any:
    if type(number) not in (bool, int, float, complex):
        raise ValueError(f"a scalar is made of a number, not of {type(number).__name__}")
    return kind(number)


def _array(values: Any, dtype: Any) -> Any:
    return np.array(values, _dtype(dtype))


def _dtype(name: Any) -> Any:
    if not isinstance(name, str) or name not in {*_SCALARS, *DTYPES, "bool"}:
        raise ValueError(f"no dtype of the suite: {name!r}")
    return DTYPES.get(name, name)


def _full(shape: Any, value: Any, dtype: Any) -> Any:
    _ints(shape, dtype)
    return np.full(shape, value, _dtype(dtype))


def _ints(shape: Any, dtype: Any) -> tuple[tuple[int, ...], str]:
    _dtype(dtype)
    if not isinstance(shape, tuple) or not all(type(size) is int and size >= 0 for size in shape):
        raise ValueError(f"not a shape: {shape}")
    within_memory(shape)
    return shape, dtype


def within_memory(shape: tuple[int, ...]) -> None:
    """Raise ValueError unless an array of `shape` can be had, and is not too large."""
    # NumPy takes no more dimensions, and counts the bytes of all axes but those of length 0.
    if len(shape) > 32 or math.prod(filter(None, shape)) >= 2**60:
        raise ValueError(f"no array has the shape {shape}")
    if math.prod(shape) > ELEMENTS:
        raise ValueError(f"{math.prod(shape)} elements of {shape}, {ELEMENTS} are allowed")


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "float": _float,
    "complex": _complex,
    "range": _range,
    "np.array": _array,
    "np.full": _full,
    "bfloat16": partial(_scalar, ml_dtypes.bfloat16),
    **{f"np.{name}": partial(_scalar, getattr(np, name)) for name in _SCALARS},
}
