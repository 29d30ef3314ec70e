"""The second grid: complete over what it says, the same each time, and compared like the first."""

from __future__ import annotations

import math
from itertools import combinations, product
from typing import Any

import pytest

import npconv
from parity.examples import corners
from parity.examples.layers import SUMS, VALUES, Layer, channels, groups
from parity.model import geometry
from parity.model.case import Case
from parity.model.subject import DTYPES, FEATURES, FORMATS, Scope
from parity.sweep.covering import FACTORS, PLAIN, STRENGTH, TRIPLES, covering, targets
from parity.sweep.layers import SHARE, Block, Grids, Layers
from parity.tests.examples.layer_faults import FAULTS, Sizes, wrong_where
from parity.tests.sweep.test_compare import on
from parity.tests.sweep.test_planted import hidden

NARROW = Scope(
    dtypes=("int32", "float16"),
    formats=("NCHW",),
    without=frozenset({*FEATURES, "SAME", "batches", "unequal strides"}),
)


def cases(layers: Layers, dtype: str = "float32") -> list[Case]:
    """Return every layer of one dtype as it is compared in the first format."""
    chosen = [group for group in layers.chosen() if group.first.dtype == dtype]
    return [case for group in chosen for case in group.cases(layers.formats[0])]


def read(example: Case) -> dict[str, Any]:
    """Return the factors as they can be read from a case, without the code that made it."""
    ins = example.input_shape[3]
    depth, outs = example.filters_shape[2:]
    number = ins // depth
    if number == 1:
        kind = "none"
    elif depth == 1:
        kind = "depthwise" if outs == ins else "multiplied"
    else:
        kind = "few" if number <= 4 else "many"
    rows, columns = geometry.output_geometry(example)[0]
    return {
        "kind": kind,
        "kernel": example.filters_shape[:2],
        "in_channels": ins,
        "out_channels": outs,
        "rows": rows,
        "columns": columns,
        "batch": example.input_shape[0],
        "strides": example.strides,
        "dilation": example.dilations[0],
        "padding": example.padding if isinstance(example.padding, str) else "explicit",
    }


def fit(kind: str, ins: int, outs: int) -> bool:
    """Say whether some number of groups of `kind` divides both, by trying every number."""
    there = set()
    for number in range(1, ins + 1):
        if ins % number or outs % number:
            continue
        depth = ins // number
        if number == 1:
            there.add("none")
        elif depth == 1:
            there.add("depthwise" if outs == ins else "multiplied")
        elif number <= 4:
            there.add("few")
        elif depth in (2, 3, 4, 8):
            there.add("many")
    return kind in there


def test_every_pair_and_the_triples_are_there() -> None:
    # Counted on the cases; a long sum, which is no number of channels, is left to the next test.
    found = [read(one) for one in cases(Layers())]
    plain = {**VALUES, "in_channels": tuple(set(VALUES["in_channels"]) - set(SUMS))}
    for names in (*combinations(FACTORS, 2), *TRIPLES, *PLAIN):
        seen = {tuple(one[name] for name in names) for one in found}
        if names in PLAIN:
            plain["kind"] = ("none",)
        for values in product(*(plain[name] for name in names)):
            fixed = dict(zip(names, values, strict=True))
            possible = any(
                fit(kind, ins, outs)
                for kind in ([fixed["kind"]] if "kind" in fixed else VALUES["kind"])
                for ins in ([fixed["in_channels"]] if "in_channels" in fixed else range(1, 193))
                for outs in (
                    [fixed["out_channels"]] if "out_channels" in fixed else VALUES["out_channels"]
                )
                if ins in plain["in_channels"]
            )
            assert (values in seen) == possible, fixed


def test_everything_that_can_be_asked_of_long_sums_is_there() -> None:
    there = {
        tuple((name, getattr(layer, name)) for name in names)
        for layer in covering(Scope())
        for names in STRENGTH
    }
    assert set(targets(Scope())) <= there
    for length, kernel, strides in product(SUMS, VALUES["kernel"], VALUES["strides"]):
        parts = ("none", kernel, length, strides)
        assert tuple(zip(PLAIN[0], parts, strict=True)) in there
    terms = [one.terms for one in cases(Layers())]
    assert sum(one > 2304 for one in terms) > 50
    assert max(terms) >= 4609


def test_the_array_is_small_and_the_same_each_time() -> None:
    first = covering(Scope())
    covering.cache_clear()
    assert covering(Scope()) == first
    assert len(first) == len(set(first)) == 3437
    # No fewer will do: so many triples have a kernel, a stride and a value of in_channels.
    assert len(first) > len(VALUES["kernel"]) * len(VALUES["strides"]) * len(VALUES["in_channels"])


