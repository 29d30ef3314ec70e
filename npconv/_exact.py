"""The correctly rounded value of the exact sum."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from npconv._attributes import Array
from npconv._operation import Operation


def exact(
    operation: Operation, given: Mapping[str, Any], standard: Callable[[Mapping[str, Any]], Array]
) -> Array:
    """Return an operation's result of arguments by their names, each output rounded once.

    `standard` computes the same in standard precision.
    """
    raise NotImplementedError
