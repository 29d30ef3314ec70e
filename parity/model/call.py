"""A call of conv2d as it is written, right or wrong: as one line of Python, and what it says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from operator import index
from typing import Any

import numpy as np

from parity.model import written
from parity.model.case import DTYPES, Case, clipped
from parity.model.subject import FORMATS
from parity.model.written import ARRAYS, Arguments, source

Pair = tuple[int, int]

_OPENING = "conv2d("
_FAULTS = ") with "  # between the call and the names of two faults


@dataclass(frozen=True)
class Call:
    """The raw arguments of a call, and the names of the faults put into it.

    Attributes
    ----------
    arguments
        Keyword arguments of conv2d.  For ``input`` and ``filters`` a pair of shape and name of a
        dtype stands for an array of small integers; anything else is passed on as it is.
    faults
        Keys of `parity.examples.faults.FAULTS`.
    """

    arguments: Arguments
    faults: tuple[str, ...] = ()

    def fresh(self) -> Arguments:
        """Return the keyword arguments with the arrays in place of their shapes and dtypes."""
        made = dict(self.arguments)
        for name in ARRAYS:
            if isinstance(made.get(name), tuple):
                shape, dtype = made[name]
                # Small integers: exact in every dtype, so that results compare bit for bit.
                drawn = np.random.default_rng(len(name)).integers(0, 4, shape)
                made[name] = drawn.astype(DTYPES.get(dtype, dtype))
        return made

    def token(self) -> str:
        """Return the call in one line of Python, the same under every NumPy.

        Behind it stand the names of two faults, of which either may be found first.
        """
        inside = [
            f"{name}=ints({value[0]}, {value[1]!r})"
            if name in ARRAYS and isinstance(value, tuple)
            else f"{name}={source(value)}"
            for name, value in self.arguments.items()
        ]
        faults = ", ".join(map(repr, self.faults)) if len(self.faults) > 1 else ""
        return f"{_OPENING}{', '.join(inside)}{_FAULTS if faults else ')'}{faults}"

    @classmethod
    def parse(cls, token: str) -> Call:
        """Return the call that `token` writes; it is read, never evaluated.

        Raises
        ------
        ValueError
            If it is no call of conv2d, or asks for arrays that are too large.
        """
        text = token.strip()
        try:
            if not text.startswith(_OPENING):
                raise ValueError("it does not begin with conv2d(")
            call, told, faults = text.rpartition(_FAULTS)
            _, arguments = written.call(f"{call})" if told else text)
            return cls(arguments, written.names(faults) if told else ())
        except ValueError as error:
            raise ValueError(f"not the token of a call: {clipped(token)}: {error}") from error

    @classmethod
    def of(cls, case: Case) -> Call:
        """Return the call of a case, with other data."""
        shapes = {
            "input": (case.input_shape, case.dtype),
            "filters": (case.filters_shape, case.dtype),
        }
        return cls({**shapes, **case.arguments()})


def read(arguments: Arguments) -> Case | None:
    """Return the geometry of a call as a case, None where its arguments have no such form."""
    order = arguments.get("data_format")
    order = "NHWC" if order is None else order
    if not isinstance(order, str) or order not in FORMATS:
        return None
    (image, dtype), (kernel, _) = (described(arguments.get(name)) for name in ARRAYS)
    strides, dilations = (steps(arguments.get(name), order) for name in ("strides", "dilations"))
    padding = _padding(arguments.get("padding"), order)
    if image is None or len(image) < 4 or kernel is None or len(kernel) != 4:
        return None
    if strides is None or dilations is None or padding is None or min(strides + dilations) < 1:
        return None
    rows, columns, channels, filters = kernel
    return Case(
        image, (rows, columns, channels, filters), strides, padding, order, dilations, dtype
    )


def described(array: Any) -> tuple[tuple[int, ...] | None, str]:
    """Return the shape and the name of the dtype of what stands for an array, if it has any."""
    if isinstance(array, tuple) and len(array) == 2 and isinstance(array[1], str):
        return array
    try:
        values = np.asarray(array)
    except ValueError:  # ragged
        return None, ""
    return (None, "") if array is None else (values.shape, values.dtype.name)


def numbers(value: Any) -> list[Any]:
    """Return the numbers, right or wrong, of which strides, dilations or pads are made."""
    if value is None or isinstance(value, (str, bytes, bytearray)):
        return []
    if isinstance(value, np.ndarray):
        value = value.tolist() if value.dtype.kind in "iu" else list(value.ravel())
    if isinstance(value, (list, tuple, range, set, frozenset, dict)):
        return [number for element in value for number in numbers(element) or [element]]
    return [value]


def as_index(number: Any) -> int | None:
    """Return what operator.index makes of `number`; None of others, and of NumPy's bool."""
    try:
        return None if isinstance(number, np.bool_) else index(number)  # old NumPy takes its bool
    except TypeError:
        return None


def integers(value: Any) -> list[int]:
    """Return those `numbers` of which Python makes an integer."""
    return [found for number in numbers(value) if (found := as_index(number)) is not None]


def spatial(four: list[Any], order: str) -> list[Any]:
    """Return what stands for rows and columns among four."""
    return four[2:] if order == "NCHW" else four[1:3]


def steps(value: Any, order: str) -> Pair | None:
    """Return the strides or dilations of rows and columns; None where none are written."""
    if value is None:
        return 1, 1
    if isinstance(value, Iterator):  # looking at it would use it up
        return None
    found = [as_index(one) for one in (value if np.iterable(value) else [value])]
    if len(found) == 4:
        outer = found[0], found[1 if order == "NCHW" else 3]
        found = spatial(found, order) if outer == (1, 1) else []
    if len(found) not in (1, 2) or found[0] is None or found[-1] is None:
        return None
    return found[0], found[-1]


def _padding(value: Any, order: str) -> str | tuple[int, int, int, int] | None:
    """Return SAME, VALID or top, bottom, left, right; None where nothing of it is written."""
    if isinstance(value, (str, bytes)):
        text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
        return text if text in ("SAME", "VALID") else None
    if not isinstance(value, (list, tuple)) or len(value) != 4:
        return None
    pads = integers(value)
    if any(np.size(pair) != 2 for pair in value) or len(pads) != 8 or min(pads) < 0:
        return None
    top, bottom, left, right = pads[4:] if order == "NCHW" else pads[2:6]
    return (top, bottom, left, right) if sum(pads) == top + bottom + left + right else None