@pytest.mark.parametrize("layer", covering(Scope())[::97])
def test_groups_are_what_their_kind_says(layer: Layer) -> None:
    ins = channels(layer.kind, layer.kernel, layer.in_channels)
    assert groups(layer.kind, ins, layer.out_channels)
    assert fit(layer.kind, ins, layer.out_channels)


def test_each_dtype_has_its_share_and_the_first_is_whole() -> None:
    chosen = {dtype: {one.seed for one in cases(Layers(), dtype)} for dtype in DTYPES}
    whole = len(covering(Scope()))
    assert len(chosen["float32"]) == len(chosen["float64"]) == whole
    others = [chosen[dtype] for dtype in DTYPES if not dtype.startswith("float") or "16" in dtype]
    assert all(0.9 < len(one) * SHARE / whole < 1.1 for one in others)
    assert len({frozenset(one) for one in others}) == 3
    in_formats = {(group.first.dtype, group.formats): group for group in Layers(every=50).chosen()}
    for dtype in ("float32", "float64"):
        assert {formats for one, formats in in_formats if one == dtype} == {("NHWC",), ("NCHW",)}


def test_every_thins_without_a_pattern() -> None:
    thinned = cases(Layers(every=10))
    assert 0.85 < len(thinned) * 10 / len(covering(Scope())) < 1.15
    assert {one.token() for one in thinned} < {one.token() for one in cases(Layers())}
    values: dict[str, set[Any]] = {name: set() for name in FACTORS}
    for one in map(read, thinned):
        for name, value in one.items():
            values[name].add(value)
    for name, of in VALUES.items():
        assert set(of) - set(SUMS) <= values[name]
    assert Layers(every=10).complete == ()
    assert Layers().complete[0] == "every pair"


def test_a_scope_narrows_the_layers() -> None:
    layers = Grids.of(NARROW).layers
    assert layers.dtypes == ("int32", "float16")
    found = cases(layers, "int32")
    assert found
    for one in found:
        assert corners.within(one, NARROW)
        assert one.padding == "VALID"
        assert one.input_shape[0] == 1
        assert one.strides[0] == one.strides[1]


def test_blocks_hold_both_grids_and_the_layers_come_first() -> None:
    grids = Grids.of(Scope(), every=20)
    blocks = grids.blocks()
    assert sorted(block.number for block in blocks) == list(range(len(blocks)))
    assert [block.of_layers for block in blocks] == sorted(one.of_layers for one in blocks)[::-1]
    for of_layers, grid in ((False, grids.small[0]), (True, grids.layers)):
        groups = [group for one in blocks if one.of_layers == of_layers for group in one.groups]
        assert groups == list(grid.chosen())
    for block in blocks:
        assert {group.first.dtype for group in block.groups} == {block.dtype}
    block = blocks[-1]
    token = block.groups[1].cases("NCHW")[0].token()
    assert block.without(token).groups == (block.groups[0], *block.groups[2:])
    assert block.without("another") == block


def test_npconv_agrees_in_each_dtype_and_a_fault_is_told() -> None:
    groups = list(Layers().chosen())
    for dtype in DTYPES:
        some = tuple(one for one in groups if one.first.dtype == dtype)[::150]
        found = on(Block(0, dtype, some), npconv.conv2d)
        assert (found.compared, found.disagreements) == (sum(one.size for one in some), 0)
        assert found.uniform == (found.compared if dtype == "float64" else 0)
        assert found.nonzero > 0.5 * found.outputs > 0
    group = next(one for one in groups if one.first.input_shape[0] == 8)._replace(formats=FORMATS)
    found = on(Block(0, "float32", (group,)), wrong_where(lambda sizes: sizes.batch == 8))
    assert found.disagreements == 2
    assert Case.parse(found.listed[0].token) == group.first


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_taps_that_are_read_wrongly_show_in_layers_too(dtype: str) -> None:
    layers = Layers(dtypes=(dtype,), formats=("NHWC",), every=40)
    planted = [
        (name, unseen, one.token())
        for one in cases(layers, dtype)
        if one.filters_shape[0] * one.filters_shape[1] * math.prod(one.input_shape) < 200_000
        for name, unseen in hidden(one)
    ]
    assert len(planted) > 400
    assert not [one for one in planted if one[1]]


def test_the_faults_of_fast_paths_are_in_the_grid() -> None:
    sizes = [Sizes.of(one) for one in (*cases(Layers()), *cases(Layers(formats=("NCHW",))))]
    missed = {name for name, condition in FAULTS.items() if not any(map(condition, sizes))}
    assert missed <= {"3x3 stride 2, 3 channels, 16 | filters"}  # four factors at once
