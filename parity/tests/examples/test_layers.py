"""The claim about ordinary layers: what it draws is valid and cheap, meets all pairs, and finds."""

from __future__ import annotations

import dataclasses
import math
import random
from collections import Counter
from collections.abc import Callable
from functools import cache
from itertools import combinations, product
from typing import Any

import pytest
from hypothesis import find, settings

import npconv
from parity import claims
from parity.claims import layers, trust
from parity.claims.claim import Told
from parity.claims.tally import Count
from parity.examples import corners
from parity.examples.layers import (
    ELEMENTS,
    SUMS,
    VALUES,
    WORK,
    Details,
    Layer,
    case,
    smallest,
    together,
)
from parity.examples.levels import levels, possible
from parity.examples.pairs import pairs_of
from parity.examples.strategies import Dials
from parity.model import geometry
from parity.model.case import Case
from parity.model.subject import FEATURES, FORMATS, Scope
from parity.search.explore import explore
from parity.tests.examples.layer_faults import FAULTS, Sizes, wrong_where

NARROWED = [
    Scope(),
    *(Scope(without=frozenset({feature})) for feature in FEATURES),
    Scope(without=frozenset(FEATURES)),
    *(Scope(formats=(one,)) for one in FORMATS),
]
SEARCH = settings(max_examples=3000, database=None, derandomize=True, deadline=None)


@cache
def drawn(scope: Scope, count: int, seed: int = 0) -> list[Case]:
    """Return what evenly distributed bytes give."""
    rng = random.Random(seed)
    return [
        layers.assembled(Dials(rng.randbytes(layers.BYTES)), "float32", scope) for _ in range(count)
    ]


@cache
def explored(seed: int, examples: int) -> tuple[Count, list[Case]]:
    """Return what a run draws and counts, without any comparison."""
    seen: list[Case] = []

    def check(example: Case, _: Any) -> Told:
        seen.append(example)
        return Told(1, 1, levels=levels(example))

    claim = dataclasses.replace(layers.CLAIM, check=check)
    count = Count("layers", "float32")
    explore(claim, "float32", print, Scope(), count, examples=examples, start=seed)
    return count, seen


def channels(example: Case) -> int:
    return example.input_shape[-1 if example.data_format == "NHWC" else -3]


# What is drawn.


