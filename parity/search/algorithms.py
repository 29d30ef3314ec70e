"""What an error beyond that of sums in any order looks like: that of Winograd's algorithm."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from parity.claims import bounded, exact
from parity.model.case import Array, Case, Conv2d
from parity.model.error import Error, Winograd, parse
from parity.oracles import bounds
from parity.oracles.compare import assert_exact, assert_special
from parity.oracles.winograd import of_constants, takes

USUAL = tuple(
    parse(f"winograd:{written}")
    for written in ("F(2,3):0,±1", "F(4,3):0,±1,±2", "F(2,5):0,±1,±2", "F(6,3):0,±1,±2,±1/2")
)
"""The points that are in use with the widest bound; fewer outputs first."""
KINDS = ("small", "lattice", "normal")
DRAWS = 4
DIGITS = 24


def algorithm(conv2d: Conv2d, case: Case) -> str:
    """Say within which algorithm's bound a subject's results lie, that are wrong on `case`.

    It is called on data of every kind, all of which have to lie there, and one of which no order
    of summation may explain; "" if that is not so.
    """
    usual = [one for one in USUAL if takes(one, case)]
    heard: list[tuple[Case, Array]] = []
    for draw in _draws(case) if usual else ():
        try:
            heard.append((draw, case.call_on(conv2d, *draw.arrays())))
        except Exception:
            return ""
    if all(_holds(None, *one, flush=bounded.flushes(case, conv2d)) for one in heard):
        return ""
    for error in usual:
        if all(_holds(error, *one, flush=bounded.flushes(case, conv2d)) for one in heard):
            assert isinstance(error, Winograd)
            name = f"F({error.outputs},{error.taps}) with points {error.spelled}"
            return (
                "its error exceeds what any order of summation can make; it lies within the bound"
                f" of Winograd's {name}: if that is the algorithm, say --error {error}"
            )
    return ""


def _draws(case: Case) -> Iterator[Case]:
    yield case
    for kind in KINDS:
        for seed in range(DRAWS):
            yield replace(case, kind=kind, seed=seed, input_only=None, filters_only=None)


def _holds(error: Error, case: Case, got: Array, *, flush: bool) -> bool:
    """Say whether a result is right within the bound; to the bit where the algorithm is exact."""
    arrays = case.arrays()
    to_the_bit = exact.admits(case)
    if isinstance(error, Winograd):
        rounds = of_constants(error, case.of.axes, DIGITS) > 0
        to_the_bit = case.kind == "small" and not rounds
    try:
        if to_the_bit:
            expected = bounds.integers(case, *arrays)
            assert_exact(case=case, got=got, expected=expected, names=("", ""))
        else:
            allowed = bounds.allow(case, *arrays, flush=flush, error=error)
            assert_special(case=case, got=got, allowed=allowed, name="")
    except AssertionError:
        return False
    return True
