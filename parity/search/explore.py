"""Explore a claim with Hypothesis: draw examples, check them, shrink what fails."""

from __future__ import annotations

import math
import time
import zlib
from collections.abc import Callable

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import FlakyFailure, HypothesisException

from parity.claims.check import Subject, checked
from parity.claims.claim import Claim, Example, Told
from parity.claims.tally import Count
from parity.model.case import Case, Conv2d
from parity.model.script import script as written
from parity.model.subject import Scope

SHRINK_SECONDS = 10.0
"""How long a failing example is made smaller; Hypothesis itself would go on for five minutes."""

Kept = Callable[[Example, Told], None]


class Disagreement(AssertionError):  # noqa: N818 - what is found, not what went wrong here
    """A subject does not do what the claim of this name says on this example.

    Where the subject is named, a script shows it as well.
    """

    def __init__(self, claim: str, example: Example, reason: str, subject: str = "") -> None:
        self.claim = claim
        self.example = example
        script = ""
        if subject and isinstance(example, Case):
            script = f"\n\n{written(example, subject)}"
        super().__init__(f"{claim}: {example.token()}\n{reason}{script}")


def explore(
    claim: Claim,
    dtype: str,
    conv2d: Conv2d,
    scope: Scope,
    count: Count,
    *,
    examples: int,
    start: int,
    shrink: bool = True,
    simplest: bool = True,
    after: Kept | None = None,
) -> None:
    """Check `claim` on drawn examples of one dtype and count them.

    Parameters
    ----------
    examples, start
        How many are drawn, and from which seed; every claim and dtype draws others from it.
    shrink
        Whether a failing example is made smaller, which takes up to `SHRINK_SECONDS`.
    simplest
        Whether the simplest example, which Hypothesis always draws first, is checked as well; it
        is none of `examples` if not.
    after
        Called with each example that was compared and with what it told.

    Raises
    ------
    Disagreement
        With the smallest failing example.
    """
    failing: list[Example] = []
    failed: set[str] = set()
    until = math.inf
    within = Subject(conv2d, scope)
    left_out = iter([] if simplest else [True])

    def run(example: Example) -> None:
        nonlocal until
        if next(left_out, False):
            return
        if time.monotonic() > until and example.token() not in failed:
            return  # no smaller one is sought, but the smallest so far has to fail again
        try:
            told = checked(claim, example, within, count)
        except Exception:
            if not failing:
                until = time.monotonic() + SHRINK_SECONDS
            failing[:] = [example]
            failed.add(example.token())
            raise
        if after is not None and told is not None:
            after(example, told)

    limits = settings(
        max_examples=examples + (not simplest),
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        phases=[Phase.generate, Phase.target, *([Phase.shrink] if shrink else [])],
        suppress_health_check=list(HealthCheck),
    )
    try:
        seed(drawn_from(claim, dtype, start))(limits(given(claim.strategy(dtype, scope))(run)))()
    except FlakyFailure as error:
        if not failing:
            raise
        reason = "it fails, but not each time: the subject gives the same call other results"
        raise Disagreement(claim.name, failing[0], reason, scope.subject) from error
    except HypothesisException:
        raise
    except Exception as error:  # whatever the subject raises on a valid call
        if not failing:
            raise
        raise Disagreement(claim.name, failing[0], describe(error), scope.subject) from error


def drawn_from(claim: Claim, dtype: str, start: int) -> int:
    """Return the seed of a claim's examples of one dtype; each claim and dtype has its own."""
    return start * 2**32 + zlib.crc32(f"{claim.name} {dtype}".encode())


def describe(error: Exception) -> str:
    """Return what an AssertionError says, and of any other error its class as well."""
    if isinstance(error, AssertionError):
        return str(error)
    return f"the subject raises {type(error).__name__}: {error}"
