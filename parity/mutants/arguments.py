"""Faults of what is taken, what is refused and how."""

from __future__ import annotations

from typing import Any

import numpy as np

from parity.model.call import Call
from parity.model.case import Array
from parity.mutants.book import Steps
from parity.mutants.mutant import slip
from parity.mutants.textbook import RIGHT, Arguments


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
    return Call({**plain, **arguments})


@slip("taken", written(padding=[[0, 0], [-1, 1], [0, 0], [0, 0]]))
def negative_pad_as_zero(call: Arguments) -> Arguments:
    """A negative pad is taken for 0."""
    pads = call.padding
    if isinstance(pads, (list, tuple)):
        pads = [_clipped(pair) for pair in pads]
    return call._replace(padding=pads)


def _clipped(pair: Any) -> Any:
    """Return a pair of pads without negative ones; anything else as it is."""
    plain = isinstance(pair, (list, tuple)) and all(isinstance(pad, int) for pad in pair)
    return [max(0, pad) for pad in pair] if plain else pair


@slip("taken", written(padding="same"))
def lower_case_taken(call: Arguments) -> Arguments:
    """The padding may be written in lower case."""
    padding = call.padding
    return call._replace(padding=padding.upper() if isinstance(padding, str) else padding)


@slip("taken", written(strides=[0, 1]))
def zero_stride_as_one(call: Arguments) -> Arguments:
    """A stride of 0 is taken for 1."""
    strides = call.strides
    if isinstance(strides, (list, tuple)):
        strides = [1 if step == 0 else step for step in strides]
    return call._replace(strides=strides)


@slip("taken", written(strides=[2.5, 1]))
def strides_truncated(call: Arguments) -> Arguments:
    """Strides that are no integers are cut down to some."""
    strides = call.strides
    if isinstance(strides, (list, tuple)):
        strides = [int(step) if isinstance(step, float) else step for step in strides]
    return call._replace(strides=strides)


@slip("taken", written(input=((1, 4, 4, 3), "float32")))
def depth_truncated(call: Arguments) -> Arguments:
    """Channels that do not fill a group are ignored."""
    images, kernels = np.asarray(call.input), np.asarray(call.filters)
    if call.data_format == "NHWC" and images.ndim >= 4 and kernels.ndim == 4:
        depth = kernels.shape[2]
        whole = images.shape[-1] // depth * depth if depth else 0
        images = images[..., : whole or None]
    return call._replace(input=images)


@slip("taken", written(filters=((0, 2, 2, 2), "float32")))
def empty_kernel_taken(call: Arguments) -> Arguments:
    """A kernel without taps gives zeros."""
    kernels = np.asarray(call.filters)
    if kernels.ndim == 4 and 0 in kernels.shape[:2]:
        height, width, *rest = kernels.shape
        kernels = np.zeros((max(1, height), max(1, width), *rest), kernels.dtype)
    return call._replace(filters=kernels)


@slip("taken", written(data_format="nhwc"))
def key_error_for_format(call: Arguments) -> Arguments:
    """An unknown data_format is looked up in a table: KeyError."""
    if isinstance(call.data_format, str):
        {"NHWC": 3, "NCHW": 1}[call.data_format]
    return call


@slip("taken", written(input=((4, 4, 2), "float32")))
def index_error_for_rank(call: Arguments) -> Arguments:
    """An input of less than four dimensions is found out by an IndexError."""
    np.asarray(call.input).shape[3]
    return call


@slip("taken", written(padding=[[0, 0], [1, 1], [1, 1]]))
def type_error_for_pads(call: Arguments) -> Arguments:
    """Pads of the wrong number are a TypeError."""
    if isinstance(call.padding, list) and len(call.padding) != 4:
        raise TypeError("four pads")
    return call


@slip("dilations", written(dilations=2))
def single_dilation_ignored(value: Any, layout: str) -> Steps:
    """A dilation written as a single integer is ignored."""
    return (1, 1) if isinstance(value, int) else RIGHT.dilations(value, layout)


@slip("result", written(filters=((2, 2, 2, 2), "float64")))
def promoted_result(images: Array, kernels: Array, call: Arguments, layout: str) -> Array:
    """Wider filters give a wider result."""
    wider = np.promote_types(images.dtype, kernels.dtype)
    return RIGHT.result(images.astype(wider), kernels, call, layout)


@slip("refused", "float32 NHWC 1x3x3x1 w1x1x1x1 s2,1 d1,1 VALID distinct:0")
def stride_beyond_kernel_refused(
    images: Array, kernels: Array, call: Arguments, layout: str
) -> bool:
    """A stride larger than the kernel is refused."""
    strides = RIGHT.strides(call.strides, layout)
    return any(stride > size for stride, size in zip(strides, kernels.shape[:2], strict=True))


@slip("refused", "float32 NHWC 1x5x5x1 w2x2x1x1 s2,1 d2,1 SAME distinct:0")
def dilation_with_stride_refused(
    images: Array, kernels: Array, call: Arguments, layout: str
) -> bool:
    """Dilation together with a stride is refused."""
    dilations = RIGHT.dilations(call.dilations, layout)
    return max(RIGHT.strides(call.strides, layout)) > 1 and max(dilations) > 1


@slip("refused", "float32 NCHW 1x2x1x1 w1x1x1x2 s1,1 d1,1 VALID distinct:0")
def groups_in_nchw_refused(images: Array, kernels: Array, call: Arguments, layout: str) -> bool:
    """Groups in NCHW are refused."""
    return layout == "NCHW" and images.shape[-1] > kernels.shape[2]


@slip("refused", "float32 NHWC 1x1x1x1 w2x1x1x1 s1,1 d1,1 VALID distinct:0")
def long_kernel_refused(images: Array, kernels: Array, call: Arguments, layout: str) -> bool:
    """A kernel longer than the padded image is refused, also where the result is empty."""
    dilations = RIGHT.dilations(call.dilations, layout)
    axes = images.shape[-3:-1], kernels.shape[:2], dilations, RIGHT.pads(call.padding, layout)
    return any(
        not isinstance(pads, str) and sum(pads) + size < RIGHT.reach(kernel, dilation)
        for size, kernel, dilation, pads in zip(*axes, strict=True)
    )


@slip("taken", "float32 NHWC 1x1x1x1 w1x1x1x1 s1,1 d1,1 VALID distinct:0 x:readonly w:C")
def read_only_refused(call: Arguments) -> Arguments:
    """A read-only input is refused."""
    if not np.asarray(call.input).flags.writeable:
        raise ValueError("buffer source array is read-only")
    return call
