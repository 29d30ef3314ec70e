"""Faults, by the rule of conv2d that they break: what a right call becomes wrong by.

The rules are numbered as in `parity.rules`.  Rules 5 and 20 to 22 refuse nothing by
themselves: a probe puts a right call under them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
from hypothesis import strategies as st

from parity.examples import family_faults, scoped
from parity.examples.fault import Arguments, Fault, Inject, Pick, dtype, one_of
from parity.examples.strategies import Dials, cases
from parity.model.call import Call
from parity.model.case import Case
from parity.model.operation import OPERATIONS
from parity.model.subject import Scope

ARRAYS = OPERATIONS["conv2d"].arrays
RULES = tuple(range(1, 26))


@st.composite
def nearly_valid_calls(draw: st.DrawFn, scope: Scope) -> Call:
    """Draw a valid call, spelled in one of the ways that TensorFlow takes, with 0 to 2 faults.

    A fault that would take the call outside `scope` is left out.  It shrinks towards one fault, the
    same call as `cases` does and plain lists.
    """
    case = draw(cases(scope.dtypes, ("lattice",), scope))
    is_conv2d = scope.operation == "conv2d"
    arguments = _spelled(draw, case) if is_conv2d else dict(Call.of(case).arguments)
    # Hypothesis draws 0 far more often than anything else: the seed of the data moves it.
    dials = Dials(bytes((one + case.seed) % 256 for one in draw(st.binary(min_size=3, max_size=3))))
    names = tuple(faults_within(scope))
    first, second = dials.pick(names), dials.pick(names)
    faults: tuple[str, ...] = ()
    for fault in (first, second)[: dials.pick((1, 1, 1, 1, 0, 2))]:
        changed = dict(arguments)
        faults_of(scope.operation)[fault].inject(
            lambda values: draw(st.sampled_from(values)), changed
        )
        if scoped.within(changed, scope):
            arguments, faults = changed, (*faults, fault)
    return Call(arguments, faults, scope.operation)


@cache
def faults_of(operation: str) -> dict[str, Fault]:
    """Return the faults of an operation."""
    return FAULTS if operation == "conv2d" else family_faults.faults(operation)


@cache
def faults_within(scope: Scope) -> dict[str, Fault]:
    """Return the faults that a subject of `scope` is asked about: in the plainest of its calls."""
    return {
        name: fault
        for name, fault in faults_of(scope.operation).items()
        if any(scoped.within(plain(name, scope, place).arguments, scope) for place in range(12))
    }


def plain(fault: str, scope: Scope, place: int) -> Call:
    """Return a plain call of `scope` with a fault, made of the values at `place` (or round it)."""
    call: Arguments = {
        "input": ((1, 4, 4, 4), scope.dtypes[0]),
        "filters": ((2, 2, 4, 4), scope.dtypes[0]),
        "strides": [1, 1],
        "padding": "VALID",
        "data_format": scope.formats[0],
    }
    if scope.operation != "conv2d":
        usual = family_faults.usual(scope.operation, dtype=scope.dtypes[0])
        call = dict(Call.of(usual).arguments)
    faults_of(scope.operation)[fault].inject(lambda values: values[place % len(values)], call)
    return Call(call, (fault,), scope.operation)


def _spelled(draw: st.DrawFn, case: Case) -> Arguments:
    arguments = dict(Call.of(case).arguments)
    for name in ("strides", "dilations"):
        arguments[name] = draw(_spellings(arguments[name], case.data_format))
    if not isinstance(case.padding, str) and draw(st.booleans()):
        arguments["padding"] = tuple(tuple(pair) for pair in arguments["padding"])
    return arguments


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
    written += [rows, [rows], np.int64(rows)] if rows == columns else []
    written += [None, True] if rows == columns == 1 else []
    return draw(st.sampled_from(written))


def _axes(arguments: Arguments) -> tuple[int, int]:
    """Return where rows and channels stand among four, by the data_format as it is written."""
    return (2, 1) if arguments.get("data_format") == "NCHW" else (1, 3)


def _place(pick: Pick, arguments: Arguments, axes: str) -> int:
    """Choose one of the axes of the "plane", or one of the "other" two."""
    row, channel = _axes(arguments)
    place: int = pick((row, row + 1) if axes == "plane" else (0, channel))
    return place


def _element(name: str, axes: str, *values: Any) -> Inject:
    """Put one of `values` into four strides or dilations."""

    def inject(pick: Pick, arguments: Arguments) -> None:
        four: list[Any] = [1, 1, 1, 1]
        four[_place(pick, arguments, axes)] = pick(values)
        arguments[name] = four

    return inject


def _pads(axes: str, *values: Any) -> Inject:
    def inject(pick: Pick, arguments: Arguments) -> None:
        pads: list[Any] = [[0, 0] for _ in range(4)]
        pads[_place(pick, arguments, axes)][pick(range(2))] = pick(values)
        arguments["padding"] = pads

    return inject


def _resize(name: str, change: Callable[[Pick, list[int], Arguments], None]) -> Inject:
    """Change the shape of an array, where it still has one of rank 4 or more."""

    def inject(pick: Pick, arguments: Arguments) -> None:
        value = arguments.get(name)
        if isinstance(value, tuple) and len(value[0]) >= 4:
            shape = list(value[0])
            change(pick, shape, arguments)
            arguments[name] = (tuple(shape), value[1])

    return inject


def _set(name: str, axis: int, *values: int) -> Inject:
    """Give an axis another size."""

    def change(pick: Pick, shape: list[int], _: Arguments) -> None:
        shape[axis] = pick(values)

    return _resize(name, change)


def _image_axes(arguments: Arguments) -> tuple[int, int]:
    """Return where rows and channels stand in the input's shape, counted from its end."""
    return (-2, -3) if arguments.get("data_format") == "NCHW" else (-3, -1)


