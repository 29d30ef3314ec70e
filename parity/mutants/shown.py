"""A layer of any operation on which most faults show."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from parity.model.axis import Axis
from parity.model.case import Case
from parity.model.geometry import Geometry
from parity.model.operation import OPERATIONS


def layer(
    operation: str,
    *,
    batch: int = 1,
    groups: int = 1,
    dilation: int = 1,
    padding: str = "explicit",
    data_format: str = "NHWC",
    **data: Any,
) -> Case:
    """Return a layer whose windows overlap along rows and leave the last column out."""
    of = OPERATIONS[operation]
    depth = Axis(5, 2, 1, dilation, 0, 1)
    rows = Axis(8, 3, 2 if of.strides else 1, dilation, 1, 0)
    columns = Axis(12, 3, 3 if of.strides else 1, 1, 1, 0)
    channels = 2 * groups
    whole = Geometry(
        (batch,),
        (depth, rows, columns)[-of.axes :],
        channels,
        1 if of.depthwise else 2,
        2 * channels,
    )
    case = whole.case(padding, data_format, operation, **{"kind": "distinct", **data})
    return replace(case, pointwise=(2 * channels, 3)) if "separable" in operation else case
