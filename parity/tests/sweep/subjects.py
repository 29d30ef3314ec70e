"""Wrong conv2ds that a sweep has to see through."""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np

import npconv


def wrong_for_one_class(input: Any, filters: Any, **named: Any) -> Any:
    """Convolve as npconv does, one pixel off for SAME at a stride of 3 and a dilation of 2."""
    chosen = named["padding"] == "SAME" and named["strides"][0] == 3 and named["dilations"][0] == 2
    if chosen and filters.shape[0] == 3:
        rows = -3 if named["data_format"] == "NHWC" else -2
        return npconv.conv2d(np.roll(input, 1, axis=rows), filters, **named)
    return npconv.conv2d(input, filters, **named)


def dying_and_hanging(input: Any, filters: Any, **named: Any) -> Any:
    if input.shape[2] == 3 and named["strides"][0] == 3:
        if filters.shape[:2] == (3, 1):
            os.abort()
        if filters.shape[:2] == (3, 3):
            time.sleep(1000)
    return wrong_for_one_class(input, filters, **named)


def writing(input: Any, filters: Any, **named: Any) -> Any:
    result = npconv.conv2d(input, filters, **named)
    if input.shape[0] == 2:
        filters[0] = 0
    return result


def refusing(input: Any, filters: Any, **named: Any) -> Any:
    if named["dilations"] == [2, 1]:
        raise ZeroDivisionError("unequal dilations")
    return npconv.conv2d(input, filters, **named)


def unfinished(input: Any, filters: Any, **named: Any) -> Any:
    if named["dilations"] == [2, 1]:
        raise NotImplementedError("unequal dilations")
    return npconv.conv2d(input, filters, **named)
