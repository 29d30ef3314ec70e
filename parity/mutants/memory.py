"""Faults of memory: how arrays lie, who owns them, and in which order their dimensions are."""

# ruff: noqa: D102 -- each method is a step that Textbook describes

from __future__ import annotations

from typing import Any

import numpy as np

from parity.model.case import Array
from parity.mutants.textbook import Arguments, Textbook


class FortranByBuffer(Textbook):
    """A Fortran-ordered array is read as its memory goes on."""

    example = "float32 NHWC 1x2x2x1 w1x1x1x1 s1,1 d1,1 VALID distinct:0 x:F w:C"

    def read(self, array: Any) -> Array:
        values = super().read(array)
        return values.ravel("K").reshape(values.shape) if values.flags.f_contiguous else values


class ReversedByBuffer(Textbook):
    """Negative strides are taken for positive ones."""

    example = "float32 NHWC 1x2x2x1 w1x1x1x1 s1,1 d1,1 VALID distinct:0 x:reversed w:C"

    def read(self, array: Any) -> Array:
        values = super().read(array)
        return np.flip(values, tuple(axis for axis, step in enumerate(values.strides) if step < 0))


class SlicedByBuffer(Textbook):
    """A slice is read from its first element on as if it were contiguous."""

    example = "float32 NHWC 1x2x2x1 w1x1x1x1 s1,1 d1,1 VALID distinct:0 x:sliced w:C"

    def read(self, array: Any) -> Array:
        values = super().read(array)
        steps = values.strides or (0,)
        if not values.size or steps[-1] != 2 * values.itemsize or min(steps) < values.itemsize:
            return values
        packed = np.empty(values.shape, values.dtype).strides
        return np.lib.stride_tricks.as_strided(values, strides=packed)


class SwappedByBuffer(Textbook):
    """Bytes in the other order are read in this machine's."""

    example = "float32 NHWC 1x1x1x1 w1x1x1x1 s1,1 d1,1 VALID distinct:0 x:swapped w:C"

    def read(self, array: Any) -> Array:
        values = np.asarray(array)
        return values.view(values.dtype.newbyteorder("="))


class InputOverwritten(Textbook):
    """The input serves as scratch: its first pixel is left changed."""

    example = "float32 NHWC 1x1x1x1 w1x1x1x1 s1,1 d1,1 VALID distinct:0"

    def accepted(self, call: Arguments) -> Arguments:
        asked = super().accepted(call)
        values = np.asarray(asked.input)
        kept = values.copy()
        if values.flags.writeable:
            values[..., :1] = 0
        return asked._replace(input=kept)


class FiltersLeftFlipped(Textbook):
    """The filters are flipped in place and not turned back."""

    example = "float32 NHWC 1x1x2x1 w1x2x1x1 s1,1 d1,1 VALID distinct:0"

    def accepted(self, call: Arguments) -> Arguments:
        asked = super().accepted(call)
        values = np.asarray(asked.filters)
        kept = values.copy()
        if values.flags.writeable:
            values[...] = kept[::-1, ::-1]
        return asked._replace(filters=kept)


class IdentityIsView(Textbook):
    """A single 1x1 filter of weight 1 gives the input itself."""

    example = "float32 NHWC 1x2x2x1 w1x1x1x1 s1,1 d1,1 VALID ones:0"

    def result(self, images: Array, kernels: Array, call: Arguments, layout: str) -> Array:
        result = super().result(images, kernels, call, layout)
        single = kernels.shape == (1, 1, 1, 1) and kernels.all()
        return images if single and np.array_equal(result, images) else result


class BufferKept(Textbook):
    """The next call of the same shape and dtype overwrites the result."""

    example = "float32 NHWC 1x1x1x1 w1x1x1x1 s1,1 d1,1 VALID distinct:0"

    def __init__(self) -> None:
        self.kept: dict[Any, Array] = {}

    def as_asked(self, result: Array, layout: str) -> Array:
        fresh = super().as_asked(result, layout)
        kept = self.kept.setdefault((fresh.shape, fresh.dtype), fresh)
        kept[...] = fresh
        return kept


class WeightsKept(Textbook):
    """Flattened filters are kept for the next call with filters of that shape and dtype."""

    example = "float32 NHWC 1x1x1x1 w1x1x1x1 s1,1 d1,1 VALID distinct:0"

    def __init__(self) -> None:
        self.kept: dict[Any, Array] = {}

    def flattened(self, kernels: Array, groups: int) -> Array:
        weights = super().flattened(kernels, groups)
        return self.kept.setdefault((kernels.shape, groups, kernels.dtype), weights)


class NchwAsNhwc(Textbook):
    """An NCHW input of as many columns as channels is read as NHWC."""

    example = "float32 NCHW 1x2x2x2 w1x1x2x2 s1,1 d1,1 VALID distinct:0"

    def channels_last(self, images: Array, layout: str) -> Array:
        alike = images.shape[-1] == images.shape[-3]
        return images if alike else super().channels_last(images, layout)


class NchwTransposed(Textbook):
    """NCHW is turned by swapping channels and columns, which transposes square images."""

    example = "float32 NCHW 1x1x2x2 w1x1x1x1 s1,1 d1,1 VALID distinct:0"

    def channels_last(self, images: Array, layout: str) -> Array:
        square = images.shape[-1] == images.shape[-2]
        if layout == "NCHW" and square:
            return images.swapaxes(-3, -1)
        return super().channels_last(images, layout)


class NchwNotTurnedBack(Textbook):
    """An NCHW result of one column keeps the order of NHWC."""

    example = "float32 NCHW 1x1x2x1 w1x1x1x2 s1,1 d1,1 VALID distinct:0"

    def as_asked(self, result: Array, layout: str) -> Array:
        asked = super().as_asked(result, layout)
        return result.reshape(asked.shape) if asked.shape[-1] == 1 else asked


class LeadsUnfoldedWrong(Textbook):
    """Leading dimensions are folded with the last fastest and unfolded with the first."""

    example = "float32 NHWC 2x2x1x1x1 w1x1x1x1 s1,1 d1,1 VALID distinct:0"

    def unfolded(self, result: Array, lead: tuple[int, ...]) -> Array:
        order = np.arange(len(result)).reshape(lead, order="F").reshape(-1)
        return super().unfolded(result[order], lead)
