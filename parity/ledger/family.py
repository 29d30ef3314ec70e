"""For which calls of the rest of the family the rows of divergences.toml hold.

Those of `REFUSED` are about what TensorFlow refuses and npconv takes, unless the call is wrong
besides; those of `TAKEN` about the contrary, where nothing of the former applies; those of
`UNASKED` about what is better not asked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from parity.ledger.facts import Facts, kind, truncated
from parity.model.call import integers, numbers, steps
from parity.model.case import DTYPES

_WRAPPED = ("convolution", "atrous_conv2d", "depthwise_conv2d", "separable_conv2d")
"""Those that TensorFlow dilates by rearranging images, whose padding it then works out itself."""


def _listed(c: Facts, value: Any) -> bool:
    return isinstance(value, (list, tuple)) and len(value) == c.of.axes + 2


def _spelled(c: Facts) -> bool:
    """Say whether strides, dilations or a rate are spelled as TensorFlow has them elsewhere."""
    name, given = c.of.name, c.dilations
    if c.of.long_strides and not _listed(c, c.strides):
        return True
    if name == "atrous_conv2d":
        return given is None or np.size(given) > 2
    if name == "atrous_conv2d_transpose":
        return np.ndim(given) > 0 or given is None
    if given is None or not c.of.depthwise:
        return c.of.long_dilations and given is not None and not _listed(c, given)
    if c.of.gives != "output":
        return not isinstance(given, (list, tuple))
    return np.ndim(given) == 0 or np.size(given) > 3


def _pads(c: Facts) -> bool:
    transposed = c.of.name == "atrous_conv2d_transpose"
    if isinstance(c.padding, bytes):
        return c.dilated and (transposed or c.of.name in _WRAPPED)
    if isinstance(c.padding, str) or not np.iterable(c.padding):
        return False
    if c.of.name in _WRAPPED[:2]:
        return not c.dilated
    return c.of.axes != 2 or (transposed and c.dilated)


def _gradient_or_3d(c: Facts) -> bool:
    """Say whether it is one of the kernels that can neither dilate nor group."""
    if c.of.depthwise:
        return False
    empty = c.case is not None and 0 in c.case.output_shape
    return c.of.gives != "output" or (c.of.name == "conv3d" and not empty)


def _channels_first(c: Facts) -> bool:
    if c.case is None or c.case.data_format == "NHWC":
        return False
    shapes = c.case.output_shape
    if c.of.name in ("conv1d", "convolution"):  # nor does it refuse to multiply nothing
        shapes += (*c.case.lead, c.case.channels)
        shapes += () if c.dilated and c.of.name == "convolution" else c.case.input_shape
    return c.of.gives != "output" or 0 not in shapes


def _no_channels(c: Facts) -> bool:
    if c.case is None or c.of.depthwise:
        return False
    filters, channels = c.case.filters_shape, c.case.channels
    if c.of.gives == "input":
        return channels == 0
    return c.of.name == "conv3d" and 0 in (*filters, channels)


def _padded_first(c: Facts) -> bool:
    if c.case is None or c.of.name not in _WRAPPED[:2] or not c.dilated:
        return False
    groups = max(1, c.case.channels // max(1, c.case.filters_shape[-2]))
    return any(axis.size == 0 for axis in c.case.axes()) and c.case.filters_shape[-1] % groups > 0


def _groups(c: Facts) -> bool:
    if c.case is None or not _gradient_or_3d(c):
        return False
    return c.case.channels > c.case.filters_shape[-2] > 0


def _dtype(c: Facts) -> str:
    """Return the name of the dtype of the array that decides."""
    array = c.filters if c.of.gives == "input" else c.input
    return str(getattr(getattr(array, "dtype", None), "name", ""))


def _undilated(c: Facts) -> bool | None:
    """Say of ignored dilations whether the sizes are right without them."""
    if not c.of.depthwise or c.of.gives == "output" or not isinstance(c.dilations, (list, tuple)):
        return None
    if c.case is None:
        right = steps(c.dilations, "NHWC") is not None and min(integers(c.dilations)) > 0
        return None if right or None in c.dilations else True
    alone = replace(c.case, dilations=(1, 1))
    return alone.output_shape == c.case.output_shape if c.dilated else None


REFUSED: dict[str, Callable[[Facts], object]] = {
    "steps-spelled": _spelled,
    "pads-spelled": _pads,
    "unequal-strides": lambda c: c.of.depthwise and len(set(c.case.strides if c.case else ())) > 1,
    "dilated-kernels": lambda c: c.dilated and bool(c.of.strides) and _gradient_or_3d(c),
    "grouped-kernels": _groups,
    "nchw": _channels_first,
    "int32-kernels": lambda c: _dtype(c) == "int32" and not c.of.takes_int32,
    "dilated-strides": lambda c: (
        c.of.name == "convolution"
        and min(max(c.along(one), default=1) for one in (c.strides, c.dilations)) > 1
    ),
    "short-shape": lambda c: (
        c.of.sizes == "output_shape"
        and len(integers(c.shape)) == c.of.axes
        and (c.of.axes != 2 or (c.of.name == "atrous_conv2d_transpose" and c.dilated))
    ),
    "leading-dimensions": lambda c: (
        c.of.depthwise and c.of.gives == "output" and np.ndim(c.input) > 4
    ),
    "no-channels": _no_channels,
    "padded-first": _padded_first,
    "gradient-dilations": lambda c: _undilated(c) is False,
}
"""What TensorFlow refuses, by the id of the row."""


def _outer(c: Facts) -> bool:
    """Say whether an entry of batch or channels is ignored."""
    both = [integers(one) for one in (c.strides, c.dilations)]
    whole = [one for one in both if len(one) == c.of.axes + 2]
    if c.of.name == "convolution":
        whole = [one for one in whole if c.dilated or one is both[1]]
        wrong = any({one[0], one[1 if c.channels_first else -1]} != {1} for one in whole)
    else:
        wrong = c.of.axes == 1 and any(one[c.channels_first] > 1 for one in whole)
    return wrong or (c.of.name in _WRAPPED and c.dilated and any(one > 0 for one in c.outer_pads))


def _casts(c: Facts) -> bool:
    one, other = (c.filters, c.input) if c.of.gives == "input" else (c.input, c.filters)
    return (
        c.of.casts and _dtype(c) in DTYPES and hasattr(other, "dtype") and kind(other) > kind(one)
    )


def _truncates(c: Facts) -> bool:
    """Say whether TensorFlow makes integers of other numbers."""
    steps = [] if c.of.name == "atrous_conv2d_transpose" else [c.strides]
    steps += [] if c.of.depthwise or not steps else [c.dilations]
    written = numbers(c.dilations) or [c.dilations]
    text = c.of.name in _WRAPPED[:2] and any(isinstance(one, str) for one in written)
    pads = isinstance(c.padding, (list, tuple)) and truncated(c.padding)
    return text or pads or any(map(truncated, steps))


TAKEN: dict[str, Callable[[Facts], object]] = {
    "filters-dtype": _casts,
    "integers-by-index": _truncates,
    "outer-entries": _outer,
    "depthwise-dilations": lambda c: (
        c.of.depthwise and c.of.gives == "output" and np.size(c.dilations) in (1, 3)
    ),
    "gradient-dilations": lambda c: _undilated(c) is True,
    "short-sizes": lambda c: (
        c.of.name == "conv2d_backprop_input" and len(integers(c.shape)) == c.of.axes
    ),
}
"""What TensorFlow takes, and npconv does not; or takes for something else."""


UNASKED: dict[str, Callable[[Facts], object]] = {
    "empty-gradients": lambda c: (
        c.nothing
        and c.of.gives != "output"
        and (c.of.gives == "filters" or c.of.axes == 3 or c.of.depthwise)
    ),
    "leading-nchw": lambda c: (
        c.of.name == "convolution" and c.channels_first and np.ndim(c.input) > 4
    ),
}
"""What nobody can learn from TensorFlow, or it would end the process."""
