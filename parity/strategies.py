"""Hypothesis strategies that build calls of conv2d by construction, rejecting nothing.

Only the structure is drawn; the data come from a kind and a seed, ten times as fast as drawing
every element.  An axis is built from the kernel outwards: its reach first, then an input that is
as long as the wanted outputs need.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from parity.case import DTYPES, Case

SEEDS = st.integers(0, 2**32 - 1)
Draw = Callable[[st.SearchStrategy[Any]], Any]
Axis = tuple[int, int, int, int, int, int]  # input, kernel, stride, dilation, before, after


@st.composite
def cases(
    draw: st.DrawFn,
    dtypes: Sequence[str] = tuple(DTYPES),
    kinds: Sequence[str] = ("lattice",),
    *,
    empties: bool = True,
) -> Case:
    """Draw a valid case.

    It shrinks towards the first dtype and kind, NHWC, rank 4, VALID, one 1x1 filter of one channel
    on one pixel, strides and dilations of 1 and seed 0.  Empty outputs and inputs are among the
    cases unless `empties` is false.
    """
    padding = draw(st.sampled_from(("VALID", "SAME", "explicit")))
    deep = draw(_rarely(8))
    rows = draw(axes(padding, short=deep))
    columns = draw(axes(padding, short=deep))
    groups = draw(st.sampled_from((1, 1, 1, 1, 2, 3)))
    depth = draw(st.integers(8, 40)) if deep else draw(st.integers(1, 4))
    filters = groups * draw(st.integers(1, 5 if groups == 1 else 2))
    lead = draw(st.sampled_from(((1,), (1,), (2,), (3,), (1, 2), (2, 1, 2))))
    height, width, channels = rows[0], columns[0], groups * depth
    kernel_rows, kernel_columns = rows[1], columns[1]
    if empties and draw(_rarely(12)):
        nothing = draw(st.sampled_from(("batch", "filters", "outputs", "channels", "pixels")))
        if nothing == "batch":
            lead = (0, *lead[1:])
        elif nothing == "filters":
            filters = 0
        elif nothing == "channels":  # 0 divides by any depth; a zero sum remains
            channels = 0
        elif nothing == "outputs" and padding == "VALID":
            # Rule 18: a kernel too long by less than a stride leaves no output, and is no error.
            height = max(0, _reach(rows) - draw(st.integers(1, rows[2])))
        elif nothing == "pixels":
            # Without padding an empty axis is valid only under a kernel of less than a stride more.
            kernel_rows = 1 if padding == "VALID" else kernel_rows
            need = max(0, _reach(rows) - rows[2])
            rows = (*rows[:4], max(rows[4], need), rows[5]) if padding == "explicit" else rows
            height = 0
    image = (height, width, channels)
    data_format = draw(st.sampled_from(("NHWC", "NHWC", "NCHW")))
    if data_format == "NCHW":
        image = (channels, height, width)
    return Case(
        input_shape=(*lead, *image),
        filters_shape=(kernel_rows, kernel_columns, depth, filters),
        strides=(rows[2], columns[2]),
        padding=(*rows[4:], *columns[4:]) if padding == "explicit" else padding,
        data_format=data_format,
        dilations=(rows[3], columns[3]),
        dtype=draw(st.sampled_from(tuple(dtypes))),
        kind=draw(st.sampled_from(tuple(kinds))),
        seed=draw(SEEDS),
    )


@st.composite
def axes(draw: st.DrawFn, padding: str, *, short: bool = False) -> Axis:
    """Draw one axis with at least one output: input, kernel, stride, dilation, before, after.

    It shrinks towards one pixel under one tap.  Strides may exceed the kernel, the kernel may be
    the whole input, pads may be longer than the kernel so that windows lie wholly in them.
    """
    kernel = draw(st.integers(1, 3) if short else st.sampled_from((1, 2, 3, 3, 4, 5, 7)))
    stride = draw(st.sampled_from((1, 1, 2, 3, 5)))
    dilation = draw(st.sampled_from((1, 1, 1, 2, 3)))
    reach = (kernel - 1) * dilation + 1
    slack = draw(st.integers(0, 2 if short else 9))
    if padding == "SAME":  # any input will do, also one shorter than the kernel
        return 1 + slack, kernel, stride, dilation, 0, 0
    before = after = 0
    if padding == "explicit":
        before, after = draw(_pads(reach)), draw(_pads(reach))
    return max(1, reach + slack - before - after), kernel, stride, dilation, before, after


@dataclass(frozen=True)
class Call:
    """The raw arguments of a call, and the names of the faults put into it."""

    arguments: dict[str, Any]
    faults: tuple[str, ...]

    def fresh(self) -> dict[str, Any]:
        """Return the keyword arguments with the arrays in place of their shapes and dtypes."""
        made = dict(self.arguments)
        for name in ("input", "filters"):
            shape, dtype = made[name]
            # Small integers: exact in every dtype, so that results compare bit for bit.
            drawn = np.random.default_rng(len(name)).integers(0, 4, shape)
            made[name] = drawn.astype(DTYPES.get(dtype, dtype))
        return made

    def token(self) -> str:
        """Return the call in one line."""
        inside = ", ".join(f"{name}={value!r}" for name, value in self.arguments.items())
        return f"conv2d({inside})"


@st.composite
def nearly_valid_calls(draw: st.DrawFn) -> Call:
    """Draw a valid call, spelled in one of the ways that TensorFlow takes, with 0 to 2 faults.

    It shrinks towards no fault, the same call as `cases` does and plain lists.
    """
    case = draw(cases(dtypes=("float32", "float32", "int32", "float64", "float16", "bfloat16")))
    spelled = case.arguments()
    for name in ("strides", "dilations"):
        spelled[name] = draw(_spellings(spelled[name], case.data_format))
    if not isinstance(case.padding, str) and draw(st.booleans()):
        spelled["padding"] = tuple(tuple(pair) for pair in spelled["padding"])
    arguments = {
        "input": (case.input_shape, case.dtype),
        "filters": (case.filters_shape, case.dtype),
        **spelled,
    }
    count = draw(st.sampled_from((1, 1, 1, 0, 2)))
    faults = draw(st.lists(st.sampled_from(sorted(FAULTS)), max_size=count, min_size=count))
    for fault in faults:
        FAULTS[fault](draw, arguments)
    return Call(arguments, tuple(faults))


def _rarely(odds: int) -> st.SearchStrategy[bool]:
    """Draw true once in `odds` times; shrinks towards false."""
    return st.integers(0, odds - 1).map(lambda drawn: drawn == odds - 1)


def _pads(reach: int) -> st.SearchStrategy[int]:
    """Draw one pad, sometimes one that holds whole windows; shrinks towards 0."""
    return st.one_of(st.integers(0, 3), st.integers(0, reach + 2))


def _reach(axis: Axis) -> int:
    return (axis[1] - 1) * axis[3] + 1


@st.composite
def _spellings(draw: st.DrawFn, pair: list[int], data_format: str) -> Any:
    rows, columns = pair
    four = [1, 1, rows, columns] if data_format == "NCHW" else [1, rows, columns, 1]
    written: list[Any] = [
        pair,
        tuple(pair),
        four,
        tuple(four),
        np.array(pair),
        np.array(four, "u1"),
    ]
    if rows == columns:
        written += [rows, [rows], np.int64(rows)]
    if rows == columns == 1:
        written += [None, True]
    return draw(st.sampled_from(written))


def _set_element(draw: Draw, arguments: dict[str, Any], name: str, values: Sequence[Any]) -> None:
    """Put a wrong value into the strides or dilations, as a plain list of two or four."""
    value = arguments[name]
    sized = value if isinstance(value, (list, tuple, np.ndarray)) else [value, value]
    elements: list[Any] = [1 if one is None else one for one in sized] or [1]
    if len(elements) == 1:
        elements *= 2
    elements[draw(st.integers(0, len(elements) - 1))] = draw(st.sampled_from(tuple(values)))
    arguments[name] = elements


def _wrong_steps(name: str) -> Callable[[Draw, dict[str, Any]], None]:
    def fault(draw: Draw, arguments: dict[str, Any]) -> None:
        _set_element(draw, arguments, name, (0, -1, -(2**31), 2**31, 2**40, "2", None, 2**31 - 1))

    return fault


def _truncated_steps(name: str) -> Callable[[Draw, dict[str, Any]], None]:
    def fault(draw: Draw, arguments: dict[str, Any]) -> None:
        _set_element(draw, arguments, name, (1.0, 2.5, np.float32(1), np.True_))

    return fault


def _wrong_length(name: str) -> Callable[[Draw, dict[str, Any]], None]:
    def fault(draw: Draw, arguments: dict[str, Any]) -> None:
        arguments[name] = draw(st.sampled_from(([], [1, 1, 1], (1, 1, 1, 1, 1), [2, 1, 1, 1])))

    return fault


def _wrong_padding(draw: Draw, arguments: dict[str, Any]) -> None:
    none, odd = [0, 0], [1, 0]
    arguments["padding"] = draw(
        st.sampled_from(
            (
                "same",
                "EXPLICIT",
                "",
                None,
                0,
                [],
                [none] * 3,
                [none] * 5,
                [odd, none, none, none],
                [none, none, none, odd],
                [none, odd, none, none],
                [none, [-1, 0], none, none],
                [none, none, [5, -1], none],
                [none, [0], none, none],
                [none, (1, "1"), none, none],
                [1, 1],
            )
        )
    )


def _wrong_format(draw: Draw, arguments: dict[str, Any]) -> None:
    arguments["data_format"] = draw(st.sampled_from(("nhwc", "HWNC", "", 1, b"NHWC")))


def _wrong_dtype(draw: Draw, arguments: dict[str, Any]) -> None:
    name = draw(st.sampled_from(("input", "filters")))
    dtype = draw(st.sampled_from(("int64", "uint8", "bool", "complex64", "float64", "int32")))
    arguments[name] = (arguments[name][0], dtype)


def _wrong_rank(draw: Draw, arguments: dict[str, Any]) -> None:
    name = draw(st.sampled_from(("input", "filters")))
    shape, dtype = arguments[name]
    kept = draw(st.integers(0, min(3, len(shape))))
    arguments[name] = (shape[:kept], dtype)


def _other_size(name: str) -> Callable[[Draw, dict[str, Any]], None]:
    def fault(draw: Draw, arguments: dict[str, Any]) -> None:
        shape, dtype = arguments[name]
        if not shape:
            return
        place = draw(st.integers(0, len(shape) - 1))
        size = draw(st.integers(0, 12))
        arguments[name] = ((*shape[:place], size, *shape[place + 1 :]), dtype)

    return fault


FAULTS: dict[str, Callable[[Draw, dict[str, Any]], None]] = {
    "filters size": _other_size("filters"),
    "input size": _other_size("input"),
    "rank": _wrong_rank,
    "padding": _wrong_padding,
    "data_format": _wrong_format,
    "dtype": _wrong_dtype,
    "strides": _wrong_steps("strides"),
    "dilations": _wrong_steps("dilations"),
    "strides length": _wrong_length("strides"),
    "dilations length": _wrong_length("dilations"),
    "strides truncated": _truncated_steps("strides"),
    "dilations truncated": _truncated_steps("dilations"),
}
"""What may go wrong with a call; a few leave it valid, which both sides must then see."""
