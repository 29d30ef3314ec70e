"""What the functions of the family differ in: their axes, and what their arguments are called."""

from __future__ import annotations

from typing import NamedTuple

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
    axes : int
        Spatial axes of the forward convolution; 0 is as many as the filters have, see `of`.
    input, filters, strides, dilations : str
        What messages call the arguments that say the forward convolution's shape of the input (or
        the array itself), its filters, its strides and its dilations.
    channels : tuple of str
        What the last two axes of the filters are, in the function's own words.
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
    axes: int = 2
    input: str = "input"
    filters: str = "filters"
    strides: str = "strides"
    dilations: str = "dilations"
    channels: tuple[str, str] = "in_channels", "out_channels"
    folds: bool = True
    alike: bool = False
    depthwise: bool = False
    phased: bool = False

    def of(self, filters_shape: tuple[int, ...]) -> Operation:
        """Return the operation that filters of a shape have, where they choose its axes."""
        return self if self.axes else self._replace(axes=max(1, min(3, len(filters_shape) - 2)))


CONV2D = Operation("conv2d")
