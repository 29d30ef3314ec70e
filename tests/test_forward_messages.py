"""What the forward family refuses: messages, `out`, and what was probably meant."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from builders import corrected, proposed

import npconv


def zeros(*shape, dtype="float32"):
    return np.zeros(shape, dtype)


X1, W1 = zeros(2, 8, 3), zeros(3, 3, 4)
X2, W2 = zeros(2, 8, 8, 3), zeros(3, 3, 3, 4)
X3, W3 = zeros(2, 8, 8, 8, 3), zeros(3, 3, 3, 3, 4)
P2 = zeros(1, 1, 12, 5)
REFUSED = [
    ("conv1d", (X1, W1, [1, 1], "SAME"), "stride: expected an integer or a sequence of 1 or 3"),
    ("conv1d", (X1, W1, 1, "CAUSAL"), "'SAME', 'VALID' or [[0, 0], [left, right], [0, 0]] (in"),
    ("conv1d", (X1, W1, [2, 1, 1], "SAME"), "1 along batch and channels (data_format='NWC')"),
    ("conv1d", (X1, W1, 1, "SAME", "NHW"), "expected the string 'NWC' or 'NCW', received 'NHW'"),
    ("conv1d", (X1, W2, 1, "SAME"), "three dimensions (width, in_channels, out_channels), re"),
    ("conv1d", (zeros(1, 2, 3), W1, 1, [[0, 0]] * 2), "expected three pairs [[0, 0], [left,"),
    ("conv3d", (X2, W3, 1, "SAME"), "input: expected at least five dimensions (N, D, H, W, C), re"),
    ("conv3d", (X3, W3, [1, 2, 2, 1], "SAME"), "a sequence of 1, 3 or 5 integers, received 4"),
    ("conv3d", (X3, zeros(10, 3, 3, 3, 4), 1, "VALID"), "does not fit: along the depth, 10 taps"),
    ("convolution", (X2, zeros(3, 3)), "filters: expected three, four or five dimensions (*ker"),
    ("convolution", (X2, W2, 1, "SAME", "NWC"), "data_format: expected the string 'NHWC' or"),
    ("atrous_conv2d", (X2, W2, 2.5, "SAME"), "rate: expected an integer or a sequence of 1, 2 or"),
    ("atrous_conv2d", (X2[0], W2, 2, "SAME"), "value: expected at least four dimensions (N, H,"),
    ("atrous_conv2d", (X2, zeros(3, 3, 2, 4), 2, "SAME"), ("filters: in_channels must divide the "
     "value's 3 channels, received 2 (value (2, 8, 8, 3), filters (3, 3, 2, 4))")),
    ("depthwise_conv2d", (X2, W1, 1, "SAME"), ("filter: expected four dimensions (height, width, "
     "in_channels, multiplier), received shape (3, 3, 4)")),
    ("depthwise_conv2d", (zeros(2, 8, 8, 4), zeros(3, 3, 2, 4), 1, "SAME"), ("filter: in_channels "
     "must be the input's 4 channels, received 2 (input (2, 8, 8, 4), filter (3, 3, 2, 4)), of "
     "which conv2d makes 2 groups")),
    ("separable_conv2d", (X2, W2, P2[0], 1, "SAME"), "pointwise_filter: expected shape (1, 1, in"),
    ("separable_conv2d", (X2, W2, zeros(2, 1, 12, 5), 1, "SAME"), "received shape (2, 1, 12, 5)"),
    ("separable_conv2d", (X2, W2, zeros(1, 1, 5, 5), 1, "SAME"), ("pointwise_filter: in_channels "
     "must divide the depthwise result's 12 channels, received 5")),
    ("separable_conv2d", (X2, W2, P2.astype("f8"), 1, "SAME"), "pointwise_filter: expected dtype"),
    ("separable_conv2d", (X2, W1, P2, 1, "SAME"), "depthwise_filter: expected four dimensions"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments", "message"), REFUSED)
def test_messages_name_argument_received_and_allowed(name, arguments, message):
    with pytest.raises((TypeError, ValueError), match=re.escape(message)):
        getattr(npconv, name)(*arguments)


OUTS = {
    "conv1d": (X1, W1, 1, "SAME"),
    "conv3d": (X3, W3, 1, "SAME"),
    "convolution": (X2, W2, 1, "SAME"),
    "atrous_conv2d": (X2, W2, 1, "SAME"),
    "depthwise_conv2d": (X2, W2, 1, "SAME"),
    "separable_conv2d": (X2, W2, P2, 1, "SAME"),
}


@pytest.mark.parametrize("name", OUTS)
def test_out_must_fit_and_have_memory_of_its_own(name):
    function, arguments = getattr(npconv, name), list(OUTS[name])
    shape = function(*arguments).shape
    with pytest.raises(ValueError, match=re.escape(f"out: expected shape {shape}, received (1,)")):
        function(*arguments, out=zeros(1))
    with pytest.raises(TypeError, match="out: expected dtype float32, received float64"):
        function(*arguments, out=zeros(*shape, dtype="float64"))
    for index in range(3 if name == "separable_conv2d" else 2):
        memory = zeros(math.prod(shape) + arguments[index].size)
        shared = list(arguments)
        shared[index] = memory[: arguments[index].size].reshape(arguments[index].shape)
        with pytest.raises(ValueError, match=r"out: expected memory of its own, received .* of \w"):
            function(*shared, out=memory[: math.prod(shape)].reshape(shape))


MEANT = [
    ("conv1d", {"input": X1, "filters": W1, "strides": 2, "padding": "same"},
     "stride=2, padding='SAME'"),
    ("conv1d", {"input": X1, "filters": W1, "stride": 2, "padding": 1}, "[[0, 0], [1, 1], [0, 0]]"),
    ("conv1d", {"input": zeros(2, 3, 16), "filters": W1, "stride": 1, "padding": "same",
                "data_format": "channels_first"}, "padding='SAME', data_format='NCW'"),
    ("conv1d", {"input": zeros(2, 9, 32), "filters": zeros(64, 32, 3), "stride": 1,
                "padding": "VALID"}, "filters.transpose(2, 1, 0)"),
    ("conv3d", {"input": X3, "filters": zeros(4, 3, 5, 5, 5), "strides": 1, "padding": "SAME"},
     "filters.transpose(2, 3, 4, 1, 0)"),
    ("conv3d", {"input": X3, "filters": W3, "strides": 1, "padding": (1, 0, 2)},
     "[[0, 0], [1, 1], [0, 0], [2, 2], [0, 0]]"),
    ("conv3d", {"input": X3, "filters": W3, "strides": 1, "padding": "edge"},
     "np.pad(input, [[0, 0], [1, 1], [1, 1], [1, 1], [0, 0]], 'edge'), padding='VALID'"),
    ("convolution", {"input": X2, "filters": W2, "stride": 2}, "strides=2"),
    ("convolution", {"input": X2[0], "filters": W2, "padding": "same"},
     "input[np.newaxis], padding='SAME'"),
    ("atrous_conv2d", {"input": X2, "filters": W2, "dilations": 2, "padding": "SAME"},
     "value, rate=2"),
    ("atrous_conv2d", {"value": zeros(2, 3, 16, 16), "filters": W2, "rate": 2, "padding": "SAME"},
     None),  # it has no data_format
    ("depthwise_conv2d", {"input": X2, "filters": W2, "stride": 1, "padding": "SAME"},
     "filter, strides=1"),
    ("depthwise_conv2d", {"input": X2, "filter": zeros(3, 3, 1, 12), "strides": 1,
                          "padding": "SAME"}, "filter.reshape(3, 3, 3, 4)"),
    ("depthwise_conv2d", {"input": X2, "filter": zeros(6, 1, 5, 5), "strides": 1,
                          "padding": "SAME"}, "filter.transpose(2, 3, 1, 0).reshape(5, 5, 3, 2)"),
    ("depthwise_conv2d", {"input": X2.tolist(), "filter": W2, "strides": 1, "padding": "same"},
     "'SAME'"),
    ("depthwise_conv2d", {"input": X2.astype("f8"), "filter": W2, "strides": 1, "padding": "SAME"},
     "input.astype('float32')"),
    ("depthwise_conv2d", {"input": X2, "filter": zeros(3, 3, 4, 4), "strides": 1,
                          "padding": "SAME"}, None),
    ("separable_conv2d", {"input": X2, "depthwise_filter": W2, "pointwise_filter": P2,
                          "strides": 1, "padding": "same"}, "'SAME'"),
    ("separable_conv2d", {"input": X2, "depthwise_kernel": W2, "pointwise_filter": P2,
                          "strides": 1, "padding": "SAME"}, "depthwise_filter"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "call", "hint"), MEANT)
def test_what_was_probably_meant(name, call, hint):
    with pytest.raises((TypeError, ValueError)) as caught:
        getattr(npconv, name)(**call)
    message = str(caught.value)
    assert proposed(message) == hint
    if hint:
        getattr(npconv, name)(**corrected(getattr(npconv, name), call, message))


@pytest.mark.parametrize("name", OUTS)
def test_missing_arguments_are_named(name):
    if name == "convolution":
        with pytest.raises(TypeError, match="missing a required argument: 'filters'"):
            npconv.convolution(X2)
    else:
        with pytest.raises(TypeError, match="missing a required argument: 'padding'"):
            getattr(npconv, name)(*OUTS[name][:-1])
