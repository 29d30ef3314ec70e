"""Faults of the rest of the family, by what they are about; see `parity.rules.family`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from parity.examples.fault import Arguments, Fault, Inject, Pick, dtype, one_of
from parity.model.call import data_order, integers
from parity.model.operation import OPERATIONS, Operation
from parity.rules.family.usual import usual

__all__ = ["faults", "usual"]


def faults(operation: str) -> dict[str, Fault]:
    """Return the faults of an operation; a few leave a call valid, which both sides must see."""
    of = OPERATIONS[operation]
    return {name: Fault(rule, names, inject) for name, rule, names, inject in _faults(of)}


def _faults(of: Operation) -> Iterator[tuple[str, str, tuple[str, ...], Inject]]:
    one, two = of.arrays[:2]
    arrays = (*of.arrays, *([of.sizes] if of.sizes else []))
    yield "unknown keyword", "signature", (), one_of("groups", 1)
    yield "missing argument", "signature", (), _missing(of.leading)
    for rule, argument in (("strides", of.strides), ("dilations", of.dilations)):
        if not argument:
            continue
        for fault, entries in (
            ("not positive", _steps(argument, of, 0, -1, -(2**31))),
            ("no integers", _steps(argument, of, "2", None, 1j)),
            ("truncated", _steps(argument, of, 1.0, 1.5)),
            ("elsewhere", _steps(argument, of, 2, 0, -1, outer=True)),
            ("spelled", one_of(argument, 1, 2, [1], [1] * of.axes, None)),
            ("length", one_of(argument, [], [1] * (of.axes + 3), (1,) * (of.axes + 4))),
        ):
            names = (argument, of.sizes, *of.arrays) if fault == "spelled" else (argument,)
            yield f"{rule} {fault}", rule, names, entries
    pads, padding = [[0, 0]] * (of.axes + 2), ("padding",)
    yield "padding string", "padding", padding, one_of("padding", "same", "FULL", "EXPLICIT")
    yield "padding type", "padding", padding, one_of("padding", None, 0)
    yield "padding length", "padding", padding, one_of("padding", pads[1:], [*pads, [0, 0]], [1])
    yield "padding elsewhere", "padding", padding, _steps("padding", of, [1, 0], [0, 1], outer=True)
    negative = [[0, 0], *[[-1, 0]] * of.axes, [0, 0]]
    yield "padding negative", "padding", padding, one_of("padding", negative)
    if of.has_format:
        named, first = ("data_format",), of.format_name("NCHW")
        yield "data_format string", "data_format", named, one_of("data_format", "nhwc", "HWNC", "")
        yield "data_format type", "data_format", named, one_of("data_format", 1, ["NHWC"])
        yield "channels first", "data_format", (*arrays, *named), one_of("data_format", first)
    yield "dtype", "dtypes", arrays, dtype(of.arrays, "int64", "uint8", "bool", "complex64")
    yield "dtypes differ", "dtypes", arrays, dtype(of.arrays, "float64", "int32", "float32")
    for array in (one, two):
        free = of.name == "convolution"  # has any rank
        others = (*arrays, "strides", "dilations", "data_format") if free else arrays
        yield f"rank of {array}", "ranks", others, _shape(array, 0)
        yield f"channels of {array}", "channels", arrays, _shape(array, -1)
    yield f"depth of {two}", "channels", arrays, _shape(two, -2)
    if of.sizes:
        yield "other size", "sizes", arrays, _size(of, 1, -1, 2)
        sizes = (of.sizes,)
        yield "negative size", "sizes", sizes, _size(of, -100)
        yield "sizes", "sizes", sizes, one_of(of.sizes, [], [1] * (of.axes + 3), [[1, 1]])
        yield "no sizes", "sizes", sizes, one_of(of.sizes, None, "1", 1, [1.0] * (of.axes + 2))


def _missing(names: Sequence[str]) -> Inject:
    def inject(pick: Pick, arguments: Arguments) -> None:
        arguments.pop(pick((*names, "padding")), None)

    return inject


def _steps(argument: str, of: Operation, *values: Any, outer: bool = False) -> Inject:
    """Put one of `values` at an axis, or at the batch or channels, among nothing in particular."""

    def inject(pick: Pick, arguments: Arguments) -> None:
        entries: list[Any] = [[0, 0] if argument == "padding" else 1] * (of.axes + 2)
        entries[_place(pick, arguments, of, outer=outer)] = pick(values)
        arguments[argument] = entries

    return inject


def _place(pick: Pick, arguments: Arguments, of: Operation, *, outer: bool) -> int:
    """Choose a place among entries for batch, axes and channels."""
    first = data_order(arguments.get("data_format"), of) == "NCHW"
    channels = 1 if first else of.axes + 1
    others = [place for place in range(1, of.axes + 2) if place != channels]
    place: int = pick((0, channels) if outer else others)
    return place


def _shape(array: str, axis: int) -> Inject:
    """Give an axis of an array another size, or (axis 0) the array another rank."""

    def inject(pick: Pick, arguments: Arguments) -> None:
        if isinstance(arguments.get(array), tuple) and len(arguments[array][0]) > 2:
            shape, kind = list(arguments[array][0]), arguments[array][1]
            if axis:
                shape[axis] = pick((shape[axis] + 1, 2 * shape[axis], 7))
            else:
                shape = pick((shape[1:], [1, *shape], [2, *shape], shape[:1]))
            arguments[array] = tuple(shape), kind

    return inject


def _size(of: Operation, *more: int) -> Inject:
    def inject(pick: Pick, arguments: Arguments) -> None:
        sizes = arguments.get(of.sizes)
        if isinstance(sizes, list) and sizes == integers(sizes) != []:
            place = pick(range(len(sizes)))
            arguments[of.sizes] = [*sizes[:place], sizes[place] + pick(more), *sizes[place + 1 :]]

    return inject