@pytest.mark.parametrize("scope", NARROWED, ids=str)
def test_layers_are_valid_in_scope_and_cheap(scope: Scope) -> None:
    for example in drawn(scope, 4000 if scope not in NARROWED[::4] else 16_000)[:1000]:
        shape = geometry.output_shape(example)
        depth, filters = example.filters_shape[2:]
        assert corners.within(example, scope), example.token()
        assert min(*shape, *example.input_shape, *example.filters_shape) > 0
        assert channels(example) % depth == 0 == filters % (channels(example) // depth)
        assert layers.CLAIM.admits(example)
        assert math.prod(shape) * example.terms <= WORK
        sizes = [math.prod(one) for one in (shape, example.input_shape, example.filters_shape)]
        assert sum(sizes) <= ELEMENTS


def test_a_case_has_the_sizes_of_its_layer() -> None:
    rng = random.Random(1)
    for number in range(1000):
        fixed = {name: rng.choice(of) for name, of in VALUES.items() if name != "in_channels"}
        if (layer := smallest(fixed)) is None:
            continue
        details = Details(number, (number % 5, number // 5), number, rng.choice(FORMATS))
        made = case(layer, details)
        assert geometry.output_geometry(made)[0] == (layer.rows, layer.columns)
        assert made.input_shape[0] == layer.batch
        assert (made.filters_shape[:2], made.strides) == (layer.kernel, layer.strides)
        assert (channels(made), made.filters_shape[3]) == (layer.channels, layer.out_channels)
        number_of_groups = layer.channels // made.filters_shape[2]
        assert number_of_groups in layer.groups()
        assert f"groups {layer.kind}" in levels(made)


def test_long_sums_are_as_long_as_they_say() -> None:
    for length, kernel in product(SUMS, VALUES["kernel"]):
        taps = math.prod(kernel)
        layer = Layer(kernel=kernel, in_channels=length)
        assert length <= case(layer, Details()).terms < length + taps


def test_no_two_values_are_too_costly_together() -> None:
    fit = {kind: together(kind) for kind in VALUES["kind"]}
    for one, other in combinations(VALUES, 2):
        for first, second in product(VALUES[one], VALUES[other]):
            fixed = {one: first, other: second}
            pairs = fit[fixed.get("kind", "none")]
            divide = any(
                fixed.get("in_channels", ins) == ins and fixed.get("out_channels", outs) == outs
                for ins, outs in pairs
            )
            if {one, other} == {"in_channels", "out_channels"} and first in SUMS:
                divide = first * second < ELEMENTS  # so long a sum for all of the filters
            assert (smallest(fixed) is not None) == divide, fixed


@pytest.mark.parametrize(
    ("wanted", "smallest_token"),
    [
        (lambda c: True, "1x1x1x1 w1x1x1x1 s1,1 d1,1 VALID lattice:0"),
        (lambda c: c.strides == (2, 2), "1x1x1x1 w1x1x1x1 s2,2 d1,1 VALID lattice:0"),
        (lambda c: c.filters_shape[3] > 16, "1x1x1x1 w1x1x1x17 s1,1 d1,1 VALID lattice:0"),
        (lambda c: c.filters_shape[0] == 5, "1x5x5x1 w5x5x1x1 s1,1 d1,1 VALID lattice:0"),
        (lambda c: c.terms > 1000, "1x1x1x1024 w1x1x1024x1 s1,1 d1,1 VALID lattice:0"),
        (lambda c: c.input_shape[0] == 8, "8x1x1x1 w1x1x1x1 s1,1 d1,1 VALID lattice:0"),
        (
            lambda c: c.filters_shape[2] == 1 < channels(c) and c.filters_shape[0] == 3,
            "1x3x3x2 w3x3x1x2 s1,1 d1,1 VALID lattice:0",
        ),
    ],
)
def test_layers_shrink_to_the_smallest_of_their_kind(
    wanted: Callable[[Case], bool], smallest_token: str
) -> None:
    found = find(layers.strategy("float32", Scope()), wanted, settings=SEARCH)
    assert found.token() == f"float32 NHWC {smallest_token}"


def test_every_byte_is_read() -> None:
    for bytes_drawn in (bytes(layers.BYTES), b"\xff" * layers.BYTES):
        for scope in NARROWED:
            dials = Dials(bytes_drawn)
            assert layers.assembled(dials, "float32", scope)
            with pytest.raises(StopIteration):
                dials.below(1)


# What is counted.


@pytest.mark.parametrize("scope", NARROWED, ids=str)
def test_every_level_and_pair_that_is_possible_is_drawn_as_often_as_is_said(scope: Scope) -> None:
    cases = drawn(scope, 16_000 if scope in NARROWED[::4] else 4_000)
    met = Counter(pair for one in cases for pair in pairs_of(levels(one)))
    there = Counter(level for one in cases for level in levels(one))
    asked = layers.coverage(scope)
    assert met.keys() <= asked.pairs
    assert there.keys() == asked.levels
    assert min(there.values()) > asked.level * len(cases)
    if len(cases) > 10_000:
        assert met.keys() == asked.pairs
        assert min(met.values()) > asked.pair * len(cases)


def test_what_is_possible_is_what_the_values_can_be() -> None:
    # Counted on the cases themselves, every kernel and kind with all channels that fit.
    pairs = set()
    for kind, kernel in product(VALUES["kind"], VALUES["kernel"]):
        for ins, outs in together(kind):
            layer = Layer(kind, kernel, ins, outs)
            if layer.fits():
                for number in range(len(layer.groups())):
                    found = levels(case(layer, Details(groups=number)))
                    pairs |= set(pairs_of(one for one in found if one.startswith(INNER)))
    inner = {
        pair for pair in possible(Scope())[1] if all(level.startswith(INNER) for level in pair)
    }
    assert pairs == inner
    assert len(inner) > 300
    assert ("groups few", "out_channels near 1") in inner  # two filters
    assert ("in_channels near 1", "terms more") not in inner


INNER = ("kernel", "groups", "in_channels", "out_channels", "terms")


def test_a_usual_run_has_to_meet_every_pair_and_does() -> None:
    counts = [explored(seed, layers.CLAIM.examples)[0] for seed in range(2)]
    examples = layers.CLAIM.examples * len(layers.CLAIM.dtypes)
    scope = Scope()
    asked = layers.coverage(scope)
    # What five dtypes draw is what five seeds do; two of them meet all but the rarest.
    scaled = [dataclasses.replace(one, examples=examples) for one in counts[:1]]
    scaled[0].pairs = counts[0].pairs + counts[1].pairs
    told = [one for one in trust.doubts(layers.CLAIM, scaled, scope) if "none of" in one]
    assert told == []
    assert scaled[0].pairs.keys() == asked.pairs
    # Never depthwise at 5x5: each of the two is there, and often.
    lacking = ("groups depthwise", "kernel 5x5")
    scaled[0].pairs[lacking] = 0
    del scaled[0].pairs[lacking]
    told = [one for one in trust.doubts(layers.CLAIM, scaled, scope) if "none of" in one]
    assert told == [f"layers: none of {examples} examples has groups depthwise, kernel 5x5"]


@pytest.mark.parametrize(("examples", "runs"), [(30, 10), (300, 5), (1500, 2)])
def test_a_small_run_is_not_mistrusted_for_its_pairs(examples: int, runs: int) -> None:
    for seed in range(runs):
        count, _ = explored(seed, examples)
        found = trust.doubts(layers.CLAIM, [count], Scope(dtypes=("float32",)))
        assert not [one for one in found if "none of" in one]


# What is found.


@pytest.mark.parametrize("seed", [0, 1])
def test_each_fault_of_a_fast_path_is_met_within_the_examples_of_one_dtype(seed: int) -> None:
    _, seen = explored(seed, layers.CLAIM.examples)
    sizes = [Sizes.of(one) for one in seen]
    rates = {name: sum(map(condition, sizes)) for name, condition in FAULTS.items()}
    assert len(rates) >= 20
    assert min(rates.values()) > 0, rates
    # One in 200 or more often: two of three.
    often = sum(rate > len(seen) / 200 for rate in rates.values())
    assert often > 2 / 3 * len(rates), rates


@pytest.mark.parametrize("name", FAULTS)
def test_a_met_fault_fails_the_claim(name: str) -> None:
    condition = FAULTS[name]
    found = next(one for one in explored(0, 3000)[1] if condition(Sizes.of(one)))
    with pytest.raises(AssertionError, match="bit-identical"):
        layers.check(found, wrong_where(condition))
    told = layers.check(found, npconv.conv2d)
    assert told.levels == levels(found)


def test_the_claim_is_checked_on_given_cases_but_empties() -> None:
    example = Case((1, 5, 5, 3), (3, 3, 3, 2))
    empty = Case((0, 5, 5, 3), (3, 3, 3, 2))
    assert layers.CLAIM in claims.admitting(example, Scope())
    assert layers.CLAIM not in claims.admitting(empty, Scope())
    assert "rows itself" not in levels(Case((1, 22, 22, 3), (1, 1, 3, 2)))
    assert {"rows other", "out_channels near 1"} <= set(levels(Case((1, 22, 22, 3), (1, 1, 3, 2))))
