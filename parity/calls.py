"""Calls with faults in them: what a conv2d must refuse, and as what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from parity.case import DTYPES
from parity.strategies import cases

Draw = Callable[[st.SearchStrategy[Any]], Any]


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
