"""The implementation under test: npconv's conv2d, or whatever ``PARITY_SUBJECT`` names."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from typing import Any

DEFAULT = "npconv:conv2d"


def is_npconv() -> bool:
    """Say whether the subject is npconv, whose messages and ledger the claims know."""
    return (os.environ.get("PARITY_SUBJECT") or DEFAULT).startswith("npconv")


def load(name: str | None = None) -> Callable[..., Any]:
    """Import what ``module:attribute`` names.

    Parameters
    ----------
    name
        By default the environment variable ``PARITY_SUBJECT``, else ``npconv:conv2d``.

    Raises
    ------
    ValueError
        If the name has no colon or what it names cannot be called.
    """
    name = name or os.environ.get("PARITY_SUBJECT") or DEFAULT
    module, colon, attribute = name.partition(":")
    if not colon:
        raise ValueError(f"a subject is named module:attribute, got {name!r}")
    found = import_module(module)
    for part in attribute.split("."):
        found = getattr(found, part)
    if not callable(found):
        raise ValueError(f"the subject {name!r} cannot be called")
    return found
