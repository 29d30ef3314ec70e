"""Reader of divergences.toml: where npconv deliberately differs from TensorFlow.

Every row shows itself by expressions, together with what each side makes of them; the outcome is
one line, so that a row that no longer differs, or differs otherwise, is found out.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

LEDGER = Path(__file__).with_name("divergences.toml")
BUILDS = ("eigen", "onednn")


@dataclass(frozen=True)
class Shown:
    """One expression and its outcome on either side.

    Attributes
    ----------
    expression
        Python over ``np``, ``conv2d`` and ``extract_patches``.
    tensorflow, npconv
        What `outcome` says of it, or "killed" where the process does not survive.
    """

    expression: str
    tensorflow: str
    npconv: str


@dataclass(frozen=True)
class Divergence:
    """A deliberate difference.

    Attributes
    ----------
    id
        The name by which tests and tables refer to it.
    tensorflow, npconv, why
        One sentence each, for readers.
    build
        "eigen" for TensorFlow without oneDNN, "onednn" for what only its default build does.
    versions
        The TensorFlow versions in which it was seen.
    shown
        At least one expression that shows it.
    url
        An issue about it, or "".
    cpu
        The CPU flag (as Linux names it) without which it does not show, or "".
    """

    id: str
    tensorflow: str
    npconv: str
    why: str
    build: Literal["eigen", "onednn"]
    versions: str
    shown: tuple[Shown, ...]
    url: str = ""
    cpu: str = ""


def load(path: Path = LEDGER) -> dict[str, Divergence]:
    """Read the ledger.

    Raises
    ------
    ValueError
        If an id occurs twice, a build is unknown, or a row shows nothing or no difference.
    """
    rows: dict[str, Divergence] = {}
    for fields in tomllib.loads(path.read_text())["divergence"]:
        shown = tuple(Shown(**one) for one in fields.pop("shown"))
        row = Divergence(**fields, shown=shown)
        if row.id in rows or row.build not in BUILDS or not shown:
            raise ValueError(
                f"divergence {row.id}: needs an id of its own, a build and a reproducer"
            )
        if any(one.tensorflow == one.npconv for one in shown):
            raise ValueError(f"divergence {row.id}: shows no difference")
        rows[row.id] = row
    return rows


def outcome(
    expression: str, conv2d: Callable[..., Any], extract_patches: Callable[..., Any]
) -> str:
    """Evaluate `expression` and say in one line what came of it.

    Returns
    -------
    str
        The class of what was raised, or the dtype and shape of the result, with its values where
        they are at most four.
    """
    names = {"np": np, "conv2d": conv2d, "extract_patches": extract_patches}
    try:
        result = np.asarray(eval(expression, names))
    except Exception as error:  # whatever it is: its class is the outcome
        return type(error).__name__
    shape = "x".join(map(str, result.shape))
    values = f" {result.ravel().tolist()}" if 0 < result.size <= 4 else ""
    return f"{result.dtype.name} {shape}{values}"
