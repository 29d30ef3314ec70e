"""A call or a case with channels first as the same with channels last, which TensorFlow has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from parity.model.case import Array, Case


def in_nhwc(call: Mapping[str, Any]) -> Mapping[str, Any]:
    """Turn the keyword arguments of an NCHW call into those of the same call in NHWC.

    Whatever has not the form that carries an order is passed on as it is, to be refused.
    """
    turned = {name: value for name, value in call.items() if name != "data_format"}
    if np.ndim(turned["input"]) >= 4:
        turned["input"] = np.moveaxis(turned["input"], -3, -1)
    for name in ("strides", "padding", "dilations"):
        value = turned.get(name)
        if isinstance(value, (list, tuple, np.ndarray)) and len(value) == 4:
            turned[name] = [value[0], value[2], value[3], value[1]]
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
