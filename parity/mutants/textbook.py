"""conv2d in plain NumPy, one step a method: right as it stands, and easy to get wrong in one step.

A mutant is made by giving `Textbook` another function for one of its steps.  How the result is
computed shares nothing with npconv, which is asked only which calls are valid.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from parity.model.case import Array
from parity.mutants.book import Axis, Book, outside

Pair = tuple[int, int]
TILE_ROWS = 4
"""How many rows of the output are computed at once."""


class Arguments(NamedTuple):
    """The arguments of a call as they were written."""

    input: Any
    filters: Any
    strides: Any
    padding: Any
    data_format: Any = "NHWC"
    dilations: Any = None


class Layer(NamedTuple):
    """What is convolved: (N, H, W, C), (KH, KW, C / groups, OC), two axes, the result's dtype."""

    images: Array
    kernels: Array
    rows: Axis
    columns: Axis
    dtype: np.dtype[Any]

    @property
    def kernel(self) -> Pair:
        """Kernel rows, kernel columns."""
        return self.rows.kernel, self.columns.kernel

    @property
    def strides(self) -> Pair:
        """Strides of rows and columns."""
        return self.rows.stride, self.columns.stride

    @property
    def depth(self) -> int:
        """Input channels of a group."""
        return int(self.kernels.shape[2])

    @property
    def groups(self) -> int:
        """Groups of channels."""
        return int(self.images.shape[3]) // self.depth

    @property
    def filters(self) -> int:
        """Output channels of all groups."""
        return int(self.kernels.shape[3])

    @property
    def depthwise(self) -> bool:
        """Whether each of several channels is a group."""
        return self.depth == 1 < self.groups


