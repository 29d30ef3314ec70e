"""What the predicates of the ledger ask of a call, right or wrong."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from parity.model.call import as_index, data_order, integers, numbers, read, spatial
from parity.model.case import DTYPES, Case
from parity.model.geometry import Geometry, Pads
from parity.model.operation import OPERATIONS
from parity.model.written import Arguments

_KINDS = {"b": 0, "i": 1, "u": 1, "f": 2, "c": 3}


class Sizes(NamedTuple):
    """The geometry of a call that has the form of one.

    Leading dimensions are in ``N``; ``IC`` are the channels of the filters; ``top bottom left
    right`` the padding that windows reach into; ``pads`` the four as they are written, those of
    SAME worked out.
    """

    N: int
    H: int
    W: int
    C: int
    KH: int
    KW: int
    IC: int
    OC: int
    SH: int
    SW: int
    DH: int
    DW: int
    OH: int
    OW: int
    top: int
    bottom: int
    left: int
    right: int
    pads: Pads

    @classmethod
    def of(cls, case: Case) -> Sizes:
        """Return the sizes of a case."""
        it = Geometry.of(case)
        last = [
            (axis.outputs - 1) * axis.stride - axis.before + axis.reach
            for axis in (it.rows, it.columns)
        ]
        batch, high, wide = math.prod(it.lead), it.rows, it.columns
        sizes = (
            *(batch, high.size, wide.size, it.channels, *case.filters_shape),
            *(*case.strides, *case.dilations, *it.outputs),
            *(high.before, max(0, last[0] - high.size)),
            *(wide.before, max(0, last[1] - wide.size)),
        )
        return cls(*sizes, it.pads)  # type: ignore[arg-type, call-arg]  # of two axes


class Facts:
    """The arguments of a call as they are written, None for those that are missing.

    Attributes
    ----------
    of
        What is known of the operation.
    input, filters
        Its first two arrays; a gradient of the output stands in the place of another array.
    dtype
        The name of the input's dtype, "" for what is no array.
    case
        The geometry; None where the arguments have not the form of a call.
    sizes
        The same of a call of conv2d.
    """

    def __init__(self, arguments: Arguments, operation: str = "conv2d") -> None:
        self.of = of = OPERATIONS[operation]
        self.input: Any = arguments.get(of.arrays[0])
        self.filters: Any = arguments.get(of.arrays[1])
        self.strides: Any = arguments.get(of.strides)
        self.padding: Any = arguments.get("padding")
        self.data_format: Any = arguments.get("data_format")
        self.dilations: Any = arguments.get(of.dilations)
        self.shape: Any = arguments.get(of.sizes)
        self.dtype = str(getattr(getattr(self.input, "dtype", None), "name", ""))
        case = read(arguments, operation)
        self.case = case if case and min(axis.outputs for axis in case.axes()) >= 0 else None
        self.sizes = Sizes.of(self.case) if self.case and operation == "conv2d" else None

    @property
    def nothing(self) -> bool:
        """Whether an array has no element, or what is computed would have none."""
        shapes = [np.shape(one) for one in (self.input, self.filters) if hasattr(one, "shape")]
        return 0 in [*(size for shape in shapes for size in shape), *integers(self.shape)]

    @property
    def dilated(self) -> bool:
        """Whether a dilation is above 1; for `convolution`, whether one is not 1."""
        if self.of.name == "convolution":
            return any(one != 1 for one in numbers(self.dilations))
        return max(integers(self.dilations), default=1) > 1

    def along(self, value: Any) -> list[int]:
        """Return the integers of strides or dilations that are about axes."""
        found = integers(value)
        order = "NCHW" if self.channels_first else "NHWC"
        return spatial(found, order) if len(found) == self.of.axes + 2 else found

    @property
    def steps(self) -> list[int]:
        """The integers among strides and dilations."""
        return integers(self.strides) + integers(self.dilations)

    @property
    def pads(self) -> list[int]:
        """The integers of explicit padding."""
        return integers(self.padding)

    @property
    def outer_pads(self) -> list[int]:
        """Those of batch and channels, where there are four pairs."""
        pads = self.padding
        if not isinstance(pads, (list, tuple)) or len(pads) != self.of.axes + 2:
            return []
        return integers([pads[0], pads[1 if self.channels_first else -1]])

    @property
    def channels_first(self) -> bool:
        """Whether the channels come before the axes, by the operation's name for it."""
        return data_order(self.data_format, self.of) == "NCHW"


def kind(array: Any) -> int:
    """Return 0 for bool, 1 for integers, 2 for floats, 3 for complex numbers, 4 for the rest."""
    try:
        dtype = np.asarray(array).dtype
    except ValueError:  # lists of different lengths
        return 4
    return 2 if dtype == DTYPES["bfloat16"] else _KINDS.get(dtype.kind, 4)


def least(array: Any) -> float:
    """Return the smallest magnitude in `array` but 0, infinity if there is none."""
    if kind(array) > 3:
        return math.inf
    magnitudes = np.abs(np.asarray(array)).astype(np.float64)
    return float(np.min(magnitudes, where=magnitudes > 0, initial=math.inf))


def finite(array: Any) -> bool:
    """Say whether `array` has no inf and no nan."""
    return kind(array) > 3 or bool(np.isfinite(array).all())


def truncated(value: Any) -> bool:
    """Say whether strides, dilations or pads are no integers, and int() makes some of them."""
    wrong = [number for number in numbers(value) if as_index(number) is None]
    if any(isinstance(number, (str, bytes, np.complexfloating)) for number in wrong):
        return False
    try:
        return bool([int(number) for number in wrong])
    except (OverflowError, TypeError, ValueError):
        return False
