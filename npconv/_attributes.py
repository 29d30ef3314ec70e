"""Strides, dilations, padding and data_format: what was written -> integers and names.

TensorFlow's forms are taken, and integers are integers: by ``operator.index``, never by truncation.
"""

from __future__ import annotations

import reprlib
from collections.abc import Mapping, Sequence
from operator import index
from typing import Any, Literal, SupportsIndex, TypeVar

import numpy as np
from numpy.typing import NDArray

INT32_MAX = 2**31 - 1

S = TypeVar("S", bound=np.generic)
T = TypeVar("T")
Array = NDArray[Any]
Shape = tuple[int, ...]
Format = Literal["NHWC", "NCHW"]
Mode = Literal["SAME", "VALID"]  # no str: a type checker is to find a padding that is none
Quad = Sequence[SupportsIndex] | NDArray[np.integer[Any]]
Steps = SupportsIndex | Quad | None
Pads = Mode | Sequence[Sequence[SupportsIndex]]
Pair = tuple[int, int]
Padding = Mode | tuple[Pair, Pair]  # (before, after) of the rows and of the columns

# What was received, in its own order and at a length that a message can bear.
_short = reprlib.Repr()
_short.repr_dict = _short.repr_set = _short.repr_instance  # type: ignore[method-assign]
_short.maxlist = _short.maxtuple = 10
_short.maxother = _short.maxstring = 100
show = _short.repr

_EXPLICIT_FORM = "[[0, 0], [top, bottom], [left, right], [0, 0]] (in the order of data_format)"
_PADDING_FORMS = f"'SAME', 'VALID' or {_EXPLICIT_FORM}"


def wrong(expected: str, value: Any, kind: type[Exception] = ValueError) -> Exception:
    """Return the error that says what was expected, and what was received."""
    return kind(f"{expected}, received {show(value)}")


def read_attributes(
    strides: Any, padding: Any, data_format: Any, dilations: Any
) -> tuple[Pair, Padding, Format, Pair]:
    """Read the attributes of ``conv2d``, in the order in which TensorFlow does."""
    layout = read_data_format(data_format)
    steps, pads = read_steps("strides", strides, layout), read_padding(padding, layout)
    return steps, pads, layout, read_steps("dilations", dilations, layout)


def read_data_format(value: Any) -> Format:
    """Return 'NHWC' or 'NCHW'; None means 'NHWC'."""
    if value is None or (isinstance(value, str) and value == "NHWC"):
        return "NHWC"
    if isinstance(value, str) and value == "NCHW":
        return "NCHW"
    kind = ValueError if isinstance(value, str) else TypeError
    raise wrong("data_format: expected the string 'NHWC' or 'NCHW'", value, kind)


def read_steps(name: str, value: Any, data_format: Format) -> Pair:
    """Return the steps along rows and columns of ``strides`` or ``dilations``, called `name`.

    One integer is both, 2 are (rows, columns), 4 are in the order of `data_format`; None is 1.
    """
    steps = _read_steps(name, value)
    if len(steps) == 4:
        batch, rows, columns, channels = in_nhwc_order(steps, data_format)
    else:
        batch, rows, columns, channels = 1, steps[0], steps[-1], 1
    if rows <= 0 or columns <= 0 or max(rows, columns) > INT32_MAX:
        raise wrong(f"{name}: expected steps from 1 to {INT32_MAX}", value)
    if batch != 1 or channels != 1:
        raise wrong(f"{name}: expected 1 along batch and channels ({data_format=})", value)
    return rows, columns


def read_quad(name: str, value: Any) -> Pair:
    """Return rows and columns of the ``sizes``, ``strides`` or ``rates`` of patches."""
    form = f"{name}: expected [1, rows, columns, 1] with integers from 1 to {INT32_MAX}"
    quad = _read_integers(name, value, form, (4,))
    if not all(1 <= step <= INT32_MAX for step in quad) or quad[::3] != [1, 1]:
        raise wrong(form, value)
    return quad[1], quad[2]


