"""The layer sets are what they say they are."""

from __future__ import annotations

import doctest
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest

from parity.speed import first, layers, measure, records, statistics, tables, yardsticks
from parity.speed.layers import parse


@pytest.mark.parametrize("net", layers.available())
def test_every_set_can_be_read_and_every_token_runs_the_row_again(net: str) -> None:
    chosen = layers.read(net)
    assert len({layer.case for layer in chosen}) == len(chosen)
    for layer in chosen:
        assert layer.net == net
        assert parse(layer.case.token()).case == layer.case


def test_resnet50_has_its_53_convolutions_and_its_multiply_adds() -> None:
    chosen = layers.read("resnet50")
    assert sum(layer.count for layer in chosen) == 53
    # 4.089 G for the whole net, 2048 x 1000 of them in the classifier.
    assert sum(layer.count * layer.multiply_adds for layer in chosen) == 4_087_136_256
    assert all(2 * layer.multiply_adds <= 1e6 for layer in layers.read("small"))


def test_the_sets_of_gradients_are_those_of_resnet50() -> None:
    def told(net: str) -> list[tuple[int, str, str]]:
        found = [(one.count, one.name, replace(one.case, operation="conv2d")) for one in read(net)]
        return [(count, name, case.token()) for count, name, case in found]

    read = layers.read
    assert told("backprop_filter") == told("resnet50")
    assert told("backprop_input") == told("resnet50")[1:]
    assert {one.case.operation for one in read("backprop_input")} == {"conv2d_backprop_input"}
    assert {one.case.operation for one in read("backprop_filter")} == {"conv2d_backprop_filter"}
    assert sum(one.multiply_adds for one in read("backprop_filter")) == sum(
        one.multiply_adds for one in read("resnet50")
    )


def test_the_3x3_layers_are_those_of_two_nets_and_every_layer_is_there_once() -> None:
    nets = [layer for net in ("vgg16", "resnet50") for layer in layers.read(net)]
    plain = [
        one for one in nets if (*one.case.filters_shape[:2], *one.case.strides) == (3, 3, 1, 1)
    ]
    assert [replace(one, net="3x3") for one in plain] == layers.read("3x3")
    cases = [layer.case for layer in layers.every()]
    assert len({*cases}) == len(cases)


def test_the_depthwise_layers_are_those_of_two_nets() -> None:
    own = layers.read("depthwise")
    assert sum(one.count for one in own) == 17 + 16
    groups = [one.case for one in layers.read("mobilenetv2") if one.case.filters_shape[2] == 1]
    mine = {(one.case.input_shape, one.case.strides, one.case.filters_shape[0]) for one in own}
    assert {(case.input_shape, case.strides, case.filters_shape[0]) for case in groups} < mine
    assert {one.multiply_adds for one in own} > {
        one.multiply_adds for one in layers.read("mobilenetv2") if one.case in groups
    }


@pytest.mark.parametrize(
    ("token", "match"),
    [
        ("float32 NHWC 1x5x5x3", "not a case token"),
        (
            "depthwise_conv2d float32 NHWC 1x5x5x4 w3x3x2x3 s1,1 d1,1 SAME normal:0",
            "other channels",
        ),
        ("conv3d float32 NDHWC 1x5x5x5x3 w3x3x3x2x2 s1,1,1 d1,1,1 SAME normal:0", "groups"),
        ("conv2d_transpose float32 NHWC 1x3x3x1 w4x4x1x1 s1,1 d1,1 VALID normal:0", "empty"),
        ("float32 NHWC 1x5x5x3 w3x3x2x2 s1,1 d1,1 SAME normal:0", "groups"),
        ("float32 NHWC 1x5x5x4 w3x3x2x3 s1,1 d1,1 SAME normal:0", "groups"),
        ("float32 NHWC 1x3x3x1 w4x4x1x1 s1,1 d1,1 VALID normal:0", "empty"),
        ("float32 NHWC 0x3x3x1 w2x2x1x1 s1,1 d1,1 VALID normal:0", "below 1"),
    ],
)
def test_a_wrong_token_is_refused(token: str, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        parse(token)


def test_an_unknown_set_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="resnet50"):
        layers.read("alexnet")


def test_normal_data_are_repeatable_and_tame() -> None:
    case = parse("float32 NHWC 1x9x9x8 w3x3x8x4 s1,1 d1,1 SAME normal:5").case
    (x, w), (again, _) = case.arrays(), case.arrays()
    np.testing.assert_array_equal(x, again)
    assert abs(w.std() - (2 / 72) ** 0.5) < 0.02
    assert x.dtype == w.dtype == np.float32


def test_another_dtype_and_batch_make_another_call_with_data_of_that_kind() -> None:
    layer = layers.read("small")[0]
    other = layers.altered(layer, dtype="int32", batch=3)
    x, w = other.case.arrays()
    assert x.shape == (3, *layer.case.input_shape[1:])
    assert x.dtype == w.dtype == np.int32
    assert other.multiply_adds == 3 * layer.multiply_adds
    assert layers.altered(layer) == layer


def test_layers_for_first_calls_are_drawn_alike_each_time_and_fit() -> None:
    some = first.drawn(40)
    assert some == first.drawn(40)
    assert len({layer.case for layer in some}) == 40
    assert len({layer.case.input_shape for layer in some}) > 30
    assert max(layer.multiply_adds for layer in some) <= first.MOST


@pytest.mark.parametrize("module", [layers, measure, records, statistics, tables, yardsticks])
def test_the_examples_in_the_docstrings_hold(module: ModuleType) -> None:
    found = doctest.testmod(module)
    assert found.attempted > 0
    assert found.failed == 0
