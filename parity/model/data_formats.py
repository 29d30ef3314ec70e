"""An NCHW call as the same call in NHWC, for a TensorFlow that has no NCHW."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


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
