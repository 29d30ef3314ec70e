"""Rows about the signature, strides, dilations, padding and data_format of the family."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from parity.model.call import Call
from parity.rules.family.usual import rows, usual
from parity.rules.row import INT32_MAX, MISSING, Each, Row, refused

_NONE = [0, 0]


def signature(name: str) -> Iterator[Row]:
    """Leave out what may be left out and what may not; add what is unknown."""
    case = usual(name)
    optional = {"data_format", case.of.dilations} if case.of.strides else set()
    if case.of.sizes == "output_shape" and case.of.strides:
        optional.add("padding")
    if name == "convolution":
        optional |= {"strides", "padding"}
    for argument in Call.of(case).arguments:
        if argument not in optional:
            yield from rows("signature", case, refused(argument, TypeError), **{argument: MISSING})
    left_out: dict[str, Any] = dict.fromkeys(optional, MISSING)
    padding = "VALID" if name == "convolution" else "SAME"
    yield from rows("signature", replace(case, padding=padding), **left_out, name="a b")
    yield from rows("signature", case, refused("groups", TypeError), groups=1)


def steps(name: str) -> Iterator[Row]:
    """Write strides, dilations and rates in all ways."""
    case = usual(name)
    axes = case.of.axes
    for rule, argument in (("strides", case.of.strides), ("dilations", case.of.dilations)):
        if not argument:
            continue
        for value in (1, 2):
            many = (value,) * axes
            forms: tuple[Any, ...] = (value, [value], many, [1, *many, 1], (1, *many, 1))
            forms += (np.array(many), np.array([1, *many, 1]), np.int64(value))
            spelled = Each(forms if value > 1 else forms[:4])
            yield from rows(rule, usual(name, **{rule: many}), **{argument: spelled})
        yield from rows(rule, usual(name, **{rule: (1,) * axes}), **{argument: None})
        inner = [[1, *[value] * axes, 1] for value in (0, -1)]
        outer = [2, *[1] * axes, 1], [1, *[1] * axes, 2]
        lengths = [1, 1] if axes == 1 else [1] * (axes + 1), [1] * (axes + 3)
        wrong = Each((0, INT32_MAX + 1, *inner, *outer, [], *lengths))
        yield from rows(rule, case, refused(argument), **{argument: wrong})
        number = 1.0 if case.of.strides else 2.0
        no_integers = Each((number, [1, *[1.5] * axes, 1], "2", [1, *[None] * axes, 1]))
        yield from rows(rule, case, refused(argument, TypeError), **{argument: no_integers})


def paddings(name: str) -> Iterator[Row]:
    """Write strings, and lists of pads."""
    case = usual(name)
    axes = case.of.axes
    yield from rows("padding", case, padding=Each(("SAME", b"SAME", np.str_("SAME"))))
    yield from rows("padding", replace(case, padding="VALID"), padding=Each(("VALID", b"VALID")))
    case = replace(case, padding=(1, 2) * axes)
    pads = [_NONE, *[[1, 2]] * axes, _NONE]
    yield from rows("padding", case, padding=Each((pads, tuple(map(tuple, pads)))))
    yield from rows("padding", replace(case, padding=(0, 0) * axes))
    wrong = (
        *("same", "FULL", "EXPLICIT", pads[:-1], [*pads, _NONE], np.array(pads)),
        *([[1, 0], *pads[1:]], [*pads[:-1], [0, 1]], [_NONE, *[[-1, 1]] * axes, _NONE]),
        *([1, 2], [_NONE, *[[1]] * axes, _NONE]),
    )
    yield from rows("padding", case, refused("padding"), padding=Each(wrong))
    no_integers = Each((None, 1, [_NONE, *[[1.0, 2.5]] * axes, _NONE]))
    yield from rows("padding", case, refused("padding", TypeError), padding=no_integers)


def data_formats(name: str) -> Iterator[Row]:
    """Have another order of the axes, by the function's names for it."""
    case = usual(name)
    wrong_type = refused("data_format", TypeError)
    if not case.of.has_format:
        yield from rows("signature", case, wrong_type, data_format="NHWC")
        return
    last = case.of.format_name("NHWC")
    yield from rows("data_format", case, data_format=Each((None, np.str_(last))))
    shape = (1, 2, *case.input_shape[1:-1])
    turned = replace(case, data_format="NCHW", input_shape=shape)
    for dtype in ("float32", "bfloat16", "int32"):
        yield from rows("data_format", replace(turned, dtype=dtype))
    yield from rows("data_format", replace(turned, padding=(1, 2) * case.of.axes))
    unknown = Each(("nhwc", "", "HWNC", last.replace("W", "X"), "channels_last"))
    yield from rows("data_format", case, refused("data_format"), data_format=unknown)
    yield from rows("data_format", case, wrong_type, data_format=Each((1, [last])))
