"""Random calls of every function of the family, small enough for the naive loops."""

from __future__ import annotations

import numpy as np
from builders import DTYPES, integers

from npconv import reference

FORWARD = [
    "atrous_conv2d",
    "conv1d",
    "conv2d",
    "conv3d",
    "convolution",
    "depthwise_conv2d",
    "separable_conv2d",
]
GRADIENTS = {  # and the function whose gradient each is
    "atrous_conv2d_transpose": "atrous_conv2d",
    "conv1d_transpose": "conv1d",
    "conv2d_transpose": "conv2d",
    "conv3d_transpose": "conv3d",
    "conv2d_backprop_filter": "conv2d",
    "conv2d_backprop_input": "conv2d",
    "conv3d_backprop_filter": "conv3d",
    "conv3d_backprop_input": "conv3d",
    "depthwise_conv2d_backprop_filter": "depthwise_conv2d",
    "depthwise_conv2d_backprop_input": "depthwise_conv2d",
}


def random_call(name, dtype, seed):
    """Return arguments, by position and by name, that are accepted and exact in any order."""
    rng = np.random.default_rng(seed)
    forward = GRADIENTS.get(name, name)
    depthwise = forward.startswith(("depthwise", "separable"))
    axes = {"conv1d": 1, "conv3d": 3, "convolution": int(rng.integers(1, 4))}.get(forward, 2)
    padding = ["SAME", "VALID", "pairs"][rng.integers(3)]
    kernel, dilations, strides = rng.integers(1, 4, (3, axes))
    if forward.startswith("atrous"):
        strides[:] = 1
    pads = rng.integers(0, 3, (axes, 2)) * (padding == "pairs")
    least = (kernel - 1) * dilations + 1 - pads.sum(1)
    if rng.random() < 0.2 and not depthwise:  # a kernel may be that much too large
        least -= 2 * strides - 1
    sizes = np.maximum(least * (padding != "SAME"), rng.random() < 0.9) + rng.integers(0, 4, axes)
    groups, depth, each = rng.integers(1, [4, 3, 3])
    channels = groups * depth
    filters = (*kernel, channels, each) if depthwise else (*kernel, depth, groups * each)
    folds = 1 if name in GRADIENTS else rng.integers(1, 3)
    images = (*rng.integers(1, 3, folds), *sizes, channels)
    first = rng.random() < 0.3 and not forward.startswith("atrous")

    def ordered(values, other):
        return [other, other, *values] if first else [other, *values, other]

    def steps(values):
        forms = [ordered(values.tolist(), 1), tuple(values.tolist()), values]
        return forms[rng.integers(3)]

    def array(shape, seed):
        wide = 2**31 - 1 if dtype == "int32" else 3
        return integers(shape, dtype, seed, wide)

    padding = ordered(pads.tolist(), [0, 0]) if padding == "pairs" else padding
    attributes = {"rate": steps(dilations), "padding": padding}
    if not forward.startswith("atrous"):
        layout = {1: "NCW", 2: "NCHW", 3: "NCDHW"}[axes] if first else None
        attributes = {"strides": steps(strides), "padding": padding, "data_format": layout}
        attributes["dilations"] = steps(dilations)
    x, w = array(images, seed), array(filters, seed + 1)
    x = np.ascontiguousarray(np.moveaxis(x, -1, -1 - axes)) if first else x
    if name == "separable_conv2d":
        return (x, w, array((1, 1, channels * each, 2), seed + 2), *attributes.values()), {}
    call = x, w, *attributes.values()
    if name not in GRADIENTS:
        return call, {}
    y = array(getattr(reference, forward)(*call).shape, seed + 2)
    if name.endswith("transpose"):
        return (y, w, x.shape), attributes
    return ((x.shape, w, y) if name.endswith("input") else (x, w.shape, y)), attributes


def floats(name, dtype, seed):
    """A random call of an operation, its integers made floats over several magnitudes."""
    arguments, named = random_call(name, "float64", seed)
    rng = np.random.default_rng(seed)
    most = 2 if dtype == "float16" else 6

    def drawn(value):
        if not isinstance(value, np.ndarray) or value.dtype != np.float64:
            return value
        scale = np.exp2(rng.integers(-most, most, value.shape))
        return ((value + rng.uniform(-1, 1, value.shape)) * scale).astype(DTYPES[dtype])

    return [*map(drawn, arguments)], named
