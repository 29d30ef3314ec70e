"""The functions of the convolution family: which convolution is behind each, and how it is written.

Every function computes one of the three arrays of a convolution from the two others: its output
from images and filters, the gradient of its images from that of the output and filters, or the
gradient of its filters from images and that of the output.  A transpose is the second of these.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Role = Literal["output", "input", "filters"]

CHANNELS_LAST = {1: "NWC", 2: "NHWC", 3: "NDHWC"}
CHANNELS_FIRST = {1: "NCW", 2: "NCHW", 3: "NCDHW"}


@dataclass(frozen=True)
class Operation:
    """A function of TensorFlow's.

    Attributes
    ----------
    name
        What it is called in ``tf.nn`` or, for gradients, in ``tf.compat.v1.nn``.
    arrays
        The names of its arrays: images, or the gradient of the output in their place, then filters,
        or the gradient of the output in their place; then pointwise filters, if it has any.
    gives
        Which of the convolution's arrays it computes: "output", or a gradient.
    axes
        Spatial axes.
    leading
        Its first arguments, in order; they are given by position.
    sizes
        The argument that says the shape of what it computes, "" where there is none.
    strides, dilations
        The names of these arguments; "" where it has none.
    long_strides, long_dilations
        Whether TensorFlow wants them with entries for batch and channels.
    has_format
        Whether there is an argument ``data_format``.
    depthwise
        Whether its filters are (KH, KW, C, M).
    takes_pads, takes_int32
        Whether TensorFlow takes explicit padding, and int32.
    wide_halves
        Whether TensorFlow sums halves in float32, not in halves.
    without
        What it cannot do by its nature: members of `parity.model.subject.FEATURES`.
    """

    name: str
    arrays: tuple[str, ...] = ("input", "filters")
    gives: Role = "output"
    axes: int = 2
    leading: tuple[str, ...] = ("input", "filters")
    sizes: str = ""
    strides: str = "strides"
    dilations: str = "dilations"
    long_strides: bool = False
    long_dilations: bool = False
    has_format: bool = True
    depthwise: bool = False
    takes_pads: bool = True
    takes_int32: bool = False
    wide_halves: bool = False
    without: frozenset[str] = frozenset()

    @property
    def tensorflow(self) -> str:
        """Where TensorFlow has it."""
        if self.name == "conv3d_backprop_input":
            return "raw_ops.Conv3DBackpropInputV2"
        old = "backprop" in self.name and not self.depthwise
        return f"{'compat.v1.nn' if old else 'nn'}.{self.name}"

    @property
    def casts(self) -> bool:
        """Whether one array is cast to the dtype of the other."""
        transpose = self.name in ("conv2d_transpose", "conv3d_transpose")
        return transpose or "backprop" in self.name or self.name in ("conv2d", "conv3d")

    def interleaves(self, strides: tuple[int, ...], dilations: tuple[int, ...]) -> bool:
        """Say whether it strides and dilates in TensorFlow's own way, see `Axis`."""
        return self.depthwise and max(strides) > 1 < max(dilations)

    def format_name(self, data_format: str) -> str:
        """Return what it calls NHWC or NCHW."""
        return (CHANNELS_FIRST if data_format == "NCHW" else CHANNELS_LAST)[self.axes]


_RANK = frozenset({"rank5"})
_UNIT = frozenset({"strides"})


def _transpose(name: str, axes: int) -> Operation:
    leading = ("input", "filters", "output_shape")
    return Operation(
        name, gives="input", axes=axes, leading=leading, sizes="output_shape",
        takes_pads=axes == 2, takes_int32=axes < 3, without=_RANK,
    )  # fmt: skip


def _backprop_input(name: str, axes: int = 2, *, depthwise: bool = False) -> Operation:
    return Operation(
        name, ("out_backprop", "filter"), "input", axes, ("input_sizes", "filter", "out_backprop"),
        "input_sizes", long_strides=True, long_dilations=True, depthwise=depthwise,
        takes_pads=axes == 2, takes_int32=axes == 2 and not depthwise, without=_RANK,
    )  # fmt: skip


def _backprop_filter(name: str, axes: int = 2, *, depthwise: bool = False) -> Operation:
    return Operation(
        name, ("input", "out_backprop"), "filters", axes, ("input", "filter_sizes", "out_backprop"),
        "filter_sizes", long_strides=True, long_dilations=True, depthwise=depthwise,
        takes_pads=axes == 2, without=_RANK,
    )  # fmt: skip


_SEPARABLE = ("input", "depthwise_filter", "pointwise_filter")
_ALL = (
    Operation("conv2d", takes_int32=True, wide_halves=True),
    Operation(
        "conv1d", axes=1, strides="stride", takes_pads=False, takes_int32=True, wide_halves=True
    ),
    Operation("conv3d", axes=3, long_strides=True, long_dilations=True, takes_pads=False),
    Operation("convolution", takes_int32=True, wide_halves=True),
    Operation(
        "depthwise_conv2d", ("input", "filter"), leading=("input", "filter"), long_strides=True,
        depthwise=True,
    ),
    Operation(
        "separable_conv2d", _SEPARABLE, leading=_SEPARABLE, long_strides=True, depthwise=True
    ),
    Operation(
        "atrous_conv2d", ("value", "filters"), leading=("value", "filters"), strides="",
        dilations="rate", has_format=False, takes_int32=True, wide_halves=True, without=_UNIT,
    ),
    _transpose("conv2d_transpose", 2),
    _transpose("conv1d_transpose", 1),
    _transpose("conv3d_transpose", 3),
    Operation(
        "atrous_conv2d_transpose", ("value", "filters"), "input", 2,
        ("value", "filters", "output_shape"), "output_shape", "", "rate", has_format=False,
        takes_pads=False, takes_int32=True, without=_RANK | _UNIT,
    ),
    _backprop_input("conv2d_backprop_input"),
    _backprop_filter("conv2d_backprop_filter"),
    _backprop_input("depthwise_conv2d_backprop_input", depthwise=True),
    _backprop_filter("depthwise_conv2d_backprop_filter", depthwise=True),
    _backprop_input("conv3d_backprop_input", 3),
    _backprop_filter("conv3d_backprop_filter", 3),
)  # fmt: skip
OPERATIONS: dict[str, Operation] = {one.name: one for one in _ALL}
"""Every operation by its name, conv2d first."""
FAMILY = tuple(OPERATIONS)[1:]
"""The names of all but conv2d."""
