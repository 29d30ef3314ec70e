"""Faults of what lies outside the image: padding that is no row of zeros."""

from __future__ import annotations

import numpy as np

from parity.model.case import Array
from parity.mutants.book import Axis, outside
from parity.mutants.mutant import misread, slip
from parity.mutants.textbook import RIGHT, Layer

PADDED = "float32 NHWC 1x2x2x1 w2x2x1x1 s1,1 d1,1 SAME distinct:0"


def leftover(shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> Array:
    """Return what np.empty may hold; it often holds zeros, which would hide the fault."""
    held = np.frombuffer(b"\x5a" * dtype.itemsize, dtype)
    return np.broadcast_to(held, shape).copy()


@misread("pixels", PADDED)
def edge_padding(axis: Axis) -> Array:
    """Padding repeats the pixels at the edge."""
    return RIGHT.pixels(axis).clip(0, axis.size - 1)


@misread("pixels", PADDED)
def reflect_padding(axis: Axis) -> Array:
    """Padding mirrors the pixels at the edge."""
    period = max(1, 2 * axis.size - 2)
    place = RIGHT.pixels(axis) % period
    mirrored: Array = np.minimum(place, period - place)
    return mirrored


@misread("pixels", PADDED)
def wrap_padding(axis: Axis) -> Array:
    """Padding continues with the pixels of the opposite edge."""
    return RIGHT.pixels(axis) % axis.size


@misread("convolve", "float32 NHWC 1x1x1x1 w3x3x1x8 s1,1 d1,1 SAME special:2")
def padding_skipped(layer: Layer) -> Array:
    """Taps over padding are not multiplied, so that an infinite one has no effect."""
    plain, kernels = RIGHT.convolve(layer), layer.kernels
    if plain.dtype.kind == "i":
        return plain
    strange = (~np.isfinite(kernels)).astype(plain.dtype)
    calm = RIGHT.convolve(layer._replace(kernels=np.where(strange, 0, kernels)))
    ones = np.ones_like(layer.images)
    inside = RIGHT.convolve(layer._replace(images=ones, kernels=strange))
    return np.where(inside < strange.sum((0, 1, 2)), calm, plain)


@slip("outputs", "float32 NHWC 1x1x1x1 w1x1x1x1 s1,1 d1,1 1,0,0,0 distinct:0")
def window_in_padding_left(result: Array, layer: Layer) -> Array:
    """Outputs whose window lies wholly in padding are never written."""
    down, across = (
        np.all(outside(RIGHT.pixels(axis), axis.size), axis=1)
        for axis in (layer.rows, layer.columns)
    )
    result[:, down] = leftover(result[:, down].shape, result.dtype)
    result[:, :, across] = leftover(result[:, :, across].shape, result.dtype)
    return result


@slip("nothing", "float32 NHWC 1x1x1x0 w1x1x1x1 s1,1 d1,1 VALID distinct:0")
def zero_channels_left(images: Array, kernels: Array, shape: tuple[int, ...]) -> Array:
    """The sums over no channels are never written."""
    if images.shape[-1]:
        return RIGHT.nothing(images, kernels, shape)
    return leftover(shape, images.dtype)


@slip("nothing", "float32 NHWC 1x0x1x1 w3x3x1x8 s1,1 d1,1 1,2,1,1 special:0")
def no_pixels_multiplied(images: Array, kernels: Array, shape: tuple[int, ...]) -> Array:
    """Over an image without pixels the padding is multiplied: an infinite tap gives NaN."""
    result = RIGHT.nothing(images, kernels, shape)
    if images.shape[-1]:
        result = result + (0 * kernels).sum((0, 1, 2), images.dtype)
    return result


@slip("nothing", "float32 NHWC 0x3x3x1 w2x2x1x1 s1,1 d1,1 VALID distinct:0")
def empty_of_input_shape(images: Array, kernels: Array, shape: tuple[int, ...]) -> Array:
    """An empty result has the shape of the input."""
    return RIGHT.nothing(images, kernels, images.shape if 0 in shape else shape)


@slip("nothing", "float32 NHWC 0x1x1x1 w1x1x1x1 s1,1 d1,1 VALID distinct:0")
def empty_of_double(images: Array, kernels: Array, shape: tuple[int, ...]) -> Array:
    """An empty result has NumPy's default dtype."""
    return np.zeros(shape) if 0 in shape else RIGHT.nothing(images, kernels, shape)
