"""The implementation under test, and what it claims to support."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from parity.model.error import COMPONENTWISE, Error, parse
from parity.model.layouts import LAYOUTS
from parity.model.operation import OPERATIONS, Operation
from parity.model.verdict import WrongCall

MODULE = "npconv"
"""Whose functions are the subjects by default."""
DEFAULT = f"{MODULE}:conv2d"
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


@dataclass(frozen=True)
class Scope:
    """Whose conv2d it is, and what it claims to support.

    Attributes
    ----------
    subject, claims
        ``module:callable``, npconv's by default; names of claims, empty for all.
    operation
        Which function of TensorFlow's it is: a key of `parity.model.operation.OPERATIONS`.
    dtypes, formats, layouts
        Names of dtypes, at least one; "NHWC", "NCHW" or both; memory layouts, keys of
        `parity.model.layouts.LAYOUTS`, always with "C".
    without
        Members of `FEATURES` that are not asked of it.
    error
        Which bound its floats are held to, as `parity.model.error.parse` reads it.
    """

    subject: str = DEFAULT
    claims: tuple[str, ...] = ()
    dtypes: tuple[str, ...] = DTYPES
    formats: tuple[str, ...] = FORMATS
    layouts: tuple[str, ...] = tuple(LAYOUTS)
    without: frozenset[str] = frozenset()
    operation: str = "conv2d"
    error: str = COMPONENTWISE

    def __post_init__(self) -> None:
        if not self.of.has_format:
            object.__setattr__(self, "formats", ("NHWC",))

    @property
    def of(self) -> Operation:
        """What is known of its operation."""
        return OPERATIONS[self.operation]

    @property
    def bound(self) -> Error:
        """Which bound its floats are held to; None is that of sums in any order."""
        return parse(self.error)

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
        operation = () if self.operation == whole.operation else (self.operation,)
        error = (f"error {self.error}",) if self.bound else ()
        return ", ".join((*operation, *kept, *left_out, *error)) or "everything"

    @property
    def is_npconv(self) -> bool:
        """Whether the subject is npconv, whose messages and ledger the claims know."""
        return self.subject.startswith("npconv:")

    def has(self, feature: str) -> bool:
        """Say whether `feature`, a member of `FEATURES`, is claimed.

        Strides of 1 are equal: without strides there are no unequal ones.
        """
        if feature == "unequal strides" and not self.has("strides"):
            return False
        return feature not in self.without | self.of.without


def load(subject: str) -> Callable[..., Any]:
    """Import what ``module:attribute`` names.

    Raises
    ------
    WrongCall
        If the name has no colon, does not exist, or what it names cannot be called.
    """
    module, colon, attribute = subject.partition(":")
    if not colon:
        raise WrongCall(f"a subject is named module:attribute, got {subject!r}")
    try:
        found = import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise WrongCall(f"the subject {subject!r} cannot be imported: {error}") from error
    if not callable(found):
        raise WrongCall(f"the subject {subject!r} cannot be called")
    return found
