"""A call of tf.nn.conv2d in the terms of ONNX and PyTorch: NCHW, OIHW, four pads, groups."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Convolution:
    """What a convolution of rank 4 with channels first needs to know.

    The images are (N, C, H, W), leading dimensions beyond the first folded into N; the filters are
    (OC, C / groups, KH, KW); the pads are top, bottom, left, right, and `same` if those of SAME.
    """

    images: Array
    filters: Array
    strides: tuple[int, int]
    dilations: tuple[int, int]
    pads: tuple[int, int, int, int]
    groups: int
    same: bool
    _lead: tuple[int, ...]
    _channels_last: bool

    def restored(self, result: Array) -> Array:
        """Give a result (N, OC, OH, OW) the leading dimensions and the format of the input."""
        whole = result.reshape(*self._lead, *result.shape[1:])
        return np.moveaxis(whole, -3, -1) if self._channels_last else whole


def as_tensorflow(run: Callable[[Convolution], Array]) -> Callable[..., Array]:
    """Give `run`, which returns (N, OC, OH, OW), the arguments and the result of tf.nn.conv2d."""

    @wraps(run)
    def conv2d(
        input: Any,
        filters: Any,
        strides: Any,
        padding: Any,
        data_format: str = "NHWC",
        dilations: Any = None,
        name: Any = None,
    ) -> Array:
        del name
        asked = read(input, filters, strides, padding, data_format, dilations)
        return asked.restored(run(asked))

    return conv2d


def read(
    input: Any,
    filters: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NHWC",
    dilations: Any = None,
) -> Convolution:
    """Translate a valid call of tf.nn.conv2d; wrong calls are not looked for."""
    input, filters = np.asarray(input), np.asarray(filters)
    channels_last = data_format == "NHWC"
    images = np.moveaxis(input, -1, -3) if channels_last else input
    lead, planes = images.shape[:-3], images.shape[-3:]
    kernel = np.transpose(filters, (3, 2, 0, 1))
    rows, columns = (2, 3) if data_format == "NCHW" else (1, 2)
    down, across = _pair(strides, rows)
    tall, wide = _pair(dilations, rows)
    if padding == "SAME":
        pads = (
            *same(planes[1], kernel.shape[2], down, tall),
            *same(planes[2], kernel.shape[3], across, wide),
        )
    elif padding == "VALID":
        pads = (0, 0, 0, 0)
    else:
        (top, bottom), (left, right) = padding[rows], padding[columns]
        pads = (top, bottom, left, right)
    return Convolution(
        images=images.reshape(math.prod(lead), *planes),
        filters=kernel,
        strides=(down, across),
        dilations=(tall, wide),
        pads=pads,
        groups=planes[0] // kernel.shape[1] or 1,
        same=padding == "SAME",
        _lead=lead,
        _channels_last=channels_last,
    )


def same(size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """Return the pads of one axis under SAME; the odd one comes after."""
    reach = (kernel - 1) * dilation + 1
    total = max(0, (-(-size // stride) - 1) * stride + reach - size)
    return total // 2, total - total // 2


def _pair(value: Any, rows: int) -> tuple[int, int]:
    """Read strides or dilations: None, one number, two or four; `rows` is their place in four."""
    if value is None:
        return 1, 1
    listed = [value] if isinstance(value, int) else list(value)
    if len(listed) == 4:
        listed = listed[rows : rows + 2]
    return listed[0], listed[-1]
