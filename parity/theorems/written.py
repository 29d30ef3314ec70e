"""A theorem and integers as one readable line, which ``parity replay`` takes."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from parity.theorems.theorem import LEAST, THEOREMS, Theorem


def token(name: str, values: Mapping[str, Any], planted: str = "") -> str:
    """Write a theorem and integers in a line, as ``parity replay`` takes it.

    >>> token("windows_fit", {"size": 5, "padding": "SAME"})
    'theorem windows_fit size=5 padding=SAME'
    """
    more = {"planted": planted} if planted else {}
    return " ".join(["theorem", name, *(f"{key}={one}" for key, one in {**values, **more}.items())])


def parse(text: str) -> tuple[str, dict[str, Any], str]:
    """Read what `token` writes: the theorem's name, the values, and what is planted.

    Raises
    ------
    ValueError
        If it is none, saying what is expected.
    """
    kind, name, *parts = text.split() if " " in text else (text, "")
    if kind != "theorem" or name not in THEOREMS:
        like = get_close_matches(name, THEOREMS, 1) or [", ".join(THEOREMS)]
        raise ValueError(f"expected 'theorem' and a name, as {like[0]}; received {text!r}")
    one, planted = THEOREMS[name], ""
    values: dict[str, Any] = {}
    for part in parts:
        key, _, value = part.partition("=")
        domain = one.domains.get(key)
        if key in values:
            raise ValueError(f"{key} is given twice")
        if key == "planted":
            planted = value
        elif isinstance(domain, tuple) and value in map(str, domain):
            values[key] = next(each for each in domain if str(each) == value)
        elif isinstance(domain, str) and value.removeprefix("-").isdecimal():
            values[key] = int(value)
            if values[key] < LEAST.get(domain, values[key]):
                raise ValueError(f"{name} takes {_domains(one)}; received {part!r}")
        else:
            raise ValueError(f"{name} takes {_domains(one)}; received {part!r}")
    if missing := [key for key in one.domains if key not in values]:
        raise ValueError(f"{name} takes {_domains(one)}; {', '.join(missing)} is missing")
    return name, values, planted


def _domains(one: Theorem) -> str:
    said = ("|".join(map(str, d)) if isinstance(d, tuple) else d for d in one.domains.values())
    return ", ".join(f"{key}={words}" for key, words in zip(one.domains, said, strict=True))
