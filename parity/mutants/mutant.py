"""What a mutant is, and how one is made: a function in the place of one step of the textbook's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from parity.model.call import Call
from parity.model.case import Case
from parity.model.error import COMPONENTWISE
from parity.model.operation import OPERATIONS
from parity.mutants.book import Book
from parity.mutants.family import Family
from parity.mutants.shown import layer
from parity.mutants.textbook import Textbook

Step = TypeVar("Step", bound=Callable[..., Any])


@dataclass(frozen=True)
class Mutant:
    """An operation with one fault.

    Attributes
    ----------
    name
        Its name in `MUTANTS` and as an attribute of the package.
    fault
        What is wrong with it, in a sentence.
    function
        What to call.
    example
        A call that shows the fault.
    misunderstanding
        Whether somebody may take the fault for how a convolution is; such mutants also say what a
        failure looks like (`parity.search.looks`).  Others are slips.
    """

    name: str
    fault: str
    function: Book
    example: Case | Call
    misunderstanding: bool

    @property
    def operation(self) -> str:
        """Which of TensorFlow's functions it is, but for the fault."""
        return self.function.operation


MUTANTS: dict[str, Mutant] = {}
"""Every mutant by its name, those of one module together."""


def slip(
    step: str, *examples: str | Call, error: str = COMPONENTWISE, **like: Any
) -> Callable[[Step], Step]:
    """Register the decorated function as a mutant that does one step of a textbook so.

    Its name is the function's, its fault the docstring.  The example shows it: a call, the token of
    a case, or the name of an operation: `parity.mutants.shown.layer` of it and of `like`.  Each
    further example, of another operation, makes another mutant of the same fault, whose name ends
    with the operation's.  It is held to `error`, as the option ``--error`` has it.
    """
    return _registered(step, examples, like, error, misunderstanding=False)


def misread(step: str, *examples: str | Call, **like: Any) -> Callable[[Step], Step]:
    """Register mutants as `slip` does, which may explain what other subjects do."""
    return _registered(step, examples, like, COMPONENTWISE, misunderstanding=True)


def _registered(
    step: str,
    examples: Sequence[str | Call],
    like: dict[str, Any],
    error: str,
    *,
    misunderstanding: bool,
) -> Callable[[Step], Step]:
    def register(function: Step) -> Step:
        fault = (function.__doc__ or "").rstrip(".")
        for example in examples:
            shown: Case | Call
            if isinstance(example, Call):
                shown = example
            else:
                shown = layer(example, **like) if example in OPERATIONS else Case.parse(example)
            operation = shown.operation
            right = Textbook if operation == "conv2d" else partial(Family, operation)
            taken = function.__name__ in MUTANTS
            name = f"{function.__name__}_{operation}" if taken else function.__name__
            assert hasattr(right(), step), f"the textbook has no step {step!r}"
            assert name not in MUTANTS, f"two mutants are named {name}"
            wrong = right(**{step: function})
            wrong.error = error
            MUTANTS[name] = Mutant(name, fault, wrong, shown, misunderstanding)
        return function

    return register
