"""Faults of what lies outside the image: padding that is no row of zeros."""

# ruff: noqa: D102 -- each method is a step that Textbook describes

from __future__ import annotations

import numpy as np

from parity.model.case import Array
from parity.mutants.textbook import Axis, Textbook


def leftover(shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> Array:
    """Return what np.empty may hold; it often holds zeros, which would hide the fault."""
    held = np.frombuffer(b"\x5a" * dtype.itemsize, dtype)
    return np.broadcast_to(held, shape).copy()


class EdgePadding(Textbook):
    """Padding repeats the pixels at the edge."""

    example = "float32 NHWC 1x2x2x1 w2x2x1x1 s1,1 d1,1 SAME distinct:0"

    def outside(self, pixels: Array, size: int) -> Array:
        return np.zeros(pixels.shape, bool)


class ReflectPadding(EdgePadding):
    """Padding mirrors the pixels at the edge."""

    def pixels(self, axis: Axis) -> Array:
        period = max(1, 2 * axis.size - 2)
        place = super().pixels(axis) % period
        mirrored: Array = np.minimum(place, period - place)
        return mirrored


class WrapPadding(EdgePadding):
    """Padding continues with the pixels of the opposite edge."""

    def pixels(self, axis: Axis) -> Array:
        return super().pixels(axis) % axis.size


class PaddingSkipped(Textbook):
    """Taps over padding are not multiplied, so that an infinite one has no effect."""

    example = "float32 NHWC 1x1x1x1 w3x3x1x8 s1,1 d1,1 SAME special:2"

    def convolve(self, images: Array, kernels: Array, rows: Axis, columns: Axis) -> Array:
        plain = super().convolve(images, kernels, rows, columns)
        if images.dtype.kind == "i":
            return plain
        strange = (~np.isfinite(kernels)).astype(images.dtype)
        calm = super().convolve(images, np.where(strange, 0, kernels), rows, columns)
        inside = super().convolve(np.ones_like(images), strange, rows, columns)
        return np.where(inside < strange.sum((0, 1, 2)), calm, plain)


class WindowInPaddingLeft(Textbook):
    """Outputs whose window lies wholly in padding are never written."""

    example = "float32 NHWC 1x1x1x1 w1x1x1x1 s1,1 d1,1 1,0,0,0 distinct:0"

    def convolve(self, images: Array, kernels: Array, rows: Axis, columns: Axis) -> Array:
        result = super().convolve(images, kernels, rows, columns)
        down = np.all(self.outside(self.pixels(rows), rows.size), axis=1)
        across = np.all(self.outside(self.pixels(columns), columns.size), axis=1)
        result[:, down] = leftover(result[:, down].shape, result.dtype)
        result[:, :, across] = leftover(result[:, :, across].shape, result.dtype)
        return result


class ZeroChannelsLeft(Textbook):
    """The sums over no channels are never written."""

    example = "float32 NHWC 1x1x1x0 w1x1x1x1 s1,1 d1,1 VALID distinct:0"

    def nothing(self, images: Array, kernels: Array, shape: tuple[int, ...]) -> Array:
        if images.shape[-1]:
            return super().nothing(images, kernels, shape)
        return leftover(shape, images.dtype)


class NoPixelsMultiplied(Textbook):
    """Over an image without pixels the padding is multiplied: an infinite tap gives NaN."""

    example = "float32 NHWC 1x0x1x1 w3x3x1x8 s1,1 d1,1 1,2,1,1 special:0"

    def nothing(self, images: Array, kernels: Array, shape: tuple[int, ...]) -> Array:
        result = super().nothing(images, kernels, shape)
        if images.shape[-1]:
            result = result + (0 * kernels).sum((0, 1, 2), images.dtype)
        return result


class EmptyOfInputShape(Textbook):
    """An empty result has the shape of the input."""

    example = "float32 NHWC 0x3x3x1 w2x2x1x1 s1,1 d1,1 VALID distinct:0"

    def nothing(self, images: Array, kernels: Array, shape: tuple[int, ...]) -> Array:
        return super().nothing(images, kernels, images.shape if 0 in shape else shape)


class EmptyOfDouble(Textbook):
    """An empty result has NumPy's default dtype."""

    example = "float32 NHWC 0x1x1x1 w1x1x1x1 s1,1 d1,1 VALID distinct:0"

    def nothing(self, images: Array, kernels: Array, shape: tuple[int, ...]) -> Array:
        return np.zeros(shape) if 0 in shape else super().nothing(images, kernels, shape)
