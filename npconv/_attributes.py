"""Strides, dilations, padding and data_format: what was written -> integers and names.

TensorFlow's forms are taken, and integers are integers: by ``operator.index``, never by truncation.
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Mapping, Sequence
from operator import index
from typing import TYPE_CHECKING, Any, Literal, SupportsIndex, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from npconv._operation import COUNTS, FORMATS, PADS, Operation

INT32_MAX = 2**31 - 1

T = TypeVar("T")
if TYPE_CHECKING:
    from typing_extensions import TypeVar as WithDefault

    S = WithDefault("S", bound=np.generic, default=Any)
else:
    S = TypeVar("S", bound=np.generic)
Array = NDArray[Any]
Input = NDArray[S] | Sequence[Any]  # a list, of which a type checker knows no dtype
Shape = tuple[int, ...]
Format = Literal["NHWC", "NCHW"]
Layout = str  # one of FORMATS
Precision = Literal["standard", "fast", "exact"]
Mode = Literal["SAME", "VALID"]  # no str: a type checker is to find a padding that is none
Sizes = Sequence[SupportsIndex] | NDArray[np.integer[Any]]
Quad = Sizes
Steps = SupportsIndex | Sizes | None
Pads = Mode | Sequence[Sequence[SupportsIndex]]
Pair = tuple[int, int]
Padding = Mode | tuple[Pair, ...]  # (before, after) along each axis

# What was received, in its own order and at a length that a message can bear.
_short = reprlib.Repr()
_short.repr_dict = _short.repr_set = _short.repr_instance  # type: ignore[method-assign]
_short.maxlist = _short.maxtuple = 10
_short.maxother = _short.maxstring = 100
show = _short.repr


def wrong(expected: str, value: Any, kind: type[Exception] = ValueError) -> Exception:
    """Return the error that says what was expected, and what was received."""
    return kind(f"{expected}, received {show(value)}")


def read_attributes(
    operation: Operation, strides: Any, padding: Any, data_format: Any, dilations: Any
) -> tuple[Shape, Padding, Layout, Shape]:
    """Read the attributes of a convolution, in the order in which TensorFlow's conv2d does."""
    layout = read_data_format(operation.axes, data_format)
    steps = read_steps(operation.strides, strides, layout)
    pads = read_padding(padding, layout)
    return steps, pads, layout, read_steps(operation.dilations, dilations, layout)


def read_data_format(axes: int, value: Any) -> Layout:
    """Return one of the FORMATS; None means the first. One axis is also taken by those of two."""
    last, first = FORMATS[axes]
    names = {last: last, first: first} | ({"NHWC": last, "NCHW": first} if axes == 1 else {})
    if value is None or (isinstance(value, str) and value in names):
        return last if value is None else names[value]
    kind = ValueError if isinstance(value, str) else TypeError
    raise wrong(f"data_format: expected the string {last!r} or {first!r}", value, kind)


def read_steps(name: str, value: Any, layout: Layout) -> Shape:
    """Return the steps along each of n axes of ``strides`` or ``dilations``, called `name`.

    One integer is all of them, n are in the order of the axes, n + 2 in that of `layout`; None is
    1.
    """
    axes = len(layout) - 2
    steps = _read_steps(name, value, axes)
    batch, channels = 1, 1
    if len(steps) > axes:
        batch, *steps, channels = channels_last(steps, layout)
    if min(steps) <= 0 or max(steps) > INT32_MAX:
        raise wrong(f"{name}: expected steps from 1 to {INT32_MAX}", value)
    if batch != 1 or channels != 1:
        form = f"{name}: expected 1 along batch and channels (data_format={layout!r})"
        raise wrong(form, value)
    return tuple(steps) if len(steps) == axes else (steps[0],) * axes


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


def read_precision(value: Any) -> Precision:
    """Return the precision that a string names."""
    if not isinstance(value, str) or value not in get_args(Precision):
        kind = ValueError if isinstance(value, str) else TypeError
        raise wrong("precision: expected 'standard', 'fast' or 'exact'", value, kind)
    return value  # type: ignore[return-value]


def read_padding(value: Any, layout: Layout) -> Padding:
    """Return the mode, or the zeros of n + 2 pairs before and after each of n axes."""
    explicit = f"{PADS[len(layout) - 2]} (in the order of data_format)"
    forms = f"'SAME', 'VALID' or {explicit}"
    mode = read_mode(value, forms)
    if mode is not None:
        return mode
    if not isinstance(value, (list, tuple)):
        array = isinstance(value, np.ndarray) and value.ndim
        raise wrong(f"padding: expected {forms}", value, ValueError if array else TypeError)
    for position, pair in enumerate(value):
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            raise ValueError(
                f"padding: each element must be a list or tuple of two integers, received "
                f"{show(value)} with {show(pair)} at index {position}"
            )
    if len(value) != len(layout):
        form = f"{COUNTS[len(layout)]} pairs {explicit}"
        raise ValueError(f"padding: expected {form}, received {len(value)}: {show(value)}")
    pads: list[Pair] = []
    for pair in value:
        before, after = (_read_integer("padding", pad, value) for pad in pair)
        if before < 0 or after < 0:
            raise wrong("padding: pads must not be negative", value)
        pads.append((before, after))
    batch, *axes, channels = channels_last(pads, layout)
    if any(batch) or any(channels):
        form = f"padding: batch and channels cannot be padded (data_format={layout!r})"
        raise wrong(form, value)
    return tuple(axes)


def channels_last(values: Sequence[T], layout: Layout) -> Sequence[T]:
    """Return values in the order of `layout` (batch, axes, channels) with those of channels last.

    >>> channels_last("NCDHW", "NCDHW")
    ['N', 'D', 'H', 'W', 'C']
    """
    batch, *others = values
    return [batch, *others] if layout.endswith("C") else [batch, *others[1:], others[0]]


def show_pads(pads: Iterable[Sequence[int]], layout: Layout) -> list[list[int]]:
    """Return explicit padding, given along each axis, as it is written.

    >>> show_pads([(0, 1), (2, 3)], "NCHW")
    [[0, 0], [0, 0], [0, 1], [2, 3]]
    """
    none, axes = [0, 0], [[*pair] for pair in pads]
    return [none, *axes, none] if layout.endswith("C") else [none, none, *axes]


def read_sizes(name: str, value: Any, lengths: Sequence[int]) -> Shape:
    """Return the sizes of an array, as many as one of `lengths`."""
    form = f"{name}: expected a sequence of {' or '.join(map(str, lengths))} integers"
    sizes = _read_integers(name, value, form, lengths)
    if min(sizes) < 0:
        raise wrong(f"{name}: sizes must not be negative", value)
    return tuple(sizes)


def _read_steps(name: str, value: Any, axes: int) -> Sequence[int]:
    if value is None:
        return (1,)
    # A sequence has no index: asking for it would write a message that nobody reads.
    if hasattr(value, "__index__") and not isinstance(value, np.ndarray):
        try:
            return (_read_integer(name, value, value),)
        except TypeError:
            pass
    lengths = sorted({1, axes, axes + 2})
    *others, most = map(str, lengths)
    form = f"{name}: expected an integer or a sequence of {', '.join(others)} or {most} integers"
    return _read_integers(name, value, form, lengths)


def _read_integers(name: str, value: Any, form: str, lengths: Sequence[int]) -> list[int]:
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
