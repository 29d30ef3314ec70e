"""One convolution to check, written as one readable line.

A token such as ``float32 NHWC 1x5x5x3 w3x3x3x2 s2,1 d1,1 SAME lattice:7`` holds
everything: the shapes, the strides, the dilations, the padding (``SAME``, ``VALID`` or
``top,bottom,left,right``) and the kind and seed of the data.  Two endings may follow:
``x:F w:reversed``, the memory layouts of input and filters where they are not C, and
``only x5,9 w2``, the flat indices of the elements that a reduction has kept, all others being 0.
"""

from __future__ import annotations

import math
import re
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypedDict

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from parity.model import data
from parity.model.layouts import LAYOUTS

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

_TOKEN = re.compile(
    r"(?P<dtype>\w+) (?P<format>NHWC|NCHW) (?P<input>\d+(?:x\d+){3,}) w(?P<filters>\d+(?:x\d+){3})"
    r" s(?P<strides>\d+,\d+) d(?P<dilations>\d+,\d+)"
    r" (?P<padding>SAME|VALID|\d+,\d+,\d+,\d+) (?P<kind>\w+):(?P<seed>\d+)"
    r"(?: x:(?P<input_layout>\w+) w:(?P<filters_layout>\w+))?"
    r"(?: only x(?P<input_only>[\d,]*|all) w(?P<filters_only>[\d,]*|all))?"
)


class Attributes(TypedDict):
    """The keyword arguments of conv2d besides the two arrays."""

    strides: list[int]
    padding: str | list[list[int]]
    data_format: str
    dilations: list[int]


