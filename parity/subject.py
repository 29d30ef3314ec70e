"""The implementation under test, and what it claims to support.

By default npconv's conv2d and everything.  ``PARITY_SUBJECT``, ``PARITY_CLAIMS``,
``PARITY_DTYPES``, ``PARITY_LAYOUTS`` and ``PARITY_WITHOUT``, or the options of the same names,
choose another subject and narrow what is asked of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from parity.layouts import LAYOUTS

DEFAULT = "npconv:conv2d"
DTYPES = ("float32", "float64", "int32", "float16", "bfloat16")
FORMATS = ("NHWC", "NCHW")
FEATURES = (
    "empties",
    "rank5",
    "batches",
    "groups",
    "strides",
    "unequal strides",
    "dilations",
    "explicit",
    "SAME",
    "subnormals",
)
"""What a subject may do without: empty arrays, ranks above 4, ..., gradual underflow.

``batches`` are batches of another size than 1, ``strides`` strides above 1, ``unequal strides``
those of rows and columns that differ (spelled ``unequal-strides`` in an option).
"""


def _spelled(names: tuple[str, ...]) -> str:
    """Return names as an option takes them."""
    return ",".join(name.replace(" ", "-") for name in names)


# Option, the environment variable behind it, what it may hold, help.
_OPTIONS = (
    ("--claims", "PARITY_CLAIMS", None, "claims to check, separated by commas (default: all)"),
    ("--dtypes", "PARITY_DTYPES", DTYPES, f"dtypes that it supports, of {','.join(DTYPES)}"),
    (
        "--layouts",
        "PARITY_LAYOUTS",
        (*FORMATS, *LAYOUTS),
        f"data formats and memory layouts that it supports, of {','.join((*FORMATS, *LAYOUTS))}",
    ),
    (
        "--without",
        "PARITY_WITHOUT",
        FEATURES,
        f"what it does not support, of {_spelled(FEATURES)}",
    ),
)
VARIABLES = ("PARITY_SUBJECT", *(variable for _, variable, _, _ in _OPTIONS))
"""The environment variables that choose and narrow the subject."""
SUBJECT_HELP = "the conv2d to check, with TensorFlow's signature (default: npconv:conv2d)"


@dataclass(frozen=True)
class Scope:
    """What a subject claims to support.

    Attributes
    ----------
    claims
        Names of claims; empty for all.
    dtypes
        Names of dtypes, at least one.
    formats
        "NHWC", "NCHW" or both.
    layouts
        Memory layouts, keys of `parity.layouts.LAYOUTS`; always with "C".
    without
        Members of `FEATURES` that are not asked of it.
    """

    claims: tuple[str, ...] = ()
    dtypes: tuple[str, ...] = DTYPES
    formats: tuple[str, ...] = FORMATS
    layouts: tuple[str, ...] = tuple(LAYOUTS)
    without: frozenset[str] = frozenset()

    def __str__(self) -> str:
        """Name what it leaves out, the same in every process."""
        whole = Scope()
        kept = (
            f"only {' '.join(mine)}"
            for mine, all_ in (
                (self.claims, whole.claims),
                (self.dtypes, whole.dtypes),
                (self.formats, whole.formats),
                (self.layouts, whole.layouts),
            )
            if mine != all_
        )
        left_out = (f"without {feature}" for feature in sorted(self.without))
        return ", ".join((*kept, *left_out)) or "everything"

    def has(self, feature: str) -> bool:
        """Say whether `feature`, a member of `FEATURES`, is claimed.

        Strides of 1 are equal: without strides there are no unequal ones.
        """
        if feature == "unequal strides" and "strides" in self.without:
            return False
        return feature not in self.without


def name() -> str:
    """Return the subject's name, ``module:attribute``."""
    return os.environ.get("PARITY_SUBJECT") or DEFAULT


def is_npconv(subject: str | None = None) -> bool:
    """Say whether the subject is npconv, whose messages and ledger the claims know."""
    return (subject or name()).startswith("npconv:")


def load(subject: str | None = None) -> Callable[..., Any]:
    """Import what ``module:attribute`` names.

    Parameters
    ----------
    subject
        By default the environment variable ``PARITY_SUBJECT``, else ``npconv:conv2d``.

    Raises
    ------
    ValueError
        If the name has no colon, does not exist, or what it names cannot be called.
    """
    subject = subject or name()
    module, colon, attribute = subject.partition(":")
    if not colon:
        raise ValueError(f"a subject is named module:attribute, got {subject!r}")
    try:
        found = import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"the subject {subject!r} cannot be imported: {error}") from error
    if not callable(found):
        raise ValueError(f"the subject {subject!r} cannot be called")
    return found


def scope() -> Scope:
    """Read the scope from the environment.

    Raises
    ------
    ValueError
        If a variable holds a name that is not known.
    """
    chosen = {variable: _names(option, variable, known) for option, variable, known, _ in _OPTIONS}
    layouts = chosen["PARITY_LAYOUTS"]
    return Scope(
        claims=chosen["PARITY_CLAIMS"],
        dtypes=chosen["PARITY_DTYPES"] or DTYPES,
        formats=tuple(one for one in FORMATS if one in layouts) or FORMATS,
        layouts=tuple(one for one in LAYOUTS if one == "C" or one in layouts)
        if set(layouts) & set(LAYOUTS)
        else tuple(LAYOUTS),
        without=frozenset(chosen["PARITY_WITHOUT"]),
    )


def add_arguments(parser: Any) -> None:
    """Declare ``--subject`` and the options that narrow it; `use` puts them into force.

    `parser` is argparse's or pytest's.
    """
    add = getattr(parser, "add_argument", None) or parser.addoption
    add("--subject", metavar="MODULE:CALLABLE", help=SUBJECT_HELP)
    add_scope_arguments(parser)


def add_scope_arguments(parser: Any) -> None:
    """Declare the options that narrow the subject alone."""
    add = getattr(parser, "add_argument", None) or parser.addoption
    for option, _, _, help in _OPTIONS:
        add(option, metavar="NAMES", help=help)


def use(options: Any) -> Scope:
    """Put the options into the environment, where child processes find them; return the scope.

    Raises
    ------
    ValueError
        If an option holds a name that is not known.
    """
    pairs = [("--subject", "PARITY_SUBJECT"), *((one, two) for one, two, _, _ in _OPTIONS)]
    for option, variable in pairs:
        value = getattr(options, option.strip("-"), None)
        if value is not None:
            os.environ[variable] = value
    return scope()


def _names(option: str, variable: str, known: tuple[str, ...] | None) -> tuple[str, ...]:
    given = tuple(filter(None, (one.strip() for one in os.environ.get(variable, "").split(","))))
    if known is None:
        return given
    meant = {name.replace(" ", "-"): name for name in known} | {name: name for name in known}
    wrong = [one for one in given if one not in meant]
    if wrong:
        allowed = ", ".join(_spelled((name,)) for name in known)
        raise ValueError(f"{option} or {variable}: allowed are {allowed}, received {wrong[0]!r}")
    return tuple(meant[one] for one in given)
