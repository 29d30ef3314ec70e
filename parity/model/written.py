"""The arguments of a call as text: a small part of Python's expressions, read and never evaluated.

`source` writes them and `arguments` reads what it writes: constants, lists, tuples, sets and dicts,
signs, complex numbers, ``float('nan')``, ``range(2)``, NumPy's scalars and arrays, bfloat16, and
``ints(shape, dtype)`` for an array.  Whatever else stands in a text from outside is an error.
"""

from __future__ import annotations

import ast
import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import ml_dtypes
import numpy as np

from parity.model.case import DTYPES

ARRAYS = ("input", "filters")
"""Arguments for which a shape and a dtype may stand."""
LONGEST = 10_000
"""Characters of a text; what the suite draws has a few hundred."""
ELEMENTS = 2**24
"""Elements of an array, of which a call or a case has three."""
DEEPEST = 16
"""Lists within lists; the deepest of the faults has 3."""
_SCALARS = (
    *("bool_", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("longlong", "ulonglong", "float16", "float32", "float64", "complex64", "complex128"),
)
_FLOATS = ("nan", "inf", "-inf")


def source(value: Any) -> str:
    """Return an expression for `value`, an argument of conv2d, the same under every NumPy."""
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
    if isinstance(value, float) and not np.isfinite(value):
        return f"float({str(value)!r})"
    return repr(value)


def arguments(text: str) -> dict[str, Any]:
    """Return the keyword arguments of a call of conv2d.

    Raises
    ------
    ValueError
        If `text` is anything else, too long, nested too deeply or asks for too large an array.
    """
    call = _parsed(text)
    if not _is_call(call, "conv2d") or call.args:
        raise ValueError("it is not conv2d( with keyword arguments alone")
    found: dict[str, Any] = {}
    for keyword in call.keywords:
        if keyword.arg is None or keyword.arg in found:
            raise ValueError(f"an argument without a name of its own: {keyword.arg}")
        value = keyword.value
        if keyword.arg in ARRAYS and _is_call(value, "ints"):
            found[keyword.arg] = _ints(*_inside(value, 2, 2))
        else:
            found[keyword.arg] = _value(value)
    return found


def names(text: str) -> tuple[str, ...]:
    """Return the strings that `text` lists with commas between them.

    Raises
    ------
    ValueError
        If it holds anything else.
    """
    node = _parsed(f"({text},)")
    found = _value(node)
    if not (isinstance(found, tuple) and all(isinstance(one, str) for one in found)):
        raise ValueError(f"not a list of names: {text}")
    return found


def _parsed(text: str) -> Any:
    if len(text) > LONGEST:
        raise ValueError(f"it is {len(text)} characters long, {LONGEST} are allowed")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Python, about odd literals
            return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        # The last two are how Python says of a short text that it is nested too deeply.
        raise ValueError(f"it is no expression: {type(error).__name__} {error}") from error


def _is_call(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name


def _value(node: ast.expr, depth: int = 0) -> Any:
    """Return what a node of the grammar stands for."""
    if depth > DEEPEST:
        raise ValueError(f"it is nested more than {DEEPEST} deep")

    def all_of(nodes: Sequence[ast.expr | None]) -> list[Any]:
        if None in nodes:
            raise ValueError("** is not allowed")
        return [_value(one, depth + 1) for one in nodes if one is not None]

    if isinstance(node, ast.Constant) and node.value is not ...:
        return node.value
    if isinstance(node, ast.List):
        return all_of(node.elts)
    if isinstance(node, ast.Tuple):
        return tuple(all_of(node.elts))
    if isinstance(node, (ast.Set, ast.Dict)):
        return _hashed(node, all_of)
    if isinstance(node, (ast.UnaryOp, ast.BinOp)):
        return _number(node)
    if isinstance(node, ast.Call):
        return _made(node)
    raise _not_allowed(node)


def _hashed(node: ast.Set | ast.Dict, all_of: Callable[[Any], list[Any]]) -> Any:
    try:
        if isinstance(node, ast.Set):
            return set(all_of(node.elts))
        return dict(zip(all_of(node.keys), all_of(node.values), strict=True))
    except TypeError as error:
        raise ValueError(str(error)) from error


def _number(node: ast.expr) -> Any:
    """Return a number with a sign, or a complex one as its repr has it: (1+2j)."""
    if isinstance(node, ast.Constant) and type(node.value) in (int, float, complex):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        operand = node.operand
        if isinstance(operand, ast.Constant) or _is_complex(operand):
            return -_number(operand)
    if _is_complex(node):
        assert isinstance(node, ast.BinOp)
        real, imaginary = _number(node.left), _number(node.right)
        return real + imaginary if isinstance(node.op, ast.Add) else real - imaginary
    raise _not_allowed(node)


def _is_complex(node: ast.expr) -> bool:
    """Say whether `node` is a real constant, with a sign or not, plus or minus an imaginary one."""
    if not (isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub))):
        return False
    left = node.left.operand if isinstance(node.left, ast.UnaryOp) else node.left
    return (
        isinstance(left, ast.Constant)
        and type(left.value) in (int, float)
        and isinstance(node.right, ast.Constant)
        and type(node.right.value) is complex
    )


def _made(node: ast.Call) -> Any:
    """Return what one of the few functions gives."""
    function = node.func
    try:
        if _is_call(node, "float"):
            [text] = _inside(node, 1, 1)
            if text not in _FLOATS:
                raise ValueError(f"float() takes one of {', '.join(_FLOATS)}")
            return float(text)
        if _is_call(node, "range"):
            found = range(*_inside(node, 1, 3))
            if len(found) > LONGEST:
                raise ValueError(f"{found} is too long")
            return found
        if _is_call(node, "bfloat16"):
            [number] = _inside(node, 1, 1)
            return ml_dtypes.bfloat16(_plain(number))
        if (
            isinstance(function, ast.Attribute)
            and isinstance(function.value, ast.Name)
            and function.value.id == "np"
        ):
            with np.errstate(all="ignore"):
                if function.attr == "array":
                    values, dtype = _inside(node, 2, 2)
                    return np.array(values, _dtype(dtype))
                if function.attr in _SCALARS:
                    [number] = _inside(node, 1, 1)
                    return getattr(np, function.attr)(_plain(number))
    except (TypeError, OverflowError) as error:
        raise ValueError(str(error)) from error
    raise _not_allowed(node)


def _inside(node: Any, least: int, most: int) -> list[Any]:
    """Return the values of the arguments of a function, which have no names."""
    if node.keywords or not least <= len(node.args) <= most:
        raise _not_allowed(node)
    return [_value(one, 1) for one in node.args]


def _plain(number: Any) -> Any:
    if type(number) not in (bool, int, float, complex):
        raise ValueError(f"a scalar is made of a number, not of {type(number).__name__}")
    return number


def _dtype(name: Any) -> Any:
    if not isinstance(name, str) or name not in {*_SCALARS, *DTYPES, "bool"}:
        raise ValueError(f"no dtype of the suite: {name!r}")
    return DTYPES.get(name, name)


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


def _not_allowed(node: ast.AST) -> ValueError:
    try:
        shown = ast.unparse(node)[:80]
    except RecursionError:  # what can be read may still be too deep to be written
        shown = type(node).__name__
    return ValueError(f"not allowed here: {shown}")
