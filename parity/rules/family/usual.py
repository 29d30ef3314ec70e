"""The usual case of a function, and rows that change arguments of a case's call."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from parity.model.call import Call
from parity.model.case import Case
from parity.model.operation import OPERATIONS
from parity.rules.row import MISSING, Refusal, Row, Shape, spread, told, word

_IMAGES = {1: (7,), 2: (5, 7), 3: (5, 7, 4)}


def usual(name: str, **changes: Any) -> Case:
    """Return the usual case of an operation, or one that differs from it."""
    of = OPERATIONS[name]
    case = Case(
        (1, *_IMAGES[of.axes], 2),
        (*(3,) * of.axes, 2, 2 if of.depthwise else 4),
        strides=(1,) * of.axes,
        dilations=(1 if of.strides else 2,) * of.axes,
        padding="SAME",
        operation=name,
        pointwise=(4, 4) if name == "separable_conv2d" else None,
    )
    return replace(case, **changes)


def rows(
    rule: str, case: Case, expected: Refusal | Shape | None = None, **changes: Any
) -> Iterator[Row]:
    """Build rows of a case's call with other arguments: taken, unless `expected` says otherwise."""
    known = {name: _word(value) for name, value in Call.of(usual(case.operation)).arguments.items()}
    seen = set()
    for changed in spread(changes):
        call = {**Call.of(case).arguments, **changed}
        call = {name: value for name, value in call.items() if value is not MISSING}
        words = {name: _word(value) for name, value in call.items()}
        other = [f"{name}={one}" for name, one in words.items() if known.get(name) != one]
        left_out = [f"without {name}" for name in known if name not in call]
        id = " ".join([case.operation, rule, *other, *left_out])
        if id not in seen:  # the spellings for one axis coincide
            row = Row(id, rule, call, "ok", operation=case.operation)
            yield told(row, shape_of(case) if expected is None else expected)
        seen.add(id)


def shape_of(case: Case) -> Shape:
    """Return the shape of what a case computes."""
    if case.of.gives != "output":
        return case.input_shape if case.of.gives == "input" else case.filters_shape
    shape = list(case.output_shape)
    if case.pointwise:
        shape[-1 if case.data_format == "NHWC" else -3] = case.pointwise[1]
    return tuple(shape)


def filters_of(case: Case) -> str:
    """Return the argument that says the shape of the filters."""
    return case.of.sizes if case.of.gives == "filters" else case.of.arrays[1]


def _word(value: Any) -> str:
    """Return a value as an id shows it, an array with its dtype unless that is the usual one."""
    is_array = isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], str)
    return f"{word(value)} {value[1]}".removesuffix(" float32") if is_array else word(value)
