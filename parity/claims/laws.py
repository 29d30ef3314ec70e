"""Laws that every convolution obeys, each relating calls of the subject to one another.

Nothing else says what the right result is, save arithmetic on whole numbers that is written out
here: an oracle that is wrong cannot hide anything.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from parity.model.case import DTYPES, Array, Case, Conv2d
from parity.model.geometry import Geometry, Pads
from parity.model.subject import Scope

Sides = tuple[Array, Array]
_EXACT = {"float16": 2**11, "bfloat16": 2**8}


@dataclass(frozen=True)
class Instance:
    """A case and what the subject makes of it.

    Attributes
    ----------
    case, conv2d, scope
        What is called, with which arguments, and what else may be asked of it.
    x, w, y
        Input and output as (..., rows, columns, channels) whatever the case's format; the filters.
    """

    case: Case
    conv2d: Conv2d
    scope: Scope
    x: Array
    w: Array
    y: Array

    @classmethod
    def of(cls, case: Case, conv2d: Conv2d, scope: Scope) -> Instance:
        """Call the subject on `case`."""
        x, w = case.arrays()
        x = x if case.data_format == "NHWC" else np.moveaxis(x, -3, -1)
        return cls(case, conv2d, scope, x, w, _call(case, conv2d, x, w))

    def call(self, x: Array | None = None, w: Array | None = None, **changes: Any) -> Array:
        """Call the subject with other arrays or with fields of the case changed."""
        case = replace(self.case, **changes)
        return _call(case, self.conv2d, self.x if x is None else x, self.w if w is None else w)

    @property
    def groups(self) -> int:
        """Groups of channels; 0 where there are no channels."""
        return int(self.x.shape[-1] // self.w.shape[2])

    @property
    def pads(self) -> Pads:
        """Top, bottom, left and right, of SAME as well."""
        return Geometry.of(self.case).pads

    @property
    def padding(self) -> str | Pads:
        """The pads as an argument."""
        return self.pads if any(self.pads) else "VALID"

    @property
    def writable(self) -> bool:
        """Whether the pads can be given as numbers: there are none, or the scope has them."""
        return self.scope.has("explicit") or not any(self.pads)

    def padded(self) -> Array:
        """Return the input with zeros around it."""
        top, bottom, left, right = self.pads
        none = [(0, 0)] * (self.x.ndim - 3)
        return np.pad(self.x, [*none, (top, bottom), (left, right), (0, 0)])

    def draws(self) -> np.random.Generator:
        """Return what a law's own choices are drawn from."""
        return np.random.default_rng(self.case.seed)


def _call(case: Case, conv2d: Conv2d, x: Array, w: Array) -> Array:
    """Call with contiguous arrays in the order of `case`; x and the result have channels last."""
    if case.data_format == "NCHW":
        x = np.moveaxis(x, -1, -3)
    y = case.call_on(conv2d, np.ascontiguousarray(x), np.ascontiguousarray(w))
    return y if case.data_format == "NHWC" else np.moveaxis(y, -3, -1)


class Law(NamedTuple):
    """A law.

    Attributes
    ----------
    sides
        Gives its two sides, or None where it has nothing to say of a case.
    share, features
        The least share of examples that it speaks of, about a third of what is drawn, and the
        features without which it is not asked for.
    """

    sides: Callable[[Instance], Sides | None]
    share: float
    features: tuple[str, ...]


LAWS: dict[str, Law] = {}


def law(share: float, *features: str) -> Callable[[Callable[[Instance], Sides | None]], None]:
    """Add a law to `LAWS`."""

    def add(sides: Callable[[Instance], Sides | None]) -> None:
        LAWS[sides.__name__.replace("_", " ")] = Law(sides, share, features)

    return add


