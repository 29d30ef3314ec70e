"""What the functions of the family differ in: their axes, and what their arguments are called."""

from __future__ import annotations

from typing import Literal, NamedTuple

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

    Attributes
    ----------
    name : str
        Of the function.
    gives : str
        Which array of the forward convolution it computes: its output, or by the gradient of that
        the one of its input or of its filters.
    axes : int
        Spatial axes of the forward convolution; 0 is as many as the filters have, see `of`.
    input, filters, strides, dilations : str
        What messages call the arguments that say the forward convolution's shape of the input (or
        the array itself), its filters, its strides and its dilations.
    channels : tuple of str
        What the last two axes of the filters are, in the function's own words.
    gradient : str
        What they call the gradient by its output, if that is an argument.
    folds : bool
        Whether leading dimensions of the input are folded into the batch.
    alike : bool
        Whether both arrays must be of one dtype; otherwise the filters are cast to the input's.
    depthwise : bool
        Whether filters are (*kernel, C, multiplier), and each reads one channel.
    phased : bool
        Whether strides count in every phase of the dilation by itself, where both exceed 1.
    """

    name: str
    gives: Literal["output", "input", "filters"] = "output"
    axes: int = 2
    input: str = "input"
    filters: str = "filters"
    strides: str = "strides"
    dilations: str = "dilations"
    channels: tuple[str, str] = "in_channels", "out_channels"
    gradient: str = "out_backprop"
    folds: bool = True
    alike: bool = False
    depthwise: bool = False
    phased: bool = False

    def of(self, filters_shape: tuple[int, ...]) -> Operation:
        """Return the operation that filters of a shape have, where they choose its axes."""
        if self.axes:
            return self
        if len(filters_shape) - 2 not in SIDES:
            form = "three, four or five dimensions (*kernel, in_channels, out_channels)"
            raise ValueError(f"{self.filters}: expected {form}, received shape {filters_shape}")
        return self._replace(axes=len(filters_shape) - 2)


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
