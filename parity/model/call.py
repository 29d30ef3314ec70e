"""A call of conv2d as it is written, right or wrong, and as one line of Python that replays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from parity.model import written
from parity.model.case import DTYPES, Case, clipped
from parity.model.written import ARRAYS, source

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

    arguments: dict[str, Any]
    faults: tuple[str, ...] = ()

    def fresh(self) -> dict[str, Any]:
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
            arguments = written.arguments(f"{call})" if told else text)
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
