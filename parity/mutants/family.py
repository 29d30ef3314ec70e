"""The rest of the family in plain NumPy: one step a method, for every role and number of axes.

The pixels under each window are copied side by side and multiplied; a gradient of images is added
back to the pixels that they were copied from.  How it is computed shares nothing with npconv, which
is asked only which calls are valid, nor with the suite's own sums.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from parity.model.case import Array
from parity.model.operation import CHANNELS_FIRST, OPERATIONS
from parity.mutants.book import Axis, Book, Pads, Steps, outside

Named = Mapping[str, Any]
"""The arguments of a call by their names."""


class Windows(NamedTuple):
    """What says where windows lie: a number, or pads, for each axis."""

    sizes: Steps
    kernel: Steps
    strides: Steps
    dilations: Steps
    pads: tuple[Pads, ...]
    interleaved: bool = False


class Layer(NamedTuple):
    """The convolution that is behind a call.

    ``depth`` are the channels that a filter reads, ``filters`` those of all groups.
    """

    axes: tuple[Axis, ...]
    batch: int
    channels: int
    depth: int
    filters: int

    @property
    def groups(self) -> int:
        """Groups of channels."""
        return self.channels // self.depth

    @property
    def kernel(self) -> Steps:
        """Taps along each axis."""
        return tuple(axis.kernel for axis in self.axes)

    @property
    def outputs(self) -> Steps:
        """Outputs along each axis."""
        return tuple(axis.outputs for axis in self.axes)


class Family(Book):
    """A function of the family, done right but for the steps that are given."""

    def __init__(self, operation: str, **wrong: Callable[..., Any]) -> None:
        super().__init__(**wrong)
        self.operation, self.of = operation, OPERATIONS[operation]
        self.count = self.of.axes

    def __call__(self, *leading: Any, **named: Any) -> Array:
        """Compute what npconv's function of the name does, raising what that raises."""
        call = dict(zip(self.of.leading, leading, strict=False)) | named
        return self.computed(self.accepted(self.taken(call)))

    def predicted(self, **arguments: Any) -> Array:
        """Compute a call that is valid, without npconv."""
        return self.computed(arguments)

    def taken(self, call: Named) -> Named:
        """Return the call as it is understood."""
        return call

    def accepted(self, call: Named) -> Named:
        """Return the call, or raise what npconv raises about it."""
        import npconv  # predictions do without it

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that depthwise windows are strided and dilated
            getattr(npconv, self.of.name)(**call)
        return call

    def computed(self, call: Named) -> Array:
        """Return the result of a valid call."""
        of, count = self.of, self.count
        layout = "NCHW" if call.get("data_format") in CHANNELS_FIRST.values() else "NHWC"
        one, other, *pointwise = (self.read(call[name]) for name in of.arrays)
        lead = one.shape[: -1 - count]
        one = self.channels_last(one.reshape(math.prod(lead), *one.shape[-1 - count :]), layout)
        if of.gives == "filters":
            other = self.channels_last(other, layout)
        dtype = self.deciding(one, other).dtype
        layer = self.layer(one, other, call, layout)
        if of.gives != "filters" and of.depthwise:
            other = self.ordinary(other)
        with np.errstate(all="ignore"):
            result = self.result(one, other, layer, dtype)
            if pointwise:
                result = self.pointwise(self.between(result), pointwise[0])
        if of.gives == "filters":
            return self.as_depthwise(result, tuple(call[of.sizes])) if of.depthwise else result
        result = self.as_asked(result, layout)
        return result.reshape(*lead, *result.shape[1:])

    # What was asked.

    def deciding(self, one: Array, other: Array) -> Array:
        """Return the array whose dtype is the result's: the filters, where images are computed."""
        return other if self.of.gives == "input" else one

    def layer(self, one: Array, other: Array, call: Named, layout: str) -> Layer:
        """Return the convolution behind a call, of which two arrays are given, channels last."""
        of, image = self.of, one.shape[1:]
        *kernel, depth, filters = call[of.sizes] if of.gives == "filters" else other.shape
        if of.depthwise:
            depth, filters = 1, depth * filters
        if of.gives == "input":
            image = self.sizes(call[of.sizes], one.shape[1:-1], (*kernel, depth), layout)
        windows = Windows(
            image[:-1],
            tuple(kernel),
            self.strides(call.get(of.strides), layout),
            self.dilations(call.get(of.dilations), layout),
            self.pads(call.get("padding", "SAME" if of.gives == "input" else "VALID"), layout),
        )
        strided = max(windows.strides) > 1 < max(windows.dilations)
        axes = self.windows(windows._replace(interleaved=of.depthwise and strided))
        return Layer(axes, len(one), image[-1], depth, filters)

    def sizes(self, asked: Any, outputs: Steps, filters: Steps, layout: str) -> Steps:
        """Return rows, columns and channels of the images whose gradient is asked for."""
        sizes = tuple(int(size) for size in asked)
        if len(sizes) == self.count:
            return (*sizes, filters[-1])
        return (*self.spatial(sizes, layout), sizes[1 if layout == "NCHW" else -1])

    def windows(self, windows: Windows) -> tuple[Axis, ...]:
        """Return the axes, their padding and outputs worked out."""
        of_axis = self.phased if windows.interleaved else self.axis
        return tuple(map(of_axis, *windows[:-1]))

    def phased(self, size: int, kernel: int, stride: int, dilation: int, pads: Pads) -> Axis:
        """Return an axis as TensorFlow strides and dilates it: by images that are interleaved."""
        if isinstance(pads, str):
            total = self.same_pads(size, kernel, 1, dilation)
            pads = self.same_before(total), total - self.same_before(total)
        padded = sum(pads) + size
        whole = -(-padded // dilation)  # pixels of each image
        outputs = dilation * self.fitting(whole, kernel, stride) - (whole * dilation - padded)
        return Axis(size, kernel, stride, dilation, pads[0], outputs, interleaved=True)

    # Dimensions.

    def channels_last(self, images: Array, layout: str) -> Array:
        """Return images with their channels last."""
        return np.moveaxis(images, 1, -1) if layout == "NCHW" else images

    def as_asked(self, result: Array, layout: str) -> Array:
        """Return images in the order of `layout`, contiguous."""
        return np.ascontiguousarray(np.moveaxis(result, -1, 1)) if layout == "NCHW" else result

    def ordinary(self, filters: Array) -> Array:
        """Return depthwise filters (*kernel, C, M) as those of C groups, (*kernel, 1, C*M)."""
        return filters.reshape(*filters.shape[:-2], 1, -1)

    def as_depthwise(self, gradient: Array, shape: Steps) -> Array:
        """Return (*kernel, 1, C*M) as (*kernel, C, M)."""
        return gradient.reshape(shape)

    def grouped(self, images: Array, layer: Layer) -> Array:
        """Return (..., groups * each) as (groups, ..., each)."""
        return np.moveaxis(images.reshape(*images.shape[:-1], layer.groups, -1), -2, 0)

    def joined(self, groups: Array, layer: Layer) -> Array:
        """Return (groups, ..., each) as (..., groups * each)."""
        apart = np.moveaxis(groups, 0, -2)
        return apart.reshape(*apart.shape[:-2], -1)

    # The result, channels last.

    def result(self, one: Array, other: Array, layer: Layer, dtype: np.dtype[Any]) -> Array:
        """Return what is asked for: output, or gradient of images or filters."""
        sizes = tuple(axis.size for axis in layer.axes)
        shape, compute = {
            "output": ((layer.batch, *layer.outputs, layer.filters), self.output),
            "input": ((layer.batch, *sizes, layer.channels), self.input_gradient),
            "filters": ((*layer.kernel, layer.depth, layer.filters), self.filter_gradient),
        }[self.of.gives]
        if 0 in (*shape, one.size, other.size):
            return self.nothing(shape, dtype)
        wide = self.accumulator(dtype)
        one, other = (array.astype(dtype).astype(wide) for array in (one, other))
        found = self.rounded(compute(one, other, layer), dtype)
        return self.outcome(np.ascontiguousarray(found), layer)

    def nothing(self, shape: Steps, dtype: np.dtype[Any]) -> Array:
        """Return the result where it is empty, or sums nothing."""
        return np.zeros(shape, dtype)

    def output(self, images: Array, filters: Array, layer: Layer) -> Array:
        """Return (N, *outputs, filters)."""
        patches = self.flat(self.patches(images, layer), layer)
        sums = self.multiplied(patches, self.weights(self.taps(filters, layer), layer))
        return self.joined(sums.reshape(len(sums), layer.batch, *layer.outputs, -1), layer)

    def input_gradient(self, upstream: Array, filters: Array, layer: Layer) -> Array:
        """Return (N, *sizes, channels)."""
        weights = self.weights(self.taps(filters, layer), layer).swapaxes(1, 2)
        sums = self.multiplied(self.flat(self.upstream(upstream, layer), layer), weights)
        shape = len(sums), layer.batch, *layer.outputs, *layer.kernel, layer.depth
        return self.scattered(self.joined(sums.reshape(shape), layer), layer)

    def filter_gradient(self, images: Array, upstream: Array, layer: Layer) -> Array:
        """Return (*kernel, channels / groups, filters)."""
        patches = self.flat(self.patches(images, layer), layer).swapaxes(1, 2)
        sums = self.multiplied(patches, self.flat(self.upstream(upstream, layer), layer))
        return self.joined(sums.reshape(len(sums), *layer.kernel, layer.depth, -1), layer)

    def taps(self, filters: Array, layer: Layer) -> Array:
        """Return the filters, (*kernel, channels / groups, filters)."""
        return filters

    def upstream(self, upstream: Array, layer: Layer) -> Array:
        """Return the gradient of the output, (N, *outputs, filters)."""
        return upstream

    def outcome(self, result: Array, layer: Layer) -> Array:
        """Return what was computed; it may be written to."""
        return result

    def patches(self, images: Array, layer: Layer) -> Array:
        """Return the pixels under each window, (N, *outputs, *kernel, C)."""
        for place, axis in enumerate(layer.axes):
            pixels = self.pixels(axis)
            images = np.take(images, pixels.clip(0, axis.size - 1), 1 + 2 * place)
            images[(slice(None),) * (1 + 2 * place) + (outside(pixels, axis.size),)] = 0
        count = 2 * len(layer.axes)  # (N, outputs, kernel, outputs, kernel, ..., C)
        return images.transpose(0, *range(1, count, 2), *range(2, count + 1, 2), -1)

    def scattered(self, windows: Array, layer: Layer) -> Array:
        """Add (N, *outputs, *kernel, C) to the pixels under each window: (N, *sizes, C)."""
        # What lies outside is swept into one more pixel, which is cut off.
        size, count = [axis.size for axis in layer.axes], len(layer.axes)
        total = np.zeros((len(windows), *(one + 1 for one in size), layer.channels), windows.dtype)
        places = []
        for place, axis in enumerate(layer.axes):
            pixels = self.pixels(axis)
            pixels = np.where(outside(pixels, axis.size), axis.size, pixels)
            apart = [1] * (2 * count)
            apart[place], apart[count + place] = pixels.shape
            places.append(pixels.reshape(apart))
        self.added(total, (slice(None), *places), windows)
        return total[(slice(None), *map(slice, size))]

    def added(self, total: Array, places: tuple[Any, ...], windows: Array) -> None:
        """Add what lies under each window to the total."""
        np.add.at(total, places, windows)

    def flat(self, windows: Array, layer: Layer) -> Array:
        """Return (N, *outputs, ..., channels) as (groups, N * outputs, terms)."""
        groups = self.grouped(windows, layer)
        return groups.reshape(len(groups), layer.batch * math.prod(layer.outputs), -1)

    def weights(self, filters: Array, layer: Layer) -> Array:
        """Return filters as (groups, terms, filters of a group)."""
        groups = self.grouped(filters, layer)
        return groups.reshape(len(groups), math.prod(layer.kernel) * layer.depth, -1)

    # The second convolution of a separable one.

    def between(self, middle: Array) -> Array:
        """Return the result of the first."""
        return middle

    def pointwise(self, middle: Array, filters: Array) -> Array:
        """Convolve once more, under single taps."""
        axes = tuple(Axis(size, 1, 1, 1, 0, size) for size in middle.shape[1:-1])
        layer = Layer(axes, len(middle), middle.shape[-1], *filters.shape[-2:])
        return self.result(middle, filters, layer, middle.dtype)


RIGHT = Family("conv2d_transpose")
"""A right one, for a wrong step to ask what is right: no step but the first depends on the name."""
