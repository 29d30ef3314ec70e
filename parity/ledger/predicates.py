"""What the predicates of divergences.toml may ask of a call.

A predicate is a Python expression over a call of conv2d, valid or not:

``input``, ``filters``, ``strides``, ``padding``, ``data_format``, ``dilations``
    The arguments as they are written.
``dtype``, ``kind(array)``, ``least(array)``, ``finite(array)``
    The name of the input's dtype ("" for what is no array); 0 for bool, 1 for integers, 2 for
    floats, 3 for complex numbers, 4 for the rest; the smallest magnitude but 0; whether there
    is no inf and no nan.
``tiny``
    The smallest normal numbers by the name of the dtype.
``written(value)``, ``is_integer(number)``, ``integers(value)``
    The numbers in strides, dilations or pads; whether Python takes one for an index; those that
    it does.
``outer``
    The pads of batch and channels, where there are four pairs.
``valid``
    Whether the arguments have the form of a call.  Only then there are
    ``N H W C KH KW IC OC SH SW DH DW OH OW`` (leading dimensions are in ``N``, ``IC`` are the
    channels of the filters), ``top bottom left right`` (the padding that windows reach into)
    and ``pads`` (the four as they are written, those of SAME worked out).
``np``, ``gcd``
    NumPy and math.gcd.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from math import gcd
from operator import index
from types import CodeType
from typing import Any

import numpy as np

from parity.model import geometry
from parity.model.case import DTYPES, Case
from parity.oracles import bounds

ARGUMENTS = ("input", "filters", "strides", "padding", "data_format", "dilations")
_KINDS = {"b": 0, "i": 1, "u": 1, "f": 2, "c": 3}
_TINY = {
    name: float(bounds.limits(dtype).smallest_normal)
    for name, dtype in DTYPES.items()
    if name != "int32"
}
_SINGLE = (str, bytes, bytearray)


def holds(predicate: str, arguments: Mapping[str, Any]) -> bool:
    """Say whether `predicate` holds for the call with these arguments.

    Raises
    ------
    Exception
        Whatever the expression raises: a predicate is an answer for every call.
    """
    return bool(evaluated(predicate, arguments))


def evaluated(expression: str, arguments: Mapping[str, Any]) -> Any:
    """Return what `expression` says of the call with these arguments."""
    return eval(_compiled(expression), names(arguments))


def names(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a predicate may use; arguments that are missing are None."""
    found = dict.fromkeys(ARGUMENTS) | {name: arguments.get(name) for name in ARGUMENTS}
    case = read(arguments)
    return {
        **found,
        "dtype": _dtype(found["input"]),
        "kind": kind,
        "least": least,
        "finite": finite,
        "written": written,
        "is_integer": is_integer,
        "integers": integers,
        "outer": _outer(found["padding"], found["data_format"]),
        "tiny": _TINY,
        "np": np,
        "gcd": gcd,
        "valid": case is not None,
        **(_sizes(case) if case is not None else {}),
    }


def kind(array: Any) -> int:
    """Return 0 for bool, 1 for integers, 2 for floats, 3 for complex numbers, 4 for the rest."""
    try:
        dtype = np.asarray(array).dtype
    except ValueError:  # lists of different lengths
        return 4
    return 2 if dtype == DTYPES["bfloat16"] else _KINDS.get(dtype.kind, 4)


def least(array: Any) -> float:
    """Return the smallest magnitude in `array` but 0, infinity if there is none."""
    if kind(array) > 3:
        return math.inf
    magnitudes = np.abs(np.asarray(array)).astype(np.float64)
    return float(np.min(magnitudes, where=magnitudes > 0, initial=math.inf))


def finite(array: Any) -> bool:
    """Say whether `array` has no inf and no nan."""
    return kind(array) > 3 or bool(np.isfinite(array).all())


def written(value: Any) -> list[Any]:
    """Return the numbers of which strides, dilations or explicit padding are made."""
    if value is None or isinstance(value, _SINGLE):
        return []
    if isinstance(value, np.ndarray):
        value = value.tolist() if value.dtype.kind in "iu" else list(value.ravel())
    if isinstance(value, (list, tuple, range, set, frozenset, dict)):
        return [number for element in value for number in written(element) or [element]]
    return [value]