@law(0.25)
def one_tap(it: Instance) -> Sides | None:
    """Show the input, shifted, strided and padded, through filters with a single 1."""
    if not it.x.size or not it.y.size:
        return None
    shape, case = it.w.shape, it.case
    w = np.zeros_like(it.w)
    expected = np.zeros_like(it.y)
    padded, (rows, columns) = it.padded(), it.y.shape[-3:-1]
    taps = it.draws().integers(0, shape[:3], (shape[3], 3)).tolist()
    for filter, (i, j, c) in enumerate(taps):
        w[i, j, c, filter] = 1
        group = filter // (shape[3] // it.groups)
        seen = padded[..., i * case.dilations[0] :, j * case.dilations[1] :, group * shape[2] + c]
        expected[..., filter] = seen[..., :: case.strides[0], :: case.strides[1]][
            ..., :rows, :columns
        ]
    return it.call(w=w), expected


@law(0.2)
def sum_of_inputs(it: Instance) -> Sides | None:
    """Add two inputs, or their outputs."""
    if not _sums_are_exact(it):
        return None
    one = _part(it, it.x)
    return it.y, it.call(one) + it.call(it.x - one)


@law(0.2)
def sum_of_filters(it: Instance) -> Sides | None:
    """Add two filters, or their outputs."""
    if not _sums_are_exact(it):
        return None
    one = _part(it, it.w)
    return it.y, it.call(w=one) + it.call(w=it.w - one)


@law(0.25)
def negation(it: Instance) -> Sides | None:
    """Negate the input, or the output."""
    none = np.zeros((), it.x.dtype)  # some NumPys make float32 of the int 0 and a bfloat16
    return (it.call(none - it.x), none - it.y) if it.y.size else None


@law(0.12)
def pads_are_zeros(it: Instance) -> Sides | None:
    """Replace padding by a border of zeros and VALID."""
    return (it.y, it.call(it.padded(), padding="VALID")) if any(it.pads) else None


@law(0.1, "explicit", "SAME")
def same_is_its_pads(it: Instance) -> Sides | None:
    """Replace SAME by explicit padding, the odd pixel at the end."""
    if it.case.padding != "SAME" or not it.scope.has("explicit"):
        return None
    return it.y, it.call(padding=it.pads)


@law(0.1, "groups")
def groups_one_by_one(it: Instance) -> Sides | None:
    """Convolve the groups one by one and put the results side by side."""
    if it.groups < 2:
        return None
    inputs, filters = (np.split(array, it.groups, axis=-1) for array in (it.x, it.w))
    parts = [it.call(x, w) for x, w in zip(inputs, filters, strict=True)]
    return it.y, np.concatenate(parts, axis=-1)


@law(0.01)
def matrix_product(it: Instance) -> Sides | None:
    """Multiply matrices where the kernel is one pixel, or as large as the image."""
    kernel, image = it.w.shape[:2], it.x.shape[-3:-1]
    if it.groups != 1 or any(it.pads) or not it.y.size:
        return None
    x = it.x.astype(np.int64)
    if kernel == (1, 1):
        x = x[..., :: it.case.strides[0], :: it.case.strides[1], :]
    elif kernel == image and it.case.dilations == (1, 1):
        x = x.reshape(*x.shape[:-3], 1, 1, -1)
    else:
        return None
    product = x @ it.w.astype(np.int64).reshape(-1, it.w.shape[3])
    with np.errstate(over="ignore"):
        if it.case.dtype in _EXACT:  # rounded once, from float32
            product = product.astype(np.float32)
        return it.y, product.astype(DTYPES[it.case.dtype])


@law(0.15, "batches")
def images_apart(it: Instance) -> Sides | None:
    """Cut the batch in two."""
    if len(it.x) < 2:
        return None
    cut = int(it.draws().integers(1, len(it.x)))
    return it.y, np.concatenate([it.call(it.x[:cut]), it.call(it.x[cut:])])


@law(0.1, "rank5")
def rank_by_reshape(it: Instance) -> Sides | None:
    """Fold the leading axes into one batch."""
    if it.x.ndim == 4:
        return None
    folded = it.x.reshape(math.prod(it.x.shape[:-3]), *it.x.shape[-3:])
    return it.y, it.call(folded).reshape(it.y.shape)


