"""Faults, by the rule of conv2d that they break: what a right call becomes wrong by.

The rules are numbered as in `parity.rules.rows`.  Rules 5 and 20 to 22 refuse nothing by
themselves: a probe puts a right call under them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from parity.examples import scoped
from parity.examples.strategies import Dials, cases
from parity.model.call import Call
from parity.model.case import Case
from parity.model.subject import Scope
from parity.model.written import ARRAYS

Draw = Callable[[st.SearchStrategy[Any]], Any]
Arguments = dict[str, Any]
RULES = tuple(range(1, 26))


@dataclass(frozen=True)
class Fault:
    """One way to get a call wrong.

    Attributes
    ----------
    rule
        The rule that it breaks, or probes.
    names
        The arguments of which a message has to name one; none where Python itself refuses.
    inject
        Puts it into the arguments.
    needs
        Features without which a subject is not asked about it.
    """

    rule: int
    names: tuple[str, ...]
    inject: Callable[[Draw, Arguments], None]
    needs: tuple[str, ...] = ()


@st.composite
def nearly_valid_calls(draw: st.DrawFn, scope: Scope) -> Call:
    """Draw a valid call, spelled in one of the ways that TensorFlow takes, with 0 to 2 faults.

    A fault that would take the call outside `scope` is left out.  It shrinks towards one fault, the
    same call as `cases` does and plain lists.
    """
    case = draw(cases(scope.dtypes, ("lattice",), scope))
    arguments = _spelled(draw, case)
    # Hypothesis draws 0 far more often than anything else: the seed of the data moves it.
    dials = Dials(bytes((one + case.seed) % 256 for one in draw(st.binary(min_size=3, max_size=3))))
    names = tuple(faults_within(scope))
    first, second = dials.pick(names), dials.pick(names)
    faults: tuple[str, ...] = ()
    for fault in (first, second)[: dials.pick((1, 1, 1, 1, 0, 2))]:
        changed = dict(arguments)
        FAULTS[fault].inject(draw, changed)
        if scoped.within(changed, scope):
            arguments, faults = changed, (*faults, fault)
    return Call(arguments, faults)


def faults_within(scope: Scope) -> dict[str, Fault]:
    """Return the faults that a subject of `scope` is asked about."""
    return {
        name: fault
        for name, fault in FAULTS.items()
        if all(map(scope.has, fault.needs)) and (fault.rule != 22 or "NCHW" in scope.formats)
    }


def _spelled(draw: st.DrawFn, case: Case) -> Arguments:
    arguments = Call.of(case).arguments
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
    if rows == columns:
        written += [rows, [rows], np.int64(rows)]
    if rows == columns == 1:
        written += [None, True]
    return draw(st.sampled_from(written))


def _axes(arguments: Arguments) -> tuple[int, int]:
    """Return where rows and channels stand among four, by the data_format as it is written."""
    return (2, 1) if arguments.get("data_format") == "NCHW" else (1, 3)


def _one_of(name: str, *values: Any) -> Callable[[Draw, Arguments], None]:
    def inject(draw: Draw, arguments: Arguments) -> None:
        arguments[name] = draw(st.sampled_from(values))

    return inject


def _element(name: str, places: str, *values: Any) -> Callable[[Draw, Arguments], None]:
    """Put one of `values` into four strides or dilations, at the "plane" or the "other" axes."""

    def inject(draw: Draw, arguments: Arguments) -> None:
        row, channel = _axes(arguments)
        four: list[Any] = [1, 1, 1, 1]
        place = draw(st.sampled_from((row, row + 1) if places == "plane" else (0, channel)))
        four[place] = draw(st.sampled_from(values))
        arguments[name] = four

    return inject


def _pads(places: str, *values: Any) -> Callable[[Draw, Arguments], None]:
    def inject(draw: Draw, arguments: Arguments) -> None:
        row, channel = _axes(arguments)
        pads: list[Any] = [[0, 0] for _ in range(4)]
        place = draw(st.sampled_from((row, row + 1) if places == "plane" else (0, channel)))
        pads[place][draw(st.integers(0, 1))] = draw(st.sampled_from(values))
        arguments["padding"] = pads

    return inject


def _resize(name: str, change: Callable[[Draw, list[int], Arguments], None]) -> Any:
    """Change the shape of an array, where it still has one of rank 4 or more."""

    def inject(draw: Draw, arguments: Arguments) -> None:
        value = arguments.get(name)
        if isinstance(value, tuple) and len(value[0]) >= 4:
            shape = list(value[0])
            change(draw, shape, arguments)
            arguments[name] = (tuple(shape), value[1])

    return inject


def _plane(arguments: Arguments) -> int:
    """Return where the rows stand in the input's shape, counted from its end."""
    return -2 if arguments.get("data_format") == "NCHW" else -3


def _fewer_dimensions(draw: Draw, shape: list[int], _: Arguments) -> None:
    # Cut short: the zero that kept a huge axis empty may go.
    shape[:] = [min(size, 9) for size in shape[: draw(st.integers(0, 3))]]