def _fewer_dimensions(pick: Pick, shape: list[int], _: Arguments) -> None:
    # Cut short: the zero that kept a huge axis empty may go.
    shape[:] = [min(size, 9) for size in shape[: pick(range(4))]]


def _more_dimensions(pick: Pick, shape: list[int], _: Arguments) -> None:
    shape.insert(0, pick(range(3)))


def _no_kernel_size(pick: Pick, shape: list[int], _: Arguments) -> None:
    shape[pick(range(2))] = 0


def _in_channels(pick: Pick, shape: list[int], _: Arguments) -> None:
    shape[2] = pick((0, shape[2] + 1, 2 * shape[2] + 1, 7))


def _no_pixels(pick: Pick, shape: list[int], arguments: Arguments) -> None:
    """Leave no channel, so that outputs of nothing remain."""
    shape[_image_axes(arguments)[1]] = 0
    arguments["padding"] = pick(("SAME", "VALID"))


def _huge(pick: Pick, shape: list[int], arguments: Arguments) -> None:
    """Make an axis as long as none may be; another without any element keeps all arrays small."""
    arguments["padding"] = pick(("SAME", "VALID"))
    row, channel = _image_axes(arguments)
    shape[:] = [min(size, 9) for size in shape]
    place, empty = pick(((0, row), (row, 0), (row + 1, 0), (channel, 0)))
    shape[place] = pick((2**31 - 1, 2**31, 2**31 - 2))
    shape[empty] = 0


def _long_kernel(pick: Pick, arguments: Arguments) -> None:
    """Dilate the kernel beyond the input under VALID: by a stride less, or too far."""
    if not all(isinstance(arguments.get(name), tuple) for name in ARRAYS):
        return
    shape, (taps, kind) = arguments["input"][0], arguments["filters"]
    if len(shape) < 4 or len(taps) != 4:
        return
    kernel = shape[_image_axes(arguments)[0]] + pick(range(4))
    if kernel < 200 and all(taps):
        arguments["filters"] = ((max(1, kernel), *taps[1:]), kind)
        arguments |= {"padding": "VALID", "strides": pick(range(1, 4)), "dilations": [1, 1]}


def _no_array(pick: Pick, arguments: Arguments) -> None:
    arguments[pick(ARRAYS)] = None


def _unknown_keyword(pick: Pick, arguments: Arguments) -> None:
    arguments[pick(("kernel", "groups", "rate", "use_cudnn_on_gpu"))] = 1


def _missing(pick: Pick, arguments: Arguments) -> None:
    arguments.pop(pick(("input", "filters", "strides", "padding")), None)


def _too_large(pick: Pick, arguments: Arguments) -> None:
    """Ask for more than 2**63 elements by pads, or almost."""
    row, _ = _axes(arguments)
    pads = [[0, 0] for _ in range(4)]
    pads[row][0] = pads[row + 1][1] = 2 ** pick((40, 33))
    arguments |= {"padding": pads, "strides": 1}


def _huge_pads(pick: Pick, arguments: Arguments) -> None:
    """Pad by more than int32, and step over nearly all of it."""
    row, _ = _axes(arguments)
    pads = [[0, 0] for _ in range(4)]
    pads[row + pick(range(2))] = [pick((2**31 - 1, 2**31)), 0]
    four = [1, 1, 1, 1]
    four[row] = four[row + 1] = 2**31 - 1
    arguments |= {"padding": pads, "strides": four}


