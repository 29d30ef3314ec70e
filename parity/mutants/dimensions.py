"""Faults of the order in which the dimensions of arrays lie."""

from __future__ import annotations

import numpy as np

from parity.model.case import Array
from parity.mutants.mutant import misread, slip
from parity.mutants.textbook import RIGHT, Layer


@misread("channels_last", "float32 NHWC 1x1x2x2 w1x1x2x1 s1,1 d1,1 VALID distinct:0")
def nhwc_input_reshaped(images: Array, layout: str) -> Array:
    """An NHWC input is reshaped to channels first, not transposed."""
    return RIGHT.channels_last(images, layout) if layout == "NCHW" else _reshaped(images, layout)


@misread("channels_last", "float32 NCHW 1x2x1x2 w1x1x2x1 s1,1 d1,1 VALID distinct:0")
def nchw_input_reshaped(images: Array, layout: str) -> Array:
    """An NCHW input is reshaped to channels last, not transposed."""
    return _reshaped(images, layout) if layout == "NCHW" else images


@misread("as_asked", "float32 NHWC 1x1x2x1 w1x1x1x2 s1,1 d1,1 VALID distinct:0")
def nhwc_result_reshaped(result: Array, layout: str) -> Array:
    """An NHWC result is computed with channels first and reshaped, not transposed."""
    if layout == "NCHW":
        return RIGHT.as_asked(result, layout)
    return np.ascontiguousarray(np.moveaxis(result, -1, -3)).reshape(result.shape)


@misread("as_asked", "float32 NCHW 1x1x1x2 w1x1x1x2 s1,1 d1,1 VALID distinct:0")
def nchw_result_reshaped(result: Array, layout: str) -> Array:
    """An NCHW result is computed with channels last and reshaped, not transposed."""
    return result.reshape(RIGHT.as_asked(result, layout).shape)


def _reshaped(images: Array, layout: str) -> Array:
    """Return the images with channels last, their memory read in the other format's order."""
    *lead, one, two, three = images.shape
    if layout == "NCHW":
        return images.reshape(*lead, two, three, one)
    return np.moveaxis(images.reshape(*lead, three, one, two), -3, -1)


@slip("channels_last", "float32 NCHW 1x2x2x2 w1x1x2x2 s1,1 d1,1 VALID distinct:0")
def nchw_as_nhwc(images: Array, layout: str) -> Array:
    """An NCHW input of as many columns as channels is read as NHWC."""
    alike = images.shape[-1] == images.shape[-3]
    return images if alike else RIGHT.channels_last(images, layout)


@misread("channels_last", "float32 NCHW 1x1x2x2 w1x1x1x1 s1,1 d1,1 VALID distinct:0")
def nchw_transposed(images: Array, layout: str) -> Array:
    """NCHW is turned by swapping channels and columns, which transposes square images."""
    square = images.shape[-1] == images.shape[-2]
    if layout == "NCHW" and square:
        return images.swapaxes(-3, -1)
    return RIGHT.channels_last(images, layout)


@slip("as_asked", "float32 NCHW 1x1x2x1 w1x1x1x2 s1,1 d1,1 VALID distinct:0")
def nchw_not_turned_back(result: Array, layout: str) -> Array:
    """An NCHW result of one column keeps the order of NHWC."""
    asked = RIGHT.as_asked(result, layout)
    return result.reshape(asked.shape) if asked.shape[-1] == 1 else asked


@misread("outputs", "float32 NHWC 2x1x2x1 w1x1x1x1 s1,1 d1,1 VALID distinct:0")
def batch_innermost(result: Array, layer: Layer) -> Array:
    """Outputs are computed pixel by pixel, then image by image, and not sorted back."""
    return np.ascontiguousarray(result.transpose(1, 2, 0, 3)).reshape(result.shape)


@misread("outputs", "float32 NHWC 1x2x3x1 w1x1x1x1 s1,1 d1,1 VALID distinct:0")
def outputs_by_columns(result: Array, layer: Layer) -> Array:
    """Outputs are computed column by column and not sorted back."""
    return np.ascontiguousarray(result.swapaxes(1, 2)).reshape(result.shape)


@misread("unfolded", "float32 NHWC 2x2x1x1x1 w1x1x1x1 s1,1 d1,1 VALID distinct:0")
def leads_unfolded_wrong(result: Array, lead: tuple[int, ...]) -> Array:
    """Leading dimensions are folded with the last fastest and unfolded with the first."""
    order = np.arange(len(result)).reshape(lead, order="F").reshape(-1)
    return RIGHT.unfolded(result[order], lead)
