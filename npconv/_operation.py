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
    def arrays(self) -> tuple[str, str]:
        """What its arrays are called: that which decides the dtype, and the other."""
        known = self.filters if self.gives == "input" else self.input
        return known, self.filters if self.gives == "output" else self.gradient

    @property
    def sizes(self) -> str:
        """What the argument is called that says the shape of a gradient."""
        return self.input if self.gives == "input" else self.filters

    def attributes(self, given: Mapping[str, Any]) -> tuple[Any, Any, Any, Any]:
        """Return strides, padding, data_format and dilations of arguments by their names."""
        steps = given.get(self.strides, 1), given.get(self.dilations)
        return steps[0], given["padding"], given.get("data_format"), steps[1]


CONV2D = Operation("conv2d")
_DEPTHWISE = Operation(
    "depthwise_conv2d", filters="filter", channels=("in_channels", "multiplier"),
    alike=True, depthwise=True, phased=True,
)  # fmt: skip
_TRANSPOSE = Operation(
    "conv2d_transpose", gives="input", input="output_shape", gradient="input",
    channels=("out_channels", "in_channels"), folds=False,
)  # fmt: skip
_BY_INPUT = Operation(
    "conv2d_backprop_input", gives="input", input="input_sizes", filters="filter", folds=False
)
_BY_FILTERS = Operation(
    "conv2d_backprop_filter", gives="filters", filters="filter_sizes", folds=False
)
_OPERATIONS = (
    CONV2D,
    Operation("conv1d", axes=1, strides="stride", alike=True),
    Operation("conv3d", axes=3),
    Operation("convolution", axes=0, alike=True),
    Operation("atrous_conv2d", input="value", dilations="rate", alike=True),
    _DEPTHWISE,
    _DEPTHWISE._replace(name="separable_conv2d", filters="depthwise_filter"),
    _TRANSPOSE,
    _TRANSPOSE._replace(name="conv1d_transpose", axes=1, alike=True),
    _TRANSPOSE._replace(name="conv3d_transpose", axes=3),
    _TRANSPOSE._replace(
        name="atrous_conv2d_transpose", gradient="value", dilations="rate", alike=True
    ),
    _BY_INPUT,
    _BY_INPUT._replace(name="conv3d_backprop_input", axes=3),
    _BY_INPUT._replace(
        name="depthwise_conv2d_backprop_input", channels=_DEPTHWISE.channels, depthwise=True
    ),
    _BY_FILTERS,
    _BY_FILTERS._replace(name="conv3d_backprop_filter", axes=3),
    _BY_FILTERS._replace(
        name="depthwise_conv2d_backprop_filter", channels=_DEPTHWISE.channels, depthwise=True
    ),
)
OPERATIONS = {one.name: one for one in _OPERATIONS}
POINTWISE = Operation(
    "separable_conv2d", input="depthwise result", filters="pointwise_filter", alike=True
)