def read_mode(value: Any, forms: str) -> Mode | None:
    """Return the mode that a string names, None for no string; `forms` says what is allowed."""
    mode = value.decode("latin-1") if isinstance(value, bytes) else value
    modes: dict[str, Mode] = {"SAME": "SAME", "VALID": "VALID"}
    if not isinstance(mode, str) or mode in modes:
        return modes[mode] if isinstance(mode, str) else None
    hint = "; pass the list itself" if mode == "EXPLICIT" else ""
    raise ValueError(f"padding: expected {forms}, received {show(value)}{hint}")


def read_padding(value: Any, data_format: Format) -> Padding:
    """Return the mode, or the zeros of four pairs before and after the rows and the columns."""
    mode = read_mode(value, _PADDING_FORMS)
    if mode is not None:
        return mode
    if not isinstance(value, (list, tuple)):
        array = isinstance(value, np.ndarray) and value.ndim
        raise wrong(
            f"padding: expected {_PADDING_FORMS}", value, ValueError if array else TypeError
        )
    for position, pair in enumerate(value):
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            raise ValueError(
                f"padding: each element must be a list or tuple of two integers, received "
                f"{show(value)} with {show(pair)} at index {position}"
            )
    if len(value) != 4:
        raise ValueError(
            f"padding: expected four pairs {_EXPLICIT_FORM}, received {len(value)}: {show(value)}"
        )
    pads: list[Pair] = []
    for pair in value:
        before, after = (_read_integer("padding", pad, value) for pad in pair)
        if before < 0 or after < 0:
            raise wrong("padding: pads must not be negative", value)
        pads.append((before, after))
    batch, rows, columns, channels = in_nhwc_order(pads, data_format)
    if any(batch) or any(channels):
        raise wrong(f"padding: batch and channels cannot be padded ({data_format=})", value)
    return rows, columns


def in_nhwc_order(values: Sequence[T], data_format: Format) -> tuple[T, T, T, T]:
    """Return the four values that stand in the order of `data_format` in the order of NHWC."""
    batch, *others = values
    rows, columns, channels = others if data_format == "NHWC" else (*others[1:], others[0])
    return batch, rows, columns, channels


def show_pads(rows: Sequence[int], columns: Sequence[int], data_format: Format) -> list[list[int]]:
    """Return explicit padding as it is written.

    >>> show_pads((0, 1), (2, 3), "NCHW")
    [[0, 0], [0, 0], [0, 1], [2, 3]]
    """
    none, pads = [0, 0], [[*rows], [*columns]]
    return [none, *pads, none] if data_format == "NHWC" else [none, none, *pads]


def _read_steps(name: str, value: Any) -> Sequence[int]:
    if value is None:
        return (1,)
    # A sequence has no index: asking for it would write a message that nobody reads.
    if hasattr(value, "__index__") and not isinstance(value, np.ndarray):
        try:
            return (_read_integer(name, value, value),)
        except TypeError:
            pass
    form = f"{name}: expected an integer or a sequence of 1, 2 or 4 integers"
    return _read_integers(name, value, form, (1, 2, 4))


def _read_integers(name: str, value: Any, form: str, lengths: tuple[int, ...]) -> list[int]:
    if isinstance(value, (str, bytes, bytearray, Mapping)) or not hasattr(value, "__getitem__"):
        raise wrong(form, value, TypeError)
    try:
        length = len(value)
    except TypeError:  # a 0-d array
        raise wrong(form, value, TypeError) from None
    if length not in lengths:
        raise ValueError(f"{form}, received {length}: {show(value)}")
    return [_read_integer(name, element, value) for element in value]


def _read_integer(name: str, element: Any, value: Any) -> int:
    try:
        # Old NumPy takes its bool_ for an index, with a warning, and any array of one element.
        if isinstance(element, np.bool_) or (isinstance(element, np.ndarray) and element.ndim):
            raise TypeError
        integer = index(element)
    except TypeError:
        message = f"{name}: expected integers, received {show(value)} with {show(element)}"
        raise TypeError(message) from None
    bits = integer.bit_length()
    if bits > 128:  # more than Python may be willing to print
        raise ValueError(f"{name}: expected integers of at most 128 bits, received {bits} bits")
    return integer