_NONE = [0, 0]
_WRONG_LISTS: Sequence[Any] = (
    "EXPLICIT",
    *([], [_NONE] * 3, [_NONE] * 5, [1, 1]),
    *([_NONE, wrong, _NONE, _NONE] for wrong in ([0], [0, 0, 0], 1, range(2))),
)
_LENGTHS: Sequence[Any] = ([], [1, 1, 1], (1, 1, 1, 1, 1), (1,) * 6)
_NO_INTEGERS: Sequence[Any] = ("2", None, 1j, float("nan"), [1])
_TRUNCATED: Sequence[Any] = (1.0, 2.5, np.float32(1), np.True_)
_S, _D, _P, _F = ("strides",), ("dilations",), ("padding",), ("data_format",)

FAULTS: dict[str, Fault] = {
    "unknown keyword": Fault(1, (), _unknown_keyword),
    "missing argument": Fault(1, (), _missing),
    "padding list": Fault(2, _P, one_of("padding", *_WRONG_LISTS)),
    "data_format type": Fault(3, _F, one_of("data_format", 1, b"NHWC", ["NHWC"])),
    "data_format None": Fault(3, (), one_of("data_format", None)),
    "strides length": Fault(4, _S, one_of("strides", *_LENGTHS)),
    "dilations length": Fault(4, _D, one_of("dilations", *_LENGTHS)),
    "more dimensions": Fault(5, (*ARRAYS, "dilations"), _resize("input", _more_dimensions)),
    "no array": Fault(5, ARRAYS, _no_array),
    "strides no integers": Fault(6, _S, _element("strides", "plane", *_NO_INTEGERS)),
    "dilations no integers": Fault(6, _D, _element("dilations", "plane", *_NO_INTEGERS)),
    "strides truncated": Fault(6, _S, _element("strides", "plane", *_TRUNCATED)),
    "dilations truncated": Fault(6, _D, _element("dilations", "plane", *_TRUNCATED)),
    "padding no integers": Fault(6, _P, _pads("plane", "1", None, 1.5)),
    "padding no string": Fault(6, _P, one_of("padding", None, 0, 1)),
    "dtype": Fault(7, ARRAYS, dtype(ARRAYS, "int64", "uint8", "bool", "complex64")),
    "dtypes differ": Fault(7, ARRAYS, dtype(ARRAYS, "float64", "int32", "float32", "float16")),
    # They are cast to the input's dtype, which is right within a kind of number.
    "filters wider": Fault(7, ("filters",), dtype(("filters",), "float64")),
    "padding string": Fault(8, _P, one_of("padding", "same", "FULL", "", "VALID ")),
    "data_format string": Fault(8, _F, one_of("data_format", "nhwc", "HWNC", "")),
    "strides range": Fault(9, _S, _element("strides", "plane", 2**31, 2**40, -(2**31) - 1)),
    "dilations range": Fault(9, _D, _element("dilations", "plane", 2**31, 2**40)),
    "strides elsewhere": Fault(10, _S, _element("strides", "other", 2, 0, -1)),
    "strides not positive": Fault(11, _S, _element("strides", "plane", 0, -1, -(2**31))),
    "dilations elsewhere": Fault(12, _D, _element("dilations", "other", 2, 0, -1)),
    "dilations not positive": Fault(13, _D, _element("dilations", "plane", 0, -1)),
    "padding negative": Fault(14, _P, _pads("plane", -1, -(2**31))),
    "padding elsewhere": Fault(14, _P, _pads("other", 1, -1)),
    "rank of input": Fault(15, ("input",), _resize("input", _fewer_dimensions)),
    "rank of filters": Fault(15, ("filters",), _resize("filters", _fewer_dimensions)),
    "huge axis": Fault(16, ARRAYS, _resize("input", _huge)),
    "in_channels": Fault(17, ARRAYS, _resize("filters", _in_channels)),
    "kernel too long": Fault(18, ("filters",), _long_kernel),
    "result too large": Fault(19, (), _too_large),
    "no filters": Fault(20, ("filters",), _set("filters", 3, 0)),
    "no image": Fault(20, ("input",), _set("input", 0, 0)),
    "no pixels": Fault(21, ARRAYS, _resize("input", _no_pixels)),
    "NCHW": Fault(22, (*ARRAYS, "data_format"), one_of("data_format", "NCHW")),
    "huge pads": Fault(23, _P, _huge_pads),
    "kernel of nothing": Fault(24, ("filters",), _resize("filters", _no_kernel_size)),
    "out_channels": Fault(25, ("filters",), _set("filters", 3, *range(1, 10))),
}
"""What may go wrong with a call; a few leave it valid, which both sides must then see."""
