"""What an error beyond that of sums in any order looks like: that of Winograd's algorithm."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from parity.claims import bounded, exact
from parity.model.case import Array, Case, Conv2d
from parity.model.error import Error, Winograd, parse
from parity.oracles import bounds
from parity.oracles.compare import assert_special
from parity.oracles.winograd import of_constants, takes

USUAL = tuple(
    parse(f"winograd:{written}")
    for written in ("F(2,3):0,±1", "F(4,3):0,±1,±2", "F(2,5):0,±1,±2", "F(6,3):0,±1,±2,±1/2")
)
"""The points that are in use with the widest bound; fewer outputs first."""
KINDS = ("small", "lattice", "normal")
DRAWS = 4
DIGITS = 24
"""Those of float32, in which halves are computed as well."""


def algorithm(conv2d: Conv2d, case: Case) -> str:
    """Say within which algorithm's bound a subject's results lie, that are wrong on `case`.

    It is called on data of every kind, all of which have to lie there, and one of which no order
    of summation may explain; "" if that is not so.  Small integers have to come out exact just if
    the algorithm's constants are: a kernel that rounds what it multiplies is no such algorithm.
    """
    usual = [one for one in USUAL if takes(one, case)]
    heard: list[tuple[Case, Array]] = []
    for draw in _draws(case) if usual else ():
        try:
            heard.append((draw, case.call_on(conv2d, *draw.arrays())))
        except Exception:
            return ""
    flush = bool(heard) and bounded.flushes(case, conv2d)
    small = all(_exact(*one) for one in heard if one[0].kind == "small")
    if all(_holds(None, *one, flush=flush) for one in heard):
        return ""
    for error in usual:
        assert isinstance(error, Winograd)
        rounds = of_constants(error, case.of.axes, DIGITS) > 0
        if rounds == small and case.dtype not in bounds.HALVES:
            continue
        if all(_holds(error, *one, flush=flush) for one in heard):
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


def _exact(case: Case, got: Array) -> bool:
    return got.tobytes() == bounds.integers(case, *case.arrays()).tobytes()


def _holds(error: Error, case: Case, got: Array, *, flush: bool) -> bool:
    """Say whether a result is right: to the bit where sums in any order are, or within a bound."""
    if error is None and exact.admits(case):
        return _exact(case, got)
    allowed = bounds.allow(case, *case.arrays(), flush=flush, error=error)
    try:
        assert_special(case=case, got=got, allowed=allowed, name="")
    except AssertionError:
        return False
    return True
