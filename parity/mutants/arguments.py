"""Faults of what is taken, what is refused and how."""

# ruff: noqa: D102 -- each method is a step that Textbook describes

from __future__ import annotations

from typing import Any

import numpy as np

from parity.model.call import Call
from parity.model.case import Array
from parity.mutants.textbook import Arguments, Pair, Textbook


def written(**arguments: Any) -> Call:
    """Return a call on float32 that differs from a plain one in `arguments`."""
    plain = {
        "input": ((1, 4, 4, 2), "float32"),
        "filters": ((2, 2, 2, 2), "float32"),
        "strides": 1,
        "padding": "SAME",
        "data_format": "NHWC",
        "dilations": 1,
    }
    return Call({**plain, **arguments}, ())


class NegativePadAsZero(Textbook):
    """A negative pad is taken for 0."""

    example = written(padding=[[0, 0], [-1, 1], [0, 0], [0, 0]])

    def accepted(self, call: Arguments) -> Arguments:
        pads = call.padding
        if isinstance(pads, (list, tuple)):
            pads = [self.clipped(pair) for pair in pads]
        return super().accepted(call._replace(padding=pads))

    def clipped(self, pair: Any) -> Any:
        """Return a pair of pads without negative ones; anything else as it is."""
        plain = isinstance(pair, (list, tuple)) and all(isinstance(pad, int) for pad in pair)
        return [max(0, pad) for pad in pair] if plain else pair


class LowerCaseTaken(Textbook):
    """The padding may be written in lower case."""

    example = written(padding="same")

    def accepted(self, call: Arguments) -> Arguments:
        lower = isinstance(call.padding, str)
        return super().accepted(
            call._replace(padding=call.padding.upper() if lower else call.padding)
        )


class ZeroStrideAsOne(Textbook):
    """A stride of 0 is taken for 1."""

    example = written(strides=[0, 1])

    def accepted(self, call: Arguments) -> Arguments:
        strides = call.strides
        if isinstance(strides, (list, tuple)):
            strides = [1 if step == 0 else step for step in strides]
        return super().accepted(call._replace(strides=strides))


class StridesTruncated(Textbook):
    """Strides that are no integers are cut down to some."""

    example = written(strides=[2.5, 1])

    def accepted(self, call: Arguments) -> Arguments:
        strides = call.strides
        if isinstance(strides, (list, tuple)):
            strides = [int(step) if isinstance(step, float) else step for step in strides]
        return super().accepted(call._replace(strides=strides))


class DepthTruncated(Textbook):
    """Channels that do not fill a group are ignored."""

    example = written(input=((1, 4, 4, 3), "float32"))

    def accepted(self, call: Arguments) -> Arguments:
        images, kernels = np.asarray(call.input), np.asarray(call.filters)
        if call.data_format == "NHWC" and images.ndim >= 4 and kernels.ndim == 4:
            depth = kernels.shape[2]
            whole = images.shape[-1] // depth * depth if depth else 0
            images = images[..., : whole or None]
        return super().accepted(call._replace(input=images))


class EmptyKernelTaken(Textbook):
    """A kernel without taps gives zeros."""

    example = written(filters=((0, 2, 2, 2), "float32"))

    def accepted(self, call: Arguments) -> Arguments:
        kernels = np.asarray(call.filters)
        if kernels.ndim == 4 and 0 in kernels.shape[:2]:
            height, width, *rest = kernels.shape
            kernels = np.zeros((max(1, height), max(1, width), *rest), kernels.dtype)
        return super().accepted(call._replace(filters=kernels))


class KeyErrorForFormat(Textbook):
    """An unknown data_format is looked up in a table: KeyError."""

    example = written(data_format="nhwc")

    def accepted(self, call: Arguments) -> Arguments:
        if isinstance(call.data_format, str):
            {"NHWC": 3, "NCHW": 1}[call.data_format]
        return super().accepted(call)


