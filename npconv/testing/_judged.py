"""What a result is held against: exact values, and how far from them it may be."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from npconv._attributes import Array, Precision
from npconv._bounds import Known, bounded
from npconv._called import Called
from npconv._formats import read_format


def judged(call: Called, formats: Mapping[str, Any]) -> Known:
    """Return what a call gives, in a wider format whose own error is part of the spread.

    That is float64, its sums rounded once where the arrays are of float64 themselves, and int32
    where the result is.
    """
    precision: Precision = "exact" if call.dtype == np.float64 else "standard"
    wide = call if result_dtype(call, formats) == "int32" else call.cast(np.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of strides that count in phases of the dilations
        value = wide.function(**{**wide.given, "precision": precision}).astype(np.float64)
    return Known(value, bounded(call, **formats).spread + bounded(wide, precision).spread)


def result_dtype(call: Called, formats: Mapping[str, Any]) -> str:
    """Return the name of the dtype that a result has."""
    asked = formats.get("dtype")
    return str(call.dtype.name) if asked is None else read_format("dtype", asked)


def agree(found: Array, right: Known) -> Array:
    """Say which outputs are as near to what is right as they have to be.

    Where that is an infinity or a NaN they are to be the same; anything where all is allowed.
    """
    value, spread = right
    with np.errstate(all="ignore"):
        near = np.abs(found - value) <= spread
    same = (found == value) | (np.isnan(found) & np.isnan(value))
    agreed: Array = np.where(np.isfinite(value) & np.isfinite(found), near, same)
    agreed |= spread == np.inf
    return agreed


def read_actual(actual: Any) -> tuple[Array, str]:
    """Return a result in float64, and the name of its dtype; PyTorch's bfloat16 is no NumPy's."""
    if hasattr(actual, "detach"):
        actual = actual.detach().cpu()
        if str(actual.dtype) == "torch.bfloat16":
            return actual.double().numpy(), "bfloat16"
    array = np.asarray(actual)
    if array.dtype.kind not in "fiubV":
        raise TypeError(f"actual: expected real numbers, received dtype {array.dtype}")
    return array.astype(np.float64), array.dtype.newbyteorder("=").name
