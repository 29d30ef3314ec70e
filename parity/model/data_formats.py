"""A call or a case with channels first as the same with channels last, which TensorFlow has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from parity.model.case import Array, Case
from parity.model.operation import OPERATIONS


def in_nhwc(call: Mapping[str, Any], operation: str = "conv2d") -> Mapping[str, Any]:
    """Turn the keyword arguments of a call with channels first into those of one with them last.

    Whatever has not the form that carries an order is passed on as it is, to be refused.
    """
    of = OPERATIONS[operation]
    place = -1 - of.axes
    turned = {name: value for name, value in call.items() if name != "data_format"}
    images = of.arrays if of.gives == "filters" else of.arrays[:1]
    for name in images:
        if name in turned and np.ndim(turned[name]) >= of.axes + 2:
            turned[name] = np.moveaxis(turned[name], place, -1)
    shape = of.sizes if of.gives == "input" else ""
    for name in (of.strides, "padding", of.dilations, shape):
        value = turned.get(name)
        if isinstance(value, (list, tuple, np.ndarray)) and len(value) == of.axes + 2:
            turned[name] = [value[0], *value[2:], value[1]]
    return turned


def channels_last(case: Case, *arrays: Array) -> tuple[Case, tuple[Array, ...]]:
    """Turn a case with channels first, and its arrays, into the same with channels last."""
    place = -1 - case.of.axes
    images = 2 if case.of.gives == "filters" else 1  # among the arrays
    turned = [np.moveaxis(one, place, -1) for one in arrays[:images]]
    last = replace(case, data_format="NHWC", input_shape=case.in_nhwc(case.input_shape))
    return last, (*turned, *arrays[images:])


def channels_first(case: Case, result: Array) -> Array:
    """Turn what `channels_last` gave into the result of a case with channels first."""
    return result if case.of.gives == "filters" else np.moveaxis(result, -1, -1 - case.of.axes)