def _no_kernel_size(draw: Draw, shape: list[int], _: Arguments) -> None:
    shape[draw(st.integers(0, 1))] = 0


def _in_channels(draw: Draw, shape: list[int], _: Arguments) -> None:
    shape[2] = draw(st.sampled_from((0, shape[2] + 1, 2 * shape[2] + 1, 7)))


def _out_channels(draw: Draw, shape: list[int], _: Arguments) -> None:
    shape[3] = draw(st.integers(1, 9))


def _no_filters(_: Draw, shape: list[int], __: Arguments) -> None:
    shape[3] = 0


def _no_image(_: Draw, shape: list[int], __: Arguments) -> None:
    shape[0] = 0


def _no_pixels(draw: Draw, shape: list[int], arguments: Arguments) -> None:
    """Leave no channel, so that outputs of nothing remain."""
    shape[-1 if _plane(arguments) == -3 else -3] = 0
    arguments["padding"] = draw(st.sampled_from(("SAME", "VALID")))


def _huge(draw: Draw, shape: list[int], arguments: Arguments) -> None:
    """Make an axis as long as none may be; another without any element keeps all arrays small."""
    arguments["padding"] = draw(st.sampled_from(("SAME", "VALID")))
    row = _plane(arguments)
    channel = -1 if row == -3 else -3
    shape[:] = [min(size, 9) for size in shape]
    place, empty = draw(st.sampled_from(((0, row), (row, 0), (row + 1, 0), (channel, 0))))
    shape[place] = draw(st.sampled_from((2**31 - 1, 2**31, 2**31 - 2)))
    shape[empty] = 0


def _long_kernel(draw: Draw, arguments: Arguments) -> None:
    """Dilate the kernel beyond the input under VALID: by a stride less, or too far."""
    if not all(isinstance(arguments.get(name), tuple) for name in ARRAYS):
        return
    shape, (taps, kind) = arguments["input"][0], arguments["filters"]
    if len(shape) < 4 or len(taps) != 4:
        return
    size = shape[_plane(arguments)]
    kernel = size + draw(st.integers(0, 3))
    if kernel < 200 and all(taps):
        arguments["filters"] = ((max(1, kernel), *taps[1:]), kind)
        arguments |= {"padding": "VALID", "strides": draw(st.integers(1, 3)), "dilations": [1, 1]}


def _more_dimensions(draw: Draw, shape: list[int], _: Arguments) -> None:
    shape.insert(0, draw(st.integers(0, 2)))


def _no_array(draw: Draw, arguments: Arguments) -> None:
    arguments[draw(st.sampled_from(("input", "filters")))] = None


def _unknown_keyword(draw: Draw, arguments: Arguments) -> None:
    arguments[draw(st.sampled_from(("kernel", "groups", "rate", "use_cudnn_on_gpu")))] = 1


def _missing(draw: Draw, arguments: Arguments) -> None:
    arguments.pop(draw(st.sampled_from(("input", "filters", "strides", "padding"))), None)


def _dtype(*names: str) -> Callable[[Draw, Arguments], None]:
    def inject(draw: Draw, arguments: Arguments) -> None:
        which = draw(st.sampled_from(("input", "filters")))
        if isinstance(arguments.get(which), tuple):
            arguments[which] = (arguments[which][0], draw(st.sampled_from(names)))

    return inject


def _wider_filters(_: Draw, arguments: Arguments) -> None:
    """Have the filters cast to the input's dtype, which is right within a kind of number."""
    if isinstance(arguments.get("filters"), tuple):
        arguments["filters"] = (arguments["filters"][0], "float64")


def _nchw(_: Draw, arguments: Arguments) -> None:
    arguments["data_format"] = "NCHW"


def _too_large(draw: Draw, arguments: Arguments) -> None:
    """Ask for more than 2**63 elements by pads, or almost."""
    row, _ = _axes(arguments)
    pads = [[0, 0] for _ in range(4)]
    pads[row][0] = pads[row + 1][1] = 2 ** draw(st.sampled_from((40, 33)))
    arguments |= {"padding": pads, "strides": 1}


def _huge_pads(draw: Draw, arguments: Arguments) -> None:
    """Pad by more than int32, and step over nearly all of it."""
    row, _ = _axes(arguments)
    pads = [[0, 0] for _ in range(4)]
    pads[row + draw(st.integers(0, 1))] = [draw(st.sampled_from((2**31 - 1, 2**31))), 0]
    four = [1, 1, 1, 1]
    four[row] = four[row + 1] = 2**31 - 1
    arguments |= {"padding": pads, "strides": four}


_NONE = [0, 0]
_WRONG_LISTS: Sequence[Any] = (
    "EXPLICIT",
    [],
    [_NONE] * 3,
    [_NONE] * 5,
    [_NONE, [0], _NONE, _NONE],
    [_NONE, [0, 0, 0], _NONE, _NONE],
    [1, 1],
    [_NONE, 1, _NONE, _NONE],
    [_NONE, range(2), _NONE, _NONE],
)
_LENGTHS: Sequence[Any] = ([], [1, 1, 1], (1, 1, 1, 1, 1), (1,) * 6)
_NO_INTEGERS: Sequence[Any] = ("2", None, 1j, float("nan"), [1])
_TRUNCATED: Sequence[Any] = (1.0, 2.5, np.float32(1), np.True_)

