"""A call as it is written, right or wrong: as one line of Python, and what it says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from operator import index
from typing import Any

import numpy as np

from parity.model import written
from parity.model.case import DTYPES, Case, clipped
from parity.model.operation import OPERATIONS, Operation
from parity.model.written import Arguments, source

Steps = tuple[int, ...]

_FAULTS = ") with "  # between the call and the names of two faults


@dataclass(frozen=True)
class Call:
    """The raw arguments of a call, and the names of the faults put into it.

    Attributes
    ----------
    arguments
        Keyword arguments.  For an array a pair of shape and name of a dtype stands for one of
        small integers; anything else is passed on as it is.
    faults
        Keys of `parity.examples.faults.FAULTS`.
    operation
        The function that is called: a key of `parity.model.operation.OPERATIONS`.
    """

    arguments: Arguments
    faults: tuple[str, ...] = ()
    operation: str = "conv2d"

    @property
    def arrays(self) -> tuple[str, ...]:
        """The names of the arguments that are arrays."""
        return OPERATIONS[self.operation].arrays

    def fresh(self) -> Arguments:
        """Return the keyword arguments with the arrays in place of their shapes and dtypes."""
        made = dict(self.arguments)
        for name in self.arrays:
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
            if name in self.arrays and isinstance(value, tuple)
            else f"{name}={source(value)}"
            for name, value in self.arguments.items()
        ]
        faults = ", ".join(map(repr, self.faults)) if len(self.faults) > 1 else ""
        return f"{self.operation}({', '.join(inside)}{_FAULTS if faults else ')'}{faults}"

    @classmethod
    def parse(cls, token: str) -> Call:
        """Return the call that `token` writes; it is read, never evaluated.

        Raises
        ------
        ValueError
            If it is no call of an operation, or asks for arrays that are too large.
        """
        text = token.strip()
        try:
            if text.partition("(")[0] not in OPERATIONS:
                raise ValueError("it does not begin with an operation, such as conv2d(")
            call, told, faults = text.rpartition(_FAULTS)
            operation, arguments = written.call(f"{call})" if told else text)
            return cls(arguments, written.names(faults) if told else (), operation)
        except ValueError as error:
            raise ValueError(f"not the token of a call: {clipped(token)}: {error}") from error

    @classmethod
    def of(cls, case: Case) -> Call:
        """Return the call of a case, with other data."""
        shapes = [*case.shapes, *([(1, 1, *case.pointwise)] if case.pointwise else [])]
        made = {name: (one, case.dtype) for name, one in zip(case.of.arrays, shapes, strict=True)}
        made |= case.arguments()
        first = {name: made[name] for name in case.of.leading}
        return cls({**first, **made}, operation=case.operation)


def read(arguments: Arguments, operation: str = "conv2d") -> Case | None:
    """Return the geometry of a call as a case, None where its arguments have no such form."""
    of = OPERATIONS[operation]
    order = data_order(arguments.get("data_format"), of)
    if order is None:
        return None
    (one, dtype), (two, _) = (described(arguments.get(name)) for name in of.arrays[:2])
    sizes = integers(arguments.get(of.sizes)) if of.sizes else []
    image = tuple(sizes) if of.gives == "input" else one
    kernel = tuple(sizes) if of.gives == "filters" else two
    ones = (1,) * of.axes
    strides = steps(arguments.get(of.strides), order, of.axes) if of.strides else ones
    dilations = steps(arguments.get(of.dilations), order, of.axes)
    default = {"output_shape": "SAME"}.get(
        of.sizes, "VALID" if operation == "convolution" else None
    )
    padding = _padding(arguments.get("padding", default), order, of.axes)
    if image is None or len(image) < of.axes + 2 or kernel is None or len(kernel) != of.axes + 2:
        return None
    if strides is None or dilations is None or padding is None or min(strides + dilations) < 1:
        return None
    return Case(image, kernel, strides, padding, order, dilations, dtype, operation=operation)


def data_order(value: Any, of: Operation) -> str | None:
    """Return NHWC or NCHW for what an operation calls so, None for anything else."""
    if value is None:
        return "NHWC"
    names = {of.format_name(order): order for order in ("NHWC", "NCHW")}
    return names.get(value) if isinstance(value, str) else None


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


def spatial(entries: list[Any], order: str) -> list[Any]:
    """Return what stands for the axes among entries that begin with the batch's."""
    return entries[2:] if order == "NCHW" else entries[1:-1]


def steps(value: Any, order: str, axes: int = 2) -> Steps | None:
    """Return the strides or dilations of the axes; None where none are written."""
    if value is None:
        return (1,) * axes
    if isinstance(value, Iterator):  # looking at it would use it up
        return None
    found = [as_index(one) for one in (value if np.iterable(value) else [value])]
    if len(found) == axes + 2:
        outer = found[0], found[1 if order == "NCHW" else -1]
        found = spatial(found, order) if outer == (1, 1) else []
    if len(found) == 1:
        found *= axes
    if len(found) != axes or None in found:
        return None
    return tuple(one for one in found if one is not None)


def _padding(value: Any, order: str, axes: int) -> str | tuple[int, ...] | None:
    """Return SAME, VALID or top, bottom, left, right; None where nothing of it is written."""
    if isinstance(value, (str, bytes)):
        text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
        return text if text in ("SAME", "VALID") else None
    if not isinstance(value, (list, tuple)) or len(value) != axes + 2:
        return None
    pads = integers(value)
    if any(np.size(pair) != 2 for pair in value) or len(pads) != 2 * len(value) or min(pads) < 0:
        return None
    inner = pads[4:] if order == "NCHW" else pads[2:-2]
    return tuple(inner) if sum(pads) == sum(inner) else None
