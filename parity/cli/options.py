"""Options that commands and pytest share; what is not given is read from ``PARITY_...`` variables.

Here alone the environment is read: everything else is told by `parity.model.settings.Settings`.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from parity.model import known
from parity.model.error import COMPONENTWISE, FORMS, parse
from parity.model.layouts import LAYOUTS
from parity.model.operation import FAMILY, OPERATIONS
from parity.model.settings import CALL_SECONDS, Settings
from parity.model.subject import DEFAULT, DTYPES, FEATURES, FORMATS, MODULE, Scope, load
from parity.model.verdict import WrongCall
from parity.store import store

SUBJECT_HELP = f"the conv2d to check, with TensorFlow's signature (default: {DEFAULT})"


def _spelled(names: tuple[str, ...]) -> str:
    """Return names as an option takes them."""
    return ",".join(name.replace(" ", "-") for name in names)


# Option, the environment variable behind it, what it may hold, help.
_SCOPE = (
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


def positive(text: str) -> int:
    """Read a positive integer for argparse.

    Raises
    ------
    ValueError
        If it is none.
    """
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def add_subject(parser: Any) -> None:
    """Declare ``--subject``, what it claims to support, and how long one call of it may take.

    `parser` is argparse's or pytest's.
    """
    add = getattr(parser, "add_argument", None) or parser.addoption
    add("--subject", metavar="MODULE:CALLABLE", help=SUBJECT_HELP)
    add(
        "--operation",
        metavar="NAME",
        choices=tuple(OPERATIONS),
        help="which function of TensorFlow's the subject is (default: conv2d)",
    )
    add_scope(parser)
    add_patience(parser)
    add(
        "--known",
        type=Path,
        metavar="FILE.toml",
        help="failures that are known: [[known]] with reason, url, and token, or claim and dtype",
    )


def add_patience(parser: Any) -> None:
    """Declare how long one call of the subject may take."""
    add = getattr(parser, "add_argument", None) or parser.addoption
    add(
        "--call-seconds",
        type=positive,
        default=CALL_SECONDS,
        metavar="SECONDS",
        help=f"how long one call may take (default: {CALL_SECONDS:g})",
    )


def add_scope(parser: Any, *, claims: bool = True) -> None:
    """Declare the options that narrow what is asked of the subject, by claims or by other means."""
    add = getattr(parser, "add_argument", None) or parser.addoption
    for option, _, _, help in _SCOPE if claims else _SCOPE[1:]:
        add(option, metavar="NAMES", help=help)
    if claims:
        help = f"which bound its floats are held to: {FORMS} (default: {COMPONENTWISE})"
        add("--error", metavar="BOUND", help=help)


def add_processes(parser: Any) -> None:
    """Declare where a command's tasks run."""
    cores = os.cpu_count() or 1
    parser.add_argument(
        "--jobs", type=positive, default=cores, metavar="N", help=f"processes (default: {cores})"
    )
    parser.add_argument(
        "--cluster",
        metavar="ADDRESS",
        help="run on the workers of this scheduler of dask.distributed, as tcp://HOST:8786",
    )


def add_store(parser: Any, *, needed: bool = False) -> None:
    """Declare the file in which runs are recorded: none is written unless it is `needed`."""
    parser.add_argument(
        "--store",
        type=Path,
        nargs="?",
        const=store.DEFAULT,
        default=store.DEFAULT if needed else None,
        metavar="FILE",
        help=f"record the run in FILE, for the command history (FILE: {store.DEFAULT})",
    )


def settings(options: Any) -> Settings:
    """Return what the options, and behind them the environment, say.

    Raises
    ------
    WrongCall
        If one holds a name that is not known, or the subject cannot be imported.
    """
    if not {"", str(Path.cwd())} & {*sys.path}:  # the subject may lie here, as for python -m
        sys.path.append(str(Path.cwd()))
    found = Settings(
        scope=scope(options),
        jobs=getattr(options, "jobs", 1),
        cluster=getattr(options, "cluster", None) or "",
        call_seconds=getattr(options, "call_seconds", CALL_SECONDS),
        path=tuple(folder or str(Path.cwd()) for folder in sys.path),
        examples=float(os.environ.get("PARITY_EXAMPLES", "1")),
        known=known.read(path) if (path := getattr(options, "known", None)) else (),
    )
    load(found.scope.subject)
    return found


def scope(options: Any) -> Scope:
    """Return whose conv2d it is and what is asked of it.

    Raises
    ------
    WrongCall
        If an option holds a name that is not known, or no subject is given and there is no npconv.
    """
    operation = getattr(options, "operation", None) or "conv2d"
    default = f"{MODULE}:{operation}"
    subject = getattr(options, "subject", None) or os.environ.get("PARITY_SUBJECT") or default
    if subject == default and find_spec(MODULE) is None:
        raise WrongCall(
            "--subject MODULE:CALLABLE or PARITY_SUBJECT has to say whose conv2d to check: npconv,"
            " its default, is not installed"
        )
    claims, dtypes, layouts, without = (_names(options, *row[:3]) for row in _SCOPE)
    return Scope(
        subject=subject,
        claims=claims,
        dtypes=dtypes or DTYPES,
        formats=tuple(one for one in FORMATS if one in layouts) or FORMATS,
        layouts=tuple(one for one in LAYOUTS if one == "C" or one in layouts)
        if set(layouts) & set(LAYOUTS)
        else tuple(LAYOUTS),
        without=frozenset(without),
        operation=operation,
        error=_error(options),
    )


def _error(options: Any) -> str:
    text = getattr(options, "error", None) or os.environ.get("PARITY_ERROR")
    return str(parse(text) or COMPONENTWISE) if text else COMPONENTWISE


def scopes(options: Any, scope: Scope) -> tuple[Scope, ...]:
    """Return `scope` and, where nothing says whose function or which, npconv's others as well."""
    if scope.subject != DEFAULT or getattr(options, "operation", None):
        return (scope,)
    return (scope, *(replace(scope, operation=n, subject=f"{MODULE}:{n}") for n in FAMILY))


def _names(
    options: Any, option: str, variable: str, known: tuple[str, ...] | None
) -> tuple[str, ...]:
    text = getattr(options, option.strip("-"), None)
    text = os.environ.get(variable, "") if text is None else text
    given = tuple(filter(None, (one.strip() for one in text.split(","))))
    if known is None:
        return given
    meant = {name.replace(" ", "-"): name for name in known} | {name: name for name in known}
    wrong = [one for one in given if one not in meant]
    if wrong:
        allowed = ", ".join(_spelled((name,)) for name in known)
        raise WrongCall(f"{option} or {variable}: allowed are {allowed}, received {wrong[0]!r}")
    return tuple(meant[one] for one in given)
