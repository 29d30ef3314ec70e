"""No claim asks a subject for anything outside its scope, and what is left is enough to trust."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

import npconv
from parity import claims
from parity.claims import accept_reject, halves, tally, trust
from parity.claims.check import Subject
from parity.claims.claim import Claim
from parity.examples import scoped
from parity.examples.faults import FAULTS, faults_within, nearly_valid_calls
from parity.model import subject
from parity.model.call import Call
from parity.model.case import Array
from parity.model.subject import FEATURES, FORMATS, Scope
from parity.mutants import MUTANTS
from parity.oracles import bounds
from parity.rules import CONV2D
from parity.search import regressions
from parity.search.explore import Disagreement, explore
from parity.sweep.grid import Grid

ALONE = [
    *(Scope(without=frozenset({feature})) for feature in FEATURES),
    Scope(without=frozenset(FEATURES)),
    *(Scope(formats=(one,)) for one in FORMATS),
    *(Scope(dtypes=(one,)) for one in subject.DTYPES),
    Scope(layouts=("C",)),
    Scope(without=frozenset(FEATURES), formats=("NCHW",), dtypes=("float16",), layouts=("C", "F")),
]
"""Scopes without one thing each, and with very little."""


class Strict:
    """npconv, for callers that keep to a scope."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.calls = 0

    def __call__(self, *arguments: Any, **keywords: Any) -> Array:
        """Convolve, if the scope has what is used."""
        names = ("input", "filters", "strides", "padding", "data_format", "dilations")
        call = dict(zip(names, arguments, strict=False)) | keywords
        outside = sorted(set(used(call)) - set(has(self.scope)))
        assert not outside, f"asked for {outside}"
        self.calls += 1
        result: Array = npconv.conv2d(*arguments, **keywords)
        assert result.size or self.scope.has("empties"), "asked for an empty result"
        return result


def has(scope: Scope) -> Iterator[str]:
    yield from (*scope.dtypes, *scope.formats, *scope.layouts)
    yield from (feature for feature in FEATURES if scope.has(feature))


def used(call: dict[str, Any]) -> Iterator[str]:
    """Name what a call asks for, read from the arguments as they come."""
    arrays = [call.get(name) for name in ("input", "filters")]
    for array in arrays:
        if isinstance(array, np.ndarray):
            yield from {array.dtype.name} & set(subject.DTYPES)
            if not array.flags.c_contiguous:
                negative = array.strides and max(array.strides) < 0
                yield "reversed" if negative else "F" if array.flags.f_contiguous else "sliced"
            if not array.flags.writeable:
                yield "readonly"
            if not array.dtype.isnative:
                yield "swapped"
            if array.size == 0:
                yield "empties"
    data_format = call.get("data_format")
    data_format = "NHWC" if data_format is None else data_format
    if isinstance(data_format, str) and data_format in FORMATS:
        yield data_format
    padding = call.get("padding")
    if isinstance(padding, (list, tuple)):
        yield "explicit"
    elif isinstance(padding, (str, bytes)) and padding in ("SAME", b"SAME"):
        yield "SAME"
    row = 2 if data_format == "NCHW" else 1
    for name in ("strides", "dilations"):
        steps = call.get(name)
        steps = [1] if steps is None else list(steps) if np.iterable(steps) else [steps]
        if any(np.any(np.asarray(step) != 1) for step in steps):
            yield name
        spatial = steps[row : row + 2] if len(steps) == 4 else steps
        if name == "strides" and len(spatial) in (2, 4) and spatial[0] != spatial[1]:
            yield "unequal strides"
    shapes: list[tuple[int, ...]] = [getattr(one, "shape", ()) for one in arrays]
    image, filters = shapes
    if len(image) > 4:
        yield "rank5"
    if len(image) >= 4:
        if math.prod(image[:-3]) != 1:
            yield "batches"
        channels = image[-3 if data_format == "NCHW" else -1]
        if len(filters) == 4 and 0 < filters[2] < channels and channels % filters[2] == 0:
            yield "groups"


DRAWN_LIKE_OTHERS = ("special", "halves", "default_build")
"""Claims whose examples are drawn and called as those of ``bounded`` are: one scope is enough."""
EXAMPLES = {"large": 6, "default_build": 10, "accept_reject": 100}
ASKED = [
    pytest.param(scope, claim, id=f"{claim.name}-{scope}")
    for scope in ALONE
    for claim in claims.chosen(scope)
    if claim.name not in claims.OF_NPCONV  # which ask npconv's own functions alone
    and (claim.name not in DRAWN_LIKE_OTHERS or scope == ALONE[-1])
]


