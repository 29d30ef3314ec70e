"""Which convolutions the functions of the family become."""

from __future__ import annotations

from itertools import product
from math import prod

from npconv._engine import depthwise, im2col
from npconv._geometry import Geometry
from npconv._gradients import convolution_back, folded, phases, sums_are_less
from npconv._operation import Operation
from npconv._phases import phases as by_dilation

_MOST_SHOWN = 6  # kinds


def convolutions(
    operation: Operation, geometry: Geometry, batch: int
) -> tuple[str, list[Geometry], int, str]:
    """Say which convolutions a call becomes; return one of each kind, and the multiply-adds.

    Where there is none, the name of the algorithm is last.
    """
    sums = batch * prod(geometry.outputs) * geometry.terms * geometry.out_channels
    if operation.gives == "output":
        parts = [part for part, *_ in by_dilation(geometry)] if operation.phased else []
        text = f"{len(parts)} convolutions, one for each phase of the dilations" if parts else ""
        if operation.depthwise and not parts:
            shape = *geometry.kernel, 1, geometry.out_channels
            text = f"conv2d with {operation.filters}.reshape{shape}"
        return text, list(dict.fromkeys(parts)) or [geometry], sums, ""
    if operation.gives == "filters":
        name = depthwise.NAME if depthwise.admits(geometry) else im2col.NAME
        return "the patches matrix, transposed, times the gradient", [], sums, name
    geometry = folded(geometry)
    by_axis = [phases(axis) for axis in geometry.axes]
    if sums_are_less(geometry, batch, by_axis):
        text = f"the gradient times all {prod(geometry.kernel)} taps, added up where they meet"
        return text, [], sums, im2col.NAME
    kinds = product(*(dict.fromkeys(phase.axis for phase in found) for found in by_axis))
    parts = [convolution_back(geometry, axes) for axes in kinds]
    sums = batch * geometry.out_channels * geometry.filter_channels
    sums *= prod(sum(one.axis.outputs * one.axis.kernel for one in found) for found in by_axis)
    taps = list(dict.fromkeys("x".join(map(str, part.kernel)) for part in parts))
    shown = ", ".join(taps[:_MOST_SHOWN]) + ", ..." * (len(taps) > _MOST_SHOWN)
    count = prod(map(len, by_axis))
    text = f"{count} stride-1 convolution{'s' * (count != 1)} of the gradient, taps {shown}"
    return text, parts, sums, ""
