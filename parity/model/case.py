"""One convolution to check, written as one readable line.

A token such as ``float32 NHWC 1x5x5x3 w3x3x3x2 s2,1 d1,1 SAME lattice:7`` holds
everything: the shapes, the strides, the dilations, the padding (``SAME``, ``VALID`` or
``top,bottom,left,right``) and the kind and seed of the data.  Two endings may follow:
``x:F w:reversed``, the memory layouts of the two arrays where they are not C, and
``only x5,9 w2``, the flat indices of the elements that a reduction has kept, all others being 0.

Another operation than conv2d comes first: ``conv2d_transpose float32 ...``.  The shapes stay those
of the convolution that is behind it; the operation says which two of its three arrays are given,
and so which are x and w.  A separable convolution has ``p`` and the pointwise filters after ``w``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from parity.model import data
from parity.model.axis import Axis
from parity.model.layouts import LAYOUTS
from parity.model.operation import CHANNELS_FIRST, CHANNELS_LAST, OPERATIONS, Operation

Array = NDArray[Any]
Conv2d = Callable[..., Any]
Kept = tuple[int, ...] | None

DTYPES: dict[str, np.dtype[Any]] = {
    "float16": np.dtype(np.float16),
    "bfloat16": np.dtype(ml_dtypes.bfloat16),
    "float32": np.dtype(np.float32),
    "float64": np.dtype(np.float64),
    "int32": np.dtype(np.int32),
}

_LARGEST = 2**31 - 1  # number in a token, but for the seed
_LONGEST = 1 << 20  # characters of a token

_FORMATS = dict.fromkeys(CHANNELS_LAST.values(), "NHWC")
_FORMATS |= dict.fromkeys(CHANNELS_FIRST.values(), "NCHW")
_TOKEN = re.compile(
    rf"(?:(?P<operation>{'|'.join(OPERATIONS)}) )?(?P<dtype>\w+) (?P<format>{'|'.join(_FORMATS)})"
    r" (?P<input>\d+(?:x\d+){2,}) w(?P<filters>\d+(?:x\d+){2,})(?: p(?P<pointwise>\d+x\d+))?"
    r" s(?P<strides>\d+(?:,\d+)*) d(?P<dilations>\d+(?:,\d+)*)"
    r" (?P<padding>SAME|VALID|\d+(?:,\d+)+) (?P<kind>\w+):(?P<seed>\d+)"
    r"(?: x:(?P<input_layout>\w+) w:(?P<filters_layout>\w+))?"
    r"(?: only x(?P<input_only>[\d,]*|all) w(?P<filters_only>[\d,]*|all))?"
)


@dataclass(frozen=True)
class Case:
    """A valid call of an operation together with the data that it is given.

    Attributes
    ----------
    input_shape, filters_shape
        Of the convolution: of rank 4 or more, in the order of `data_format` (3 for one axis, 5 for
        three); (KH, KW, in_channels, out_channels), of depthwise ones (KH, KW, channels, M).
    strides, dilations, padding
        Rows, columns; "SAME", "VALID" or (top, bottom, left, right); one or three axes likewise.
    data_format
        "NHWC" or "NCHW", whatever an operation calls it.
    dtype, kind, seed
        A key of `DTYPES`, one of `parity.model.data.KINDS`, and what the data are drawn from.
    input_layout, filters_layout
        Keys of `parity.model.layouts.LAYOUTS`, of the two arrays that are given.
    input_only, filters_only
        Flat indices of the elements of these that keep their values, all others being 0; None for
        all.
    operation
        A key of `parity.model.operation.OPERATIONS`.
    pointwise
        In and out channels of a separable convolution's second filters.
    """

    input_shape: tuple[int, ...]
    filters_shape: tuple[int, ...]
    strides: tuple[int, ...] = (1, 1)
    padding: str | tuple[int, ...] = "VALID"
    data_format: str = "NHWC"
    dilations: tuple[int, ...] = (1, 1)
    dtype: str = "float32"
    kind: str = "lattice"
    seed: int = 0
    input_layout: str = "C"
    filters_layout: str = "C"
    input_only: Kept = None
    filters_only: Kept = None
    operation: str = "conv2d"
    pointwise: tuple[int, int] | None = None

    @property
    def of(self) -> Operation:
        """What is known of its operation."""
        return OPERATIONS[self.operation]

    @property
    def lead(self) -> tuple[int, ...]:
        """The dimensions of the images before axes and channels."""
        return self.input_shape[: -len(self.strides) - 1]

    @property
    def channels(self) -> int:
        """Channels of the images."""
        return self.input_shape[-1 if self.data_format == "NHWC" else -len(self.strides) - 1]

    def axes(self) -> tuple[Axis, ...]:
        """Return the axes with their pads, those of SAME as well."""
        return self._axes

    @cached_property
    def _axes(self) -> tuple[Axis, ...]:
        count, last = len(self.strides), self.data_format == "NHWC"
        sizes = self.input_shape[-count - 1 : -1] if last else self.input_shape[-count:]
        pads = (0,) * (2 * count) if isinstance(self.padding, str) else self.padding
        interleaved = self.of.interleaves(self.strides, self.dilations)
        kernel, around = self.filters_shape[:count], zip(pads[::2], pads[1::2], strict=True)
        parts = zip(sizes, kernel, self.strides, self.dilations, around, strict=True)
        axes = tuple(
            Axis(size, taps, stride, dilation, *pad, interleaved)
            for size, taps, stride, dilation, pad in parts
        )
        return tuple(axis.padded_as_same() for axis in axes) if self.padding == "SAME" else axes

    @property
    def terms(self) -> int:
        """How many products each result sums, at the most.

        An output those of all taps with the in_channels of the filters; a pixel's gradient those of
        the outputs that read it, and of their filters; a tap's gradient one from each output.
        """
        *kernel, depth, filters = self.filters_shape
        if self.of.depthwise:
            depth, filters = 1, filters * depth
        if self.of.gives == "output":
            return math.prod(kernel) * depth
        if self.of.gives == "filters":
            return math.prod(self.lead) * math.prod(axis.outputs for axis in self.axes())
        groups = max(1, self.channels // max(1, depth))
        return math.prod(axis.meetings for axis in self.axes()) * (filters // groups)

    @property
    def products(self) -> int:
        """How many products the convolution sums, those with padding included."""
        depth = 1 if self.of.depthwise else self.filters_shape[-2]
        return math.prod(self.output_shape) * math.prod(self.filters_shape[:-2]) * depth

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The shape of the convolution's output."""
        *_, depth, filters = self.filters_shape
        outputs = tuple(axis.outputs for axis in self.axes())
        filters *= depth if self.of.depthwise else 1
        image = (*outputs, filters) if self.data_format == "NHWC" else (filters, *outputs)
        return (*self.lead, *image)

    @property
    def shapes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The shapes of the two arrays that are given."""
        gives = self.of.gives
        return (
            self.output_shape if gives == "input" else self.input_shape,
            self.output_shape if gives == "filters" else self.filters_shape,
        )

    def token(self) -> str:
        """Return the one line from which `parse` rebuilds this case."""
        padding = self.padding if isinstance(self.padding, str) else _join(",", self.padding)
        ending = ""
        if (self.input_layout, self.filters_layout) != ("C", "C"):
            ending = f" x:{self.input_layout} w:{self.filters_layout}"
        if self.input_only is not None or self.filters_only is not None:
            ending += f" only x{_kept(self.input_only)} w{_kept(self.filters_only)}"
        name = "" if self.operation == "conv2d" else f"{self.operation} "
        pointwise = f" p{_join('x', self.pointwise)}" if self.pointwise else ""
        return (
            f"{name}{self.dtype} {self.of.format_name(self.data_format)}"
            f" {_join('x', self.input_shape)}"
            f" w{_join('x', self.filters_shape)}{pointwise} s{_join(',', self.strides)}"
            f" d{_join(',', self.dilations)} {padding} {self.kind}:{self.seed}{ending}"
        )

    @classmethod
    def parse(cls, token: str) -> Case:
        """Rebuild a case from its token.

        ValueError tells a line that is none, that names an unknown dtype, layout or kind of data,
        or that keeps elements that the arrays do not have.
        """
        match = _TOKEN.fullmatch(token.strip()) if len(token) <= _LONGEST else None
        try:
            if match is None or match["dtype"] not in DTYPES or match["kind"] not in data.KINDS:
                raise ValueError("it has not the form of one")
            return cls._matched(match)
        except ValueError as error:
            raise ValueError(f"not a case token: {clipped(token)}: {error}") from error

    @classmethod
    def _matched(cls, match: re.Match[str]) -> Case:
        layouts = match["input_layout"] or "C", match["filters_layout"] or "C"
        if not set(layouts) <= set(LAYOUTS):
            raise ValueError("its memory layouts are unknown")
        of = OPERATIONS[match["operation"] or "conv2d"]
        strides, dilations = _split(",", match["strides"]), _split(",", match["dilations"])
        image, filters = _split("x", match["input"]), _split("x", match["filters"])
        padding: str | tuple[int, ...] = match["padding"]
        if padding not in ("SAME", "VALID"):
            padding = _split(",", match["padding"])
        count = of.axes
        if (
            {len(strides), len(dilations), len(filters) - 2} != {count}
            or len(image) < count + 2
            or (not isinstance(padding, str) and len(padding) != 2 * count)
            or match["format"] not in (of.format_name("NHWC"), of.format_name("NCHW"))
        ):
            raise ValueError(f"{of.name} has {count} axes")
        if (of.name == "separable_conv2d") != bool(match["pointwise"]):
            raise ValueError("pointwise filters are those of separable_conv2d")
        case = cls(
            input_shape=image,
            filters_shape=filters,
            strides=strides,
            padding=padding,
            data_format=_FORMATS[match["format"]],
            dilations=dilations,
            dtype=match["dtype"],
            kind=match["kind"],
            seed=_number(match["seed"], 2**64),
            input_layout=layouts[0],
            filters_layout=layouts[1],
            input_only=_parse_kept(match["input_only"]),
            filters_only=_parse_kept(match["filters_only"]),
            operation=of.name,
        )
        if match["pointwise"]:
            depth, outs = _split("x", match["pointwise"])
            case = replace(case, pointwise=(depth, outs))
        kept = case.input_only, case.filters_only
        if kept != (None, None) and min(strides + dilations) > 0:
            for name, shape, only in zip(("input", "filters"), case.shapes, kept, strict=True):
                if only and max(only) >= math.prod(shape):
                    raise ValueError(
                        f"the {name} has {math.prod(shape)} elements, none at {max(only)}"
                    )
        return case

    def arrays(self) -> tuple[Array, ...]:
        """Draw the arrays that are given from the kind and the seed, always the same."""
        rng = np.random.Generator(np.random.PCG64(self.seed))
        x, w = data.KINDS[self.kind](rng, *self.shapes, DTYPES[self.dtype], self.terms)
        x, w = _only(x, self.input_only), _only(w, self.filters_only)
        two = LAYOUTS[self.input_layout](x), LAYOUTS[self.filters_layout](w)
        if self.pointwise is None:
            return two
        p = data.KINDS[self.kind](
            rng, (), (1, 1, *self.pointwise), DTYPES[self.dtype], self.pointwise[0]
        )
        return (*two, p[1])

    def arguments(self) -> dict[str, Any]:
        """Return the keyword arguments of the operation besides the arrays."""
        of = self.of
        found: dict[str, Any] = {}
        if of.strides:
            found[of.strides] = self._steps(self.strides, long=of.long_strides)
        found["padding"] = self._padding_argument()
        if of.has_format:
            found["data_format"] = of.format_name(self.data_format)
        found[of.dilations] = self._steps(self.dilations, long=of.long_dilations)
        if of.sizes:
            shape = self.input_shape if of.gives == "input" else self.filters_shape
            found[of.sizes] = list(shape)
        return found

    def _steps(self, steps: tuple[int, ...], *, long: bool) -> list[int] | int:
        if self.operation == "atrous_conv2d_transpose" and len(set(steps)) == 1:
            return steps[0]  # TensorFlow takes a single rate
        if not long:
            return list(steps)
        return [1, 1, *steps] if self.data_format == "NCHW" else [1, *steps, 1]

    def call_on(self, function: Conv2d, *arrays: Array) -> Array:
        """Call `function`, which has this case's operation, on the given arrays."""
        named = dict(zip(self.of.arrays, arrays, strict=True)) | self.arguments()
        leading = [named.pop(name) for name in self.of.leading]
        result: Array = function(*leading, **named)
        return result

    def in_nhwc(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return a shape of images with its channels last."""
        place = -1 - self.of.axes
        return (*shape[:place], *shape[place + 1 :], shape[place])

    def _padding_argument(self) -> str | list[list[int]]:
        if isinstance(self.padding, str):
            return self.padding
        spatial = [list(pair) for pair in zip(self.padding[::2], self.padding[1::2], strict=True)]
        none = [0, 0]
        return [none, none, *spatial] if self.data_format == "NCHW" else [none, *spatial, none]


def _join(separator: str, numbers: tuple[int, ...]) -> str:
    return separator.join(map(str, numbers))


def _split(separator: str, text: str) -> tuple[int, ...]:
    return tuple(_number(one, _LARGEST) for one in text.split(separator))


def _number(digits: str, largest: int) -> int:
    """Read digits; Python itself refuses some thousand of them."""
    if len(digits) > 20 or int(digits) > largest:
        raise ValueError(f"a number is above {largest}")
    return int(digits)


def clipped(text: str) -> str:
    """Return `text` as an error quotes it: its beginning, if it is long."""
    return repr(text) if len(text) <= 500 else f"{text[:400]!r}... of {len(text)} characters"


def _kept(indices: Kept) -> str:
    return "all" if indices is None else _join(",", indices)


def _parse_kept(text: str | None) -> Kept:
    if text is None or text == "all":
        return None
    return _split(",", text) if text else ()


def _only(array: Array, indices: Kept) -> Array:
    if indices is None:
        return array
    kept = np.zeros_like(array)
    kept.reshape(-1)[list(indices)] = array.reshape(-1)[list(indices)]
    return kept