class IndexErrorForRank(Textbook):
    """An input of less than four dimensions is found out by an IndexError."""

    example = written(input=((4, 4, 2), "float32"))

    def accepted(self, call: Arguments) -> Arguments:
        np.asarray(call.input).shape[3]
        return super().accepted(call)


class TypeErrorForPads(Textbook):
    """Pads of the wrong number are a TypeError."""

    example = written(padding=[[0, 0], [1, 1], [1, 1]])

    def accepted(self, call: Arguments) -> Arguments:
        if isinstance(call.padding, list):
            try:
                _, _, _, _ = call.padding
            except ValueError as error:
                raise TypeError("four pads") from error
        return super().accepted(call)


class SingleDilationIgnored(Textbook):
    """A dilation written as a single integer is ignored."""

    example = written(dilations=2)

    def dilations(self, value: Any, layout: str) -> Pair:
        return (1, 1) if isinstance(value, int) else super().dilations(value, layout)


class PromotedResult(Textbook):
    """Wider filters give a wider result."""

    example = written(filters=((2, 2, 2, 2), "float64"))

    def result(self, images: Array, kernels: Array, call: Arguments, layout: str) -> Array:
        wider = np.promote_types(images.dtype, kernels.dtype)
        return super().result(images.astype(wider), kernels, call, layout)


class Refuses(Textbook):
    """Refuses some valid calls."""

    def result(self, images: Array, kernels: Array, call: Arguments, layout: str) -> Array:
        if self.refused(images, kernels, call, layout):
            raise ValueError("not supported")
        return super().result(images, kernels, call, layout)

    def refused(self, images: Array, kernels: Array, call: Arguments, layout: str) -> bool:
        """Say whether this call is refused."""
        raise NotImplementedError


class StrideBeyondKernelRefused(Refuses):
    """A stride larger than the kernel is refused."""

    example = "float32 NHWC 1x3x3x1 w1x1x1x1 s2,1 d1,1 VALID distinct:0"

    def refused(self, images: Array, kernels: Array, call: Arguments, layout: str) -> bool:
        strides = self.strides(call.strides, layout)
        return any(stride > size for stride, size in zip(strides, kernels.shape[:2], strict=True))


class DilationWithStrideRefused(Refuses):
    """Dilation together with a stride is refused."""

    example = "float32 NHWC 1x5x5x1 w2x2x1x1 s2,1 d2,1 SAME distinct:0"

    def refused(self, images: Array, kernels: Array, call: Arguments, layout: str) -> bool:
        strides = self.strides(call.strides, layout)
        return max(strides) > 1 and max(self.dilations(call.dilations, layout)) > 1


class GroupsInNchwRefused(Refuses):
    """Groups in NCHW are refused."""

    example = "float32 NCHW 1x2x1x1 w1x1x1x2 s1,1 d1,1 VALID distinct:0"

    def refused(self, images: Array, kernels: Array, call: Arguments, layout: str) -> bool:
        return layout == "NCHW" and images.shape[-1] > kernels.shape[2]


class LongKernelRefused(Refuses):
    """A kernel longer than the padded image is refused, also where the result is empty."""

    example = "float32 NHWC 1x1x1x1 w2x1x1x1 s1,1 d1,1 VALID distinct:0"

    def refused(self, images: Array, kernels: Array, call: Arguments, layout: str) -> bool:
        dilations = self.dilations(call.dilations, layout)
        pads = self.pads(call.padding, layout)
        for size, kernel, dilation, both in zip(
            images.shape[-3:-1], kernels.shape[:2], dilations, pads, strict=True
        ):
            if not isinstance(both, str) and sum(both) + size < self.reach(kernel, dilation):
                return True
        return False


class ReadOnlyRefused(Textbook):
    """A read-only input is refused."""

    example = "float32 NHWC 1x1x1x1 w1x1x1x1 s1,1 d1,1 VALID distinct:0 x:readonly w:C"

    def accepted(self, call: Arguments) -> Arguments:
        if not np.asarray(call.input).flags.writeable:
            raise ValueError("buffer source array is read-only")
        return super().accepted(call)
