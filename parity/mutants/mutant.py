"""What a mutant is, and how one is made: a function in the place of one step of the textbook's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from parity.model.call import Call
from parity.model.case import Case
from parity.mutants.textbook import Textbook

Step = TypeVar("Step", bound=Callable[..., Any])


@dataclass(frozen=True)
class Mutant:
    """A conv2d with one fault.

    Attributes
    ----------
    name
        Its name in `MUTANTS` and as an attribute of the package.
    fault
        What is wrong with it, in a sentence.
    conv2d
        What to call.
    example
        A call that shows the fault.
    misunderstanding
        Whether somebody may take the fault for how a convolution is; such mutants also say what a
        failure looks like (`parity.search.looks`).  Others are slips.
    """

    name: str
    fault: str
    conv2d: Textbook
    example: Case | Call
    misunderstanding: bool


MUTANTS: dict[str, Mutant] = {}
"""Every mutant by its name, those of one module together."""


def slip(step: str, example: str | Call) -> Callable[[Step], Step]:
    """Register the decorated function as a mutant that does one step of `Textbook` so.

    Its name is the function's, its fault the docstring, and the token `example` shows it.
    """
    return _registered(step, example, misunderstanding=False)


def misread(step: str, example: str | Call) -> Callable[[Step], Step]:
    """Register a mutant as `slip` does, one that may explain what other subjects do."""
    return _registered(step, example, misunderstanding=True)


def _registered(
    step: str, example: str | Call, *, misunderstanding: bool
) -> Callable[[Step], Step]:
    assert hasattr(Textbook, step), f"the textbook has no step {step!r}"
    shown = Case.parse(example) if isinstance(example, str) else example

    def register(function: Step) -> Step:
        name, fault = function.__name__, (function.__doc__ or "").rstrip(".")
        assert name not in MUTANTS, f"two mutants are named {name}"
        conv2d = Textbook(**{step: function})
        MUTANTS[name] = Mutant(name, fault, conv2d, shown, misunderstanding)
        return function

    return register
