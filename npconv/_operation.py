"""What the functions of the family differ in: their axes, and what their arguments are called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

SIDES = {1: ("width",), 2: ("height", "width"), 3: ("depth", "height", "width")}
COUNTS = {1: "one", 2: "two", 3: "three", 4: "four", 5: "five"}
FORMATS = {1: ("NWC", "NCW"), 2: ("NHWC", "NCHW"), 3: ("NDHWC", "NCDHW")}
PADS = {
    1: "[[0, 0], [left, right], [0, 0]]",
    2: "[[0, 0], [top, bottom], [left, right], [0, 0]]",
    3: "[[0, 0], [front, back], [top, bottom], [left, right], [0, 0]]",
}


class Operation(NamedTuple):
    """A function of the family, as far as the reading of its arguments goes.

    What messages call the arguments that say what the forward convolution's input (or its shape),
    filters, strides and dilations are, and the last two axes of the filters.
    """

    name: str
    gives: Literal["output", "input", "filters"] = "output"  # or the gradient of one by the output
    axes: int = 2  # of the forward convolution; 0: as many as the filters have, see `of`
    input: str = "input"
    filters: str = "filters"
    strides: str = "strides"
    dilations: str = "dilations"
    channels: tuple[str, str] = "in_channels", "out_channels"
    gradient: str = "out_backprop"  # what they call the gradient by its output
    folds: bool = True  # leading dimensions of the input into the batch
    alike: bool = False  # both arrays must be of one dtype; else filters are cast to the input's
    depthwise: bool = False  # filters are (*kernel, C, multiplier), and each reads one channel
    phased: bool = False  # where strides and dilations exceed 1, see _phases

    def of(self, filters_shape: tuple[int, ...]) -> Operation:
        """Return the operation that filters of a shape have, where they choose its axes."""
        if self.axes:
            return self
        if len(filters_shape) - 2 not in SIDES:
            form = "three, four or five dimensions (*kernel, in_channels, out_channels)"
            raise ValueError(f"{self.filters}: expected {form}, received shape {filters_shape}")
        return self._replace(axes=len(filters_shape) - 2)

    @property
    def source(self) -> str:
        """What the array is called that decides the dtype: what is known of the convolution."""
        return self.filters if self.gives == "input" else self.input

    def attributes(self, given: Mapping[str, Any]) -> tuple[Any, Any, Any, Any]:
        """Return strides, padding, data_format and dilations of arguments by their names."""
        steps = given.get(self.strides, 1), given.get(self.dilations)
        return steps[0], given["padding"], given.get("data_format"), steps[1]


CONV2D = Operation("conv2d")
CONV1D = Operation("conv1d", axes=1, strides="stride", alike=True)
CONV3D = Operation("conv3d", axes=3)
CONVOLUTION = Operation("convolution", axes=0, alike=True)
ATROUS_CONV2D = Operation("atrous_conv2d", input="value", dilations="rate", alike=True)
DEPTHWISE_CONV2D = Operation(
    "depthwise_conv2d", filters="filter", channels=("in_channels", "multiplier"),
    alike=True, depthwise=True, phased=True,
)  # fmt: skip
SEPARABLE_CONV2D = DEPTHWISE_CONV2D._replace(name="separable_conv2d", filters="depthwise_filter")
POINTWISE = Operation(
    "separable_conv2d", input="depthwise result", filters="pointwise_filter", alike=True
)
CONV2D_TRANSPOSE = Operation(
    "conv2d_transpose", gives="input", input="output_shape", gradient="input",
    channels=("out_channels", "in_channels"), folds=False,
)  # fmt: skip
CONV1D_TRANSPOSE = CONV2D_TRANSPOSE._replace(name="conv1d_transpose", axes=1, alike=True)
CONV3D_TRANSPOSE = CONV2D_TRANSPOSE._replace(name="conv3d_transpose", axes=3)
ATROUS_CONV2D_TRANSPOSE = CONV2D_TRANSPOSE._replace(
    name="atrous_conv2d_transpose", gradient="value", dilations="rate", alike=True
)
CONV2D_BACKPROP_INPUT = Operation(
    "conv2d_backprop_input", gives="input", input="input_sizes", filters="filter", folds=False
)
CONV2D_BACKPROP_FILTER = Operation(
    "conv2d_backprop_filter", gives="filters", filters="filter_sizes", folds=False
)
CONV3D_BACKPROP_INPUT = CONV2D_BACKPROP_INPUT._replace(name="conv3d_backprop_input", axes=3)
CONV3D_BACKPROP_FILTER = CONV2D_BACKPROP_FILTER._replace(name="conv3d_backprop_filter", axes=3)
DEPTHWISE_CONV2D_BACKPROP_INPUT = CONV2D_BACKPROP_INPUT._replace(
    name="depthwise_conv2d_backprop_input", channels=("in_channels", "multiplier"), depthwise=True
)
DEPTHWISE_CONV2D_BACKPROP_FILTER = CONV2D_BACKPROP_FILTER._replace(
    name="depthwise_conv2d_backprop_filter", channels=("in_channels", "multiplier"), depthwise=True
)
OPERATIONS = {
    one.name: one
    for one in (
        CONV2D, CONV1D, CONV3D, CONVOLUTION, ATROUS_CONV2D, DEPTHWISE_CONV2D, SEPARABLE_CONV2D,
        CONV2D_TRANSPOSE, CONV1D_TRANSPOSE, CONV3D_TRANSPOSE, ATROUS_CONV2D_TRANSPOSE,
        CONV2D_BACKPROP_INPUT, CONV2D_BACKPROP_FILTER, CONV3D_BACKPROP_INPUT,
        CONV3D_BACKPROP_FILTER, DEPTHWISE_CONV2D_BACKPROP_INPUT, DEPTHWISE_CONV2D_BACKPROP_FILTER,
    )
}  # fmt: skip
