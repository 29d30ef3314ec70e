"""Two models from end to end, run by the backend that KERAS_BACKEND names.

``python -m parity.tests.clients.models FILE`` writes what they give.  Once for integers, whose
sums and quarters are exact, ReLU6 keeping them small.  And once for positive numbers: no sum
cancels, ReLU6 has nothing to cut, so that a relative error grows by the roundings it meets alone.
"""

from __future__ import annotations

import math
import os
import sys
import zlib
from typing import Any

import numpy as np

if os.environ["KERAS_BACKEND"] == "numpy":
    import parity.clients.keras_numpy  # noqa: F401 - before Keras
import keras
from keras import layers

from parity.tests.clients.layers import Array


def unet() -> Any:
    """Return a U-Net of every kind of layer, poolings and transposes among them."""
    image = layers.Input((32, 32, 3))
    first = layers.Conv2D(8, 3, padding="same", activation="relu6")(image)
    x = layers.MaxPooling2D(3, 2, padding="same")(first)
    x = layers.SeparableConv2D(12, 3, padding="same", use_bias=False)(x)
    second = layers.ReLU(6)(layers.BatchNormalization()(x))
    x = layers.AveragePooling2D(2)(second)
    x = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2, dilation_rate=2)(x)
    x = layers.Conv2D(16, 3, padding="same", groups=4, activation="relu6")(layers.ReLU(6)(x))
    for filters, kernel, skip in ((12, 3, second), (8, 2, first)):
        x = layers.Conv2DTranspose(filters, kernel, 2, padding="same", activation="relu6")(x)
        x = layers.Conv2D(8, 3, padding="same", activation="relu6")(layers.Concatenate()([x, skip]))
    return keras.Model(image, layers.Conv2D(2, 1)(x), name="unet")


def mobilenet() -> Any:
    """Return Keras's MobileNet, a quarter as wide."""
    options = {"weights": None, "classes": 10, "classifier_activation": None, "name": "mobilenet"}
    return keras.applications.MobileNet((64, 64, 3), alpha=0.25, **options)


def summed(layer: Any, weight: Any) -> int:
    """Return how many numbers a weight of kernels adds up to one output; 0 for other weights."""
    shape, name = tuple(weight.shape), f"{type(layer).__name__} {weight.name}".lower()
    if len(shape) < 4:
        return 0
    if "depthwise" in name:
        return math.prod(shape[:2])
    taps: int = math.prod(shape[:2]) * shape[3 if "transpose" in name else 2]
    return taps


def value(layer: Any, weight: Any, kind: str, rng: np.random.Generator) -> Array:
    """Draw a weight: a root of a variance that is 1; or taps that sum up to 1 at most."""
    shape, name, taps = tuple(weight.shape), weight.name, summed(layer, weight)
    positive: Array = rng.uniform(0.5, 1, shape)
    if kind == "integers":
        fixed = {"gamma": 1, "moving_variance": 1 - getattr(layer, "epsilon", 0)}
        return np.full(shape, fixed[name]) if name in fixed else rng.integers(-1, 2, shape)
    if taps or name == "gamma":
        return positive / (taps or 1)
    return {"moving_variance": 1 + positive, "moving_mean": -positive / 20}.get(name, positive / 20)


def main(file: str) -> None:
    """Write each model's results, and how many roundings a number meets on its way at most."""
    found: dict[str, Any] = {}
    for model in (mobilenet(), unet()):
        kernels = [summed(layer, one) + 1 for layer in model.layers for one in layer.weights]
        # Ten are enough for a normalisation (root, quotient, products, sums) or a pooling of 4.
        found[f"{model.name} roundings"] = sum(kernels) + 10 * len(model.layers)
        for kind in ("integers", "positive"):
            rng = np.random.default_rng(zlib.crc32(kind.encode()))
            for layer in model.layers:
                layer.set_weights([value(layer, one, kind, rng) for one in layer.weights])
            shape = (4, *model.input_shape[1:])
            x = rng.integers(-4, 5, shape) if kind == "integers" else rng.uniform(0, 1, shape)
            found[f"{model.name} {kind}"] = np.asarray(model(x.astype(np.float32)))
    np.savez(file, allow_pickle=False, **found)


if __name__ == "__main__":
    main(sys.argv[1])