class Textbook(Book):
    """tf.nn.conv2d, done right but for the steps that are given."""

    def __call__(
        self,
        input: Any,
        filters: Any,
        strides: Any,
        padding: Any,
        data_format: Any = "NHWC",
        dilations: Any = None,
        name: Any = None,
    ) -> Array:
        """Convolve as ``npconv.conv2d`` does, raising what it raises."""
        call = Arguments(input, filters, strides, padding, data_format, dilations)
        return self.computed(self.accepted(self.taken(call)))

    def predicted(self, **arguments: Any) -> Array:
        """Compute a call that is valid, without npconv."""
        return self.computed(Arguments(**arguments))

    def computed(self, call: Arguments) -> Array:
        """Return the result of a valid call."""
        layout = "NHWC" if call.data_format is None else call.data_format
        images = self.channels_last(self.read(call.input), layout)
        kernels = self.read(call.filters)
        if self.refused(images, kernels, call, layout):
            raise ValueError("not supported")
        with np.errstate(all="ignore"):
            return self.as_asked(self.result(images, kernels, call, layout), layout)

    # What was asked.

    def taken(self, call: Arguments) -> Arguments:
        """Return the call as it is understood."""
        return call

    def accepted(self, call: Arguments) -> Arguments:
        """Return the call, or raise what npconv raises about it."""
        import npconv  # predictions do without it

        npconv.conv2d(*call)
        return call

    def refused(self, images: Array, kernels: Array, call: Arguments, layout: str) -> bool:
        """Say whether a valid call is refused."""
        return False

    # The result, channels last.

    def result(self, images: Array, kernels: Array, call: Arguments, layout: str) -> Array:
        """Return the result (..., OH, OW, OC) for images (..., H, W, C)."""
        kernels = kernels.astype(images.dtype)
        strides = self.strides(call.strides, layout)
        dilations = self.dilations(call.dilations, layout)
        pads = self.pads(call.padding, layout)
        sizes = images.shape[-3:-1], kernels.shape[:2]
        rows, columns = map(self.axis, *sizes, strides, dilations, pads)
        lead = images.shape[:-3]
        shape = (*lead, rows.outputs, columns.outputs, kernels.shape[3])
        if 0 in shape or images.size == 0:
            return self.nothing(images, kernels, shape)
        wide = self.accumulator(images.dtype)
        folded = images.reshape(-1, *images.shape[-3:]).astype(wide)
        sums = self.convolve(Layer(folded, kernels.astype(wide), rows, columns, images.dtype))
        return self.unfolded(self.rounded(sums, images.dtype), lead)

    def nothing(self, images: Array, kernels: Array, shape: tuple[int, ...]) -> Array:
        """Return the result where there is no output, or no pixel to read."""
        return np.zeros(shape, images.dtype)

    def convolve(self, layer: Layer) -> Array:
        """Return (N, OH, OW, OC)."""
        images, kernels, rows, columns, _ = layer = self.layer(layer)
        weights = self.flattened(self.taps(kernels.copy(), layer), layer.groups)
        shape = (len(images), rows.outputs, columns.outputs, layer.filters)
        result = np.zeros(shape, images.dtype)
        for tile in self.tiles(rows.outputs):
            patches = self.grouped(self.patches(images, rows, columns, tile), layer.groups)
            sums = self.multiplied(patches, weights)  # (groups, N*R*OW, OC / groups)
            result[:, tile] = sums.swapaxes(0, 1).reshape(result[:, tile].shape)
        return self.outputs(result, layer)

    def layer(self, layer: Layer) -> Layer:
        """Return what is convolved."""
        return layer

    def taps(self, kernels: Array, layer: Layer) -> Array:
        """Return the filters of a layer, (KH, KW, C / groups, OC); they may be written to."""
        return kernels

    def outputs(self, result: Array, layer: Layer) -> Array:
        """Return the outputs of a layer, (N, OH, OW, OC); they may be written to."""
        return result

    def tiles(self, outputs: int) -> list[slice]:
        """Cut the rows of the output into tiles; the last may be shorter."""
        starts = range(0, outputs, TILE_ROWS)
        return [slice(start, min(start + TILE_ROWS, outputs)) for start in starts]

    def patches(self, images: Array, rows: Axis, columns: Axis, tile: slice) -> Array:
        """Return the pixels under the windows of a tile, (N, R, OW, KH, KW, C)."""
        down, across = self.pixels(rows)[tile], self.pixels(columns)
        windows = images[:, down.clip(0, rows.size - 1)]  # (N, R, KH, W, C)
        windows = windows[:, :, :, across.clip(0, columns.size - 1)]  # (N, R, KH, OW, KW, C)
        windows[:, outside(down, rows.size)] = 0
        windows[:, :, :, outside(across, columns.size)] = 0
        return windows.swapaxes(2, 3)

    def grouped(self, patches: Array, groups: int) -> Array:
        """Return patches (N, R, OW, KH, KW, C) as (groups, N*R*OW, KH*KW*C / groups)."""
        *windows, height, width, channels = patches.shape
        split = patches.reshape(-1, height * width, groups, channels // groups)
        return np.moveaxis(split, 2, 0).reshape(groups, int(np.prod(windows)), -1)

    def flattened(self, kernels: Array, groups: int) -> Array:
        """Return filters (KH, KW, D, OC) as (groups, KH*KW*D, OC / groups)."""
        terms = int(np.prod(kernels.shape[:3]))
        return kernels.reshape(terms, groups, -1).swapaxes(0, 1)

    # Dimensions.

    def channels_last(self, images: Array, layout: str) -> Array:
        """Return the images as (..., H, W, C)."""
        return np.moveaxis(images, -3, -1) if layout == "NCHW" else images

    def as_asked(self, result: Array, layout: str) -> Array:
        """Return the result in the order of `layout`, contiguous."""
        return np.ascontiguousarray(np.moveaxis(result, -1, -3)) if layout == "NCHW" else result

    def unfolded(self, result: Array, lead: tuple[int, ...]) -> Array:
        """Give the result its leading dimensions again."""
        return result.reshape(*lead, *result.shape[1:])


RIGHT = Textbook()
"""The right one: a wrong step asks it for what is right."""