FAULTS: dict[str, Fault] = {
    "unknown keyword": Fault(1, (), _unknown_keyword),
    "missing argument": Fault(1, (), _missing),
    "padding list": Fault(2, ("padding",), _one_of("padding", *_WRONG_LISTS), ("explicit",)),
    "data_format type": Fault(3, ("data_format",), _one_of("data_format", 1, b"NHWC", ["NHWC"])),
    "data_format None": Fault(3, (), _one_of("data_format", None)),
    "strides length": Fault(4, ("strides",), _one_of("strides", *_LENGTHS), ("strides",)),
    "dilations length": Fault(4, ("dilations",), _one_of("dilations", *_LENGTHS), ("dilations",)),
    "more dimensions": Fault(
        5, ("input", "filters", "dilations"), _resize("input", _more_dimensions), ("rank5",)
    ),
    "no array": Fault(5, ("input", "filters"), _no_array),
    "strides no integers": Fault(
        6, ("strides",), _element("strides", "plane", *_NO_INTEGERS), ("unequal strides",)
    ),
    "dilations no integers": Fault(
        6, ("dilations",), _element("dilations", "plane", *_NO_INTEGERS), ("dilations",)
    ),
    "strides truncated": Fault(
        6, ("strides",), _element("strides", "plane", *_TRUNCATED), ("unequal strides",)
    ),
    "dilations truncated": Fault(
        6, ("dilations",), _element("dilations", "plane", *_TRUNCATED), ("dilations",)
    ),
    "padding no integers": Fault(6, ("padding",), _pads("plane", "1", None, 1.5), ("explicit",)),
    "padding no string": Fault(6, ("padding",), _one_of("padding", None, 0, 1)),
    "dtype": Fault(7, ("input", "filters"), _dtype("int64", "uint8", "bool", "complex64")),
    "dtypes differ": Fault(
        7, ("input", "filters"), _dtype("float64", "int32", "float32", "float16")
    ),
    "filters wider": Fault(7, ("filters",), _wider_filters),
    "padding string": Fault(8, ("padding",), _one_of("padding", "same", "FULL", "", "VALID ")),
    "data_format string": Fault(8, ("data_format",), _one_of("data_format", "nhwc", "HWNC", "")),
    "strides range": Fault(
        9,
        ("strides",),
        _element("strides", "plane", 2**31, 2**40, -(2**31) - 1),
        ("unequal strides",),
    ),
    "dilations range": Fault(
        9, ("dilations",), _element("dilations", "plane", 2**31, 2**40), ("dilations",)
    ),
    "strides elsewhere": Fault(
        10, ("strides",), _element("strides", "other", 2, 0, -1), ("strides",)
    ),
    "strides not positive": Fault(
        11, ("strides",), _element("strides", "plane", 0, -1, -(2**31)), ("unequal strides",)
    ),
    "dilations elsewhere": Fault(
        12, ("dilations",), _element("dilations", "other", 2, 0, -1), ("dilations",)
    ),
    "dilations not positive": Fault(
        13, ("dilations",), _element("dilations", "plane", 0, -1), ("dilations",)
    ),
    "padding negative": Fault(14, ("padding",), _pads("plane", -1, -(2**31)), ("explicit",)),
    "padding elsewhere": Fault(14, ("padding",), _pads("other", 1, -1), ("explicit",)),
    "rank of input": Fault(15, ("input",), _resize("input", _fewer_dimensions)),
    "rank of filters": Fault(15, ("filters",), _resize("filters", _fewer_dimensions)),
    "huge axis": Fault(16, ("input", "filters"), _resize("input", _huge), ("empties", "batches")),
    "in_channels": Fault(17, ("input", "filters"), _resize("filters", _in_channels)),
    "kernel too long": Fault(18, ("filters",), _long_kernel),
    "result too large": Fault(19, (), _too_large, ("explicit",)),
    "no filters": Fault(20, ("filters",), _resize("filters", _no_filters), ("empties",)),
    "no image": Fault(20, ("input",), _resize("input", _no_image), ("empties", "batches")),
    "no pixels": Fault(21, ("input", "filters"), _resize("input", _no_pixels), ("empties",)),
    "NCHW": Fault(22, ("input", "filters", "data_format"), _nchw),
    "huge pads": Fault(23, ("padding",), _huge_pads, ("explicit", "strides")),
    "kernel of nothing": Fault(24, ("filters",), _resize("filters", _no_kernel_size), ("empties",)),
    "out_channels": Fault(25, ("filters",), _resize("filters", _out_channels), ("groups",)),
}
"""What may go wrong with a call; a few leave it valid, which both sides must then see."""