@pytest.mark.parametrize(("scope", "claim"), ASKED)
def test_a_claim_keeps_to_the_scope(scope: Scope, claim: Claim) -> None:
    strict = Strict(scope)
    for dtype in tally.dtypes(claim, scope)[-1:]:
        count = tally.Count(claim.name, dtype)
        number = EXAMPLES.get(claim.name, 30)
        explore(claim, dtype, strict, scope, count, examples=number, start=0, shrink=False)
    assert strict.calls > 5


@pytest.mark.parametrize("scope", ALONE, ids=str)
def test_the_rows_of_rules_and_regressions_keep_to_the_scope(scope: Scope) -> None:
    strict = Strict(scope)
    for row in CONV2D:
        if scoped.within(row.call(), scope):
            with suppress(ValueError, TypeError):
                strict(**row.call())
    # Each scope has a quarter, its neighbours the others: what is asked hardly depends on the row.
    tokens = regressions.regressions()[ALONE.index(scope) % 4 :: 4]
    examples = [claims.parse(token) for token in tokens]
    for example in examples:
        for claim in claims.admitting(example, scope) if claims.within(example, scope) else ():
            claim.check(example, Subject(strict, scope))
    assert strict.calls > 2 or scope == ALONE[-1]  # no row is NCHW, float16 and so plain


@pytest.mark.parametrize("scope", ALONE, ids=str)
def test_the_sweep_keeps_to_the_scope(scope: Scope) -> None:
    grid, strict = Grid.of(scope), Strict(scope)
    groups = list(grid.chosen())
    for group in groups[:: max(1, len(groups) // 40)]:
        for data_format in group.formats:
            for case in group.cases(data_format)[::9]:
                case.call_on(strict, *case.arrays())
    assert strict.calls > 10


@pytest.mark.parametrize("scope", [Scope(), *ALONE[:12:4], *ALONE[-2:]], ids=str)
def test_calls_are_drawn_with_every_rule_and_verdict_of_the_scope(scope: Scope) -> None:
    met: Counter[str] = Counter()

    @given(nearly_valid_calls(scope))
    @settings(max_examples=2000, deadline=None, derandomize=True, database=None)
    def count(call: Call) -> None:
        met.update(call.faults)
        met.update(accept_reject.classes(call))

    count()
    assert {name for name in FAULTS if met[name]} <= set(faults_within(scope))
    least = accept_reject.minima(scope)
    rules = {name: share for name, share in least.items() if name.startswith("rule")}
    assert len(rules) > 7
    assert not {name: met[name] for name, share in rules.items() if met[name] < share * 2000}
    compared = tally.Count("accept_reject", "all")
    explore(accept_reject.CLAIM, "all", npconv.conv2d, scope, compared, examples=300, start=0)
    for verdict in ("taken", "ValueError", "TypeError"):
        assert compared.classes[verdict] > 300 * least[verdict], compared.classes
    found = trust.doubts(accept_reject.CLAIM, [compared], scope)
    assert not [one for one in found if "telling" in one]


@pytest.mark.parametrize("dtype", bounds.HALVES)
def test_halves_without_float32_agree(dtype: str) -> None:
    scope = Scope(dtypes=(dtype,))
    count = tally.Count("halves", dtype)
    explore(halves.CLAIM, dtype, Strict(scope), scope, count, examples=400, start=0)
    assert not trust.doubts(halves.CLAIM, [count], scope)


@pytest.mark.parametrize(
    ("name", "dtype"),
    [("half_sums", "float16"), ("rounded_twice", "float16"), ("half_saturates", "float16"),
     ("bfloat_truncated", "bfloat16"), ("rounded_twice", "bfloat16")],
)  # fmt: skip
def test_halves_without_float32_find_what_rounds_otherwise(name: str, dtype: str) -> None:
    scope = Scope(dtypes=(dtype,))
    mutant = MUTANTS[name].function
    for limits in (Scope(), scope):
        count = tally.Count("halves", dtype)
        with pytest.raises(Disagreement, match="rounded once"):
            explore(halves.CLAIM, dtype, mutant, limits, count, examples=2100, start=0)


def test_halves_are_held_to_the_float32_of_the_subject_where_it_has_it() -> None:
    """A subject of which the two differ is found, though its halves are right by themselves."""

    def wrong_in_float32(x: Array, w: Array, **named: Any) -> Array:
        result: Array = npconv.conv2d(x, w, **named)
        return result + 1 if result.dtype == np.float32 else result

    count = tally.Count("halves", "float16")
    with pytest.raises(Disagreement, match="rounded once"):
        explore(halves.CLAIM, "float16", wrong_in_float32, Scope(), count, examples=20, start=0)
