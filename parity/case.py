"""One convolution to check, written as one readable line.

A token such as ``float32 NHWC 1x5x5x3 w3x3x3x2 s2,1 d1,1 SAME lattice:7`` holds
everything: the shapes, the strides, the dilations, the padding (``SAME``, ``VALID`` or
``top,bottom,left,right``) and the kind and seed of the data.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from parity import data

Array = NDArray[Any]
Subject = Callable[..., Any]

DTYPES: dict[str, np.dtype[Any]] = {
    "float16": np.dtype(np.float16),
    "bfloat16": np.dtype(ml_dtypes.bfloat16),
    "float32": np.dtype(np.float32),
    "float64": np.dtype(np.float64),
    "int32": np.dtype(np.int32),
}

_TOKEN = re.compile(
    r"(?P<dtype>\w+) (?P<format>NHWC|NCHW) (?P<input>\d+(?:x\d+){3,}) w(?P<filters>\d+(?:x\d+){3})"
    r" s(?P<strides>\d+,\d+) d(?P<dilations>\d+,\d+)"
    r" (?P<padding>SAME|VALID|\d+,\d+,\d+,\d+) (?P<kind>\w+):(?P<seed>\d+)"
)


@dataclass(frozen=True)
class Case:
    """A valid call of conv2d together with the data that it is given.

    Attributes
    ----------
    input_shape
        The shape of the input, of rank 4 or more, in the order of `data_format`.
    filters_shape
        (KH, KW, in_channels, out_channels).
    strides, dilations
        Rows, columns.
    padding
        "SAME", "VALID" or (top, bottom, left, right).
    dtype
        A key of `DTYPES`.
    kind
        A key of `parity.data.KINDS`.
    seed
        What the data are drawn from.
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

    @property
    def terms(self) -> int:
        """How many products each output sums: KH * KW * in_channels of the filters."""
        rows, columns, channels, _ = self.filters_shape
        return rows * columns * channels

    def token(self) -> str:
        """Return the one line from which `parse` rebuilds this case."""
        padding = self.padding if isinstance(self.padding, str) else _join(",", self.padding)
        return (
            f"{self.dtype} {self.data_format} {_join('x', self.input_shape)}"
            f" w{_join('x', self.filters_shape)} s{_join(',', self.strides)}"
            f" d{_join(',', self.dilations)} {padding} {self.kind}:{self.seed}"
        )

    @classmethod
    def parse(cls, token: str) -> Case:
        """Rebuild a case from its token.

        Raises
        ------
        ValueError
            If the line is not a token, or names no known dtype or kind of data.
        """
        match = _TOKEN.fullmatch(token.strip())
        if match is None or match["dtype"] not in DTYPES or match["kind"] not in data.KINDS:
            raise ValueError(f"not a case token: {token!r}")
        rows, columns, channels, filters = _split("x", match["filters"])
        padding: str | tuple[int, int, int, int] = match["padding"]
        if padding not in ("SAME", "VALID"):
            top, bottom, left, right = _split(",", match["padding"])
            padding = (top, bottom, left, right)
        down, across = _split(",", match["strides"])
        tall, wide = _split(",", match["dilations"])
        return cls(
            input_shape=_split("x", match["input"]),
            filters_shape=(rows, columns, channels, filters),
            strides=(down, across),
            padding=padding,
            data_format=match["format"],
            dilations=(tall, wide),
            dtype=match["dtype"],
            kind=match["kind"],
            seed=int(match["seed"]),
        )

    def arrays(self) -> tuple[Array, Array]:
        """Draw the input and the filters from the kind and the seed, always the same."""
        return data.KINDS[self.kind](
            np.random.Generator(np.random.PCG64(self.seed)),
            self.input_shape,
            self.filters_shape,
            DTYPES[self.dtype],
        )

    def arguments(self) -> dict[str, Any]:
        """Return the keyword arguments of conv2d besides the two arrays."""
        return {
            "strides": list(self.strides),
            "padding": self._padding_argument(),
            "data_format": self.data_format,
            "dilations": list(self.dilations),
        }

    def call(self, subject: Subject) -> Array:
        """Call `subject`, an implementation of conv2d, on this case."""
        return self.call_on(subject, *self.arrays())

    def call_on(self, subject: Subject, input: Array, filters: Array) -> Array:
        """Call `subject` with this case's arguments on the given arrays."""
        result: Array = subject(input, filters, **self.arguments())
        return result

    def snippet(self) -> str:
        """Return a script that shows this case and needs no part of the suite."""
        x, w = self.arrays()
        half = "import ml_dtypes\n" if self.dtype == "bfloat16" else ""
        call = (
            f"strides={list(self.strides)}, padding={self._padding_argument()!r},"
            f" dilations={list(self.dilations)}"
        )
        if self.data_format == "NCHW":  # TensorFlow without oneDNN has no NCHW: turn the axes
            turned = Case(**{**vars(self), "data_format": "NHWC"})
            theirs = (
                f"tf.nn.conv2d(np.moveaxis(x, -3, -1), w, strides={list(self.strides)},"
                f" padding={turned._padding_argument()!r}, dilations={list(self.dilations)})"
            )
            theirs = f"np.moveaxis({theirs}.numpy(), -1, -3)"
            ours = f'npconv.conv2d(x, w, {call}, data_format="NCHW")'
        else:
            theirs = f"tf.nn.conv2d(x, w, {call}).numpy()"
            ours = f"npconv.conv2d(x, w, {call})"
        return (
            f"# {self.token()}\n"
            'import base64, os\n\nos.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"\n'
            f"{half}import numpy as np\nimport tensorflow as tf\n\nimport npconv\n\n"
            f"x = {_literal(x)}\nw = {_literal(w)}\n"
            f"print(theirs := {theirs})\nprint(ours := {ours})\n"
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
    return tuple(map(int, text.split(separator)))


def _literal(array: Array) -> str:
    """Return an expression for `array`, digits where that is readable and exact."""
    ending = f".reshape({array.shape})"
    name = "ml_dtypes.bfloat16" if array.dtype.name == "bfloat16" else f"np.{array.dtype.name}"
    whole = array.astype(np.float64)
    if array.size <= 64 and np.isfinite(whole).all() and not np.signbit(whole[whole == 0]).any():
        return f"np.array({whole.ravel().tolist()}, dtype={name}){ending}"
    text = b64encode(array.tobytes()).decode()
    return f'np.frombuffer(base64.b64decode("{text}"), dtype={name}){ending}'
