"""Run a claim under Hypothesis and count what it really compared."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from hypothesis import HealthCheck, given, seed, settings
from hypothesis.strategies import SearchStrategy


class Tokened(Protocol):
    """Anything that a report can name in one line."""

    def token(self) -> str:
        """Return the line."""


T = TypeVar("T", bound=Tokened)


@dataclass
class Count:
    """What one claim has compared for one dtype."""

    claim: str
    dtype: str
    wanted: int
    examples: int = 0
    outputs: int = 0
    telling: int = 0
    tokens: set[str] = field(default_factory=set)


COUNTS: dict[tuple[str, str], Count] = {}
SEED = 0
"""What all examples are drawn from; the same on every run unless somebody sets another."""


def multiplied(examples: int) -> int:
    """Return `examples` times the environment variable ``PARITY_EXAMPLES`` (default 1)."""
    return max(1, round(examples * float(os.environ.get("PARITY_EXAMPLES", "1"))))


def prove(
    claim: str,
    dtype: str,
    strategy: SearchStrategy[T],
    check: Callable[[T], tuple[int, int]],
    *,
    examples: int,
    telling: float,
) -> None:
    """Run `check` on drawn examples and demand that they told something.

    Parameters
    ----------
    claim, dtype
        What is counted, for the summary.
    strategy
        Draws the examples.
    check
        Raises where the claim fails; returns how many outputs it compared and how many of them
        were telling (non-zero, say), so that a claim that compares zeros with zeros fails.
    examples
        How many are run, before ``PARITY_EXAMPLES`` multiplies them.
    telling
        The least number of telling outputs per example, on average.

    Raises
    ------
    AssertionError
        From `check`, or if too few examples or telling outputs were compared.
    """
    wanted = multiplied(examples)
    count = COUNTS[claim, dtype] = Count(claim, dtype, wanted)

    def run(example: T) -> None:
        outputs, told = check(example)
        count.examples += 1
        count.outputs += outputs
        count.telling += told
        count.tokens.add(example.token())

    limits = settings(
        max_examples=wanted,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    # Every claim and dtype draws other examples.
    start = SEED * 2**32 + zlib.crc32(f"{claim} {dtype}".encode())
    seed(start)(limits(given(strategy)(run)))()
    require(count, telling)


def require(count: Count, telling: float) -> None:
    """Demand nine tenths of the wanted examples, mostly distinct, and enough telling outputs.

    Raises
    ------
    AssertionError
        If the run compared less.
    """
    if count.examples < 0.9 * count.wanted or len(count.tokens) < 0.5 * count.wanted:
        raise AssertionError(
            f"{count.claim} {count.dtype}: ran {count.examples} examples, {len(count.tokens)} of"
            f" them distinct, instead of {count.wanted}"
        )
    if count.telling < telling * count.examples:
        raise AssertionError(
            f"{count.claim} {count.dtype}: only {count.telling} telling outputs in"
            f" {count.examples} examples, at least {telling} each were expected"
        )