def is_integer(number: Any) -> bool:
    """Say whether `number` is one by operator.index, NumPy's bool apart."""
    try:
        as_index(number)
    except TypeError:
        return False
    return True


def integers(value: Any) -> list[int]:
    """Return the integers of which strides, dilations or explicit padding are made."""
    return [as_index(number) for number in written(value) if is_integer(number)]


def read(arguments: Mapping[str, Any]) -> Case | None:
    """Return the geometry of a call as a case, None where the arguments have no such form."""
    try:
        layout = arguments.get("data_format", "NHWC") or "NHWC"
        padding = arguments["padding"]
        if isinstance(padding, bytes):
            padding = padding.decode()
        if not isinstance(padding, str):
            four = [(as_index(before), as_index(after)) for before, after in padding]
            padding = sum(_spatial(four, layout, (0, 0)), ())
        filters = arguments["filters"].shape
        case = Case(
            input_shape=arguments["input"].shape,
            filters_shape=filters,
            strides=_steps(arguments["strides"], layout),
            padding=padding,
            data_format=layout,
            dilations=_steps(arguments.get("dilations"), layout),
        )
        formed = (
            padding in ("SAME", "VALID") or min(padding) >= 0,
            layout in ("NHWC", "NCHW"),
            len(case.input_shape) >= 4,
            len(filters) == 4,
            min(case.strides) > 0,
            min(case.dilations) > 0,
        )
        return case if all(formed) and min(geometry.output_geometry(case)[0]) >= 0 else None
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _sizes(case: Case) -> dict[str, Any]:
    image = case.input_shape[-3:]
    height, width, channels = image if case.data_format == "NHWC" else (*image[1:], image[0])
    outputs, pads = geometry.output_geometry(case)
    found = dict(zip(("KH", "KW", "IC", "OC"), case.filters_shape, strict=True))
    found |= {"N": math.prod(case.input_shape[:-3]), "H": height, "W": width, "C": channels}
    found |= {"SH": case.strides[0], "DH": case.dilations[0], "OH": outputs[0], "top": pads[0]}
    found |= {"SW": case.strides[1], "DW": case.dilations[1], "OW": outputs[1], "left": pads[2]}
    for after, axis, before in (("bottom", "H", "top"), ("right", "W", "left")):
        reach = (found[f"K{axis}"] - 1) * found[f"D{axis}"] + 1
        last = (found[f"O{axis}"] - 1) * found[f"S{axis}"] - found[before]
        found[after] = max(0, last + reach - found[axis])
    return {**found, "pads": pads}


def _steps(value: Any, layout: str) -> tuple[int, int]:
    steps = [1] if value is None else [as_index(step) for step in written(value)]
    if len(steps) == 4:
        steps = _spatial(steps, layout, 1)
    rows, columns = steps * 2 if len(steps) == 1 else steps
    return rows, columns


def _spatial(four: list[Any], layout: str, outer: Any) -> list[Any]:
    """Return what stands for rows and columns among four; the others have to be `outer`."""
    batch, *others = four
    rows, columns, channels = others if layout == "NHWC" else (*others[1:], others[0])
    if (batch, channels) != (outer, outer):
        raise ValueError("batch or channels")
    return [rows, columns]


def _outer(padding: Any, layout: Any) -> list[int]:
    if not isinstance(padding, (list, tuple)) or len(padding) != 4:
        return []
    return integers([padding[0], padding[1 if layout == "NCHW" else 3]])


def _dtype(array: Any) -> str:
    return str(getattr(getattr(array, "dtype", None), "name", ""))


def as_index(number: Any) -> int:
    """Return what operator.index makes of `number`; of NumPy's bool a TypeError, in any NumPy."""
    if isinstance(number, np.bool_):  # old NumPy takes it, with a warning
        raise TypeError
    return index(number)


@cache
def _compiled(predicate: str) -> CodeType:
    return compile(f"({predicate})", "predicate", "eval")
