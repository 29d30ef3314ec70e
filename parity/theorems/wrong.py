"""npconv with a wrong function planted, as a subject: ``--subject parity.theorems.wrong:NAME``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from npconv import _arguments, conv2d
from parity.theorems.planted import by_name, planted


def __getattr__(name: str) -> Callable[..., Any]:
    """Return conv2d with the mistake of this name."""
    try:
        row = by_name()[name]
    except KeyError as error:
        raise AttributeError(name) from error

    def wrong(*arguments: Any, **named: Any) -> Any:
        with planted(row):
            _forget()
            try:
                return conv2d(*arguments, **named)
            finally:
                _forget()

    return wrong


def _forget() -> None:
    """Empty npconv's caches, in which is what the other functions have worked out."""
    _arguments._checked.clear()
    for name, module in list(sys.modules.items()):
        if name.startswith("npconv."):
            for value in vars(module).values():
                if hasattr(value, "cache_clear"):
                    value.cache_clear()