@dataclass(frozen=True)
class Case:
    """A valid call of conv2d together with the data that it is given.

    Attributes
    ----------
    input_shape, filters_shape
        Of rank 4 or more, in the order of `data_format`; (KH, KW, in_channels, out_channels).
    strides, dilations, padding
        Rows, columns; "SAME", "VALID" or (top, bottom, left, right).
    dtype, kind, seed
        A key of `DTYPES`, one of `parity.model.data.KINDS`, and what the data are drawn from.
    input_layout, filters_layout
        Keys of `parity.model.layouts.LAYOUTS`.
    input_only, filters_only
        Flat indices of the elements that keep their values, all others being 0; None for all.
    """

    input_shape: tuple[int, ...]
    filters_shape: tuple[int, int, int, int]
    strides: tuple[int, int] = (1, 1)
    padding: str | tuple[int, int, int, int] = "VALID"
    data_format: str = "NHWC"
    dilations: tuple[int, int] = (1, 1)
    dtype: str = "float32"
    kind: str = "lattice"
    seed: int = 0
    input_layout: str = "C"
    filters_layout: str = "C"
    input_only: Kept = None
    filters_only: Kept = None

    @property
    def terms(self) -> int:
        """How many products each output sums: KH * KW * in_channels of the filters."""
        rows, columns, channels, _ = self.filters_shape
        return rows * columns * channels

    def token(self) -> str:
        """Return the one line from which `parse` rebuilds this case."""
        padding = self.padding if isinstance(self.padding, str) else _join(",", self.padding)
        ending = ""
        if (self.input_layout, self.filters_layout) != ("C", "C"):
            ending = f" x:{self.input_layout} w:{self.filters_layout}"
        if self.input_only is not None or self.filters_only is not None:
            ending += f" only x{_kept(self.input_only)} w{_kept(self.filters_only)}"
        return (
            f"{self.dtype} {self.data_format} {_join('x', self.input_shape)}"
            f" w{_join('x', self.filters_shape)} s{_join(',', self.strides)}"
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
        rows, columns, channels, filters = _split("x", match["filters"])
        padding: str | tuple[int, int, int, int] = match["padding"]
        if padding not in ("SAME", "VALID"):
            top, bottom, left, right = _split(",", match["padding"])
            padding = (top, bottom, left, right)
        down, across = _split(",", match["strides"])
        tall, wide = _split(",", match["dilations"])
        case = cls(
            input_shape=_split("x", match["input"]),
            filters_shape=(rows, columns, channels, filters),
            strides=(down, across),
            padding=padding,
            data_format=match["format"],
            dilations=(tall, wide),
            dtype=match["dtype"],
            kind=match["kind"],
            seed=_number(match["seed"], 2**64),
            input_layout=layouts[0],
            filters_layout=layouts[1],
            input_only=_parse_kept(match["input_only"]),
            filters_only=_parse_kept(match["filters_only"]),
        )
        for name, shape, only in (
            ("input", case.input_shape, case.input_only),
            ("filters", case.filters_shape, case.filters_only),
        ):
            if only and max(only) >= math.prod(shape):
                raise ValueError(f"the {name} has {math.prod(shape)} elements, none at {max(only)}")
        return case

    def arrays(self) -> tuple[Array, Array]:
        """Draw the input and the filters from the kind and the seed, always the same."""
        x, w = data.KINDS[self.kind](
            np.random.Generator(np.random.PCG64(self.seed)),
            self.input_shape,
            self.filters_shape,
            DTYPES[self.dtype],
        )
        x, w = _only(x, self.input_only), _only(w, self.filters_only)
        return LAYOUTS[self.input_layout](x), LAYOUTS[self.filters_layout](w)

    def arguments(self) -> Attributes:
        """Return the keyword arguments of conv2d besides the two arrays."""
        return {
            "strides": list(self.strides),
            "padding": self._padding_argument(),
            "data_format": self.data_format,
            "dilations": list(self.dilations),
        }

    def call_on(self, conv2d: Conv2d, input: Array, filters: Array) -> Array:
        """Call `conv2d` with this case's arguments on the given arrays."""
        result: Array = conv2d(input, filters, **self.arguments())
        return result

    def snippet(self, subject: str) -> str:
        """Return a script for this case that needs NumPy, TensorFlow and `subject` alone."""
        x, w = self.arrays()
        module, _, attribute = subject.partition(":")
        half = "import ml_dtypes\n" if self.dtype == "bfloat16" else ""

        def written(case: Case) -> str:
            padding = case._padding_argument()
            steps = f"strides={list(case.strides)}, padding={padding!r}"
            return f"{steps}, dilations={list(case.dilations)}"

        ours = written(self)
        theirs = f"tf.nn.conv2d(x, w, {ours}).numpy()"
        if self.data_format == "NCHW":  # TensorFlow without oneDNN has no NCHW: turn the axes
            turned = written(replace(self, data_format="NHWC"))
            theirs = f"tf.nn.conv2d(np.moveaxis(x, -3, -1), w, {turned})"
            theirs = f"np.moveaxis({theirs}.numpy(), -1, -3)"
            ours += ', data_format="NCHW"'
        return (
            f"# {self.token()}\n"
            'import base64, os\n\nos.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"\n'
            f"{half}import numpy as np\nimport tensorflow as tf\n\nimport {module}\n\n"
            f"x = {_literal(x)}{_LAYOUT_LINES[self.input_layout].format(name='x')}\n"
            f"w = {_literal(w)}{_LAYOUT_LINES[self.filters_layout].format(name='w')}\n"
            f"print(theirs := {theirs})\nprint(ours := {module}.{attribute}(x, w, {ours}))\n"
        )

    def _padding_argument(self) -> str | list[list[int]]:
        if isinstance(self.padding, str):
            return self.padding
        top, bottom, left, right = self.padding
        spatial, none = [[top, bottom], [left, right]], [0, 0]
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


# What gives an array of a script its memory layout.
_LAYOUT_LINES = {
    "C": "",
    "F": "\n{name} = np.asfortranarray({name})",
    "reversed": "\n{name} = np.flip(np.flip({name}).copy())",
    "sliced": (
        "\nwider = np.zeros((*{name}.shape[:-1], 2 * {name}.shape[-1] + 1), {name}.dtype)"
        "\nwider[..., 1::2] = {name}\n{name} = wider[..., 1::2]"
    ),
    "unaligned": (
        "\nbuffer = np.empty({name}.nbytes + 1, np.uint8)[1:].view({name}.dtype)"
        "\nbuffer[:] = {name}.ravel()\n{name} = buffer.reshape({name}.shape)"
    ),
    "readonly": "\n{name} = {name}.copy()\n{name}.flags.writeable = False",
    "swapped": "\n{name} = {name}.astype({name}.dtype.newbyteorder('S'))",
}


def _literal(array: Array) -> str:
    """Return an expression for `array`, digits where that is readable and exact."""
    ending = f".reshape({array.shape})"
    name = "ml_dtypes.bfloat16" if array.dtype.name == "bfloat16" else f"np.{array.dtype.name}"
    whole = array.astype(np.float64)
    if array.size <= 64 and np.isfinite(whole).all() and not np.signbit(whole[whole == 0]).any():
        return f"np.array({whole.ravel().tolist()}, dtype={name}){ending}"
    text = b64encode(array.tobytes()).decode()
    return f'np.frombuffer(base64.b64decode("{text}"), dtype={name}){ending}'