@law(0.1, "strides")
def stride_by_slicing(it: Instance) -> Sides | None:
    """Take every so many of the outputs of stride 1."""
    if it.case.strides == (1, 1) or not it.y.size or not it.writable:
        return None
    every = it.call(strides=(1, 1), padding=it.padding)
    rows, columns = it.y.shape[-3:-1]
    taken = every[..., :: it.case.strides[0], :: it.case.strides[1], :]
    return it.y, taken[..., :rows, :columns, :]


@law(0.3)
def formats_by_transposing(it: Instance) -> Sides | None:
    """Give the axes the order of the other data_format."""
    if len(it.scope.formats) < 2:
        return None
    return it.y, it.call(data_format="NHWC" if it.case.data_format == "NCHW" else "NCHW")


@law(0.1, "dilations")
def dilation_by_zeros(it: Instance) -> Sides | None:
    """Replace the dilation by zeros between the taps."""
    kernel, dilations = it.w.shape[:2], it.case.dilations
    if all(size == 1 or step == 1 for size, step in zip(kernel, dilations, strict=True)):
        return None
    reach = [(size - 1) * step + 1 for size, step in zip(kernel, dilations, strict=True)]
    stuffed = np.zeros((*reach, *it.w.shape[2:]), it.w.dtype)
    stuffed[:: dilations[0], :: dilations[1]] = it.w
    return it.y, it.call(w=stuffed, dilations=(1, 1))


@law(0.15)
def filters_apart(it: Instance) -> Sides | None:
    """Cut the filters in two."""
    if it.groups != 1 or it.w.shape[3] < 2:
        return None
    cut = int(it.draws().integers(1, it.w.shape[3]))
    parts = [it.call(w=it.w[..., :cut]), it.call(w=it.w[..., cut:])]
    return it.y, np.concatenate(parts, axis=-1)


@law(0.2)
def channels_permuted(it: Instance) -> Sides | None:
    """Give the channels of input and filters another order, which changes nothing."""
    depth = it.w.shape[2]
    if depth < 2 or not it.groups:
        return None
    order = np.roll(np.arange(depth), it.draws().integers(1, depth))  # every channel moves
    grouped = it.x.reshape(*it.x.shape[:-1], it.groups, depth)[..., order]
    return it.y, it.call(grouped.reshape(it.x.shape), it.w[:, :, order])


@law(0.08)
def turned(it: Instance) -> Sides | None:
    """Turn image and kernel by 180 degrees, and with them, at stride 1, the output."""
    if it.case.strides != (1, 1) or not it.writable:
        return None
    top, bottom, left, right = it.pads
    padding = (bottom, top, right, left) if any(it.pads) else "VALID"
    y = it.call(it.x[..., ::-1, ::-1, :], it.w[::-1, ::-1], padding=padding)
    return it.y, y[..., ::-1, ::-1, :]


@law(0.3)
def rows_for_columns(it: Instance) -> Sides | None:
    """Let rows and columns change places everywhere."""
    changes: dict[str, Any] = {
        "strides": it.case.strides[::-1],
        "dilations": it.case.dilations[::-1],
    }
    if not isinstance(it.case.padding, str):
        changes["padding"] = (*it.case.padding[2:], *it.case.padding[:2])
    y = it.call(it.x.swapaxes(-3, -2), it.w.swapaxes(0, 1), **changes)
    return it.y, y.swapaxes(-3, -2)


def _part(it: Instance, array: Array) -> Array:
    """Return whole numbers between 0 and those of `array`: no sum grows."""
    share = it.draws().random(array.shape)
    whole = np.trunc(array.astype(np.float64) * share) + 0.0  # no -0.0
    return whole.astype(array.dtype)


def _sums_are_exact(it: Instance) -> bool:
    """Say whether outputs of parts add up without rounding."""
    if not it.y.size:
        return False
    limit = _EXACT.get(it.case.dtype)
    if limit is None:
        return True
    largest = [float(np.abs(array.astype(np.float32)).max(initial=0)) for array in (it.x, it.w)]
    return it.case.terms * largest[0] * largest[1] <= limit
