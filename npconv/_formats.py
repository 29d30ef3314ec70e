"""The formats in which a convolution may be computed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from npconv._attributes import Array, wrong


class Format(NamedTuple):
    """The numbers in which something is computed; those that round nothing have units of 0."""

    unit: float = 0.0  # half the distance from 1 to the next number
    tiny: float = 0.0  # the smallest normal number
    most: float = np.inf  # the largest number

    @classmethod
    def of(cls, digits: int, lowest: int) -> Format:
        """Return the format of so many binary digits, and of normal numbers from 2**lowest.

        >>> Format.of(11, -14).most
        65504.0
        """
        unit = 2.0**-digits
        return cls(unit, 2.0**lowest, (2 - 2 * unit) * 2.0 ** (1 - lowest))


FORMATS = {
    "float16": Format.of(11, -14),
    "bfloat16": Format.of(8, -126),
    "tfloat32": Format.of(11, -126),
    "float32": Format.of(24, -126),
    "float64": Format.of(53, -1022),
    "int32": Format(most=2.0**31 - 1),
}


def read_format(name: str, value: Any) -> str:
    """Return the name of a format, or of a dtype that is one."""
    try:
        text = value if isinstance(value, str) else np.dtype(value).name
    except TypeError:
        text = ""
    allowed = [one for one in FORMATS if name == "multiply" or one != "tfloat32"]
    if text not in allowed:
        raise wrong(f"{name}: expected one of {', '.join(allowed)}", value)
    return text


def rounded(value: Array, to: Format, how: Callable[[Array], Array] = np.rint) -> Array:
    """Return values as numbers of a format, however large: the nearest, ties to even.

    >>> rounded(np.array([1 + 2.0**-11, 1 + 2.0**-10, 2.0**-26]), FORMATS["float16"]).tolist()
    [1.0, 1.0009765625, 0.0]
    """
    if not to.unit:
        return value
    lowest = np.frexp(to.tiny)[1]
    last = np.ldexp(to.unit, np.maximum(np.frexp(value)[1], lowest))  # what the last digit counts
    return np.where(np.isfinite(value), how(value / last) * last, value)
