"""What the arguments may be, for type checkers.

A padding of type ``str`` is not among it, since any string would be: say ``Literal["SAME", ...]``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, SupportsIndex, TypeVar

import numpy as np
from numpy.typing import NDArray

S = TypeVar("S", bound=np.generic)

Array = NDArray[Any]
Shape = tuple[int, ...]
Integers = Sequence[SupportsIndex] | NDArray[np.integer[Any]]
Steps = SupportsIndex | Integers | None
Mode = Literal["SAME", "VALID"]
Pads = Mode | Sequence[Sequence[SupportsIndex]]
Format = Literal["NHWC", "NCHW"]
